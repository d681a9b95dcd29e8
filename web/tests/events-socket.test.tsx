import { render } from "@testing-library/react";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  EventsSocket,
  parseServerMessage,
  topicMatches,
  useServerEvents,
  type ServerEvent,
} from "@/lib/events-socket";

class FakeSocket {
  static all: FakeSocket[] = [];
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: (() => void) | null = null;
  sent: unknown[] = [];
  closed = false;
  constructor(readonly url: string) {
    FakeSocket.all.push(this);
  }
  send(text: string) {
    this.sent.push(JSON.parse(text));
  }
  close() {
    this.closed = true;
    this.onclose?.();
  }
  say(message: unknown) {
    this.onmessage?.({ data: JSON.stringify(message) });
  }
}

const gap = { id: 7, topic: "recording.gap", time: 1000, data: { camera: "front" } };

function last(): FakeSocket {
  const socket = FakeSocket.all[FakeSocket.all.length - 1];
  if (!socket) throw new Error("no socket");
  return socket;
}

function listener() {
  const events: ServerEvent[] = [];
  const onMissed = vi.fn();
  return { events, onMissed, onEvent: (event: ServerEvent) => events.push(event) };
}

describe("messages of /ws", () => {
  it("takes events, losses and answers, and nothing else", () => {
    expect(parseServerMessage(JSON.stringify(gap))).toEqual({ type: "event", event: gap });
    expect(parseServerMessage('{"type":"lost","count":3}')).toEqual({ type: "lost", count: 3 });
    expect(parseServerMessage('{"type":"subscribed","topics":["a",1]}')).toEqual({
      type: "subscribed",
      topics: ["a"],
    });
    for (const bad of [
      "",
      "[]",
      "null",
      "{}",
      '{"type":"news"}',
      '{"id":1,"topic":"a","time":1}',
    ]) {
      expect(parseServerMessage(bad)).toBeNull();
    }
  });

  it("matches topics as the server does", () => {
    expect(topicMatches("recording.*", "recording.gap")).toBe(true);
    expect(topicMatches("recording.*", "recordings.gap")).toBe(false);
    expect(topicMatches("recording.gap", "recording.gap")).toBe(true);
    expect(topicMatches("*", "job.updated")).toBe(true);
  });
});

describe("EventsSocket", () => {
  beforeEach(() => {
    vi.useFakeTimers();
    FakeSocket.all = [];
    vi.stubGlobal("WebSocket", FakeSocket);
  });

  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  it("opens with the first listener, closes with the last, asks for the difference", () => {
    const socket = new EventsSocket(() => "ws://test/ws");
    const one = listener();
    const two = listener();
    const stopOne = socket.listen(["recording.*"], one);
    expect(last().url).toBe("ws://test/ws");
    last().onopen?.();
    const stopTwo = socket.listen(["recording.*", "job.updated"], two);
    expect(last().sent).toEqual([{ subscribe: ["recording.*"] }, { subscribe: ["job.updated"] }]);
    last().say(gap);
    last().say({ ...gap, id: 8, topic: "job.updated" });
    expect(one.events.map((event) => event.id)).toEqual([7]);
    expect(two.events.map((event) => event.id)).toEqual([7, 8]);
    stopTwo();
    stopTwo();
    expect(last().sent[2]).toEqual({ unsubscribe: ["job.updated"] });
    stopOne();
    expect(last().closed).toBe(true);
    vi.advanceTimersByTime(60_000);
    expect(FakeSocket.all).toHaveLength(1);
  });

  it("connects again, ever later, and tells that something may be missing", () => {
    const socket = new EventsSocket(() => "ws://test/ws");
    const one = listener();
    const stop = socket.listen(["*"], one);
    last().onopen?.();
    expect(one.onMissed).not.toHaveBeenCalled();
    last().close();
    for (let i = 2; i <= 4; i++) {
      vi.advanceTimersByTime(30_000);
      expect(FakeSocket.all).toHaveLength(i);
      if (i < 4) last().close();
    }
    last().onopen?.();
    expect(last().sent).toEqual([{ subscribe: ["*"] }]);
    expect(one.onMissed).toHaveBeenCalledTimes(1);
    last().say({ type: "lost", count: 12 });
    expect(one.onMissed).toHaveBeenCalledTimes(2);
    stop();
  });

  it("does not reconnect when the last listener went while it was waiting", () => {
    const socket = new EventsSocket(() => "ws://test/ws");
    const stop = socket.listen(["*"], listener());
    last().close();
    stop();
    vi.advanceTimersByTime(60_000);
    expect(FakeSocket.all).toHaveLength(1);
  });

  it("serves a component through its newest listener", () => {
    const socket = new EventsSocket(() => "ws://test/ws");
    const seen: string[] = [];
    const Page = ({ name, topics }: { name: string; topics: string[] }) => {
      useServerEvents(topics, { onEvent: (event) => seen.push(`${name} ${event.topic}`) }, socket);
      return null;
    };
    const view = render(<Page name="first" topics={["recording.*"]} />);
    last().onopen?.();
    view.rerender(<Page name="second" topics={["recording.*"]} />);
    last().say(gap);
    expect(seen).toEqual(["second recording.gap"]);
    expect(last().sent).toHaveLength(1);
    view.rerender(<Page name="second" topics={["job.*"]} />);
    view.unmount();
    expect(FakeSocket.all.every((fake) => fake.closed)).toBe(true);
  });
});
