#!/usr/bin/python3
"""bench_storage — what retention costs: processor time of nvr per deleted segment, and what that is at the
rate of 20 cameras with files of ten seconds (two files a second). Lines: name value unit limit ok|FAIL."""
import os
import shutil
import sqlite3
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "integration"))
import harness  # noqa: E402

CAMERAS = 20
PER_CAMERA = 300
FILES_PER_SECOND = 2
DAY_MS = 86400000
SIZE = 100000


def cpu_s(pid):
    """User and system time of all threads."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def fill(server):
    """Segments of 40 days ago, and some of this week: the clock is believed."""
    now = int(time.time() * 1000)
    with sqlite3.connect(server.database) as db:
        for number in range(CAMERAS):
            camera = f"camera-{number:02}"
            starts = [now - 40 * DAY_MS + i * 10000 for i in range(PER_CAMERA)] + [now - 2 * DAY_MS]
            for start in starts:
                path = time.strftime(f"{camera}/%Y-%m-%d/%H/segment_%Y%m%d_%H%M%S.mp4",
                                     time.gmtime(start // 1000))
                full = os.path.join(server.recordings_dir, path)
                os.makedirs(os.path.dirname(full), exist_ok=True)
                with open(full, "wb") as file:
                    file.write(bytes(SIZE))
                db.execute("INSERT INTO recordings (camera_id, start_ms, end_ms, file_size, file_path, "
                           "keyframes, digests) VALUES (?, ?, ?, ?, ?, ?, ?)",
                           (camera, start, start + 10000, SIZE, path, bytes(30), bytes(120)))


def count(server):
    with sqlite3.connect(server.database) as db:
        return db.execute("SELECT count(*) FROM recordings").fetchone()[0]


def measure(folder):
    server = harness.Nvr(folder, 'version: "1.0"\ncameras: []\n')
    os.makedirs(server.recordings_dir, exist_ok=True)
    try:
        server.start()
        server.terminate()
        fill(server)
        server.start()
        harness.wait_until(lambda: count(server) < CAMERAS * (PER_CAMERA + 1), 60, "it begins")
        started, cpu, rows = time.monotonic(), cpu_s(server.process.pid), count(server)
        harness.wait_until(lambda: count(server) == CAMERAS, 300, "it ends")
        deleted = rows - CAMERAS
        return (cpu_s(server.process.pid) - cpu) / deleted, deleted / (time.monotonic() - started)
    finally:
        server.clean_up()


def main():
    folder = tempfile.mkdtemp(prefix="heron-bench-")
    try:
        per_segment, rate = measure(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    percent = per_segment * FILES_PER_SECOND * 100
    failed = False
    for name, value, unit, limit, at_least in (
            ("retention.cpu_per_segment", per_segment * 1000, "ms", 10, False),
            ("retention.cpu_20_cameras", percent, "%", 2, False),
            ("retention.rate", rate, "1/s", 10, True)):
        fine = value >= limit if at_least else value <= limit
        failed = failed or not fine
        print(f"{name:28} {value:12.3f} {unit:4} {limit:10.3f} {'ok' if fine else 'FAIL'}")
    return 1 if failed else 0


sys.exit(main())
