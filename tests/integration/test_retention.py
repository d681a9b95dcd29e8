"""What goes when it is too old or when there is no room, and what stays."""
import os
import shutil
import sqlite3
import subprocess
import time
import unittest
import urllib.parse

import harness
from harness import media

DAY = 86400
NOTHING, MOTION, EVENTS = range(3)
# Retention looks first 15 s after the start, and then when the configuration changes.
LOOK_S = 90


def utc(ms):
    return time.gmtime(ms // 1000)


class Retention(harness.TestCase):
    def setUp(self):
        super().setUp()
        self.copies = 0

    def recorded(self, server, camera, count=3):
        """Some real segments; the camera is gone afterwards."""
        self.add_camera(server, "cam", camera.url("cam/main"))
        items = self.wait_recordings(server, "cam", count)
        server.api.post("/api/v1/cameras/cam/stop")
        harness.wait_until(lambda: not server.api.camera("cam")["recording_active"])
        return items

    def age(self, server, count, days, rank=NOTHING, protected=False, camera="cam"):
        """Copies of the first recording from so many days ago, files and rows; the server is stopped.
        The paths of the files, oldest first."""
        made = []
        with sqlite3.connect(server.database) as db:
            db.row_factory = sqlite3.Row
            row = dict(db.execute("SELECT * FROM recordings WHERE camera_id = 'cam' "
                                  "ORDER BY start_ms LIMIT 1").fetchone())
            columns = [item[1] for item in db.execute("PRAGMA table_info(recordings)")]
            length = row["end_ms"] - row["start_ms"]
            source = os.path.join(server.recordings_dir, row["file_path"])
            for _ in range(count):
                self.copies += 1
                start = int(time.time() * 1000) - int(days * DAY * 1000) + self.copies * 10000
                when = utc(start)
                path = time.strftime(f"{camera}/%Y-%m-%d/%H/segment_%Y%m%d_%H%M%S.mp4", when)
                target = os.path.join(server.recordings_dir, path)
                os.makedirs(os.path.dirname(target), exist_ok=True)
                shutil.copyfile(source, target)
                row.update(camera_id=camera, start_ms=start, end_ms=start + length, file_path=path, seq=None,
                           chain=None, chain_prev=None, signature=None, motion=int(rank == MOTION),
                           has_events=int(rank == EVENTS), protected=int(protected))
                names = ",".join(columns)
                db.execute(f"INSERT INTO recordings ({names}) VALUES ({','.join('?' * len(columns))})",
                           [row[name] for name in columns])
                if protected:
                    db.execute("INSERT INTO protected_ranges (camera_id, start_ms, end_ms, created_ms) "
                               "VALUES (?, ?, ?, ?)", (camera, start, start + length, start))
                made.append(target)
        return made

    def rows(self, server):
        with sqlite3.connect(server.database) as db:
            return dict(db.execute("SELECT file_path, rank FROM recordings"))

    def check_invariants(self, server):
        """Every row has its file of the right size, every file its row."""
        with sqlite3.connect(server.database) as db:
            rows = dict(db.execute("SELECT file_path, file_size FROM recordings"))
        files = {os.path.relpath(path, server.recordings_dir): os.path.getsize(path)
                 for path in server.segment_files()}
        self.assertEqual(rows, files)

    def gone(self, paths):
        return not any(os.path.exists(path) for path in paths)

    def assert_there(self, paths):
        self.assertEqual([path for path in paths if not os.path.exists(path)], [])

    def warnings(self, server):
        return {item["code"]: item["message"]
                for item in server.api.get("/api/v1/system/info")["warnings"]}

    def test_days_count_on_another_disk_too(self):
        """Too old on a disk that is away: as soon as it is back nothing of it is left behind."""
        camera = self.simcam(f"cam/main {media('h264.mp4')}")
        server = self.nvr()
        self.recorded(server, camera)
        server.terminate()
        old = self.age(server, 3, 25)
        self.age(server, 1, 2)  # the clock is believed
        warm = os.path.join(self.folder, "warm")
        os.makedirs(warm)
        server.start()
        server.api.patch("/api/v1/config/storage", {"retention": {"tiers": {
            "hot": {"duration_days": 20}, "warm": {"location": warm}}}})
        moved = [os.path.join(warm, os.path.relpath(path, server.recordings_dir)) for path in old]
        harness.wait_until(lambda: all(os.path.exists(path) for path in moved) and self.gone(old), LOOK_S,
                           "the old ones are on the other disk")
        os.rename(warm, warm + "-away")  # as if it were not mounted
        server.api.patch("/api/v1/config/storage", {"retention": {"default_days": 10}})
        items = server.api.recordings("cam")
        server.api.delete(f"/api/v1/recordings/{items[0]['id']}")  # by hand, while it is away
        self.assertEqual(items[0]["tier"], "warm")
        server.kill()
        server.start()
        os.rename(warm + "-away", warm)
        harness.wait_until(lambda: self.gone(moved), LOOK_S, "the files are gone")
        names = {os.path.relpath(path, warm) for path in moved}
        harness.wait_until(lambda: not names & set(self.rows(server)), LOOK_S, "and their rows")
        self.check_invariants(server)

    def test_days(self):
        camera = self.simcam(f"cam/main {media('h264-aac.mp4')}")
        server = self.nvr()
        self.recorded(server, camera)
        server.terminate()
        old = self.age(server, 3, 33)
        motion = self.age(server, 1, 31, MOTION)
        events = self.age(server, 2, 31, EVENTS)
        old_events = self.age(server, 2, 61, EVENTS)
        kept = self.age(server, 2, 300, protected=True)
        removed = self.age(server, 1, 31, camera="removed")
        server.start()
        # Nothing was recorded in the last week: the clock may be wrong, and is not believed.
        harness.wait_until(lambda: "clock_implausible" in self.warnings(server), LOOK_S)
        self.assertIn("ahead of the newest recordings", self.warnings(server)["clock_implausible"])
        self.assert_there(old + motion + events + old_events + kept + removed)
        server.terminate()
        fresh = self.age(server, 1, 2)
        server.start()
        harness.wait_until(lambda: self.gone(old + motion + old_events + removed), LOOK_S)
        self.assertNotIn("clock_implausible", self.warnings(server))
        self.assert_there(events + kept + fresh)
        # Empty folders of hours and days went, too; the camera's stays.
        harness.wait_until(lambda: not os.path.exists(os.path.dirname(os.path.dirname(old[0]))))
        self.assertTrue(os.path.isdir(os.path.join(server.recordings_dir, "removed")))
        harness.wait_until(lambda: len(self.rows(server)) == len(server.segment_files()))
        self.check_invariants(server)

    def set_limits(self, server, **system):
        """Limits in the configuration file; cameras stay as they are written there."""
        text = harness.read_text(server.config)
        lines = [line for line in text.split("\n") if not line.startswith("system:")]
        values = ", ".join(f"{key}: {value}" for key, value in system.items())
        server.write_config("\n".join([f"system: {{{values}}}"] + lines))

    def test_max_storage(self):
        """Oldest of all cameras first, nothing before motion before events; what is played stays."""
        camera = self.simcam(f"cam/main {media('h264-aac.mp4')}")
        server = self.nvr()
        self.recorded(server, camera)
        server.terminate()
        motion = self.age(server, 3, 9, MOTION)
        events = self.age(server, 3, 8, EVENTS)
        kept = self.age(server, 2, 7, protected=True)
        old = self.age(server, 4, 6) + self.age(server, 4, 5.9, camera="second")
        new = self.age(server, 4, 3)
        server.start()
        size = os.path.getsize(old[0])
        report = server.api.get("/api/v1/system/storage")
        used = sum(item["bytes"] for item in report["cameras"])
        self.assertEqual(used, sum(os.path.getsize(path) for path in server.segment_files()))
        cam = report["cameras"][0]
        self.assertEqual((cam["camera"], cam["protected_bytes"], cam["event_bytes"]),
                         ("cam", 2 * size, 3 * size))
        self.assertEqual([item["camera"] for item in report["cameras"]], ["cam", "second"])
        self.assertEqual(report["locations"][0]["recordings_bytes"], used)
        # Somebody plays the oldest: a lease on two of them and on what comes after.
        items = server.api.recordings("cam")
        played = [item for item in items if item["start"] > time.time() * 1000 - 6.5 * DAY * 1000][:2]
        start, end = played[0]["start"], played[1]["end"]
        span = urllib.parse.urlencode({"start": start, "end": end})

        def play():
            answer = server.api.request("GET", f"/api/v1/recordings/playback/cam/index.m3u8?{span}")
            self.assertEqual(answer.status, 200)
        play()
        # Six of the nothings must go; two are being played.
        limit = used - int(5.5 * size)
        self.set_limits(server, max_storage_gb=limit / 1e9, min_free_gb=0)
        harness.wait_until(lambda: self.gone(old[2:]), LOOK_S, "the oldest without anything go")

        def stored():
            report = server.api.get("/api/v1/system/storage")
            return sum(item["bytes"] for item in report["cameras"])
        harness.wait_until(lambda: stored() <= limit, what="the report says so")
        self.assert_there(old[:2] + motion + events + kept + new[2:])
        # Less and less room: all that is nothing, then motion, then events; the protected stay.
        def shrink(bytes_kept, gone, there):
            play()
            self.set_limits(server, max_storage_gb=bytes_kept / 1e9, min_free_gb=0)
            harness.wait_until(lambda: self.gone(gone), LOOK_S, "they go")
            self.assert_there(there)
        shrink(10.5 * size, new, motion + events + kept + old[:2])
        shrink(7.5 * size, motion, events + kept + old[:2])
        play()
        self.set_limits(server, max_storage_gb=0.5 * size / 1e9, min_free_gb=0)
        message = harness.wait_until(lambda: self.warnings(server).get("storage_full"), LOOK_S)
        self.assertIn("protected", message)
        self.assertEqual(server.api.get("/api/v1/system/storage")["state"], "full")
        self.assertTrue(self.gone(events))
        self.assert_there(kept + old[:2])
        self.check_invariants(server)
        metrics = server.api.request("GET", "/metrics").body.decode()
        self.assertRegex(metrics, r'heron_retention_deleted_segments_total\{reason="space"\} [1-9]')
        self.assertIn('heron_storage_bytes{camera="cam",tier="hot"}', metrics)
        # Room again: the alarm ends.
        self.set_limits(server, max_storage_gb=1000)
        harness.wait_until(lambda: "storage_full" not in self.warnings(server), LOOK_S)

    def test_protect_and_delete(self):
        camera = self.simcam(f"cam/main {media('h264-aac.mp4')}")
        server = self.nvr()
        items = self.recorded(server, camera, 4)
        api = server.api
        first, second, third = items[:3]
        made = api.post("/api/v1/recordings/protect", {
            "camera": "cam", "start": first["start"] + 100, "end": second["end"] - 100,
            "reason": "a thief"})
        listed = api.get("/api/v1/recordings/protected?camera=cam")["items"]
        self.assertEqual([(item["id"], item["reason"]) for item in listed], [(made["id"], "a thief")])

        def protected():
            return [item["protected"] for item in api.recordings("cam")[:3]]
        self.assertEqual(protected(), [True, True, False])
        answer = api.request("DELETE", f"/api/v1/recordings/{first['id']}")
        self.assertEqual((answer.status, answer.error_code()), (409, "protected"))
        # One more range over the second: the first range's end leaves it protected.
        api.call("PUT", f"/api/v1/recordings/{third['id']}/protect", {"protected": True})
        api.call("PUT", f"/api/v1/recordings/{second['id']}/protect", {"protected": True})
        api.post("/api/v1/recordings/protect", {"camera": "cam", "start": second["start"],
                                                "end": second["end"]})
        api.delete(f"/api/v1/recordings/protected/{made['id']}")
        self.assertEqual(protected(), [False, True, True])
        answer = api.request("PUT", f"/api/v1/recordings/{third['id']}/protect", {"protected": False})
        self.assertEqual(answer.status, 204)
        self.assertEqual(protected(), [False, True, False])
        answer = api.request("DELETE", f"/api/v1/recordings/protected/{made['id']}")
        self.assertEqual(answer.status, 404)
        # Deleted by hand: row and file.
        path = [name for name in server.segment_files("cam")][0]
        api.delete(f"/api/v1/recordings/{first['id']}")
        harness.wait_until(lambda: not os.path.exists(path))
        self.assertEqual(api.request("GET", f"/api/v1/recordings/{first['id']}").status, 404)
        self.assertEqual(api.request("DELETE", f"/api/v1/recordings/{first['id']}").status, 404)
        with sqlite3.connect(server.database) as db:
            causes = db.execute("SELECT start_ms, end_ms FROM recording_causes WHERE camera_id = 'cam' "
                                "AND cause = 'operator' AND detail = 'deleted by hand'").fetchall()
        self.assertEqual(causes, [(first["start"], first["end"])])
        self.check_invariants(server)
        for body, field in (({"camera": "cam", "start": 5, "end": 5}, "end"),
                            ({"camera": "cam", "start": 9, "end": 5}, "end"),
                            ({"camera": "cam", "start": 0, "end": 400 * DAY * 1000}, "end"),
                            ({"camera": "No Camera", "start": 0, "end": 5}, "camera")):
            answer = api.request("POST", "/api/v1/recordings/protect", body)
            self.assertEqual(answer.status, 422)
            self.assertEqual(answer.json()["error"]["fields"][0]["field"], field)

    def test_command_line(self):
        camera = self.simcam(f"cam/main {media('h264-aac.mp4')}")
        server = self.nvr()
        items = self.recorded(server, camera, 3)

        def run(*words, expect=0):
            answer = subprocess.run([os.path.join(harness.BIN, "nvr"), *words, "--server", server.api.base],
                                    capture_output=True, text=True, timeout=30, check=False)
            self.assertEqual(answer.returncode, expect, answer.stderr)
            return answer.stdout + answer.stderr
        ids = [item["id"] for item in items]
        run("recordings", "protect", ids[0], "a thief")
        self.assertIn("A protected range", run("recordings", "delete", ids[0], expect=1))
        run("recordings", "unprotect", ids[0])
        run("recordings", "delete", ids[0])
        self.assertIn("no such recording", run("recordings", "delete", ids[0], expect=1))
        words = run("recordings", "protect", "cam", str(items[1]["start"]), str(items[1]["end"]))
        number = words.split()[1]
        run("recordings", "unprotect", number)
        run("recordings", "unprotect", number, expect=1)
        run("recordings", "protect", "cam", "yesterday", "today", expect=2)
        run("recordings", "delete", "cam", expect=2)
        words = run("storage")
        self.assertIn("of recordings", words)
        self.assertRegex(words, r"\ncam +[\d.]+ [kM]?B ")
        self.assertIn('"next_deletions"', run("storage", "--json"))

    def test_killed_while_deleting(self):
        """kill -9 at any moment of a deletion: what is left is consistent after the next start."""
        camera = self.simcam(f"cam/main {media('h264-aac.mp4')}")
        server = self.nvr()
        self.recorded(server, camera)
        server.terminate()
        self.age(server, 1, 2)
        old = self.age(server, 400, 40)
        for patience in (0.0, 0.05, 0.15):
            server.start()
            count = len(server.segment_files())
            harness.wait_until(lambda: len(server.segment_files()) < count, LOOK_S, "it deletes")
            time.sleep(patience)  # the moment of the kill is what varies
            server.kill()
            harness.wait_until(lambda: not server.processes())
            self.assertGreater(len(server.segment_files()), 4, "killed before the end")
        server.start()
        harness.wait_until(lambda: self.gone(old), LOOK_S)
        harness.wait_until(lambda: len(self.rows(server)) == len(server.segment_files()))
        self.check_invariants(server)


@unittest.skipIf(os.geteuid() != 0, "mounting needs root")
class SmallDisk(Retention):
    test_days = test_max_storage = test_protect_and_delete = None
    test_killed_while_deleting = test_command_line = None

    def mount(self, server, megabytes):
        """A file system of its own below the recordings folder: ext4 in a file, or tmpfs."""
        os.makedirs(server.recordings_dir, exist_ok=True)
        image = os.path.join(self.folder, "disk.img")
        with open(image, "wb") as file:
            file.truncate(megabytes << 20)
        made = subprocess.run(["mkfs.ext4", "-q", "-m", "0", image], capture_output=True, check=False)
        answer = subprocess.run(["mount", "-o", "loop", image, server.recordings_dir],
                                capture_output=True, check=False) if not made.returncode else made
        if answer.returncode:
            answer = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "heron-test",
                                     server.recordings_dir], capture_output=True, check=False)
        if answer.returncode:
            self.skipTest("no mounts here")
        self.addCleanup(subprocess.run, ["umount", "-l", server.recordings_dir], check=False)
        lost = os.path.join(server.recordings_dir, "lost+found")
        if os.path.isdir(lost):
            os.rmdir(lost)

    def test_full_to_the_brim(self):
        """The disk fills while it records: the oldest go in time, nothing of what comes is lost."""
        camera = self.simcam(f"cam/main {media('h264-aac.mp4')}")
        server = self.nvr('version: "1.0"\nsystem: {min_free_gb: 0.001}\n', start=False)
        self.mount(server, 12)
        server.start()
        self.add_camera(server, "cam", camera.url("cam/main"))
        first = self.wait_recordings(server, "cam", 2)[0]
        server.api.call("PUT", f"/api/v1/recordings/{first['id']}/protect", {"protected": True})
        # Somebody else fills what is left.
        stat = os.statvfs(server.recordings_dir)
        with open(os.path.join(server.recordings_dir, "foreign.bin"), "wb") as file:
            file.write(bytes(stat.f_bavail * stat.f_frsize - (3 << 20)))
        before = len(server.api.recordings("cam"))

        def circled():
            items = server.api.recordings("cam")
            gone = first["id"] in [item["id"] for item in items] and before - len(items)
            return items[1]["start"] > first["end"] + 4000 and items
        items = harness.wait_until(circled, 180, "old recordings go")
        self.assertEqual(items[0]["id"], first["id"], "the protected one stays")
        last = items[-1]["start"]
        items = harness.wait_until(lambda: [item for item in server.api.recordings("cam")
                                            if item["start"] > last + 20000] and
                                   server.api.recordings("cam"), 60, "it goes on")
        # Not a frame is missing between the oldest that is left and now.
        for one, other in zip(items[1:], items[2:]):
            self.assertLess(other["start"] - one["end"], 200, (one, other))
        self.assertTrue(server.api.camera("cam")["recording_active"])
        self.assertNotIn("o space left", server.text())


if __name__ == "__main__":
    unittest.main()
