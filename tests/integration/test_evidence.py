"""What is kept is what was recorded: chain, scrub, findings, verify."""
import hashlib
import io
import json
import os
import sqlite3
import stat
import struct
import subprocess
import tarfile

import ed25519
import harness
from harness import media, wait_until

CONFIG = """version: "1.0"
storage:
  scrub_mb_per_second: 200
  scrub_after_hours: 0
"""
ZERO = bytes(32)


def chain_of(item, prev):
    line = f"{item['camera']} {item['seq']} {item['start']} {item['end']} {item['size']} {item['sha256']}\n"
    return hashlib.sha256(b"heron evidence 1\n" + prev + line.encode()).digest()


def verify(*arguments):
    answer = subprocess.run([os.path.join(harness.BIN, "nvr"), "verify", "--json", *arguments],
                            capture_output=True, text=True, timeout=60, check=False)
    body = json.loads(answer.stdout) if answer.stdout else None
    return answer.returncode, body["files"][0] if body else answer.stderr


class Recorded(harness.TestCase):
    def record(self, count, config=CONFIG):
        self.camera = self.simcam(f"cam/main {media('h264-aac.mp4')}")
        server = self.nvr(config)
        self.add_camera(server, "cam", self.camera.url("cam/main"))
        self.wait_recordings(server, "cam", count)
        return server

    def path_of(self, server, item):
        with sqlite3.connect(f"file:{server.database}?mode=ro", uri=True) as db:
            row = db.execute("SELECT file_path FROM recordings WHERE camera_id=? AND start_ms=?",
                             (item["camera"], item["start"])).fetchone()
        db.close()
        return os.path.join(server.recordings_dir, row[0])

    def assert_chain(self, server, count):
        """Checked by another implementation, from the API's answers alone."""
        public = bytes.fromhex(server.api.get("/api/v1/evidence/key")["public_key"])
        items = server.api.recordings("cam")
        links = sorted(items, key=lambda item: item["evidence"]["seq"])
        self.assertGreaterEqual(len(links), count)
        self.assertEqual([link["evidence"]["seq"] for link in links],
                         list(range(1, len(links) + 1)))
        prev = ZERO
        for link in links:
            evidence = link["evidence"]
            self.assertEqual(evidence["prev"], prev.hex())
            prev = chain_of({**link, "seq": evidence["seq"], "sha256": link["checksum"]}, prev)
            self.assertEqual(evidence["chain"], prev.hex())
            self.assertTrue(ed25519.is_good(public, prev, bytes.fromhex(evidence["signature"])))
        return links


class Chain(Recorded):
    def test_goes_on_over_restart_and_kill(self):
        server = self.record(2)
        key = os.path.join(server.data, "evidence.key")
        self.assertEqual(stat.S_IMODE(os.stat(key).st_mode), 0o600)
        first = server.api.get("/api/v1/evidence/key")
        self.assertEqual(server.terminate(), 0)
        with sqlite3.connect(server.database) as db:
            seq, at = db.execute("SELECT max(seq), max(at_ms) FROM evidence_checkpoints").fetchone()
            head = db.execute("SELECT seq FROM evidence_heads").fetchone()[0]
        db.close()
        self.assertEqual(seq, head, "the end of the run is signed")
        self.assertGreater(at, 0)
        server.start()
        self.wait_recordings(server, "cam", head + 1)
        self.assertEqual(server.api.get("/api/v1/evidence/key"), first)
        server.kill()
        # The cut file is found by the next start: late in time, and still a link.
        server.start()
        links = wait_until(lambda: self.assert_chain(server, head + 3), 60, "the chain goes on")
        self.assertEqual(server.api.get("/api/v1/evidence")["items"][0]["camera"], "cam")
        self.assertGreaterEqual(len(links), head + 3)

    def test_key_that_cannot_be_used(self):
        server = self.nvr(CONFIG, start=False)
        with open(os.path.join(server.data, "evidence.key"), "w", encoding="utf-8") as file:
            file.write("something else\n")
        server.start()
        warnings = {w["code"]: w["message"]
                    for w in server.api.get("/api/v1/system/info")["warnings"]}
        self.assertIn("not signed", warnings["evidence_key"])
        self.assertEqual(server.api.request("GET", "/api/v1/evidence/key").status, 503)


