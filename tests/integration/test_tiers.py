"""Recordings on their way: recordings folder → another disk → object store, and back for readers."""
import hashlib
import os
import signal
import subprocess
import unittest

import harness
import s3
from harness import media

CONFIG = "/api/v1/config/storage"


def tiers(hot=0, warm=None, cold=None, warm_days=None):
    body = {"hot": {"duration_days": hot}}
    if warm:
        body["warm"] = {"location": warm, **({"duration_days": warm_days} if warm_days else {})}
    if cold:
        body["cold"] = {"location": cold}
    return {"retention": {"tiers": body}}


class Tiers(harness.TestCase):
    def server(self, segments=3):
        """A server with finished recordings of a camera that is off."""
        camera = self.simcam(f"cam/main {media('h264-aac.mp4')}")
        server = self.nvr()
        self.add_camera(server, "cam", camera.url("cam/main"))
        self.wait_recordings(server, "cam", segments)
        server.api.patch("/api/v1/cameras/cam", {"enabled": False})
        harness.wait_until(lambda: "worker cam" in server.text() and "exit status 0" in server.text(),
                           what="the worker ends")
        harness.wait_until(lambda: len(server.api.recordings("cam")) == len(server.segment_files("cam")),
                           what="a row for each file")
        return server

    def s3(self):
        try:
            store = s3.S3Server(self.folder)
        except OSError as error:
            self.skipTest(str(error))
        self.addCleanup(store.close)
        return store

    def contents(self, server, tier=None):
        """SHA-256 of each recording's bytes as a player gets them; tier: only of those."""
        found = {}
        for item in server.api.recordings("cam"):
            if tier not in (None, item["tier"]):
                continue
            reply = server.api.request("GET", f"/api/v1/recordings/{item['id']}/media.mp4")
            self.assertEqual(reply.status, 200, reply.body[:300])
            found[item["id"]] = hashlib.sha256(reply.body).hexdigest()
        return found

    def wait_tier(self, server, tier, seconds=60):
        def reached():
            items = server.api.recordings("cam")
            return items and all(item["tier"] == tier for item in items) and items
        return harness.wait_until(reached, seconds, f"everything is {tier}")

    def folder_files(self, folder):
        found = []
        for place, _, names in os.walk(folder):
            found += [os.path.join(place, name) for name in names if name.endswith((".mp4", ".coming"))]
        return sorted(found)

    def warnings(self, server):
        return str(server.api.get("/api/v1/system/info")["warnings"])

    def clear_cache(self, server):
        folder = os.path.join(server.data, "cache")
        for name in os.listdir(folder):
            os.unlink(os.path.join(folder, name))

    def mover(self, server):
        return server.api.get("/api/v1/system/storage")["mover"]

    def warm_folder(self):
        path = os.path.join(self.folder, "warm")
        os.makedirs(path, exist_ok=True)
        return path

    # ---- the way ----

    def test_hot_warm_cold_and_back(self):
        store, server, warm = self.s3(), self.server(), self.warm_folder()
        before = self.contents(server)
        items = server.api.recordings("cam")
        middle = (items[1]["start"] + items[1]["end"]) // 2
        shot = server.api.request("GET", f"/api/v1/cameras/cam/snapshot?at={middle}").body
        saved = server.api.request("GET", f"/api/v1/recordings/{items[1]['id']}/download").body
        server.api.patch(CONFIG, tiers(warm=warm))
        self.wait_tier(server, "warm")
        harness.wait_until(lambda: not server.segment_files("cam"), what="the sources are gone")
        self.assertEqual(len(self.folder_files(warm)), len(before))
        self.assertEqual(self.contents(server), before)
        self.assertTrue(os.path.exists(os.path.join(warm, ".heron-location")))

        server.api.patch(CONFIG, {"s3": store.config(),
                                  **tiers(warm=warm, warm_days=0.00001, cold="s3")})
        self.wait_tier(server, "cold")
        harness.wait_until(lambda: not self.folder_files(warm), what="the copies on warm are gone")
        self.assertEqual(len(store.objects()), len(before))
        self.assertEqual(self.contents(server), before)
        self.assertEqual(server.api.request("GET", f"/api/v1/cameras/cam/snapshot?at={middle}").body, shot)
        self.assertEqual(server.api.request("GET", f"/api/v1/recordings/{items[1]['id']}/download").body,
                         saved)
        start, end = items[0]["start"], items[-1]["end"]
        playlist = f"{server.api.base}/api/v1/recordings/playback/cam/index.m3u8?start={start}&end={end}"
        self.assert_plays(playlist)
        state = server.api.get("/api/v1/system/storage")
        cold = [place for place in state["locations"] if place["tier"] == "cold"][0]
        self.assertEqual((cold["kind"], cold["state"], cold["segments"]), ("s3", "ok", len(before)))
        self.assertIn("heron_tier_moved_bytes_total", server.api.request("GET", "/metrics").body.decode())
        # the next start finds everything where it is
        server.terminate()
        server.start()
        self.assertEqual(self.contents(server), before)
        # deleting by hand takes the object, too
        server.api.delete(f"/api/v1/recordings/{items[0]['id']}")
        harness.wait_until(lambda: len(store.objects()) == len(before) - 1, what="the object is gone")

    def test_small_disk_fills_up(self):
        if os.geteuid() != 0:
            self.skipTest("mounting needs root")
        server, warm = self.server(), self.warm_folder()
        before = self.contents(server)
        image = os.path.join(self.folder, "disk")
        with open(image, "wb") as file:
            file.truncate(1 << 20)
        made = subprocess.run(["mkfs.ext4", "-q", "-F", "-O", "^has_journal", "-m", "0", image],
                              capture_output=True, text=True, check=False)
        mounted = made.returncode == 0 and subprocess.run(
            ["mount", "-o", "loop", image, warm], capture_output=True, text=True, check=False)
        if not mounted or mounted.returncode:
            self.skipTest("no loop mounts here")
        self.addCleanup(subprocess.run, ["umount", "-l", warm], check=False)
        with open(os.path.join(warm, "ballast"), "wb") as file:
            try:
                while True:
                    file.write(b"x" * 4096)
                    file.flush()
            except OSError:
                pass
        server.api.patch(CONFIG, tiers(warm=warm))
        harness.wait_until(lambda: self.mover(server)["error"], 60, "a full disk is told")
        self.assertEqual(self.contents(server), before)
        self.assertTrue(all(item["tier"] == "hot" for item in server.api.recordings("cam")))

    # ---- trouble ----

    def test_missing_disk(self):
        server, warm = self.server(), self.warm_folder()
        before = self.contents(server)
        server.api.patch(CONFIG, tiers(warm=warm))
        self.wait_tier(server, "warm")
        away = warm + "-away"
        os.rename(warm, away)
        os.makedirs(warm)  # what is left when a disk is not mounted
        reply = server.api.request("GET", f"/api/v1/recordings/{next(iter(before))}/media.mp4")
        self.assertEqual((reply.status, reply.error_code()), (503, "storage_unavailable"))
        harness.wait_until(lambda: "mounted" in self.warnings(server), 90, "a warning")
        server.api.patch("/api/v1/cameras/cam", {"enabled": True})
        harness.wait_until(lambda: len(server.api.recordings("cam")) > len(before) + 1,
                           what="recording goes on")
        self.assertEqual(os.listdir(warm), [], "nothing is written beside the disk")
        server.api.patch("/api/v1/cameras/cam", {"enabled": False})
        os.rmdir(warm)
        os.rename(away, warm)
        items = self.wait_tier(server, "warm", 120)
        self.assertGreater(len(items), len(before))
        now = self.contents(server)
        self.assertEqual({key: now[key] for key in before}, before)

    def test_new_disk_is_adopted(self):
        server, warm = self.server(), self.warm_folder()
        server.api.patch(CONFIG, tiers(warm=warm))
        self.wait_tier(server, "warm")
        os.rename(warm, warm + "-old")
        os.makedirs(warm)
        answer = server.api.post("/api/v1/system/storage/test", {"tier": "warm"})
        self.assertFalse(answer["ok"])
        self.assertIn("mounted", answer["error"])
        server.api.post("/api/v1/system/storage/locations/warm/adopt")
        answer = server.api.post("/api/v1/system/storage/test", {"tier": "warm"})
        self.assertTrue(answer["ok"], answer)

    def test_store_down_then_back(self):
        store, server = self.s3(), self.server()
        before = self.contents(server)
        store.stop()
        server.api.patch(CONFIG, {"s3": store.config(), **tiers(cold="s3")})
        harness.wait_until(lambda: "not reached" in str(self.mover(server)["error"]), 60, "words")
        self.assertEqual(self.contents(server), before, "nothing is deleted")
        harness.wait_until(lambda: self.mover(server)["state"] == "waiting", what="it waits")
        self.assertIn("not reached", self.warnings(server))
        store.start()
        self.wait_tier(server, "cold", 120)
        self.assertEqual(self.contents(server), before)
        harness.wait_until(lambda: "not reached" not in self.warnings(server),
                           what="the warning goes")

    def test_wrong_keys(self):
        store, server = self.s3(), self.server(2)
        test = "/api/v1/system/storage/test"
        good = server.api.post(test, {"s3": store.config()})
        self.assertTrue(good["ok"], good)
        for change, words in (({"secret_key": "wrong"}, "secret key"), ({"access_key": "nobody"}, "access key"),
                              ({"bucket": "no-such-bucket"}, "bucket")):
            answer = server.api.post(test, {"s3": store.config(**change)})
            self.assertFalse(answer["ok"])
            self.assertIn(words, answer["error"])
        self.assertEqual(server.api.request("POST", test, {"s3": {"bucket": "x"}}).status, 422)
        server.api.patch(CONFIG, {"s3": store.config(secret_key="wrong"), **tiers(cold="s3")})
        harness.wait_until(lambda: "secret key" in str(self.mover(server)["error"]), 60, "words")
        self.assertTrue(all(item["tier"] == "hot" for item in server.api.recordings("cam")))
        # the stored secret is not sent to another endpoint
        reply = server.api.request("POST", test, {"s3": {
            "endpoint": "http://127.0.0.1:9", "bucket": "abc", "access_key": "me"}})
        self.assertEqual(reply.status, 422, reply.body)
        server.api.patch(CONFIG, {"s3": {"secret_key": s3.SECRET}})
        self.wait_tier(server, "cold", 60)

    def test_cut_and_slow_line(self):
        store, server = self.s3(), self.server()
        before = self.contents(server)
        line = s3.Line(store.port)
        self.addCleanup(line.close)
        line.mode, line.after = "cut", 60000
        server.api.patch(CONFIG, {"s3": store.config(line.port), **tiers(cold="s3")})
        harness.wait_until(lambda: self.mover(server)["error"], 60, "words for a cut")
        self.assertEqual(self.contents(server), before)
        line.mode = "silent"
        harness.wait_until(lambda: "slow" in str(self.mover(server)["error"]), 120, "words for a silent one")
        line.mode = "slow"
        hot = self.contents(server, "hot")
        self.assertTrue(hot, "readers of the recordings folder notice nothing")
        self.assertEqual(hot, {key: before[key] for key in hot})
        line.mode = "open"
        self.wait_tier(server, "cold", 120)
        self.assertEqual(self.contents(server), before)
        # reading: what was cut in the middle is not played
        self.clear_cache(server)
        line.mode = "cut"
        reply = server.api.request("GET", f"/api/v1/recordings/{next(iter(before))}/media.mp4")
        self.assertEqual(reply.status, 503, reply.body[:200])
        line.mode = "open"
        self.assertEqual(self.contents(server), before)

    def test_changed_object(self):
        store, server = self.s3(), self.server(2)
        server.api.patch(CONFIG, {"s3": store.config(), **tiers(cold="s3")})
        items = self.wait_tier(server, "cold")
        path = os.path.join(store.folder, s3.BUCKET, "heron", items[0]["file_path"]
                            if "file_path" in items[0] else store.objects()[-1])
        with open(path, "r+b") as file:
            file.seek(os.path.getsize(path) // 2)
            byte = file.read(1)
            file.seek(-1, os.SEEK_CUR)
            file.write(bytes([byte[0] ^ 1]))
        self.clear_cache(server)
        answers = [server.api.request("GET", f"/api/v1/recordings/{item['id']}/media.mp4").status
                   for item in items]
        self.assertEqual(sorted(set(answers)), [200, 500], answers)

    def test_killed_in_the_middle(self):
        server, warm = self.server(8), self.warm_folder()
        before = self.contents(server)
        for round_ in range(4):
            server.api.patch(CONFIG, {"move_mb_per_second": 0.2, **tiers(warm=warm)})
            harness.wait_until(lambda: self.mover(server)["state"] == "moving", 60, "it moves")
            if round_ % 2:
                server.kill()
                server.start()
            else:
                keeper = [worker for worker in server.api.get("/workers")["items"]
                          if worker["id"] == "keeper"][0]
                harness.kill(keeper["pid"], signal.SIGKILL)
            self.assertEqual(self.contents(server), before)
            if all(item["tier"] == "warm" for item in server.api.recordings("cam")):
                break
        server.api.patch(CONFIG, {"move_mb_per_second": 0})
        self.wait_tier(server, "warm", 120)
        self.assertEqual(self.contents(server), before)
        harness.wait_until(lambda: not server.segment_files("cam"), 60, "no file is left over")
        self.assertEqual(len(self.folder_files(warm)), len(before), "and none is there twice")


if __name__ == "__main__":
    unittest.main()
