"""The API's manners: errors, limits, methods, types; the OpenAPI document against the server."""
import http.client
import json
import re
import socket

import harness
from harness import media, wait_until

JSON = {"Content-Type": "application/json"}


class Errors(harness.TestCase):

    def check(self, answer, status, code):
        self.assertEqual(answer.status, status, answer.body[:300])
        body = answer.json()
        self.assertEqual(body["error"]["code"], code)
        self.assertTrue(body["error"]["message"])
        self.assertTrue(body["request_id"])
        self.assertEqual(answer.headers["X-Request-Id"], body["request_id"])

    def test_errors(self):
        server = self.nvr()
        request = server.api.request
        self.check(request("GET", "/api/v1/cameras/nobody"), 404, "not_found")
        self.check(request("GET", "/api/v1/nothing"), 404, "not_found")
        self.check(request("DELETE", "/api/v1/cameras"), 405, "method_not_allowed")
        self.assertIn("GET", request("DELETE", "/api/v1/cameras").headers["Allow"])
        self.check(request("GET", "/api/v1/cameras", headers={"Accept": "image/png"}), 406,
                   "not_acceptable")
        self.check(request("POST", "/api/v1/cameras", b"{" + b" " * 2_000_000 + b"}"), 413,
                   "payload_too_large")
        self.check(request("POST", "/api/v1/cameras", b"<a/>", {"Content-Type": "text/xml"}), 415,
                   "unsupported_media_type")
        self.check(request("POST", "/api/v1/cameras", b"{nonsense"), 400, "bad_request")
        self.check(request("POST", "/api/v1/cameras", b'{"a":1,"a":2}'), 400, "bad_request")
        self.check(request("POST", "/api/v1/cameras", b"[" * 5000 + b"]" * 5000), 400, "bad_request")
        self.check(request("POST", "/api/v1/cameras", b'{"name":"\xff\xfe"}'), 400, "bad_request")
        self.check(request("GET", "/api/v1/recordings?limit=many"), 400, "bad_request")
        self.check(request("GET", "/api/v1/recordings?start=yesterday"), 400, "bad_request")
        self.check(request("GET", "/api/v1/recordings?cursor=%ff%fe"), 400, "bad_request")
        self.check(request("GET", "/api/v1/recordings/%2e%2e%2f%2e%2e%2fetc%2fpasswd"), 404,
                   "not_found")
        for url in ("rtsp://a%ff:b@h/x", "rtsp://a:b%ff@h/x"):  # credentials that are not UTF-8
            for path, body in (("", {"name": "x", "stream": {"url": url}}), ("/probe", {"url": url})):
                answer = request("POST", "/api/v1/cameras" + path, body)
                self.check(answer, 422, "validation_failed")
                self.assertTrue(answer.json()["error"]["fields"][0]["field"].endswith("url"))
                self.assertNotIn("%ff", answer.body.decode())
        self.check(request("GET", "/health", headers={"Cookie": "a" * 20000}), 431,
                   "headers_too_large")
        answer = request("POST", "/api/v1/cameras", {  # a form shows all that is wrong at once
            "name": "", "stream": {"url": "gopher://x"}, "recording": {"segment_seconds": 1000}})
        self.check(answer, 422, "validation_failed")
        fields = [field["field"] for field in answer.json()["error"]["fields"]]
        self.assertEqual(sorted(fields), ["name", "recording.segment_seconds", "stream.url"])

    def test_request_id_is_kept(self):
        server = self.nvr()
        answer = server.api.request("GET", "/health", headers={"X-Request-Id": "abc-123-xyz"})
        self.assertEqual(answer.headers["X-Request-Id"], "abc-123-xyz")

    def test_camera_life(self):
        camera = self.simcam(f"cam/main {media('h264.mp4')}")
        server = self.nvr()
        api = server.api
        created = api.request("POST", "/api/v1/cameras", {
            "name": "Front Door", "stream": {"url": camera.url("cam/main", "u:p w")},
            "recording": {"segment_seconds": 2}})
        if created.status == 422:  # a blank in a URL
            created = api.request("POST", "/api/v1/cameras", {
                "name": "Front Door", "stream": {"url": camera.url("cam/main", "u:p")},
                "recording": {"segment_seconds": 2}})
        self.assertEqual(created.status, 201, created.body)
        item = created.json()
        self.assertEqual(item["id"], "front-door")
        self.assertEqual(item["stream"]["url"], camera.url("cam/main"))
        self.assertEqual((item["stream"]["username"], item["stream"]["has_password"]), ("u", True))
        self.assertNotIn("password", item["stream"])
        again = api.request("POST", "/api/v1/cameras", {"id": "front-door", "name": "x",
                                                        "stream": {"url": "rtsp://h/x"}})
        self.assertEqual((again.status, again.error_code()), (409, "conflict"))
        self.wait_recordings(server, "front-door", 1)
        stopped = api.request("POST", "/api/v1/cameras/front-door/stop", {})
        self.assertEqual(stopped.status, 202)
        harness.wait_until(lambda: camera.stats("cam/main")["clients"] == 0)
        self.assertTrue(api.camera("front-door")["stopped"])
        self.assertEqual(api.request("POST", "/api/v1/cameras/front-door/start", {}).status, 202)
        self.wait_status(server, "front-door")
        plays = camera.stats("cam/main")["plays"]
        self.assertEqual(api.request("POST", "/api/v1/cameras/front-door/restart", {}).status, 202)
        harness.wait_until(lambda: camera.stats("cam/main")["plays"] > plays)
        put = api.call("PUT", "/api/v1/cameras/front-door", {
            "name": "Gate", "enabled": False, "stream": {"url": camera.url("cam/main")}})
        self.assertEqual((put["name"], put["enabled"]), ("Gate", False))
        harness.wait_until(lambda: camera.stats("cam/main")["clients"] == 0)
        self.assertEqual([c["id"] for c in api.get("/api/v1/cameras")["items"]], ["front-door"])
        gone = api.request("DELETE", "/api/v1/cameras/front-door?recordings=delete")
        self.assertEqual((gone.status, gone.body), (204, b""))
        self.assertEqual(api.request("GET", "/api/v1/cameras/front-door").status, 404)
        harness.wait_until(lambda: not server.segment_files("front-door"), what="the files go")

    def test_health_status_workers(self):
        camera = self.simcam(f"cam/main {media('h264.mp4')}")
        server = self.nvr()
        self.add_camera(server, "cam", camera.url("cam/main"))
        self.wait_status(server, "cam")
        health = server.api.get("/health")
        self.assertEqual(health["status"], "ok", health)
        self.assertEqual(set(health["checks"]) & {"database", "storage", "config", "workers"},
                         {"database", "storage", "config", "workers"})
        status = server.api.get("/status")
        self.assertEqual((status["cameras"]["total"], status["cameras"]["online"]), (1, 1))
        workers = server.api.get("/workers")["items"]
        worker = [w for w in workers if w["pid"] == server.api.camera("cam")["worker"]["pid"]][0]
        one = server.api.get(f"/workers/{worker['id']}")
        self.assertEqual((one["state"], one["pid"]), ("running", worker["pid"]))
        self.assertEqual(server.api.request("GET", "/workers/none").status, 404)
        sandbox = one["sandbox"]
        print("sandbox:", json.dumps(sandbox))
        with open(f"/proc/{worker['pid']}/status", encoding="ascii") as file:
            text = file.read()
        self.assertIn("NoNewPrivs:\t1", text)
        if sandbox["seccomp"]:
            self.assertIn("Seccomp:\t2", text)
        logs = server.api.get("/api/v1/system/logs?limit=50")["items"]
        self.assertTrue(logs and all("message" in record for record in logs))

    def test_page_is_served(self):
        server = self.nvr()
        answer = server.api.request("GET", "/", headers={"Accept": "text/html"})
        if answer.status == 404:
            self.skipTest("the web files are not built")
        self.assertIn("text/html", answer.headers["Content-Type"])
        deep = server.api.request("GET", "/cameras/x", headers={"Accept": "text/html"})
        self.assertEqual(deep.status, 200)
        outside = server.api.request("GET", "/%2e%2e/%2e%2e/etc/passwd")
        self.assertNotIn(b"root:", outside.body)


