// Many short files with a hole between them play through; a killed camera process costs a moment.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { media, openPage, shoot, startBrowser, startCameras, startHeron } from "./harness.mjs";
import { stopAll, videoState, waitFor } from "./harness.mjs";

const api = "/api/v1";
const camera = "gate";
let base, browser, page, faults;

async function call(method, path, body) {
  const response = await fetch(base + path, {
    method,
    headers: { "Content-Type": "application/json" },
    body: body && JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status}`);
  return response.json();
}

async function recorded() {
  const { items } = await call(
    "GET",
    `${api}/recordings?camera=${camera}&start=0&end=${Date.now()}&limit=100`,
  );
  return items.sort((a, b) => a.start - b.start);
}

const files = (count) =>
  waitFor(
    `${count} recordings`,
    async () => {
      const items = await recorded();
      return items.length >= count ? items : null;
    },
    60_000,
  );

before(
  async () => {
    const rtsp = await startCameras(`gate/main ${media("h264-aac.mp4")}`);
    base = await startHeron();
    await call("POST", `${api}/cameras`, {
      id: camera,
      name: "Gate",
      stream: { url: `${rtsp}/gate/main` },
      recording: { segment_seconds: 2 },
    });
    browser = await startBrowser();
    ({ page, faults } = await openPage(browser, base));
  },
  { timeout: 180_000 },
);
after(stopAll, { timeout: 60_000 });

/** Remembers in the page how long each stop of the picture took. */
const watchStalls = () =>
  page.locator("video").evaluate((video) => {
    const waits = (globalThis.heronWaits = []);
    let since = null;
    const over = () => {
      if (since !== null) waits.push({ ms: performance.now() - since, at: video.currentTime });
      since = null;
    };
    video.addEventListener("waiting", () => (since ??= performance.now()));
    video.addEventListener("playing", over);
    video.addEventListener("timeupdate", over);
  });

test("the day's playlist plays through in hls.js without a stall", async () => {
  await files(3);
  await call("POST", `${api}/cameras/${camera}/stop`);
  await new Promise((done) => setTimeout(done, 4000));
  const before = await files(3);
  await call("POST", `${api}/cameras/${camera}/start`);
  await files(before.length + 3);
  await call("POST", `${api}/cameras/${camera}/stop`);
  await new Promise((done) => setTimeout(done, 2000));
  const items = await recorded();
  const holes = items.filter((item, i) => i > 0 && item.start - items[i - 1].end > 1500);
  assert.equal(holes.length, 1, "one hole between the recordings");
  const [first, last] = [items[0], items[items.length - 1]];

  await page.goto(`/recordings/${camera}?t=${first.start}`);
  await watchStalls();
  await waitFor("playback", async () => {
    const state = await videoState(page);
    return state.ready >= 3 && !state.paused && state.width > 0;
  });
  const timeline = page.getByRole("slider", { name: "Timeline" });
  await waitFor(
    "the end",
    async () => Number(await timeline.getAttribute("aria-valuenow")) > last.end - 700,
    60_000,
  );
  const waits = await page.evaluate(() => globalThis.heronWaits);
  const longest = Math.max(0, ...waits.map((wait) => wait.ms));
  console.log(
    `# ${items.length} files, ${waits.length} waits, the longest ${Math.round(longest)} ms`,
  );
  assert.ok(longest < 1000, JSON.stringify(waits));
  await page.getByText(/the end of what has been recorded/).waitFor();
  await shoot(page, "recordings-end.png");
});

test("a camera process killed in the middle of a file: live goes on, recordings play", async () => {
  const count = (await recorded()).length;
  await call("POST", `${api}/cameras/${camera}/start`);
  await page.goto(`/cameras/${camera}`);
  const playing = () =>
    waitFor("live picture", async () => {
      const state = await videoState(page).catch(() => null);
      return state?.phase === "playing" && state.time > 0 ? state : null;
    });
  await playing();
  await files(count + 1);
  await new Promise((done) => setTimeout(done, 1000));
  const { workers } = await call("GET", "/status");
  const worker = workers.find((item) => item.id.includes(camera));
  const killed = Date.now();
  process.kill(worker.pid, "SIGKILL");
  await waitFor("another process", async () => {
    const { workers: now } = await call("GET", "/status");
    const item = now.find(({ id }) => id === worker.id);
    return item.state === "running" && item.pid && item.pid !== worker.pid;
  });
  const { frames } = await videoState(page);
  await waitFor("pictures of the new process", async () => {
    const state = await videoState(page);
    return state.phase === "playing" && state.frames > frames + 15;
  });
  console.log(`# live again ${Date.now() - killed} ms after the kill`);
  await files(count + 4);
  const cut = await waitFor("the cut file", async () =>
    (await recorded()).find((item) => item.start < killed && item.end > killed - 500),
  );

  await page.goto(`/recordings/${camera}?t=${cut.start}`);
  const timeline = page.getByRole("slider", { name: "Timeline" });
  await waitFor(
    "playback across the kill",
    async () => Number(await timeline.getAttribute("aria-valuenow")) > killed + 2500,
  );
});

test("no script failed on the way", () => {
  assert.deepEqual(faults, []);
});
