"""Disks that are full, read-only or gone; rows and files that do not match."""
import os
import re
import shutil
import sqlite3
import subprocess
import time

import harness
import mp4
from harness import media


class Mounted(harness.TestCase):
    """A small file system below the recordings folder. Needs root."""

    def setUp(self):
        super().setUp()
        if os.geteuid() != 0:
            self.skipTest("mounting needs root")

    def mount(self, path, size):
        os.makedirs(path, exist_ok=True)
        answer = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "heron-test", path],
                                capture_output=True, text=True, check=False)
        if answer.returncode:
            self.skipTest("no tmpfs here: " + answer.stderr.strip())
        self.addCleanup(subprocess.run, ["umount", "-l", path], check=False)

    def test_full_disk(self):
        camera = self.simcam(f"cam/main {media('h264-aac.mp4')}")
        server = self.nvr(start=False)
        self.mount(server.recordings_dir, "700k")
        server.start()
        self.add_camera(server, "cam", camera.url("cam/main"))
        self.wait_status(server, "cam")

        def told():
            item = server.api.camera("cam")
            health = server.api.request("GET", "/health").json()
            return not item["recording_active"] and health["checks"]["storage"] and item
        harness.wait_until(told, 60, "recording stops")
        self.assertRegex(server.text().lower(), r"no space|full|disk")
        info = server.api.get("/api/v1/system/info")
        print("full disk:", server.api.camera("cam")["error"], info["warnings"])
        self.assertEqual(server.api.camera("cam")["status"], "online", "live goes on")
        for path in server.segment_files("cam"):
            if os.path.getsize(path) > 4096:
                with open(path, "rb") as file:
                    self.assertGreater(len(mp4.fragments(file.read())), 0)
        # Room again: recording goes on by itself.
        for path in server.segment_files("cam")[:-1]:
            os.unlink(path)
        harness.wait_until(lambda: server.api.camera("cam")["recording_active"], 60,
                           "recording goes on")

    def test_read_only_disk(self):
        camera = self.simcam(f"cam/main {media('h264-aac.mp4')}")
        server = self.nvr(start=False)
        self.mount(server.recordings_dir, "50m")
        server.start()
        self.add_camera(server, "cam", camera.url("cam/main"))
        self.wait_recordings(server, "cam", 1)
        server.api.post("/api/v1/cameras/cam/stop")
        # Nobody may hold a file open for writing when it becomes read-only.
        harness.wait_until(lambda: self.remount(server.recordings_dir, "ro"), what="remount")
        server.api.post("/api/v1/cameras/cam/start")
        self.wait_status(server, "cam")
        harness.wait_until(lambda: re.search(r"(?i)read-only", server.text()), what="the log")
        item = server.api.camera("cam")
        self.assertFalse(item["recording_active"])
        self.assertEqual(item["error_code"], "disk")
        harness.wait_until(lambda: server.api.request("GET", "/health").status == 503)
        codes = [warning["code"] for warning in server.api.get("/api/v1/system/info")["warnings"]]
        self.assertIn("storage_unusable", codes)
        self.remount(server.recordings_dir, "rw")
        harness.wait_until(lambda: server.api.camera("cam")["recording_active"], 60,
                           "recording goes on")
        harness.wait_until(lambda: server.api.request("GET", "/health").status == 200)

    def mount_disk(self, path, size_mb):
        """A real file system in a file: one that can be frozen."""
        image = os.path.join(self.folder, "disk.img")
        with open(image, "wb") as file:
            file.truncate(size_mb << 20)
        os.makedirs(path, exist_ok=True)
        for command in (["mkfs.ext4", "-q", image], ["mount", "-o", "loop", image, path]):
            try:
                answer = subprocess.run(command, capture_output=True, text=True, check=False)
            except FileNotFoundError as error:
                self.skipTest(str(error))
            if answer.returncode:
                self.skipTest(f"{command[0]} does not work here: {answer.stderr.strip()}")
        self.addCleanup(subprocess.run, ["umount", "-l", path], check=False)

    def freeze(self, path, how):
        return subprocess.run(["fsfreeze", how, path], capture_output=True, text=True, check=False,
                              timeout=30)

    def test_disk_that_does_not_answer(self):
        """Frozen: every write to it waits. Live goes on, the API answers, the state says why nothing is
        recorded, a camera can be stopped; when the disk answers again, recording resumes by itself."""
        camera = self.simcam(f"cam/main {media('h264-aac.mp4')}", f"two/main {media('h264.mp4')}")
        server = self.nvr(start=False)
        self.mount_disk(server.recordings_dir, 64)
        server.start()
        self.add_camera(server, "cam", camera.url("cam/main"))
        self.add_camera(server, "two", camera.url("two/main"))
        self.wait_recordings(server, "cam", 1)
        self.wait_recordings(server, "two", 1)
        pid = server.api.get("/workers/cam")["pid"]
        answer = self.freeze(server.recordings_dir, "-f")
        if answer.returncode:
            self.skipTest("cannot freeze here: " + answer.stderr)
        self.addCleanup(self.freeze, server.recordings_dir, "-u")
        harness.wait_until(lambda: "does not answer" in (server.api.camera("cam")["error"] or ""),
                           40, "the state tells it")
        item = server.api.camera("cam")
        self.assertEqual((item["status"], item["error_code"]), ("online", "disk"))
        self.assertEqual(server.api.get("/workers/cam")["pid"], pid, "its heartbeats go on")
        self.assertEqual(server.api.get("/workers/cam")["state"], "running")
        begin = time.monotonic()
        server.api.post("/api/v1/cameras/two/stop")
        harness.wait_until(lambda: "the disk does not answer" in server.text(), 15, "the stop is over")
        self.assertLess(time.monotonic() - begin, 10)
        self.assertEqual(self.freeze(server.recordings_dir, "-u").returncode, 0)
        harness.wait_until(lambda: server.api.camera("cam")["recording_active"] and
                           not server.api.camera("cam")["error"], 40, "it records again")
        self.assertEqual(server.api.get("/workers/cam")["pid"], pid, "the same process")
        server.api.post("/api/v1/cameras/two/start")
        self.wait_status(server, "two")
        server.terminate()
        for path in server.segment_files():
            self.assert_plays(path)

    def remount(self, path, how):
        return subprocess.run(["mount", "-o", f"remount,{how}", path], capture_output=True,
                              check=False).returncode == 0


