"""The `nvr` command against a running server: exit codes, words, --json."""
import json
import os
import subprocess

import harness
from harness import media


class CameraCommand(harness.TestCase):
    def cli(self, server, *words, expect=0, environment=None):
        answer = subprocess.run([os.path.join(harness.BIN, "nvr"), *words, "--server", server.api.base],
                                capture_output=True, text=True, timeout=30, check=False,
                                env={**os.environ, **(environment or {})})
        self.assertEqual(answer.returncode, expect, (words, answer.stdout, answer.stderr))
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
