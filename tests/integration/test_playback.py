"""HLS playback of a range: the playlist's byte ranges are decodable, gaps and changes are told."""
import os
import re

import harness
import mp4
from harness import media


class Entry:
    def __init__(self, url, start, length, init, duration, discontinuity, date):
        self.url, self.start, self.length = url, start, length
        self.init, self.duration = init, duration
        self.discontinuity, self.date = discontinuity, date


def parse_playlist(text):
    """Entries of a VOD playlist; init is (url, start, length)."""
    entries, init, date, duration, discontinuity = [], None, None, None, False
    length, start, next_start = None, None, {}
    for line in text.splitlines():
        if line.startswith("#EXT-X-MAP:"):
            uri = re.search(r'URI="([^"]+)"', line).group(1)
            span = re.search(r'BYTERANGE="(\d+)@(\d+)"', line)
            init = (uri, int(span.group(2)), int(span.group(1))) if span else (uri, 0, None)
        elif line.startswith("#EXT-X-PROGRAM-DATE-TIME:"):
            date = line.split(":", 1)[1]
        elif line.startswith("#EXT-X-DISCONTINUITY") and "SEQUENCE" not in line:
            discontinuity = True
        elif line.startswith("#EXTINF:"):
            duration = float(line[8:].split(",")[0])
        elif line.startswith("#EXT-X-BYTERANGE:"):
            span = line.split(":", 1)[1].split("@")
            length, start = int(span[0]), int(span[1]) if len(span) > 1 else None
        elif line and not line.startswith("#"):
            if length is not None and start is None:
                start = next_start.get(line, 0)
            entries.append(Entry(line, start, length, init, duration, discontinuity, date))
            if length is not None:
                next_start[line] = start + length
            duration, length, start, discontinuity, date = None, None, None, False, None
    return entries


class Playback(harness.TestCase):
    def playlist(self, server, camera_id, start, end):
        path = f"/api/v1/recordings/playback/{camera_id}/index.m3u8?start={start}&end={end}"
        answer = server.api.request("GET", path)
        self.assertEqual(answer.status, 200, answer.body[:300])
        self.assertIn("mpegurl", answer.headers["Content-Type"])
        text = answer.body.decode()
        self.assertTrue(text.startswith("#EXTM3U"))
        self.assertIn("#EXT-X-PLAYLIST-TYPE:VOD", text)
        self.assertIn("#EXT-X-ENDLIST", text)
        self.assertIn("#EXT-X-PROGRAM-DATE-TIME", text)
        return path, parse_playlist(text)

    def fetch(self, server, base, url, start=None, length=None):
        path = url if url.startswith("/") else os.path.normpath(os.path.join(os.path.dirname(
            base.split("?")[0]), url))
        headers = {"Range": f"bytes={start}-{start + length - 1}"} if length is not None else {}
        answer = server.api.request("GET", path, headers=headers)
        self.assertEqual(answer.status, 206 if headers else 200, path)
        if length is not None:
            self.assertEqual(len(answer.body), length)
        return answer.body

    def decode(self, init, bodies):
        path = os.path.join(self.folder, "joined.mp4")
        with open(path, "wb") as file:
            file.write(init)
            for body in bodies:
                file.write(body)
        self.assert_plays(path)

    def count_groups(self, server, items):
        groups = 0
        for item in items:
            data = server.api.request("GET", f"/api/v1/recordings/{item['id']}/media.mp4").body
            groups += len([part for part in mp4.fragments(data) if part.key])
        return groups

    def check(self, clip, segment_seconds=2):
        camera = self.simcam(f"cam/main {media(clip)}")
        server = self.nvr()
        self.add_camera(server, "cam", camera.url("cam/main"),
                        extra={"recording": {"segment_seconds": segment_seconds}})
        items = self.wait_recordings(server, "cam", 3)
        path, entries = self.playlist(server, "cam", items[0]["start"], items[-1]["end"])
        self.assertGreater(len(entries), len(items), "entries are groups of pictures")
        self.assertEqual(len(entries), self.count_groups(server, items))
        bodies = []
        for entry in entries:
            body = self.fetch(server, path, entry.url, entry.start, entry.length)
            parts = mp4.fragments(body)
            self.assertTrue(parts[0].key or (len(parts) > 1 and parts[1].key),
                            "an entry begins with a key frame")
            self.assertLessEqual(entry.duration, 3)
            bodies.append(body)
        self.assertEqual(mp4.check_times(mp4.fragments(b"".join(bodies))), [])
        init = self.fetch(server, path, *entries[0].init)
        self.assertEqual(mp4.init_size(init), len(init))
        self.decode(init, bodies)
        total = sum(entry.duration for entry in entries)
        self.assertAlmostEqual(total, (items[-1]["end"] - items[0]["start"]) / 1000, delta=1.5)
        self.assertEqual([e for e in entries[1:] if e.discontinuity], [])
        self.assert_plays(server.api.base + path)  # a player of its own accord

    def test_h264_aac(self):
        self.check("h264-aac.mp4")

    def test_b_frames(self):
        self.check("h264-b.mp4", 4)  # a key frame every 2 s

    def test_h265(self):
        self.check("h265-aac.mp4")

    def test_gap_and_size_change_are_discontinuities(self):
        camera = self.simcam(f"cam/main {media('h264.mp4')}", f"big/main {media('h264-720.mp4')}")
        server = self.nvr()
        self.add_camera(server, "cam", camera.url("cam/main"))
        self.wait_recordings(server, "cam", 1)
        server.api.post("/api/v1/cameras/cam/stop")
        harness.wait_until(lambda: camera.stats("cam/main")["clients"] == 0, what="the disconnect")
        before = len(server.api.recordings("cam"))
        server.api.patch("/api/v1/cameras/cam", {"stream": {"url": camera.url("big/main")}})
        server.api.post("/api/v1/cameras/cam/start")
        items = self.wait_recordings(server, "cam", before + 2)
        widths = {item["width"] for item in items}
        self.assertEqual(widths, {640, 1280})
        path, entries = self.playlist(server, "cam", items[0]["start"], items[-1]["end"])
        self.assertGreaterEqual(len([e for e in entries[1:] if e.discontinuity]), 1)
        inits = {self.fetch(server, path, *entry.init) for entry in entries}
        self.assertEqual(len(inits), 2)
        for init in inits:
            self.decode(init, [self.fetch(server, path, e.url, e.start, e.length) for e in entries
                               if self.fetch(server, path, *e.init) == init])

    def test_bad_ranges(self):
        server = self.nvr()
        for query, status in (("start=5&end=1", 400), ("start=x&end=1", 400), ("", 400)):
            answer = server.api.request("GET", "/api/v1/recordings/playback/none/index.m3u8?" + query)
            self.assertIn(answer.status, (status, 404), query)
