#!/usr/bin/python3
"""bench_reconcile — starts with 100,000 small files: without rows, which are made then, and with them.
Large files are read as fast as the disk and SHA-256 allow."""
import os
import shutil
import struct
import sys
import time

from figures import WORK, Figure, harness, main
import mp4

TITLE = "Start"
FILES, FILES_QUICK, CAMERAS, LIMIT_S = 100000, 10000, 20, 30
FIRST_S = 3  # that nvr waits before it compares
CONFIG = 'version: "1.0"\nstorage:\n  scrub_mb_per_second: 0\n'


class Template:
    """A recorded file of two pictures, to be had for any time."""

    def __init__(self):
        camera = harness.Simcam(f"cam/main {harness.media('h264.mp4')}")
        server = harness.Nvr(os.path.join(WORK, "template"), 'version: "1.0"\n')
        server.start()
        try:
            server.api.post("/api/v1/cameras", {"id": "cam", "name": "cam", "enabled": True,
                                                "stream": {"url": camera.url("cam/main")}})
            path = harness.wait_until(lambda: server.segment_files("cam"))[0]
            harness.wait_until(lambda: len(mp4.fragments(self.read(path))) > 3)
            data = self.read(path)
        finally:
            server.terminate()
            camera.stop()
        parts = mp4.fragments(data)[:2]
        self.head = data[:mp4.init_size(data)]
        self.parts = [(part.data, [(part.data.index(struct.pack(">Q", part.video.time)),
                                    part.video.time - parts[0].video.time)]) for part in parts]

    @staticmethod
    def read(path):
        with open(path, "rb") as file:
            return file.read()

    def at(self, seconds):
        """Its bytes, beginning then."""
        body = b""
        for data, places in self.parts:
            for place, offset in places:
                time_stamp = struct.pack(">Q", seconds * 90000 + offset)
                data = data[:place] + time_stamp + data[place + 8:]
            body += data
        return self.head + body


def compared_seconds(server, words):
    """A start, until files and rows are compared."""
    before, started = server.text().count("recordings compared"), time.monotonic()
    server.start()
    harness.wait_until(lambda: server.text().count("recordings compared") > before, 600,
                       "the comparison")
    seconds = time.monotonic() - started - FIRST_S
    if words not in server.text().split("recordings compared")[-1]:
        raise RuntimeError("reconcile: " + server.text()[-500:])
    server.terminate()
    return max(seconds, 0.0)


def fill(server, files):
    template, begin = Template(), int(time.time()) // 86400 * 86400 - 20 * 86400
    for number in range(files):
        camera, at = f"cam{number % CAMERAS}", begin + number // CAMERAS * 10
        path = camera + time.strftime("/%Y-%m-%d/%H/segment_%Y%m%d_%H%M%S.mp4", time.gmtime(at))
        full = os.path.join(server.recordings_dir, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "wb") as file:
            file.write(template.at(at))
    return os.path.getsize(full)


def measure(server, files):
    """Bytes of a file; seconds without rows, and with them."""
    server.start()
    server.terminate()
    size = fill(server, files)
    without = compared_seconds(server, f": {files} indexed (0 repaired), 0 damaged, 0 unread")
    return size, without, compared_seconds(server, ": 0 indexed (0 repaired), 0 damaged, 0 unread, 0 rows dropped")


def figures(quick=False):
    files = FILES_QUICK if quick else FILES
    folder = os.path.join(WORK, "reconcile")
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    server = harness.Nvr(folder, CONFIG)
    try:
        size, without, known = measure(server, files)
    finally:
        server.clean_up()
        shutil.rmtree(WORK, ignore_errors=True)
    return [Figure(f"{files:,} files compared with their rows", known, "s", LIMIT_S, decimals=1),
            Figure(f"{files:,} files of {size / 1000:.0f} kB without rows indexed", without, "s", LIMIT_S,
                   decimals=1)]


if __name__ == "__main__":
    sys.exit(main(figures("--quick" in sys.argv)))
