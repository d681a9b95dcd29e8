"""kill -9 of a camera's process, of the zygote, of nvr; orderly end; second instance."""
import os
import subprocess
import time

import harness
import mp4
from harness import media


class Crashes(harness.TestCase):
    def two_cameras(self, **recording):
        camera = self.simcam(f"a/main {media('h264-aac.mp4')} stamp", f"b/main {media('h264.mp4')} stamp")
        server = self.nvr()
        for name in ("a", "b"):
            self.add_camera(server, name, camera.url(f"{name}/main"), extra={"recording": recording})
        for name in ("a", "b"):
            self.wait_status(server, name)
        return camera, server

    def assert_whole(self, path):
        with open(path, "rb") as file:
            data = file.read()
        self.assertEqual(mp4.whole_size(data), len(data), "nothing is cut")
        self.assert_plays(path)
        return data

    def numbers(self, server, camera_id):
        numbers = []
        for path in server.segment_files(camera_id):
            with open(path, "rb") as file:
                for part in mp4.fragments(file.read()):
                    numbers += [number for _, number in part.stamps]
        return numbers

    def worker_pid(self, server, camera_id):
        return harness.wait_until(lambda: server.api.camera(camera_id)["worker"]["pid"])

    def test_kill_of_a_camera_process(self):
        camera, server = self.two_cameras(segment_seconds=30)
        before = self.worker_pid(server, "a")
        other = self.worker_pid(server, "b")
        path = harness.wait_until(lambda: server.segment_files("a"))[0]
        harness.wait_until(lambda: os.path.getsize(path) > 100000, what="a part of a segment")
        started = time.monotonic()
        harness.kill(before)
        sent = camera.stats("a/main")["frames"]
        after = harness.wait_until(lambda: (lambda pid: pid if pid and pid != before else None)(
            server.api.camera("a")["worker"]["pid"]), what="a new process")
        back = time.monotonic() - started
        self.wait_status(server, "a")
        online = time.monotonic() - started
        print(f"kill -9 of a camera process: a new one after {back:.2f} s, online after {online:.2f} s")
        self.assertLess(back, 10)  # two seconds, says the bench
        self.assertNotEqual(before, after)
        self.assertEqual(self.worker_pid(server, "b"), other, "the other camera is untouched")
        self.assertGreaterEqual(server.api.camera("a")["worker"]["restarts"], 1)
        # The cut file plays up to its last fragment, recording goes on in a new one.
        with open(path, "rb") as file:
            parts = mp4.fragments(file.read())
        numbers = [number for part in parts for _, number in part.stamps]
        self.assertGreater(len(numbers), 5)
        self.assertEqual(numbers, list(range(numbers[0], numbers[0] + len(numbers))))
        self.assertGreaterEqual(sent, len(numbers))
        self.assert_plays(path)
        harness.wait_until(lambda: len(server.segment_files("a")) >= 2, what="the next file")
        # It gets its row without a restart of the server, or at the next start at the latest.
        server.terminate()
        server.start()
        items = self.wait_recordings(server, "a", 2)
        self.assertEqual(items[0]["size"], os.path.getsize(path))
        self.assert_whole(path)

    def test_kill_of_the_zygote(self):
        _, server = self.two_cameras()
        workers = {name: self.worker_pid(server, name) for name in ("a", "b")}
        with open(f"/proc/{workers['a']}/stat", encoding="ascii") as file:
            zygote = int(file.read().rsplit(")", 1)[1].split()[1])
        self.assertNotEqual(zygote, server.process.pid)
        harness.kill(zygote)
        count = len(server.api.recordings("a"))
        self.wait_recordings(server, "a", count + 2)
        # Its children may live on or be started anew; either way a killed one comes back.
        pid = self.worker_pid(server, "a")
        harness.kill(pid)
        harness.wait_until(lambda: server.api.camera("a")["worker"]["pid"] not in (None, pid),
                           what="a process from the new zygote")
        self.wait_status(server, "a")

    def test_kill_of_nvr(self):
        _, server = self.two_cameras(segment_seconds=4)
        self.wait_recordings(server, "a", 2)
        time.sleep(1.5)  # into the middle of a segment; where exactly does not matter
        server.kill()
        harness.wait_until(lambda: not server.processes(), what="the end of the camera processes")
        files = {name: server.segment_files(name) for name in ("a", "b")}
        server.start()
        for name in ("a", "b"):
            def all_indexed(name=name):
                sizes = [item["size"] for item in server.api.recordings(name)]
                return all(os.path.getsize(path) in sizes for path in files[name])
            harness.wait_until(all_indexed, what="a row for every file")
            for path in files[name]:
                self.assert_whole(path)
        for name in ("a", "b"):
            self.wait_status(server, name)
        numbers = self.numbers(server, "a")
        self.assertEqual(numbers, sorted(set(numbers)), "no frame twice")

    def test_orderly_end(self):
        _, server = self.two_cameras(segment_seconds=60)
        self.worker_pid(server, "a")
        path = harness.wait_until(lambda: server.segment_files("a"))[0]
        harness.wait_until(lambda: os.path.getsize(path) > 60000)
        started = time.monotonic()
        self.assertEqual(server.terminate(12), 0)
        print(f"orderly end: {time.monotonic() - started:.2f} s")
        self.assertEqual(server.processes(), [])
        for name in ("a", "b"):
            for path in server.segment_files(name):
                self.assert_whole(path)
        server.start()
        for name in ("a", "b"):
            items = server.api.recordings(name)
            self.assertGreaterEqual(len(items), 1, "the file had its row before the end")

    def test_sigint_ends_too(self):
        server = self.nvr()
        server.process.send_signal(2)
        self.assertEqual(server.process.wait(12), 0)

    def test_second_instance_refuses(self):
        server = self.nvr()
        second = subprocess.run(server.command(harness.free_port()), capture_output=True, text=True,
                                timeout=20, env=server.full_environment(), check=False)
        self.assertEqual(second.returncode, 1, second.stderr[-2000:])
        self.assertRegex(second.stderr, r"(?i)already|in use|another|lock")
        self.assertEqual(server.api.request("GET", "/health").status, 200)

    def test_taken_port_is_told(self):
        server = self.nvr()
        other = self.nvr(start=False)
        answer = subprocess.run(other.command(server.port), capture_output=True, text=True,
                                timeout=20, env=other.full_environment(), check=False)
        self.assertEqual(answer.returncode, 1)
        self.assertIn(str(server.port), answer.stderr)

    def test_hung_worker_is_replaced(self):
        """SIGSTOP: no heartbeat for 15 s; the supervisor kills and starts anew."""
        _, server = self.two_cameras()
        pid = self.worker_pid(server, "a")
        other = self.worker_pid(server, "b")
        harness.kill(pid, 19)
        started = time.monotonic()

        def unhealthy():
            worker = server.api.get("/workers/a")
            item = server.api.camera("a")
            return worker["state"] == "unhealthy" and item["error_code"] == "unhealthy"
        harness.wait_until(unhealthy, 40, "the silence is seen")
        print(f"SIGSTOP: unhealthy after {time.monotonic() - started:.1f} s")
        count = len(server.api.recordings("a"))
        harness.wait_until(lambda: server.api.camera("a")["worker"]["pid"] not in (None, pid), 60,
                           "a new process")
        print(f"SIGSTOP: a new process after {time.monotonic() - started:.1f} s")
        self.wait_status(server, "a")
        self.wait_recordings(server, "a", count + 1)
        self.assertIsNone(harness.stat_of(pid), "the old process is gone")
        self.assertEqual(self.worker_pid(server, "b"), other, "the other camera is untouched")
        self.assertRegex(server.text(), "no sign of life")

    def test_random_kills(self):
        """Whatever dies when: afterwards every file plays and has its row."""
        _, server = self.two_cameras()
        for round_ in range(4):
            count = len(server.segment_files("a"))
            harness.wait_until(lambda count=count: len(server.segment_files("a")) > count)
            if round_ % 2:
                server.kill()
                harness.wait_until(lambda: not server.processes())
                server.start()
            else:
                harness.kill(self.worker_pid(server, "a"))
            self.wait_status(server, "a")
        server.terminate()
        for path in server.segment_files():
            if os.path.getsize(path):
                self.assert_plays(path)
        server.start()
        # But for the file that is being written.
        harness.wait_until(lambda: len(server.api.recordings("a")) >= len(server.segment_files("a")) - 1,
                           what="a row for every file")
