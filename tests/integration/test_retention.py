"""What goes when it is too old or when there is no room, and what stays."""
import os
import shutil
import sqlite3
import subprocess
import time
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


if __name__ == "__main__":
    import unittest
    unittest.main()
