"""A real S3 server, and a line to it that can be slow or cut."""
import os
import socket
import subprocess
import threading
import time

import harness

ACCESS, SECRET, BUCKET = "heron-test", "not-so-secret", "recordings"


def program():
    """Path of the server; raises OSError with the reason when there is none."""
    answer = subprocess.run([os.path.join(harness.ROOT, "tests", "peers", "s3-server")],
                            capture_output=True, text=True, timeout=700, check=False,
                            env={**os.environ, "HERON_PEERS": os.path.join(harness.BUILD, "peers")})
    if answer.returncode:
        raise OSError(answer.stderr.strip())
    return answer.stdout.strip()


class S3Server:
    """versitygw over a folder: objects are files there."""

    def __init__(self, folder):
        self.folder = os.path.join(folder, "s3")
        os.makedirs(os.path.join(self.folder, BUCKET), exist_ok=True)
        self.port = harness.free_port()
        self.process = None
        self.log = open(os.path.join(folder, "s3.log"), "w", encoding="utf-8")
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            [program(), "--quiet", "--access", ACCESS, "--secret", SECRET, "--port", f"127.0.0.1:{self.port}",
             "posix", self.folder], stdout=self.log, stderr=self.log)
        harness.wait_until(self._answers, 20, "the S3 server")

    def _answers(self):
        with socket.create_connection(("127.0.0.1", self.port), 1):
            return True

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def close(self):
        self.stop()
        self.log.close()

    def config(self, port=None, **changes):
        return {"enabled": True, "endpoint": f"http://127.0.0.1:{port or self.port}", "bucket": BUCKET,
                "access_key": ACCESS, "secret_key": SECRET, **changes}

    def objects(self):
        """Paths below the prefix."""
        root = os.path.join(self.folder, BUCKET, "heron")
        found = []
        for folder, _, names in os.walk(root):
            found += [os.path.relpath(os.path.join(folder, name), root) for name in names]
        return sorted(name for name in found if name.endswith(".mp4"))


class Line:
    """A TCP proxy. mode: "open", "slow" (trickles), "cut" (breaks after `after` bytes), "silent"."""

    def __init__(self, target):
        self.target, self.mode, self.after = target, "open", 200000
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.running = True
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while self.running:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._join, args=(peer,), daemon=True).start()

    def _join(self, peer):
        try:
            server = socket.create_connection(("127.0.0.1", self.target), 5)
        except OSError:
            peer.close()
            return
        for a, b in ((peer, server), (server, peer)):
            threading.Thread(target=self._pump, args=(a, b), daemon=True).start()

    def _pump(self, source, sink):
        passed = 0
        try:
            while True:
                if self.mode == "silent":
                    time.sleep(0.1)
                    continue
                data = source.recv(500 if self.mode == "slow" else 65536)
                if not data:
                    break
                if self.mode == "cut" and passed + len(data) > self.after:
                    break
                if self.mode == "slow":
                    time.sleep(0.5)
                sink.sendall(data)
                passed += len(data)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            end.close()

    def close(self):
        self.running = False
        self.listener.close()
