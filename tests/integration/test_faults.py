"""Cameras that misbehave: what is recorded stays good, and the others never notice."""
import os
import subprocess
import time

import harness
import mp4
from harness import media


class Faults(harness.TestCase):
    def read_fragments(self, server, camera_id):
        """Fragments of every file, oldest first; every file plays."""
        parts = []
        for path in server.segment_files(camera_id):
            self.assert_plays(path)
            with open(path, "rb") as file:
                parts.append((path, mp4.fragments(file.read())))
        return parts

    def video_times(self, parts):
        return [part.video.time for _, fragments in parts for part in fragments if part.video]

    def numbers(self, parts):
        return [number for _, fragments in parts for part in fragments for _, number in part.stamps]

    def check_times(self, parts, stopped, jump_ms=None):
        """Time only goes forward and stays near the wall clock; stopped: when the recording ended."""
        times = self.video_times(parts)
        self.assertTrue(all(b > a for a, b in zip(times, times[1:])), "times go forward")
        self.assertLess(abs(times[-1] / 90000 - stopped), 5 if jump_ms else 20)
        if jump_ms:
            steps = [(b - a) / 90 for a, b in zip(times, times[1:])]
            self.assertLess(max(steps), jump_ms)

    def test_misbehaviour_beside_a_good_camera(self):
        """Each kind of trouble in one server; the good camera misses no frame in the meantime."""
        clip, b = media("h264-aac.mp4"), media("h264-b.mp4")
        faults = {
            "drop": f"{clip} stamp drop=4:2",
            "stall": f"{clip} stall=30:12",
            "jumpf": f"{clip} stamp tsjump=4:3600:2",
            "jumpb": f"{clip} stamp tsjump=4:-5:2",
            "jitter": f"{clip} stamp jitter=60",
            "skew": f"{clip} stamp skew=2000",
            "loss": f"{b} loss=2",
            "garbage": f"{clip} garbage=3:3",
            "raw": f"{clip} rawgarbage=4",
            "change": f"{clip} alt={media('h264-720.mp4')}",
            "refuse": f"{clip} refuse",
            "silent": f"{clip} silent",
            "badsdp": f"{clip} badsdp",
            "loop": f"{clip} redirect=loop",
            "slow": f"{clip} slow=2000",
        }
        camera = self.simcam(f"good/main {clip} stamp",
                             *[f"{name}/main {what}" for name, what in faults.items()])
        server = self.nvr()
        self.add_camera(server, "good", camera.url("good/main"))
        self.wait_status(server, "good")
        for name in faults:
            self.add_camera(server, name, camera.url(f"{name}/main"),
                            extra={"advanced": {"timeout_seconds": 3}})
        for name, codes in (("refuse", ("refused", "protocol", "ended")), ("silent", ("timeout",)),
                            ("badsdp", ("protocol", "no_video", "unsupported")),
                            ("loop", ("protocol",))):
            with self.subTest(name):
                item = self.wait_error(server, name, codes)
                self.assertIn(item["status"], ("offline", "error"))
                self.assertTrue(item["error"])
        for name in ("drop", "jumpf", "jumpb", "jitter", "skew", "loss", "change"):
            with self.subTest(name):
                self.wait_recordings(server, name, 6, 60)
        for name in ("garbage", "raw"):
            with self.subTest(name):
                self.wait_recordings(server, name, 3, 60)
        drops = harness.wait_until(lambda: server.api.camera("drop")["reconnects"])
        self.assertGreaterEqual(drops, 1)
        server.terminate()
        stopped = time.time()
        for name in ("jumpf", "jumpb", "jitter", "skew"):
            with self.subTest(name):
                parts = self.read_fragments(server, name)
                numbers = self.numbers(parts)
                self.assertEqual(numbers, list(range(numbers[0], numbers[0] + len(numbers))),
                                 "no frame lost")
                self.check_times(parts, stopped, 1000)
        for name in ("drop", "garbage", "raw", "loss", "change"):
            with self.subTest(name):
                if name in ("loss", "garbage"):  # pictures may be damaged, containers not
                    for path in server.segment_files(name):
                        self.probe_file(path)
                        with open(path, "rb") as file:
                            data = file.read()
                        self.assertEqual(mp4.whole_size(data), len(data))
                else:
                    self.check_times(self.read_fragments(server, name), stopped)
        with self.subTest("good"):
            numbers = self.numbers(self.read_fragments(server, "good"))
            self.assertEqual(numbers, list(range(numbers[0], numbers[0] + len(numbers))))

    def test_size_change_makes_a_new_file(self):
        camera = self.simcam(f"cam/main {media('h264-aac.mp4')} alt={media('h264-720.mp4')}")
        server = self.nvr()
        self.add_camera(server, "cam", camera.url("cam/main"), extra={"recording": {
            "segment_seconds": 30}})
        items = self.wait_recordings(server, "cam", 3, 40)
        sizes = [(item["width"], item["height"]) for item in items]
        self.assertEqual({(640, 360), (1280, 720)}, set(sizes))
        self.assertTrue(all(a != b for a, b in zip(sizes, sizes[1:])), "one size per file")
        for path in server.segment_files("cam")[:3]:
            self.assert_plays(path)

    def test_stalled_camera_is_noticed_and_comes_back(self):
        camera = self.simcam(f"cam/main {media('h264.mp4')} stall=12:7")
        server = self.nvr()
        self.add_camera(server, "cam", camera.url("cam/main"),
                        extra={"advanced": {"timeout_seconds": 2}})
        self.wait_status(server, "cam")
        self.wait_error(server, "cam", ("timeout", "ended"))
        self.wait_status(server, "cam", seconds=45)
        history = server.api.get("/api/v1/cameras/cam/history")["items"]
        self.assertIn("online", [item["status"] for item in history])
        self.assertTrue([item for item in history if item["status"] in ("offline", "error")])

    def test_long_time_without_key_frames(self):
        """The recording goes on in one file; the viewer and the next segment wait for the key frame."""
        camera = self.simcam(f"cam/main {media('h264.mp4')} nokey=12")
        server = self.nvr()
        self.add_camera(server, "cam", camera.url("cam/main"))
        items = self.wait_recordings(server, "cam", 2, 60)
        self.assertGreater(items[1]["duration_ms"], 8000)
        with open(server.segment_files("cam")[1], "rb") as file:
            parts = mp4.fragments(file.read())
        self.assertTrue(parts[0].key)

    def test_wrong_password_is_tried_twice_at_most(self):
        """The circuit breaker: cameras lock accounts after a few wrong passwords."""
        camera = self.simcam(f"cam/main {media('h264.mp4')} auth=admin:right")
        server = self.nvr()
        self.add_camera(server, "cam", camera.url("cam/main"), username="admin", password="wrong")
        item = self.wait_error(server, "cam", ("bad_credentials",))
        self.assertEqual(item["status"], "error")
        # Longer than several back-offs of an ordinary error; what counts is that nothing comes.
        seen = camera.stats("cam/main")["auth_failures"]
        end = time.monotonic() + 8
        while time.monotonic() < end:
            self.assertLessEqual(camera.stats("cam/main")["auth_failures"], 2)
            time.sleep(0.5)
        print(f"wrong password: {seen} attempts at first, "
              f"{camera.stats('cam/main')['auth_failures']} after 8 s")
        server.api.patch("/api/v1/cameras/cam", {"stream": {"password": "right"}})
        self.wait_status(server, "cam")
        self.assertNotIn("wrong", server.text().replace("wrong password", "").replace(
            "wrong user", "").replace("wrong name", ""))

    def test_camera_that_returns(self):
        """Down at start, then there: back-off ends in a connection without help."""
        port = harness.free_port()
        server = self.nvr()
        self.add_camera(server, "cam", f"rtsp://127.0.0.1:{port}/cam/main")
        self.wait_error(server, "cam", ("refused", "unreachable"))
        self.simcam(f"cam/main {media('h264.mp4')}", port=port)
        self.wait_status(server, "cam", seconds=60)
        self.wait_recordings(server, "cam", 1)

    def test_fallback_url(self):
        camera = self.simcam(f"cam/second {media('h264.mp4')}")
        server = self.nvr()
        self.add_camera(server, "cam", camera.url("cam/first"),
                        fallback_urls=[camera.url("cam/second")])
        self.wait_status(server, "cam")

    def test_picture_without_a_size(self):
        camera = self.simcam(f"cam/main {media('mjpeg.mov')} zerosize")
        server = self.nvr()
        self.add_camera(server, "cam", camera.url("cam/main"),
                        extra={"advanced": {"timeout_seconds": 3}})
        item = self.wait_error(server, "cam", ("protocol", "unsupported", "no_video", "timeout"))
        print("picture without a size:", item["error_code"], item["error"])
        self.assertEqual(server.api.recordings("cam"), [])

    def test_huge_picture(self):
        camera = self.simcam(f"cam/main {media('8k.mp4')}")
        server = self.nvr()
        self.add_camera(server, "cam", camera.url("cam/main"))
        item = self.wait_recordings(server, "cam", 1, 40)[0]
        self.assertEqual((item["width"], item["height"]), (7680, 4320))


