import { screen, waitFor, within } from "@testing-library/react";
import { http, HttpResponse } from "msw";
import { describe, expect, it } from "vitest";
import { tileMessage } from "@/features/cameras/camera-tile";
import { gridColumns } from "@/features/cameras/cameras-page";
import { makeCamera, makeInfo } from "./fixtures";
import { renderAt } from "./render";
import { errorBody, server } from "./server";

const list = (...items: unknown[]) =>
  http.get("*/api/v1/cameras", () => HttpResponse.json({ items, next: null }));

describe("cameras page", () => {
  it("shows a tile for each camera", async () => {
    server.use(
      list(
        makeCamera(),
        makeCamera({
          id: "garden",
          name: "Garden",
          status: "offline",
          error: "No answer.",
          main: null,
        }),
        makeCamera({ id: "attic", name: "Attic", enabled: false }),
      ),
    );
    renderAt("/cameras");
    const tile = await screen.findByRole("link", { name: /Front door/ });
    expect(within(tile).getByText("Online")).toBeVisible();
    expect(within(tile).getByText(/1920×1080 · 15 fps/)).toBeVisible();
    expect(screen.getByText("No answer.")).toBeVisible();
    expect(screen.getByText("3 cameras, 1 online")).toBeVisible();
    expect(document.title).toBe("Cameras · Heron");
  });

  it("falls back to pictures where video cannot play", async () => {
    renderAt("/cameras");
    expect(await screen.findByAltText("Front door a moment ago")).toBeInTheDocument();
  });

  it("turns into a list and remembers it", async () => {
    const { user } = renderAt("/cameras");
    await user.click(await screen.findByRole("radio", { name: "List" }));
    expect(screen.getByText(/H\.264 · 1920×1080/)).toBeVisible();
    expect(localStorage.getItem("heron.preferences")).toContain("list");
    await user.click(screen.getByRole("radio", { name: "Live grid" }));
  });

  it("invites to add the first camera", async () => {
    server.use(list());
    const { user, router } = renderAt("/cameras");
    expect(await screen.findByText("No cameras yet")).toBeVisible();
    await user.click(screen.getByRole("link", { name: /Add/ }));
    expect(router.state.location.pathname).toBe("/cameras/add");
  });

  it("shows the server's words when it fails, and tries again", async () => {
    server.use(
      http.get("*/api/v1/cameras", () =>
        HttpResponse.json(errorBody("unavailable", "The database is locked."), { status: 503 }),
      ),
    );
    const { user } = renderAt("/cameras");
    expect(await screen.findByText("The database is locked.")).toBeVisible();
    expect(screen.getByText("Request r-1")).toBeVisible();
    server.use(list(makeCamera()));
    await user.click(screen.getByRole("button", { name: /Try again/ }));
    expect(await screen.findByRole("link", { name: /Front door/ })).toBeVisible();
  });

  it("says so when the server does not answer at all", async () => {
    server.use(http.get("*/api/v1/cameras", () => HttpResponse.error()));
    renderAt("/cameras");
    expect(await screen.findByText(/Heron does not answer/)).toBeVisible();
  });

  it("shows warnings on top until they are put away", async () => {
    const warnings = [{ code: "sandbox", message: "The sandbox is only partial." }];
    server.use(http.get("*/api/v1/system/info", () => HttpResponse.json(makeInfo({ warnings }))));
    const { user } = renderAt("/cameras");
    expect(await screen.findByText("The sandbox is only partial.")).toBeVisible();
    await user.click(screen.getByRole("button", { name: "Put this warning away" }));
    await waitFor(() => expect(screen.queryByText("The sandbox is only partial.")).toBeNull());
  });

  it("answers an unknown address", async () => {
    renderAt("/nowhere");
    expect(await screen.findByText("Nothing lives at this address")).toBeVisible();
  });
});

describe("tiles", () => {
  it("speak for cameras without a picture", () => {
    expect(tileMessage(makeCamera())).toBeNull();
    expect(tileMessage(makeCamera({ enabled: false }))).toBe("Disabled");
    expect(tileMessage(makeCamera({ stopped: true }))).toBe("Stopped");
    expect(tileMessage(makeCamera({ status: "error" }))).toBe("The camera does not answer.");
  });

  it("shrink as they become many", () => {
    const columns = [1, 4, 9, 20].map(gridColumns);
    expect(new Set(columns).size).toBe(4);
  });
});
