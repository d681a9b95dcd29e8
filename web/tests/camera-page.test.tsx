import { screen, waitFor } from "@testing-library/react";
import { http, HttpResponse } from "msw";
import { describe, expect, it } from "vitest";
import { fallbackText } from "@/features/live/live-player";
import { formatLatency } from "@/features/live/status-line";
import type { Camera } from "@/lib/api/types";
import { makeCamera } from "./fixtures";
import { renderAt } from "./render";
import { errorBody, server } from "./server";

const show = (camera: Camera) =>
  server.use(http.get("*/api/v1/cameras/front-door", () => HttpResponse.json(camera)));

async function openMenu(user: ReturnType<typeof renderAt>["user"]) {
  await user.click(await screen.findByRole("button", { name: "More actions" }));
}

describe("camera page", () => {
  it("shows facts, details and history", async () => {
    server.use(
      http.get("*/api/v1/cameras/front-door/history", () =>
        HttpResponse.json({
          items: [
            { status: "online", start: Date.now() - 3_600_000, end: null, error: null },
            {
              status: "offline",
              start: Date.now() - 7_200_000,
              end: Date.now() - 3_600_000,
              error: "The connection was refused.",
            },
          ],
        }),
      ),
    );
    renderAt("/cameras/front-door");
    expect(await screen.findByRole("heading", { name: "Front door" })).toBeVisible();
    expect(screen.getByText("2.1 Mbit/s")).toBeVisible();
    expect(screen.getByText("rtsp://10.0.0.2/main")).toBeVisible();
    expect(await screen.findByText("The connection was refused.")).toBeVisible();
    expect(screen.getByText("50.0 % online")).toBeVisible();
  });

  it("switches between main and sub", async () => {
    const { user } = renderAt("/cameras/front-door");
    await user.click(await screen.findByRole("radio", { name: "Sub" }));
    expect(screen.getByText("640×360")).toBeVisible();
  });

  it("restarts, stops and disables", async () => {
    const calls: string[] = [];
    server.use(
      http.post("*/api/v1/cameras/front-door/:command", ({ params }) => {
        calls.push(String(params.command));
        return HttpResponse.json(makeCamera(), { status: 202 });
      }),
      http.patch("*/api/v1/cameras/front-door", async ({ request }) => {
        calls.push(JSON.stringify(await request.json()));
        return HttpResponse.json(makeCamera({ enabled: false }));
      }),
    );
    const { user } = renderAt("/cameras/front-door");
    for (const name of ["Restart", "Stop", "Disable"]) {
      await openMenu(user);
      await user.click(await screen.findByRole("menuitem", { name }));
    }
    await waitFor(() => expect(calls).toEqual(["restart", "stop", '{"enabled":false}']));
  });

  it("shows the server's words when a command fails", async () => {
    server.use(
      http.post("*/api/v1/cameras/front-door/restart", () =>
        HttpResponse.json(errorBody("conflict", "The camera is already starting."), {
          status: 409,
        }),
      ),
    );
    const { user } = renderAt("/cameras/front-door");
    await openMenu(user);
    await user.click(await screen.findByRole("menuitem", { name: "Restart" }));
    expect(await screen.findByText("The camera is already starting.")).toBeVisible();
  });

  it("deletes only after asking, with the recordings if wanted", async () => {
    const queries: string[] = [];
    server.use(
      http.delete("*/api/v1/cameras/front-door", ({ request }) => {
        queries.push(new URL(request.url).search);
        return new HttpResponse(null, { status: 204 });
      }),
    );
    const { user, router } = renderAt("/cameras/front-door");
    await openMenu(user);
    await user.click(await screen.findByRole("menuitem", { name: /Delete/ }));
    await user.click(await screen.findByRole("switch", { name: /recordings/ }));
    await user.click(screen.getByRole("button", { name: "Delete camera" }));
    await waitFor(() => expect(router.state.location.pathname).toBe("/cameras"));
    expect(queries).toEqual(["?recordings=delete"]);
  });

  it("wakes a stopped and a disabled camera", async () => {
    const calls: string[] = [];
    show(makeCamera({ stopped: true }));
    server.use(
      http.post("*/api/v1/cameras/front-door/start", () => {
        calls.push("start");
        show(makeCamera({ enabled: false }));
        return HttpResponse.json(makeCamera(), { status: 202 });
      }),
      http.patch("*/api/v1/cameras/front-door", () => {
        calls.push("enable");
        return HttpResponse.json(makeCamera());
      }),
    );
    const { user } = renderAt("/cameras/front-door");
    await user.click(await screen.findByRole("button", { name: "Start" }));
    await user.click(await screen.findByRole("button", { name: "Enable" }));
    await waitFor(() => expect(calls).toEqual(["start", "enable"]));
  });

  it("tells what is wrong with a camera", async () => {
    show(makeCamera({ status: "offline", error: "No route to 10.0.0.2.", main: null, sub: null }));
    renderAt("/cameras/front-door");
    expect(await screen.findByText("No route to 10.0.0.2.")).toBeVisible();
  });

  it("opens the editor from the menu", async () => {
    const { user, router } = renderAt("/cameras/front-door");
    await openMenu(user);
    await user.click(await screen.findByRole("menuitem", { name: "Edit" }));
    expect(router.state.location.pathname).toBe("/cameras/front-door/edit");
  });
});

describe("words", () => {
  it("for latency and missing decoders", () => {
    expect(formatLatency(243)).toBe("240 ms");
    expect(formatLatency(1540)).toBe("1.5 s");
    expect(formatLatency(null)).toBe("–");
    expect(fallbackText({ codec: "hevc", message: null })).toMatch(/H\.265/);
    expect(fallbackText({ codec: "mjpeg", message: "No video." })).toMatch(/^No video\./);
    expect(fallbackText({ codec: null, message: null })).toMatch(/cannot be played/);
  });
});