class Protocols(harness.TestCase):
    """What libavformat reads: HLS, FLV, JPEG over HTTP, a file in a loop."""

    def test_http_flv_mjpeg_and_file(self):
        camera = self.simcam(f"unused/main {media('h264.mp4')}")
        server = self.nvr()
        cases = {
            "flv": camera.http_url("h264-aac.flv?rate=70000"),
            "mjpeg": camera.http_url("mjpeg.mpjpeg?rate=160000"),
            "file": "file://" + media("h264-aac.mp4"),
        }
        for name, url in cases.items():
            with self.subTest(name):
                self.add_camera(server, name, url)
        for name in cases:
            with self.subTest(name):
                self.wait_recordings(server, name, 1, 40)
                self.assert_plays(server.segment_files(name)[0])

    def test_rtmp(self):
        port = harness.free_port()
        camera = subprocess.Popen(["ffmpeg", "-nostdin", "-v", "error", "-re", "-stream_loop", "-1", "-i",
                                   media("h264-aac.mp4"), "-c", "copy", "-f", "flv", "-listen", "1",
                                   f"rtmp://127.0.0.1:{port}/live/x"])
        self.addCleanup(camera.wait)
        self.addCleanup(camera.kill)
        server = self.nvr()
        self.add_camera(server, "rtmp", f"rtmp://127.0.0.1:{port}/live/x")
        self.wait_recordings(server, "rtmp", 2, 40)
        self.assert_plays(server.segment_files("rtmp")[0])

    def test_hls(self):
        folder = os.path.join(self.folder, "hls")
        os.makedirs(folder)
        maker = subprocess.Popen(["ffmpeg", "-nostdin", "-v", "error", "-re", "-stream_loop", "-1",
                                  "-i", media("h264-aac.mp4"), "-c", "copy", "-f", "hls",
                                  "-hls_time", "1", "-hls_list_size", "6", "-hls_flags",
                                  "delete_segments", os.path.join(folder, "live.m3u8")])
        self.addCleanup(maker.wait)
        self.addCleanup(maker.kill)
        playlist = os.path.join(folder, "live.m3u8")
        harness.wait_until(lambda: os.path.exists(playlist), what="the first playlist")
        camera = self.simcam(f"unused/main {media('h264.mp4')}", options=("-D", folder))
        server = self.nvr()
        self.add_camera(server, "hls", camera.http_url("live.m3u8"))
        self.wait_recordings(server, "hls", 1, 40)
        self.assert_plays(server.segment_files("hls")[0])
