import { act, fireEvent, screen, waitFor } from "@testing-library/react";
import { http, HttpResponse } from "msw";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { momentOf } from "@/features/recordings/recordings-page";
import { useRecordings } from "@/features/recordings/store";
import { keyStep } from "@/features/recordings/timeline-canvas";
import { isTyping } from "@/features/recordings/use-playback-keys";
import { dayBounds, dayOf } from "@/lib/time";
import { canvasCalls } from "./dom";
import { FakeHls } from "./fake-hls";
import { makeCamera, makeTimelineItem } from "./fixtures";
import { renderAt } from "./render";
import { errorBody, playlistsAsked, server } from "./server";

vi.mock("hls.js", async () => ({ default: (await import("./fake-hls")).FakeHls }));

const day = "2026-11-19";
const { start } = dayBounds(day);
const hour = 3_600_000;

async function open(path = `/recordings/front-door?day=${day}`) {
  const result = renderAt(path);
  const timeline = await screen.findByRole("slider", { name: "Timeline" });
  await waitFor(() => expect(timeline).toHaveAttribute("data-ranges", "1"));
  Object.defineProperty(timeline, "clientWidth", { value: 2400, configurable: true });
  act(() => useRecordings.getState().set({ view: dayBounds(day) }));
  return { ...result, timeline };
}

/** A press and release at an hour of the day. */
function clickAt(timeline: HTMLElement, hours: number) {
  const at = { clientX: hours * 100, button: 0, pointerId: 1 };
  fireEvent.pointerDown(timeline, at);
  fireEvent.pointerUp(timeline, at);
}

/** The player of the newest load, once the playlist is here. */
async function player(count = 1): Promise<FakeHls> {
  await waitFor(() => expect(FakeHls.all).toHaveLength(count));
  return FakeHls.last();
}

const recordedHour = [{ start: 0, duration: 3600, programDateTime: start + hour }];
const frame = () => act(() => new Promise((done) => setTimeout(done, 60)));