class Wire(harness.TestCase):
    """Clients that speak bad HTTP."""

    def raw(self, server, data, seconds=15):
        with socket.create_connection(("127.0.0.1", server.port), timeout=seconds) as peer:
            peer.sendall(data)
            answer = b""
            try:
                while len(answer) < 65536:
                    part = peer.recv(65536)
                    if not part:
                        break
                    answer += part
            except TimeoutError:
                return answer + b"<open>"
            except ConnectionError:
                pass
            return answer

    def test_nonsense(self):
        server = self.nvr()
        for data in (b"\x00" * 200 + b"\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"G" * 100000,
                     b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 5000 + b"\r\n",
                     b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 100000 + b"\r\n\r\n",
                     b"POST /api/v1/cameras HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n{}",
                     b"POST /api/v1/cameras HTTP/1.1\r\nHost: x\r\nContent-Length: "
                     b"99999999999999999999\r\n\r\n{}",
                     b"GET /" + b"%" * 3000 + b" HTTP/1.1\r\nHost: x\r\n\r\n"):
            answer = self.raw(server, data, 3)
            self.assertFalse(answer.startswith(b"HTTP/1.1 200"), data[:60])
            self.assertEqual(server.api.request("GET", "/health").status, 200)

    def test_slow_request_ends(self):
        """Half a request does not hold a connection for ever."""
        server = self.nvr()
        answer = self.raw(server, b"GET /health HTTP/1.1\r\nHost: x\r\n", 45)
        self.assertFalse(answer.endswith(b"<open>"))

    def test_keep_alive_and_many_connections(self):
        server = self.nvr()
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        for _ in range(20):
            connection.request("GET", "/health")
            answer = connection.getresponse()
            answer.read()
            self.assertEqual(answer.status, 200)
        idle = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(200)]
        self.assertEqual(server.api.request("GET", "/health").status, 200)
        for peer in idle:
            peer.close()

    def test_only_the_local_address(self):
        server = self.nvr()
        with open("/proc/net/tcp", encoding="ascii") as file:
            lines = [line.split()[1] for line in file.readlines()[1:] if line.split()[3] == "0A"]
        port = f"{server.port:04X}"
        self.assertEqual([a for a in lines if a.endswith(":" + port)], [f"0100007F:{port}"])