class Folders(harness.TestCase):
    def test_missing_data_folder_is_made(self):
        server = self.nvr(start=False)
        shutil.rmtree(server.data)
        server.start()
        self.assertTrue(os.path.isdir(server.data))

    def test_data_folder_that_cannot_be(self):
        server = self.nvr(start=False)
        shutil.rmtree(server.data)
        with open(server.data, "w", encoding="ascii") as file:
            file.write("a file, not a folder")
        answer = subprocess.run(server.command(), capture_output=True, text=True, timeout=20,
                                env=server.full_environment(), check=False)
        self.assertEqual(answer.returncode, 1)
        self.assertIn(server.data, answer.stderr)

    def test_recordings_folder_taken_away(self):
        camera = self.simcam(f"cam/main {media('h264.mp4')}")
        server = self.nvr()
        self.add_camera(server, "cam", camera.url("cam/main"))
        self.wait_recordings(server, "cam", 1)
        shutil.rmtree(os.path.join(server.recordings_dir, "cam"), ignore_errors=True)
        harness.wait_until(lambda: server.segment_files("cam"), 60, "a new file")

    def test_recordings_folder_moved_away(self):
        """As when a disk is unmounted lazily: nothing goes on in the old folder, nothing begins where
        it was, until it is there again."""
        camera = self.simcam(f"cam/main {media('h264.mp4')}")
        server = self.nvr()
        self.add_camera(server, "cam", camera.url("cam/main"))
        self.wait_recordings(server, "cam", 1)
        # The first check of the storage must have seen the old one.
        harness.wait_until(lambda: server.api.get("/status")["storage"]["total_bytes"])
        os.rename(server.recordings_dir, server.recordings_dir + ".old")
        self.wait_missing(server)
        self.assertFalse(os.path.exists(server.recordings_dir), "nothing is made in its place")
        os.rename(server.recordings_dir + ".old", server.recordings_dir)
        self.wait_recording(server)
        files = server.segment_files("cam")
        harness.wait_until(lambda: len(server.segment_files("cam")) > len(files), 60, "a new file")
        # What was closed while the folder was away is indexed, too.
        harness.wait_until(lambda: len(server.api.recordings("cam")) >= len(files), 60, "every row")

    def test_folder_that_leads_into_another_cameras(self):
        """A symbolic link in place of a camera's folder: two would write into one."""
        camera = self.simcam(f"cam/main {media('h264.mp4')}")
        server = self.nvr()
        self.add_camera(server, "cam", camera.url("cam/main"))
        self.wait_recordings(server, "cam", 1)
        os.symlink(os.path.join(server.recordings_dir, "cam"),
                   os.path.join(server.recordings_dir, "other"))
        self.add_camera(server, "other", camera.url("cam/main"))
        self.wait_status(server, "other")
        item = server.api.camera("other")
        self.assertEqual(item["error_code"], "disk")
        self.assertFalse(item["recording_active"])
        self.assertEqual(server.api.recordings("other"), [])
        answer = server.api.request("POST", "/api/v1/cameras", {
            "id": "CAM", "name": "CAM", "stream": {"url": camera.url("cam/main")}})
        self.assertEqual(answer.status, 422, "ids differ by more than case")
        os.unlink(os.path.join(server.recordings_dir, "other"))
        server.api.post("/api/v1/cameras/other/restart")
        harness.wait_until(lambda: server.api.camera("other")["recording_active"], 40, "it records")

    def wait_missing(self, server):
        def told():
            codes = [item["code"] for item in server.api.get("/api/v1/system/info")["warnings"]]
            return "storage_missing" in codes and not server.api.camera("cam")["recording_active"]
        harness.wait_until(told, 60, "the disk is missing")
        health = server.api.request("GET", "/health")
        self.assertEqual(health.status, 503)
        self.assertRegex(health.json()["checks"]["storage"]["message"], "mounted.*adopt")

    def wait_recording(self, server):
        harness.wait_until(lambda: server.api.camera("cam")["recording_active"], 60, "it records")
        harness.wait_until(lambda: server.api.request("GET", "/health").status == 200, 30, "health")
        self.wait_status(server, "cam")

    def test_unmounted_disk_at_the_start(self):
        """An empty folder where the disk should be is not taken for it, also after a restart."""
        camera = self.simcam(f"cam/main {media('h264.mp4')}")
        server = self.nvr()
        self.add_camera(server, "cam", camera.url("cam/main"))
        self.wait_recordings(server, "cam", 2)
        rows = len(server.api.recordings("cam"))
        server.terminate()
        os.rename(server.recordings_dir, server.recordings_dir + ".disk")
        os.makedirs(server.recordings_dir)
        server.start()
        self.wait_status(server, "cam")
        self.wait_missing(server)
        self.assertEqual(os.listdir(server.recordings_dir), [], "nothing is written there")
        self.assertGreaterEqual(len(server.api.recordings("cam")), rows, "no row is dropped")
        os.rmdir(server.recordings_dir)
        os.rename(server.recordings_dir + ".disk", server.recordings_dir)
        self.wait_recording(server)

    def test_another_disk_is_adopted_on_request_only(self):
        camera = self.simcam(f"cam/main {media('h264.mp4')}")
        server = self.nvr()
        self.add_camera(server, "cam", camera.url("cam/main"))
        self.wait_recordings(server, "cam", 1)
        marker = os.path.join(server.recordings_dir, ".heron-location")
        with open(marker, encoding="ascii") as file:
            self.assertIn("heron_location", file.read())
        os.rename(server.recordings_dir, server.recordings_dir + ".old")
        os.makedirs(server.recordings_dir)
        with open(marker, "w", encoding="ascii") as file:
            file.write('{"heron_location": "01234567-89ab-7cde-8f01-23456789abcd"}')
        self.wait_missing(server)
        self.assertEqual(os.listdir(server.recordings_dir), [".heron-location"])
        answer = subprocess.run([os.path.join(harness.BIN, "nvr"), "recordings", "adopt", "--server",
                                 server.api.base], capture_output=True, text=True, timeout=30,
                                check=False)
        self.assertEqual(answer.returncode, 0, answer.stderr)
        self.assertIn(server.recordings_dir, answer.stdout)
        self.wait_recording(server)
        harness.wait_until(lambda: server.segment_files("cam"), 60, "a file on the new disk")
        server.terminate()
        server.start()
        self.wait_recording(server)

    def test_recordings_folder_that_cannot_be(self):
        """A file in its place at the start: live works, every door says why nothing is recorded."""
        camera = self.simcam(f"cam/main {media('h264.mp4')}")
        server = self.nvr(start=False)
        with open(server.recordings_dir, "w", encoding="ascii") as file:
            file.write("a file, not a folder")
        server.start()
        self.add_camera(server, "cam", camera.url("cam/main"))
        item = self.wait_status(server, "cam")
        self.assertEqual(item["error_code"], "disk")
        self.assertRegex(item["error"], "recordings folder")
        self.assertFalse(item["recording_active"])
        health = server.api.request("GET", "/health")
        self.assertEqual((health.status, health.json()["checks"]["storage"]["status"]), (503, "failed"))
        self.assertRegex(health.json()["checks"]["storage"]["message"], "(?i)not a directory")
        codes = [warning["code"] for warning in server.api.get("/api/v1/system/info")["warnings"]]
        self.assertIn("storage_unusable", codes)
        self.assertIn(server.recordings_dir, server.text())
        os.unlink(server.recordings_dir)
        harness.wait_until(lambda: server.api.camera("cam")["recording_active"], 60, "it records")
        harness.wait_until(lambda: server.api.request("GET", "/health").status == 200)
        self.assertIsNone(server.api.camera("cam")["error"])

    def test_little_room(self):
        server = self.nvr('version: "1.0"\nsystem:\n  min_free_gb: 900000000\n')
        def told():
            health = server.api.request("GET", "/health")
            self.assertEqual(health.json()["checks"]["storage"]["status"], "degraded")
            return health
        health = harness.wait_until(told)
        self.assertEqual((health.status, health.json()["status"]), (200, "degraded"))
        codes = [warning["code"] for warning in server.api.get("/api/v1/system/info")["warnings"]]
        self.assertIn("storage_low", codes)
        self.assertIn("min_free_gb", server.text())

    def test_damaged_database_is_told(self):
        server = self.nvr()
        server.terminate()
        with open(server.database, "r+b") as file:
            file.write(b"this is not a database" * 100)
        for tail in ("-wal", "-shm"):
            if os.path.exists(server.database + tail):
                os.unlink(server.database + tail)
        answer = subprocess.run(server.command(), capture_output=True, text=True, timeout=20,
                                env=server.full_environment(), check=False)
        self.assertEqual(answer.returncode, 1)
        self.assertRegex(answer.stderr.lower(), r"database|sqlite")


