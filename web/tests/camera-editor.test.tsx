import { screen, waitFor, within } from "@testing-library/react";
import { http, HttpResponse } from "msw";
import { describe, expect, it } from "vitest";
import { streamFacts } from "@/features/cameras/probe-panel";
import { presets } from "@/features/cameras/schedule-model";
import { makeCamera } from "./fixtures";
import { renderAt } from "./render";
import { errorBody, server } from "./server";

const url = "rtsp://10.0.0.2/main";
const probeRoute = "*/api/v1/cameras/probe";

describe("adding a camera", () => {
  it("complains at the fields before anything is sent", async () => {
    const { user } = renderAt("/cameras/add");
    await user.click(await screen.findByRole("button", { name: "Add camera" }));
    expect(await screen.findByText("Give the camera a name.")).toBeVisible();
    expect(screen.getByLabelText("Stream address")).toBeInvalid();
  });

  it("tests the connection and shows the picture and the streams", async () => {
    server.use(
      http.post(probeRoute, () =>
        HttpResponse.json({
          ok: true,
          elapsed_ms: 412,
          snapshot: "data:image/jpeg;base64,AA==",
          streams: [
            { kind: "video", codec: "h265", width: 2560, height: 1440, fps: 20 },
            { kind: "audio", codec: "aac", sample_rate: 16000, channels: 1 },
          ],
        }),
      ),
    );
    const { user } = renderAt("/cameras/add");
    await user.type(await screen.findByLabelText("Stream address"), url);
    await user.click(screen.getByRole("button", { name: "Test connection" }));
    expect(await screen.findByText("Connected")).toBeVisible();
    expect(screen.getByText("H.265 · 2560×1440 · 20 fps")).toBeVisible();
    expect(screen.getByText("AAC · 16 kHz · mono")).toBeVisible();
    expect(screen.getByAltText("What the camera sees now")).toBeVisible();
    expect(screen.getByText(/cannot play H\.265/)).toBeVisible();
  });

  it("tells in words why there is no connection", async () => {
    server.use(
      http.post(probeRoute, () =>
        HttpResponse.json({
          ok: false,
          elapsed_ms: 20,
          error: { code: "refused", message: "The connection was refused." },
        }),
      ),
    );
    const { user } = renderAt("/cameras/add");
    await user.type(await screen.findByLabelText("Stream address"), url);
    await user.click(screen.getByRole("button", { name: "Test connection" }));
    expect(await screen.findByText("The connection was refused.")).toBeVisible();
  });

  it("does not probe an address that cannot be one", async () => {
    const { user } = renderAt("/cameras/add");
    await user.type(await screen.findByLabelText("Stream address"), "nonsense");
    await user.click(screen.getByRole("button", { name: "Test connection" }));
    expect(await screen.findByText(/Begin with the kind of stream/)).toBeVisible();
  });

  it("sends the week and the seconds around what happens", async () => {
    let sent: unknown;
    server.use(
      http.post("*/api/v1/cameras", async ({ request }) => {
        sent = await request.json();
        return HttpResponse.json(makeCamera({ id: "door" }), { status: 201 });
      }),
    );
    const [preset] = presets;
    if (!preset) throw new Error("no presets");
    const { user } = renderAt("/cameras/add");
    await user.type(await screen.findByLabelText("Name"), "Door");
    await user.type(screen.getByLabelText("Stream address"), url);
    expect(screen.queryByLabelText("Seconds before")).toBeNull();
    await user.selectOptions(screen.getByLabelText("When to record"), "By schedule");
    const week = screen.getByRole("region", { name: "Weekly schedule" });
    await user.click(within(week).getByRole("button", { name: preset.name }));
    await user.clear(screen.getByLabelText("Seconds before"));
    await user.type(screen.getByLabelText("Seconds before"), "7");
    await user.click(screen.getByRole("button", { name: "Add camera" }));
    await waitFor(() =>
      expect(sent).toMatchObject({
        recording: {
          mode: "scheduled",
          schedule: preset.entries,
          pre_buffer_seconds: 7,
        },
      }),
    );
  });

  it("places what the server refuses, also in the fold-out", async () => {
    server.use(
      http.post("*/api/v1/cameras", () =>
        HttpResponse.json(
          errorBody("validation_failed", "Not valid.", [
            { field: "name", message: "Another camera has this name." },
            { field: "stream.fallback_urls[0]", message: "Not an address." },
          ]),
          { status: 422 },
        ),
      ),
    );
    const { user } = renderAt("/cameras/add");
    await user.type(await screen.findByLabelText("Name"), "Door");
    await user.type(screen.getByLabelText("Stream address"), url);
    await user.click(screen.getByRole("button", { name: "Add camera" }));
    expect(await screen.findByText("Another camera has this name.")).toBeVisible();
    expect(await screen.findByText("Not an address.")).toBeVisible();
  });

  it("saves and opens the camera", async () => {
    const sent: unknown[] = [];
    server.use(
      http.post("*/api/v1/cameras", async ({ request }) => {
        sent.push(await request.json());
        return HttpResponse.json(makeCamera(), { status: 201 });
      }),
    );
    const { user, router } = renderAt("/cameras/add");
    await user.type(await screen.findByLabelText("Name"), "Front door");
    await user.type(screen.getByLabelText("Stream address"), url);
    await user.click(screen.getByRole("switch", { name: /Record this camera/ }));
    await user.click(screen.getByRole("button", { name: "Add camera" }));
    await waitFor(() => expect(router.state.location.pathname).toBe("/cameras/front-door"));
    expect(sent[0]).toMatchObject({
      name: "Front door",
      stream: { url },
      recording: { enabled: false },
    });
  });

  it("asks before what was entered is lost", async () => {
    const { user, router } = renderAt("/cameras/add");
    await user.type(await screen.findByLabelText("Name"), "Door");
    await user.click(screen.getByRole("link", { name: "Back to cameras" }));
    expect(await screen.findByText("Leave without saving?")).toBeVisible();
    await user.click(screen.getByRole("button", { name: "Stay" }));
    expect(router.state.location.pathname).toBe("/cameras/add");
    await user.click(screen.getByRole("link", { name: "Back to cameras" }));
    await user.click(await screen.findByRole("button", { name: "Leave" }));
    await waitFor(() => expect(router.state.location.pathname).toBe("/cameras"));
  });
});

