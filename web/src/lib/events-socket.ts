/**
 * What happens in the recorder, as it happens: one WebSocket for the whole page, open while somebody
 * listens. Reconnects by itself; whoever listens is told when messages may have been missed, so that
 * it can ask again for what it shows.
 */
import { useEffect, useRef } from "react";
import { reconnectDelay } from "./media/live-policy";

export type ServerEvent = {
  /** Counts up in one run of the recorder. */
  id: number;
  topic: string;
  /** Milliseconds since 1970 UTC. */
  time: number;
  data: Record<string, unknown>;
};

export type EventsListener = {
  onEvent: (event: ServerEvent) => void;
  /** Messages may be missing: the connection broke, or this client was too slow. */
  onMissed?: () => void;
};

export type ServerMessage =
  | { type: "event"; event: ServerEvent }
  | { type: "lost"; count: number }
  | { type: "subscribed"; topics: string[] };

type Raw = Record<string, unknown>;

const isRecord = (value: unknown): value is Raw =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** null: not a message we know; it is ignored, so that a newer server may say more. */
export function parseServerMessage(text: string): ServerMessage | null {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isRecord(raw)) return null;
  if (raw.type === "lost") {
    return { type: "lost", count: typeof raw.count === "number" ? raw.count : 0 };
  }
  if (raw.type === "subscribed" && Array.isArray(raw.topics)) {
    return { type: "subscribed", topics: raw.topics.filter((t) => typeof t === "string") };
  }
  const { id, topic, time, data } = raw;
  if (typeof id !== "number" || typeof topic !== "string" || typeof time !== "number") return null;
  if (!isRecord(data)) return null;
  return { type: "event", event: { id, topic, time, data } };
}

/** "recording.*" against "recording.gap", as the server matches. */
export function topicMatches(pattern: string, topic: string): boolean {
  return pattern.endsWith("*") ? topic.startsWith(pattern.slice(0, -1)) : topic === pattern;
}

type Entry = { topics: readonly string[]; listener: EventsListener };

export class EventsSocket {
  private readonly entries = new Set<Entry>();
  private socket: WebSocket | null = null;
  private isOpen = false;
  private wasOpen = false;
  private attempt = 0;
  private retry: ReturnType<typeof setTimeout> | undefined;
  /** What the server was asked for on this connection. */
  private asked = new Set<string>();

  constructor(private readonly url: () => string) {}

  /** Returns what ends it. Patterns: a topic, "recording.*" or "*". */
  listen(topics: readonly string[], listener: EventsListener): () => void {
    const entry: Entry = { topics, listener };
    this.entries.add(entry);
    if (this.socket) this.ask();
    else this.connect();
    return () => {
      if (!this.entries.delete(entry)) return;
      if (this.entries.size === 0) this.close();
      else this.ask();
    };
  }

  private connect(): void {
    clearTimeout(this.retry);
    const socket = new WebSocket(this.url());
    this.socket = socket;
    this.asked = new Set();
    socket.onopen = () => {
      if (this.socket !== socket) return;
      this.isOpen = true;
      this.attempt = 0;
      this.ask();
      if (this.wasOpen) this.tellMissed();
      this.wasOpen = true;
    };
    socket.onmessage = (message: MessageEvent<unknown>) => {
      if (this.socket === socket && typeof message.data === "string") this.onText(message.data);
    };
    socket.onclose = () => {
      if (this.socket !== socket) return;
      this.socket = null;
      this.isOpen = false;
      this.retry = setTimeout(() => this.connect(), reconnectDelay(this.attempt++));
    };
  }

  private close(): void {
    clearTimeout(this.retry);
    const socket = this.socket;
    this.socket = null;
    this.isOpen = false;
    this.wasOpen = false;
    this.attempt = 0;
    socket?.close();
  }

  /** The difference between what is wanted and what the server was asked for. */
  private ask(): void {
    if (!this.isOpen) return;
    const wanted = new Set([...this.entries].flatMap((entry) => entry.topics));
    const subscribe = [...wanted].filter((topic) => !this.asked.has(topic));
    const unsubscribe = [...this.asked].filter((topic) => !wanted.has(topic));
    if (subscribe.length === 0 && unsubscribe.length === 0) return;
    this.socket?.send(
      JSON.stringify({
        ...(unsubscribe.length > 0 && { unsubscribe }),
        ...(subscribe.length > 0 && { subscribe }),
      }),
    );
    this.asked = wanted;
  }

  private onText(text: string): void {
    const message = parseServerMessage(text);
    if (message?.type === "lost") this.tellMissed();
    if (message?.type !== "event") return;
    const { event } = message;
    for (const { topics, listener } of [...this.entries]) {
      if (topics.some((topic) => topicMatches(topic, event.topic))) listener.onEvent(event);
    }
  }

  private tellMissed(): void {
    for (const { listener } of [...this.entries]) listener.onMissed?.();
  }
}

/** The one of this page. */
export const serverEvents = new EventsSocket(
  () => `${window.location.protocol === "https:" ? "wss" : "ws"}://${window.location.host}/ws`,
);

/** Listens while the component is there. The listener may be another one on every render. */
export function useServerEvents(
  topics: readonly string[],
  listener: EventsListener,
  socket: EventsSocket = serverEvents,
): void {
  const current = useRef(listener);
  const key = topics.join(" ");

  useEffect(() => {
    current.current = listener;
  });
  useEffect(() => {
    if (key === "") return undefined;
    return socket.listen(key.split(" "), {
      onEvent: (event) => current.current.onEvent(event),
      onMissed: () => current.current.onMissed?.(),
    });
  }, [key, socket]);
}
