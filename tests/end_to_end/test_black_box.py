#!/usr/bin/env python3
"""What a task wrote can be read when its node is gone: the controller keeps
the last 64 KiB of each attempt."""

import unittest
from datetime import datetime, timedelta, timezone

from harness import ClusterTest, eventually, shell

TAIL = 64 * 1024


class BlackBox(ClusterTest):
    def logs(self, task, **query):
        parameters = "&".join(f"{k}={v}" for k, v in query.items())
        status, text = self.call("GET", f"/v1/tasks/{task}/logs?{parameters}")
        self.assertEqual(status, 200, text)
        return text

    def wait_for_logs(self, task, text, **query):
        return eventually(
            lambda: (lambda x: x if text in x else None)(
                self.logs(task, **query)), f"{text} in the logs of {task}")

    def test_logs_of_what_ended_outlive_the_node(self):
        controller = self.controller("--heartbeat", "1s",
                                     "--unhealthy-after", "3s",
                                     "--removed-after", "2s")
        node = self.node(controller)
        self.wait_for_nodes(1)
        self.submit(shell("echo to be kept; echo an error >&2; exit 3",
                          name="short"))
        # A megabyte, of which the end counts.
        self.submit(shell("i=0; while [ $i -lt 20000 ]; do "
                          "echo line $i of the long output of this task here; "
                          "i=$((i+1)); done; echo THE END", name="long"))
        self.wait_for_job("short", "failed")
        self.wait_for_job("long", "succeeded")
        self.wait_for_logs("short.0", "to be kept")
        node.kill()
        eventually(lambda: not self.items("/v1/nodes")
                   or self.items("/v1/nodes")[0]["state"] != "ready",
                   "the node is missed")
        out = self.wait_for_logs("short.0", "to be kept", stream="stdout")
        self.assertEqual(out, "to be kept\n")
        self.assertEqual(self.logs("short.0", stream="stderr"), "an error\n")
        text = self.logs("long.0", stream="stdout")
        self.assertEqual(len(text), TAIL)
        self.assertTrue(text.endswith("THE END\n"), text[-200:])
        self.assertEqual(self.logs("long.0", tail=1), "THE END\n")
        said, _ = self.troupe("logs", "short.0")
        self.assertIn("to be kept", said)
        # Also by another life of the controller.
        controller.kill()
        self.start_again(controller)
        self.assertEqual(self.logs("short.0", stream="stdout"), "to be kept\n")
        task = self.task("short.0")
        self.assertEqual(task["attempts"][0]["exitCode"], 3)

    def test_logs_of_what_ended_are_whole_while_the_node_has_them(self):
        self.up(1)
        # Several times what is read in one go.
        lines = [f"{i}\n" for i in range(1, 50_001)]
        self.submit(shell("seq 1 50000; echo END >&2", name="talker"))
        self.wait_for_job("talker", "succeeded")
        self.assertEqual(self.logs("talker.0", stream="stdout"),
                         "".join(lines))
        self.assertEqual(self.logs("talker.0", stream="stdout", tail=20_000),
                         "".join(lines[-20_000:]))
        for query in ({}, {"follow": "true"}):
            text = self.logs("talker.0", **query)
            self.assertEqual(len(text), len("".join(lines)) + len("END\n"))
        said, _ = self.troupe("logs", "talker.0")
        self.assertIn("\n50000\n", said)

    def test_logs_of_what_runs_outlive_a_node_that_dies_without_a_word(self):
        controller = self.controller("--heartbeat", "1s",
                                     "--unhealthy-after", "3s")
        node = self.node(controller)
        self.wait_for_nodes(1)
        self.submit({"name": "web", "kind": "service", "cpu": 0.1,
                     "memory": "16MiB",
                     "command": ["sh", "-c",
                                 "echo I am up; while sleep 1; do :; done"]})
        self.wait_for_logs("web.0", "I am up")
        # It is read before it has run for two seconds.
        task = self.wait_for_task("web.0", "running")
        began = datetime.fromisoformat(task["startedAt"])
        eventually(lambda: datetime.now(timezone.utc) - began
                   > timedelta(seconds=3), "it has run for a while")
        task = eventually(self.measured("web.0"), "its use is measured")
        self.assertGreater(task["attempts"][0]["peakMemory"], 0)
        node.kill()
        eventually(lambda: self.items("/v1/nodes")[0]["state"] == "unhealthy",
                   "the node is missed")
        self.assertEqual(
            self.logs("web.0", attempt=1, stream="stdout"), "I am up\n")
        task = self.task("web.0")
        self.assertGreater(task["attempts"][0]["peakMemory"], 0)

    def measured(self, name):
        def look():
            task = self.task(name)
            return task if task["attempts"][0].get("peakMemory") else None
        return look


if __name__ == "__main__":
    unittest.main()
