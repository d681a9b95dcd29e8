"""When something is recorded: modes, triggers with pre- and post-roll, schedules, by hand."""
import datetime
import json
import os
import re
import sqlite3
import time
import unittest

import harness
import mp4
import websocket
from harness import media, wait_until

UTC = 'version: "1.0"\nsystem:\n  timezone: UTC\n'
# A trigger's file is on disk within two seconds; sanitizers and busy machines take longer.
ON_DISK_S = 2 if "HERON_TEST_PATIENCE" not in os.environ and harness.BUILD.endswith("build") else 15
GOP_S = 1  # of the clip


class Modes(harness.TestCase):
    def start(self, recording, config=UTC):
        """simcam numbers its pictures; the server records it with these settings."""
        self.source = self.simcam(f"cam/main {media('h264-aac.mp4')} stamp")
        server = self.nvr(config)
        self.add_camera(server, "cam", self.source.url("cam/main"),
                        extra={"recording": {"segment_seconds": 60, **recording}})
        self.wait_status(server, "cam")
        self.online = time.time()
        return server

    def wait_age(self, seconds):
        """The stream has run for so long."""
        wait_until(lambda: time.time() - self.online >= seconds, seconds + 5, "the stream's age")

    def trigger(self, server, **body):
        return server.api.post("/api/v1/cameras/cam/record/trigger", {"kind": "motion", **body})

    def change(self, server, **recording):
        return server.api.patch("/api/v1/cameras/cam", {"recording": recording})

    def stamps(self, server):
        """(µs, number) of every recorded picture, in the order of files and pictures."""
        found = []
        for path in server.segment_files("cam"):
            with open(path, "rb") as file:
                for part in mp4.fragments(file.read()):
                    found += part.stamps
        return found

    def assert_in_a_row(self, numbers, words=""):
        self.assertTrue(numbers, words)
        self.assertEqual(numbers, list(range(numbers[0], numbers[0] + len(numbers))), words)

    def now(self, server):
        return server.api.camera("cam")["recording_now"]


