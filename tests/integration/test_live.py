"""Live view over WebSocket: first picture, order, slow viewers, status, codec changes."""
import time

import harness
import mp4
import websocket
from harness import media


class LiveView(harness.TestCase):
    def online(self, clip, options="", camera_id="cam", **stream):
        camera = self.simcam(f"cam/main {media(clip)} {options}", f"cam/sub {media('h264-small.mp4')}")
        server = self.nvr()
        self.add_camera(server, camera_id, camera.url("cam/main"), sub_url=camera.url("cam/sub"),
                        **stream)
        self.wait_status(server, camera_id)
        return camera, server

    def live(self, server, camera_id="cam", stream="main", **options):
        viewer = websocket.Live(server.port, camera_id, stream, **options)
        self.addCleanup(viewer.close)
        return viewer

    def test_init_then_key_frame_at_once(self):
        _, server = self.online("h264-aac.mp4")
        self.wait_recordings(server, "cam", 1)
        started = time.monotonic()
        viewer = self.live(server)
        kind, hello = viewer.next()
        self.assertEqual((kind, hello["type"]), ("text", "init"))
        self.assertRegex(hello["mime"], r'^video/mp4; codecs="avc1\.[0-9a-fA-F]{6},mp4a\.40\.2"$')
        self.assertEqual((hello["width"], hello["height"], hello["codec"]), (640, 360, "h264"))
        kind, init = viewer.next()
        self.assertEqual(kind, "init")
        self.assertEqual(mp4.top_level(init), ["ftyp", "moov"])
        kind, first = viewer.next()
        elapsed = time.monotonic() - started
        self.assertEqual(kind, "fragment")
        self.assertTrue(mp4.fragments(first)[0].key)
        print(f"first live bytes after {elapsed * 1000:.0f} ms")

    def test_sub_stream_and_times(self):
        _, server = self.online("h264-aac.mp4")
        harness.wait_until(lambda: server.api.camera("cam")["sub"], what="the sub stream")
        viewer = self.live(server, stream="sub")
        hello = viewer.until("text", condition=lambda t: t["type"] == "init")
        self.assertEqual((hello["width"], hello["height"]), (320, 180))
        times = []
        while len(times) < 30:
            for part in mp4.fragments(viewer.until("fragment")):
                if part.video:
                    times.append(part.video.time)
        self.assertEqual(times, sorted(times))
        self.assertLess(abs(times[-1] / 90000 - time.time()), 2)

    def test_nothing_is_lost_live(self):
        _, server = self.online("h264-aac.mp4", "stamp")
        viewer = self.live(server)
        numbers = []
        while len(numbers) < 90:
            kind, value = viewer.next()
            if kind == "fragment":
                for part in mp4.fragments(value):
                    numbers += [number for _, number in part.stamps]
        self.assertEqual(numbers, list(range(numbers[0], numbers[0] + len(numbers))))

    def test_slow_viewer_is_dropped_to_a_key_frame_and_a_fast_one_loses_nothing(self):
        _, server = self.online("h264-heavy.mp4", "stamp")
        fast = self.live(server)
        slow = self.live(server, receive_buffer=65536)
        slow.until("fragment")
        numbers = []
        end = time.monotonic() + 15
        while time.monotonic() < end:  # the slow one does not read all the while
            kind, value = fast.next()
            if kind == "fragment":
                for part in mp4.fragments(value):
                    numbers += [number for _, number in part.stamps]
            self.assertFalse(kind == "text" and value["type"] == "gap", "the fast viewer lost some")
        self.assertEqual(numbers, list(range(numbers[0], numbers[0] + len(numbers))))
        gap = slow.until("text", 30, lambda t: t["type"] == "gap")
        self.assertGreater(gap["dropped"], 0)
        after = slow.until("fragment")
        self.assertTrue(mp4.fragments(after)[0].key)

    def test_size_change_brings_a_new_init(self):
        _, server = self.online("h264-aac.mp4", f"alt={media('h264-720.mp4')}")
        viewer = self.live(server)
        seen = []
        deadline = time.monotonic() + 40
        while len({size for _, size in seen}) < 2 and time.monotonic() < deadline:
            kind, value = viewer.next()
            if kind == "text" and value["type"] == "init":
                kind, _ = viewer.next()
                self.assertEqual(kind, "init")
                kind, fragment = viewer.next()
                self.assertTrue(mp4.fragments(fragment)[0].key)
                seen.append((value["epoch"], (value["width"], value["height"])))
        self.assertEqual({size for _, size in seen}, {(640, 360), (1280, 720)})
        self.assertGreater(seen[-1][0], seen[0][0])

    def test_viewer_hears_that_the_camera_went_and_came_back(self):
        camera, server = self.online("h264.mp4")
        viewer = self.live(server)
        viewer.until("fragment")
        camera.set("cam/main", "refuse")
        camera.drop("cam/main")
        viewer.until("text", 30, lambda t: t["type"] == "status" and t["status"] != "online")
        camera.set("cam/main", "refuse=0")
        viewer.until("text", 40, lambda t: t["type"] == "init" or
                     (t["type"] == "status" and t["status"] == "online"))
        viewer.until("fragment")

    def test_errors_before_the_start(self):
        _, server = self.online("h264.mp4")
        socket = websocket.WebSocket(server.port, "/api/v1/cameras/nobody/stream/ws?stream=main")
        self.assertEqual(socket.status, 404)
        socket = websocket.WebSocket(server.port, "/api/v1/cameras/cam/stream/ws?stream=third")
        self.assertEqual(socket.status, 400)
        answer = server.api.request("GET", "/api/v1/cameras/cam/stream/ws?stream=main")
        self.assertIn(answer.status, (400, 426))

    def test_many_viewers(self):
        _, server = self.online("h264-aac.mp4", "stamp")
        viewers = [self.live(server) for _ in range(25)]
        for viewer in viewers:
            viewer.until("fragment", condition=lambda data: mp4.fragments(data)[0].key)


