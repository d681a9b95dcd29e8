"""Exports: recorded segments → one file that shows exactly what was asked for."""
import contextlib
import json
import os
import sqlite3
import subprocess
import time

import harness
import mp4
from harness import media, wait_until

EXPORTS = "/api/v1/exports"
FRAME = 1 / 25 + 0.001


class Export(harness.TestCase):
    def record(self, clip="h264-aac.mp4", count=4, cameras=("cam",)):
        camera = self.simcam(*(f"{name}/main {media(clip)} stamp" for name in cameras))
        server = self.nvr()
        for name in cameras:
            self.add_camera(server, name, camera.url(f"{name}/main"))
        items = {name: self.wait_recordings(server, name, count) for name in cameras}
        return server, camera, items

    def finish(self, server, job, state="done", seconds=60):
        def over():
            now = server.api.get(f"{EXPORTS}/{job['id']}")
            return now if now["state"] not in ("queued", "running") else None
        job = wait_until(over, seconds, "the export's end")
        self.assertEqual(job["state"], state, job["error"])
        return job

    def export(self, server, *items, **options):
        body = {"items": [{"camera": c, "start": s, "end": e} for c, s, e in items], **options}
        return self.finish(server, server.api.post(EXPORTS, body))

    def download(self, server, job, number=0):
        file = job["files"][number]
        answer = server.api.request("GET", file["url"])
        self.assertEqual((answer.status, len(answer.body)), (200, file["size"]))
        path = os.path.join(self.folder, f"{job['id']}-{number}.mp4")
        with open(path, "wb") as out:
            out.write(answer.body)
        return path, answer.body

    def recorded_frames(self, server, camera, start, end):
        """(number, pts in s since 1970) of every recorded frame, from the segments themselves."""
        found = []
        for item in server.api.recordings(camera, start=start, end=end):
            data = server.api.request("GET", f"/api/v1/recordings/{item['id']}/media.mp4").body
            for part in mp4.fragments(data):
                for sample in part.video.samples[:1]:
                    found.append((part.stamps[0][1], (part.video.time + sample.cts) / 90000))
        return sorted(found, key=lambda frame: frame[1])

    def check_exact(self, server, camera, start, end, body, path):
        """First and last frame on the screen are those of the moments asked for, to the frame."""
        frames = self.recorded_frames(server, camera, start, end)
        wanted = [n for n, at in frames if start / 1000 < at < end / 1000]
        before = [n for n, at in frames if at <= start / 1000]
        shown = mp4.movie(body)["vide"].shown()
        numbers = [sample.number for sample, _ in shown]
        self.assertEqual(numbers, before[-1:] + wanted)
        self.assertEqual(shown[0][1], 0.0)
        first = next(at for n, at in frames if n == wanted[0])
        self.assertAlmostEqual(shown[len(before[-1:])][1], first - start / 1000, delta=0.002)
        video = mp4.movie(body)["vide"]
        self.assertAlmostEqual(video.duration, (end - start) / 1000, delta=0.0015)
        told = self.probe_file(path)
        self.assertAlmostEqual(float(told["format"]["duration"]), (end - start) / 1000, delta=0.01)
        self.assert_plays(path)
        # What a player that knows edit lists shows.
        out = subprocess.run(["ffprobe", "-v", "error", "-select_streams", "v", "-show_frames",
                              "-show_entries", "frame=best_effort_timestamp_time", "-of", "json",
                              path], capture_output=True, text=True, timeout=60, check=True)
        times = [float(f["best_effort_timestamp_time"]) for f in json.loads(out.stdout)["frames"]]
        self.assertAlmostEqual(len(times), len(numbers), delta=1)
        self.assertLess(abs(times[0]), FRAME)
        self.assertLess(abs(times[-1] - shown[-1][1]), FRAME)

    def test_exact_cut_with_proof(self):
        server, _, items = self.record()
        start, end = items["cam"][0]["start"] + 730, items["cam"][2]["end"] - 610
        job = self.export(server, ("cam", start, end))
        self.assertEqual(len(job["files"]), 1)
        self.assertEqual(job["progress"], 1)
        self.assertRegex(job["files"][0]["name"], r"^cam \d{4}-\d\d-\d\d [\d.]{8} – [\d.]{8}\.mp4$")
        path, body = self.download(server, job)
        self.assertEqual(mp4.top_level(body), ["ftyp", "moov", "free", "mdat", "uuid"])
        self.check_exact(server, "cam", start, end, body, path)
        for item in items["cam"][:3]:
            whole = server.api.request("GET", f"/api/v1/recordings/{item['id']}/media.mp4").body
            self.assertIn(whole, body, "segments stand in the file as they are")
        check = subprocess.run([os.path.join(harness.BIN, "nvr"), "verify", path, "--json"],
                               capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(check.returncode, 0, check.stdout + check.stderr)

    def test_exact_cut_without_proof(self):
        server, _, items = self.record()
        start, end = items["cam"][1]["start"] + 410, items["cam"][2]["end"] - 330
        job = self.export(server, ("cam", start, end), proof=False, name="a/b: \"c\"")
        path, body = self.download(server, job)
        self.assertEqual(job["files"][0]["name"], "a-b- -c-.mp4")
        self.assertEqual(mp4.top_level(body), ["ftyp", "moov", "free", "mdat"])
        self.check_exact(server, "cam", start, end, body, path)
        whole = sum(item["size"] for item in items["cam"][1:3])
        self.assertLess(len(body), whole + 200000)

    def test_b_frames(self):
        server, _, items = self.record("h264-b.mp4")
        start, end = items["cam"][0]["start"] + 730, items["cam"][2]["end"] - 610
        path, body = self.download(server, self.export(server, ("cam", start, end)))
        self.check_exact(server, "cam", start, end, body, path)

    def test_h265(self):
        server, _, items = self.record("h265-aac.mp4")
        start, end = items["cam"][0]["start"] + 330, items["cam"][1]["end"] - 210
        path, body = self.download(server, self.export(server, ("cam", start, end)))
        self.check_exact(server, "cam", start, end, body, path)

    def stream(self, server, start, end, more=""):
        path = f"/api/v1/recordings/download?camera=cam&start={start}&end={end}{more}"
        answer = server.api.request("GET", path)
        self.assertEqual(answer.status, 200, answer.body[:300])
        file = os.path.join(self.folder, "stream.mp4")
        with open(file, "wb") as out:
            out.write(answer.body)
        return answer.body, file

    def test_streamed_range(self):
        server, _, items = self.record()
        start, end = items["cam"][0]["start"] + 730, items["cam"][2]["end"] - 610
        body, file = self.stream(server, start, end)
        parts = mp4.fragments(body)
        self.assertTrue(parts[0].key)
        self.assertEqual(parts[0].video.time, 0)
        self.assertEqual(mp4.check_times(parts), [])
        numbers = [part.stamps[0][1] for part in parts if part.video]
        frames = self.recorded_frames(server, "cam", start, end)
        self.assertEqual(numbers[-1], [n for n, at in frames if at < end / 1000][-1])
        self.assertLessEqual(numbers[0], [n for n, at in frames if at >= start / 1000][0])
        self.assertEqual(numbers, list(range(numbers[0], numbers[-1] + 1)), "no frame is missing")
        self.assert_plays(file)
        self.assertEqual({s["codec_type"] for s in self.probe_file(file)["streams"]},
                         {"video", "audio"})
        silent, file = self.stream(server, start, end, "&audio=false")
        self.assertEqual([p.stamps[0][1] for p in mp4.fragments(silent)], numbers)
        self.assert_plays(file)
        self.assertEqual([s["codec_type"] for s in self.probe_file(file)["streams"]], ["video"])
        for query, status in ((f"camera=none&start={start}&end={end}", 404),
                              (f"start={start}&end={end}", 400),
                              (f"camera=cam&start={end}&end={start}", 400),
                              ("camera=cam&start=1000&end=2000", 404),
                              (f"camera=cam&start={start}&end={end}&audio=maybe", 400)):
            answer = server.api.request("GET", "/api/v1/recordings/download?" + query)
            self.assertEqual(answer.status, status, query)

    def command(self, server, *words, **options):
        return subprocess.run([os.path.join(harness.BIN, "nvr"), "export", *map(str, words),
                               "--server", server.api.base], capture_output=True, text=True,
                              timeout=60, check=False, cwd=self.folder, **options)

    def test_several_cameras_sound_and_command(self):
        server, _, items = self.record(cameras=("one", "two"), count=3)
        spans = [(name, items[name][0]["start"] + 500, items[name][1]["end"] - 300)
                 for name in ("one", "two")]
        total = sum(end - start for _, start, end in spans)
        job = self.export(server, *spans)
        self.assertEqual((len(job["files"]), job["files"][0]["camera"]), (1, None))
        path, body = self.download(server, job)
        tracks = mp4.movie(body)
        self.assertAlmostEqual(tracks["vide"].duration, total / 1000, delta=0.002)
        self.assertAlmostEqual(tracks["soun"].duration, total / 1000, delta=0.002)
        wanted = []
        for name, start, end in spans:
            frames = self.recorded_frames(server, name, start, end)
            wanted += [n for n, at in frames if at <= start / 1000][-1:]
            wanted += [n for n, at in frames if start / 1000 < at < end / 1000]
        self.assertEqual([sample.number for sample, _ in tracks["vide"].shown()], wanted)
        self.assert_plays(path)
        # a file each, without sound
        job = self.export(server, *spans, combine=False, audio=False)
        self.assertEqual([file["camera"] for file in job["files"]], ["one", "two"])
        for number, (_, start, end) in enumerate(spans):
            path, body = self.download(server, job, number)
            self.assertEqual(list(mp4.movie(body)), ["vide"])
            self.assertNotIn("uuid", mp4.top_level(body))
            self.assertAlmostEqual(mp4.movie(body)["vide"].duration, (end - start) / 1000, delta=0.002)
            self.assert_plays(path)
        # the command
        name, start, end = spans[0]
        done = self.command(server, name, start, end, "-o", "out.mp4")
        self.assertEqual((done.returncode, done.stdout), (0, "out.mp4\n"), done.stderr)
        self.assert_plays(os.path.join(self.folder, "out.mp4"))
        again = self.command(server, name, start, end, "-o", "out.mp4")
        self.assertEqual(again.returncode, 1, "a file is never written over")
        self.assertIn("exists", again.stderr)
        self.assertEqual(self.command(server, name, end, start).returncode, 1)
        self.assertEqual(self.command(server, name).returncode, 2)

    def test_gap_and_other_size(self):
        camera = self.simcam(f"cam/main {media('h264.mp4')} stamp",
                             f"big/main {media('h264-720.mp4')} stamp")
        server = self.nvr()
        self.add_camera(server, "cam", camera.url("cam/main"))
        self.wait_recordings(server, "cam", 1)
        server.api.post("/api/v1/cameras/cam/stop")
        wait_until(lambda: camera.stats("cam/main")["clients"] == 0, what="the disconnect")
        before = self.wait_recordings(server, "cam", 1)
        server.api.patch("/api/v1/cameras/cam", {"stream": {"url": camera.url("big/main")}})
        stopped = time.monotonic()
        wait_until(lambda: time.monotonic() > stopped + 3, what="a gap that is one")
        server.api.post("/api/v1/cameras/cam/start")
        items = self.wait_recordings(server, "cam", len(before) + 2)
        start, end = items[0]["start"] + 300, items[-1]["end"] - 300
        estimate = server.api.post(EXPORTS + "/estimate",
                                   {"items": [{"camera": "cam", "start": start, "end": end}]})
        self.assertEqual(len(estimate["gaps"]), 1)
        gap = estimate["gaps"][0]["end"] - estimate["gaps"][0]["start"]
        self.assertEqual(estimate["recorded_ms"], end - start - gap)
        self.assertTrue(estimate["fits"])
        job = self.export(server, ("cam", start, end))
        path, body = self.download(server, job)
        video = mp4.movie(body)["vide"]
        self.assertEqual(video.entries, ["avc1", "avc1"])
        self.assertAlmostEqual(video.duration, (end - start - gap) / 1000, delta=0.05)
        frames = self.recorded_frames(server, "cam", start, end)
        wanted = len([n for n, at in frames if start / 1000 < at < end / 1000])
        self.assertAlmostEqual(len(video.shown()), wanted, delta=1)
        # ffmpeg's parser knows the first configuration only and grumbles; its decoder follows.
        out = subprocess.run(["ffprobe", "-v", "fatal", "-select_streams", "v", "-show_entries",
                              "frame=width", "-of", "csv=p=0", path], capture_output=True,
                             text=True, timeout=60, check=True)
        widths = [int(line.strip(",")) for line in out.stdout.split()]
        self.assertEqual(sorted(set(widths)), [640, 1280])
        self.assertAlmostEqual(len(widths), wanted, delta=2)
        self.assertLess(abs(job["files"][0]["size"] / estimate["size"] - 1), 0.3)

    def test_timelapse(self):
        server, _, items = self.record("h264.mp4", count=5)
        start, end = items["cam"][0]["start"], items["cam"][4]["end"]
        job = self.export(server, ("cam", start, end), timelapse={"speed": 4})
        path, body = self.download(server, job)
        video = mp4.movie(body)["vide"]
        self.assertTrue(all(sample.key for sample in video.samples))
        self.assertGreater(len(video.samples), 3)
        self.assertAlmostEqual(video.duration, (end - start) / 4000, delta=0.6)
        self.assertLess(len(body), sum(item["size"] for item in items["cam"]))
        self.assert_plays(path)

    def test_refused_and_kept(self):
        server, _, items = self.record(count=2)
        start, end = items["cam"][0]["start"], items["cam"][1]["end"]
        now = int(time.time() * 1000)

        def refused(body, status, *fields):
            answer = server.api.request("POST", EXPORTS, body)
            self.assertEqual(answer.status, status, (body, answer.body[:400]))
            self.assertEqual({f["field"] for f in answer.json()["error"]["fields"]}, set(fields))
            return answer.error_code()

        good = {"camera": "cam", "start": start, "end": end}
        refused({"items": [good, {**good, "end": start}]}, 422, "items[1].end")
        refused({"items": [{**good, "camera": "none"}]}, 422, "items[0].camera")
        refused({"items": [{**good, "end": now + 3600000}]}, 422, "items[0].end")
        refused({"items": [{**good, "start": 1, "end": 400 * 86400000}]}, 422, "items[0].end")
        refused({"items": [{"camera": 1}]}, 422, "items[0].camera", "items[0].start", "items[0].end")
        refused({"items": []}, 422, "items")
        refused({"items": [good] * 65}, 422, "items")
        refused({"items": [good], "timelapse": {"speed": 1}}, 422, "timelapse.speed")
        refused({"items": [good], "name": "a\nb", "proof": 1, "expires_days": -1}, 422, "name", "proof",
                "expires_days")
        self.assertEqual(refused({"items": [{**good, "start": 1000, "end": 2000}]}, 409),
                         "nothing_recorded")
        self.assertEqual(server.api.get(EXPORTS)["items"], [])
        job = self.export(server, ("cam", start, end), name="Evidence")
        url = job["files"][0]["url"]
        whole = server.api.request("GET", url)
        self.assertIn("filename*=UTF-8''Evidence.mp4", whole.headers["Content-Disposition"])
        first = server.api.request("GET", url, headers={"Range": "bytes=0-999"})
        rest = server.api.request("GET", url, headers={"Range": "bytes=1000-",
                                                       "If-Range": first.headers["ETag"]})
        self.assertEqual((first.status, rest.status), (206, 206))
        self.assertEqual(first.body + rest.body, whole.body)
        self.assertEqual(server.api.request("GET", url.replace("file=0", "file=1")).status, 404)
        # a restart keeps it; deleting takes the file along
        server.terminate()
        server.start()
        kept = server.api.get(f"{EXPORTS}/{job['id']}")
        self.assertEqual((kept["state"], kept["files"], kept["name"]), ("done", job["files"], "Evidence"))
        self.assertEqual(server.api.get("/api/v1/jobs?type=export&state=done")["items"], [kept])
        self.assertEqual(server.api.request("GET", url).body, whole.body)
        folder = os.path.join(server.data, "exports", job["id"])
        self.assertTrue(os.path.isdir(folder))
        server.api.delete(f"{EXPORTS}/{job['id']}")
        wait_until(lambda: not os.path.exists(folder), what="the files to go")
        self.assertEqual(server.api.request("GET", f"{EXPORTS}/{job['id']}").status, 404)
        self.assertEqual(server.api.request("GET", url).status, 404)

    def corner(self, path, at):
        """Luma of the top left corner and of the bottom right one."""
        def crop(where):
            out = subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-ss", str(at), "-i", path, "-vf",
                                  f"crop=160:20:{where},format=gray", "-frames:v", "1", "-f",
                                  "rawvideo", "-"], capture_output=True, timeout=60, check=True)
            return out.stdout
        return crop("0:0"), crop("iw-160:ih-20")

    def test_time_stamps_in_the_picture(self):
        server, _, items = self.record(count=3)
        start, end = items["cam"][0]["start"] + 530, items["cam"][2]["end"] - 310
        plain, _ = self.download(server, self.export(server, ("cam", start, end)))
        path, body = self.download(server, self.export(server, ("cam", start, end), timestamps=True))
        tracks = mp4.movie(body)
        self.assertAlmostEqual(tracks["vide"].duration, (end - start) / 1000, delta=0.002)
        self.assertIn("soun", tracks)
        wanted = [n for n, at in self.recorded_frames(server, "cam", start, end)
                  if start / 1000 < at < end / 1000]
        self.assertAlmostEqual(len(tracks["vide"].samples), len(wanted) + 1, delta=1)
        self.assert_plays(path)
        (old, old_far), (new, new_far) = self.corner(plain, 1), self.corner(path, 1)
        differ = sum(abs(a - b) > 40 for a, b in zip(old, new)) / len(old)
        far = sum(abs(a - b) > 40 for a, b in zip(old_far, new_far)) / len(old_far)
        self.assertGreater(differ, 0.2, "the corner has another picture")
        self.assertLess(far, 0.05, "the rest has not")
        self.assertGreater(max(new), 180, "the letters are white")
        lapse = self.export(server, ("cam", start, end), timestamps=True, timelapse={"speed": 2})
        path, body = self.download(server, lapse)
        self.assert_plays(path)
        self.assertAlmostEqual(mp4.movie(body)["vide"].duration, (end - start) / 2000, delta=1.1)

    def test_cancel_kill_and_restart(self):
        server, _, items = self.record(count=6)
        start, end = items["cam"][0]["start"], items["cam"][5]["end"]
        body = {"items": [{"camera": "cam", "start": start, "end": end}] * 40, "timestamps": True}

        def begin():
            job = server.api.post(EXPORTS, body)
            wait_until(lambda: server.api.get(f"{EXPORTS}/{job['id']}")["progress"] > 0, what="progress")
            return job, os.path.join(server.data, "exports", job["id"])

        job, folder = begin()
        second = server.api.post(EXPORTS, body)
        self.assertEqual(second["state"], "queued", "one at a time")
        server.api.post(f"{EXPORTS}/{second['id']}/cancel")
        self.assertEqual(server.api.post(f"/api/v1/jobs/{job['id']}/cancel")["state"], "cancelled")
        wait_until(lambda: not os.path.exists(folder), what="the files to go")
        # its process dies
        job, folder = begin()
        workers = [pid for pid in server.processes() if harness.read_text(f"/proc/{pid}/stat") and
                   any(folder in os.path.realpath(f"/proc/{pid}/fd/{fd}")
                       for fd in os.listdir(f"/proc/{pid}/fd"))]
        workers = [pid for pid in workers if pid != server.process.pid]
        self.assertEqual(len(workers), 1)
        harness.kill(workers[0])
        job = self.finish(server, job, "failed")
        self.assertEqual(job["error"]["code"], "crashed")
        wait_until(lambda: not os.path.exists(folder), what="the files to go")
        # Heron dies
        job, folder = begin()
        stray = os.path.join(server.data, "exports", "01890000-0000-7000-8000-000000000000")
        os.makedirs(stray)
        server.kill()
        server.start()
        job = self.finish(server, job, "failed")
        self.assertEqual(job["error"]["code"], "interrupted")
        wait_until(lambda: not os.path.exists(folder) and not os.path.exists(stray),
                   what="the files to go")
        self.assertEqual(self.export(server, ("cam", start, end))["state"], "done")

    def test_full_disk_is_refused_before_it_starts(self):
        if os.geteuid() != 0:
            self.skipTest("needs to mount")
        server, _, items = self.record(count=2)
        server.terminate()
        exports = os.path.join(server.data, "exports")
        mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", exports],
                               capture_output=True, check=False)
        if mount.returncode:
            self.skipTest("cannot mount here")
        self.addCleanup(subprocess.run, ["umount", "-l", exports], check=False)
        server.start()
        body = {"items": [{"camera": "cam", "start": items["cam"][0]["start"],
                           "end": items["cam"][1]["end"]}]}
        answer = server.api.request("POST", EXPORTS, body)
        self.assertEqual((answer.status, answer.error_code()), (507, "disk_full"))
        self.assertRegex(answer.json()["error"]["message"], r"\d+ bytes are needed .*, \d+ are free")
        self.assertFalse(server.api.post(EXPORTS + "/estimate", body)["fits"])
        self.assertEqual(os.listdir(exports), [])

    def test_expiry_and_what_is_being_written(self):
        server, _, items = self.record(count=2)
        # up to now: the file that is being written is waited for
        end = int(time.time() * 1000)
        job = server.api.post(EXPORTS, {"items": [{"camera": "cam", "start": items["cam"][1]["start"],
                                                   "end": end}]})
        job = self.finish(server, job)
        _, body = self.download(server, job)
        duration = (end - items["cam"][1]["start"]) / 1000
        self.assertAlmostEqual(mp4.movie(body)["vide"].duration, duration, delta=0.2)
        self.assertAlmostEqual(job["expires"] - job["finished"], 7 * 86400000, delta=1)
        server.terminate()
        with contextlib.closing(sqlite3.connect(server.database)) as database:
            database.execute("UPDATE exports SET expires_ms = 1")
            database.commit()
        server.start()
        wait_until(lambda: not server.api.get(EXPORTS)["items"], 60, "the end of the export")
        wait_until(lambda: not os.path.exists(os.path.join(server.data, "exports", job["id"])),
                   what="the files to go")

    def test_another_codec_is_another_file(self):
        camera = self.simcam(f"old/main {media('h264.mp4')} stamp",
                             f"new/main {media('h265-aac.mp4')} stamp")
        server = self.nvr()
        self.add_camera(server, "cam", camera.url("old/main"))
        self.wait_recordings(server, "cam", 1)
        server.api.patch("/api/v1/cameras/cam", {"stream": {"url": camera.url("new/main")}})
        wait_until(lambda: server.api.recordings("cam")[-1]["codec"] == "h265", what="the other codec")
        items = server.api.recordings("cam")
        job = self.export(server, ("cam", items[0]["start"], items[-1]["end"]), name="Both")
        self.assertEqual([file["name"] for file in job["files"]], ["Both.mp4", "Both (2).mp4"])
        kinds = []
        for number in range(2):
            path, body = self.download(server, job, number)
            kinds.append(mp4.movie(body)["vide"].entries)
            self.assert_plays(path)
            check = subprocess.run([os.path.join(harness.BIN, "nvr"), "verify", path],
                                   capture_output=True, text=True, timeout=60, check=False)
            self.assertEqual(check.returncode, 0, check.stdout + check.stderr)
        self.assertEqual(kinds, [["avc1"], ["hvc1"]])
