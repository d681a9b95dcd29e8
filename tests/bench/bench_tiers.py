#!/usr/bin/python3
"""bench_tiers — what moving recordings to another place costs: processor time of the core and of the
process that copies, per segment of 2.5 MB, and what that is at the rate of 20 cameras with files of ten
seconds (two files a second).

    bench_tiers.py [--segments 200]
"""
import argparse
import hashlib
import os
import shutil
import sqlite3
import sys
import tempfile
import time

from figures import Figure, harness, main
import s3

TITLE = "Tiers"
SEGMENTS, SEGMENTS_QUICK = 200, 60
CAMERAS = 20
FILES_PER_SECOND = 2
SIZE = 2500000
CORE_LIMIT_PERCENT = 2.0


def cpu_s(pid):
    """User and system time of all threads."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def fill(server, segments):
    data = os.urandom(SIZE)
    digest = hashlib.sha256(data).digest()
    now = int(time.time() * 1000)
    with sqlite3.connect(server.database) as db:
        for number in range(segments):
            camera = f"camera-{number % CAMERAS:02}"
            start = now - 86400000 + number // CAMERAS * 10000
            path = time.strftime(f"{camera}/%Y-%m-%d/%H/segment_%Y%m%d_%H%M%S.mp4", time.gmtime(start // 1000))
            full = os.path.join(server.recordings_dir, path)
            os.makedirs(os.path.dirname(full), exist_ok=True)
            with open(full, "wb") as file:
                file.write(data)
            db.execute("INSERT INTO recordings (camera_id, start_ms, end_ms, file_size, file_path, checksum, "
                       "keyframes, digests) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                       (camera, start, start + 10000, SIZE, path, digest, bytes(30), bytes(120)))


def count(server, tier):
    with sqlite3.connect(server.database) as db:
        return db.execute("SELECT count(*) FROM recordings WHERE tier = ?", (tier,)).fetchone()[0]


def hash_and_copy_s(times):
    """What must be done in any case: SHA-256 twice and one copy."""
    data, start = os.urandom(SIZE), time.process_time()
    for _ in range(times):
        hashlib.sha256(data).digest()
        hashlib.sha256(data).digest()
        bytearray(data)
    return (time.process_time() - start) / times


def move(server, tier, patch, segments):
    keeper_before = {}
    core = cpu_s(server.process.pid)
    start = time.monotonic()
    server.api.patch("/api/v1/config/storage", patch)

    def keeper():
        found = [w for w in server.api.get("/workers")["items"] if w["id"] == "keeper" and w["pid"]]
        return found[0]["pid"] if found else None
    pid = harness.wait_until(keeper, 30, "the keeper")
    keeper_before[pid] = cpu_s(pid)
    harness.wait_until(lambda: count(server, tier) == segments, 600, f"all {tier}")
    seconds = time.monotonic() - start
    core = (cpu_s(server.process.pid) - core) / segments
    worker = (cpu_s(keeper()) - keeper_before.get(keeper(), 0)) / segments
    floor = hash_and_copy_s(20)
    rate = f"at the rate of {CAMERAS} cameras, of one core"
    percent = FILES_PER_SECOND * 100
    return [Figure(f"moving to {tier} {rate}", (core + worker) * percent, "%", CORE_LIMIT_PERCENT),
            Figure(f"moving to {tier} {rate}: the core's process", core * percent, "%"),
            Figure(f"two hashes and a copy, which {tier} needs in any case", floor * percent, "%"),
            Figure(f"moving to {tier}", segments * SIZE / seconds / 1e6, "MB/s", decimals=0)]


def measure(folder, segments):
    server = harness.Nvr(folder, 'version: "1.0"\ncameras: []\n')
    os.makedirs(server.recordings_dir, exist_ok=True)
    warm = os.path.join(folder, "warm")
    os.makedirs(warm)
    store = None
    try:
        server.start()
        server.terminate()
        fill(server, segments)
        server.start()
        tiers = {"hot": {"duration_days": 0}, "warm": {"location": warm}}
        found = move(server, "warm", {"retention": {"tiers": tiers}}, segments)
        try:
            store = s3.S3Server(folder)
        except OSError as error:
            print(f"cold: {error}")
            return found
        tiers["warm"]["duration_days"] = 0.00001
        tiers["cold"] = {"location": "s3"}
        return found + move(server, "cold", {"retention": {"tiers": tiers}, "s3": store.config()}, segments)
    finally:
        server.clean_up()
        if store:
            store.close()


def figures(quick=False, segments=None):
    folder = tempfile.mkdtemp(prefix="bench-tiers-", dir=harness.BUILD)
    try:
        return measure(folder, segments or (SEGMENTS_QUICK if quick else SEGMENTS))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--segments", type=int, default=SEGMENTS)
    sys.exit(main(figures(segments=parser.parse_args().segments)))