class Snapshots(harness.TestCase):
    def size_of(self, data):
        self.assertEqual(data[:3], b"\xff\xd8\xff")
        position = 2
        while data[position] == 0xff:
            marker, size = data[position + 1], int.from_bytes(data[position + 2:position + 4], "big")
            if marker in (0xc0, 0xc2):
                return (int.from_bytes(data[position + 7:position + 9], "big"),
                        int.from_bytes(data[position + 5:position + 7], "big"))
            position += 2 + size
        self.fail("no size in the JPEG")
        return None

    def test_now_and_then(self):
        camera = self.simcam(f"cam/main {media('h264-aac.mp4')}", f"hevc/main {media('h265-aac.mp4')}",
                             f"mjpeg/main {media('mjpeg.mov')}", f"b/main {media('h264-b.mp4')}")
        server = self.nvr()
        for name in ("cam", "hevc", "mjpeg", "b"):
            self.add_camera(server, name, camera.url(f"{name}/main"))
        for name in ("cam", "hevc", "mjpeg", "b"):
            with self.subTest(name):
                self.wait_status(server, name)
                item = self.wait_recordings(server, name, 2)[0]
                started = time.monotonic()
                now = server.api.request("GET", f"/api/v1/cameras/{name}/snapshot")
                elapsed = time.monotonic() - started
                self.assertEqual((now.status, now.headers["Content-Type"]), (200, "image/jpeg"))
                self.assertEqual(self.size_of(now.body), (640, 360))
                self.assertLess(abs(int(now.headers["X-Timestamp"]) - time.time() * 1000), 4000)
                print(f"snapshot of {name}: {elapsed * 1000:.0f} ms")
                at = item["start"] + 1200
                then = server.api.request("GET", f"/api/v1/cameras/{name}/snapshot?at={at}&width=320")
                self.assertEqual(then.status, 200, then.body[:300])
                self.assertEqual(self.size_of(then.body), (320, 180))
                self.assertLess(abs(int(then.headers["X-Timestamp"]) - at), 300)

    def test_errors(self):
        server = self.nvr()
        self.add_camera(server, "off", f"rtsp://127.0.0.1:{harness.free_port()}/x")
        answer = server.api.request("GET", "/api/v1/cameras/off/snapshot")
        self.assertEqual((answer.status, answer.error_code()), (503, "camera_offline"))
        answer = server.api.request("GET", "/api/v1/cameras/off/snapshot?at=1000")
        self.assertEqual((answer.status, answer.error_code()), (404, "no_recording"))
        answer = server.api.request("GET", "/api/v1/cameras/nobody/snapshot")
        self.assertEqual(answer.status, 404)
        answer = server.api.request("GET", "/api/v1/cameras/off/snapshot?width=abc")
        self.assertEqual(answer.status, 400)
