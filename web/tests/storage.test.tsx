import { screen, waitFor, within } from "@testing-library/react";
import { http, HttpResponse } from "msw";
import { beforeEach, describe, expect, it } from "vitest";
import { formFrom, toSettings, validate } from "@/features/storage/settings-model";
import { daysLeftText, diskParts, forecastText } from "@/features/storage/storage-model";
import type { StorageConfig, StorageReport } from "@/lib/api/types";
import { makeCamera, makeStorage } from "./fixtures";
import { renderAt } from "./render";
import { errorBody, server } from "./server";

const v1 = "*/api/v1";
const sent: { section: string; body: unknown }[] = [];
const storageConfig: StorageConfig = { retention: { default_days: 30 } };
let report: StorageReport;

beforeEach(() => {
  sent.length = 0;
  report = makeStorage();
  server.use(
    http.get(`${v1}/system/storage`, () => HttpResponse.json(report)),
    http.get(`${v1}/config/storage`, () => HttpResponse.json(storageConfig)),
    http.get(`${v1}/config/system`, () => HttpResponse.json({ max_storage_gb: 0, min_free_gb: 1 })),
    http.get(`${v1}/evidence`, () =>
      HttpResponse.json({
        key: { algorithm: "ed25519", public_key: "00", fingerprint: "3f1c 9a20" },
        items: [],
        findings: 0,
      }),
    ),
    http.get(`${v1}/evidence/findings`, () => HttpResponse.json({ items: [], next: null })),
    http.patch(`${v1}/config/:section`, async ({ request, params }) => {
      sent.push({ section: String(params.section), body: await request.json() });
      return HttpResponse.json({});
    }),
  );
});

describe("what the storage page says", () => {
  it("tells how long the space lasts, and what ends it", () => {
    const base = makeStorage();
    const forecast = (change: Partial<StorageReport["forecast"]>) =>
      forecastText({ ...base, forecast: { ...base.forecast, ...change } });
    expect(forecast({})).toMatch(/^39\.3 GB a day\. Room for about 12 days more/);
    expect(forecast({})).toMatch(/within the limit of 1\.5 TB\.$/);
    expect(forecast({ limited_by: "min_free" })).toMatch(/of which 20\.0 GB stay free/);
    expect(forecast({ days_left: null, limited_by: "days" })).toMatch(/room for everything/);
    expect(forecast({ bytes_per_day: 0 })).toMatch(/Nothing was recorded/);
    expect(forecast({ days_left: 0.4 })).toMatch(/less than a day/);
    expect(daysLeftText(null)).toBe("All its days");
  });

  it("shares out the disk", () => {
    const [location] = report.locations;
    if (!location) throw new Error("no location");
    expect(diskParts(location).map((part) => part.bytes)).toEqual([590e9, 696e9, 712e9]);
  });
});

describe("the storage page", () => {
  it("shows places, usage, what goes next, and the key", async () => {
    renderAt("/storage");
    expect(await screen.findByText("Recordings folder")).toBeVisible();
    expect(screen.getByText("/var/lib/heron/recordings")).toBeVisible();
    const row = screen.getByRole("row", { name: /Driveway/ });
    expect(within(row).getByText("about 12 days")).toBeVisible();
    expect(screen.getByText(/when space is needed/)).toBeVisible();
    expect(await screen.findByText("3f1c 9a20")).toBeVisible();
    expect(await screen.findByText(/that was read again is\s+unchanged/)).toBeVisible();
  });

  it("asks before another disk is taken", async () => {
    const [first] = report.locations;
    if (!first) throw new Error("no location");
    report.locations = [{ ...first, state: "missing", error: "The disk is not mounted." }];
    let adopted = "";
    server.use(
      http.post(`${v1}/system/storage/locations/:tier/adopt`, ({ params }) => {
        adopted = String(params.tier);
        return new HttpResponse(null, { status: 204 });
      }),
    );
    const { user } = renderAt("/storage");
    expect(await screen.findByText("The disk is not mounted.")).toBeVisible();
    await user.click(screen.getByRole("button", { name: /right disk/ }));
    expect(adopted).toBe("");
    await user.click(await screen.findByRole("button", { name: "Use this disk" }));
    await waitFor(() => expect(adopted).toBe("hot"));
  });

  it("shows what was found wrong until somebody has seen it", async () => {
    const finding = {
      id: 7,
      camera: "driveway",
      recording: "driveway-1",
      start: 1,
      kind: "changed",
      at: 1_700_000_003_000,
      message: "Not the bytes that were recorded.",
      found: 2,
    };
    let items = [finding];
    server.use(
      http.get(`${v1}/evidence/findings`, () => HttpResponse.json({ items, next: null })),
      http.delete(`${v1}/evidence/findings/7`, () => {
        items = [];
        return new HttpResponse(null, { status: 204 });
      }),
    );
    const { user } = renderAt("/storage");
    const list = await screen.findByRole("list", { name: "Findings" });
    expect(within(list).getByText(/^Changed: Driveway/)).toBeVisible();
    await user.click(within(list).getByRole("button", { name: "Seen" }));
    await waitFor(() => expect(screen.queryByRole("list", { name: "Findings" })).toBeNull());
  });

  it("says when nothing may be deleted", async () => {
    report.state = "full";
    renderAt("/storage");
    expect(await screen.findByText(/nothing may be deleted/)).toBeVisible();
  });
});

