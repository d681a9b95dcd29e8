import {
  BookOpen,
  Cctv,
  FileDown,
  HardDrive,
  HeartPulse,
  History,
  ScrollText,
  type LucideIcon,
} from "lucide-react";
import { Link, NavLink, Outlet } from "react-router-dom";
import { cn } from "@/lib/cn";
import { Logo } from "./logo";
import { ThemeSwitch } from "./theme-switch";
import { WarningsBanner } from "./warnings-banner";

type NavItem = { to: string; label: string; icon: LucideIcon };

const nav: NavItem[] = [
  { to: "/cameras", label: "Cameras", icon: Cctv },
  { to: "/recordings", label: "Recordings", icon: History },
  { to: "/exports", label: "Exports", icon: FileDown },
  { to: "/storage", label: "Storage", icon: HardDrive },
  { to: "/system", label: "System", icon: HeartPulse },
  { to: "/logs", label: "Logs", icon: ScrollText },
];

function Brand() {
  return (
    <Link to="/cameras" className="flex items-center gap-2.5 rounded-lg">
      <Logo className="text-brand size-7" />
      <span className="text-lg font-semibold tracking-tight">Heron</span>
    </Link>
  );
}

function SideBar() {
  return (
    <aside className="border-line bg-sunken/60 sticky top-0 hidden h-dvh w-60 shrink-0 flex-col border-r px-3 py-5 md:flex">
      <div className="px-2.5 pb-6">
        <Brand />
      </div>
      <nav aria-label="Main" className="grid gap-1">
        {nav.map(({ to, label, icon: Icon }) => (
          <NavLink
            key={to}
            to={to}
            className={({ isActive }) =>
              cn(
                "text-soft hover:bg-line/60 hover:text-text flex h-10 items-center gap-3 rounded-lg px-3 text-[0.9375rem] font-medium transition-colors",
                isActive && "bg-brand-soft text-brand-ink hover:bg-brand-soft hover:text-brand-ink",
              )
            }
          >
            <Icon className="size-[1.125rem]" aria-hidden /> {label}
          </NavLink>
        ))}
      </nav>
      <div className="mt-auto grid gap-3">
        <a
          href="/api/docs"
          className="text-soft hover:bg-line/60 hover:text-text flex h-9 items-center gap-3 rounded-lg px-3 text-sm"
        >
          <BookOpen className="size-4" aria-hidden /> API documentation
        </a>
        <ThemeSwitch className="mx-3 *:flex-1" />
      </div>
    </aside>
  );
}

function BottomBar() {
  return (
    <nav
      aria-label="Main"
      className="border-line bg-surface/95 fixed inset-x-0 bottom-0 z-30 grid auto-cols-fr grid-flow-col border-t pb-[env(safe-area-inset-bottom)] backdrop-blur md:hidden"
    >
      {nav.map(({ to, label, icon: Icon }) => (
        <NavLink
          key={to}
          to={to}
          className={({ isActive }) =>
            cn(
              "text-soft flex h-15 flex-col items-center justify-center gap-1 text-[0.6875rem] font-medium -outline-offset-2",
              isActive && "text-brand-ink",
            )
          }
        >
          <Icon className="size-5" aria-hidden /> {label}
        </NavLink>
      ))}
    </nav>
  );
}

export function AppShell() {
  return (
    <div className="flex min-h-dvh">
      <a
        href="#content"
        className="bg-brand text-brand-text sr-only z-50 rounded-lg px-4 py-2 focus:not-sr-only focus:fixed focus:top-3 focus:left-3"
      >
        Skip to content
      </a>
      <SideBar />
      <div className="flex min-w-0 flex-1 flex-col pb-[calc(3.75rem+env(safe-area-inset-bottom))] md:pb-0">
        <header className="border-line flex h-14 items-center justify-between border-b px-4 md:hidden">
          <Brand />
          <ThemeSwitch />
        </header>
        <WarningsBanner />
        <main id="content" tabIndex={-1} className="flex-1 outline-none">
          <Outlet />
        </main>
      </div>
      <BottomBar />
    </div>
  );
}
