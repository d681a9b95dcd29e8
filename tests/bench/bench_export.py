#!/usr/bin/python3
"""bench_export — an export of an hour beside `cp` of the same files, on the same disk, in the same run.

    bench_export.py [--minutes 60] [--mbit 4] [--rounds 3] [--folder DIR]

The recordings are made here: segments of a minute, a fragment a frame, 25 a second, with sound. Both sides end
when the bytes are on the disk (the export flushes its file; `cp` is followed by `sync -f`); what `cp`
takes without that is printed too. Cold: the files are dropped from the page cache before each round.
The exit status is 1 when the export is slower than 0.8 times `cp`.
"""
import argparse
import datetime
import json
import os
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import time

from figures import Figure, harness, main
import mp4

TITLE = "Exports"
MINUTES, MINUTES_QUICK, ROUNDS, ROUNDS_QUICK, MBIT = 60, 30, 3, 1, 4
LIMIT = 0.8
FPS = 25
SEGMENT_S = 60
SOUND_RATE, SOUND_SAMPLES = 16000, 1024
CONFIG = 'version: "1.0"\ncameras:\n  - id: cam\n    name: Cam\n    enabled: false\n' \
         '    stream:\n      url: rtsp://127.0.0.1:1/none\n' \
         'system:\n  storage:\n    min_free_gb: 0\n'


def box(kind, *parts):
    body = b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def traf(track, time_units, samples, offset):
    """samples: (duration, size, flags)"""
    trun = box(b"trun", struct.pack(">IIi", 0x01000f01, len(samples), offset),
               *(struct.pack(">IIIi", d, s, f, 0) for d, s, f in samples))
    return box(b"traf", box(b"tfhd", struct.pack(">II", 0x020000, track)),
               box(b"tfdt", struct.pack(">IQ", 0x01000000, time_units)), trun)


def fragment(number, video_time, frame, key, sound_time, sound):
    def moof(size):
        tracks = [traf(1, video_time, [(90000 // FPS, len(frame), 0x02000000 if key else 0x01010000)],
                       size + 8)]
        if sound:
            tracks.append(traf(2, sound_time, [(SOUND_SAMPLES, len(s), 0x02000000) for s in sound],
                               size + 8 + len(frame)))
        return box(b"moof", box(b"mfhd", struct.pack(">II", 0, number)), *tracks)
    return moof(len(moof(0))) + box(b"mdat", frame, *sound)


def init_segment(folder):
    """Of a real recording of simcam's clip: sample entries that parse."""
    clip = os.path.join(harness.MEDIA, "h264-aac.mp4")
    path = os.path.join(folder, "init.mp4")
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", "-i", clip, "-c", "copy", "-t", "1",
                    "-video_track_timescale", "90000", "-movflags",
                    "empty_moov+default_base_moof+frag_keyframe", path], check=True, timeout=60)
    with open(path, "rb") as file:
        data = file.read()
    return data[:mp4.init_size(data)]