class Scrub(Recorded):
    def findings(self, server, kind):
        return [f for f in server.api.get("/api/v1/evidence/findings")["items"] if f["kind"] == kind]

    def stop_camera(self, server):
        server.api.post("/api/v1/cameras/cam/stop")
        wait_until(lambda: not server.api.camera("cam")["recording_active"])
        return server.api.recordings("cam")

    def test_changed_missing_truncated(self):
        server = self.record(4)
        items = self.stop_camera(server)
        changed, missing, short = items[0], items[1], items[2]
        path = self.path_of(server, changed)
        with open(path, "r+b") as file:
            file.seek(changed["size"] // 2)
            byte = file.read(1)
            file.seek(changed["size"] // 2)
            file.write(bytes([byte[0] ^ 1]))
        found = wait_until(lambda: self.findings(server, "changed"), 60, "the changed byte")[0]
        self.assertEqual((found["camera"], found["start"]), ("cam", changed["start"]))
        self.assertIn(os.path.basename(path), found["message"])
        # The byte lies in the middle: from the second that begins before it.
        self.assertGreaterEqual(found["at"], changed["start"])
        self.assertLess(found["at"], changed["end"])
        os.unlink(self.path_of(server, missing))
        found = wait_until(lambda: self.findings(server, "missing"), 60, "the missing file")[0]
        self.assertEqual(found["start"], missing["start"])
        os.truncate(self.path_of(server, short), short["size"] // 2)
        found = wait_until(lambda: self.findings(server, "truncated"), 60, "the cut file")[0]
        self.assertEqual(found["start"], short["start"])
        self.assertEqual(len(server.api.get("/api/v1/evidence/findings")["items"]), 3)
        codes = [w["code"] for w in server.api.get("/api/v1/system/info")["warnings"]]
        self.assertIn("integrity", codes)
        metrics = server.api.request("GET", "/metrics").body.decode()
        self.assertRegex(metrics, r"(?m)^heron_integrity_findings_total 3$")
        self.assertRegex(metrics, r"(?m)^heron_scrub_bytes_total [1-9]")

    def test_a_place_that_is_away_holds_nothing_up(self):
        server = self.record(2)
        warm = os.path.join(self.folder, "warm")
        os.makedirs(warm)
        storage = "/api/v1/config/storage"
        server.api.patch(storage, {"retention": {"tiers": {"hot": {"duration_days": 0},
                                                           "warm": {"location": warm}}}})
        wait_until(lambda: [item for item in server.api.recordings("cam") if item["tier"] == "warm"][1:],
                   60, "some are on the other disk")
        server.api.patch(storage, {"retention": {"tiers": {"hot": {"duration_days": 9}}}})
        os.rename(warm, warm + "-away")
        hot = wait_until(lambda: [item for item in server.api.recordings("cam")
                                  if item["tier"] == "hot"][2:], 60, "others are in the recordings folder")
        os.truncate(self.path_of(server, hot[0]), hot[0]["size"] // 2)
        found = wait_until(lambda: self.findings(server, "truncated"), 60, "the cut file")
        self.assertEqual([item["start"] for item in found], [hot[0]["start"]])
        self.assertEqual(self.findings(server, "missing") + self.findings(server, "unreadable"), [])

    def test_acknowledge(self):
        server = self.record(2)
        items = self.stop_camera(server)
        path = self.path_of(server, items[0])
        with open(path, "rb") as file:
            whole = file.read()
        os.truncate(path, 100)
        found = wait_until(lambda: self.findings(server, "truncated"), 60)[0]
        with open(path, "wb") as file:
            file.write(whole)
        wait_until(lambda: server.api.request(
            "DELETE", f"/api/v1/evidence/findings/{found['id']}").status == 204)
        wait_until(lambda: "integrity" not in
                   [w["code"] for w in server.api.get("/api/v1/system/info")["warnings"]])
        self.assertEqual(server.api.request(
            "DELETE", f"/api/v1/evidence/findings/{found['id']}").status, 404)
        self.assertEqual(server.api.get("/api/v1/evidence")["findings"], 0)

    def test_whole_files_stay_silent(self):
        server = self.record(3)
        wait_until(lambda: float(server.api.request("GET", "/metrics").body.decode()
                                 .split("heron_scrub_bytes_total ")[-1].split("\n")[0]) > 1000000,
                   60, "a megabyte was read again")
        self.assertEqual(server.api.get("/api/v1/evidence/findings")["items"], [])


def nvr(server, *arguments):
    return subprocess.run([os.path.join(harness.BIN, "nvr"), *arguments, "--config", server.config,
                           "--data", server.data], capture_output=True, text=True, timeout=120,
                          check=False)


class Commands(Recorded):
    def check(self, server, *options):
        answer = nvr(server, "recordings", "check", "--json", *options)
        body = json.loads(answer.stdout)
        self.assertEqual(answer.returncode, 0 if body["ok"] else 1)
        return {(p["kind"], p["path"]) for p in body["problems"]}, body

    def test_check_and_repair(self):
        server = self.record(5, 'version: "1.0"\nstorage: {scrub_mb_per_second: 0}\n')
        found, body = self.check(server, "--deep")
        self.assertEqual(found, set(), "while it records")
        self.assertGreaterEqual(body["recordings"], 5)
        self.assertGreater(body["bytes_read"], 100000)
        server.api.post("/api/v1/cameras/cam/stop")
        wait_until(lambda: not server.api.camera("cam")["recording_active"])
        items = server.api.recordings("cam")
        paths = [self.path_of(server, item) for item in items]
        names = [os.path.relpath(path, server.recordings_dir) for path in paths]
        with open(paths[0], "r+b") as file:
            file.seek(items[0]["size"] - 10)
            file.write(b"tampered")
        os.unlink(paths[1])
        os.truncate(paths[2], items[2]["size"] - 3000)
        foreign = os.path.join(os.path.dirname(paths[3]), "holiday.jpg")
        with open(foreign, "wb") as file:
            file.write(b"x")
        orphan = paths[3].replace(".mp4", "_7.mp4")
        with open(paths[3], "rb") as source, open(orphan, "wb") as file:
            file.write(source.read())
        os.utime(orphan, (1000000000, 1000000000))
        relative = [os.path.relpath(path, server.recordings_dir) for path in (foreign, orphan)]
        quick = {("missing", names[1]), ("truncated", names[2]), ("foreign", relative[0]),
                 ("orphan", relative[1])}
        self.assertEqual(self.check(server)[0], quick)
        self.assertEqual(self.check(server, "--deep", "--camera", "cam")[0],
                         quick | {("changed", names[0])})
        self.assertEqual(self.check(server, "--camera", "other")[0], set())
        self.assertEqual(nvr(server, "recordings", "repair").returncode, 1, "it is running")
        self.assertEqual(server.terminate(), 0)
        answer = nvr(server, "recordings", "repair", "--json")
        left = {(p["kind"], p["path"]) for p in json.loads(answer.stdout)["problems"]}
        self.assertLessEqual({kind for kind, _ in left}, {"foreign", "orphan"}, answer.stderr)
        # What was changed is indexed as it is now, and that it was is told.
        server.start()
        findings = server.api.get("/api/v1/evidence/findings")["items"]
        self.assertEqual({(f["kind"], f["start"]) for f in findings},
                         {("changed", items[0]["start"]), ("truncated", items[2]["start"])})
        after = {item["start"]: item for item in server.api.recordings("cam")}
        for item in items[3:]:
            self.assertEqual(after[item["start"]]["evidence"], item["evidence"], "the same bytes")

    def test_backup_and_restore(self):
        server = self.record(3)
        before = server.api.recordings("cam")
        path = os.path.join(self.folder, "heron.backup")
        answer = nvr(server, "backup", path, "--with-keys", "--json")
        self.assertEqual(answer.returncode, 0, answer.stderr)
        self.assertTrue(json.loads(answer.stdout)["with_keys"])
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        self.assertEqual(nvr(server, "backup", path).returncode, 1, "never over another")
        self.assertEqual(nvr(server, "restore", path).returncode, 1, "it is running")
        key = server.api.get("/api/v1/evidence/key")
        self.wait_recordings(server, "cam", len(before) + 1)
        self.assertEqual(server.terminate(), 0)
        other = self.nvr(start=False)
        subprocess.run(["cp", "-a", server.recordings_dir, other.data], check=True)
        answer = nvr(other, "restore", path)
        self.assertEqual(answer.returncode, 0, answer.stderr)
        self.assertTrue(os.path.exists(other.config + ".before-restore"))
        other.start()
        self.assertEqual(other.api.get("/api/v1/evidence/key"), key)
        # Those of the backup at once, the newer ones when the disk was compared.
        items = self.wait_recordings(other, "cam", len(before) + 1)
        self.assertEqual([item["evidence"] for item in items[:len(before)]],
                         [item["evidence"] for item in before])
        for item in items[:2] + items[-1:]:
            media_path = os.path.join(self.folder, "one.mp4")
            with open(media_path, "wb") as file:
                file.write(other.api.request("GET", item["url"]).body)
            self.assert_plays(media_path)
        # Without keys: other passwords' key, and nothing secret in the file.
        plain = os.path.join(self.folder, "plain.backup")
        self.assertEqual(nvr(other, "backup", plain).returncode, 0)
        names = subprocess.run(["tar", "tzf", plain], capture_output=True, text=True, check=True).stdout
        self.assertNotIn("key", names)
        self.assertIn("nvr.db", names.split())

    def test_doctor(self):
        server = self.record(1)

        def look():
            body = json.loads(nvr(server, "doctor", "--json").stdout)
            return body["ok"], {item["check"]: item for item in body["items"]}
        _, checks = look()
        for name in ("database", "recordings", "disk", "evidence"):
            self.assertEqual(checks[name]["status"], "ok", checks[name])
        self.assertIn("in use", checks["database"]["message"])
        for name in ("clock", "files", "inotify"):
            self.assertIn(name, checks)
        self.assertEqual(server.terminate(), 0)
        os.chmod(os.path.join(server.data, "evidence.key"), 0o644)
        with open(server.database, "r+b") as file:
            file.seek(8192)
            file.write(b"\xff" * 16384)
        ok, checks = look()
        self.assertFalse(ok)
        self.assertEqual(checks["evidence"]["status"], "error")
        self.assertEqual(checks["database"]["status"], "error")

    def test_bad_backups(self):
        server = self.nvr(start=False)
        marker = os.path.join(server.data, "nvr.db")
        with open(marker, "w", encoding="utf-8") as file:
            file.write("as it was")
        database = os.path.join(self.folder, "good.db")
        with sqlite3.connect(database) as db:
            db.execute("CREATE TABLE a (b)")
        db.close()
        with open(database, "rb") as file:
            good = file.read()

        def member(name, data, **other):
            return {"name": name, "size": len(data), "sha256": hashlib.sha256(data).hexdigest(), **other}

        def attempt(manifest, files, words, cut=None):
            path = os.path.join(self.folder, "bad.backup")
            with tarfile.open(path, "w:gz") as archive:
                for name, data in ([("manifest.json", json.dumps(manifest).encode())]
                                   if manifest is not None else []) + files:
                    info = tarfile.TarInfo(name)
                    if isinstance(data, str):
                        info.type, info.linkname = tarfile.SYMTYPE, data
                        archive.addfile(info)
                    else:
                        info.size = len(data)
                        archive.addfile(info, io.BytesIO(data))
            if cut:
                os.truncate(path, cut)
            answer = nvr(server, "restore", path)
            self.assertEqual(answer.returncode, 1, (words, answer.stderr))
            self.assertIn("nothing was changed", answer.stderr)
            self.assertRegex(answer.stderr, words)
            self.assertEqual(sorted(os.listdir(server.data)), ["nvr.db", "nvr.lock"])
            self.assertEqual(os.path.getsize(marker), 9)

        head = {"heron_backup": 1, "version": "0.1.0", "created": 1}
        db = member("nvr.db", good)
        attempt(None, [("nvr.db", good)], "not a backup")
        attempt({**head, "heron_backup": 2, "version": "9.9"}, [], "newer Heron .9.9.")
        attempt({**head, "members": []}, [], "no database")
        for name in ("../../etc/passwd", "/etc/passwd", "recordings/x.mp4", "config-versions/../x"):
            attempt({**head, "members": [db, member(name, b"x")]},
                    [("nvr.db", good), (name, b"x")], "does not belong")
        attempt({**head, "members": [db]}, [("nvr.db", good), ("../../x", b"x")], "does not belong")
        attempt({**head, "members": [db]}, [("nvr.db", "/etc/passwd")], "not a plain file")
        attempt({**head, "members": [db]}, [("nvr.db", good), ("nvr.db", good)], "twice")
        attempt({**head, "members": [db]}, [], "missing")
        attempt({**head, "members": [{**db, "size": 10}]}, [("nvr.db", good)], "larger than")
        attempt({**head, "members": [{**db, "size": 1 << 60}]}, [("nvr.db", good)], "size or digest")
        attempt({**head, "members": [{**db, "sha256": "0" * 64}]}, [("nvr.db", good)], "not what")
        attempt({**head, "members": [db]}, [("nvr.db", good)], "cannot be used")
        attempt({**head, "members": [member("nvr.db", b"x" * 5000)]}, [("nvr.db", b"x" * 5000)],
                "damaged")
        attempt({**head, "members": [db]}, [("nvr.db", good)], "damaged|missing|cut|truncated", cut=300)
        attempt({**head, "members": [db]}, [("nvr.db", good)], "nrecog|damaged|truncated|not a backup", cut=20)


class Export(Recorded):
    def test_export_proves_itself(self):
        server = self.record(4)
        items = server.api.recordings("cam")
        key = server.api.get("/api/v1/evidence/key")
        job = server.api.post("/api/v1/exports", {"items": [
            {"camera": "cam", "start": items[0]["start"] + 500, "end": items[2]["end"] - 500}]})

        def done():
            state = server.api.get(f"/api/v1/exports/{job['id']}")
            self.assertNotIn(state["state"], ("failed", "cancelled"), state)
            return state["state"] == "done" and state
        file = wait_until(done, 60, "the export")["files"][0]
        body = server.api.request("GET", file["url"]).body
        path = os.path.join(self.folder, "export.mp4")
        with open(path, "wb") as out:
            out.write(body)
        code, answer = verify(path, "--key", key["public_key"])
        self.assertEqual((code, answer["verdict"], answer["problems"]), (0, "intact", []))
        self.assertEqual(answer["cameras"][0]["segments"], 3)
        # One bit in the middle of what was recorded.
        changed = bytearray(body)
        changed[len(body) // 2] ^= 1
        with open(path, "wb") as out:
            out.write(changed)
        code, answer = verify(path)
        self.assertEqual((code, answer["verdict"]), (1, "changed"))
        self.assertEqual(answer["problems"][0]["camera"], "cam")
        self.assertGreaterEqual(answer["problems"][0]["at"], items[0]["start"])
        self.assertLess(answer["problems"][0]["at"], items[2]["end"])


class Verify(harness.TestCase):
    """Files made here, byte by byte, with a key of our own."""
    seed = bytes(range(32))

    def setUp(self):
        super().setUp()
        self.path = os.path.join(self.folder, "export.mp4")
        self.parts = [bytes([n]) * 4000 + os.urandom(1000) for n in (1, 2, 3)]
        head = struct.pack(">I4s8s", 16, b"ftyp", b"isomiso2")
        body = b"".join(self.parts)
        self.before = head + struct.pack(">I4s", 8 + len(body), b"mdat")
        self.file = self.before + body
        self.proof = self.make_proof()

    def make_proof(self):
        segments, prev, offset = [], ZERO, len(self.before)
        for i, part in enumerate(self.parts):
            item = {"camera": "cam", "seq": i + 1, "start": 1000000 + i * 2000,
                    "end": 1002000 + i * 2000, "size": len(part),
                    "sha256": hashlib.sha256(part).hexdigest(), "prev": prev.hex()}
            prev = chain_of(item, prev)
            digests = [[(k + 1) * 500, (k + 1) * 1000, hashlib.sha256(part[:(k + 1) * 1000]).hexdigest()[:16]]
                       for k in range(4)]
            segments.append({**item, "chain": prev.hex(), "offset": offset, "file_bytes": len(part),
                             "signature": ed25519.sign(self.seed, prev).hex(), "digests": digests})
            offset += len(part)
        return {"heron_proof": 1, "created": 1760000000000, "name": "a test – ä",
                "public_key": ed25519.public_key(self.seed).hex(),
                "items": [{"camera": "cam", "start": 1000000, "end": 1010000}],
                "segments": segments, "checkpoints": [],
                "gaps": [{"camera": "cam", "start": 1006000, "end": 1010000, "cause": "network"}],
                "container_sha256": hashlib.sha256(self.before).hexdigest()}

    def write(self, seed=None, body=None):
        text = json.dumps(self.proof, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        signature = ed25519.sign(seed or self.seed, b"heron proof 1\n" + text.encode()).hex()
        text = json.dumps({**self.proof, "signature": signature}, ensure_ascii=False).encode()
        uuid = bytes.fromhex("7a1f0c5e913d4b628e576865726f6e31")
        box = struct.pack(">I4s", 24 + len(text), b"uuid") + uuid + text
        with open(self.path, "wb") as file:
            file.write((body or self.file) + box)

    def kinds(self, *arguments):
        code, answer = verify(self.path, *arguments)
        self.assertEqual(code == 0, answer["ok"])
        return answer["verdict"], [p["kind"] for p in answer["problems"]], answer

    def test_intact(self):
        self.write()
        verdict, problems, answer = self.kinds()
        self.assertEqual((verdict, problems, answer["notes"]), ("intact", [], []))
        self.assertEqual(answer["cameras"], [{"camera": "cam", "segments": 3, "first_seq": 1,
                                              "last_seq": 3, "links_elsewhere": 0,
                                              "unbroken": True}])
        self.assertFalse(answer["key_given"])
        self.assertEqual(answer["gaps"][0]["cause"], "network")
        key = ed25519.public_key(self.seed).hex()
        self.assertTrue(self.kinds("--key", key)[2]["key_given"])
        with open(os.path.join(self.folder, "key.json"), "w", encoding="utf-8") as file:
            json.dump({"algorithm": "ed25519", "public_key": key}, file)
        self.assertTrue(self.kinds("--key", file.name)[2]["key_given"])
        words = subprocess.run([os.path.join(harness.BIN, "nvr"), "verify", self.path],
                               capture_output=True, text=True, timeout=60, check=True).stdout
        self.assertIn("INTACT", words)
        self.assertIn("Compare the fingerprint", words)

    def test_every_region_of_the_file(self):
        for at, kind, ms in ((4, "container", None), (len(self.before) + 500, "changed", 1000000),
                             (len(self.before) + 2500, "changed", 1001000),
                             (len(self.before) + 5000 + 4500, "changed", 1004000)):
            body = bytearray(self.file)
            body[at] ^= 1
            self.write(body=bytes(body))
            verdict, problems, answer = self.kinds()
            self.assertEqual((verdict, problems), ("changed", [kind]), at)
            self.assertEqual(answer["problems"][0]["at"], ms)

    def test_other_key(self):
        self.write()
        verdict, problems, _ = self.kinds("--key", ed25519.public_key(bytes(32)).hex())
        self.assertEqual(verdict, "changed")
        self.assertIn("key", problems)
        self.write(seed=bytes(32))
        self.assertEqual(self.kinds()[1], ["signature"])
        self.assertEqual(verify(self.path, "--key", "nonsense")[0], 2)

    def test_broken_chain(self):
        del self.proof["segments"][1]
        self.write()
        verdict, problems, answer = self.kinds()
        # The signature fits, the link between is told to be elsewhere, its time is not explained,
        # and its bytes are not part of what the container's digest was made of.
        self.assertEqual(answer["cameras"][0]["links_elsewhere"], 1)
        self.assertIn("unexplained", [note["kind"] for note in answer["notes"]])
        self.assertEqual((verdict, problems), ("changed", ["container"]))
        self.proof = self.make_proof()
        self.proof["segments"][1]["prev"] = "11" * 32
        self.write()
        self.assertIn("chain", self.kinds()[1])

    def test_not_everything_proven(self):
        self.proof["segments"][2].update(offset=None, file_bytes=0)
        self.proof["container_sha256"] = hashlib.sha256(self.before + self.parts[2]).hexdigest()
        self.write()
        self.assertEqual(self.kinds()[:2], ("unproven", ["encoded"]))
        with open(self.path, "wb") as file:
            file.write(self.file)
        self.assertEqual(self.kinds()[:2], ("unproven", ["proof"]))

    def test_damaged_files(self):
        self.write()
        with open(self.path, "rb") as file:
            whole = file.read()
        for cut in (0, 5, 12, len(self.before) + 7, len(self.file) - 1, len(self.file) + 30,
                    len(whole) - 1):
            with open(self.path, "wb") as file:
                file.write(whole[:cut])
            self.assertNotEqual(self.kinds()[0], "intact", cut)
        with open(self.path, "wb") as file:
            file.write(whole + b"\0\0\0\x08free")
        self.assertEqual(self.kinds()[1], ["container"])
        self.assertEqual(verify(os.path.join(self.folder, "none"))[0], 1)
        self.assertEqual(verify(self.folder)[0], 1)


if __name__ == "__main__":
    harness.unittest.main()
