// From a range on the timeline to a file that plays.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { after, before, test as plainTest } from "node:test";
import { axe, media, openPage, shoot, startBrowser, startCameras } from "./harness.mjs";
import { startHeron, stopAll, waitFor } from "./harness.mjs";

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
    const rtsp = await startCameras(`gate/main ${media("h264-aac.mp4")}`);
    base = await startHeron();
    await call("POST", `${api}/cameras`, {
      id: "gate",
      name: "Gate",
      stream: { url: `${rtsp}/gate/main` },
      recording: { segment_seconds: 2 },
    });
    browser = await startBrowser();
    ({ page, faults } = await openPage(browser, base, { acceptDownloads: true }));
    await waitFor(
      "recordings",
      async () => {
        const path = `${api}/recordings?camera=gate&start=0&end=${Date.now()}&limit=100`;
        return (await call("GET", path)).items.length >= 6;
      },
      60_000,
    );
  },
  { timeout: 180_000 },
);
after(stopAll, { timeout: 60_000 });

/** Selects the wanted milliseconds in the middle of what is recorded, by dragging with shift. */
async function select(length) {
  const timeline = page.getByRole("slider", { name: "Timeline" });
  await waitFor("the timeline", async () => Number(await timeline.getAttribute("data-ranges")) > 0);
  const day = new Date().setHours(0, 0, 0, 0);
  const { items } = await call(
    "GET",
    `${api}/recordings/timeline?camera=gate&start=${day}&end=${Date.now()}`,
  );
  const [start, end] = items[0].ranges[0];
  const box = await timeline.boundingBox();
  const middle = (start + end) / 2;
  const [from, to] = (await timeline.getAttribute("data-view")).split("-").map(Number);
  await page.mouse.move(box.x + (box.width * (middle - from)) / (to - from), box.y + 60);
  for (let i = 0; i < 8; i++) await page.mouse.wheel(0, -120);
  await page.waitForTimeout(300);
  const view = (await timeline.getAttribute("data-view")).split("-").map(Number);
  const x = (time) => box.x + (box.width * (time - view[0])) / (view[1] - view[0]);
  await page.keyboard.down("Shift");
  await page.mouse.move(x(middle - length / 2), box.y + 60);
  await page.mouse.down();
  await page.mouse.move(x(middle + length / 2), box.y + 60, { steps: 6 });
  await page.mouse.up();
  await page.keyboard.up("Shift");
  await page.getByRole("region", { name: "Selected range" }).waitFor();
}

/** What ffprobe says of a file. */
function probe(file) {
  const entries = "format=duration:stream=codec_name,codec_type";
  const asked = ["-v", "error", "-of", "json", "-show_entries", entries, file];
  const result = spawnSync("ffprobe", asked, { encoding: "utf8" });
  assert.equal(result.status, 0, result.stderr);
  return JSON.parse(result.stdout);
}

test("a selected range is exported, listed, downloaded and played", async () => {
  await page.goto("/recordings/gate");
  await select(5000);
  await page.getByRole("button", { name: "Export…" }).click();
  const dialog = page.getByRole("dialog", { name: "Export" });
  await dialog
    .getByTestId("estimate")
    .getByText(/It fits/)
    .waitFor();
  await dialog.getByLabel(/Name/).fill("At the gate");
  await shoot(page, "export-dialog.png");
  assert.deepEqual(await axe(page), []);
  await dialog.getByRole("button", { name: "Start the export" }).click();
  await page.getByRole("button", { name: "Show exports" }).click();
  await page.waitForURL("**/exports");
  const link = page.getByRole("link", { name: /^Download At the gate/ });
  await link.waitFor({ timeout: 30_000 });
  await page.getByText("Proof", { exact: true }).waitFor();
  await shoot(page, "exports.png");
  assert.deepEqual(await axe(page), []);

  const download = page.waitForEvent("download");
  await link.click();
  const file = await (await download).path();
  const { format, streams } = probe(file);
  const seconds = Number(format.duration);
  assert.ok(seconds > 4 && seconds < 8, `${seconds} s long`);
  assert.deepEqual(streams.map(({ codec_name: name }) => name).sort(), ["aac", "h264"]);
  const { public_key: key } = await call("GET", `${api}/evidence/key`);
  const verified = spawnSync(
    `${process.env.NVR_BUILD ?? new URL("../../build", import.meta.url).pathname}/bin/nvr`,
    ["verify", file, "--key", key],
    { encoding: "utf8" },
  );
  assert.equal(verified.status, 0, verified.stdout + verified.stderr);

  await page.getByRole("button", { name: /^Play At the gate/ }).click();
  const video = page.getByRole("dialog").locator("video");
  await waitFor("the file to play", () =>
    video.evaluate((element) => element.readyState >= 2 && element.videoWidth > 0),
  );
  await page.getByRole("button", { name: "Close" }).click();
});

test("an export is deleted after asking", async () => {
  await page.getByRole("button", { name: /^Delete At the gate/ }).click();
  await page.getByRole("button", { name: "Delete export" }).click();
  await page.getByText("No exports yet").waitFor();
});

test("a range is protected with its reason, and released", async () => {
  await page.goto("/recordings/gate");
  await select(4000);
  await page.getByRole("button", { name: "Protect…" }).click();
  await page.getByLabel(/Reason/).fill("A visitor");
  await page.getByRole("button", { name: "Protect", exact: true }).click();
  await page.getByText("Protected", { exact: true }).first().waitFor();
  await page.getByRole("button", { name: "Protected ranges" }).click();
  await page.getByText(/A visitor/).waitFor();
  await shoot(page, "protected.png");
  await page.getByRole("button", { name: /^Release/ }).click();
  await page.getByText(/Nothing is protected/).waitFor();
  await page.keyboard.press("Escape");
});

test("a range is downloaded at once, without a job", async () => {
  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: "Download", exact: true }).click();
  const { format } = probe(await (await download).path());
  assert.ok(Number(format.duration) > 2, `${format.duration} s long`);
});

test("no script failed on the way", () => {
  assert.deepEqual(faults, []);
});
