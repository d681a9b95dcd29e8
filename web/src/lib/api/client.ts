/** One way to talk to the server: JSON in, JSON out, and errors with the server's own words. */

export type FieldError = { field: string; message: string };

type ErrorBody = {
  error?: { code?: string; message?: string; fields?: FieldError[] };
  request_id?: string;
};

export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly fields: FieldError[];
  readonly requestId: string | null;

  constructor(status: number, code: string, message: string, rest?: Partial<ApiError>) {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.code = code;
    this.fields = rest?.fields ?? [];
    this.requestId = rest?.requestId ?? null;
  }
}

type Query = Record<string, string | number | boolean | null | undefined>;

export type RequestOptions = {
  method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  body?: unknown;
  query?: Query;
  signal?: AbortSignal;
  /** Answers that carry a body worth reading although they are not 2xx (health: 503). */
  accept?: number[];
};

export function buildUrl(path: string, query?: Query): string {
  const params = new URLSearchParams();
  for (const [key, value] of Object.entries(query ?? {})) {
    if (value !== null && value !== undefined && value !== "") params.set(key, String(value));
  }
  const text = params.toString();
  return text ? `${path}?${text}` : path;
}

export async function request<T>(path: string, options: RequestOptions = {}): Promise<T> {
  const { method = "GET", body, query, signal, accept = [] } = options;
  const headers: Record<string, string> = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let response: Response;
  try {
    response = await fetch(buildUrl(path, query), {
      method,
      headers,
      body: body === undefined ? null : JSON.stringify(body),
      signal: signal ?? null,
    });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError(0, "unreachable", "Heron does not answer. Is it running?");
  }
  if (!response.ok && !accept.includes(response.status)) throw await readError(response);
  if (response.status === 204) return undefined as T;
  return (await response.json()) as T;
}

export async function readError(response: Response): Promise<ApiError> {
  let body: ErrorBody = {};
  try {
    body = (await response.json()) as ErrorBody;
  } catch {
    // Not JSON (a proxy's page, say): the status alone has to do.
  }
  return new ApiError(
    response.status,
    body.error?.code ?? "http_error",
    body.error?.message ?? `The server answered ${response.status} ${response.statusText}`.trim(),
    { fields: body.error?.fields ?? [], requestId: body.request_id ?? null },
  );
}

/** The words to show for anything that was thrown. */
export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : "Something went wrong.";
}
