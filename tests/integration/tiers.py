"""What the tests of tiers have in common."""
import hashlib
import os

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


class TiersCase(harness.TestCase):
    """Servers, places and looks at what is where."""

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
