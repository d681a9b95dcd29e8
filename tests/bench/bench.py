#!/usr/bin/python3
"""bench — speed and size of recording, beside ffmpeg and beside the floor, on the same streams.

    bench.py [--quick] [--write] [--cameras 1,5,20,50] [--seconds 30]

Every number of cameras is one run: simcam plays the same streams for (a) Heron, main streams
recorded, (b) Heron with the sub streams read too, (c) one `ffmpeg -c copy -f segment` per camera,
(d) the floor: one thread that receives and writes. CPU is user+system of all processes of a side,
from the scheduler's books, in seconds per camera and minute; memory is PSS of all of them. Frames carry
numbers (SEI), so that a lost one shows in the files. --write puts the table into docs/BENCHMARKS.md.
"""
import argparse
import datetime
import os
import platform
import re
import shutil
import signal
import statistics
import struct
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests", "integration"))
import harness  # noqa: E402
import mp4  # noqa: E402
import websocket  # noqa: E402

MEDIA = os.path.join(harness.BUILD, "benchmedia")
WORK = os.path.join(harness.BUILD, "bench-work")
FLOOR = os.path.join(harness.BUILD, "tests", "bench", "floor")
TICK = os.sysconf("SC_CLK_TCK")
SETTLE_S = 22  # the reader knows its camera by then: how long it may sleep, how large the ring must be


def pss_kb(pid):
    try:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
            for line in file:
                if line.startswith("Pss:"):
                    return int(line.split()[1])
    except OSError:
        pass
    return 0