describe("editing a camera", () => {
  it("starts from what is stored and sends a patch", async () => {
    const sent: unknown[] = [];
    server.use(
      http.patch("*/api/v1/cameras/front-door", async ({ request }) => {
        sent.push(await request.json());
        return HttpResponse.json(makeCamera());
      }),
    );
    const { user } = renderAt("/cameras/front-door/edit");
    const name = await screen.findByLabelText("Name");
    expect(name).toHaveValue("Front door");
    await user.clear(name);
    await user.type(name, "Porch");
    await user.click(screen.getByRole("button", { name: /Advanced/ }));
    await user.selectOptions(screen.getByLabelText("Transport"), "udp");
    await user.click(screen.getByRole("switch", { name: "Record sound" }));
    await user.click(screen.getByRole("button", { name: "Save changes" }));
    await waitFor(() => expect(sent).toHaveLength(1));
    expect(sent[0]).toMatchObject({
      name: "Porch",
      stream: { transport: "udp" },
      recording: { audio: false },
    });
  });

  it("says when there is no such camera", async () => {
    server.use(
      http.get("*/api/v1/cameras/gone", () =>
        HttpResponse.json(errorBody("not_found", "There is no camera “gone”."), { status: 404 }),
      ),
    );
    renderAt("/cameras/gone/edit");
    expect(await screen.findByText("There is no camera “gone”.")).toBeVisible();
  });
});

describe("stream facts", () => {
  it("leave out what is unknown", () => {
    expect(streamFacts({ kind: "audio", codec: "opus" })).toBe("Opus");
    expect(streamFacts({ kind: "audio", codec: "aac", channels: 2 })).toBe("AAC · stereo");
  });
});