describe("the storage settings", () => {
  it("saves limits and a second place", async () => {
    const { user } = renderAt("/storage");
    const most = await screen.findByLabelText("At most, GB");
    await user.clear(most);
    await user.type(most, "500");
    await user.selectOptions(screen.getByLabelText("Second place"), "folder");
    await user.type(screen.getByLabelText("Second place: folder"), "/mnt/disk2");
    await user.type(screen.getByLabelText("Move on after, days"), "7");
    await user.click(screen.getByRole("button", { name: "Save" }));
    await waitFor(() => expect(sent).toHaveLength(2));
    expect(sent[0]).toEqual({
      section: "storage",
      body: {
        retention: {
          default_days: 30,
          tiers: {
            hot: { duration_days: 7 },
            warm: { location: "/mnt/disk2" },
            cold: null,
          },
        },
        s3: { enabled: false },
      },
    });
    expect(sent[1]?.body).toEqual({ max_storage_gb: 500, min_free_gb: 1 });
  });

  it("complains at the fields, here and from the server", async () => {
    server.use(
      http.patch(`${v1}/config/storage`, () =>
        HttpResponse.json(
          errorBody("validation_failed", "Not valid.", [
            { field: "retention.tiers.warm.location", message: "Lies in the recordings folder." },
          ]),
          { status: 422 },
        ),
      ),
    );
    const { user } = renderAt("/storage");
    await user.selectOptions(await screen.findByLabelText("Second place"), "folder");
    await user.type(screen.getByLabelText("Second place: folder"), "disk2");
    await user.type(screen.getByLabelText("Move on after, days"), "7");
    await user.click(screen.getByRole("button", { name: "Save" }));
    expect(await screen.findByText(/The whole path of a folder/)).toBeVisible();
    await user.clear(screen.getByLabelText("Second place: folder"));
    await user.type(screen.getByLabelText("Second place: folder"), "/data/recordings/old");
    await user.click(screen.getByRole("button", { name: "Save" }));
    expect(await screen.findByText("Lies in the recordings folder.")).toBeVisible();
  });

  it("tests an object store before it is saved", async () => {
    const tests: unknown[] = [];
    server.use(
      http.post(`${v1}/system/storage/test`, async ({ request }) => {
        tests.push(await request.json());
        return HttpResponse.json({ ok: false, latency_ms: null, error: "The keys are wrong." });
      }),
    );
    const { user } = renderAt("/storage");
    await user.selectOptions(await screen.findByLabelText("Archive"), "s3");
    await user.type(screen.getByLabelText("Address"), "http://nas:9000");
    await user.type(screen.getByLabelText("Bucket"), "heron");
    await user.click(screen.getByRole("button", { name: "Test the store" }));
    expect(await screen.findByText("The keys are wrong.")).toBeVisible();
    expect(tests).toEqual([
      {
        s3: {
          enabled: true,
          endpoint: "http://nas:9000",
          region: "us-east-1",
          bucket: "heron",
          prefix: "",
          access_key: "",
          path_style: true,
        },
      },
    ]);
    await user.click(screen.getByRole("button", { name: "Save" }));
    expect(await screen.findByText("The account's secret key.")).toBeVisible();
  });

  it("keeps a stored secret, and takes places out by null", () => {
    const form = formFrom(
      { max_storage_gb: 0, min_free_gb: 1 },
      {
        retention: { tiers: { hot: { duration_days: 3 }, cold: { location: "s3" } } },
        s3: { endpoint: "https://s3", bucket: "b", access_key: "k", has_secret_key: true },
      },
    );
    expect(validate(form, true)).toEqual({});
    expect(validate(form, false)).toHaveProperty("secretKey");
    expect(toSettings(form).storage.s3).not.toHaveProperty("secret_key");
    expect(toSettings({ ...form, coldKind: "none" }).storage.retention.tiers).toEqual({
      hot: null,
      warm: null,
      cold: null,
    });
  });
});

describe("recording by hand", () => {
  it("is offered when something could be missed, and ended by the same button", async () => {
    let asked: unknown = null;
    const now = { mode: "motion", reason: "off", until: null, next_change: null } as const;
    let camera = makeCamera({ recording_now: now, recording_active: false });
    server.use(
      http.get(`${v1}/cameras/front-door`, () => HttpResponse.json(camera)),
      http.post(`${v1}/cameras/front-door/record/start`, async ({ request }) => {
        asked = await request.json();
        camera = makeCamera({
          recording_now: { ...now, reason: "manual", until: Date.now() + 600_000 },
        });
        return HttpResponse.json({ until: Date.now() + 600_000 });
      }),
      http.post(`${v1}/cameras/front-door/record/stop`, () => {
        asked = "stop";
        return new HttpResponse(null, { status: 204 });
      }),
    );
    const { user } = renderAt("/cameras/front-door");
    await user.click(await screen.findByRole("button", { name: "Record now" }));
    expect(asked).toEqual({ duration_seconds: 600 });
    expect(await screen.findByText(/^By hand until/)).toBeVisible();
    await user.click(await screen.findByRole("button", { name: "Stop recording" }));
    await waitFor(() => expect(asked).toBe("stop"));
  });

  it("is not offered when everything is recorded anyway", async () => {
    renderAt("/cameras/front-door");
    expect(await screen.findByText("Always")).toBeVisible();
    expect(screen.queryByRole("button", { name: "Record now" })).toBeNull();
  });
});
