// The main job in a browser, on the real programs: live, add a camera, record, look back.
import assert from "node:assert/strict";
import { after, before, test as plainTest } from "node:test";
import {
  axe,
  media,
  openPage,
  shoot,
  startBrowser,
  startCameras,
  startHeron,
  stopAll,
  videoState,
  waitFor,
} from "./harness.mjs";

let base, cameras, browser, page, faults;

before(
  async () => {
    cameras = await startCameras(
      `door/main ${media("h264-aac.mp4")}`,
      `door/sub ${media("h264-small.mp4")}`,
      `locked/main ${media("h264.mp4")} auth=viewer:secret`,
      `hevc/main ${media("h265-aac.mp4")}`,
      `mjpeg/main ${media("mjpeg.mov")}`,
    );
    base = await startHeron();
    browser = await startBrowser();
    ({ page, faults } = await openPage(browser, base));
  },
  { timeout: 180_000 },
);
after(stopAll, { timeout: 60_000 });

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

const playing = (target = page) =>
  waitFor("live picture", async () => {
    const state = await videoState(target).catch(() => null);
    return state?.phase === "playing" && state.time > 0 ? state : null;
  });

/** Media time must go on by about as much as the clock did. */
async function advances(ms = 3000, target = page) {
  const before = await videoState(target);
  await target.waitForTimeout(ms);
  const now = await videoState(target);
  const moved = (now.time - before.time) * 1000;
  assert.ok(moved > ms * 0.7, `only ${Math.round(moved)} ms played in ${ms} ms`);
  return now;
}

async function addCamera(name, path, { sub, user, password } = {}) {
  await page.goto("/cameras/add");
  await page.getByLabel("Name", { exact: true }).fill(name);
  await page.getByLabel("Stream address", { exact: true }).fill(`${cameras}/${path}`);
  if (sub) await page.getByLabel("Sub stream address").fill(`${cameras}/${sub}`);
  if (user) await page.getByLabel("User").fill(user);
  if (password) await page.getByLabel("Password").fill(password);
}

const save = async () => {
  await page.getByRole("button", { name: "Add camera" }).click();
  await page.waitForURL(/\/cameras\/(?!add)[^/]+$/);
};

test("the page opens with the demo camera's live tile", async () => {
  await page.goto("/");
  await page
    .getByRole("link", { name: /open live view/ })
    .first()
    .waitFor();
  await playing();
  await shoot(page, "cameras-one.png");
});

test("the camera page plays live within a second", async () => {
  await page
    .getByRole("link", { name: /open live view/ })
    .first()
    .click();
  const state = await playing();
  assert.ok(state.firstFrameMs < 1000, `first picture after ${state.firstFrameMs} ms`);
  console.log(`# first picture after ${state.firstFrameMs} ms`);
  const now = await advances();
  assert.ok(now.frames > 20, `${now.frames} frames shown`);
  const behind = await page.locator("[data-fact=Behind]").textContent();
  console.log(`# behind the camera: ${behind}`);
  await shoot(page, "camera.png");
});

test("main and sub are switched, and a picture can be saved", async () => {
  await page.getByRole("radio", { name: "Sub" }).click();
  await waitFor("sub stream", async () => {
    const state = await videoState(page);
    return state.phase === "playing" && state.width === 640;
  });
  const download = page.waitForEvent("download");
  await page.getByRole("link", { name: "Download a picture" }).click();
  assert.match((await download).suggestedFilename(), /\.jpg$/);
});

test("wrong settings are named at their fields", async () => {
  await page.goto("/cameras/add");
  await page.getByLabel("Name", { exact: true }).fill("Front door");
  await page.getByLabel("Stream address", { exact: true }).fill("gopher://10.0.0.1/x");
  await page.getByRole("button", { name: "Test connection" }).click();
  await page.getByText(/does not read gopher/).waitFor();
  await page.getByRole("link", { name: "Back to cameras" }).click();
  await page.getByRole("button", { name: "Leave" }).click();
});

test("the connection test says what is wrong in plain words", async () => {
  await addCamera("Locked", "locked/main", { user: "viewer", password: "wrong" });
  await page.getByRole("button", { name: "Test connection" }).click();
  await page.getByText("No connection").waitFor();
  const words = await page.getByRole("region", { name: "Connection test" }).textContent();
  assert.match(words, /password|credentials/i);
  await shoot(page, "probe-refused.png");
});

test("the connection test shows the picture; then the camera is saved and plays", async () => {
  await addCamera("Front door", "door/main", { sub: "door/sub" });
  await page.getByRole("button", { name: "Test connection" }).click();
  await page.getByText("Connected").waitFor();
  await page.getByText(/H\.264 · 640×360 · 15 fps/).waitFor();
  const width = await page
    .getByAltText("What the camera sees now")
    .evaluate((image) => image.naturalWidth);
  assert.ok(width >= 320, `the picture is ${width} pixels wide`);
  await shoot(page, "probe.png");
  await save();
  await playing();
  await advances();
});

test("an H.265 camera shows pictures and says why", async () => {
  await addCamera("Workshop", "hevc/main");
  await save();
  await page.getByText(/cannot play H\.265/).waitFor();
  await page.getByAltText("Workshop a moment ago").waitFor();
  await shoot(page, "camera-h265.png");
});

test("a Motion JPEG camera shows pictures", async () => {
  await addCamera("Yard", "mjpeg/main");
  await save();
  await page.getByAltText("Yard a moment ago").waitFor();
});

