"""RTSP inside HTTP and inside TLS: what our own client leaves to libavformat."""
import base64
import os
import socket
import ssl
import subprocess
import threading

import harness
from harness import media


def pump(source, sink, decode=False):
    """Bytes from one socket to the other until either ends; decode: base64, in whole quartets."""
    rest = b""
    try:
        while data := source.recv(65536):
            if decode:
                rest += data.replace(b"\r", b"").replace(b"\n", b"")
                usable = len(rest) // 4 * 4
                data, rest = base64.b64decode(rest[:usable]), rest[usable:]
            sink.sendall(data)
    except OSError:
        pass
    for end in (source, sink):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def read_head(connection):
    head = b""
    while b"\r\n\r\n" not in head:
        data = connection.recv(4096)
        if not data:
            raise OSError("no request")
        head += data
    head, rest = head.split(b"\r\n\r\n", 1)
    return head.decode("latin-1"), rest


class Tunnel:
    """Apple's RTSP over HTTP: answers come by a GET, requests go in base64 by a POST."""

    def __init__(self, target):
        self.target, self.upstream, self.lock = target, {}, threading.Lock()
        self.server = harness.RawServer(self.serve)
        self.port = self.server.port

    def serve(self, connection):
        try:
            head, rest = read_head(connection)
            cookie = next(line.split(":", 1)[1].strip() for line in head.split("\r\n")
                          if line.lower().startswith("x-sessioncookie:"))
            if head.startswith("GET "):
                upstream = socket.create_connection(("127.0.0.1", self.target))
                with self.lock:
                    self.upstream[cookie] = upstream
                connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Type: application/x-rtsp-tunnelled\r\n\r\n")
                pump(upstream, connection)
            else:
                with self.lock:
                    upstream = self.upstream[cookie]
                upstream.sendall(base64.b64decode(rest))
                pump(connection, upstream, decode=True)
        except (OSError, StopIteration, KeyError):
            pass


class Tls:
    """TLS in front of a camera."""

    def __init__(self, target, folder):
        key, certificate = os.path.join(folder, "key.pem"), os.path.join(folder, "certificate.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1",
                        "-subj", "/CN=127.0.0.1", "-keyout", key, "-out", certificate],
                       check=True, capture_output=True, timeout=30)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate, key)
        self.target = target
        self.server = harness.RawServer(self.serve)
        self.port = self.server.port

    def serve(self, connection):
        try:
            inside = self.context.wrap_socket(connection, server_side=True)
            upstream = socket.create_connection(("127.0.0.1", self.target))
        except OSError:
            return
        threading.Thread(target=pump, args=(upstream, inside), daemon=True).start()
        pump(inside, upstream)


class Tunnels(harness.TestCase):
    def check(self, url, transport):
        server = self.nvr()
        answer, _ = server.api.probe(url=url, transport=transport)
        self.assertTrue(answer["ok"], answer)
        self.assertEqual(answer["protocol"], "libavformat")
        self.add_camera(server, "cam", url, transport=transport)
        item = self.wait_status(server, "cam")
        harness.wait_until(lambda: server.api.camera("cam")["main"]["protocol"] == "libavformat")
        self.wait_recordings(server, "cam", 1)
        self.assert_plays(server.segment_files("cam")[0])
        self.assertIsNone(item["error"])

    def test_rtsp_over_http(self):
        camera = self.simcam(f"cam/main {media('h264-aac.mp4')}")
        tunnel = Tunnel(camera.port)
        self.addCleanup(tunnel.server.stop)
        self.check(f"rtsp://127.0.0.1:{tunnel.port}/cam/main", "http")

    def test_rtsps(self):
        camera = self.simcam(f"cam/main {media('h264-aac.mp4')}")
        tls = Tls(camera.port, self.folder)
        self.addCleanup(tls.server.stop)
        self.check(f"rtsps://127.0.0.1:{tls.port}/cam/main", "tcp")

    def test_no_tunnel_there(self):
        """A camera that speaks no HTTP: words, not silence."""
        camera = self.simcam(f"cam/main {media('h264-aac.mp4')}")
        server = self.nvr()
        answer, _ = server.api.probe(url=camera.url("cam/main"), transport="http")
        self.assertFalse(answer["ok"])
        self.assertTrue(answer["error"]["message"])
        print("no tunnel:", answer["error"])
