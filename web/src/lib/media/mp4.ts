/**
 * The little of ISO BMFF that the live player must read: boxes, track timescales of an init
 * segment, and the decode time of a fragment. Bounds are checked; anything odd yields null.
 */

export type Box = { type: string; start: number; end: number };

export type Track = { id: number; timescale: number; kind: "video" | "audio" | "other" };

const headerSize = 8;

/** Boxes between two offsets, without their headers; a broken length ends the list. */
export function readBoxes(view: DataView, from = 0, to = view.byteLength): Box[] {
  const boxes: Box[] = [];
  let at = from;
  while (at + headerSize <= to) {
    let size = view.getUint32(at);
    let header = headerSize;
    if (size === 1) {
      if (at + 16 > to) break;
      size = Number(view.getBigUint64(at + 8));
      header = 16;
    } else if (size === 0) {
      size = to - at;
    }
    if (size < header || at + size > to) break;
    boxes.push({ type: fourCc(view, at + 4), start: at + header, end: at + size });
    at += size;
  }
  return boxes;
}

function fourCc(view: DataView, at: number): string {
  return String.fromCharCode(
    view.getUint8(at),
    view.getUint8(at + 1),
    view.getUint8(at + 2),
    view.getUint8(at + 3),
  );
}

function child(view: DataView, parent: Box, ...path: string[]): Box | null {
  let box: Box = parent;
  for (const type of path) {
    const next = readBoxes(view, box.start, box.end).find((item) => item.type === type);
    if (!next) return null;
    box = next;
  }
  return box;
}

/** Tracks of an init segment (ftyp + moov). */
export function readTracks(bytes: ArrayBuffer): Track[] {
  const view = new DataView(bytes);
  const moov = readBoxes(view).find((box) => box.type === "moov");
  if (!moov) return [];
  return readBoxes(view, moov.start, moov.end)
    .filter((box) => box.type === "trak")
    .flatMap((trak) => readTrack(view, trak) ?? []);
}

function readTrack(view: DataView, trak: Box): Track | null {
  const tkhd = child(view, trak, "tkhd");
  const mdhd = child(view, trak, "mdia", "mdhd");
  const hdlr = child(view, trak, "mdia", "hdlr");
  if (!tkhd || !mdhd || !hdlr) return null;
  const idAt = tkhd.start + (view.getUint8(tkhd.start) === 1 ? 20 : 12);
  const scaleAt = mdhd.start + (view.getUint8(mdhd.start) === 1 ? 20 : 12);
  if (idAt + 4 > tkhd.end || scaleAt + 4 > mdhd.end || hdlr.start + 12 > hdlr.end) return null;
  const timescale = view.getUint32(scaleAt);
  if (timescale === 0) return null;
  const handler = fourCc(view, hdlr.start + 8);
  return {
    id: view.getUint32(idAt),
    timescale,
    kind: handler === "vide" ? "video" : handler === "soun" ? "audio" : "other",
  };
}

export type FragmentTime = { track: Track; seconds: number };

/** Decode time of a fragment's first track run, in seconds on the track's own clock. */
export function readFragmentTime(bytes: ArrayBuffer, tracks: Track[]): FragmentTime | null {
  const view = new DataView(bytes);
  const moof = readBoxes(view).find((box) => box.type === "moof");
  const traf = moof && child(view, moof, "traf");
  if (!traf) return null;
  const tfhd = child(view, traf, "tfhd");
  const tfdt = child(view, traf, "tfdt");
  if (!tfhd || !tfdt || tfhd.start + 8 > tfhd.end || tfdt.start + 8 > tfdt.end) return null;
  const id = view.getUint32(tfhd.start + 4);
  const track = tracks.find((item) => item.id === id);
  if (!track) return null;
  const wide = view.getUint8(tfdt.start) === 1;
  if (wide && tfdt.start + 12 > tfdt.end) return null;
  const time = wide ? Number(view.getBigUint64(tfdt.start + 4)) : view.getUint32(tfdt.start + 4);
  return { track, seconds: time / track.timescale };
}
