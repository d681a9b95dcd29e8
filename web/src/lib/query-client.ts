import { QueryClient } from "@tanstack/react-query";
import { ApiError } from "./api/client";

/** What the server refuses once it refuses again; only silence is worth a second try. */
export function shouldRetry(failures: number, error: Error): boolean {
  const refused = error instanceof ApiError && error.status >= 400 && error.status < 500;
  return !refused && failures < 2;
}

export function createQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: { retry: shouldRetry, retryDelay: 800, staleTime: 1_000 },
    },
  });
}
