// Starts the real programs on free ports in a fresh folder, and a browser; stops them all at the end.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../..", import.meta.url));
const build = process.env.NVR_BUILD ?? join(root, "build");
const shots = process.env.NVR_SHOTS;
const require = createRequire(join(root, "web", "package.json"));
const { chromium } = require("playwright-core");
const axeSource = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const stops = [];

/** Runs what the helpers below left to be stopped, last started first. */
export async function stopAll() {
  for (const stop of stops.splice(0).reverse()) await stop();
}

export async function waitFor(what, check, ms = 20_000) {
  const end = Date.now() + ms;
  for (;;) {
    const value = await check();
    if (value) return value;
    if (Date.now() > end) throw new Error(`still waiting for: ${what}`);
    await new Promise((done) => setTimeout(done, 100));
  }
}

function freePort() {
  return new Promise((done, fail) => {
    const server = createServer();
    server.on("error", fail);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });
}

/** Spawns a program; its output is kept for the error message of a failed start. */
function run(name, args) {
  const child = spawn(join(build, "bin", name), args, { stdio: ["ignore", "pipe", "pipe"] });
  const program = { output: "", exited: false };
  const keep = (chunk) => (program.output = (program.output + chunk).slice(-20_000));
  child.stdout.on("data", keep);
  child.stderr.on("data", keep);
  child.on("exit", (code, signal) => {
    program.exited = true;
    if (!program.stopping) {
      console.log(`${name} ended by itself (${signal ?? code}):\n${program.output.slice(-4000)}`);
    }
  });
  stops.push(async () => {
    program.stopping = true;
    child.kill("SIGTERM");
    await waitFor(`${name} to stop`, () => program.exited, 15_000).catch(() =>
      child.kill("SIGKILL"),
    );
  });
  return program;
}

/** The clips that the integration tests use as well. */
export function media(name) {
  const folder = join(build, "testmedia");
  if (!existsSync(join(folder, name))) {
    const script = join(root, "tests", "simcam", "mkmedia.sh");
    const made = spawnSync("bash", [script, folder, "test"], { encoding: "utf8" });
    if (made.status !== 0) throw new Error(made.stderr);
  }
  return join(folder, name);
}

/** Base address of a simulator with the given mounts (`PATH FILE OPTION…`, one a string). */
export async function startCameras(...mounts) {
  const camera = run("simcam", ["-p", "0", ...mounts]);
  const line = await waitFor("simcam", () => {
    if (camera.exited) throw new Error(`simcam ended: ${camera.output}`);
    return /listening on (\S+:\d+)/.exec(camera.output);
  });
  return `rtsp://${line[1]}`;
}

/** Heron with the demo camera; answers when the health check does. */
export async function startHeron() {
  const data = mkdtempSync(join(tmpdir(), "heron-e2e-"));
  stops.push(() => rmSync(data, { recursive: true, force: true }));
  const address = `127.0.0.1:${await freePort()}`;
  const heron = run("nvr", ["serve", "--demo", "--data", data, "--listen", address]);
  const base = `http://${address}`;
  await waitFor("Heron", async () => {
    if (heron.exited) throw new Error(`nvr ended: ${heron.output}`);
    return fetch(`${base}/health`).then(
      () => true,
      () => false,
    );
  });
  return base;
}

export async function startBrowser() {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [
      "--no-sandbox",
      "--headless=new",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
  stops.push(() => browser.close());
  return browser;
}

/** A page that remembers what went wrong in it. */
export async function openPage(browser, base, options = {}) {
  const context = await browser.newContext({
    baseURL: base,
    viewport: { width: 1440, height: 900 },
    colorScheme: "dark",
    ...options,
  });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  const faults = [];
  page.on("pageerror", (error) => faults.push(String(error)));
  return { page, faults };
}

/** A picture of the page, where $NVR_SHOTS says; nothing without it. */
export async function shoot(page, name, options = {}) {
  if (!shots) return;
  mkdirSync(shots, { recursive: true });
  await page.screenshot({ path: join(shots, name), ...options });
}

/** Rules of axe that are broken, as `rule: elements`; moving pictures do not matter to it. */
export async function axe(page) {
  // Evaluated, not added as a script: the page's policy forbids foreign ones.
  await page.evaluate(axeSource);
  const violations = await page.evaluate(async () => {
    const result = await globalThis.axe.run(document, { resultTypes: ["violations"] });
    return result.violations
      .filter((item) => item.impact === "serious" || item.impact === "critical")
      .map((item) => `${item.id}: ${item.nodes.map((node) => node.html).join(" | ")}`);
  });
  return violations;
}

/** State of the only <video> of a page. */
export function videoState(page) {
  return page
    .locator("video")
    .first()
    .evaluate((video) => ({
      time: video.currentTime,
      paused: video.paused,
      ready: video.readyState,
      width: video.videoWidth,
      phase: video.dataset.phase,
      firstFrameMs: Number(video.dataset.firstFrameMs ?? NaN),
      frames: video.getVideoPlaybackQuality().totalVideoFrames,
    }));
}