test("the grid shows every camera", async () => {
  await page.goto("/cameras");
  await waitFor(
    "four tiles",
    async () => (await page.getByRole("link", { name: /open live view/ }).count()) === 4,
  );
  await page.waitForTimeout(2500);
  await shoot(page, "cameras.png");
});

test("a click on the timeline plays the recording without a stall", async () => {
  await page.goto("/recordings/demo");
  const timeline = page.getByRole("slider", { name: "Timeline" });
  await waitFor(
    "a recorded range",
    async () => Number(await timeline.getAttribute("data-ranges")) > 0,
    45_000,
  );
  await page.getByRole("button", { name: "Play the latest" }).click();
  await waitFor("playback", async () => {
    const state = await videoState(page);
    return state.ready >= 3 && !state.paused && state.width > 0;
  });
  await advances(4000);
  await page
    .getByTestId("playhead")
    .filter({ hasText: /\d\d:\d\d:\d\d/ })
    .waitFor();
  await shoot(page, "recordings.png");
});

test("a pointer on the canvas seeks, the wheel zooms, keys move", async () => {
  const timeline = page.getByRole("slider", { name: "Timeline" });
  const recorded = await page.evaluate(async () => {
    const end = Date.now();
    const start = new Date().setHours(0, 0, 0, 0);
    const url = `/api/v1/recordings/timeline?camera=demo&start=${start}&end=${end}`;
    const { items } = await (await fetch(url)).json();
    return { from: items[0].ranges[0][0] };
  });
  const box = await timeline.boundingBox();
  const [from, to] = (await timeline.getAttribute("data-view")).split("-").map(Number);
  const share = (recorded.from + 2000 - from) / (to - from);
  const x = box.x + box.width * share;
  await page.mouse.move(x, box.y + 60);
  for (let i = 0; i < 30; i++) await page.mouse.wheel(0, -120);
  await page.waitForTimeout(300);
  await page.mouse.click(x, box.y + 60);
  await waitFor("the playhead to follow", async () => {
    const at = Number(await timeline.getAttribute("aria-valuenow"));
    return Math.abs(at - recorded.from) < 15_000;
  });
  await timeline.focus();
  const before = Number(await timeline.getAttribute("aria-valuenow"));
  await page.keyboard.press("ArrowRight");
  await waitFor("the key to move it", async () => {
    const at = Number(await timeline.getAttribute("aria-valuenow"));
    return at - before >= 5_000;
  });
  await shoot(page, "recordings-zoomed.png");
});

test("an H.265 recording offers the download instead", async () => {
  await page.goto("/recordings/workshop");
  await waitFor(
    "a recorded range",
    async () =>
      Number(await page.getByRole("slider", { name: "Timeline" }).getAttribute("data-ranges")) > 0,
    45_000,
  );
  await page.getByRole("button", { name: "Play the latest" }).click();
  await page.getByText(/This browser cannot play H\.265/).waitFor();
  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: "Download this segment" }).first().click();
  assert.match((await download).suggestedFilename(), /\.mp4$/);
});

test("system and logs tell how Heron is", async () => {
  await page.goto("/system");
  await page.getByText("Database").waitFor();
  await page.getByText("Running").first().waitFor();
  await shoot(page, "system.png");
  await page.goto("/logs");
  await page.getByRole("log").waitFor();
  await shoot(page, "logs.png");
});

test("the API documentation opens", async () => {
  await page.goto("/api/docs");
  await page.getByText("/api/v1/cameras", { exact: true }).first().waitFor();
});

test("a camera is deleted after asking", async () => {
  await page.goto("/cameras/yard");
  await page.getByRole("button", { name: "More actions" }).click();
  await page.getByRole("menuitem", { name: "Delete…" }).click();
  await page.getByRole("button", { name: "Delete camera" }).click();
  await page.waitForURL("**/cameras");
  await waitFor(
    "the tile to go",
    async () => (await page.getByRole("link", { name: /Yard/ }).count()) === 0,
  );
});

const pages = [
  ["cameras", "/cameras"],
  ["add", "/cameras/add"],
  ["camera", "/cameras/demo"],
  ["recordings", "/recordings/demo"],
  ["exports", "/exports"],
  ["system", "/system"],
  ["logs", "/logs"],
  ["404", "/nowhere"],
];

for (const colorScheme of ["dark", "light"]) {
  test(`nothing serious for axe, ${colorScheme}`, async () => {
    const { page: fresh } = await openPage(browser, base, { colorScheme });
    for (const [name, path] of pages) {
      await fresh.goto(path);
      await fresh.waitForTimeout(1500);
      assert.deepEqual(await axe(fresh), [], `${name}, ${colorScheme}`);
    }
    await fresh.context().close();
  });
}

test("every page fits a phone", async () => {
  const { page: phone } = await openPage(browser, base, {
    viewport: { width: 390, height: 844 },
    colorScheme: "light",
    isMobile: true,
    hasTouch: true,
  });
  for (const [name, path] of pages) {
    await phone.goto(path);
    await phone.waitForTimeout(1200);
    const wide = await phone.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(wide <= 390, `${name} is ${wide} pixels wide`);
    assert.ok(await phone.getByRole("navigation").last().isVisible());
    await shoot(phone, `phone-${name}.png`);
  }
  await phone.context().close();
});

test("no script failed on the way", () => {
  assert.deepEqual(faults, []);
});
