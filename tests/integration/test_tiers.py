"""Recordings on their way: recordings folder → another disk → object store, and back for readers."""
import os
import signal
import subprocess
import unittest

import harness
import tiers


class Tiers(tiers.TiersCase):
    def test_hot_warm_cold_and_back(self):
        store, server, warm = self.s3(), self.server(), self.warm_folder()
        before = self.contents(server)
        items = server.api.recordings("cam")
        middle = (items[1]["start"] + items[1]["end"]) // 2
        shot = server.api.request("GET", f"/api/v1/cameras/cam/snapshot?at={middle}").body
        saved = server.api.request("GET", f"/api/v1/recordings/{items[1]['id']}/download").body
        server.api.patch(tiers.CONFIG, tiers.tiers(warm=warm))
        self.wait_tier(server, "warm")
        harness.wait_until(lambda: not server.segment_files("cam"), what="the sources are gone")
        self.assertEqual(len(self.folder_files(warm)), len(before))
        self.assertEqual(self.contents(server), before)
        self.assertTrue(os.path.exists(os.path.join(warm, ".heron-location")))

        server.api.patch(tiers.CONFIG, {"s3": store.config(),
                                  **tiers.tiers(warm=warm, warm_days=0.00001, cold="s3")})
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
        server.api.patch(tiers.CONFIG, tiers.tiers(warm=warm))
        harness.wait_until(lambda: self.mover(server)["error"], 60, "a full disk is told")
        self.assertEqual(self.contents(server), before)
        self.assertTrue(all(item["tier"] == "hot" for item in server.api.recordings("cam")))

    def test_missing_disk(self):
        server, warm = self.server(), self.warm_folder()
        before = self.contents(server)
        server.api.patch(tiers.CONFIG, tiers.tiers(warm=warm))
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
        server.api.patch(tiers.CONFIG, tiers.tiers(warm=warm))
        self.wait_tier(server, "warm")
        os.rename(warm, warm + "-old")
        os.makedirs(warm)
        answer = server.api.post("/api/v1/system/storage/test", {"tier": "warm"})
        self.assertFalse(answer["ok"])
        self.assertIn("mounted", answer["error"])
        server.api.post("/api/v1/system/storage/locations/warm/adopt")
        answer = server.api.post("/api/v1/system/storage/test", {"tier": "warm"})
        self.assertTrue(answer["ok"], answer)

    def test_killed_in_the_middle(self):
        server, warm = self.server(8), self.warm_folder()
        before = self.contents(server)
        for round_ in range(4):
            server.api.patch(tiers.CONFIG, {"move_mb_per_second": 0.2, **tiers.tiers(warm=warm)})
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
        server.api.patch(tiers.CONFIG, {"move_mb_per_second": 0})
        self.wait_tier(server, "warm", 120)
        self.assertEqual(self.contents(server), before)
        harness.wait_until(lambda: not server.segment_files("cam"), 60, "no file is left over")
        self.assertEqual(len(self.folder_files(warm)), len(before), "and none is there twice")


if __name__ == "__main__":
    unittest.main()
