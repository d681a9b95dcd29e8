"""Recording: Heron beside ffmpeg and beside the floor, on the same streams; and what a running Heron
answers. Every number of cameras is one run: simcam plays the same streams for

 (a) Heron, main streams recorded (at the main size a second time with flush_seconds: 0),
 (b) Heron with the sub streams read, too,
 (c) one `ffmpeg -c copy -f segment` per camera,
 (d) the floor: one thread that receives and writes.

CPU is user+system of all processes of a side, from the scheduler's books. Heron makes small pictures for
the timeline meanwhile (role preview, a process of its own); ffmpeg does nothing of the kind, so that
their CPU has a column and a limit of its own. Memory is PSS of all processes, that one too. Frames
carry numbers (SEI), so that a lost one shows in the files.
"""
import os
import re
import shutil
import statistics
import subprocess
import time

from figures import MEDIA, WORK, Figure, harness, percentile

import mp4
import websocket

FLOOR = os.path.join(harness.BUILD, "tests", "bench", "floor")
TICK = os.sysconf("SC_CLK_TCK")
SETTLE_S = 22  # the reader knows its camera by then: how long it may sleep, how large the ring must be
OTHERS_SETTLE_S = 8  # who learns nothing has nothing to settle but its first file
PREVIEW_CORE_PERCENT, PREVIEW_SUB_PERCENT, WAKEUPS = 12, 3, 40
FLUSH_RATIO = 1.35


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


def wakeups(pid):
    """How often its threads went to sleep by themselves, which is as often as they were woken."""
    total = 0
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/status", encoding="ascii") as file:
                total += int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", file.read(), re.M)[1])
    except OSError:
        pass
    return total


def name_of(pid):
    return harness.read_text(f"/proc/{pid}/comm").strip()


class Sample:
    """What a set of processes used in a stretch of time. What role preview used is told apart."""

    def __init__(self, pids, seconds, core=None):
        before = {pid: cpu_seconds(pid) for pid in pids}
        woken = wakeups(core) if core else 0
        started = time.monotonic()
        time.sleep(seconds)  # the stretch itself
        self.seconds = time.monotonic() - started
        spent = {pid: max(0, cpu_seconds(pid) - before[pid]) for pid in pids}
        self.wakeups = (wakeups(core) - woken) / self.seconds if core else None
        self.previews_s = sum(spent[pid] for pid in pids if name_of(pid) == "preview")
        self.cpu_s = sum(spent.values()) - self.previews_s
        self.core_percent = 100 * spent.get(core, 0) / self.seconds if core else None
        self.pss_mb = sum(pss_kb(pid) for pid in pids) / 1024
        self.processes = len(pids)

    def per_camera(self, cameras):
        """CPU seconds per camera and minute, MB per camera."""
        return self.cpu_s / self.seconds * 60 / cameras, self.pss_mb / cameras

    @property
    def percent(self):
        return 100 * self.cpu_s / self.seconds

    @property
    def previews_percent(self):
        return 100 * self.previews_s / self.seconds


def start_simcam(cameras):
    clip, sub = os.path.join(MEDIA, "bench.mp4"), os.path.join(MEDIA, "bench-sub.mp4")
    return harness.Simcam(f"cam{{1-{cameras}}}/main {clip} stamp", f"cam{{1-{cameras}}}/sub {sub} stamp")


def config_text(camera, cameras, sub, flush=None):
    lines = ['version: "1.0"', "cameras:"]
    for i in range(1, cameras + 1):
        lines += [f"  - id: cam{i}", f"    name: Camera {i}", "    enabled: true", "    stream:",
                  f"      url: {camera.url(f'cam{i}/main')}"]
        if sub:
            lines += [f"      sub_url: {camera.url(f'cam{i}/sub')}"]
        more = "" if flush is None else f", flush_seconds: {flush}"
        lines += [f"    recording: {{enabled: true, mode: continuous, segment_seconds: 10{more}}}"]
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


def run_heron(camera, cameras, seconds, sub, extra=None, flush=None):
    """Sample, frames, lost; extra(server) is asked while everything runs."""
    server = harness.Nvr(fresh_folder("heron"), config_text(camera, cameras, sub, flush))
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
        time.sleep(OTHERS_SETTLE_S)
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
        time.sleep(OTHERS_SETTLE_S)
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


# ---- the table


HEAD = ["CPU in seconds per camera and minute, PSS in MB per camera, all processes of a side; × is the "
        "ratio to ffmpeg. CPU without the small pictures for the timeline, which have a column of their own: "
        "main streams alone, sub streams where there are some.",
        "",
        "| cameras | Heron CPU | × | PSS | × | with sub CPU | × | PSS | × | ffmpeg CPU | PSS | floor CPU | "
        "pictures | with sub | core idle | lost frames |",
        "|" + "---|" * 16]


