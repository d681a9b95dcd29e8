"""Real processes for the integration tests: nvr, simulated cameras, an API client.

Waiting is always for something, with a deadline (wait_until); nothing sleeps and hopes.
"""
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request
import uuid

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, os.environ.get("NVR_BUILD", "build"))
BIN = os.path.join(BUILD, "bin")
MEDIA = os.path.join(BUILD, "testmedia")
POLL_S = 0.05
# What a sanitizer says in any process' log fails the test (build-asan; other builds never say it).
SANITIZER = re.compile(r"ERROR: (Address|Leak|Thread)Sanitizer|LeakSanitizer|runtime error:")
# Machines of tests are busy: bounds that a test is not about are generous.
PATIENCE_S = float(os.environ.get("HERON_TEST_PATIENCE", "30"))


def media(name):
    return os.path.join(MEDIA, name)


def ensure_media():
    script = os.path.join(ROOT, "tests", "simcam", "mkmedia.sh")
    subprocess.run([script, MEDIA, "test"], check=True, timeout=300)


def share_built():
    """The page and the demo's clips are made once, for the build that people run: others link to them."""
    for name in ("web", "demo"):
        made, here = os.path.join(ROOT, "build", name), os.path.join(BUILD, name)
        if os.path.isdir(made) and not os.path.lexists(here):
            os.symlink(made, here)


