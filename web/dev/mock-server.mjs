// A stand-in for the server while working on the UI: `npm run mock`, then `HERON_BACKEND=… npm run dev`,
// or give the folder of a build as the second argument: node dev/mock-server.mjs 21500 ../build/web
import { createReadStream, existsSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { WebSocketServer } from "ws";
import { cameras, history, jobFile, jobs, locked, logs, makeCamera } from "./mock-data.mjs";
import { makeJob, ranges, systemInfo, timelineItem, workers } from "./mock-data.mjs";
import { storageRoute } from "./mock-storage.mjs";
import { loadClip, retime } from "./media.mjs";

const port = Number(process.argv[2] ?? 5000);
const webRoot = process.argv[3];
const clips = {
  main: loadClip("main", "dusk", "1280x720", "1200k"),
  sub: loadClip("sub", "dusk", "640x360", "300k"),
  driveway: loadClip("driveway", "meadow", "640x360", "300k"),
};
const gop = 15;
const empty = process.env.MOCK_EMPTY === "1";
let list = empty ? [] : cameras;

const find = (id) => list.find((camera) => camera.id === id);
const merge = (target, patch) =>
  Object.fromEntries(
    Object.entries({ ...target, ...patch }).map(([key, value]) => [
      key,
      value && typeof value === "object" && !Array.isArray(value) && target[key]
        ? merge(target[key], value)
        : value,
    ]),
  );

class Refusal extends Error {
  constructor(status, code, message, fields = []) {
    super(message);
    Object.assign(this, { status, code, fields });
  }
}

function probe(body) {
  const still = `data:image/jpeg;base64,${clips.main.still.toString("base64")}`;
  if (!body.url?.startsWith("rtsp://")) {
    throw new Refusal(422, "validation_failed", "The camera's settings are not valid.", [
      { field: "url", message: "This scheme is not supported." },
    ]);
  }
  if (body.url.includes("wrong")) {
    const message = "The camera refused the user name or password.";
    return { ok: false, elapsed_ms: 340, error: { code: "bad_credentials", message } };
  }
  const streams = [
    { kind: "video", codec: "h264", width: 1920, height: 1080, fps: 15 },
    { kind: "audio", codec: "aac", sample_rate: 16000, channels: 1 },
  ];
  return { ok: true, streams, protocol: "heron", elapsed_ms: 412, snapshot: still };
}

function playlist(camera, start, end) {
  const lines = [
    "#EXTM3U",
    "#EXT-X-VERSION:7",
    "#EXT-X-TARGETDURATION:2",
    "#EXT-X-PLAYLIST-TYPE:VOD",
  ];
  lines.push(`#EXT-X-MAP:URI="/mock/init.mp4?camera=${camera}"`);
  ranges(camera, start, end).forEach(([from, to], i) => {
    if (i > 0)
      lines.push("#EXT-X-DISCONTINUITY", `#EXT-X-MAP:URI="/mock/init.mp4?camera=${camera}"`);
    for (let at = from; at < to; at += 1000) {
      if (at === from) lines.push(`#EXT-X-PROGRAM-DATE-TIME:${new Date(at).toISOString()}`);
      lines.push("#EXTINF:1.0,", `/mock/gop.m4s?t=${at}&camera=${camera}`);
    }
  });
  return [...lines, "#EXT-X-ENDLIST", ""].join("\n");
}

function gopBytes(time, camera) {
  const clip = camera === "driveway" ? clips.driveway : clips.main;
  const first = (Math.floor(time / 1000) % (clip.fragments.length / gop)) * gop;
  return Buffer.concat(
    clip.fragments
      .slice(first, first + gop)
      .map((fragment, i) => retime(fragment, time * 90 + i * (90_000 / clip.fps))),
  );
}

function coverage(url) {
  const days = new Map();
  for (const [from, to] of ranges(
    url.searchParams.get("camera"),
    Number(url.searchParams.get("start")),
    Number(url.searchParams.get("end")),
  )) {
    const date = new Date(from - new Date(from).getTimezoneOffset() * 60_000)
      .toISOString()
      .slice(0, 10);
    days.set(date, (days.get(date) ?? 0) + to - from);
  }
  const items = [...days].map(([date, ms]) => ({ date, recorded_ms: ms, bytes: ms * 270 }));
  return { items: [{ camera: url.searchParams.get("camera"), days: items }] };
}

function camerasRoute(request, body, path) {
  const [id, rest] = [decodeURIComponent(path[0] ?? ""), path[1]];
  if (!id) {
    if (request.method !== "POST") return [200, { items: list, next: null }];
    const camera = merge(makeCamera(body.name.toLowerCase().replace(/\W+/g, "-"), body.name), body);
    list = [...list, camera];
    return [201, camera];
  }
  if (id === "probe") return [200, probe(body)];
  const camera = find(id);
  if (!camera) throw new Refusal(404, "not_found", `There is no camera “${id}”.`);
  if (rest === "history") return [200, history()];
  if (rest === "stop" || rest === "start") camera.stopped = rest === "stop";
  if (rest) return [202, camera];
  if (request.method === "PATCH") Object.assign(camera, merge(camera, body));
  if (request.method === "DELETE") {
    list = list.filter((item) => item !== camera);
    return [204, undefined];
  }
  return [200, camera];
}

function exportsRoute(request, body, [id, verb]) {
  if (id === "estimate") {
    const ms = body.items.reduce((sum, item) => sum + item.end - item.start, 0);
    const size = Math.round(ms * 270);
    const rest = { recorded_ms: ms, gaps: [], free_bytes: 7.12e11, fits: size < 7.12e11 };
    return [200, { size, duration_ms: ms / (body.timelapse?.speed ?? 1), ...rest }];
  }
  if (!id && request.method === "POST") {
    const job = makeJob(`j${Date.now()}`, body);
    jobs.unshift(job);
    return [202, job];
  }
  if (!id) return [200, { items: jobs, next: null }];
  const index = jobs.findIndex((job) => job.id === id);
  if (index < 0) throw new Refusal(404, "not_found", "There is no such export.");
  const job = jobs[index];
  if (verb === "cancel") Object.assign(job, { state: "cancelled", eta_s: null });
  if (request.method !== "DELETE") return [200, job];
  jobs.splice(index, 1);
  return [204, undefined];
}

const listeners = new Set();
let eventId = 0;

setInterval(() => {
  for (const job of jobs.filter(({ state }) => state === "running")) {
    job.progress = Math.min(1, job.progress + 0.01);
    job.eta_s = Math.round((1 - job.progress) * 120);
    if (job.progress >= 1) {
      Object.assign(job, { state: "done", eta_s: null, finished: Date.now() });
      job.files = [jobFile(job.id, `${job.name}.mp4`)];
    }
    const event = { id: ++eventId, topic: "job.updated", time: Date.now(), data: job };
    for (const socket of listeners) socket.send(JSON.stringify(event));
  }
}, 1000).unref();

function answer(request, url, body) {
  const path = url.pathname.split("/").filter(Boolean);
  const query = (name) => Number(url.searchParams.get(name));
  if (url.pathname === "/health") {
    const checks = { database: "ok", storage: "ok", config: "degraded", workers: "ok" };
    return [200, { status: "degraded", checks }];
  }
  if (url.pathname === "/status") {
    return [200, { version: "0.1.0", uptime_s: 11400, cameras: { total: 5, online: 3 }, workers }];
  }
  const [, , group, ...rest] = path;
  const stored = storageRoute(request, [group, ...rest], body);
  if (stored) return stored;
  if (group === "cameras") return camerasRoute(request, body, rest);
  if (group === "system" && rest[0] === "info") return [200, systemInfo()];
  if (group === "system" && rest[0] === "logs") {
    return [200, { items: logs.filter((line) => line.seq > query("after")) }];
  }
  if (group === "recordings" && rest[0] === "timeline") {
    const [start, end] = [query("start"), query("end")];
    const item = timelineItem(url.searchParams.get("camera"), start, end);
    return [200, { start, end, items: [item] }];
  }
  if (group === "recordings" && rest[0] === "protected") {
    const index = locked.findIndex((range) => range.id === rest[1]);
    if (request.method === "DELETE") {
      locked.splice(index, 1);
      return [204, undefined];
    }
    const camera = url.searchParams.get("camera");
    return [200, { items: locked.filter((range) => range.camera === camera) }];
  }
  if (group === "recordings" && rest[0] === "protect") {
    const range = { id: `p${Date.now()}${locked.length}`, created: Date.now(), ...body };
    locked.push(range);
    return [201, range];
  }
  if (group === "exports") return exportsRoute(request, body, rest);
  if (group === "recordings" && rest[0] === "coverage") return [200, coverage(url)];
  if (group === "recordings") {
    const start = Math.floor(query("start") / 10_000) * 10_000;
    const item = { id: `${url.searchParams.get("camera")}-${start}`, start, end: start + 10_000 };
    return [200, { items: [{ ...item, size: 2_600_000 }], next: null }];
  }
  throw new Refusal(404, "not_found", "There is nothing here.");
}

const types = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
};

