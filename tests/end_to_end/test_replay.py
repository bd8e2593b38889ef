#!/usr/bin/env python3
"""Journals of real controllers are decided again: the same must come out."""

import concurrent.futures
import hashlib
import json
import unittest

from harness import ClusterTest, eventually


def simulated(name, duration="200ms", **more):
    return {"name": name, "driver": "simulated", "kind": "batch", "cpu": 0.5,
            "memory": "16MiB", "simulate": {"duration": duration}, **more}


class Replay(ClusterTest):
    def replay(self, *arguments, code=0):
        out, _ = self.troupe("replay", *arguments, "-o", "json", code=code)
        return json.loads(out)

    def assert_same(self, *arguments):
        out, _ = self.troupe("replay", *arguments, "-o", "json", code=0)
        result = json.loads(out)
        self.assertTrue(result["same"], out)
        self.assertEqual(result["untried"], [])
        self.assertEqual(result["decided"], result["facts"])
        return result

    def keep_busy(self, jobs=40):
        """Many things at once, from many clients."""
        def submit(i):
            more = {"count": 1 + i % 7, "priority": i % 3}
            if i % 5 == 0:
                more["gang"] = True
            if i % 4 == 0:
                more |= {"simulate": {"duration": "100ms", "exitCode": 1},
                         "retries": 1, "restart": {"delay": "50ms"}}
            self.submit(simulated(f"j{i}", f"{50 + 37 * (i % 9)}ms", **more))

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(submit, range(jobs)))

    def wait_for_all(self):
        eventually(
            lambda: all(x["state"] in ("succeeded", "failed")
                        for x in self.items("/v1/jobs")
                        if x["kind"] == "batch"),
            "all batch jobs end")

    def test_a_busy_controller_is_decided_again_while_it_runs(self):
        self.up(3, drivers="simulated")
        self.submit({"name": "web", "driver": "simulated", "kind": "service",
                     "count": 4, "cpu": 0.5, "memory": "16MiB"})
        self.keep_busy()
        self.wait_for_all()
        node = self.items("/v1/nodes")[0]["name"]
        self.troupe("drain", node, "--deadline", "2s")
        self.troupe("scale", "web=2")
        result = self.assert_same()
        self.assertGreater(result["decided"], 100)
        table, _ = self.troupe("replay")
        self.assertRegex(table, r"^The same\. \d+ facts: \d+ decided again")

    def test_a_stopped_controller_is_decided_again_from_its_data(self):
        daemon = self.up(3, drivers="simulated")
        self.keep_busy(20)
        self.wait_for_all()
        # Of two lives: the second one knows what the journal holds.
        daemon.kill()
        daemon = self.start_again(daemon)
        self.wait_for_nodes(3)
        self.submit(simulated("later", count=5))
        self.wait_for_job("later", "succeeded")
        data = self.folder / "up"
        _, said = self.troupe("replay", "--data", data, code=2)
        self.assertIn(str(daemon.pid), said)
        daemon.terminate()
        before = self.digests(data)
        self.assert_same("--data", data)
        self.assertEqual(before, self.digests(data))

    def digests(self, folder):
        return {str(x): hashlib.sha256(x.read_bytes()).hexdigest()
                for x in sorted(folder.glob("journal*"))}

    def test_a_backup_is_decided_again_and_by_another_policy(self):
        self.up(3, drivers="simulated")
        self.submit(simulated("wide", "1s", count=9, cpu=1))
        self.wait_for_job("wide", "succeeded")
        backup = self.folder / "troupe.bak"
        self.troupe("backup", backup)
        self.address = "http://127.0.0.1:1"  # Nobody is asked any more.
        self.assert_same(backup)
        # Nine tasks of one core on three nodes of four: 4, 4, 1 or 3, 3, 3.
        other = self.replay(backup, "--policy", "spread")
        self.assertEqual(other["recorded"]["strategy"], "binpack")
        self.assertEqual(other["imagined"]["strategy"], "spread")
        self.assertEqual(other["tasks"], 9)
        self.assertGreater(other["tasksChanged"], 0)
        self.assertEqual(len(other["changed"]), other["tasksChanged"])
        self.assertEqual(other["imagined"]["tasks"]["succeeded"], 9)
        uneven = [other[x]["use"]["cpu"]["stddevOverNodes"]
                  for x in ("recorded", "imagined")]
        self.assertLess(uneven[1], uneven[0])
        table, _ = self.troupe("replay", backup, "--policy", "spread")
        self.assertRegex(table, r"FIGURE +recorded +imagined\n")
        self.assertRegex(table, r"\d of 9 tasks would have begun elsewhere")
        same = self.replay(backup, "--policy", "binpack")
        self.assertEqual(same["changed"], [])

    def test_what_cannot_be_replayed_is_told_in_words(self):
        self.address = "http://127.0.0.1:1"
        self.troupe("replay", code=4)
        self.troupe("replay", self.folder / "none.bak", code=2)
        _, said = self.troupe("replay", "--data", self.folder, code=2)
        self.assertIn("there is no journal", said)
        wrong = self.folder / "wrong.bak"
        wrong.write_text("not a backup")
        _, said = self.troupe("replay", wrong, code=2)
        self.assertIn("is no backup of troupe", said)
        _, said = self.troupe("replay", wrong, "--data", self.folder, code=2)
        self.assertIn("not both", said)
        (self.folder / "journal.db").write_text("not a journal")
        _, said = self.troupe("replay", "--data", self.folder, code=2)
        self.assertIn("not an SQLite database", said)
        self.assertEqual([x.name for x in self.folder.glob("journal*")],
                         ["journal.db"])

    def test_an_unknown_policy_is_refused_with_those_there_are(self):
        self.up(1, drivers="simulated")
        for options in (["--policy", "bestest"], ["--order", "random"]):
            _, said = self.troupe("replay", *options, code=2)
            self.assertIn("write", said)


if __name__ == "__main__":
    unittest.main()