class Triggers(Modes):
    def test_nothing_until_a_trigger_then_preroll_and_postroll(self):
        server = self.start({"mode": "motion", "pre_buffer_seconds": 3, "post_buffer_seconds": 2})
        self.wait_age(3 + GOP_S)
        self.assertEqual(server.segment_files("cam"), [])
        self.assertEqual(self.now(server), {"mode": "motion", "reason": "off", "until": None,
                                            "next_change": None})
        at = time.time()
        answer = self.trigger(server, label="cat", source="test")

        def grows():
            path = server.segment_files("cam")[0]
            size = os.path.getsize(path)
            wait_until(lambda: os.path.getsize(path) > size, ON_DISK_S)
            return True
        wait_until(grows, ON_DISK_S, "bytes on disk")
        self.assertLess(time.time() - at, ON_DISK_S)
        self.assertLess(abs(answer["until"] - (at + 2) * 1000), 1000)
        self.assertEqual(self.now(server)["reason"], "trigger")
        self.assertEqual(self.now(server)["until"], answer["until"])
        items = self.wait_recordings(server, "cam", 1)
        stamps = self.stamps(server)
        self.assert_in_a_row([number for _, number in stamps])
        first, last = stamps[0][0] / 1e6, stamps[-1][0] / 1e6
        self.assertLessEqual(first, at - 3 + 0.2)
        self.assertGreater(first, at - 3 - GOP_S - 0.5)
        self.assertGreater(last, at + 2 - 0.5)
        self.assertLess(last, at + 2 + GOP_S + 1)
        self.assert_plays(server.segment_files("cam")[0])
        self.assertFalse(items[0]["has_events"])
        with sqlite3.connect(f"file:{server.database}?mode=ro", uri=True) as db:
            self.assertEqual(db.execute("SELECT motion, rank FROM recordings").fetchall(), [(1, 1)])
            self.assertEqual(db.execute("SELECT id, camera_id, kind, label, source "
                                        "FROM recording_triggers").fetchall(),
                             [(answer["id"], "cam", "motion", "cat", "test")])
        wait_until(lambda: self.now(server)["reason"] == "off", what="the post-roll is over")
        self.assertEqual(len(server.segment_files("cam")), 1)

    def test_overlapping_triggers_are_one_recording(self):
        server = self.start({"mode": "motion", "pre_buffer_seconds": 1, "post_buffer_seconds": 2})
        self.wait_age(1 + GOP_S)
        ends = []
        for index in range(4):
            self.wait_age(1 + GOP_S + index * 1.5)
            ends.append(self.trigger(server, kind="event" if index == 2 else "motion")["until"])
        self.assertEqual(ends, sorted(ends))
        items = self.wait_recordings(server, "cam", 1)
        self.assertEqual(len(items), 1, items)
        self.assertGreaterEqual(items[0]["end"], ends[-1] - 200)
        self.assertTrue(items[0]["has_events"])
        self.assertEqual(items[0]["event_count"], 1)
        self.assert_in_a_row([number for _, number in self.stamps(server)])

    def test_a_later_trigger_joins_without_a_hole(self):
        """Its pre-roll reaches into what is recorded: no picture twice, none missing."""
        server = self.start({"mode": "motion", "pre_buffer_seconds": 10, "post_buffer_seconds": 0})
        self.wait_age(GOP_S)
        self.trigger(server)
        self.wait_recordings(server, "cam", 1)
        self.trigger(server)
        self.wait_recordings(server, "cam", 2)
        self.assert_in_a_row([number for _, number in self.stamps(server)])

    def test_topics_and_gaps_tell_of_it(self):
        server = self.start({"mode": "motion", "pre_buffer_seconds": 1, "post_buffer_seconds": 1})
        socket = websocket.WebSocket(server.port, "/ws")
        topics = ["recording.trigger", "recording.started", "recording.stopped"]
        socket.send_text(json.dumps({"subscribe": topics}))
        self.assertEqual(json.loads(socket.receive()[1])["type"], "subscribed")
        self.wait_age(4)
        self.trigger(server, label="car")
        told = {}
        while set(told) != set(topics):  # the socket's own deadline ends it
            event = json.loads(socket.receive()[1])
            told[event["topic"]] = event["data"]
        trigger = told["recording.trigger"]
        self.assertEqual((trigger["camera"], trigger["kind"], trigger["label"], trigger["source"]),
                         ("cam", "motion", "car", "api"))
        self.assertEqual(told["recording.started"], {"camera": "cam", "reason": "trigger"})
        self.assertEqual(told["recording.stopped"], {"camera": "cam", "reason": "off"})
        item = self.wait_recordings(server, "cam", 1)[0]
        self.wait_age(12)
        line = server.api.get("/api/v1/recordings/timeline?camera=cam&start="
                              f"{item['start'] - 60000}&end={item['end'] + 60000}")["items"][0]
        after = [gap for gap in line["gaps"] if gap["start"] >= item["end"] - 10]
        self.assertEqual([gap["cause"] for gap in after], ["schedule"], line)

    def test_waiting_costs_nothing(self):
        """Without a window the recorder's thread sleeps, whatever comes from the camera."""
        server = self.start({"mode": "motion"})
        pid = str(server.api.camera("cam")["worker"]["pid"])

        def switches():
            for task in os.listdir(f"/proc/{pid}/task"):
                text = harness.read_text(f"/proc/{pid}/task/{task}/status")
                if "Name:\trecorder\n" in text:
                    return int(re.search(r"^voluntary_ctxt_switches:\s*(\d+)", text, re.M)[1])
            raise AssertionError("no thread of the recorder")
        self.wait_age(1)
        before = switches()
        self.wait_age(7)
        self.assertLessEqual(switches() - before, 2)
        self.trigger(server, duration_seconds=5)
        wait_until(lambda: switches() - before > 8, what="it works when it is wanted")

    def test_events_mode_ignores_motion(self):
        server = self.start({"mode": "events", "pre_buffer_seconds": 0, "post_buffer_seconds": 1})
        self.trigger(server, kind="motion", duration_seconds=1)
        self.assertEqual(self.now(server)["reason"], "off")
        answer = self.trigger(server, kind="event", duration_seconds=2)
        self.assertEqual(self.now(server), {"mode": "events", "reason": "trigger",
                                            "until": answer["until"], "next_change": None})
        item = self.wait_recordings(server, "cam", 1)[0]
        self.assertTrue(item["has_events"])
        self.assertGreaterEqual(item["end"], answer["until"] - 200)

    def test_bad_input_is_refused(self):
        server = self.start({"mode": "motion"})
        path = "/api/v1/cameras/cam/record/trigger"
        for body in ({}, {"kind": "manual"}, {"kind": "motion", "duration_seconds": -1},
                     {"kind": "motion", "duration_seconds": 3601}, {"kind": "motion", "label": 1},
                     {"kind": "motion", "label": "x" * 65}):
            answer = server.api.request("POST", path, body)
            self.assertEqual((answer.status, answer.error_code()), (422, "validation_failed"), body)
        entry = {"days": ["mon"], "from": "08:00", "to": "09:00", "mode": "motion"}
        answer = server.api.request("PATCH", "/api/v1/cameras/cam", {
            "recording": {"schedule": [entry, entry, {**entry, "from": "25:00"}]}})
        self.assertEqual(answer.status, 422)
        self.assertIn("recording.schedule[2].from", answer.body.decode())
        self.assertEqual(server.segment_files("cam"), [])