describe("recordings page", () => {
  beforeEach(() => {
    playlistsAsked.length = 0;
    vi.stubGlobal("MediaSource", { isTypeSupported: (mime: string) => mime.includes("avc1") });
    FakeHls.all = [];
  });
  afterEach(() => vi.unstubAllGlobals());

  it("opens the first camera's day", async () => {
    const { router } = renderAt("/recordings");
    await waitFor(() => expect(router.state.location.pathname).toBe("/recordings/front-door"));
    expect(await screen.findByText("Recorded 1 h, 900 MB")).toBeVisible();
    expect(canvasCalls.some((call) => call.name === "fillRect")).toBe(true);
  });

  it("plays from where the timeline was clicked", async () => {
    const { timeline } = await open();
    clickAt(timeline, 1.5);
    const hls = await player();
    const from = start + 1.5 * hour - 300_000;
    expect(playlistsAsked[0]).toEqual([from, from + 2 * hour]);
    act(() => hls.parsed(recordedHour));
    expect(hls.position).toBe(1800);
    act(() => hls.emit("buffered"));
    expect(useRecordings.getState().tiles["front-door"]?.phase).toBe("ready");
    await waitFor(() => expect(screen.getByTestId("playhead")).toHaveTextContent("01:30:00"));
    expect(timeline).toHaveAttribute("aria-valuetext", "01:30:00, recorded");
    clickAt(timeline, 1.75);
    expect(FakeHls.all).toHaveLength(1);
    const video = screen.getByLabelText<HTMLVideoElement>(/Recording of/);
    expect(video.currentTime).toBe(2700);
  });

  it("shows what was recorded, and the whole day on a double click or by the button", async () => {
    const { timeline } = await open();
    act(() => useRecordings.getState().set({ view: null }));
    const fitted = timeline.getAttribute("data-view");
    const whole = `${start}-${start + 24 * hour}`;
    expect(fitted).not.toBe(whole);
    clickAt(timeline, 12);
    clickAt(timeline, 12);
    expect(timeline).toHaveAttribute("data-view", whole);
    fireEvent.click(screen.getByRole("button", { name: "Fit" }));
    expect(timeline).toHaveAttribute("data-view", fitted);
    fireEvent.click(screen.getByRole("button", { name: "Day" }));
    expect(timeline).toHaveAttribute("data-view", whole);
  });

  it("jumps over a gap to what follows, and says when nothing does", async () => {
    const { timeline } = await open();
    clickAt(timeline, 0.2);
    const hls = await player();
    act(() => hls.parsed(recordedHour));
    expect(hls.position).toBe(0);
    clickAt(timeline, 12);
    expect(await screen.findByText(/Nothing is recorded here/)).toBeVisible();
  });

  it("reads on before the window is played out, then tells the end", async () => {
    const { timeline } = await open();
    clickAt(timeline, 1.99);
    const hls = await player();
    act(() => hls.parsed(recordedHour));
    act(() => hls.emit("buffered"));
    // What follows is asked for twice: the next window, then as far as a hole may reach.
    await waitFor(() => expect(playlistsAsked).toHaveLength(3));
    expect(playlistsAsked[1]).toEqual([start + 2 * hour, start + 4 * hour]);
    expect(playlistsAsked[2]).toEqual([start + 2 * hour, start + 26 * hour]);
    await frame();
    const video = screen.getByLabelText<HTMLVideoElement>(/Recording of/);
    act(() => void video.dispatchEvent(new Event("ended")));
    expect(await screen.findByText(/the end of what has been recorded/)).toBeVisible();
    await waitFor(() => expect(useRecordings.getState().playing).toBe(false));
  });

  it("recovers twice, then offers to try again", async () => {
    const { timeline, user } = await open();
    clickAt(timeline, 1.5);
    const fail = (hls: FakeHls, type: string) =>
      act(() => hls.emit("error", { type, details: "x", fatal: true }));
    const first = await player();
    fail(first, "mediaError");
    expect(first.recovered).toBe(1);
    fail(first, "networkError");
    fail(await player(2), "networkError");
    expect(await screen.findByText("The recording could not be read.")).toBeVisible();
    await user.click(screen.getByRole("button", { name: "Try again" }));
    fail(await player(3), "");
    act(() => FakeHls.last().emit("error", { details: "bufferAddCodecError", fatal: true }));
    expect(await screen.findByText(/This browser cannot play H\.264/)).toBeVisible();
  });

  it("says when the playlist cannot be read", async () => {
    server.use(
      http.get("*/api/v1/recordings/playback/:camera/index.m3u8", () =>
        HttpResponse.json(errorBody("internal", "Broken."), { status: 500 }),
      ),
    );
    const { timeline } = await open();
    clickAt(timeline, 1.5);
    expect(await screen.findByText("The recording could not be read.")).toBeVisible();
  });

  it("offers the download where there is no decoder", async () => {
    const asked = vi.fn();
    server.use(
      http.get("*/api/v1/cameras", () => {
        const main = {
          codec: "h265",
          codec_string: "hvc1",
          width: 1,
          height: 1,
          fps: 1,
          bitrate: 1,
        };
        return HttpResponse.json({ items: [makeCamera({ main })], next: null });
      }),
      http.get("*/api/v1/recordings", () => {
        asked();
        return HttpResponse.json({ items: [], next: null });
      }),
    );
    const { timeline, user } = await open();
    clickAt(timeline, 1.5);
    expect(await screen.findByText(/This browser cannot play H\.265/)).toBeVisible();
    const [button] = screen.getAllByRole("button", { name: "Download this segment" });
    if (button) await user.click(button);
    expect(await screen.findByText("Nothing is recorded at this moment.")).toBeVisible();
    expect(asked).toHaveBeenCalled();
  });

  it("zooms by wheel and buttons, pans by dragging, pinches", async () => {
    const { timeline, user } = await open();
    fireEvent.wheel(timeline, { deltaY: -100, clientX: 1200 });
    const zoomed = useRecordings.getState().view;
    expect(zoomed && zoomed.end - zoomed.start).toBeLessThan(24 * hour);
    fireEvent.wheel(timeline, { deltaX: 50, deltaY: 0, clientX: 1200 });
    expect(useRecordings.getState().view?.start).toBeGreaterThan(zoomed?.start ?? Infinity);
    const shifted = useRecordings.getState().view?.start ?? 0;
    fireEvent.wheel(timeline, { deltaY: -50, shiftKey: true, clientX: 1200 });
    expect(useRecordings.getState().view?.start).toBeLessThan(shifted);
    // The hours above the strips are dragged along.
    const panned = useRecordings.getState().view?.start ?? 0;
    fireEvent.pointerDown(timeline, { clientX: 500, clientY: 10, button: 0, pointerId: 1 });
    fireEvent.pointerMove(timeline, { clientX: 400, clientY: 10, pointerId: 1 });
    fireEvent.pointerUp(timeline, { clientX: 400, clientY: 10, pointerId: 1 });
    expect(useRecordings.getState().view?.start).toBeGreaterThan(panned);
    expect(useRecordings.getState().playhead).toBeNull();
    const before = useRecordings.getState().view;
    fireEvent.pointerDown(timeline, { clientX: 500, button: 0, pointerId: 1 });
    fireEvent.pointerDown(timeline, { clientX: 700, button: 0, pointerId: 2 });
    fireEvent.pointerMove(timeline, { clientX: 900, pointerId: 2 });
    const after = useRecordings.getState().view;
    expect((after?.end ?? 0) - (after?.start ?? 0)).toBeLessThan(
      (before?.end ?? 0) - (before?.start ?? 0),
    );
    fireEvent.pointerCancel(timeline, { pointerId: 1 });
    fireEvent.pointerMove(timeline, { clientX: 300, pointerId: 9, pointerType: "mouse" });
    fireEvent.pointerLeave(timeline);
    await user.click(screen.getByRole("button", { name: "Zoom in" }));
    await user.click(screen.getByRole("button", { name: "Zoom out" }));
  });

  it("obeys the keyboard", async () => {
    const { timeline } = await open();
    fireEvent.keyDown(timeline, { key: "Home" });
    const hls = await player();
    act(() => hls.parsed(recordedHour));
    act(() => hls.emit("buffered"));
    const video = screen.getByLabelText<HTMLVideoElement>(/Recording of/);
    await frame();
    fireEvent.keyDown(timeline, { key: "ArrowRight" });
    expect(video.currentTime).toBe(10);
    fireEvent.keyDown(timeline, { key: "+" });
    fireEvent.keyDown(timeline, { key: "-" });
    fireEvent.keyDown(timeline, { key: "x" });
    fireEvent.keyDown(document.body, { key: "." });
    expect(useRecordings.getState().playing).toBe(false);
    await waitFor(() => expect(video.currentTime).toBeCloseTo(10 + 1 / 15));
    fireEvent.keyDown(document.body, { key: "," });
    await waitFor(() => expect(video.currentTime).toBeCloseTo(10));
    fireEvent.keyDown(document.body, { key: "ArrowRight" });
    await waitFor(() => expect(video.currentTime).toBeCloseTo(20));
    fireEvent.keyDown(document.body, { key: " " });
    expect(useRecordings.getState().playing).toBe(true);
    fireEvent.keyDown(document.body, { key: "l" });
    expect(useRecordings.getState().speed).toBe(2);
    fireEvent.keyDown(document.body, { key: "j" });
    expect(useRecordings.getState().speed).toBe(-1);
    await waitFor(() => expect(video.currentTime).toBeLessThan(20));
    fireEvent.keyDown(document.body, { key: "k" });
    expect(useRecordings.getState().playing).toBe(false);
    fireEvent.keyDown(document.body, { key: "k", ctrlKey: true });
    expect(isTyping(document.createElement("input"), ",")).toBe(true);
    expect(isTyping(document.createElement("button"), ",")).toBe(false);
    expect(isTyping(document.createElement("button"), " ")).toBe(true);
    act(() => useRecordings.getState().set({ speed: 1 }));
  });

  it("plays without sound where the browser insists, and turns it on when asked", async () => {
    const { timeline, user } = await open();
    const video = screen.getByLabelText<HTMLVideoElement>(/Recording of/);
    const play = vi.spyOn(video, "play");
    play.mockRejectedValueOnce(new DOMException("no", "NotAllowedError"));
    clickAt(timeline, 1.5);
    const hls = await player();
    act(() => hls.parsed(recordedHour));
    act(() => hls.emit("buffered"));
    const button = await screen.findByRole("button", { name: "Turn sound on" });
    await waitFor(() => expect(play.mock.calls.length).toBeGreaterThan(1));
    await user.click(button);
    expect(video.muted).toBe(false);
  });

  it("sets the speed and buffers accordingly", async () => {
    const { timeline, user } = await open();
    clickAt(timeline, 1.5);
    const hls = await player();
    act(() => hls.parsed(recordedHour));
    act(() => hls.emit("buffered"));
    await user.selectOptions(screen.getByLabelText("Speed"), "8");
    const video = screen.getByLabelText<HTMLVideoElement>(/Recording of/);
    await waitFor(() => expect(video.playbackRate).toBe(8));
    expect(hls.config.maxBufferLength).toBe(240);
    act(() => useRecordings.getState().set({ speed: 1 }));
  });

  it("chooses a day by the calendar, with recorded days marked", async () => {
    server.use(
      http.get("*/api/v1/recordings/coverage", ({ request }) => {
        const camera = new URL(request.url).searchParams.get("camera");
        const days = [{ date: "2026-11-18", recorded_ms: 20 * hour, bytes: 1 }];
        return HttpResponse.json({ items: [{ camera, days }] });
      }),
    );
    const { user, router } = await open();
    await user.click(screen.getByRole("button", { name: "Day before" }));
    expect(router.state.location.search).toBe("?day=2026-11-18");
    await user.click(screen.getByRole("button", { name: "Next day" }));
    await user.click(screen.getByRole("button", { name: /19|Nov/ }));
    await user.click(await screen.findByRole("button", { name: "2026-11-18, 20 h recorded" }));
    expect(router.state.location.search).toBe("?day=2026-11-18");
    await user.click(screen.getByRole("button", { name: /18|Nov/ }));
    await user.click(await screen.findByRole("button", { name: "Month before" }));
    expect(
      await screen.findByRole("button", { name: "2026-10-01, nothing recorded" }),
    ).toBeVisible();
  });

  it("turns to the day that playback has reached", async () => {
    const { router } = await open();
    act(() => useRecordings.getState().set({ playing: true, playhead: dayBounds(day).end + 5 }));
    await waitFor(() => expect(router.state.location.search).toBe("?day=2026-11-20"));
    act(() => useRecordings.getState().reset());
  });

  it("starts at the moment in the address", async () => {
    await open(`/recordings/front-door?t=${start + 1.5 * hour}`);
    await player();
    expect(playlistsAsked[0]?.[0]).toBe(start + 1.5 * hour - 300_000);
  });

  it("tells a gap by its cause, with what is known of the moment, above the pointer", async () => {
    server.use(
      http.get("*/api/v1/recordings/timeline", ({ request }) => {
        const camera = new URL(request.url).searchParams.get("camera") ?? "";
        const detail = "No answer from 10.0.0.2.";
        const item = makeTimelineItem({
          camera,
          ranges: [[start + hour, start + 2 * hour]],
          gap_ms: hour,
          gaps: [{ start: start + 2 * hour, end: start + 3 * hour, cause: "network", detail }],
          marks: [{ start: start + hour, end: start + 2 * hour, kind: "event", label: "person" }],
        });
        return HttpResponse.json({ start, end: start + 24 * hour, items: [item] });
      }),
      http.get("*/api/v1/recordings/protected", () =>
        HttpResponse.json({
          items: [
            {
              id: "p",
              camera: "front-door",
              start: start + hour,
              end: start + 1.2 * hour,
              reason: "Theft",
            },
          ],
        }),
      ),
      http.get("*/api/v1/recordings/preview/:camera", () =>
        HttpResponse.arrayBuffer(new ArrayBuffer(4)),
      ),
    );
    const { timeline } = await open();
    expect(screen.getByTestId("day-summary")).toHaveTextContent(
      "Recorded 1 h, 1 h missing: network, 900 MB",
    );
    const legend = screen.getByRole("list", { name: "Colours of the timeline" });
    expect(legend).toHaveTextContent("RecordedEventProtectedMissing: network");
    const at = (hours: number) => ({ clientX: hours * 100, clientY: 60, pointerType: "mouse" });
    fireEvent.pointerMove(timeline, { ...at(2.5), pointerId: 4 });
    const card = await screen.findByRole("tooltip");
    expect(card).toHaveTextContent("No recording, 02:00:00 – 03:00:00 (1 h)");
    expect(card).toHaveTextContent("could not be reached over the network");
    expect(card).toHaveTextContent("No answer from 10.0.0.2.");
    expect(screen.queryByRole("img", { name: /Front door at/ })).toBeNull();
    fireEvent.pointerMove(timeline, { ...at(1.1), pointerId: 4 });
    expect(screen.getByRole("tooltip")).toHaveTextContent("Event: personProtected: Theft");
    expect(await screen.findByAltText("Front door at 01:06:00")).toBeVisible();
    fireEvent.pointerLeave(timeline);
    expect(screen.queryByRole("tooltip")).toBeNull();
    // A finger's tap tells the same.
    fireEvent.pointerDown(timeline, { ...at(2.5), pointerType: "touch", button: 0, pointerId: 5 });
    fireEvent.pointerUp(timeline, { ...at(2.5), pointerType: "touch", pointerId: 5 });
    expect(await screen.findByRole("tooltip")).toHaveTextContent("No recording");
  });

  it("looks for a moment by dragging, and seeks once, when let go", async () => {
    const { timeline } = await open();
    const drag = { button: 0, pointerId: 1, pointerType: "mouse", clientY: 60 };
    fireEvent.pointerDown(timeline, { ...drag, clientX: 110 });
    for (let x = 115; x <= 150; x += 5) fireEvent.pointerMove(timeline, { ...drag, clientX: x });
    expect(useRecordings.getState().playhead).toBeNull();
    fireEvent.pointerUp(timeline, { ...drag, clientX: 150 });
    await player();
    expect(useRecordings.getState().playhead).toBe(start + 1.5 * hour);
    expect(playlistsAsked).toHaveLength(1);
  });

  it("follows what leaves the view by playing, and leaves alone who looks elsewhere", async () => {
    const { timeline } = await open();
    const set = (change: object) => act(() => useRecordings.getState().set(change));
    const view = { start: start + hour, end: start + 2 * hour };
    set({ playing: true, playhead: view.end - 10, view });
    set({ playhead: view.end + 10 });
    const next = useRecordings.getState().view;
    expect(next?.start).toBeGreaterThan(view.start);
    const elsewhere = { start: start + 5 * hour, end: start + 6 * hour };
    set({ view: elsewhere });
    set({ playhead: view.end + 200 });
    expect(timeline).toHaveAttribute("data-view", `${elsewhere.start}-${elsewhere.end}`);
    act(() => useRecordings.getState().reset());
  });

  it("selects a range by dragging with shift, by the button, by keys and by handles", async () => {
    const { timeline, user } = await open();
    const drag = { button: 0, pointerId: 1, clientY: 60, shiftKey: true };
    fireEvent.pointerDown(timeline, { ...drag, clientX: 200 });
    fireEvent.pointerMove(timeline, { ...drag, clientX: 100 });
    fireEvent.pointerUp(timeline, { ...drag, clientX: 100 });
    const selection = () => useRecordings.getState().selection;
    expect(selection()).toEqual({ start: start + hour, end: start + 2 * hour });
    const bar = screen.getByRole("region", { name: "Selected range" });
    expect(bar).toHaveTextContent("01:00:00 – 02:00:00");
    const [from, to] = [
      screen.getByRole("slider", { name: "Start of the selection" }),
      screen.getByRole("slider", { name: "End of the selection" }),
    ];
    fireEvent.keyDown(from, { key: "ArrowRight" });
    fireEvent.keyDown(to, { key: "PageDown" });
    fireEvent.keyDown(to, { key: "x" });
    expect(selection()).toEqual({ start: start + hour + 10_000, end: start + 2 * hour - 600_000 });
    fireEvent.pointerMove(to, { clientX: 300, pointerId: 2 });
    fireEvent.pointerDown(to, { clientX: 190, pointerId: 2 });
    fireEvent.pointerMove(to, { clientX: 50, pointerId: 2 });
    fireEvent.pointerUp(to, { clientX: 50, pointerId: 2 });
    expect(selection()?.end).toBe(start + hour + 11_000);
    await user.click(screen.getByRole("button", { name: "Clear the selection" }));
    expect(selection()).toBeNull();
    await user.click(screen.getByRole("button", { name: "Select a range" }));
    expect(selection()?.start).toBe(start + 12 * hour - 0.06 * 24 * hour);
    act(() => useRecordings.getState().set({ playhead: start + 3 * hour }));
    fireEvent.keyDown(document.body, { key: "o" });
    expect(selection()).toEqual({ start: start + 3 * hour - 1000, end: start + 3 * hour });
    act(() => useRecordings.getState().set({ selection: null }));
    fireEvent.keyDown(document.body, { key: "i" });
    expect(selection()?.start).toBe(start + 3 * hour);
    act(() => useRecordings.getState().reset());
  });

  it("protects a range with a reason, lists it and releases it", async () => {
    const asked: unknown[] = [];
    const list = [{ id: "p1", camera: "front-door", start: start + hour, end: start + 2 * hour }];
    server.use(
      http.post("*/api/v1/recordings/protect", async ({ request }) => {
        asked.push(await request.json());
        return HttpResponse.json(list[0], { status: 201 });
      }),
      http.get("*/api/v1/recordings/protected", () => HttpResponse.json({ items: list })),
      http.delete("*/api/v1/recordings/protected/:id", ({ params }) => {
        asked.push(params.id);
        list.length = 0;
        return new HttpResponse(null, { status: 204 });
      }),
    );
    const { user, router } = await open();
    act(() =>
      useRecordings.getState().set({ selection: { start: start + hour, end: start + 2 * hour } }),
    );
    const saved = vi.spyOn(HTMLAnchorElement.prototype, "click").mockReturnValue(undefined);
    await user.click(screen.getByRole("button", { name: "Download" }));
    expect((saved.mock.contexts[0] as HTMLAnchorElement).href).toContain(
      `/recordings/download?camera=front-door&start=${start + hour}&end=${start + 2 * hour}`,
    );
    saved.mockRestore();
    await user.click(screen.getByRole("button", { name: "Protect…" }));
    await user.type(await screen.findByLabelText(/Reason/), "Theft");
    await user.click(screen.getByRole("button", { name: "Protect" }));
    await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
    expect(asked).toEqual([
      { camera: "front-door", start: start + hour, end: start + 2 * hour, reason: "Theft" },
    ]);
    await user.click(screen.getByRole("button", { name: "Protected ranges" }));
    await user.click(await screen.findByRole("button", { name: /Release/ }));
    expect(await screen.findByText(/Nothing is protected/)).toBeVisible();
    expect(asked[1]).toBe("p1");
    list.push({ id: "p2", camera: "front-door", start: start + hour, end: start + 2 * hour });
    await user.click(screen.getByRole("button", { name: "Close" }));
    await user.click(screen.getByRole("button", { name: "Protected ranges" }));
    await user.click(await screen.findByRole("button", { name: /^(?!Release).*01:00:00$/ }));
    expect(router.state.location.search).toBe(`?t=${start + hour}`);
    act(() => useRecordings.getState().reset());
  });

  it("plays several cameras together; one of them large when pressed", async () => {
    const cameras = ["front-door", "garden", "yard"].map((id) => makeCamera({ id, name: id }));
    server.use(
      http.get("*/api/v1/cameras", () => HttpResponse.json({ items: cameras, next: null })),
    );
    const { user, router } = renderAt(`/recordings/front-door?day=${day}&with=garden,gone`);
    const timeline = await screen.findByRole("slider", { name: "Timeline" });
    await waitFor(() => expect(timeline).toHaveAttribute("data-ranges", "2"));
    expect(screen.getAllByLabelText(/Recording of/)).toHaveLength(2);
    expect(screen.getByTestId("day-summary")).toHaveTextContent("front-door: Recorded 1 h");
    await user.click(screen.getByRole("button", { name: "Play the latest" }));
    await waitFor(() => expect(FakeHls.all).toHaveLength(2));
    const [sound] = screen.getAllByLabelText<HTMLVideoElement>(/Recording of/);
    expect(sound?.muted).toBe(false);
    await user.click(screen.getByRole("button", { name: "Show only garden" }));
    expect(sound?.muted).toBe(true);
    await user.click(screen.getByRole("button", { name: "Show all cameras" }));
    await user.click(screen.getByRole("button", { name: "Cameras played together: 2" }));
    await user.click(await screen.findByRole("menuitemcheckbox", { name: "yard" }));
    expect(router.state.location.search).toBe(`?day=${day}&with=garden%2Cyard`);
    await user.click(screen.getByRole("menuitemcheckbox", { name: "garden" }));
    await user.click(screen.getByRole("menuitemcheckbox", { name: "yard" }));
    expect(router.state.location.search).toBe(`?day=${day}`);
    expect(screen.getByRole("menuitemcheckbox", { name: "front-door" })).toHaveAttribute(
      "data-disabled",
    );
    act(() => useRecordings.getState().reset());
  });

  it("has words for no cameras, a wrong camera, and a failing timeline", async () => {
    server.use(
      http.get("*/api/v1/recordings/timeline", () =>
        HttpResponse.json(errorBody("internal", "The index is being rebuilt."), { status: 500 }),
      ),
    );
    renderAt("/recordings/front-door");
    expect(await screen.findByText("The index is being rebuilt.")).toBeVisible();
    renderAt("/recordings/gone");
    expect(await screen.findByText("No such camera")).toBeVisible();
    server.use(http.get("*/api/v1/cameras", () => HttpResponse.json({ items: [], next: null })));
    renderAt("/recordings");
    expect(await screen.findByText("Nothing to look back at yet")).toBeVisible();
  });
});

describe("recordings, small parts", () => {
  it("keys and moments", () => {
    expect(keyStep("ArrowLeft", true)).toBe(-60);
    expect(keyStep("PageUp", false)).toBe(600);
    expect(keyStep("PageDown", false)).toBe(-600);
    expect(keyStep("a", false)).toBeNull();
    expect(momentOf("1700000000000")).toBe(1_700_000_000_000);
    expect(momentOf("x")).toBeNull();
    expect(momentOf(null)).toBeNull();
    expect(dayOf(start)).toBe(day);
  });
});