function sendFile(url, response) {
  const wanted = join(webRoot, normalize(url.pathname));
  const file = extname(wanted) && existsSync(wanted) ? wanted : join(webRoot, "index.html");
  response.setHeader("Content-Type", types[extname(file)] ?? "application/octet-stream");
  createReadStream(file).pipe(response);
}

function sendMedia(url, response) {
  const camera = url.searchParams.get("camera");
  if (url.pathname.endsWith(".m3u8")) {
    response.setHeader("Content-Type", "application/vnd.apple.mpegurl");
    const [start, end] = ["start", "end"].map((key) => Number(url.searchParams.get(key)));
    const text = playlist(decodeURIComponent(url.pathname.split("/")[5]), start, end);
    response.statusCode = text.includes("#EXTINF") ? 200 : 404;
    response.end(text);
  } else if (url.pathname.includes("/preview/")) {
    const shown = url.pathname.split("/").at(-1);
    const at = Number(url.searchParams.get("at"));
    const isThere = ranges(shown, at - 10_000, at + 10_000).some(
      ([from, to]) => at >= from && at < to,
    );
    response.statusCode = isThere ? 200 : 404;
    response.setHeader("Content-Type", "image/jpeg");
    response.end(shown === "driveway" ? clips.driveway.still : clips.main.still);
  } else if (/download$/.test(url.pathname)) {
    response.setHeader("Content-Type", "video/mp4");
    response.setHeader("Content-Disposition", 'attachment; filename="export.mp4"');
    response.end(Buffer.concat([clips.main.init, ...clips.main.fragments]));
  } else if (url.pathname.endsWith("/snapshot")) {
    response.setHeader("Content-Type", "image/jpeg");
    response.end(clips.main.still);
  } else if (url.pathname === "/mock/init.mp4") {
    response.end(camera === "driveway" ? clips.driveway.init : clips.main.init);
  } else response.end(gopBytes(Number(url.searchParams.get("t")), camera));
}

