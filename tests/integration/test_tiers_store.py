"""Object stores in trouble: down, wrong keys, a line that is cut or slow, objects that changed."""
import os
import unittest

import harness
import s3
import tiers


class Store(tiers.TiersCase):
    def test_store_down_then_back(self):
        store, server = self.s3(), self.server()
        before = self.contents(server)
        store.stop()
        server.api.patch(tiers.CONFIG, {"s3": store.config(), **tiers.tiers(cold="s3")})
        harness.wait_until(lambda: "not reached" in str(self.mover(server)["error"]), 60, "words")
        self.assertEqual(self.contents(server), before, "nothing is deleted")
        harness.wait_until(lambda: self.mover(server)["state"] == "waiting", what="it waits")
        self.assertIn("not reached", self.warnings(server))
        store.start()
        self.wait_tier(server, "cold", 120)
        self.assertEqual(self.contents(server), before)
        harness.wait_until(lambda: "not reached" not in self.warnings(server),
                           what="the warning goes")

    def test_wrong_keys(self):
        store, server = self.s3(), self.server(2)
        test = "/api/v1/system/storage/test"
        good = server.api.post(test, {"s3": store.config()})
        self.assertTrue(good["ok"], good)
        for change, words in (({"secret_key": "wrong"}, "secret key"), ({"access_key": "nobody"}, "access key"),
                              ({"bucket": "no-such-bucket"}, "bucket")):
            answer = server.api.post(test, {"s3": store.config(**change)})
            self.assertFalse(answer["ok"])
            self.assertIn(words, answer["error"])
        self.assertEqual(server.api.request("POST", test, {"s3": {"bucket": "x"}}).status, 422)
        server.api.patch(tiers.CONFIG, {"s3": store.config(secret_key="wrong"), **tiers.tiers(cold="s3")})
        harness.wait_until(lambda: "secret key" in str(self.mover(server)["error"]), 60, "words")
        self.assertTrue(all(item["tier"] == "hot" for item in server.api.recordings("cam")))
        # the stored secret is not sent to another endpoint
        reply = server.api.request("POST", test, {"s3": {
            "endpoint": "http://127.0.0.1:9", "bucket": "abc", "access_key": "me"}})
        self.assertEqual(reply.status, 422, reply.body)
        server.api.patch(tiers.CONFIG, {"s3": {"secret_key": s3.SECRET}})
        self.wait_tier(server, "cold", 60)

    def test_cut_and_slow_line(self):
        store, server = self.s3(), self.server()
        before = self.contents(server)
        line = s3.Line(store.port)
        self.addCleanup(line.close)
        line.mode, line.after = "cut", 60000
        server.api.patch(tiers.CONFIG, {"s3": store.config(line.port), **tiers.tiers(cold="s3")})
        harness.wait_until(lambda: self.mover(server)["error"], 60, "words for a cut")
        self.assertEqual(self.contents(server), before)
        line.mode = "silent"
        harness.wait_until(lambda: "slow" in str(self.mover(server)["error"]), 120, "words for a silent one")
        line.mode = "slow"
        hot = self.contents(server, "hot")
        self.assertTrue(hot, "readers of the recordings folder notice nothing")
        self.assertEqual(hot, {key: before[key] for key in hot})
        line.mode = "open"
        self.wait_tier(server, "cold", 120)
        self.assertEqual(self.contents(server), before)
        # reading: what was cut in the middle is not played
        self.clear_cache(server)
        line.mode = "cut"
        reply = server.api.request("GET", f"/api/v1/recordings/{next(iter(before))}/media.mp4")
        self.assertEqual(reply.status, 503, reply.body[:200])
        line.mode = "open"
        self.assertEqual(self.contents(server), before)

    def test_changed_object(self):
        store, server = self.s3(), self.server(2)
        server.api.patch(tiers.CONFIG, {"s3": store.config(), **tiers.tiers(cold="s3")})
        items = self.wait_tier(server, "cold")
        path = os.path.join(store.folder, s3.BUCKET, "heron", items[0]["file_path"]
                            if "file_path" in items[0] else store.objects()[-1])
        with open(path, "r+b") as file:
            file.seek(os.path.getsize(path) // 2)
            byte = file.read(1)
            file.seek(-1, os.SEEK_CUR)
            file.write(bytes([byte[0] ^ 1]))
        self.clear_cache(server)
        answers = [server.api.request("GET", f"/api/v1/recordings/{item['id']}/media.mp4").status
                   for item in items]
        self.assertEqual(sorted(set(answers)), [200, 500], answers)


if __name__ == "__main__":
    unittest.main()
