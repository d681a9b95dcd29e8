"""Exports: recorded segments → one file that shows exactly what was asked for."""
import json
import os
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
