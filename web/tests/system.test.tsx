import { screen, waitFor } from "@testing-library/react";
import { http, HttpResponse } from "msw";
import { describe, expect, it } from "vitest";
import { keepLines, mergeLines } from "@/features/logs/use-logs";
import { readChecks, sandboxLevel } from "@/features/system/health-model";
import type { LogRecord } from "@/lib/api/types";
import { isDark, usePreferences, watchTheme } from "@/lib/preferences";
import { createQueryClient, shouldRetry } from "@/lib/query-client";
import { ApiError } from "@/lib/api/client";
import { systemTheme } from "./dom";
import { makeInfo, makeWorker } from "./fixtures";
import { renderAt } from "./render";
import { errorBody, server } from "./server";

const line = (seq: number, change: Partial<LogRecord> = {}): LogRecord => ({
  seq,
  time: Date.now(),
  level: "info",
  topic: "gateway",
  message: `line ${seq}`,
  ...change,
});

describe("system page", () => {
  it("shows health, storage, workers and warnings", async () => {
    const warnings = [{ code: "disk", message: "The disk is nearly full." }];
    server.use(
      http.get("*/api/v1/system/info", () => HttpResponse.json(makeInfo({ warnings }))),
      http.get("*/status", () =>
        HttpResponse.json({
          version: "0.1.0",
          uptime_s: 1,
          cameras: { total: 1, online: 0 },
          workers: [
            makeWorker(),
            makeWorker({ id: "x", kind: "index", state: "crashed", pid: null }),
          ],
        }),
      ),
    );
    renderAt("/system");
    expect(await screen.findByText("The disk is nearly full.")).toBeVisible();
    expect(await screen.findByText("Crashed")).toBeVisible();
    expect(screen.getByText("4711")).toBeVisible();
    expect(screen.getByText("500 GB")).toBeVisible();
    expect(screen.getByText("Database")).toBeVisible();
    expect(screen.getByText(/up 1 h 1 min/)).toBeVisible();
  });

  it("reads a failing health although it comes as 503", async () => {
    server.use(
      http.get("*/health", () =>
        HttpResponse.json(
          { status: "failed", checks: { storage: { status: "failed", message: "Read only." } } },
          { status: 503 },
        ),
      ),
      http.get("*/status", () =>
        HttpResponse.json({
          version: "",
          uptime_s: 0,
          cameras: { total: 0, online: 0 },
          workers: [],
        }),
      ),
    );
    renderAt("/system");
    expect(await screen.findByText("Read only.")).toBeVisible();
    expect(await screen.findByText("Nobody at work")).toBeVisible();
  });

  it("keeps each card's error to itself", async () => {
    server.use(
      http.get("*/status", () =>
        HttpResponse.json(errorBody("internal", "Workers unknown."), { status: 500 }),
      ),
    );
    renderAt("/system");
    expect(await screen.findByText("Workers unknown.")).toBeVisible();
    expect(await screen.findByText("Database")).toBeVisible();
  });
});

describe("health", () => {
  it("reads checks of every shape", () => {
    const checks = readChecks({
      status: "degraded",
      checks: { database: true, storage: "ok", config: "line 3", other: null, workers: false },
    });
    expect(checks.map(({ name, state, detail }) => [name, state, detail])).toEqual([
      ["Database", "ok", null],
      ["Storage", "ok", null],
      ["Configuration", "degraded", "line 3"],
      ["other", "degraded", null],
      ["Camera workers", "failed", null],
    ]);
    expect(sandboxLevel({ level: "partial" })).toBe("partial");
    expect(sandboxLevel("none")).toBe("none");
    expect(sandboxLevel(null)).toBeNull();
  });
});

describe("logs page", () => {
  it("shows lines, filters, and asks only for what is new", async () => {
    const asked: URLSearchParams[] = [];
    server.use(
      http.get("*/api/v1/system/logs", ({ request }) => {
        const query = new URL(request.url).searchParams;
        asked.push(query);
        const level = query.get("level") === "error" ? "error" : "info";
        return HttpResponse.json({
          items: query.get("after") ? [line(2)] : [line(1, { level, camera: "front-door" })],
        });
      }),
    );
    const { user } = renderAt("/logs");
    expect(await screen.findByText("line 1")).toBeVisible();
    await waitFor(() => expect(screen.getByText("line 2")).toBeVisible(), { timeout: 5000 });
    expect(asked[1]?.get("after")).toBe("1");
    await user.selectOptions(screen.getByLabelText("Level"), "error");
    expect(await screen.findByText("error")).toBeVisible();
    await user.click(screen.getByRole("button", { name: "Follow" }));
    expect(screen.getByRole("button", { name: "Follow" })).toHaveAttribute("aria-pressed", "false");
  });

  it("follows one request through the processes", async () => {
    const records = [
      line(1),
      line(2, { request_id: "request-of-somebody" }),
      line(3, { request_id: "request-of-somebody" }),
    ];
    server.use(
      http.get("*/api/v1/system/logs", ({ request }) =>
        HttpResponse.json({ items: new URL(request.url).searchParams.get("after") ? [] : records }),
      ),
    );
    const { user } = renderAt("/logs");
    const [first] = await screen.findAllByRole("button", { name: "somebody" });
    if (first) await user.click(first);
    expect(screen.queryByText("line 1")).toBeNull();
    expect(screen.getByText("line 3")).toBeVisible();
    await user.click(screen.getByRole("button", { name: "Request somebody" }));
    expect(screen.getByText("line 1")).toBeVisible();
  });

  it("says when nothing matches", async () => {
    renderAt("/logs");
    expect(await screen.findByText("Nothing to report")).toBeVisible();
  });

  it("merges without doubles and forgets the oldest", () => {
    const old = [line(1), line(2)];
    expect(mergeLines(old, [line(2)])).toBe(old);
    expect(mergeLines(old, [line(2), line(3)]).map((item) => item.seq)).toEqual([1, 2, 3]);
    const many = Array.from({ length: keepLines + 5 }, (_, i) => line(i));
    expect(mergeLines([], many)).toHaveLength(keepLines);
  });
});

describe("theme", () => {
  it("follows the choice, and the device when asked to", () => {
    expect(isDark("dark", false)).toBe(true);
    expect(isDark("system", true)).toBe(true);
    expect(isDark("light", true)).toBe(false);
    const root = document.createElement("html");
    const stop = watchTheme(root);
    usePreferences.getState().setTheme("dark");
    expect(root).toHaveClass("dark");
    usePreferences.getState().setTheme("system");
    expect(root).not.toHaveClass("dark");
    systemTheme.set(true);
    expect(root).toHaveClass("dark");
    systemTheme.set(false);
    stop();
  });

  it("is chosen in the side bar", async () => {
    const { user } = renderAt("/logs");
    const [button] = await screen.findAllByRole("radio", { name: "Dark" });
    if (button) await user.click(button);
    expect(usePreferences.getState().theme).toBe("dark");
    usePreferences.getState().setTheme("system");
  });
});

describe("retries", () => {
  it("not what was refused", () => {
    expect(shouldRetry(0, new ApiError(404, "not_found", "x"))).toBe(false);
    expect(shouldRetry(0, new ApiError(0, "unreachable", "x"))).toBe(true);
    expect(shouldRetry(2, new ApiError(503, "unavailable", "x"))).toBe(false);
    expect(createQueryClient().getDefaultOptions().queries?.staleTime).toBe(1000);
  });
});