def wait_until(predicate, seconds=PATIENCE_S, what=None):
    """The first true value of predicate; AssertionError after the deadline."""
    deadline = time.monotonic() + seconds
    last = None
    while True:
        try:
            last = predicate()
            if last:
                return last
        except (AssertionError, OSError, ApiError, KeyError, IndexError, TypeError) as error:
            last = error
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what or predicate}; last: {last!r:.600}")
        time.sleep(POLL_S)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def read_text(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except FileNotFoundError:
        return ""


def remove(path):
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass


def stat_of(pid):
    """Parent and state of a process; None when it is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rsplit(b")", 1)[1].split()
        return int(fields[1]), fields[0].decode()
    except OSError:
        return None


def processes_with(marker):
    """Pids whose environment holds marker, and all their descendants: the zygote gets a clean environment."""
    living = {}
    found = set()
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) == os.getpid():
            continue
        stat = stat_of(name)
        if not stat or stat[1] == "Z":
            continue
        living[int(name)] = stat[0]
        try:
            with open(f"/proc/{name}/environ", "rb") as file:
                if marker.encode() in file.read():
                    found.add(int(name))
        except OSError:
            continue
    while True:
        more = {pid for pid, parent in living.items() if parent in found} - found
        if not more:
            return sorted(found)
        found |= more


def kill(pid, number=signal.SIGKILL):
    try:
        os.kill(pid, number)
        return True
    except ProcessLookupError:
        return False


class ApiError(Exception):
    def __init__(self, status, body):
        super().__init__(f"{status} {body!r:.300}")
        self.status, self.body = status, body


class Response:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)

    def error_code(self):
        return self.json()["error"]["code"]


class Api:
    """The REST API over urllib. get/post/… answer the JSON and raise ApiError; request() does not."""

    def __init__(self, port):
        self.port = port
        self.base = f"http://127.0.0.1:{port}"

    def request(self, method, path, body=None, headers=None, timeout=PATIENCE_S):
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data=data, method=method)
        if data is not None:
            request.add_header("Content-Type", "application/json")
        for name, value in (headers or {}).items():
            request.add_header(name, value)
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                return Response(answer.status, answer.headers, answer.read())
        except urllib.error.HTTPError as error:
            return Response(error.code, error.headers, error.read())

    def call(self, method, path, body=None, expect=None):
        answer = self.request(method, path, body)
        wanted = expect or (200, 201, 202, 204, 206)
        if answer.status not in wanted:
            raise ApiError(answer.status, answer.body)
        return answer.json() if answer.body else None

    def get(self, path):
        return self.call("GET", path)

    def post(self, path, body=None):
        return self.call("POST", path, {} if body is None else body)

    def patch(self, path, body):
        return self.call("PATCH", path, body)

    def delete(self, path):
        return self.call("DELETE", path)

    # -- what tests ask for again and again

    def camera(self, camera_id):
        return self.get(f"/api/v1/cameras/{camera_id}")

    def recordings(self, camera_id, **query):
        """All of them, page by page, oldest first."""
        items, cursor = [], None
        while True:
            arguments = {"camera": camera_id, "limit": 500, **query}
            if cursor:
                arguments["cursor"] = cursor
            page = self.get("/api/v1/recordings?" + urllib.parse.urlencode(arguments))
            items += page["items"]
            cursor = page["next"]
            if not cursor:
                return sorted(items, key=lambda item: item["start"])

    def probe(self, **body):
        started = time.monotonic()
        answer = self.request("POST", "/api/v1/cameras/probe", body)
        return answer.json(), time.monotonic() - started


class Simcam:
    """simcam with these mounts; set() and drop() change it while it runs."""

    def __init__(self, *mounts, port=0, options=()):
        number, self.log_path = tempfile.mkstemp(prefix="simcam-", suffix=".log")
        self.log = open(number, "w", encoding="utf-8")
        self.kept = None
        command = [os.path.join(BIN, "simcam"), "-v", "-p", str(port), "-H", "0", "-D", MEDIA,
                   *options, *mounts]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.log, text=True)
        self.port = self._read_port("listening on")
        self.http_port = self._read_port("http on")

    def _read_port(self, words):
        line = self.process.stdout.readline()
        match = re.search(words + r" [\d.]+:(\d+)", line)
        if not match:
            raise AssertionError(f"simcam did not start: {line!r} {read_text(self.log_path)}")
        return int(match.group(1))

    def url(self, path, credentials=None):
        at = credentials + "@" if credentials else ""
        return f"rtsp://{at}127.0.0.1:{self.port}/{path}"

    def http_url(self, path):
        return f"http://127.0.0.1:{self.http_port}/{path}"

    def _get(self, path):
        with urllib.request.urlopen(self.http_url(path), timeout=5) as answer:
            return answer.read()

    def stats(self, mount=None):
        stats = json.loads(self._get("stats"))
        return stats["mounts"][mount] if mount else stats

    def set(self, mount, option):
        self._get(f"set?{mount}&{option}")

    def drop(self, mount):
        self._get(f"drop?{mount}")

    def stop(self):
        self.process.kill()
        self.process.wait(10)
        self.process.stdout.close()
        self.log.close()
        self.kept = self.text() if self.kept is None else self.kept
        remove(self.log_path)

    def text(self):
        """What it said; what is left of it when it is stopped."""
        return read_text(self.log_path) if self.kept is None else self.kept


class Nvr:
    """`nvr serve` on a folder of its own."""

    def __init__(self, folder, config=None, environment=None):
        self.folder = folder
        self.data = os.path.join(folder, "data")
        self.config = os.path.join(folder, "config.yaml")
        self.log_path = os.path.join(folder, "nvr.log")
        self.marker = "HERON_TEST_ID=" + uuid.uuid4().hex
        self.environment = environment or {}
        self.process = None
        self.port = free_port()
        self.api = Api(self.port)
        os.makedirs(self.data, exist_ok=True)
        self.write_config('version: "1.0"\n' if config is None else config)  # none: the demo

    @property
    def recordings_dir(self):
        return os.path.join(self.data, "recordings")

    @property
    def database(self):
        names = [name for name in os.listdir(self.data) if name.endswith((".db", ".sqlite"))]
        return os.path.join(self.data, names[0])

    def write_config(self, text):
        with open(self.config + ".new", "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(self.config + ".new", self.config)

    def command(self, port=None):
        return [os.path.join(BIN, "nvr"), "serve", "--config", self.config, "--data", self.data,
                "--listen", f"127.0.0.1:{port or self.port}"]

    def full_environment(self):
        name, value = self.marker.split("=")
        return {**os.environ, **self.environment, name: value}

    def spawn(self):
        with open(self.log_path, "a", encoding="utf-8") as log:
            self.process = subprocess.Popen(self.command(), stdout=log, stderr=log,
                                            stdin=subprocess.DEVNULL, env=self.full_environment())

    def start(self):
        self.spawn()
        wait_until(self._is_up, what="the server's answer")
        return self

    def _is_up(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"nvr ended with {self.process.returncode}:\n{self.text()[-3000:]}")
        return self.api.request("GET", "/api/v1/system/info", timeout=2).status == 200

    def terminate(self, seconds=15):
        self.process.terminate()
        return self.process.wait(seconds)

    def kill(self):
        """The core only, as the out-of-memory killer would."""
        self.process.kill()
        self.process.wait(10)

    def processes(self):
        return processes_with(self.marker)

    def clean_up(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(10)
        for pid in self.processes():
            kill(pid)

    def text(self):
        return read_text(self.log_path)

    def segment_files(self, camera_id=""):
        found = []
        top = os.path.join(self.recordings_dir, camera_id)
        for folder, _, names in os.walk(top):
            found += [os.path.join(folder, name) for name in names if name.endswith(".mp4")]
        return sorted(found)


class TestCase(unittest.TestCase):
    """Folder, processes and logs of one test."""

    longMessage = True
    maxDiff = None

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="heron-test-")
        self.logs = []
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def run(self, result=None):
        before = len(result.failures) + len(result.errors) if result else 0
        super().run(result)
        if result and len(result.failures) + len(result.errors) > before:
            for name, text in getattr(self, "logs", []):
                print(f"---- {self.id()}: {name}\n{text()[-6000:]}", flush=True)

    def assert_no_report(self, name, text):
        found = SANITIZER.search(text)
        if found:
            self.fail(f"a sanitizer's report in the log of {name}:\n"
                      f"{text[max(0, found.start() - 300):found.start() + 6000]}")

    def simcam(self, *mounts, **options):
        camera = Simcam(*mounts, **options)
        self.addCleanup(lambda: self.assert_no_report("simcam", camera.text()))
        self.addCleanup(camera.stop)
        self.logs.append(("simcam", camera.text))
        return camera

    def nvr(self, config=None, start=True, **options):
        server = Nvr(tempfile.mkdtemp(dir=self.folder), config, **options)
        self.addCleanup(self._keep_log, server)
        self.addCleanup(server.clean_up)
        if start:
            server.start()
        return server

    def _keep_log(self, server):
        text = server.text()
        self.logs.append(("nvr", lambda: text))
        self.assert_no_report("nvr", text)

    def add_camera(self, server, camera_id, url, **stream):
        """A camera with short segments; recording={…} and other top-level keys go through `extra`."""
        extra = stream.pop("extra", {})
        recording = {"enabled": True, "mode": "continuous", "segment_seconds": 2,
                     **extra.pop("recording", {})}
        body = {"id": camera_id, "name": extra.pop("name", camera_id), "enabled": True,
                "stream": {"url": url, **stream}, "recording": recording, **extra}
        return server.api.post("/api/v1/cameras", body)

    def wait_status(self, server, camera_id, status="online", seconds=PATIENCE_S):
        def reached():
            item = server.api.camera(camera_id)
            assert item["status"] == status, (item["status"], item["error_code"], item["error"])
            return item
        return wait_until(reached, seconds, f"{camera_id} {status}")

    def wait_error(self, server, camera_id, codes, seconds=PATIENCE_S):
        def reached():
            item = server.api.camera(camera_id)
            assert item["error_code"] in codes, (item["status"], item["error_code"], item["error"])
            return item
        return wait_until(reached, seconds, f"{camera_id} {codes}")

    def wait_recordings(self, server, camera_id, count, seconds=PATIENCE_S):
        def reached():
            items = server.api.recordings(camera_id)
            return items if len(items) >= count else None
        return wait_until(reached, seconds, f"{count} recordings of {camera_id}")

    def assert_plays(self, source, *options):
        """ffmpeg decodes every frame of it without a word."""
        answer = subprocess.run(["ffmpeg", "-nostdin", "-v", "error", *options, "-i", source,
                                 # as they are: rounding to a frame rate would make equal times
                                 "-fps_mode", "passthrough", "-enc_time_base", "-1",
                                 "-f", "null", "-"], capture_output=True, text=True, timeout=60,
                                check=False)
        self.assertEqual((answer.returncode, answer.stderr[:2000]), (0, ""), source)

    def probe_file(self, source):
        answer = subprocess.run(["ffprobe", "-v", "error", "-count_packets", "-show_streams",
                                 "-show_format", "-of", "json", source], capture_output=True,
                                text=True, timeout=60, check=False)
        self.assertEqual((answer.returncode, answer.stderr[:2000]), (0, ""), source)
        return json.loads(answer.stdout)


class RawServer:
    """A TCP server that answers every connection by a function (socket) in a thread."""

    def __init__(self, handler):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.handler = handler
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        while True:
            try:
                peer, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self._handle, args=(peer,), daemon=True).start()

    def _handle(self, peer):
        with peer:
            try:
                peer.settimeout(20)
                self.handler(peer)
            except OSError:
                pass

    def stop(self):
        self.socket.close()


class BlackHole:
    """Connections to it neither succeed nor fail: the backlog is full."""

    def __init__(self):
        self.socket = socket.socket()
        self.socket.bind(("127.0.0.1", 0))
        self.socket.listen(0)
        self.port = self.socket.getsockname()[1]
        self.fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", self.port))
            self.fillers.append(filler)

    def stop(self):
        for filler in self.fillers:
            filler.close()
        self.socket.close()