class Changes(Modes):
    def test_changing_the_mode_loses_no_frame(self):
        server = self.start({"mode": "continuous", "segment_seconds": 2})
        pid = server.api.camera("cam")["worker"]["pid"]
        self.wait_age(4)
        ends = time.time()
        self.change(server, mode="motion")
        self.assertEqual(self.now(server)["mode"], "motion")
        wait_until(lambda: not server.api.camera("cam")["recording_active"], what="it stops")
        paused = time.time()
        wait_until(lambda: time.time() - paused > 2, 5)
        self.change(server, mode="continuous")
        begins = time.time()
        self.assertEqual(self.now(server)["reason"], "continuous")
        wait_until(lambda: time.time() - begins > 3, 5)
        for mode in ("motion", "continuous", "events", "scheduled", "continuous"):
            self.change(server, mode=mode, post_buffer_seconds=7)  # at once: nothing is missing
        toggled = time.time()
        wait_until(lambda: time.time() - toggled > 3, 5)
        self.assertEqual(server.api.camera("cam")["worker"]["pid"], pid)
        self.assertEqual(server.api.camera("cam")["worker"]["restarts"], 0)
        server.terminate()
        stamps = self.stamps(server)
        first = [number for us, number in stamps if us / 1e6 <= ends]
        second = [number for us, number in stamps if us / 1e6 >= begins]
        self.assert_in_a_row(first, "before")
        self.assert_in_a_row(second, "afterwards")
        self.assertGreater(stamps[-1][0] / 1e6, toggled + 2)
        self.assertGreater(second[0] - first[-1], 15, "nothing was recorded between")
        self.assertEqual(len({number for _, number in stamps}), len(stamps), "a picture twice")

    def test_retention_needs_no_restart(self):
        server = self.start({"mode": "continuous"})
        pid = server.api.camera("cam")["worker"]["pid"]
        self.change(server, retention={"default_days": 3, "events_days": 4})
        self.wait_age(2)
        self.assertEqual(server.api.camera("cam")["worker"]["pid"], pid)


