"""config.yaml: hand edits, comments, bad files, secrets."""
import os
import stat
import subprocess

import harness
from harness import media

CONFIG = """\
# My house. Do not touch.
version: "1.0"
system:
  name: Home   # shown in the page
  x_unknown: keep me
cameras:
  # the front
  - id: front
    name: Front door   # by the bell
    enabled: false
    stream:
      url: {url}
    x_custom: [1, 2]
"""


class Config(harness.TestCase):
    def prepared(self, enabled=False, **options):
        camera = self.simcam(f"cam/main {media('h264.mp4')} auth=admin:Top5ecret", *options)
        text = CONFIG.format(url=camera.url("cam/main"))
        return camera, self.nvr(text.replace("enabled: false", f"enabled: {str(enabled).lower()}"))

    def test_comments_and_unknown_keys_stay(self):
        _, server = self.prepared()
        before = harness.read_text(server.config)
        server.api.patch("/api/v1/cameras/front", {"name": "Front gate"})
        after = harness.read_text(server.config)
        self.assertEqual(after.count("\n"), before.count("\n"))
        changed = [(a, b) for a, b in zip(before.splitlines(), after.splitlines()) if a != b]
        self.assertEqual(len(changed), 1, changed)
        self.assertIn("Front gate", changed[0][1])
        self.assertIn("# by the bell", changed[0][1])
        server.api.post("/api/v1/cameras", {"id": "back", "name": "Back", "stream": {
            "url": "rtsp://127.0.0.1:9/x"}, "enabled": False})
        text = harness.read_text(server.config)
        self.assertTrue(text.startswith(after.rstrip("\n")[:60]))
        for piece in ("# My house", "x_unknown: keep me", "# the front", "x_custom: [1, 2]"):
            self.assertIn(piece, text)
        server.api.delete("/api/v1/cameras/back")
        self.assertNotIn("Back", harness.read_text(server.config))
        self.assertIn("# the front", harness.read_text(server.config))

    def test_hand_edit_is_picked_up(self):
        _, server = self.prepared()
        text = harness.read_text(server.config)
        server.write_config(text.replace("name: Front door", "name: Porch"))
        harness.wait_until(lambda: server.api.camera("front")["name"] == "Porch", what="the new name")
        with open(server.config, "a", encoding="utf-8") as file:  # in place, as some editors do
            file.write("  - id: garden\n    name: Garden\n    enabled: false\n    stream:\n"
                       "      url: rtsp://127.0.0.1:9/x\n")
        harness.wait_until(lambda: server.api.camera("garden"), what="the new camera")
        server.write_config(text)
        harness.wait_until(lambda: server.api.request(
            "GET", "/api/v1/cameras/garden").status == 404, what="the camera is gone")

    def test_sections(self):
        _, server = self.prepared()
        url = "/api/v1/config/"
        system = server.api.get(url + "system")
        self.assertEqual(system["name"], "Home")
        server.api.patch(url + "system", {"name": "Barn", "min_free_gb": 3})
        text = harness.read_text(server.config)
        self.assertIn("name: Barn   # shown in the page", text)
        self.assertIn("x_unknown: keep me", text)
        self.assertEqual(server.api.get(url + "system")["min_free_gb"], 3)
        s3 = {"enabled": True, "endpoint": "http://127.0.0.1:9", "bucket": "abc", "access_key": "me",
              "secret_key": "s3cret-one"}
        answer = server.api.patch(url + "storage", {"s3": s3})
        self.assertTrue(answer["s3"]["has_secret_key"])
        self.assertNotIn("s3cret-one", harness.read_text(server.config))
        self.assertNotIn("s3cret-one", str(answer))
        for place in ("recordings", "recordings/front", ""):
            reply = server.api.request("PATCH", url + "storage", {"retention": {"tiers": {
                "hot": {"duration_days": 1},
                "warm": {"location": os.path.join(server.data, place).rstrip("/")}}}})
            self.assertEqual(reply.status, 422)
            self.assertIn("retention.tiers.warm.location", str(reply.json()))
        self.assertNotIn("warm", harness.read_text(server.config))
        # the same mistake by hand changes nothing either
        server.write_config(harness.read_text(server.config) + "  retention:\n    tiers:\n"
                            "      hot: {duration_days: 1}\n"
                            f"      warm: {{location: {server.data}/recordings}}\n")
        harness.wait_until(lambda: "warm.location" in str(server.api.get("/health")),
                           what="a warning with the key")
        self.assertEqual(server.api.request("GET", url + "users").status, 404)

    def test_bad_file_is_refused_with_its_place(self):
        _, server = self.prepared()
        text = harness.read_text(server.config)
        for bad, line in ((text.replace("enabled: false", "enabled: perhaps"), 10),
                          (text.replace("  name: Home", "  name: [Home"), 5),
                          (text.replace("url: rtsp", "url: gopher"), 12)):
            with self.subTest(line=line):
                server.write_config(bad)

                def told():
                    info = server.api.get("/api/v1/system/info")
                    return [w for w in info["warnings"] if "onfig" in w["code"] + w["message"]]
                warning = harness.wait_until(told, what="a warning")[0]
                self.assertRegex(warning["message"], r"\d+")
                print("bad config:", warning["message"])
                self.assertEqual(server.api.camera("front")["name"], "Front door", "nothing changed")
                answer = server.api.request("PATCH", "/api/v1/cameras/front", {"name": "x"})
                self.assertEqual((answer.status, answer.error_code()), (409, "conflict"))
                self.assertEqual(harness.read_text(server.config), bad, "the edit is not lost")
                server.write_config(text)
                harness.wait_until(lambda: not told(), what="the warning goes")

    def test_bad_file_at_start(self):
        server = self.nvr("cameras:\n  - id: A B\n    stream: {url: 5}\n", start=False)
        answer = subprocess.run(server.command(), capture_output=True, text=True, timeout=20,
                                env=server.full_environment(), check=False)
        self.assertEqual(answer.returncode, 1)
        self.assertRegex(answer.stderr, r"2:\d+|line 2")

    def test_change_touches_that_camera_only(self):
        camera = self.simcam(f"a/main {media('h264.mp4')}", f"b/main {media('h264.mp4')}")
        server = self.nvr()
        for name in ("a", "b"):
            self.add_camera(server, name, camera.url(f"{name}/main"))
        for name in ("a", "b"):
            self.wait_status(server, name)
        plays = camera.stats("b/main")["plays"]
        pid = server.api.camera("b")["worker"]["pid"]
        server.api.patch("/api/v1/cameras/a", {"stream": {"url": camera.url("b/main")}})
        harness.wait_until(lambda: camera.stats("b/main")["plays"] == plays + 1)
        server.api.patch("/api/v1/cameras/a", {"name": "Other"})
        self.wait_status(server, "a")
        server.api.delete("/api/v1/cameras/a")
        harness.wait_until(lambda: camera.stats("b/main")["clients"] == 1)
        self.assertEqual(server.api.camera("b")["worker"]["pid"], pid)
        self.assertEqual(camera.stats("b/main")["plays"], plays + 1)

    def test_passwords_are_nowhere(self):
        camera, server = self.prepared(enabled=True)
        server.api.patch("/api/v1/cameras/front", {"stream": {
            "username": "admin", "password": "Top5ecret"}, "recording": {"segment_seconds": 2}})
        self.wait_status(server, "front")
        self.add_camera(server, "second", camera.url("cam/main", "admin:Top5ecret"))
        self.wait_status(server, "second")
        server.api.probe(url=camera.url("cam/main", "admin:Top5ecret"))
        server.api.probe(url=camera.url("nothing", "admin:Top5ecret"))
        secret = b"Top5ecret"
        for path in ("/api/v1/cameras", "/api/v1/cameras/front", "/api/v1/cameras/second", "/status",
                     "/health", "/workers", "/api/v1/system/info", "/api/v1/system/logs?limit=1000",
                     "/api/v1/cameras/front/status"):
            self.assertNotIn(secret, server.api.request("GET", path).body, path)
        self.assertIn("encrypted:", harness.read_text(server.config))
        for folder, _, names in os.walk(server.folder):
            for name in names:
                with open(os.path.join(folder, name), "rb") as file:
                    self.assertNotIn(secret, file.read(), os.path.join(folder, name))
        for pid in server.processes():
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                self.assertNotIn(secret, file.read())
        keys = [os.path.join(folder, name) for folder, _, names in os.walk(server.data)
                for name in names if "key" in name]
        for path in keys:
            self.assertEqual(stat.S_IMODE(os.stat(path).st_mode) & 0o077, 0, path)
        server.terminate()
        server.start()  # the key is read back
        self.wait_status(server, "front")

    def test_read_only_config_folder(self):
        """A change that cannot be written is refused and changes nothing."""
        _, server = self.prepared()
        if os.geteuid() == 0:  # whom modes do not stop
            made = subprocess.run(["chattr", "+i", server.folder], capture_output=True, check=False)
            if made.returncode:
                self.skipTest("the file system has no immutable flag")
            self.addCleanup(subprocess.run, ["chattr", "-i", server.folder], check=False)
        else:
            os.chmod(server.folder, 0o555)
            self.addCleanup(os.chmod, server.folder, 0o755)
        answer = server.api.request("PATCH", "/api/v1/cameras/front", {"name": "Other"})
        self.assertIn(answer.status, (500, 503, 507))
        self.assertEqual(server.api.camera("front")["name"], "Front door")
