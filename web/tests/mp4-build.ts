/** Builds just enough MP4 for tests. */

export function box(type: string, ...parts: (number[] | Uint8Array)[]): Uint8Array {
  const body = parts.flatMap((part) => [...part]);
  return Uint8Array.from([...u32(body.length + 8), ...ascii(type), ...body]);
}

export const u32 = (n: number) => [n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255];
export const u64 = (n: number) => [...u32(Math.floor(n / 2 ** 32)), ...u32(n % 2 ** 32)];
export const ascii = (text: string) =>
  Array.from({ length: text.length }, (_, i) => text.charCodeAt(i));
const zeros = (count: number) => new Array<number>(count).fill(0);

export function trak(id: number, timescale: number, handler: string): Uint8Array {
  return box(
    "trak",
    box("tkhd", u32(0), zeros(8), u32(id), zeros(60)),
    box(
      "mdia",
      box("mdhd", u32(0), zeros(8), u32(timescale), zeros(8)),
      box("hdlr", u32(0), u32(0), ascii(handler), zeros(12)),
    ),
  );
}

export function init(): ArrayBuffer {
  const moov = box("moov", trak(1, 90_000, "vide"), trak(2, 16_000, "soun"));
  return buffer(box("ftyp", ascii("isom")), moov);
}

/** A fragment of one track at a decode time in its own ticks. */
export function fragment(track: number, ticks: number, version: 0 | 1 = 1): ArrayBuffer {
  const tfdt = box("tfdt", u32(version << 24), version === 1 ? u64(ticks) : u32(ticks));
  const traf = box("traf", box("tfhd", u32(0x020000), u32(track)), tfdt);
  return buffer(box("moof", box("mfhd", u32(0), u32(1)), traf), box("mdat", zeros(100)));
}

export function buffer(...parts: Uint8Array[]): ArrayBuffer {
  const bytes = parts.flatMap((part) => [...part]);
  return Uint8Array.from(bytes).buffer;
}
