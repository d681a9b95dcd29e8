import { act, fireEvent, screen, waitFor, within } from "@testing-library/react";
import { http, HttpResponse } from "msw";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { emptyForm, problemsOf, requestOf } from "@/features/exports/export-model";
import { expiryText } from "@/features/exports/job-row";
import { withJob } from "@/features/exports/use-job-events";
import { exportsQuery } from "@/lib/api/queries";
import { serverEvents } from "@/lib/events-socket";
import { useRecordings } from "@/features/recordings/store";
import { dayBounds, fromLocalInput, toLocalInput } from "@/lib/time";
import { makeCamera, makeJob } from "./fixtures";
import { renderAt } from "./render";
import { errorBody, server } from "./server";

vi.mock("hls.js", async () => ({ default: (await import("./fake-hls")).FakeHls }));

const { start } = dayBounds("2026-11-19");
const hour = 3_600_000;

const listen = vi.spyOn(serverEvents, "listen");
beforeEach(() => {
  listen.mockReset();
  listen.mockReturnValue(() => undefined);
});

describe("export form", () => {
  const form = emptyForm(["a", "b"], start + 500, start + 60_400);

  it("takes whole seconds, the last one whole", () => {
    expect(requestOf(form)).toMatchObject({
      items: [
        { camera: "a", start, end: start + 61_000 },
        { camera: "b", start, end: start + 61_000 },
      ],
      combine: true,
      audio: true,
      proof: true,
      timelapse: null,
      expires_days: 7,
    });
    expect(fromLocalInput(toLocalInput(start))).toBe(start);
    expect(fromLocalInput("")).toBeNull();
  });

  it("has neither sound nor proof where pictures are made anew", () => {
    const lapse = requestOf({ ...form, timelapse: 60, name: " Night " });
    expect(lapse).toMatchObject({
      name: "Night",
      audio: false,
      proof: false,
      timelapse: { speed: 60 },
    });
    expect(requestOf({ ...form, timestamps: true })).toMatchObject({ audio: true, proof: false });
    expect(requestOf({ ...form, audio: false })).toMatchObject({ audio: false, proof: false });
  });

  it("says what is wrong", () => {
    expect(problemsOf({ ...form, to: form.from })).toHaveProperty("to");
    expect(problemsOf({ ...form, from: "x", to: "" })).toMatchObject({ from: /not/, to: /not/ });
    expect(problemsOf({ ...form, cameras: [] })).toHaveProperty("cameras");
    expect(requestOf({ ...form, cameras: [] })).toBeNull();
  });
});

describe("export dialog", () => {
  async function open() {
    const page = renderAt("/recordings/front-door?day=2026-11-19");
    await screen.findByText(/Recorded 1 h/);
    const selection = { start: start + hour, end: start + hour + 90_000 };
    act(() => useRecordings.getState().set({ selection }));
    return page;
  }

  it("estimates while the form is filled in, starts, and leads to the list", async () => {
    const asked = vi.fn();
    server.use(
      http.get("*/api/v1/cameras", () =>
        HttpResponse.json({
          items: [makeCamera(), makeCamera({ id: "garden", name: "Garden" })],
          next: null,
        }),
      ),
      http.post("*/api/v1/exports/estimate", async ({ request }) => {
        const { timelapse } = (await request.json()) as { timelapse: unknown };
        const fits = timelapse === null;
        return HttpResponse.json({
          size: 24_000_000,
          duration_ms: 90_000,
          recorded_ms: 90_000,
          gaps: [],
          free_bytes: 5e9,
          fits,
        });
      }),
      http.post("*/api/v1/exports", async ({ request }) => {
        asked(await request.json());
        return HttpResponse.json(makeJob({ state: "queued" }), { status: 202 });
      }),
    );
    const { user, router } = await open();
    await user.click(screen.getByRole("button", { name: "Export…" }));
    const dialog = await screen.findByRole("dialog", { name: "Export" });
    expect(await within(dialog).findByText(/about 24\.0 MB/)).toHaveTextContent("5.0 GB are free");
    await user.click(within(dialog).getByLabelText("Garden"));
    await user.click(within(dialog).getByRole("radio", { name: "One per camera" }));
    await user.selectOptions(within(dialog).getByLabelText("Time-lapse"), "60");
    expect(await within(dialog).findByText(/does not fit/)).toBeVisible();
    expect(within(dialog).getByRole("switch", { name: "Proof" })).toBeDisabled();
    await user.selectOptions(within(dialog).getByLabelText("Time-lapse"), "0");
    await user.click(within(dialog).getByRole("switch", { name: "Proof" }));
    await user.click(within(dialog).getByRole("switch", { name: "Sound" }));
    await user.click(within(dialog).getByRole("switch", { name: "Time in the picture" }));
    await user.selectOptions(within(dialog).getByLabelText("Keep the files"), "0");
    await user.type(within(dialog).getByLabelText(/Name/), "Shed");
    await user.click(within(dialog).getByRole("button", { name: "Start the export" }));
    await waitFor(() => expect(asked).toHaveBeenCalled());
    expect(asked.mock.calls[0]?.[0]).toMatchObject({
      name: "Shed",
      combine: false,
      audio: false,
      proof: false,
      timestamps: true,
      expires_days: 0,
      items: [{ camera: "front-door" }, { camera: "garden" }],
    });
    await user.click(await screen.findByRole("button", { name: "Show exports" }));
    await waitFor(() => expect(router.state.location.pathname).toBe("/exports"));
    act(() => useRecordings.getState().reset());
  });

  it("has the server's words for what it refuses, and its own for what is not complete", async () => {
    server.use(
      http.post("*/api/v1/exports/estimate", () =>
        HttpResponse.json(errorBody("no_recording", "Nothing was recorded then."), { status: 404 }),
      ),
    );
    const { user } = await open();
    await user.click(screen.getByRole("button", { name: "Export…" }));
    const dialog = await screen.findByRole("dialog", { name: "Export" });
    expect(await within(dialog).findByText("Nothing was recorded then.")).toBeVisible();
    fireEvent.change(within(dialog).getByLabelText("To"), {
      target: { value: toLocalInput(start) },
    });
    expect(await within(dialog).findByText("The end must be after the start.")).toBeVisible();
    await user.click(within(dialog).getByLabelText("Front door"));
    expect(within(dialog).getByText("Choose at least one camera.")).toBeVisible();
    expect(within(dialog).getByRole("button", { name: "Start the export" })).toBeDisabled();
    await user.click(within(dialog).getByRole("button", { name: "Cancel" }));
    expect(screen.queryByRole("dialog")).toBeNull();
    act(() => useRecordings.getState().reset());
  });
});

