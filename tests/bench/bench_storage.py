#!/usr/bin/python3
"""bench_storage — what retention costs: processor time of nvr per deleted segment, and what that is at the
rate of 20 cameras with files of ten seconds (two files of 2.5 MB a second)."""
import os
import shutil
import sqlite3
import sys
import tempfile
import time

from figures import Figure, harness, main

TITLE = "Retention"

CAMERAS = 20
PER_CAMERA, PER_CAMERA_QUICK = 150, 50  # of each camera, to be deleted
FILES_PER_SECOND = 2
DAY_MS = 86400000
SIZE = 2500000
CPU_PERCENT, RATE = 2, 10  # limits


def cpu_s(pid):
    """User and system time of all threads."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def fill(server, per_camera):
    """Segments of 40 days ago, and some of this week: the clock is believed."""
    now = int(time.time() * 1000)
    with sqlite3.connect(server.database) as db:
        for number in range(CAMERAS):
            camera = f"camera-{number:02}"
            starts = [now - 40 * DAY_MS + i * 10000 for i in range(per_camera)] + [now - 2 * DAY_MS]
            for start in starts:
                path = time.strftime(f"{camera}/%Y-%m-%d/%H/segment_%Y%m%d_%H%M%S.mp4",
                                     time.gmtime(start // 1000))
                full = os.path.join(server.recordings_dir, path)
                os.makedirs(os.path.dirname(full), exist_ok=True)
                with open(full, "wb") as file:
                    os.posix_fallocate(file.fileno(), 0, SIZE)  # blocks, but no bytes to write
                db.execute("INSERT INTO recordings (camera_id, start_ms, end_ms, file_size, file_path, "
                           "keyframes, digests) VALUES (?, ?, ?, ?, ?, ?, ?)",
                           (camera, start, start + 10000, SIZE, path, bytes(30), bytes(120)))


def count(server):
    with sqlite3.connect(server.database) as db:
        return db.execute("SELECT count(*) FROM recordings").fetchone()[0]


def measure(folder, per_camera):
    server = harness.Nvr(folder, 'version: "1.0"\ncameras: []\n')
    os.makedirs(server.recordings_dir, exist_ok=True)
    try:
        server.start()
        server.terminate()
        fill(server, per_camera)
        server.start()
        harness.wait_until(lambda: count(server) < CAMERAS * (per_camera + 1), 60, "it begins")
        started, cpu, rows = time.monotonic(), cpu_s(server.process.pid), count(server)
        harness.wait_until(lambda: count(server) == CAMERAS, 300, "it ends")
        deleted = rows - CAMERAS
        return (cpu_s(server.process.pid) - cpu) / deleted, deleted / (time.monotonic() - started)
    finally:
        server.clean_up()


def figures(quick=False):
    folder = tempfile.mkdtemp(prefix="bench-storage-", dir=harness.BUILD)
    try:
        per_segment, rate = measure(folder, PER_CAMERA_QUICK if quick else PER_CAMERA)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return [Figure("deleting a segment, processor time", per_segment * 1000, "ms"),
            Figure(f"deleting at the rate of {CAMERAS} cameras, of one core",
                   per_segment * FILES_PER_SECOND * 100, "%", CPU_PERCENT),
            Figure("segments deleted a second", rate, "1/s", RATE, at_least=True, decimals=0)]


if __name__ == "__main__":
    sys.exit(main(figures("--quick" in sys.argv)))