async function readBody(request) {
  let text = "";
  for await (const chunk of request) text += chunk;
  return text ? JSON.parse(text) : {};
}

const server = createServer(async (request, response) => {
  const url = new URL(request.url, "http://mock");
  if (/^\/mock\/|\.m3u8$|\/snapshot$|\/preview\/|\/download$/.test(url.pathname))
    return sendMedia(url, response);
  if (webRoot && !/^\/(api|health|status|workers)(\/|$)/.test(url.pathname)) {
    return sendFile(url, response);
  }
  response.setHeader("Content-Type", "application/json");
  try {
    const [status, body] = answer(request, url, await readBody(request));
    response.statusCode = status;
    response.end(body === undefined ? undefined : JSON.stringify(body));
  } catch (error) {
    const { status = 500, code = "internal", message, fields = [] } = error;
    response.statusCode = status;
    response.end(JSON.stringify({ error: { code, message, fields }, request_id: "mock-1" }));
  }
});

const sockets = new WebSocketServer({ server });
sockets.on("connection", (socket, request) => {
  const url = new URL(request.url, "http://mock");
  if (url.pathname === "/ws") {
    listeners.add(socket);
    socket.on("close", () => listeners.delete(socket));
    return;
  }
  const id = url.pathname.split("/")[4];
  const camera = find(id);
  const wide = url.searchParams.get("stream") === "main";
  const clip = wide ? clips.main : id === "driveway" ? clips.driveway : clips.sub;
  const hevc = camera?.main?.codec === "h265";
  const mime = `video/mp4; codecs="${hevc ? "hvc1.1.6.L120.90" : "avc1.64001f"}"`;
  const { width, height, fps } = clip;
  const codec = hevc ? "h265" : "h264";
  socket.send(JSON.stringify({ type: "init", epoch: 1, mime, codec, width, height, fps }));
  socket.send(clip.init);
  const started = Date.now();
  let sent = 0;
  const timer = setInterval(() => {
    while (sent <= ((Date.now() - started) * clip.fps) / 1000) {
      const ticks = started * 90 + sent * (90_000 / clip.fps);
      socket.send(retime(clip.fragments[sent % clip.fragments.length], ticks));
      sent += 1;
    }
  }, 20);
  socket.on("close", () => clearInterval(timer));
});

server.listen(port, "127.0.0.1", () => console.log(`mock: listening on 127.0.0.1:${port}`));