class Reconciliation(harness.TestCase):
    def recorded(self):
        camera = self.simcam(f"cam/main {media('h264-aac.mp4')}")
        server = self.nvr()
        self.add_camera(server, "cam", camera.url("cam/main"))
        self.wait_recordings(server, "cam", 4)
        server.terminate()
        camera.stop()
        return server

    def restart(self, server):
        server.start()

    def rows(self, server):
        return {item["size"]: item for item in server.api.recordings("cam")}

    def test_file_without_a_row(self):
        server = self.recorded()
        with sqlite3.connect(server.database) as database:
            database.execute("DELETE FROM recordings WHERE start_ms IN "
                             "(SELECT start_ms FROM recordings ORDER BY start_ms LIMIT 2)")
        database.close()
        self.restart(server)
        count = len(server.segment_files("cam"))
        harness.wait_until(lambda: len(server.api.recordings("cam")) == count)
        rows = self.rows(server)
        for path in server.segment_files("cam"):
            self.assertIn(os.path.getsize(path), rows)

    def test_row_without_a_file(self):
        server = self.recorded()
        gone = server.segment_files("cam")[0]
        size = os.path.getsize(gone)
        os.unlink(gone)
        self.restart(server)
        harness.wait_until(lambda: size not in self.rows(server), what="the row is dropped")
        self.assertRegex(server.text(), r"(?i)missing|without a file|no file|gone")

    def test_database_gone(self):
        server = self.recorded()
        before = len(server.segment_files("cam"))
        base = server.database
        for tail in ("", "-wal", "-shm"):
            if os.path.exists(base + tail):
                os.unlink(base + tail)
        self.restart(server)
        harness.wait_until(lambda: len(server.api.recordings("cam")) == before,
                           what="every file has its row again")

    def test_cut_and_foreign_files(self):
        server = self.recorded()
        files = server.segment_files("cam")
        with open(files[0], "rb") as file:
            data = file.read()
        last = mp4.fragments(data)[-1]
        cut = last.offset + len(last.data) // 2
        with sqlite3.connect(server.database) as database:
            database.execute("DELETE FROM recordings")
        database.close()
        os.truncate(files[0], cut)
        folder = os.path.dirname(files[0])
        for name, content in (("segment_20200101_000000.mp4", b""),
                              ("segment_20200101_000001.mp4", os.urandom(5000)),
                              ("segment_20200101_000002.mp4", data[:400]),
                              ("notes.txt", b"mine")):
            with open(os.path.join(folder, name), "wb") as file:
                file.write(content)
        self.restart(server)
        items = harness.wait_until(lambda: (lambda i: i if len(i) >= len(files) else None)(
            server.api.recordings("cam")), what="rows of the good files")
        self.assertEqual(len(items), len(files))
        self.assertEqual(os.path.getsize(files[0]), last.offset, "cut to the last whole fragment")
        self.assert_plays(files[0])
        self.assertTrue(os.path.exists(os.path.join(folder, "notes.txt")), "not ours: left alone")
        self.assertEqual(server.api.request("GET", "/health").status, 200)

    def test_paths_in_rows_cannot_lead_out(self):
        server = self.recorded()
        secret = os.path.join(server.folder, "secret.txt")
        with open(secret, "w", encoding="ascii") as file:
            file.write("top secret")
        with sqlite3.connect(server.database) as database:
            row = database.execute("SELECT start_ms FROM recordings ORDER BY start_ms").fetchone()
            database.execute("UPDATE recordings SET file_path='../../secret.txt' WHERE start_ms=?", row)
        database.close()
        self.restart(server)
        for what in ("media.mp4", "download"):
            answer = server.api.request("GET", f"/api/v1/recordings/cam-{row[0]}/{what}")
            self.assertNotIn(b"top secret", answer.body)
            self.assertIn(answer.status, (404, 500, 503))

    def test_left_over_of_a_move(self):
        """The row says that a file is in another tier, whose copy was checked: the one here goes."""
        server = self.recorded()
        files = server.segment_files("cam")
        with sqlite3.connect(server.database) as database:
            paths = [row[0] for row in database.execute(
                "SELECT file_path FROM recordings ORDER BY start_ms LIMIT 2")]
            database.execute("UPDATE recordings SET tier='warm', location=7 WHERE file_path IN (?,?)",
                             paths)
        database.close()
        first, second = [os.path.join(server.recordings_dir, path) for path in paths]
        with open(second, "ab") as file:
            file.write(b"somebody wrote here")
        self.restart(server)
        harness.wait_until(lambda: not os.path.exists(first), what="the left-over is removed")
        harness.wait_until(lambda: "recordings compared" in server.text(), what="the comparison")
        self.assertTrue(os.path.exists(second), "not the file that was moved: left alone")
        self.assertEqual(len(server.api.recordings("cam")), len(files), "the rows stay")
