import { describe, expect, it } from "vitest";
import {
  emptyForm,
  formFromCamera,
  placeErrors,
  toInput,
  toPatch,
  toProbe,
  urlProblem,
  validateForm,
} from "@/features/cameras/camera-form-model";
import { historySpans, onlineShare } from "@/features/cameras/history-model";
import { makeCamera } from "./fixtures";

describe("camera form", () => {
  it("knows a stream's address", () => {
    expect(urlProblem("rtsp://10.0.0.2:554/main")).toBeUndefined();
    expect(urlProblem("file:///srv/clip.mp4")).toBeUndefined();
    expect(urlProblem("10.0.0.2")).toMatch(/Begin with/);
    expect(urlProblem("ftp://x/y")).toMatch(/does not read ftp/);
    expect(urlProblem("rtsp://")).toMatch(/missing/);
    expect(urlProblem("rtsp:///main")).toMatch(/missing/);
    expect(urlProblem("rtsp://a b/c")).toMatch(/blanks/);
  });

  it("names every wrong field", () => {
    const errors = validateForm({
      ...emptyForm,
      subUrl: "x",
      fallbackUrls: "rtsp://a/b\nnope",
      segmentSeconds: "1",
      timeoutSeconds: "ten",
    });
    expect(Object.keys(errors).sort()).toEqual(
      ["fallbackUrls", "name", "segmentSeconds", "subUrl", "timeoutSeconds", "url"].sort(),
    );
    expect(validateForm({ ...emptyForm, name: "Door", url: "rtsp://a/b" })).toEqual({});
  });

  it("sends a password only when one was entered", () => {
    const form = { ...formFromCamera(makeCamera()), fallbackUrls: " rtsp://a/1 \n\n rtsp://a/2" };
    expect(form.password).toBe("");
    expect(toPatch(form).stream).not.toHaveProperty("password");
    expect(toPatch(form).stream?.fallback_urls).toEqual(["rtsp://a/1", "rtsp://a/2"]);
    expect(toInput({ ...form, password: "s" }).stream.password).toBe("s");
    expect(toProbe({ ...form, password: "s" }, null)).toMatchObject({ password: "s" });
    expect(toProbe(form, "front-door")).toMatchObject({ id: "front-door" });
  });

  it("puts the server's complaints at their fields", () => {
    const placed = placeErrors([
      { field: "stream.url", message: "first" },
      { field: "stream.url", message: "second" },
      { field: "stream.fallback_urls[1]", message: "bad" },
      { field: "tags", message: "odd" },
    ]);
    expect(placed.fields).toEqual({ url: "first", fallbackUrls: "bad" });
    expect(placed.rest).toEqual(["tags: odd"]);
  });
});

describe("history", () => {
  it("cuts periods to the bar and tells the share online", () => {
    const spans = historySpans(
      [
        { status: "online", start: 500, end: null, error: null },
        { status: "offline", start: 0, end: 500, error: "gone" },
        { status: "online", start: -100, end: 0, error: null },
      ],
      0,
      1000,
    );
    expect(spans.map(({ status, left, width }) => [status, left, width])).toEqual([
      ["offline", 0, 50],
      ["online", 50, 50],
    ]);
    expect(onlineShare(spans)).toBe(0.5);
    expect(onlineShare([])).toBeNull();
    expect(historySpans([], 5, 5)).toEqual([]);
  });
});