def one_size(camera, cameras, arguments):
    """One row, its figures, and what was asked at this size."""
    is_main = cameras == arguments.main_size
    asked = (lambda server: ask_everything(server, arguments.quick)) if is_main else None
    heron, more = run_heron(camera, cameras, arguments.seconds, False, asked)
    sub, _ = run_heron(camera, cameras, arguments.seconds, True)
    ffmpeg = run_ffmpeg(camera, cameras, arguments.seconds)
    floor = run_floor(camera, cameras, arguments.seconds)
    h, s, f, low = (x.per_camera(cameras) for x in (heron, sub, ffmpeg, floor))
    lost, frames = heron.lost + sub.lost, heron.frames + sub.frames
    row = (f"| {cameras} | {h[0]:.3f} | {h[0] / f[0]:.2f} | {h[1]:.1f} | {h[1] / f[1]:.2f} | {s[0]:.3f} | "
           f"{s[0] / f[0]:.2f} | {s[1]:.1f} | {s[1] / f[1]:.2f} | {f[0]:.3f} | {f[1]:.1f} | {low[0]:.3f} | "
           f"{heron.previews_percent:.1f} % | {sub.previews_percent:.1f} % | {heron.core_percent:.2f} % | "
           f"{lost} of {frames} |")
    print(row, flush=True)
    named = f"{cameras} camera{'s' if cameras > 1 else ''}"
    found = [Figure(f"{named}: lost frames", lost, "", 0, decimals=0),
             Figure(f"{named}: dropped packets", heron.dropped + sub.dropped, "", 0, decimals=0)]
    if is_main:
        found += [Figure(f"{named}: CPU to ffmpeg", h[0] / f[0], "×", 0.45),
                  Figure(f"{named}: PSS to ffmpeg", h[1] / f[1], "×", 0.65),
                  Figure(f"{named} with sub streams: CPU to ffmpeg", s[0] / f[0], "×", 0.6),
                  Figure(f"{named}: core, of one core", heron.core_percent, "%", 1.0),
                  Figure(f"{named}: wake-ups of the core's process", heron.wakeups, "1/s", WAKEUPS,
                         decimals=0),
                  Figure(f"{named}: small pictures of main streams, of one core", heron.previews_percent,
                         "%", PREVIEW_CORE_PERCENT, decimals=1),
                  Figure(f"{named}: small pictures of sub streams, of one core", sub.previews_percent,
                         "%", PREVIEW_SUB_PERCENT, decimals=1)]
        if not arguments.quick:
            found.append(flush_cost(camera, cameras, arguments.seconds, heron))
    if cameras >= 50:
        found.append(Figure(f"{named}: CPU, of one core", heron.percent, "%", 30, decimals=1))
    return row, found, more


def flush_cost(camera, cameras, seconds, heron):
    """What it costs that the files are flushed every two seconds and not only at their end."""
    never, _ = run_heron(camera, cameras, seconds, False, flush=0)
    return Figure(f"{cameras} cameras: CPU with flush_seconds 2 to 0", heron.cpu_s / heron.seconds /
                  (never.cpu_s / never.seconds), "×", FLUSH_RATIO)


def answers(more):
    """Lines of the document, and figures."""
    rows = (("live: opened to init segment", more["init_ms"], "ms"),
            ("live: opened to first picture", more["picture_ms"], "ms"),
            ("camera sends to viewer has it", more["latency_ms"], "ms"),
            ("snapshot now", more["snapshot_ms"], "ms"),
            ("snapshot of a recorded time", more["snapshot_at_ms"], "ms"),
            ("probe of addresses that do not answer", more["probe_s"], "s"),
            ("kill -9 of a camera's process to a new one", more["back_s"], "s"),
            ("kill -9 of a camera's process to recording again", more["recording_s"], "s"))
    lines = ["", "## Answers", "", "| what | median | 95 % | worst | |", "|---|---|---|---|---|"]
    lines += [f"| {name} | {statistics.median(values):.1f} | {percentile(values, 0.95):.1f} | "
              f"{max(values):.1f} | {unit} |" for name, values, unit in rows]
    return lines, [
        Figure("live: first bytes, 95 %", percentile(more["init_ms"], 0.95), "ms", 100, decimals=1),
        Figure("live: first picture, worst", max(more["picture_ms"]), "ms", 1000, decimals=1),
        Figure("send to viewer, 95 %", percentile(more["latency_ms"], 0.95), "ms", 5, decimals=1),
        Figure("snapshot now, median", statistics.median(more["snapshot_ms"]), "ms", 100, decimals=1),
        Figure("snapshot of a time, median", statistics.median(more["snapshot_at_ms"]), "ms", 100, decimals=1),
        Figure("probe, worst", max(more["probe_s"]), "s", 10, decimals=1),
        Figure("kill -9 to a new process", max(more["back_s"]), "s", 2)]


def measure(arguments):
    """Lines of the document, and figures."""
    lines, found, asked = ["", "## Recording", "", *HEAD], [], None
    for cameras in arguments.sizes:
        camera = start_simcam(cameras)
        try:
            row, more_found, more = one_size(camera, cameras, arguments)
        finally:
            camera.stop()
        lines.append(row)
        found += more_found
        asked = more or asked
    more_lines, more_found = answers(asked)
    return lines + more_lines, found + more_found
