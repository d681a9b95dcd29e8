import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { PreviewLoader, previewStep } from "@/lib/media/preview-loader";

type Asked = { time: number; signal: AbortSignal; answer: (blob: Blob | null) => void };

describe("previews", () => {
  let asked: Asked[] = [];
  let shown: (string | null)[] = [];
  let now = 0;
  let made = 0;
  let loader: PreviewLoader;
  const revoke = vi.fn();

  beforeEach(() => {
    asked = [];
    shown = [];
    made = 0;
    now = 1000;
    revoke.mockClear();
    vi.spyOn(performance, "now").mockImplementation(() => now);
    vi.spyOn(URL, "createObjectURL").mockImplementation(() => `blob:${++made}`);
    vi.spyOn(URL, "revokeObjectURL").mockImplementation(revoke);
    loader = new PreviewLoader(
      (time, signal) =>
        new Promise((answer, refuse) => {
          asked.push({ time, signal, answer });
          signal.addEventListener("abort", () => refuse(new Error("aborted")));
        }),
      (url) => shown.push(url),
    );
  });
  afterEach(() => vi.restoreAllMocks());

  const answer = async (blob: Blob | null = new Blob()) => {
    asked.at(-1)?.answer(blob);
    await new Promise((done) => setTimeout(done));
  };

  it("asks once at a time, for the newest wish, and nothing twice", async () => {
    loader.want(9_500, 1000);
    loader.want(9_900, 1000);
    loader.want(20_000, 1000);
    loader.want(30_000, 1000);
    expect(asked.map(({ time }) => time)).toEqual([10_000]);
    await answer();
    expect(shown).toEqual([]);
    expect(asked.map(({ time }) => time)).toEqual([10_000, 30_000]);
    await answer();
    expect(shown).toEqual(["blob:2"]);
    loader.want(10_000, 1000);
    expect(shown).toEqual(["blob:2", "blob:1"]);
    expect(asked).toHaveLength(2);
  });

  it("gives up a slow request for a newer wish, and all of them when left", async () => {
    loader.want(10_000, 1000);
    now += 400;
    loader.want(20_000, 1000);
    expect(asked[0]?.signal.aborted).toBe(true);
    await new Promise((done) => setTimeout(done));
    expect(asked[1]?.time).toBe(20_000);
    loader.leave();
    expect(asked[1]?.signal.aborted).toBe(true);
    expect(shown.at(-1)).toBeNull();
  });

  it("remembers that there is none, but not of the last minute", async () => {
    loader.want(10_000, 1000);
    await answer(null);
    expect(shown).toEqual([null]);
    loader.want(20_000, 1000);
    await answer(null);
    loader.want(10_000, 1000);
    expect(asked).toHaveLength(2);
    const recent = Math.ceil(Date.now() / 1000) * 1000;
    loader.want(recent, 1000);
    await answer(null);
    loader.want(20_000, 1000);
    loader.want(recent, 1000);
    expect(asked).toHaveLength(4);
    loader.close();
  });

  it("keeps a bounded number of pictures", async () => {
    for (let i = 0; i < 302; i++) {
      loader.want(i * 1000, 1000);
      await answer();
    }
    expect(revoke).toHaveBeenCalledTimes(2);
    loader.close();
    expect(revoke).toHaveBeenCalledTimes(302);
  });

  it("rounds by what a pixel is", () => {
    expect([previewStep(10), previewStep(400), previewStep(90_000)]).toEqual([1000, 2000, 10_000]);
  });
});
