#!/usr/bin/python3
"""bench_playback — a month of 20 cameras (5.2 million rows): how fast it is asked over HTTP.

The database is filled by bench-store.c. The rows that are asked for get a real recording, of which each
has a copy of its own on the disk; database and files are dropped from the page cache before the
first request. The small pictures are real ones, too. One connection, as a browser's.
"""
import glob
import http.client
import json
import os
import random
import re
import shutil
import sqlite3
import struct
import subprocess
import sys
import time

from figures import MEDIA, WORK, Figure, harness, main, of_program, spread

TITLE = "A month of 20 cameras"
CAMERAS, DAY_S = 20, 86400
DAYS, DAYS_QUICK = 30, 3
SEEKS, TIMELINES, TIMELINES_ALL, PREVIEWS = 200, 200, 20, 500
AROUND_MS = 60000  # the playlist that a player asks for when somebody clicks
SEEK_MS, TIMELINE_MS, PREVIEW_MS = 100, 50, 10
PACK_HOURS, PACK_EVERY_S = 12, 10
PACK_HEADER, PACK_SLOTS, PACK_SLOT = 32, 3600, 12
COPIED = ("file_size", "init_size", "init_id", "keyframes", "codec", "audio_codec", "codec_string",
          "width", "height", "fps")


def name_of(number):
    return f"camera-{number:02}"


def config_text(url=None):
    lines = ['version: "1.0"', "system:",
             "  storage: {min_free_gb: 0}", "storage:",
             "  scrub_mb_per_second: 0", "  retention: {default_days: 3650}", "cameras:"]
    for number in range(CAMERAS):
        lines += [f"  - {{id: {name_of(number)}, name: Camera {number}, enabled: false, "
                  "stream: {url: \"rtsp://127.0.0.1:1/none\"}}"]
    if url:
        lines += [f"  - {{id: real, name: Real, enabled: true, stream: {{url: \"{url}\"}}, "
                  "recording: {enabled: true, mode: continuous, segment_seconds: 10}}"]
    return "\n".join(lines) + "\n"


def record_one(server):
    """Bytes of a recording of ten seconds, and its row."""
    camera = harness.Simcam(f"cam/main {os.path.join(MEDIA, 'bench.mp4')}")
    try:
        server.write_config(config_text(camera.url("cam/main")))
        server.start()

        def whole():
            return [item for item in server.api.recordings("real") if item["duration_ms"] > 9000]
        wanted = harness.wait_until(whole, 60, "a recording")[0]
        server.terminate()
        with sqlite3.connect(server.database) as db:
            row = db.execute(f"SELECT file_path, {', '.join(COPIED)} FROM recordings "
                             "WHERE camera_id = 'real' AND start_ms = ?", (wanted["start"],)).fetchone()
        db.close()
        with open(os.path.join(server.recordings_dir, row[0]), "rb") as file:
            return file.read(), row[1:]
    finally:
        server.clean_up()
        camera.stop()


def moments(db, count, begin_ms, end_ms, row):
    """(camera, moment, path) of random seconds, whose rows become the real recording's."""
    chance, found = random.Random(1), {}
    while len(found) < count:
        camera, at = name_of(chance.randrange(CAMERAS)), chance.randrange(begin_ms, end_ms, 1000)
        start, end, path = db.execute(
            "SELECT start_ms, end_ms, file_path FROM recordings WHERE camera_id = ? AND start_ms <= ? "
            "ORDER BY start_ms DESC LIMIT 1", (camera, at)).fetchone()
        if at >= end or path in found:
            continue
        db.execute(f"UPDATE recordings SET {', '.join(name + ' = ?' for name in COPIED)} "
                   "WHERE camera_id = ? AND start_ms = ?", (*row, camera, start))
        found[path] = (camera, at, path)
    return list(found.values())


def forget(paths):
    """Out of the page cache."""
    os.sync()
    for path in paths:
        fd = os.open(path, os.O_RDONLY)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(fd)


def write_files(server, wanted, data):
    paths = []
    for _, _, path in wanted:
        paths.append(os.path.join(server.recordings_dir, path))
        os.makedirs(os.path.dirname(paths[-1]), exist_ok=True)
        with open(paths[-1], "wb") as file:
            file.write(data)
    return paths