describe("exports page", () => {
  it("lists jobs in every state, and follows the events", async () => {
    const jobs = [
      makeJob({ id: "r", name: "Night", state: "running", progress: 0.4, eta_s: 75 }),
      makeJob({ id: "q", name: "Later", state: "queued", progress: 0, eta_s: null }),
      makeJob({
        id: "f",
        name: "Tuesday",
        state: "failed",
        error: { code: "disk_full", message: "The disk is full." },
      }),
      makeJob({ id: "d", name: "Parcel" }),
    ];
    const done: string[] = [];
    server.use(
      http.get("*/api/v1/exports", () => HttpResponse.json({ items: jobs, next: null })),
      http.post("*/api/v1/exports/:id/cancel", ({ params }) => {
        done.push(`cancel ${String(params.id)}`);
        return HttpResponse.json(jobs[0]);
      }),
      http.delete("*/api/v1/exports/:id", ({ params }) => {
        done.push(`delete ${String(params.id)}`);
        return new HttpResponse(null, { status: 204 });
      }),
    );
    const { user, client } = renderAt("/exports");
    const bar = await screen.findByRole("progressbar", { name: "Progress of Night" });
    expect(bar).toHaveAttribute("aria-valuenow", "40");
    expect(screen.getByText("40 %, 1 min 15 s left")).toBeVisible();
    expect(screen.getByText("Waiting for its turn")).toBeVisible();
    expect(screen.getByText("The disk is full.")).toBeVisible();
    expect(await screen.findAllByText(/Front door: .*10 min/)).toHaveLength(4);
    expect(screen.getByRole("link", { name: "Download Parcel.mp4" })).toHaveAttribute(
      "href",
      "/api/v1/exports/d/download?file=0",
    );
    const listener = listen.mock.calls[0]?.[1];
    const tell = (data: Record<string, unknown>) =>
      act(() => listener?.onEvent({ id: 1, topic: "job.updated", time: 1, data }));
    tell({ ...jobs[0], progress: 0.5, eta_s: null });
    await waitFor(() => expect(bar).toHaveAttribute("aria-valuenow", "50"));
    tell({ id: "x", type: "reindex" });
    act(() => listener?.onMissed?.());
    await user.click(screen.getByRole("button", { name: "Cancel Night" }));
    await waitFor(() => expect(done).toContain("cancel r"));
    await user.click(screen.getByRole("button", { name: "Play Parcel.mp4" }));
    expect(await screen.findByLabelText("Parcel.mp4", { selector: "video" })).toHaveAttribute(
      "src",
      "/api/v1/exports/d/download?file=0",
    );
    await user.click(screen.getByRole("button", { name: "Close" }));
    await user.click(screen.getByRole("button", { name: "Delete Parcel" }));
    await user.click(await screen.findByRole("button", { name: "Delete export" }));
    await waitFor(() => expect(done).toContain("delete d"));
    expect(client.getQueryData(exportsQuery.queryKey)?.items).toHaveLength(4);
  });

  it("has words for none, and for a failing list", async () => {
    renderAt("/exports");
    expect(await screen.findByText("No exports yet")).toBeVisible();
    server.use(
      http.get("*/api/v1/exports", () =>
        HttpResponse.json(errorBody("internal", "The list is broken."), { status: 500 }),
      ),
    );
    renderAt("/exports");
    expect(await screen.findByText("The list is broken.")).toBeVisible();
  });

  it("knows when a file goes, and puts new jobs first", () => {
    const job = makeJob({ expires: 5000 });
    expect(expiryText(job, 9000)).toBe("Expired");
    expect(expiryText({ ...job, expires: null }, 0)).toBe("Kept until deleted");
    expect(expiryText(job, 0)).toBe("Deleted by itself in 5 s");
    expect(expiryText({ ...job, state: "failed" }, 0)).toBeNull();
    expect(withJob([job], makeJob({ id: "n" })).map(({ id }) => id)).toEqual(["n", "j"]);
    expect(withJob([job], { ...job, progress: 0.1 })[0]?.progress).toBe(0.1);
  });
});
