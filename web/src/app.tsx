import { QueryClientProvider } from "@tanstack/react-query";
import { createBrowserRouter, Navigate, RouterProvider, type RouteObject } from "react-router-dom";
import { Toaster } from "sonner";
import { AppShell } from "./components/app-shell";
import { NotFoundPage, RouteError } from "./components/not-found";
import { TooltipProvider } from "./components/ui/tooltip";
import { AddCameraPage, EditCameraPage } from "./features/cameras/camera-edit-pages";
import { CameraPage } from "./features/cameras/camera-page";
import { CamerasPage } from "./features/cameras/cameras-page";
import { createQueryClient } from "./lib/query-client";
import { usePreferences } from "./lib/preferences";

export const routes: RouteObject[] = [
  {
    element: <AppShell />,
    errorElement: <RouteError />,
    children: [
      { index: true, element: <Navigate to="/cameras" replace /> },
      { path: "cameras", element: <CamerasPage /> },
      { path: "cameras/add", element: <AddCameraPage /> },
      { path: "cameras/:id", element: <CameraPage /> },
      { path: "cameras/:id/edit", element: <EditCameraPage /> },
      {
        path: "recordings/:id?",
        lazy: async () => {
          const { RecordingsPage } = await import("./features/recordings/recordings-page");
          return { Component: RecordingsPage };
        },
      },
      {
        path: "exports",
        lazy: async () => {
          const { ExportsPage } = await import("./features/exports/exports-page");
          return { Component: ExportsPage };
        },
      },
      {
        path: "storage",
        lazy: async () => {
          const { StoragePage } = await import("./features/storage/storage-page");
          return { Component: StoragePage };
        },
      },
      {
        path: "system",
        lazy: async () => {
          const { SystemPage } = await import("./features/system/system-page");
          return { Component: SystemPage };
        },
      },
      {
        path: "logs",
        lazy: async () => {
          const { LogsPage } = await import("./features/logs/logs-page");
          return { Component: LogsPage };
        },
      },
      { path: "*", element: <NotFoundPage /> },
    ],
  },
];

const queryClient = createQueryClient();
const router = createBrowserRouter(routes);

export function App() {
  const theme = usePreferences((state) => state.theme);
  return (
    <QueryClientProvider client={queryClient}>
      <TooltipProvider delayDuration={400}>
        <RouterProvider router={router} future={{ v7_startTransition: true }} />
        <Toaster theme={theme} position="top-center" richColors closeButton />
      </TooltipProvider>
    </QueryClientProvider>
  );
}
