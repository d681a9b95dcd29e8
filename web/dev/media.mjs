// Fragmented MP4 for the mock server: made by ffmpeg, cut into init and fragments, re-timed on send.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL("./media", import.meta.url));

const looks = {
  dusk: "c0=0x1b3a4b:c1=0x3e6b71:c2=0xd98e4a:nb_colors=3",
  meadow: "c0=0x20402e:c1=0x6d9f5b:c2=0xe6dfa8:nb_colors=3",
};

function make(file, look, size, bitrate) {
  const source = `gradients=s=${size}:r=15:d=8:speed=0.015:seed=7:${looks[look]}`;
  const clock =
    "drawtext=text='%{pts\\:hms}':x=w-tw-24:y=h-th-24:fontsize=h/18:fontcolor=white@0.85";
  execFileSync("ffmpeg", [
    ...["-loglevel", "error", "-y", "-f", "lavfi", "-i", source, "-vf", clock],
    ...[
      "-c:v",
      "libx264",
      "-preset",
      "veryfast",
      "-pix_fmt",
      "yuv420p",
      "-b:v",
      bitrate,
      "-bf",
      "0",
    ],
    ...["-g", "15", "-keyint_min", "15", "-sc_threshold", "0", "-video_track_timescale", "90000"],
    ...["-movflags", "empty_moov+default_base_moof+frag_every_frame", "-f", "mp4", file],
  ]);
}

function boxes(bytes) {
  const list = [];
  for (let at = 0; at + 8 <= bytes.length;) {
    const size = bytes.readUInt32BE(at);
    list.push({ type: bytes.toString("latin1", at + 4, at + 8), at, size });
    at += size;
  }
  return list;
}

/** { init, fragments, fps, still }: one fragment a frame, a key frame every 15. */
export function loadClip(name, look, size, bitrate) {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${name}.mp4`);
  const still = join(folder, `${name}.jpg`);
  if (!existsSync(file)) make(file, look, size, bitrate);
  if (!existsSync(still)) {
    execFileSync("ffmpeg", ["-loglevel", "error", "-y", "-i", file, "-frames:v", "1", still]);
  }
  const bytes = readFileSync(file);
  const all = boxes(bytes);
  const first = all.findIndex((box) => box.type === "moof");
  const fragments = [];
  for (let i = first; i + 1 < all.length && all[i].type === "moof"; i += 2) {
    fragments.push(bytes.subarray(all[i].at, all[i + 1].at + all[i + 1].size));
  }
  const [width, height] = size.split("x").map(Number);
  const init = bytes.subarray(0, all[first].at);
  return { init, fragments, fps: 15, width, height, still: readFileSync(still) };
}

/** A copy of the fragment with its decode time set, in ticks of 1/90000 s. */
export function retime(fragment, ticks) {
  const copy = Buffer.from(fragment);
  const at = copy.indexOf("tfdt", 0, "latin1");
  if (copy[at + 4] === 1) copy.writeBigUInt64BE(BigInt(Math.round(ticks)), at + 8);
  else throw new Error("tfdt is not 64 bits wide");
  return copy;
}
