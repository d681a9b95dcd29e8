"""Gaps: each cause is made to happen, and recorded + gaps is wall time, exactly."""
import json
import os
import subprocess
import time

import harness
import websocket
from harness import media, wait_until

HOUR_MS = 3600 * 1000


def now_ms():
    return int(time.time() * 1000)


class Gaps(harness.TestCase):
    def timeline(self, server, camera="cam", start=None, end=None):
        start = start or now_ms() - HOUR_MS
        end = end or now_ms() + HOUR_MS
        item = server.api.get(
            f"/api/v1/recordings/timeline?camera={camera}&start={start}&end={end}")["items"][0]
        self.assert_exact(item)
        return item

    def assert_exact(self, item):
        """Every millisecond that something is known of is in a file or in one gap with a cause."""
        known_start, known_end = item["known"]
        self.assertEqual(item["recorded_ms"] + item["gap_ms"], known_end - known_start, item)
        recorded = [list(r) for r in item["ranges"]]
        if item["recording"]:
            start, end = item["recording"]
            if recorded and start - recorded[-1][1] < 1500:
                recorded[-1][1] = max(recorded[-1][1], end)
            else:
                recorded.append([start, end])
        pieces = sorted([(start, end, "recorded") for start, end in recorded] +
                        [(gap["start"], gap["end"], gap["cause"]) for gap in item["gaps"]])
        at = known_start
        for start, end, what in pieces:
            self.assertEqual(start, at, (what, pieces))
            self.assertGreater(end, start)
            at = end
        self.assertEqual(at, known_end, pieces)
        self.assertEqual(sum(gap["end"] - gap["start"] for gap in item["gaps"]), item["gap_ms"])

    def gap_of(self, item, start, end):
        """The longest gap around [start, end)."""
        found = [gap for gap in item["gaps"] if gap["start"] < end and gap["end"] > start]
        self.assertTrue(found, item)
        return max(found, key=lambda gap: min(gap["end"], end) - max(gap["start"], start))

    def begin(self, *mounts, options=(), **stream):
        camera = self.simcam(*(mounts or (f"cam/main {media('h264.mp4')}",)), options=options)
        server = self.nvr()
        self.add_camera(server, "cam", camera.url("cam/main"), **stream)
        self.wait_recordings(server, "cam", 2)
        return camera, server

    def recorded_after(self, server, at):
        """A finished file that began after at: what was before is settled."""
        def reached():
            item = self.timeline(server)
            assert item["ranges"] and item["ranges"][-1][1] > at + 2500, item
            return item
        return wait_until(reached, 60, "recording again")

    # ---- each cause ----

    def test_camera_is_gone(self):
        camera, server = self.begin(timeout_seconds=5)
        socket = websocket.WebSocket(server.port, "/ws")
        socket.send_text(json.dumps({"subscribe": ["recording.gap", "camera.*"]}))
        self.assertEqual(json.loads(socket.receive()[1])["type"], "subscribed")
        lost = now_ms()
        camera.stop()
        self.wait_error(server, "cam", ("refused",))
        wait_until(lambda: now_ms() - lost > 7000, 30)
        self.assertIn('heron_recording_active{camera="cam"} 0',
                      server.api.request("GET", "/metrics").body.decode())
        again = now_ms()
        self.simcam(f"cam/main {media('h264.mp4')}", port=camera.port)
        item = self.recorded_after(server, again)
        gap = self.gap_of(item, lost, again)
        self.assertEqual(gap["cause"], "network", item["gaps"])
        self.assertLess(abs(gap["start"] - lost), 3000, item["gaps"])
        self.assertTrue(gap["detail"])
        topics = []
        while not any(topic == "recording.gap" and data["cause"] == "network" and not data["open"]
                      for topic, data in topics):
            event = json.loads(socket.receive()[1])
            topics.append((event["topic"], event["data"]))
        self.assertIn("camera.offline", [topic for topic, _ in topics])
        self.assertTrue(any(data.get("open") and data["end"] is None for topic, data in topics
                            if topic == "recording.gap"), topics)
        self.check_gaps_and_coverage(server, item)
        metrics = server.api.request("GET", "/metrics").body.decode()
        self.assertRegex(metrics, r'heron_recording_gap_seconds_total{camera="cam",cause="network"} [5-9]')
        self.assertRegex(metrics, r'heron_segments_total{camera="cam"} [1-9]')
        self.assertRegex(metrics, r'heron_recorded_bytes_total{camera="cam"} [1-9]')

    def check_gaps_and_coverage(self, server, item):
        start, end = item["known"]
        item = self.timeline(server, start=start, end=end)
        query = f"camera=cam&start={start}&end={end}"
        listed = server.api.get(f"/api/v1/recordings/gaps?{query}")
        self.assertEqual([{k: v for k, v in gap.items() if k != "camera"} for gap in listed["items"]],
                         item["gaps"])
        self.assertFalse(listed["more"])
        one = server.api.get(f"/api/v1/recordings/gaps?{query}&limit=1&min_ms=1")
        self.assertEqual(len(one["items"]), 1)
        self.assertEqual(one["more"], len(item["gaps"]) > 1)
        longest = max(gap["end"] - gap["start"] for gap in item["gaps"])
        none = server.api.get(f"/api/v1/recordings/gaps?{query}&min_ms={longest + 1}")
        self.assertEqual(none, {"items": [], "more": False})
        days = server.api.get(f"/api/v1/recordings/coverage?{query}")["items"][0]["days"]
        self.assertEqual(sum(day["recorded_ms"] for day in days), item["recorded_ms"])
        self.assertEqual(sum(day["gap_ms"] for day in days), item["gap_ms"])
        by_cause = {}
        for gap in item["gaps"]:
            by_cause[gap["cause"]] = by_cause.get(gap["cause"], 0) + gap["end"] - gap["start"]
        summed = {}
        for day in days:
            for cause, ms in day["causes"].items():
                summed[cause] = summed.get(cause, 0) + ms
        self.assertEqual(summed, by_cause)

    def test_camera_falls_silent(self):
        """The connection stands, nothing comes."""
        _, server = self.begin(f"cam/main {media('h264.mp4')} stall=20:14", timeout_seconds=5)

        def reached():
            item = self.timeline(server)
            found = [gap for gap in item["gaps"] if gap["cause"] == "network"]
            assert found and item["ranges"][-1][0] >= found[0]["end"], item
            return found[0]
        gap = wait_until(reached, 90, "a gap of silence")
        self.assertGreater(gap["end"] - gap["start"], 6000)
        self.assertLess(gap["end"] - gap["start"], 18000)

    def test_short_silence(self):
        """The connection stands: what was sent is recorded, the silence is a gap, whether a file
        spans it or not."""
        # The silence of 10.5 to 14 s begins in the middle of a group of pictures, and ends in one.
        _, server = self.begin(f"cam/main {media('h264.mp4')} stall=14:3.5", timeout_seconds=10)

        def reached():
            item = self.timeline(server)
            found = [gap for gap in item["gaps"] if gap["end"] - gap["start"] > 1500]
            assert len(found) >= 2 and item["ranges"][-1][1] > found[1]["end"] + 1000, item
            return item
        item = wait_until(reached, 90, "two silences")
        found = [gap for gap in item["gaps"] if gap["end"] - gap["start"] > 1500]
        for gap in found[:2]:
            self.assertEqual((gap["cause"], gap["detail"]),
                             ("network", "No picture arrives from the camera."), item["gaps"])
            self.assertGreater(gap["end"] - gap["start"], 2500)
            self.assertLess(gap["end"] - gap["start"], 4500)
        self.assertLess(abs(found[1]["start"] - found[0]["start"] - 14000), 1000)
        status = server.api.camera("cam")
        self.assertEqual(status["worker"]["restarts"], 0)
        self.check_gaps_and_coverage(server, item)
        # An index that is made anew from the files says the same of what files span.
        spanned = [gap for gap in found[:2] for row in server.api.recordings("cam")
                   if row["start"] < gap["start"] and row["end"] > gap["end"]]
        server.terminate()
        for name in os.listdir(server.data):
            if name.startswith("nvr.db"):
                os.remove(os.path.join(server.data, name))
        subprocess.run([os.path.join(harness.BIN, "nvr"), "recordings", "reindex", "--config",
                        server.config, "--data", server.data], check=True, timeout=60,
                       capture_output=True)
        server.start()
        again = self.timeline(server)
        for gap in spanned:
            same = self.gap_of(again, gap["start"], gap["end"])
            self.assertLess(abs(same["start"] - gap["start"]), 200, again["gaps"])
            self.assertLess(abs(same["end"] - gap["end"]), 50, again["gaps"])
        self.assertTrue(spanned, "a file spans a silence")

    def test_wrong_password(self):
        camera = self.simcam(f"cam/main {media('h264.mp4')} auth=me:right")
        server = self.nvr()
        self.add_camera(server, "cam", camera.url("cam/main"), username="me", password="right")
        self.wait_recordings(server, "cam", 2)
        wrong = now_ms()
        server.api.patch("/api/v1/cameras/cam", {"stream": {"password": "wrong"}})
        self.wait_error(server, "cam", ("bad_credentials",))
        wait_until(lambda: now_ms() - wrong > 4000, 30)
        right = now_ms()
        server.api.patch("/api/v1/cameras/cam", {"stream": {"password": "right"}})
        item = self.recorded_after(server, right)
        self.assertEqual(self.gap_of(item, wrong, right)["cause"], "camera", item["gaps"])

    def test_operator(self):
        _, server = self.begin()
        stopped = now_ms()
        server.api.post("/api/v1/cameras/cam/stop")
        wait_until(lambda: now_ms() - stopped > 3000, 30)
        started = now_ms()
        server.api.post("/api/v1/cameras/cam/start")
        self.recorded_after(server, started)
        off = now_ms()
        server.api.patch("/api/v1/cameras/cam", {"recording": {"enabled": False}})
        wait_until(lambda: now_ms() - off > 3000, 30)
        on = now_ms()
        server.api.patch("/api/v1/cameras/cam", {"recording": {"enabled": True}})
        item = self.recorded_after(server, on)
        first = self.gap_of(item, stopped, started)
        self.assertEqual((first["cause"], first["detail"]), ("operator", "The camera was stopped."))
        self.assertLess(abs(first["start"] - stopped), 1000)
        second = self.gap_of(item, off, on)
        self.assertEqual(second["cause"], "operator")
        self.assertIn("switched off", second["detail"])

    def test_heron_was_not_running(self):
        _, server = self.begin()
        stopped = now_ms()
        server.terminate()
        time.sleep(2)  # is what is tested
        server.start()
        self.recorded_after(server, now_ms())
        killed = now_ms()
        server.kill()
        wait_until(lambda: not server.processes(), 20, "its processes end")
        time.sleep(2)
        again = now_ms()
        server.start()
        item = self.recorded_after(server, again)
        clean = self.gap_of(item, stopped, stopped + 3000)
        self.assertEqual((clean["cause"], clean["detail"]), ("operator", "Heron was stopped."))
        crash = self.gap_of(item, killed, again)
        self.assertEqual((crash["cause"], crash["detail"]), ("system", "Heron was not running."))
        self.assertLess(abs(crash["start"] - killed), 2000, item["gaps"])

    def test_killed_while_offline(self):
        """What was the matter before ends where Heron was seen last."""
        camera, server = self.begin()
        camera.stop()
        self.wait_error(server, "cam", ("refused",))
        wait_until(lambda: self.timeline(server)["gap_ms"] > 8000, 30)
        killed = now_ms()
        server.kill()
        time.sleep(8)  # longer than the signs of life are apart
        server.start()
        item = self.timeline(server)
        system = [gap for gap in item["gaps"] if gap["cause"] == "system"]
        self.assertTrue(system, item["gaps"])
        self.assertLess(abs(max(gap["start"] for gap in system) - killed), 7000, item["gaps"])
        self.assertIn("network", [gap["cause"] for gap in item["gaps"]])
        # The camera's own history says the same, without a hole.
        periods = server.api.get("/api/v1/cameras/cam/history")["items"]
        away = [p for p in periods if p["error"] == "Heron was not running"]
        self.assertEqual(len(away), 1, periods)
        self.assertLess(abs(away[0]["start"] - killed), 7000, periods)
        self.assertIsNone(periods[0]["end"])
        for newer, older in zip(periods, periods[1:]):
            self.assertEqual(older["end"], newer["start"], periods)

    def test_disk_is_full(self):
        if os.geteuid() != 0:
            self.skipTest("mounting needs root")
        camera = self.simcam(f"cam/main {media('h264.mp4')}")
        server = self.nvr(start=False)
        os.makedirs(server.recordings_dir, exist_ok=True)
        answer = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "heron-test",
                                 server.recordings_dir], capture_output=True, text=True, check=False)
        if answer.returncode:
            self.skipTest("no tmpfs here: " + answer.stderr.strip())
        self.addCleanup(subprocess.run, ["umount", "-l", server.recordings_dir], check=False)
        server.start()
        self.add_camera(server, "cam", camera.url("cam/main"))
        self.wait_recordings(server, "cam", 2)
        ballast = os.path.join(server.recordings_dir, "ballast")
        with open(ballast, "wb") as file:
            try:
                while True:
                    file.write(b"x" * 65536)
                    file.flush()
            except OSError:
                pass

        def interrupted():
            item = self.timeline(server)
            assert item["gaps"] and item["gaps"][-1]["cause"] == "disk", item["gaps"]
            assert item["gaps"][-1]["end"] - item["gaps"][-1]["start"] > 3000, item["gaps"]
            return item["gaps"][-1]
        full = wait_until(interrupted, 60, "no room")
        self.assertIn("full", full["detail"])
        again = now_ms()
        os.unlink(ballast)
        item = self.recorded_after(server, again)
        self.assertEqual(self.gap_of(item, full["start"], again)["cause"], "disk", item["gaps"])

    def test_mode(self):
        """Nothing is wanted: that is a cause, too, and the operator's own recording ends it."""
        _, server = self.begin(extra={"recording": {"pre_buffer_seconds": 0,
                                                    "post_buffer_seconds": 0}})
        off = now_ms()
        server.api.patch("/api/v1/cameras/cam", {"recording": {"mode": "events"}})
        wait_until(lambda: now_ms() - off > 6000, 30)
        on = now_ms()
        server.api.post("/api/v1/cameras/cam/record/trigger",
                        {"kind": "event", "label": "door", "duration_seconds": 6})
        item = self.recorded_after(server, on)
        gap = self.gap_of(item, off, on)
        self.assertEqual((gap["cause"], gap["detail"]), ("schedule", "Only events are recorded."))
        self.assertEqual([(mark["kind"], mark["label"]) for mark in item["marks"]],
                         [("event", "door")])

    def test_deleted_and_removed(self):
        camera, server = self.begin()
        self.wait_recordings(server, "cam", 4)
        victim = sorted(server.api.recordings("cam"), key=lambda row: row["start"])[1]
        server.api.delete(f"/api/v1/recordings/{victim['id']}")

        def gone():
            item = self.timeline(server)
            found = [gap for gap in item["gaps"] if "deleted" in gap["detail"]]
            assert found, item["gaps"]
            return found[0]
        gap = wait_until(gone, 20, "a gap of what was deleted")
        self.assertEqual(gap["cause"], "operator")
        self.assertLess(abs(gap["start"] - victim["start"]), 300)
        self.assertLess(abs(gap["end"] - victim["end"]), 300)
        removed = now_ms()
        server.api.delete("/api/v1/cameras/cam")
        wait_until(lambda: now_ms() - removed > 4000, 30)
        again = now_ms()
        self.add_camera(server, "cam", camera.url("cam/main"))
        item = self.recorded_after(server, again)
        gap = self.gap_of(item, removed, again)
        self.assertEqual((gap["cause"], gap["detail"]), ("operator", "The camera was removed."))

    # ---- spans ----

    def test_spans(self):
        _, server = self.begin()
        known = self.timeline(server)["known_from"]
        before = self.timeline(server, start=known - 50000, end=known - 1000)
        self.assertEqual((before["recorded_ms"], before["gap_ms"]), (0, 0))
        future = self.timeline(server, start=now_ms() + HOUR_MS, end=now_ms() + 2 * HOUR_MS)
        self.assertEqual((future["recorded_ms"], future["gap_ms"], future["gaps"]), (0, 0, []))
        # Any cut of the time gives the same sums.
        item = self.timeline(server)
        start, end = item["known"]
        middle = (start + end) // 2
        parts = [self.timeline(server, start=start, end=middle),
                 self.timeline(server, start=middle, end=end)]
        whole = self.timeline(server, start=start, end=end)
        for key in ("recorded_ms", "gap_ms"):
            self.assertEqual(sum(part[key] for part in parts), whole[key])
        for query in ("start=5&end=4", "start=x&end=4", "end=4", f"start=0&end={400 * 24 * HOUR_MS}",
                      "start=1&end=2&min_ms=x", "start=1&end=2&limit=0"):
            answer = server.api.request("GET", f"/api/v1/recordings/gaps?camera=cam&{query}")
            self.assertEqual(answer.status, 400, query)
        self.assertEqual(
            server.api.request("GET", "/api/v1/recordings/gaps?camera=no&start=1&end=2").status, 404)
