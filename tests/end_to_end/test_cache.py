#!/usr/bin/env python3
"""Results of batch tasks are kept, and identical tasks need not run."""

import json
import unittest

from harness import ClusterTest, eventually


class Cache(ClusterTest):
    def build(self, name, text="hello", **more):
        """A job that leaves a line in a file for each time that it runs."""
        self.runs = self.folder / "runs"
        script = f"echo {text} >> {self.runs}; echo {text}, says the build"
        return {"name": name, "kind": "batch", "cpu": 0.1, "memory": "16MiB",
                "command": ["sh", "-c", script], "cache": True, **more}

    def run_count(self):
        return len(self.runs.read_text().splitlines())

    def cache(self, query="", method="GET", status=200):
        got, body = self.call(method, f"/v1/cache{query}")
        self.assertEqual(got, status, body)
        return body

    def test_an_identical_task_is_cached_also_after_a_restart(self):
        up = self.up(1)
        self.submit(self.build("first"))
        self.wait_for_job("first", "succeeded")
        self.submit(self.build("second"))
        self.wait_for_job("second", "succeeded")
        task = self.task("second.0")
        self.assertEqual(task["state"], "cached")
        self.assertEqual(task["exitCode"], 0)
        self.assertEqual(task["attempts"], [])
        self.assertEqual(task["cachedFrom"]["task"], "first.0")
        self.assertEqual(self.run_count(), 1)
        self.assertEqual(self.job("second")["tasks"]["cached"], 1)
        # Its output is that of the run.
        eventually(lambda: "hello, says" in self.call(
            "GET", "/v1/tasks/second.0/logs")[1], "the output of the run")
        said, _ = self.troupe("logs", "second.0")
        self.assertIn("hello, says the build", said)
        said, _ = self.troupe("why", "second.0")
        self.assertIn("reused the result of first.0", said)
        events = self.items("/v1/events?types=cacheHit&limit=1000")
        self.assertEqual([x["task"] for x in events], ["second.0"])
        up.kill()
        self.start_again(up)
        self.wait_for_nodes(1)
        self.submit(self.build("third"))
        self.wait_for_job("third", "succeeded")
        self.assertEqual(self.task("third.0")["state"], "cached")
        self.assertEqual(self.run_count(), 1)
        eventually(lambda: "hello, says" in self.call(
            "GET", "/v1/tasks/third.0/logs")[1], "the output is kept")
        _, metrics = self.call("GET", "/metrics")
        self.assertIn('troupe_cache_lookups_total{result="hit"} 1', metrics)
        self.assertIn("troupe_cache_entries 1", metrics)

    def test_run_waits_for_a_cached_job_like_for_any_other(self):
        self.up(1)
        for name in ("a", "b"):
            file = self.folder / f"{name}.json"
            file.write_text(json.dumps(self.build(name)))
            self.troupe("run", "--wait", file)
        self.assertEqual(self.run_count(), 1)
        self.assertEqual(self.task("b.0")["state"], "cached")

    def test_results_are_listed_and_forgotten(self):
        self.up(1)
        for name in ("etl-1", "etl-2", "train"):
            self.submit(self.build(name, text=name))
            self.wait_for_job(name, "succeeded")
        cache = self.cache()
        self.assertEqual({x["job"] for x in cache["items"]},
                         {"etl-1", "etl-2", "train"})
        self.assertEqual(cache["statistics"]["entries"], 3)
        self.assertEqual(cache["statistics"]["misses"], 3)
        key = next(x["key"] for x in cache["items"] if x["job"] == "train")
        would = self.cache("?prefix=etl-&dryRun=true", "DELETE")
        self.assertEqual(would["removed"], 2)
        self.assertEqual(
            self.cache(f"?key={key}", "DELETE")["removed"], 1)
        self.cache(f"?key={key}", "DELETE", status=404)
        self.assertEqual(self.cache("?job=etl-1", "DELETE")["removed"], 1)
        self.assertEqual(self.cache("?prefix=etl-", "DELETE")["removed"], 1)
        self.assertEqual(self.cache()["items"], [])
        self.submit(self.build("again", text="train"))
        self.wait_for_job("again", "succeeded")
        self.assertEqual(self.task("again.0")["state"], "succeeded")
        for query in ("?key=12", "?job=", "?prefix=", "?jobs=etl-1"):
            wrong = self.cache(query, "DELETE", status=400)
            self.assertTrue(wrong["errors"][0]["pointer"], wrong)

    def test_a_result_grows_old(self):
        self.up(1)
        rule = {"cache": {"ttl": "1500ms", "inputs": ["sha256:01"]}}
        self.submit(self.build("first", **rule))
        self.wait_for_job("first", "succeeded")
        self.submit(self.build("other", cache={"inputs": ["sha256:02"]}))
        self.wait_for_job("other", "succeeded")
        self.assertEqual(self.task("other.0")["state"], "succeeded")
        eventually(lambda: not self.items("/v1/cache?job=first"),
                   "the result has expired")
        self.submit(self.build("second", **rule))
        self.wait_for_job("second", "succeeded")
        self.assertEqual(self.task("second.0")["state"], "succeeded")
        self.assertEqual(self.run_count(), 3)

    def test_what_has_no_result_is_refused(self):
        self.up(1)
        for more in ({"kind": "service"}, {"kind": "system"},
                     {"count": 2, "gang": True},
                     {"cache": {"ttl": "0s"}}, {"cache": {"ttl": "soon"}},
                     {"cache": {"inputs": "x"}}, {"cache": 1}):
            status, body = self.call("POST", "/v1/jobs",
                                     self.build("x", **more))
            self.assertEqual(status, 400, body)
            self.assertTrue(
                body["errors"][0]["pointer"].startswith("/cache"), body)


if __name__ == "__main__":
    unittest.main()