def write_packs(server, end_ms):
    """Previews of the last hours, as role preview of nvr-media writes them."""
    folder = os.path.join(WORK, "pictures")
    os.makedirs(folder)
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-i", os.path.join(MEDIA, "bench.mp4"), "-an",
                    "-vf", "scale=240:-2", "-r", "2", "-q:v", "8", os.path.join(folder, "%03d.jpg")],
                   check=True, timeout=120)
    pictures = []
    for name in sorted(glob.glob(os.path.join(folder, "*.jpg"))):
        with open(name, "rb") as file:
            pictures.append(file.read())
    last = end_ms // 3600000 * 3600000
    paths = []
    for number in range(CAMERAS):
        for hour_ms in range(last - PACK_HOURS * 3600000, last, 3600000):
            index, body = bytearray(PACK_SLOTS * PACK_SLOT), bytearray()
            for second in range(0, 3600, PACK_EVERY_S):
                picture = pictures[(number + second // PACK_EVERY_S) % len(pictures)]
                struct.pack_into("<III", index, second * PACK_SLOT,
                                 PACK_HEADER + len(index) + len(body), len(picture), second * 1000)
                body += picture
            path = os.path.join(server.data, "previews", name_of(number),
                                time.strftime("%Y-%m-%d/%H.previews", time.gmtime(hour_ms // 1000)))
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(struct.pack("<8sIIQ8x", b"HERONPRV", 1, PACK_SLOTS, hour_ms) + index + body)
            paths.append(path)
    return paths, last


class Client:
    """One connection that is kept."""

    def __init__(self, port):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

    def get(self, path, first=None, length=None):
        headers = {} if first is None else {"Range": f"bytes={first}-{first + length - 1}"}
        self.connection.request("GET", path, headers=headers)
        answer = self.connection.getresponse()
        body = answer.read()
        if answer.status != (200 if first is None else 206) or (length and len(body) != length):
            raise RuntimeError(f"{path}: {answer.status} {len(body)} {body[:200]}")
        return body


def seek(client, camera, at):
    """Playlist, init segment, and the bytes from the key frame before the moment to the next one."""
    text = client.get(f"/api/v1/recordings/playback/{camera}/index.m3u8"
                      f"?start={at}&end={at + AROUND_MS}").decode()
    address, size = re.search(r'#EXT-X-MAP:URI="([^"]+)",BYTERANGE="(\d+)@0"', text).groups()
    length, offset, media = re.search(r"#EXT-X-BYTERANGE:(\d+)@(\d+)\n(\S+)", text).groups()
    init = client.get(address, 0, int(size))
    body = client.get(media, int(offset), int(length))
    if init[4:8] != b"ftyp" or body[4:8] not in (b"moof", b"styp", b"prft"):
        raise RuntimeError(f"{camera} {at}: {init[:8]} {body[:8]}")


def timed(count, action):
    """Milliseconds of each."""
    times = []
    for number in range(count):
        begin = time.monotonic()
        action(number)
        times.append((time.monotonic() - begin) * 1000)
    return times


def ask_timeline(client, cameras, start_ms):
    path = f"/api/v1/recordings/timeline?start={start_ms}&end={start_ms + DAY_S * 1000}"
    answer = json.loads(client.get(path + (f"&camera={cameras}" if cameras else "")))
    for item in answer["items"]:
        if not item["gaps"] or not item["marks"]:
            raise RuntimeError(f"no gaps or no marks: {item}"[:400])


def ask(server, wanted, begin_ms, end_ms, last_hour_ms):
    client, chance = Client(server.port), random.Random(2)
    days = [(name_of(number % CAMERAS), chance.randrange(begin_ms, end_ms - DAY_S * 1000, 1000))
            for number in range(TIMELINES)]

    def timeline(number):
        ask_timeline(client, *days[number])

    def preview(_):
        at = chance.randrange(last_hour_ms - PACK_HOURS * 3600000, last_hour_ms, 1000)
        body = client.get(f"/api/v1/recordings/preview/{name_of(chance.randrange(CAMERAS))}?at={at}")
        if body[:2] != b"\xff\xd8":
            raise RuntimeError(f"preview: {body[:20]}")
    unit = "ms"
    found = spread("seek to a random second: playlist, init and the picture's bytes",
                   timed(len(wanted), lambda number: seek(client, *wanted[number][:2])), unit, SEEK_MS)
    found += spread("timeline of 24 h with gaps and marks, rows not in memory", timed(TIMELINES, timeline), unit)
    found += spread("timeline of 24 h with gaps and marks", timed(TIMELINES, timeline), unit, TIMELINE_MS)
    found += spread(f"the same of {CAMERAS} cameras at once",
                    timed(TIMELINES_ALL, lambda number: ask_timeline(client, None, days[number][1])), unit)
    return found + spread("small picture while dragging", timed(PREVIEWS, preview), unit, PREVIEW_MS)


def figures(quick=False):
    folder = os.path.join(WORK, "playback")
    shutil.rmtree(WORK, ignore_errors=True)
    os.makedirs(folder)
    server = harness.Nvr(folder, config_text())
    try:
        data, row = record_one(server)
        shutil.rmtree(os.path.join(server.recordings_dir, "real"))
        server.write_config(config_text())
        days, end_ms = DAYS_QUICK if quick else DAYS, int(time.time() - 60) * 1000
        found = of_program("bench-store", server.database, str(end_ms), str(days))
        begin_ms = end_ms - days * DAY_S * 1000
        with sqlite3.connect(server.database) as db:
            db.execute("DELETE FROM recordings WHERE camera_id = 'real'")
            wanted = moments(db, SEEKS, begin_ms, end_ms - AROUND_MS, row)
            rows = db.execute("SELECT count(*) FROM recordings").fetchone()[0]
        db.close()
        packs, last_hour_ms = write_packs(server, end_ms)
        forget(glob.glob(server.database + "*") + packs)
        # Rows without files stay while there is no old file at all: the disk could be missing.
        compared = server.text().count("recordings compared")
        server.start()
        harness.wait_until(lambda: server.text().count("recordings compared") > compared, 120,
                           "the comparison of files and rows")
        forget(write_files(server, wanted, data) + glob.glob(server.database + "*"))
        return [Figure("rows", rows, decimals=0), *found,
                *ask(server, wanted, begin_ms, end_ms, last_hour_ms)]
    finally:
        server.clean_up()
        shutil.rmtree(WORK, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main(figures("--quick" in sys.argv)))
