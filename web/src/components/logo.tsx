import type { ComponentProps } from "react";

/** The heron: a neck like an S, a beak the colour of "now", an eye that is a lens. */
export function Logo(props: ComponentProps<"svg">) {
  return (
    <svg viewBox="0 0 32 32" fill="none" aria-hidden {...props}>
      <path
        d="M8.2 29.5c-.4-7.5 9.8-8.6 9.8-14.6 0-1.7-.7-2.8-1.6-3.6"
        stroke="currentColor"
        strokeWidth="3.4"
        strokeLinecap="round"
      />
      <path
        d="M12.6 7.5C9.6 5.1 6.2 5.1 3.2 6.6"
        stroke="currentColor"
        strokeWidth="1.8"
        strokeLinecap="round"
      />
      <circle cx="15.8" cy="8.8" r="4.2" fill="currentColor" />
      <path d="M18.9 6.2 30.5 10.1l-11.5.9z" fill="var(--amber)" />
      <circle cx="16.7" cy="8" r="1.25" fill="var(--bg)" />
    </svg>
  );
}