def cpu_seconds(pid):
    """User+system of a process: exact, from the scheduler, else in ticks of 10 ms."""
    total = 0
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as file:
                total += int(file.read().split()[0])
        if total:
            return total / 1e9
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rsplit(b")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICK
    except OSError:
        return total / 1e9


class Sample:
    """What a set of processes used in a stretch of time."""

    def __init__(self, pids, seconds, core=None):
        before = {pid: cpu_seconds(pid) for pid in pids}
        started = time.monotonic()
        time.sleep(seconds)  # the stretch itself
        self.seconds = time.monotonic() - started
        spent = {pid: max(0, cpu_seconds(pid) - before[pid]) for pid in pids}
        self.cpu_s = sum(spent.values())
        self.core_percent = 100 * spent.get(core, 0) / self.seconds if core else None
        self.pss_mb = sum(pss_kb(pid) for pid in pids) / 1024
        self.processes = len(pids)

    def per_camera(self, cameras):
        """CPU seconds per camera and minute, MB per camera."""
        return self.cpu_s / self.seconds * 60 / cameras, self.pss_mb / cameras

    @property
    def percent(self):
        return 100 * self.cpu_s / self.seconds


def start_simcam(cameras):
    clip, sub = os.path.join(MEDIA, "bench.mp4"), os.path.join(MEDIA, "bench-sub.mp4")
    return harness.Simcam(f"cam{{1-{cameras}}}/main {clip} stamp", f"cam{{1-{cameras}}}/sub {sub} stamp")


def config_text(camera, cameras, sub):
    lines = ['version: "1.0"', "cameras:"]
    for i in range(1, cameras + 1):
        lines += [f"  - id: cam{i}", f"    name: Camera {i}", "    enabled: true", "    stream:",
                  f"      url: {camera.url(f'cam{i}/main')}"]
        if sub:
            lines += [f"      sub_url: {camera.url(f'cam{i}/sub')}"]
        lines += ["    recording: {enabled: true, mode: continuous, segment_seconds: 10}"]
    return "\n".join(lines) + "\n"


def fresh_folder(name):
    path = os.path.join(WORK, name)
    shutil.rmtree(path, ignore_errors=True)
    os.makedirs(path)
    return path


def lost_frames(server, leave_out):
    """Frames that are missing between the first and the last one in each camera's files."""
    lost = frames = 0
    for name in sorted(os.listdir(server.recordings_dir)):
        if name == leave_out:
            continue
        numbers = []
        for path in server.segment_files(name):
            with open(path, "rb") as file:
                numbers += [int(found[1], 16) for found in mp4.STAMP.findall(file.read())]
        if numbers:
            frames += len(numbers)
            lost += numbers[-1] - numbers[0] + 1 - len(set(numbers))
    return frames, lost


def run_heron(camera, cameras, seconds, sub, extra=None):
    """Sample, frames, lost; extra(server) is asked while everything runs."""
    server = harness.Nvr(fresh_folder("heron"), config_text(camera, cameras, sub))
    try:
        server.start()

        def all_online():
            items = server.api.get("/api/v1/cameras")["items"]
            return all(item["status"] == "online" and item["recording_active"] and
                       (item["sub"] or not sub) for item in items)
        harness.wait_until(all_online, 60, "all cameras online")
        time.sleep(SETTLE_S)
        sample = Sample(server.processes(), seconds, server.process.pid)
        more = extra(server) if extra else None
        sample.dropped = sum(item["dropped_packets"] for item in
                             server.api.get("/api/v1/cameras")["items"])
        server.terminate()
        sample.frames, sample.lost = lost_frames(server, more and more["killed"])
        return sample, more
    finally:
        server.clean_up()
        shutil.rmtree(server.folder, ignore_errors=True)


def run_ffmpeg(camera, cameras, seconds):
    folder = fresh_folder("ffmpeg")
    processes = []
    try:
        for i in range(1, cameras + 1):
            os.makedirs(os.path.join(folder, str(i)))
            processes.append(subprocess.Popen(
                ["ffmpeg", "-nostdin", "-v", "error", "-rtsp_transport", "tcp", "-i",
                 camera.url(f"cam{i}/main"), "-c", "copy", "-f", "segment", "-segment_time", "10",
                 os.path.join(folder, str(i), "%05d.mp4")], stderr=subprocess.DEVNULL))
        harness.wait_until(lambda: all(any(
            os.path.getsize(os.path.join(folder, str(i), name)) > 10000
            for name in os.listdir(os.path.join(folder, str(i)))) for i in range(1, cameras + 1)),
            60, "all of ffmpeg's files")
        time.sleep(SETTLE_S)
        return Sample([process.pid for process in processes], seconds)
    finally:
        for process in processes:
            process.kill()
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def run_floor(camera, cameras, seconds):
    folder = fresh_folder("floor")
    process = subprocess.Popen([FLOOR, "127.0.0.1", str(camera.port), folder,
                                *[f"cam{i}/main" for i in range(1, cameras + 1)]],
                               stdout=subprocess.PIPE, text=True)
    try:
        if "playing" not in process.stdout.readline():
            raise RuntimeError("the floor does not play")
        time.sleep(SETTLE_S)
        return Sample([process.pid], seconds)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        shutil.rmtree(folder, ignore_errors=True)


# ---- what is asked of a running Heron


def first_bytes(server, rounds=20):
    """ms from opening to init, and to the first picture."""
    to_init, to_picture = [], []
    for i in range(rounds):
        started = time.monotonic()
        viewer = websocket.Live(server.port, f"cam{i % camera_count(server) + 1}")
        viewer.until("init")
        to_init.append((time.monotonic() - started) * 1000)
        viewer.until("fragment")
        to_picture.append((time.monotonic() - started) * 1000)
        viewer.close()
    return to_init, to_picture


def camera_count(server):
    return len(server.api.get("/api/v1/cameras")["items"])


def latency(server, seconds, stream="main"):
    """ms from the camera's first byte of a frame to the fragment in a viewer's hands."""
    viewer = websocket.Live(server.port, "cam1", stream)
    delays = []
    begin = time.monotonic() + 3  # what is sent at once is as old as its group of pictures
    while time.monotonic() < begin + seconds:
        kind, value = viewer.next()
        now = time.time() * 1e6
        if kind == "fragment" and time.monotonic() > begin:
            delays += [(now - int(sent, 16)) / 1000 for sent, _ in mp4.STAMP.findall(value)]
    viewer.close()
    return delays


def snapshots(server, rounds=10):
    """ms of one picture now, of every camera in turn (an answer is kept for a moment), and of then."""
    now, then = [], []
    item = server.api.recordings("cam1")[0]
    for i in range(rounds):
        camera = i % camera_count(server) + 1
        for times, path in ((now, f"cam{camera}/snapshot"),
                            (then, f"cam1/snapshot?at={item['start'] + 900 * i}")):
            started = time.monotonic()
            answer = server.api.request("GET", "/api/v1/cameras/" + path)
            if answer.status != 200:
                raise RuntimeError(f"snapshot: {answer.status} {answer.body[:200]}")
            times.append((time.monotonic() - started) * 1000)
    return now, then


def slow_probes(server):
    """Seconds until the probe of addresses answers that do not."""
    hole = harness.BlackHole()
    mute = harness.RawServer(lambda peer: peer.recv(100000) and peer.recv(100000))
    times = []
    for port in (hole.port, mute.port, harness.free_port()):
        answer, seconds = server.api.probe(url=f"rtsp://127.0.0.1:{port}/x")
        assert not answer["ok"]
        times.append(seconds)
    hole.stop()
    mute.stop()
    return times


def kill_worker(server, camera_id):
    """Seconds from kill -9 of a camera's process to a new one, and to its recording."""
    before = server.api.camera(camera_id)["worker"]["pid"]
    started = time.monotonic()
    harness.kill(before)
    harness.wait_until(lambda: server.api.camera(camera_id)["worker"]["pid"] not in (None, before))
    back = time.monotonic() - started
    harness.wait_until(lambda: server.api.camera(camera_id)["recording_active"])
    return [back], [time.monotonic() - started]


def ask_everything(server, quick):
    result = {"killed": f"cam{camera_count(server)}"}
    result["init_ms"], result["picture_ms"] = first_bytes(server)
    result["latency_ms"] = latency(server, 4 if quick else 12)
    result["snapshot_ms"], result["snapshot_at_ms"] = snapshots(server)
    result["probe_s"] = slow_probes(server)
    result["back_s"], result["recording_s"] = kill_worker(server, result["killed"])
    return result


def lines_of(name, *arguments):
    """(name, value, unit, limit) of a bench in C: bench-store.c (5.2 million rows), bench-evidence.c."""
    program = os.path.join("tests", "bench", name)
    subprocess.run(["ninja", "-C", harness.BUILD, "--quiet", program], check=True)
    os.makedirs(WORK, exist_ok=True)
    answer = subprocess.run([os.path.join(harness.BUILD, program), *arguments],
                            capture_output=True, text=True, timeout=900, check=False)
    found = re.findall(r"^(\S.*?)\s+([\d.]+)\s+(\S+)\s+([\d.]+)\s+(?:ok|FAIL)$", answer.stdout, re.M)
    if not found:
        raise RuntimeError(name + ": " + answer.stdout + answer.stderr)
    return found


# ---- the table


class Report:
    def __init__(self):
        self.lines, self.checks = [], []

    def add(self, line=""):
        self.lines.append(line)

    def check(self, name, value, limit, unit="", decimals=2, at_least=False):
        ok = value >= limit if at_least else value <= limit
        sign = "≥" if at_least else "≤"
        self.checks.append((name, f"{value:.{decimals}f}{unit}", f"{sign} {limit:g}{unit}", ok))

    def text(self):
        rows = ["| what | measured | limit | |", "|---|---|---|---|"]
        rows += [f"| {name} | {value} | {limit} | {'ok' if ok else '**FAIL**'} |"
                 for name, value, limit, ok in self.checks]
        return "\n".join(self.lines + ["", "## Limits", "", *rows, ""])

    @property
    def failed(self):
        return [name for name, _, _, ok in self.checks if not ok]


def percentile(values, part):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * part))]


