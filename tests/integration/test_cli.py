"""The `nvr` command against a running server: exit codes, words, --json."""
import json
import os
import shutil
import socket
import subprocess

import harness
from harness import media


class CameraCommand(harness.TestCase):
    def cli(self, server, *words, expect=0, environment=None):
        answer = subprocess.run([os.path.join(harness.BIN, "nvr"), *words, "--server", server.api.base],
                                capture_output=True, text=True, timeout=30, check=False,
                                env={**os.environ, **(environment or {})})
        self.assertEqual(answer.returncode, expect, (words, answer.stdout, answer.stderr))
        self.assert_no_report("the command", answer.stderr)
        return answer

    def test_life_of_a_camera(self):
        camera = self.simcam(f"cam/main {media('h264-aac.mp4')}")
        server = self.nvr()
        url = camera.url("cam/main")
        probed = self.cli(server, "camera", "probe", url)
        self.assertRegex(probed.stdout, r"video h264 \d+x\d+")
        self.assertTrue(json.loads(self.cli(server, "camera", "probe", url, "--json").stdout)["ok"])
        self.cli(server, "camera", "add", url, "--id", "door", "--name", "Front door")
        self.wait_status(server, "door")
        self.assertEqual(server.api.camera("door")["name"], "Front door")
        self.assertIn("door", self.cli(server, "camera", "list").stdout)
        self.assertTrue(json.loads(self.cli(server, "camera", "probe", "door", "--json").stdout)["ok"])
        self.cli(server, "camera", "record", "door", "start", "--seconds", "60")
        self.cli(server, "camera", "record", "door", "stop")
        self.cli(server, "camera", "record", "door", "pause", expect=2)
        self.cli(server, "camera", "record", "door", "start", "--seconds", "x", expect=2)
        stopped = json.loads(self.cli(server, "camera", "stop", "door", "--json").stdout)
        self.assertTrue(stopped["stopped"])
        self.cli(server, "camera", "start", "door")
        self.wait_status(server, "door")
        self.cli(server, "camera", "restart", "door")
        self.wait_status(server, "door")
        self.cli(server, "camera", "remove", "door", "--delete-recordings")
        self.assertEqual(server.api.get("/api/v1/cameras")["items"], [])
        harness.wait_until(lambda: not server.segment_files("door"), what="the files are gone")

    def test_password_from_the_environment(self):
        server = self.nvr()
        self.cli(server, "camera", "add", "rtsp://127.0.0.1:1/x", "--id", "a", "--username", "me",
                 environment={"NVR_CAMERA_PASSWORD": "secret"})
        item = server.api.camera("a")
        self.assertEqual((item["stream"]["username"], item["stream"]["has_password"]), ("me", True))

    def test_refusals(self):
        server = self.nvr()
        answer = self.cli(server, "camera", "add", "gopher://x/", "--id", "a", expect=1)
        self.assertRegex(answer.stderr, r"stream\.url: ")
        self.assertEqual(answer.stdout, "")
        answer = self.cli(server, "camera", "add", "gopher://x/", "--json", expect=1)
        self.assertEqual(json.loads(answer.stdout)["error"]["code"], "validation_failed")
        answer = self.cli(server, "camera", "probe", "rtsp://127.0.0.1:1/x", expect=1)
        self.assertRegex(answer.stderr, r"\w+")
        answer = self.cli(server, "camera", "stop", "nobody", expect=1)
        self.assertIn("404", answer.stderr)
        self.cli(server, "camera", "remove", expect=2)
        self.cli(server, "camera", "add", expect=2)
        self.cli(server, "camera", "fly", "a", expect=2)
        self.cli(server, "camera", "stop", "../../x", expect=2)

    def test_no_server(self):
        server = self.nvr(start=False)
        answer = self.cli(server, "camera", "list", expect=1)
        self.assertIn("Is Heron running", answer.stderr)


