"""Probe: a picture and the streams, or a clear reason in less than ten seconds, whatever is there."""
import base64
import concurrent.futures
import os

import harness
from harness import media


class Probe(harness.TestCase):
    def test_good_cameras(self):
        camera = self.simcam(f"aac/main {media('h264-aac.mp4')} auth=admin:secret",
                             f"hevc/main {media('h265-aac.mp4')}", f"mjpeg/main {media('mjpeg.mov')}",
                             f"udp/main {media('h264.mp4')} notcp",
                             f"nosprop/main {media('h264.mp4')} nosprop")
        server = self.nvr()
        cases = {
            "aac": ({"url": camera.url("aac/main"), "username": "admin", "password": "secret"},
                    "h264", "aac"),
            "inline": ({"url": camera.url("aac/main", "admin:secret")}, "h264", "aac"),
            "hevc": ({"url": camera.url("hevc/main")}, "h265", "aac"),
            "mjpeg": ({"url": camera.url("mjpeg/main")}, "mjpeg", None),
            "udp": ({"url": camera.url("udp/main"), "transport": "udp"}, "h264", None),
            "nosprop": ({"url": camera.url("nosprop/main")}, "h264", None),
        }
        for name, (body, video, audio) in cases.items():
            with self.subTest(name):
                answer, seconds = server.api.probe(**body)
                self.assertTrue(answer["ok"], answer)
                self.assertLess(answer["elapsed_ms"], 10000)
                streams = {stream["kind"]: stream for stream in answer["streams"]}
                self.assertIn(streams["video"]["codec"], (video, "hevc" if video == "h265" else video))
                self.assertEqual((streams["video"]["width"], streams["video"]["height"]), (640, 360))
                self.assertEqual(streams.get("audio", {}).get("codec"), audio)
                head, data = answer["snapshot"].split(",", 1)
                self.assertEqual(head, "data:image/jpeg;base64")
                self.assertEqual(base64.b64decode(data)[:3], b"\xff\xd8\xff")
                print(f"probe of {name}: {seconds * 1000:.0f} ms")

    def bad_cases(self, camera):
        noise = harness.RawServer(lambda peer: (peer.recv(1000), peer.sendall(os.urandom(50000))))
        hole = harness.BlackHole()
        closing = harness.RawServer(lambda peer: None)
        mute = harness.RawServer(lambda peer: peer.recv(100000) and peer.recv(100000))
        for server in (noise, hole, closing, mute):
            self.addCleanup(server.stop)
        return {
            "refused": (f"rtsp://127.0.0.1:{harness.free_port()}/x", ("refused",)),
            "black hole": (f"rtsp://127.0.0.1:{hole.port}/x", ("timeout", "unreachable")),
            "no such host": ("rtsp://no-such-host.invalid/x", ("unreachable",)),
            "silent": (f"rtsp://127.0.0.1:{mute.port}/x", ("timeout",)),
            "silent camera": (camera.url("silent/main"), ("timeout",)),
            "closes": (f"rtsp://127.0.0.1:{closing.port}/x", ("refused", "protocol", "ended")),
            "closes on request": (camera.url("refuse/main"), ("refused", "protocol", "ended")),
            "noise": (f"rtsp://127.0.0.1:{noise.port}/x", ("protocol",)),
            "wrong password": (camera.url("auth/main", "admin:wrong"), ("bad_credentials",)),
            "no password": (camera.url("auth/main"), ("bad_credentials",)),
            "wrong path": (camera.url("nothing/here"), ("not_found",)),
            "bad description": (camera.url("badsdp/main"), ("protocol", "no_video", "unsupported")),
            "not a video": (camera.url("audio/main"), ("no_video",)),
            "endless redirect": (camera.url("loop/main"), ("protocol",)),
            "garbage": (camera.url("garbage/main"), ("protocol", "timeout", "no_video")),
            "trickle": (camera.url("slow/main"), ("timeout", "protocol", "no_video")),
            "HTTP: refused": (f"http://127.0.0.1:{harness.free_port()}/x.flv", ("refused",)),
            "HTTP: not found": (camera.http_url("none.flv"), ("not_found",)),
            "HTTP: a page": (camera.http_url("text.flv"), ("protocol", "no_video", "unsupported")),
            "HTTP: garbage": (camera.http_url("garbage.flv"),
                              ("protocol", "no_video", "unsupported", "timeout")),
            "HTTP: endless redirect": (camera.http_url("redirect"), ("protocol", "not_found")),
            "HTTP: silent": (camera.http_url("silent"), ("timeout",)),
            "RTMP: noise": (f"rtmp://127.0.0.1:{noise.port}/live/x", ("protocol",)),
            "RTMP: silent": (f"rtmp://127.0.0.1:{mute.port}/live/x", ("timeout",)),
        }

    def test_bad_cameras(self):
        clip = media("h264.mp4")
        camera = self.simcam(f"silent/main {clip} silent", f"refuse/main {clip} refuse",
                             f"auth/main {clip} auth=admin:right", f"badsdp/main {clip} badsdp",
                             f"audio/main {media('h264-aac.mp4')} novideo",
                             f"loop/main {clip} redirect=loop", f"slow/main {clip} slow=40",
                             f"garbage/main {clip} garbage=0.001")
        server = self.nvr()
        cases = self.bad_cases(camera)
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            jobs = {name: pool.submit(server.api.probe, url=url) for name, (url, _) in cases.items()}
            for name, (url, codes) in cases.items():
                with self.subTest(name):
                    answer, seconds = jobs[name].result(60)
                    print(f"probe, {name}: {answer.get('error')} {seconds:.1f} s")
                    self.assertFalse(answer["ok"], answer)
                    self.assertIn(answer["error"]["code"], codes, answer["error"]["message"])
                    self.assertGreater(len(answer["error"]["message"]), 5)
                    self.assertNotIn("wrong", answer["error"]["message"].replace("wrong p", ""))
                    self.assertLess(answer["elapsed_ms"], 10000)
        self.assertEqual(camera.stats("auth/main")["auth_failures"], 1)

    def test_bad_requests(self):
        server = self.nvr()
        for body, status in (({"url": "ftp://x/y"}, 422), ({"url": "rtsp://"}, 422), ({}, 422),
                             ({"url": 5}, 422), ({"url": "rtsp://h/\x01"}, 422), ([], 400),
                             ({"id": "nobody"}, 404)):
            answer = server.api.request("POST", "/api/v1/cameras/probe", body)
            self.assertEqual(answer.status, status, body)

    def test_stored_password_is_used(self):
        camera = self.simcam(f"auth/main {media('h264.mp4')} auth=admin:right")
        server = self.nvr()
        self.add_camera(server, "cam", camera.url("auth/main"), username="admin", password="right")
        answer, _ = server.api.probe(id="cam", stream="main")
        self.assertTrue(answer["ok"], answer)
