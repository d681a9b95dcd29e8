"""Recording: segments appear, rows match files, files play, nothing is lost; every codec."""
import hashlib
import os
import re
import time

import harness
import mp4
from harness import media

VARIANTS = {
    # id: (clip, video codec, audio codec, width, height)
    "plain": ("h264.mp4", "h264", None, 640, 360),
    "aac": ("h264-aac.mp4", "h264", "aac", 640, 360),
    "bframes": ("h264-b.mp4", "h264", "aac", 640, 360),
    "pcma": ("h264-pcma.mov", "h264", "aac", 640, 360),
    "pcmu": ("h264-pcmu.mov", "h264", "aac", 640, 360),
    "opus": ("h264-opus.mp4", "h264", ("aac", "opus"), 640, 360),
    "h265": ("h265-aac.mp4", "hevc", "aac", 640, 360),
    "mjpeg": ("mjpeg.mov", "mjpeg", None, 640, 360),
    "mjpegpcmu": ("mjpeg-pcmu.mov", "mjpeg", "aac", 640, 360),
    "small": ("h264-small.mp4", "h264", None, 320, 180),
}


class Variants(harness.TestCase):
    """All codecs at once on one server."""

    def check_row(self, server, item, path):
        with open(path, "rb") as file:
            data = file.read()
        self.assertEqual(item["size"], len(data))
        self.assertEqual(item["checksum"], hashlib.sha256(data).hexdigest())
        self.assertEqual(item["id"], f"{item['camera']}-{item['start']}")
        self.assertEqual(item["end"] - item["start"], item["duration_ms"])
        raw = server.api.request("GET", f"/api/v1/recordings/{item['id']}/media.mp4")
        self.assertEqual(hashlib.sha256(raw.body).hexdigest(), item["checksum"])
        # Time in the file is wall time; the row says the same.
        parts = mp4.fragments(data)
        first = next(part for part in parts if part.video)
        self.assertTrue(first.key, "a segment begins with a key frame")
        self.assertLess(abs(first.video.time / 90 - item["start"]), 1000)
        self.assertLess(abs(item["start"] - time.time() * 1000), 120000)
        return parts

    def check_variant(self, server, camera_id):
        _, video, audio, width, height = VARIANTS[camera_id]
        items = self.wait_recordings(server, camera_id, 3)
        files = [os.path.basename(path) for path in server.segment_files(camera_id)]
        for name in files:
            self.assertRegex(name, r"^segment_\d{8}_\d{6}(_\d+)?\.mp4$")
        for item in items[:3]:
            path = self.path_of(server, item)
            self.check_row(server, item, path)
            info = self.probe_file(path)
            streams = {stream["codec_type"]: stream for stream in info["streams"]}
            self.assertEqual(streams["video"]["codec_name"], video)
            self.assertEqual((streams["video"]["width"], streams["video"]["height"]), (width, height))
            self.assertEqual((item["width"], item["height"]), (width, height))
            got = streams.get("audio", {}).get("codec_name")
            self.assertIn(got, audio if isinstance(audio, tuple) else (audio,))
            self.assert_plays(path)
        for before, after in zip(items, items[1:3]):
            self.assertLess(abs(after["start"] - before["end"]), 250, "no hole between segments")

    def path_of(self, server, item):
        """The file of a row: by size and checksum, as the API does not tell paths."""
        for path in server.segment_files(item["camera"]):
            if os.path.getsize(path) == item["size"]:
                with open(path, "rb") as file:
                    if hashlib.sha256(file.read()).hexdigest() == item["checksum"]:
                        return path
        self.fail(f"no file for {item['id']}")
        return None

    def test_every_codec(self):
        camera = self.simcam(*[f"{name}/main {media(clip[0])}" for name, clip in VARIANTS.items()])
        server = self.nvr()
        for name in VARIANTS:
            self.add_camera(server, name, camera.url(f"{name}/main"))
        for name in VARIANTS:
            with self.subTest(name):
                self.wait_status(server, name)
                self.check_variant(server, name)