class LocalCommands(harness.TestCase):
    """Commands that look at the data folder itself."""

    def run_nvr(self, server, *words, expect=0):
        command = [os.path.join(harness.BIN, "nvr"), *words, "--config", server.config, "--data", server.data]
        answer = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(answer.returncode, expect, (words, answer.stdout, answer.stderr))
        self.assert_no_report("the command", answer.stderr)
        return answer

    def doctor(self, server, port, expect=0):
        answer = self.run_nvr(server, "doctor", "--json", "--listen", f"127.0.0.1:{port}", expect=expect)
        report = json.loads(answer.stdout)
        self.assertEqual(report["ok"], expect == 0)
        return {item["check"]: (item["status"], item["message"]) for item in report["items"]}

    def test_doctor_of_a_running_server(self):
        server = self.nvr()
        found = self.doctor(server, server.port)
        self.assertEqual(found["server"], ("ok", "running"))
        self.assertIn("in use, by Heron", found["port"][1])
        self.assertRegex(found["database"][1], r"nvr\.db is whole, in use$")
        self.assertRegex(found["sandbox"][1], r"^(full|partial) \(Landlock \d+, seccomp yes\)")
        self.assertRegex(found["storage"][1], r" free$")
        server.terminate()
        found = self.doctor(server, server.port)
        self.assertEqual(found["server"], ("ok", "not running"))
        self.assertEqual(found["port"], ("ok", f"127.0.0.1:{server.port} is free"))
        self.assertRegex(found["database"][1], r"nvr\.db is whole$")

    def test_doctor_finds_what_is_wrong(self):
        server = self.nvr(start=False)
        with socket.create_server(("127.0.0.1", 0)) as other:
            found = self.doctor(server, other.getsockname()[1], expect=1)
        self.assertEqual(found["port"][0], "error")
        self.assertEqual(found["database"], ("ok", "made at the first start"))
        with open(os.path.join(server.data, "nvr.db"), "wb") as file:
            file.write(b"this is no database " * 300)
        found = self.doctor(server, harness.free_port(), expect=1)
        self.assertEqual(found["database"][0], "error")
        shutil.rmtree(server.data)
        found = self.doctor(server, harness.free_port())
        self.assertEqual(found["storage"][0], "warning")
        self.run_nvr(server, "doctor", "--listen", "nowhere", expect=2)
        self.run_nvr(server, "doctor", "now", expect=2)

    def test_config_check(self):
        server = self.nvr(start=False)
        self.assertRegex(self.run_nvr(server, "config", "check").stdout, r"sound, 0 cameras")
        server.write_config('version: "1.0"\ncameras:\n  - id: a\n    name: A\n'
                            '    stream:\n      url: gopher://x/\n')
        answer = self.run_nvr(server, "config", "check", expect=1)
        self.assertRegex(answer.stdout, r"config\.yaml:6:\d+: \S*stream\.url: ")
        report = json.loads(self.run_nvr(server, "config", "check", "--json", expect=1).stdout)
        self.assertFalse(report["ok"])
        self.assertEqual([error["line"] for error in report["errors"]], [6])
        answer = self.run_nvr(server, "config", "check", "/nowhere/at/all.yaml", expect=1)
        self.assertIn("/nowhere/at/all.yaml", answer.stderr)
        self.run_nvr(server, "config", "mend", expect=2)
        self.assertFalse(os.path.exists(os.path.join(server.data, "secret.key")), "a check makes no key")

    @staticmethod
    def break_copies(path):
        """Three files beside a good one in which there is nothing to see."""
        with open(path, "rb") as file:
            data = file.read()
        for number, bad in enumerate((b"", os.urandom(5000), data[:1000]), 90):
            with open(f"{path[:-4]}_{number}.mp4", "wb") as file:
                file.write(bad)

    def test_recordings(self):
        camera = self.simcam(f"cam/main {media('h264-aac.mp4')}")
        server = self.nvr()
        self.add_camera(server, "cam", camera.url("cam/main"))
        self.wait_recordings(server, "cam", 2)
        one = ["recordings", "list", "cam", "--server", server.api.base]
        lines = self.run_nvr(server, *one).stdout.splitlines()
        self.assertGreaterEqual(len(lines), 2)
        self.assertRegex(lines[0], r"^cam-\d{13} +cam +\d{4}-\S+Z +[\d.]+ s +[\d.]+ \S+ h264$")
        items = json.loads(self.run_nvr(server, *one, "--json").stdout)["items"]
        self.assertEqual({item["camera"] for item in items}, {"cam"})
        self.run_nvr(server, "recordings", "list", "../x", expect=2)
        self.run_nvr(server, "recordings", "paint", expect=2)
        answer = self.run_nvr(server, "recordings", "reindex", expect=1)
        self.assertIn("stop Heron first", answer.stderr)
        server.terminate()
        files = len(server.segment_files("cam"))
        for name in os.listdir(server.data):
            if name.startswith("nvr.db"):
                os.remove(os.path.join(server.data, name))
        self.break_copies(server.segment_files("cam")[0])
        result = json.loads(self.run_nvr(server, "recordings", "reindex", "--json").stdout)
        self.assertEqual((result["indexed"], result["failed"]), (files, 0), "the index is made anew")
        self.assertEqual((result["damaged"], result["repaired"]), (3, 0))
        os.remove(server.segment_files("cam")[0])
        answer = self.run_nvr(server, "recordings", "reindex")  # every file again, rows without one go
        self.assertEqual(answer.stdout, f"{files - 1} recordings indexed, 0 of them repaired; "
                                        "0 damaged, 0 not readable, 1 rows dropped\n")