class OpenApi(harness.TestCase):
    """Every documented operation exists and answers as documented."""

    def resolve(self, schema):
        while "$ref" in schema:
            node = self.document
            for part in schema["$ref"].lstrip("#/").split("/"):
                node = node[part]
            schema = node
        return schema

    def validate(self, value, schema, path="$"):
        """The parts of JSON Schema that the document uses. List of findings."""
        schema = self.resolve(schema)
        for word in ("oneOf", "anyOf"):
            if word in schema:
                results = [self.validate(value, option, path) for option in schema[word]]
                return [] if any(not r for r in results) else [f"{path}: fits no {word}: {value!r:.80}"]
        found = []
        for option in schema.get("allOf", ()):
            found += self.validate(value, option, path)
        types = schema.get("type")
        if types:
            types = [types] if isinstance(types, str) else types
            kinds = {"object": dict, "array": list, "string": str, "boolean": bool,
                     "null": type(None)}
            fits = any(
                (t == "integer" and isinstance(value, int) and not isinstance(value, bool)) or
                (t == "number" and isinstance(value, (int, float)) and not isinstance(value, bool)) or
                (t in kinds and isinstance(value, kinds[t])) for t in types)
            if not fits:
                return [f"{path}: {value!r:.80} is not {types}"]
        if "enum" in schema and value not in schema["enum"]:
            found.append(f"{path}: {value!r:.80} is none of {schema['enum']}")
        if isinstance(value, dict):
            found += [f"{path}: no {name}" for name in schema.get("required", ()) if name not in value]
            for name, part in value.items():
                if name in schema.get("properties", {}):
                    found += self.validate(part, schema["properties"][name], f"{path}.{name}")
        if isinstance(value, list) and "items" in schema:
            for index, part in enumerate(value):
                found += self.validate(part, schema["items"], f"{path}[{index}]")
        return found

    def test_document_and_server_agree(self):
        camera = self.simcam(f"cam/main {media('h264-aac.mp4')}")
        server = self.nvr()
        self.add_camera(server, "cam", camera.url("cam/main"))
        recording = self.wait_recordings(server, "cam", 1)[0]
        self.document = server.api.get("/api/openapi.json")
        self.assertTrue(self.document["openapi"].startswith("3.1"))
        job = server.api.post("/api/v1/exports", {"items": [
            {"camera": "cam", "start": recording["start"], "end": recording["end"]}]})["id"]
        wait_until(lambda: server.api.get(f"/api/v1/jobs/{job}")["state"] == "done", what="the export")
        ids = {"/recordings/": recording["id"], "/exports/": job, "/jobs/": job,
               "/workers/": server.api.get("/workers")["items"][0]["id"]}
        problems = []
        operations = 0
        for path, methods in self.document["paths"].items():
            for method, operation in methods.items():
                if method not in ("get", "put", "post", "patch", "delete"):
                    continue
                operations += 1
                problems += self.check_operation(server, path, method, operation, recording, ids)
        self.assertEqual(problems, [])
        self.assertGreater(operations, 25)

    def fill(self, path, recording, ids):
        for prefix, value in ids.items():
            if prefix in path and "{camera}" not in path:
                path = re.sub(r"\{[a-z_]+\}", value, path)
        path = re.sub(r"\{[a-z_]+\}", "cam", path.replace("{section}", "storage").replace("{tier}", "warm"))
        if re.search(r"timeline|coverage|playback|preview|/gaps|recordings/download", path):
            camera = "" if re.search(r"playback|preview", path) else "camera=cam&"
            path += f"?{camera}start={recording['start']}&end={recording['end'] + 1}"
        return path

    def check_operation(self, server, path, method, operation, recording, ids):
        if method == "delete":
            url = "/api/v1/cameras/nobody"  # exists, removes nothing
        else:
            url = self.fill(path, recording, ids)
        body = None
        if method in ("post", "put", "patch"):
            body = {} if path.endswith(("/start", "/stop", "/restart")) else {"name": "Cam"}
            if path.endswith("/stop"):
                url = url.replace("/cam/", "/nobody/")
        answer = server.api.request(method.upper(), url, body)
        name = f"{method.upper()} {url}: {answer.status}"
        problems = []
        if answer.status == 405 or (answer.status == 404 and "nobody" not in url):
            problems.append(name + " is not there")
        responses = operation["responses"]
        if str(answer.status) not in responses and "default" not in responses:
            problems.append(name + " is not documented")
        described = self.resolve(responses.get(str(answer.status), {}))
        content = described.get("content", {})
        if answer.body and "application/json" in content and "schema" in content["application/json"]:
            problems += [f"{name} {finding}" for finding in
                         self.validate(answer.json(), content["application/json"]["schema"])]
        return problems