def processor():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.machine()


def head(report, arguments):
    report.add("# Benchmarks")
    report.add()
    report.add("Made by `make bench` (tests/bench/bench.py), which describes the method. Main streams are "
               "1080p15, 2 Mbit/s H.264 with AAC over TCP; sub streams 360p10, 300 kbit/s.")
    report.add()
    report.add(f"{datetime.date.today().isoformat()}, {processor()}, {os.cpu_count()} cores, Linux "
               f"{platform.release()}; {arguments.seconds} s per stretch, after {SETTLE_S} s of running.")
    report.add()
    report.add("## Recording")
    report.add()
    report.add("CPU in seconds per camera and minute, PSS in MB per camera, all processes of a side; × is "
               "the ratio to ffmpeg.")
    report.add()
    report.add("| cameras | Heron CPU | × | PSS | × | with sub CPU | × | PSS | × | ffmpeg CPU | PSS | "
               "floor CPU | core idle | lost frames |")
    report.add("|" + "---|" * 14)


def one_size(report, cameras, arguments):
    """One row; what was asked at this size."""
    camera = start_simcam(cameras)
    try:
        asked = (lambda server: ask_everything(server, arguments.quick)) \
            if cameras == arguments.main_size else None
        heron, more = run_heron(camera, cameras, arguments.seconds, False, asked)
        sub, _ = run_heron(camera, cameras, arguments.seconds, True)
        ffmpeg = run_ffmpeg(camera, cameras, arguments.seconds)
        floor = run_floor(camera, cameras, arguments.seconds)
    finally:
        camera.stop()
    h, s, f, l = (x.per_camera(cameras) for x in (heron, sub, ffmpeg, floor))
    lost, frames = heron.lost + sub.lost, heron.frames + sub.frames
    row = (f"| {cameras} | {h[0]:.3f} | {h[0] / f[0]:.2f} | {h[1]:.1f} | {h[1] / f[1]:.2f} | {s[0]:.3f} | "
           f"{s[0] / f[0]:.2f} | {s[1]:.1f} | {s[1] / f[1]:.2f} | {f[0]:.3f} | {f[1]:.1f} | {l[0]:.3f} | "
           f"{heron.core_percent:.2f} % | {lost} of {frames} |")
    report.add(row)
    print(row, flush=True)
    cameras_ = f"{cameras} camera{'s' if cameras > 1 else ''}"
    report.check(f"{cameras_}: lost frames", lost, 0, decimals=0)
    report.check(f"{cameras_}: dropped packets", heron.dropped + sub.dropped, 0, decimals=0)
    if cameras == arguments.main_size:
        report.check(f"{cameras} cameras: CPU to ffmpeg", h[0] / f[0], 0.45, " ×")
        report.check(f"{cameras} cameras: PSS to ffmpeg", h[1] / f[1], 0.65, " ×")
        report.check(f"{cameras} cameras with sub streams: CPU to ffmpeg", s[0] / f[0], 0.6, " ×")
        report.check(f"{cameras} cameras: idle core", heron.core_percent, 1.0, " %")
    if cameras >= 50:
        report.check(f"{cameras} cameras: CPU, of one core", heron.percent, 30, " %", 1)
    return more


