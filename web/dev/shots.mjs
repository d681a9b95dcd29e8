// Pictures of every page: node dev/shots.mjs BASE FOLDER [NAME=PATH...]
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";

const [base, folder, ...chosen] = process.argv.slice(2);
const pages = Object.fromEntries(
  (chosen.length > 0
    ? chosen
    : ["cameras=/cameras", "add=/cameras/add", "camera=/cameras/front-door"].concat([
        "recordings=/recordings/front-door",
        "system=/system",
        "logs=/logs",
        "404=/nowhere",
      ])
  ).map((item) => item.split(/=(.*)/)),
);
const sizes = { desktop: { width: 1440, height: 900 }, phone: { width: 390, height: 844 } };
const only = process.env.ONLY?.split(",") ?? [
  "desktop-dark",
  "phone-light",
  "desktop-light",
  "phone-dark",
];

mkdirSync(folder, { recursive: true });
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--no-sandbox",
    "--headless=new",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
  ].concat(["--disable-background-networking", "--disable-component-update", "--disable-sync"]),
});
for (const variant of only) {
  const [size, colorScheme] = variant.split("-");
  const context = await browser.newContext({ viewport: sizes[size], colorScheme });
  const page = await context.newPage();
  page.on("console", (message) => {
    if (message.type() === "error") console.log(variant, page.url(), message.text());
  });
  page.on("pageerror", (error) => console.log(variant, page.url(), String(error)));
  for (const [name, path] of Object.entries(pages)) {
    await page.goto(base + path);
    await page.waitForTimeout(2500);
    await page.screenshot({ path: join(folder, `${name}-${variant}.png`) });
  }
  await context.close();
}
await browser.close();