class Transports(harness.TestCase):
    def test_udp_basic_digest_and_sub(self):
        clip, small = media("h264-aac.mp4"), media("h264-small.mp4")
        camera = self.simcam(f"udp/main {clip} stamp", f"basic/main {clip} auth=u:p authtype=basic",
                             f"digest/main {clip} auth=admin:s3:cret authtype=digest",
                             f"both/main {clip} auth=admin:pass authtype=both",
                             f"both/sub {small} auth=admin:pass authtype=both",
                             f"udponly/main {clip} notcp")
        server = self.nvr()
        self.add_camera(server, "udp", camera.url("udp/main"), transport="udp")
        self.add_camera(server, "basic", camera.url("basic/main"), username="u", password="p")
        self.add_camera(server, "digest", camera.url("digest/main"), username="admin",
                        password="s3:cret")
        self.add_camera(server, "both", camera.url("both/main", "admin:pass"),
                        sub_url=camera.url("both/sub"))
        self.add_camera(server, "udponly", camera.url("udponly/main"), transport="udp")
        for camera_id in ("udp", "basic", "digest", "both", "udponly"):
            with self.subTest(camera_id):
                self.wait_status(server, camera_id)
                self.wait_recordings(server, camera_id, 1)
        for path in server.segment_files("udp")[:1]:
            self.assert_plays(path)
        both = harness.wait_until(lambda: (lambda c: c if c["sub"] else None)(
            server.api.camera("both")), what="the sub stream")
        self.assertEqual((both["sub"]["width"], both["sub"]["height"]), (320, 180))
        self.assertNotIn("pass", both["stream"]["url"])
        self.assertTrue(both["stream"]["has_password"])


class Completeness(harness.TestCase):
    def test_every_frame_is_in_the_files(self):
        """The frames that the camera numbers follow each other across segments."""
        camera = self.simcam(f"cam/main {media('h264-aac.mp4')} stamp")
        server = self.nvr()
        self.add_camera(server, "cam", camera.url("cam/main"))
        self.wait_recordings(server, "cam", 4)
        server.terminate()
        numbers = []
        for path in server.segment_files("cam"):
            with open(path, "rb") as file:
                for part in mp4.fragments(file.read()):
                    numbers += [number for _, number in part.stamps]
        self.assertGreater(len(numbers), 100)
        self.assertEqual(numbers, list(range(numbers[0], numbers[0] + len(numbers))))

    def test_download_starts_at_zero_and_ranges_work(self):
        camera = self.simcam(f"cam/main {media('h264-aac.mp4')}")
        server = self.nvr()
        self.add_camera(server, "cam", camera.url("cam/main"))
        item = self.wait_recordings(server, "cam", 2)[0]
        whole = server.api.request("GET", f"/api/v1/recordings/{item['id']}/download")
        self.assertEqual(whole.status, 200)
        self.assertIn("attachment", whole.headers["Content-Disposition"])
        parts = mp4.fragments(whole.body)
        self.assertLess(min(part.video.time for part in parts if part.video), 90000)
        self.assertEqual(whole.headers["Accept-Ranges"], "bytes")
        path = os.path.join(self.folder, "download.mp4")
        with open(path, "wb") as file:
            file.write(whole.body)
        self.assert_plays(path)
        for range_, wanted in (("bytes=0-99", whole.body[:100]), ("bytes=-50", whole.body[-50:]),
                               (f"bytes={len(whole.body) - 10}-", whole.body[-10:]),
                               ("bytes=1000-5000", whole.body[1000:5001])):
            part = server.api.request("GET", f"/api/v1/recordings/{item['id']}/download",
                                      headers={"Range": range_})
            self.assertEqual((part.status, part.body == wanted), (206, True), range_)
        beyond = server.api.request("GET", f"/api/v1/recordings/{item['id']}/download",
                                    headers={"Range": f"bytes={len(whole.body)}-"})
        self.assertEqual(beyond.status, 416)

    def test_timeline_and_coverage(self):
        camera = self.simcam(f"cam/main {media('h264.mp4')}")
        server = self.nvr()
        self.add_camera(server, "cam", camera.url("cam/main"))
        items = self.wait_recordings(server, "cam", 3)
        start, end = items[0]["start"] - 1000, items[-1]["end"] + 60000
        line = server.api.get(f"/api/v1/recordings/timeline?camera=cam&start={start}&end={end}")
        entry = line["items"][0]
        self.assertEqual(entry["camera"], "cam")
        self.assertEqual(len(entry["ranges"]), 1, "segments that touch are one range")
        self.assertEqual(entry["ranges"][0][0], items[0]["start"])
        self.assertGreaterEqual(entry["ranges"][0][1], items[-1]["end"])
        cover = server.api.get(f"/api/v1/recordings/coverage?camera=cam&start={start}&end={end}")
        days = cover["items"][0]["days"]
        self.assertTrue(re.match(r"^\d{4}-\d\d-\d\d$", days[0]["date"]))
        self.assertGreaterEqual(sum(day["bytes"] for day in days), sum(i["size"] for i in items))