def answers(report, more):
    if not more:
        return
    def line(name, values, unit="ms"):
        report.add(f"| {name} | {statistics.median(values):.1f} | {percentile(values, 0.95):.1f} | "
                   f"{max(values):.1f} | {unit} |")
    report.add()
    report.add("## Answers")
    report.add()
    report.add("| what | median | 95 % | worst | |")
    report.add("|---|---|---|---|---|")
    line("live: opened to init segment", more["init_ms"])
    line("live: opened to first picture", more["picture_ms"])
    line("camera sends to viewer has it", more["latency_ms"])
    line("snapshot now", more["snapshot_ms"])
    line("snapshot of a recorded time", more["snapshot_at_ms"])
    line("probe of addresses that do not answer", more["probe_s"], "s")
    line("kill -9 of a camera's process to a new one", more["back_s"], "s")
    line("kill -9 of a camera's process to recording again", more["recording_s"], "s")
    report.check("live: first bytes, 95 %", percentile(more["init_ms"], 0.95), 100, " ms", 1)
    report.check("live: first picture, worst", max(more["picture_ms"]), 1000, " ms", 1)
    report.check("send to viewer, 95 %", percentile(more["latency_ms"], 0.95), 5, " ms", 1)
    report.check("snapshot now, median", statistics.median(more["snapshot_ms"]), 100, " ms", 1)
    report.check("snapshot of a time, median", statistics.median(more["snapshot_at_ms"]), 100, " ms", 1)
    report.check("probe, worst", max(more["probe_s"]), 10, " s", 1)
    report.check("kill -9 to a new process", max(more["back_s"]), 2, " s", 2)


