import { http, HttpResponse } from "msw";
import { setupServer } from "msw/node";
import { makeCamera, makeInfo, makeTimelineItem, makeWorker } from "./fixtures";

const v1 = "*/api/v1";

export const errorBody = (
  code: string,
  message: string,
  fields: { field: string; message: string }[] = [],
) => ({ error: { code, message, fields }, request_id: "r-1" });

/** Windows that were asked for, as [start, end]. */
export const playlistsAsked: [number, number][] = [];

/** A playlist of one entry for what [from, to) has of a window; null: nothing. */
export function playlistText(from: number, to: number, start: number, end: number): string | null {
  const [first, last] = [Math.max(from, start), Math.min(to, end)];
  if (last <= first) return null;
  return [
    "#EXTM3U",
    "#EXT-X-TARGETDURATION:3600",
    '#EXT-X-MAP:URI="/a.mp4",BYTERANGE="10@0"',
    `#EXT-X-PROGRAM-DATE-TIME:${new Date(first).toISOString()}`,
    `#EXTINF:${(last - first) / 1000},`,
    "/a.mp4",
    "#EXT-X-ENDLIST",
  ].join("\n");
}

/** The server as most tests want it; a test replaces what it is about. */
export const server = setupServer(
  http.get(`${v1}/system/info`, () => HttpResponse.json(makeInfo())),
  http.get(`${v1}/cameras`, () => HttpResponse.json({ items: [makeCamera()], next: null })),
  http.get(`${v1}/cameras/front-door`, () => HttpResponse.json(makeCamera())),
  http.get(`${v1}/cameras/:id/history`, () => HttpResponse.json({ items: [] })),
  http.get(`${v1}/cameras/:id/snapshot`, () => HttpResponse.arrayBuffer(new ArrayBuffer(8))),
  http.get(`${v1}/recordings/timeline`, ({ request }) => {
    const url = new URL(request.url);
    const [start, end] = [
      Number(url.searchParams.get("start")),
      Number(url.searchParams.get("end")),
    ];
    const ranges = [[start + 3_600_000, start + 7_200_000]];
    const camera = url.searchParams.get("camera") ?? "";
    const item = makeTimelineItem({ camera, ranges, known_from: start });
    return HttpResponse.json({ start, end, items: [item] });
  }),
  http.get(`${v1}/recordings/playback/:camera/index.m3u8`, ({ request }) => {
    const url = new URL(request.url);
    const [start, end] = [
      Number(url.searchParams.get("start")),
      Number(url.searchParams.get("end")),
    ];
    playlistsAsked.push([start, end]);
    const midnight = new Date(start).setHours(0, 0, 0, 0);
    const text = playlistText(midnight + 3_600_000, midnight + 7_200_000, start, end);
    return text === null
      ? HttpResponse.json(errorBody("no_recording", "Nothing."), { status: 404 })
      : HttpResponse.text(text);
  }),
  http.get(`${v1}/recordings/protected`, () => HttpResponse.json({ items: [] })),
  http.get(`${v1}/recordings/preview/:camera`, () => new HttpResponse(null, { status: 404 })),
  http.get(`${v1}/exports`, () => HttpResponse.json({ items: [], next: null })),
  http.get(`${v1}/recordings/coverage`, () => HttpResponse.json({ items: [] })),
  http.get(`${v1}/system/logs`, () => HttpResponse.json({ items: [] })),
  http.get("*/health", () =>
    HttpResponse.json({ status: "ok", checks: { database: "ok", storage: { status: "ok" } } }),
  ),
  http.get("*/status", () =>
    HttpResponse.json({
      version: "0.1.0",
      uptime_s: 1,
      cameras: { total: 1, online: 1 },
      workers: [makeWorker()],
    }),
  ),
);
