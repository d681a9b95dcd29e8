// Several cameras by one clock.
import assert from "node:assert/strict";
import { after, before, test as plainTest } from "node:test";
import { media, openPage, shoot, startBrowser, startCameras, startHeron } from "./harness.mjs";
import { axe, stopAll, waitFor } from "./harness.mjs";

const api = "/api/v1";
let base, browser, page, faults;

async function call(method, path, body) {
  const response = await fetch(base + path, {
    method,
    headers: { "Content-Type": "application/json" },
    body: body && JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status}`);
  return response.status === 204 ? null : response.json();
}

async function recorded(camera) {
  const query = `camera=${camera}&start=0&end=${Date.now()}&limit=500`;
  const { items } = await call("GET", `${api}/recordings?${query}`);
  return items.sort((a, b) => a.start - b.start);
}

const files = (camera, count) =>
  waitFor(
    `${count} recordings of ${camera}`,
    async () => {
      const items = await recorded(camera);
      return items.length >= count ? items : null;
    },
    90_000,
  );

/** A test that leaves a picture of the page where it failed. */
const test = (name, run) =>
  plainTest(name, async () => {
    try {
      await run();
    } catch (error) {
      await shoot(page, `failed: ${name}.png`).catch(() => undefined);
      throw error;
    }
  });

before(
  async () => {
    const rtsp = await startCameras(
      `gate/main ${media("h264-aac.mp4")}`,
      `yard/main ${media("h264-small.mp4")}`,
    );
    base = await startHeron();
    for (const [id, name] of [
      ["gate", "Gate"],
      ["yard", "Yard"],
    ]) {
      await call("POST", `${api}/cameras`, {
        id,
        name,
        stream: { url: `${rtsp}/${id}/main` },
        recording: { segment_seconds: 2 },
      });
    }
    browser = await startBrowser();
    ({ page, faults } = await openPage(browser, base));
  },
  { timeout: 180_000 },
);
after(stopAll, { timeout: 60_000 });

const timeline = () => page.getByRole("slider", { name: "Timeline" });

/** Wall clock of each picture, by the server's own playlist and not by what the page believes. */
async function walls(zeros) {
  const times = await page
    .locator("video")
    .evaluateAll((videos) => videos.map((video) => video.currentTime));
  return times.map((time, i) => zeros[i] + time * 1000);
}

/** Wall clock where each camera's playlist begins; the recordings have no hole. */
async function playlistZeros(start) {
  const zeros = [];
  for (const camera of ["gate", "yard"]) {
    const from = start - 5 * 60_000;
    const query = `start=${from}&end=${from + 2 * 3_600_000}`;
    const path = `${api}/recordings/playback/${camera}/index.m3u8?${query}`;
    const text = await (await fetch(base + path)).text();
    assert.ok(!text.includes("#EXT-X-DISCONTINUITY"), `${camera} was recorded without a hole`);
    zeros.push(Date.parse(/#EXT-X-PROGRAM-DATE-TIME:(\S+)/.exec(text)[1]));
  }
  return zeros;
}

test("two cameras play within 150 ms of each other", async () => {
  await files("gate", 10);
  const [first] = await files("yard", 10);
  const [other] = await recorded("gate");
  const start = Math.max(first.start, other.start) + 1000;
  const zeros = await playlistZeros(start);
  await page.goto(`/recordings/gate?with=yard&t=${start}`);
  await waitFor("both pictures", async () =>
    page
      .locator("video")
      .evaluateAll(
        (videos) =>
          videos.length === 2 && videos.every((video) => !video.paused && video.readyState >= 3),
      ),
  );
  await page.waitForTimeout(2000);
  const apart = [];
  for (let i = 0; i < 24; i++) {
    const [a, b] = await walls(zeros);
    apart.push(Math.abs(a - b));
    await page.waitForTimeout(250);
  }
  const worst = Math.max(...apart);
  console.log(`# apart: at most ${Math.round(worst)} ms in ${apart.length} looks`);
  assert.ok(worst < 150, apart.map(Math.round).join(" "));
  await shoot(page, "recordings-two.png");
});

test("paused and stepped, both stand on the same moment", async () => {
  await page.getByRole("button", { name: "Pause" }).click();
  // The clock is told ten times a second.
  await page.waitForTimeout(300);
  const zeros = await playlistZeros((await recorded("gate"))[0].start + 1000);
  const before = Number(await timeline().getAttribute("aria-valuenow"));
  for (let i = 0; i < 5; i++) await page.keyboard.press(",");
  await waitFor("the step back", async () => {
    const now = Number(await timeline().getAttribute("aria-valuenow"));
    return before - now > 200 && before - now < 600;
  });
  await waitFor("both pictures to follow", async () => {
    const [a, b] = await walls(zeros);
    return Math.abs(a - b) < 70;
  });
});