def store(report):
    report.add()
    report.add("## Database")
    report.add()
    report.add("A month of 20 cameras: 5.2 million segments.")
    report.add()
    report.add("| what | measured | |")
    report.add("|---|---|---|")
    for name, value, unit, limit in lines_of("bench-store", os.path.join(WORK, "store.db")):
        report.add(f"| {name} | {float(value):g} | {unit} |")
        if float(limit):
            report.check("database: " + name, float(value), float(limit), " " + unit,
                         at_least=unit == "1/s")


def evidence(report):
    report.add()
    report.add("## Evidence")
    report.add()
    report.add("Hash chain and signatures of 20 cameras' segments, and the check of stored files at its "
               "default rate, as a part of a core.")
    report.add()
    report.add("| what | measured | |")
    report.add("|---|---|---|")
    for name, value, unit, limit in lines_of("bench-evidence"):
        report.add(f"| {name} | {float(value):g} | {unit} |")
        if float(limit):
            report.check(name, float(value), float(limit), " " + unit, decimals=3)


RECONCILE_FILES, RECONCILE_CAMERAS, RECONCILE_FIRST_S = 100000, 20, 3


class Template:
    """A recorded file of two pictures, to be had for any time."""

    def __init__(self):
        camera = harness.Simcam(f"cam/main {harness.media('h264.mp4')}")
        server = harness.Nvr(fresh_folder("template"), 'version: "1.0"\n')
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
    seconds = time.monotonic() - started - RECONCILE_FIRST_S
    if words not in server.text().split("recordings compared")[-1]:
        raise RuntimeError("reconcile: " + server.text()[-500:])
    server.terminate()
    return max(seconds, 0.0)


def reconcile_seconds():
    """Starts with 100,000 small files without rows, and with them."""
    template = Template()
    server = harness.Nvr(fresh_folder("reconcile"), 'version: "1.0"\n')
    server.start()
    server.terminate()
    begin = int(time.time()) // 86400 * 86400 - 40 * 86400
    for number in range(RECONCILE_FILES):
        camera, at = f"cam{number % RECONCILE_CAMERAS}", begin + number // RECONCILE_CAMERAS * 10
        path = camera + time.strftime("/%Y-%m-%d/%H/segment_%Y%m%d_%H%M%S.mp4", time.gmtime(at))
        full = os.path.join(server.recordings_dir, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "wb") as file:
            file.write(template.at(at))
    size = os.path.getsize(full)
    without = compared_seconds(server, f": {RECONCILE_FILES} indexed (0 repaired), 0 damaged, 0 unread")
    known = compared_seconds(server, ": 0 indexed (0 repaired), 0 damaged, 0 unread, 0 rows dropped")
    return size, without, known


def reconcile(report):
    size, without, known = reconcile_seconds()
    report.add()
    report.add(f"Files and rows of {RECONCILE_FILES:,} segments of {size / 1000:.0f} kB compared at a start: "
               f"{known:.1f} s with their rows; {without:.1f} s without any "
               f"({RECONCILE_FILES / without:,.0f} files/s). Large files are read as fast as the disk and "
               "SHA-256 (1.8 GB/s a core here) allow.")
    report.check("100,000 files compared with their rows", known, 30, " s", 1)
    report.check("100,000 small files without rows indexed", without, 30, " s", 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--quick", action="store_true", help="5 cameras, 20 s a stretch")
    parser.add_argument("--write", action="store_true", help="write docs/BENCHMARKS.md")
    parser.add_argument("--cameras", default="1,5,20,50")
    parser.add_argument("--seconds", type=int, default=30)
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.cameras, arguments.seconds = "5", 20
    sizes = [int(size) for size in arguments.cameras.split(",")]
    arguments.main_size = 20 if 20 in sizes else sizes[-1]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    subprocess.run([os.path.join(ROOT, "tests", "simcam", "mkmedia.sh"), MEDIA, "bench"], check=True)
    report = Report()
    head(report, arguments)
    more = None
    for size in sizes:
        more = one_size(report, size, arguments) or more
    answers(report, more)
    evidence(report)
    if not arguments.quick:
        store(report)
        reconcile(report)
    shutil.rmtree(WORK, ignore_errors=True)
    text = report.text()
    print("\n" + text)
    if arguments.write:
        with open(os.path.join(ROOT, "docs", "BENCHMARKS.md"), "w", encoding="utf-8") as file:
            file.write(text)
    for name in report.failed:
        print(f"over the limit: {name}")
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
