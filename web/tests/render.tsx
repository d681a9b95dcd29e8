import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { render } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { createMemoryRouter, RouterProvider } from "react-router-dom";
import { Toaster } from "sonner";
import { routes } from "@/app";
import { TooltipProvider } from "@/components/ui/tooltip";

/** The whole UI at an address. */
export function renderAt(path: string) {
  const client = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  const router = createMemoryRouter(routes, {
    initialEntries: ["/cameras", path],
    initialIndex: 1,
  });
  render(
    <QueryClientProvider client={client}>
      <TooltipProvider>
        <RouterProvider router={router} future={{ v7_startTransition: true }} />
        <Toaster />
      </TooltipProvider>
    </QueryClientProvider>,
  );
  return { client, router, user: userEvent.setup() };
}