class ByHand(Modes):
    def test_off_then_by_hand(self):
        server = self.start({"mode": "scheduled", "schedule": [], "post_buffer_seconds": 5})
        self.assertEqual(self.now(server), {"mode": "off", "reason": "off", "until": None,
                                            "next_change": None})
        self.trigger(server, kind="event")  # kept as a mark, records nothing
        self.assertEqual(self.now(server)["reason"], "off")
        answer = server.api.post("/api/v1/cameras/cam/record/start", {"duration_seconds": 600})
        self.assertEqual(self.now(server), {"mode": "off", "reason": "manual",
                                            "until": answer["until"], "next_change": None})
        wait_until(lambda: server.api.camera("cam")["recording_active"], what="it records")
        path = wait_until(lambda: server.segment_files("cam"))[0]
        wait_until(lambda: os.path.getsize(path) > 20000, what="pictures")
        shorter = server.api.post("/api/v1/cameras/cam/record/start", {"duration_seconds": 300})
        self.assertLess(shorter["until"], answer["until"])
        stopped = time.time()
        server.api.post("/api/v1/cameras/cam/record/stop")
        self.assertEqual(self.now(server)["reason"], "off")
        item = self.wait_recordings(server, "cam", 1)[0]
        self.assertLess(item["end"], (stopped + GOP_S + 1) * 1000)  # no post-roll
        self.assertEqual(len(server.segment_files("cam")), 1)
        with sqlite3.connect(f"file:{server.database}?mode=ro", uri=True) as db:
            kinds = db.execute("SELECT kind, end_ms FROM recording_triggers ORDER BY id").fetchall()
        self.assertEqual([kind for kind, _ in kinds], ["event", "manual"])
        self.assertLess(abs(kinds[1][1] - stopped * 1000), 2000)

    def test_disabled_is_a_conflict(self):
        server = self.start({"enabled": False})
        answer = server.api.request("POST", "/api/v1/cameras/cam/record/start", {})
        self.assertEqual((answer.status, answer.error_code()), (409, "recording_disabled"))
        missing = server.api.request("POST", "/api/v1/cameras/none/record/start", {})
        self.assertEqual(missing.status, 404)
        self.assertEqual(self.now(server)["mode"], "off")

    def test_a_camera_that_is_off_is_a_conflict(self):
        server = self.start({"mode": "motion"})
        start = ("POST", "/api/v1/cameras/cam/record/start", {})
        server.api.post("/api/v1/cameras/cam/stop")
        stopped = server.api.request(*start)
        self.assertEqual((stopped.status, stopped.error_code()), (409, "camera_stopped"))
        server.api.post("/api/v1/cameras/cam/start")
        self.assertEqual(server.api.request(*start).status, 200)
        server.api.patch("/api/v1/cameras/cam", {"enabled": False})
        disabled = server.api.request(*start)
        self.assertEqual((disabled.status, disabled.error_code()), (409, "camera_disabled"))

    def test_it_survives_a_restart(self):
        server = self.start({"mode": "motion"})
        until = server.api.post("/api/v1/cameras/cam/record/start",
                                {"duration_seconds": 600})["until"]
        wait_until(lambda: server.segment_files("cam"), what="it records")
        # The store commits every tenth of a second.
        wait_until(lambda: sqlite3.connect(f"file:{server.database}?mode=ro", uri=True).execute(
            "SELECT count(*) FROM recording_triggers").fetchone()[0] == 1)
        server.kill()
        wait_until(lambda: not server.processes(), what="the workers end")
        files = len(server.segment_files("cam"))
        server.start()
        self.assertEqual(self.now(server), {"mode": "motion", "reason": "manual", "until": until,
                                            "next_change": None})
        wait_until(lambda: len(server.segment_files("cam")) > files, what="it goes on")
        server.api.post("/api/v1/cameras/cam/record/stop")
        server.terminate()
        server.start()
        self.assertEqual(self.now(server)["reason"], "off")


class Schedules(Modes):
    def test_the_schedule_switches_on_and_off(self):
        """Continuous from the next whole minute on, for one minute."""
        begin = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=70)
        begin = begin.replace(second=0, microsecond=0)
        end = begin + datetime.timedelta(minutes=1)
        every_day = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
        server = self.start({"mode": "scheduled", "segment_seconds": 2, "schedule": [
            {"days": every_day, "from": begin.strftime("%H:%M"), "to": end.strftime("%H:%M"),
             "mode": "continuous"}]})
        begin_ms, end_ms = int(begin.timestamp() * 1000), int(end.timestamp() * 1000)
        self.assertEqual(self.now(server), {"mode": "off", "reason": "off", "until": None,
                                            "next_change": begin_ms})
        items = self.wait_recordings(server, "cam", 1, 90)
        self.assertLess(abs(items[0]["start"] - begin_ms), GOP_S * 1000 + 1000)
        self.assertEqual(self.now(server), {"mode": "continuous", "reason": "schedule",
                                            "until": end_ms, "next_change": end_ms})
        # The clock of the schedule is that of the wall: in another zone it is not that time now.
        self.change(server, schedule=[])
        self.assertEqual(self.now(server)["mode"], "off")
        wait_until(lambda: not server.api.camera("cam")["recording_active"], what="it stops")


if __name__ == "__main__":
    unittest.main()
