"""Small pictures for the timeline: made while recording, served by time, gone with the recordings."""
import os
import struct
import time

import harness
from harness import media, wait_until

CONFIG = """version: "1.0"
preferences:
  timeline:
    thumbnail_interval_seconds: 1
"""


def jpeg_size(data):
    """(width, height) from the frame header of a baseline JPEG."""
    at = 2
    while at + 9 < len(data):
        marker, length = struct.unpack(">HH", data[at:at + 4])
        if marker == 0xFFC0:
            height, width = struct.unpack(">HH", data[at + 5:at + 9])
            return width, height
        at += 2 + length
    raise AssertionError("no frame header")


class Previews(harness.TestCase):
    def times(self, server, camera, start=0, end=None):
        end = end or int(time.time() * 1000) + 60000
        path = f"/api/v1/recordings/preview/{camera}/index?start={max(start, end - 3600000)}&end={end}"
        return server.api.get(path)["times"]

    def set_up(self):
        camera = self.simcam(f"cam/main {media('h264-aac.mp4')}", f"cam/sub {media('h264.mp4')}")
        server = self.nvr(CONFIG)
        self.add_camera(server, "front", camera.url("cam/main"), sub_url=camera.url("cam/sub"))
        self.wait_status(server, "front")
        return camera, server

    def picture(self, server, camera, at):
        return server.api.request("GET", f"/api/v1/recordings/preview/{camera}?at={at}")

    def test_made_and_served(self):
        _, server = self.set_up()
        times = wait_until(lambda: (t := self.times(server, "front"))[3:] and t, what="four pictures")
        self.assertEqual(times, sorted(times))
        self.assertLess(times[0], times[-1])
        for at, expected in ((times[1], times[1]), (times[2] - 1, times[1]), (times[-1] + 20000, None)):
            answer = self.picture(server, "front", at)
            self.assertEqual(answer.status, 200)
            self.assertEqual(answer.headers["Content-Type"], "image/jpeg")
            if expected:
                self.assertEqual(int(answer.headers["X-Heron-Time"]), expected)
            self.assertEqual(jpeg_size(answer.body)[0], 240)
        missing = self.picture(server, "front", times[0] - 120000)
        self.assertEqual((missing.status, missing.json()["error"]["code"]), (404, "no_preview"))

    def test_bad_input(self):
        server = self.nvr(CONFIG)
        for path, status in (("front", 400), ("front?at=yesterday", 400), ("Front?at=5", 404),
                             ("front?at=-5", 400), ("%2e%2e%2fx?at=5", 404), ("front?at=99999999999999", 404),
                             ("front/index?start=5&end=4", 400), ("front/index?start=0&end=999999999999", 400)):
            answer = server.api.request("GET", "/api/v1/recordings/preview/" + path)
            self.assertEqual(answer.status, status, (path, answer.body[:200]))

    def test_service_is_replaced_and_goes_on(self):
        _, server = self.set_up()
        wait_until(lambda: self.times(server, "front"), what="a picture")
        before = server.api.get("/workers/preview")
        self.assertEqual(before["kind"], "preview")
        harness.kill(before["pid"])
        wait_until(lambda: server.api.get("/workers/preview")["pid"] not in (None, before["pid"]),
                   what="another process")
        newest = self.times(server, "front")[-1]
        wait_until(lambda: self.times(server, "front")[-1] > newest, what="a picture by the new one")

    def test_packs_go_with_the_recordings(self):
        server = self.nvr(CONFIG, start=False)
        old = os.path.join(server.data, "previews", "front", "2020-01-02")
        foreign = os.path.join(server.data, "previews", "front", "notes")
        os.makedirs(old)
        os.makedirs(foreign)
        for path in (os.path.join(old, "03.previews"), os.path.join(foreign, "mine.txt")):
            with open(path, "wb") as file:
                file.write(b"old")
        server.start()
        wait_until(lambda: not os.path.exists(old), what="the old pack is gone")
        self.assertTrue(os.path.exists(os.path.join(foreign, "mine.txt")))

    def test_damaged_pack_is_begun_anew(self):
        camera = self.simcam(f"cam/main {media('h264.mp4')}")
        server = self.nvr(CONFIG, start=False)
        now = time.time()
        for shift in (0, 3600):  # the hour may end meanwhile
            hour = time.gmtime(now + shift)
            folder = os.path.join(server.data, "previews", "front", time.strftime("%Y-%m-%d", hour))
            os.makedirs(folder, exist_ok=True)
            with open(os.path.join(folder, time.strftime("%H.previews", hour)), "wb") as file:
                file.write(os.urandom(60000))
        server.start()
        self.assertEqual(self.times(server, "front"), [])
        self.add_camera(server, "front", camera.url("cam/main"))
        times = wait_until(lambda: self.times(server, "front"), what="a picture")
        self.assertEqual(self.picture(server, "front", times[0]).status, 200)