class InProgress(harness.TestCase):
    """The file that is still being written: in the timeline, and in pictures of the last seconds."""

    def test_timeline_and_picture(self):
        camera = self.simcam(f"cam/main {media('h264-aac.mp4')}")
        server = self.nvr()
        self.add_camera(server, "cam", camera.url("cam/main"),
                        extra={"recording": {"segment_seconds": 60}})
        self.wait_status(server, "cam")
        began = int(time.time() * 1000)

        def timeline():
            query = f"camera=cam&start={began - 60000}&end={began + 3600000}"
            return server.api.get(f"/api/v1/recordings/timeline?{query}")["items"][0]
        item = harness.wait_until(lambda: (lambda t: t if t["recording"] else None)(timeline()),
                                  what="the file in progress")
        self.assertEqual(item["ranges"], [], "no file is finished")
        start, end = item["recording"]
        self.assertLess(abs(start - began), 10000)
        self.assertGreater(end, start)
        first = os.path.basename(server.segment_files("cam")[0])
        self.assertIn(time.strftime("%Y%m%d_%H%M%S", time.gmtime(start // 1000)), first)
        harness.wait_until(lambda: timeline()["recording"][1] > end, what="it grows")
        # A moment of the last seconds, and not the newest picture.
        at = int(time.time() * 1000) - 1500
        answer = server.api.request("GET", f"/api/v1/cameras/cam/snapshot?at={at}")
        self.assertEqual((answer.status, answer.body[:2]), (200, b"\xff\xd8"), answer.body[:300])
        self.assertLess(abs(int(answer.headers["X-Timestamp"]) - at), 1000)
        later = server.api.request("GET", f"/api/v1/cameras/cam/snapshot?at={at + 3600000}")
        self.assertEqual((later.status, later.error_code()), (404, "no_recording"))
        before = server.api.request("GET", f"/api/v1/cameras/cam/snapshot?at={began - 3600000}")
        self.assertEqual((before.status, before.error_code()), (404, "no_recording"))
        # Finished: it is an ordinary range, and nothing is in progress any more.
        server.api.post("/api/v1/cameras/cam/stop")
        self.wait_recordings(server, "cam", 1)
        harness.wait_until(lambda: timeline()["recording"] is None, what="nothing in progress")
        self.assertEqual(len(timeline()["ranges"]), 1)
        self.assertLess(abs(timeline()["ranges"][0][0] - start), 50)

    def test_zone_and_demo(self):
        server = self.nvr(environment={"TZ": "Europe/Zurich"})
        info = server.api.get("/api/v1/system/info")
        self.assertEqual((info["timezone"], info["demo"]), ("Europe/Zurich", False))

    def test_demo_is_told(self):
        if not os.path.exists(os.path.join(harness.BUILD, "demo", "demo.mp4")):
            self.skipTest("the demo's clips are not built: make programs")
        server = self.nvr(start=False)
        os.unlink(server.config)
        server.start()
        harness.wait_until(lambda: server.api.get("/api/v1/system/info")["demo"])
        self.wait_status(server, "demo")
