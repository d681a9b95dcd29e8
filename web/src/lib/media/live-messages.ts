/** Text messages of the live WebSocket. */

export type LiveMessage =
  | {
      type: "init";
      epoch: number;
      mime: string;
      codec: string;
      width: number;
      height: number;
      fps: number;
    }
  | { type: "gap"; dropped: number }
  | { type: "status"; status: string; error: string | null }
  | { type: "error"; code: string; message: string };

type Raw = Record<string, unknown>;

const text = (raw: Raw, key: string) => (typeof raw[key] === "string" ? raw[key] : "");
const number = (raw: Raw, key: string) => (typeof raw[key] === "number" ? raw[key] : 0);

/** null: not a message we know; it is ignored, so that a newer server may say more. */
export function parseLiveMessage(data: string): LiveMessage | null {
  let raw: Raw;
  try {
    const parsed: unknown = JSON.parse(data);
    if (typeof parsed !== "object" || parsed === null) return null;
    raw = parsed as Raw;
  } catch {
    return null;
  }
  switch (raw.type) {
    case "init":
      return {
        type: "init",
        epoch: number(raw, "epoch"),
        mime: text(raw, "mime"),
        codec: text(raw, "codec"),
        width: number(raw, "width"),
        height: number(raw, "height"),
        fps: number(raw, "fps"),
      };
    case "gap":
      return { type: "gap", dropped: number(raw, "dropped") };
    case "status":
      return { type: "status", status: text(raw, "status"), error: text(raw, "error") || null };
    case "error":
      return { type: "error", code: text(raw, "code"), message: text(raw, "message") };
    default:
      return null;
  }
}