/** Pixels from the left of the page for a moment on the timeline. */
async function pointOf(time, lane = 0) {
  const box = await timeline().boundingBox();
  const [from, to] = (await timeline().getAttribute("data-view")).split("-").map(Number);
  return { x: box.x + (box.width * (time - from)) / (to - from), y: box.y + 45 + lane * 35 };
}

test("dragging over the timeline shows small pictures, and seeks when let go", async () => {
  const [first] = await recorded("gate");
  const at = await waitFor(
    "a preview on the server",
    async () => {
      const path = `${api}/recordings/preview/gate/index?start=${first.start}&end=${Date.now()}`;
      const { times } = await call("GET", path);
      return times[0];
    },
    60_000,
  );
  await page.goto("/recordings/gate");
  await waitFor(
    "the timeline",
    async () => Number(await timeline().getAttribute("data-ranges")) > 0,
  );
  let asked = 0;
  page.on("request", (request) => (asked += request.url().includes("index.m3u8") ? 1 : 0));
  const from = await pointOf(at - 5_000);
  const to = await pointOf(at + 2_000);
  await page.mouse.move(from.x, from.y);
  await page.mouse.down();
  await page.mouse.move(to.x, to.y, { steps: 12 });
  const picture = page.getByTestId("timeline-hover").getByRole("img");
  await picture.waitFor();
  const width = await waitFor("the picture's bytes", () =>
    picture.evaluate((image) => image.naturalWidth),
  );
  console.log(`# the preview is ${width} pixels wide`);
  assert.equal(asked, 0, "nothing is sought while dragging");
  await shoot(page, "recordings-preview.png");
  await page.mouse.up();
  await waitFor("the picture that was let go at", async () => {
    const now = Number(await timeline().getAttribute("aria-valuenow"));
    return Math.abs(now - at) < 12_000 && asked > 0;
  });
});

test("a gap tells its cause, from when to when, under the pointer", async () => {
  await call("POST", `${api}/cameras/gate/stop`);
  await page.waitForTimeout(5000);
  await call("POST", `${api}/cameras/gate/start`);
  const count = (await recorded("gate")).length;
  await files("gate", count + 2);
  const gap = await waitFor("the gap on the server", async () => {
    const query = `camera=gate&start=${Date.now() - 3_600_000}&end=${Date.now()}`;
    const { items } = await call("GET", `${api}/recordings/timeline?${query}`);
    return items[0].gaps.find(
      ({ cause, start, end }) => cause === "operator" && end - start > 3000,
    );
  });
  await page.goto("/recordings/gate?with=yard");
  await waitFor("the gap on the page", async () =>
    Number(await timeline().getAttribute("data-gaps")),
  );
  const at = await pointOf((gap.start + gap.end) / 2);
  await page.mouse.move(at.x, at.y);
  const card = page.getByTestId("timeline-hover");
  await card.getByText(/Recording was switched off/).waitFor();
  const words = await card.textContent();
  assert.match(words, /^Gate.*No recording, \d\d:\d\d:\d\d – \d\d:\d\d:\d\d \(\d+ s\)/);
  await page
    .getByTestId("day-summary")
    .getByText(/not recorded: .*switched off/)
    .waitFor();
  await shoot(page, "recordings-gap.png");
});

test("where one camera has a gap, the other plays on, and it joins again", async () => {
  const query = `camera=gate&start=${Date.now() - 3_600_000}&end=${Date.now()}`;
  const { items } = await call("GET", `${api}/recordings/timeline?${query}`);
  const gap = items[0].gaps.find(
    ({ cause, start, end }) => cause === "operator" && end - start > 3000,
  );
  await page.goto(`/recordings/gate?with=yard&t=${gap.start - 2500}`);
  await page.getByText(/No recording: Recording was switched off/).waitFor();
  const moving = () =>
    page
      .getByLabel("Recording of Yard")
      .evaluate((video) => !video.paused && video.currentTime > 0);
  assert.ok(await moving(), "the other camera plays on");
  await waitFor("the first camera to join again", () =>
    page
      .getByLabel("Recording of Gate")
      .evaluate((video) => !video.paused && video.readyState >= 3),
  );
  await page.waitForTimeout(1500);
  const [a, b] = await page
    .locator("video")
    .evaluateAll((videos) => videos.map((video) => Number(video.dataset.wall)));
  assert.ok(Math.abs(a - b) < 150, `${Math.round(a - b)} ms apart after the gap`);
});

test("nothing serious for axe with two cameras", async () => {
  assert.deepEqual(await axe(page), []);
});

test("no script failed on the way", () => {
  assert.deepEqual(faults, []);
});