def write_segments(recordings, folder, minutes, mbit):
    init = init_segment(folder)
    noise = os.urandom(1 << 20)
    frame_size = int(mbit * 1e6 / 8 / FPS)
    start_s = (int(time.time()) // 3600 - 2) * 3600 - minutes * 60
    for minute in range(minutes):
        at = start_s + minute * SEGMENT_S
        utc = datetime.datetime.fromtimestamp(at, datetime.timezone.utc)
        path = os.path.join(recordings, "cam", utc.strftime("%Y-%m-%d"), utc.strftime("%H"))
        os.makedirs(path, exist_ok=True)
        sound_at = -(-at * SOUND_RATE // SOUND_SAMPLES)
        with open(os.path.join(path, utc.strftime("segment_%Y%m%d_%H%M%S.mp4")), "wb") as file:
            file.write(init)
            for n in range(SEGMENT_S * FPS):
                key = n % (2 * FPS) == 0
                size = frame_size * (5 if key else 1)
                cut = (minute * 7919 + n * 104729) % (len(noise) - size)
                time_units = at * 90000 + n * 90000 // FPS
                sound, first = [], sound_at
                while sound_at * SOUND_SAMPLES * 90000 < (time_units + 90000 // FPS) * SOUND_RATE:
                    sound.append(noise[n:n + 128])
                    sound_at += 1
                file.write(fragment(n + 1, time_units, noise[cut:cut + size], key,
                                    first * SOUND_SAMPLES, sound))
    return start_s * 1000, (start_s + minutes * 60) * 1000


def forget(paths):
    """Out of the page cache."""
    os.sync()
    for path in paths:
        fd = os.open(path, os.O_RDONLY)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(fd)


def warm(paths):
    for path in paths:
        with open(path, "rb") as file:
            while file.read(1 << 22):
                pass


def copy(paths, target):
    """Seconds of cp, and with the bytes on the disk."""
    shutil.rmtree(target, ignore_errors=True)
    os.makedirs(target)
    os.sync()
    begin = time.monotonic()
    subprocess.run(["cp", "--", *paths, target], check=True)
    copied = time.monotonic() - begin
    subprocess.run(["sync", "-f", target], check=True)
    flushed = time.monotonic() - begin
    shutil.rmtree(target)
    return copied, flushed


def export(server, start, end):
    os.sync()
    begin = time.monotonic()
    job = server.api.post("/api/v1/exports", {"items": [{"camera": "cam", "start": start, "end": end}]})
    while job["state"] in ("queued", "running"):
        time.sleep(0.01)
        job = server.api.get("/api/v1/exports/" + job["id"])
    took = time.monotonic() - begin
    if job["state"] != "done":
        raise SystemExit(f"the export failed: {job['error']}")
    server.api.delete("/api/v1/exports/" + job["id"])
    return took


def rounds(server, folder, span, paths, count):
    """(name, seconds of each side) cold and warm, medians; and how they came about."""
    for name, prepare in (("cold", forget), ("warm", warm)):
        sides = {"cp": [], "flushed": [], "export": []}
        for _ in range(count):
            prepare(paths)
            copied, flushed = copy(paths, os.path.join(folder, "copy"))
            sides["cp"].append(copied)
            sides["flushed"].append(flushed)
            prepare(paths)
            sides["export"].append(export(server, *span))
        yield name, {side: statistics.median(times) for side, times in sides.items()}, sides


def measure(options):
    folder = tempfile.mkdtemp(prefix="bench-export-", dir=options.folder)
    server = harness.Nvr(folder, CONFIG)
    found = []
    try:
        span = write_segments(server.recordings_dir, folder, options.minutes, options.mbit)
        paths = server.segment_files("cam")
        total = sum(os.path.getsize(path) for path in paths)
        server.start()
        harness.wait_until(lambda: len(server.api.recordings("cam")) == options.minutes, 300,
                           "the index of the segments")
        print(f"{options.minutes} minutes, {total / 1e9:.2f} GB in {len(paths)} files")
        for name, mid, sides in rounds(server, folder, span, paths, options.rounds):
            print(f"{name}: cp {mid['cp']:.2f} s, cp on the disk {mid['flushed']:.2f} s, export "
                  f"{mid['export']:.2f} s (without flush {mid['cp'] / mid['export']:.2f} ×) "
                  f"{json.dumps({s: [round(t, 2) for t in ts] for s, ts in sides.items()})}", flush=True)
            found += [Figure(f"export of {options.minutes} minutes to cp of the files, {name}",
                             mid["flushed"] / mid["export"], "×", LIMIT, at_least=True),
                      Figure(f"export, {name}", total / mid["export"] / 1e6, "MB/s", decimals=0)]
    finally:
        server.clean_up()
        shutil.rmtree(folder, ignore_errors=True)
    return found


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=int, default=MINUTES)
    parser.add_argument("--mbit", type=float, default=MBIT)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--folder", default=harness.BUILD)
    return parser.parse_args(arguments)


def figures(quick=False):
    return measure(parse([f"--minutes={MINUTES_QUICK}", f"--rounds={ROUNDS_QUICK}"] if quick else []))


if __name__ == "__main__":
    sys.exit(main(measure(parse(sys.argv[1:]))))
