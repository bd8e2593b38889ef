#!/usr/bin/env python3
"""The first ten minutes of a user, on three nodes in one process."""

import json
import os
import pathlib
import subprocess
import unittest

from harness import ClusterTest, binary, eventually, is_running, shell

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "config/examples"


class FirstRun(ClusterTest):
    def setUp(self):
        super().setUp()
        self.daemon = self.up(3)

    def test_a_job_runs_to_its_end_and_its_logs_stay(self):
        file = self.write_job("hello", shell("echo hi; echo oh >&2",
                                             name="hello"))
        self.troupe("run", file)
        self.wait_for_job("hello", "succeeded")
        task = self.task("hello.0")
        self.assertEqual(task["state"], "succeeded")
        self.assertEqual(task["attempt"], 1)
        self.assertEqual(task["attempts"][-1]["exitCode"], 0)
        self.assertIn("hi", self.troupe("logs", "hello.0")[0])
        status, text = self.call(
            "GET", "/v1/tasks/hello.0/logs?stream=stderr")
        self.assertEqual((status, text), (200, "oh\n"))

    def test_waiting_for_a_job_gives_the_tasks_own_exit_code(self):
        good = self.write_job("good", shell("exit 0", name="good"))
        bad = self.write_job("bad", shell("exit 7", name="bad"))
        self.troupe("run", "--wait", good)
        self.troupe("run", "--wait", bad, code=7)
        self.assertEqual(self.task("bad.0")["reason"], "exitCode")

    def test_every_task_is_shown_with_its_node_and_the_reason(self):
        file = self.write_job("many", shell("echo $$", name="many", count=6))
        self.troupe("run", "--wait", file)
        nodes = {x["name"] for x in self.items("/v1/nodes")}
        self.assertEqual(len(nodes), 3)
        self.assertEqual(len(self.tasks("many")), 6)
        for task in self.tasks("many"):
            self.assertIn(task["node"], nodes)
        wide = self.troupe("tasks", "-o", "wide")[0]
        self.assertIn("many.5", wide)
        self.assertTrue(any(x in wide for x in nodes), wide)
        listed = json.loads(self.troupe("tasks", "-o", "json")[0])
        listed = listed if isinstance(listed, list) else listed["items"]
        self.assertEqual({x["id"] for x in listed},
                         {f"many.{x}" for x in range(6)})

    def test_why_names_what_is_missing_for_a_task_that_waits(self):
        self.submit(shell("true", name="wants-ssd", requires={"disk": "ssd"}))
        self.submit(shell("true", name="huge", cpu=64))
        picky = eventually(
            lambda: (lambda x: x if x.get("reason") else None)(
                self.get("/v1/tasks/wants-ssd.0/why")),
            "the first task has a reason")
        self.assertEqual(picky["reason"], "noMatchingLabels")
        huge = self.get("/v1/tasks/huge.0/why")
        self.assertIn(huge["reason"], ["insufficientCpu", "neverFits"])
        out, err = self.troupe("why", "wants-ssd.0")
        self.assertIn("disk", out + err)
        node = self.items("/v1/nodes")[0]["name"]
        self.troupe("label", node, "disk=ssd")
        self.wait_for_job("wants-ssd", "succeeded")
        self.assertEqual(self.task("wants-ssd.0")["node"], node)

    def test_a_service_is_kept_running_until_it_is_stopped(self):
        pids = self.folder / "pids"
        self.submit({"name": "clock", "kind": "service", "cpu": 0.1,
                     "memory": "16MiB", "restart": {"delay": "100ms"},
                     "command": ["sh", "-c",
                                 f"echo $$ >> {pids}; exec sleep 1000"]})
        first = int(eventually(
            lambda: pids.exists() and pids.read_text().split(),
            "the service starts")[0])
        self.wait_for_task("clock.0", "running")
        # As the kernel would, for want of memory.
        os.kill(first, 9)
        second = int(eventually(
            lambda: pids.read_text().split()[1:], "it is started again")[0])
        eventually(lambda: is_running(second), "its second process runs")
        self.wait_for_task("clock.0", "running")
        self.troupe("stop", "clock")
        eventually(lambda: not is_running(second), "its process ends")
        self.wait_for_task("clock.0", "stopped")

    def test_exit_codes_say_what_went_wrong(self):
        self.troupe("task", "nobody.0", code=3)
        self.troupe("tasks", "--no-such-option", code=2)
        bad = self.write_job("bad", {"comand": ["true"]})
        _, err = self.troupe("run", bad, code=2)
        self.assertIn("command", err)
        self.address = "http://127.0.0.1:1"
        self.troupe("tasks", code=4)

    def test_all_mistakes_of_a_job_are_told_at_once(self):
        status, body = self.call("POST", "/v1/jobs",
                                 {"command": ["true"], "cpu": -1, "count": 0})
        self.assertEqual(status, 400, body)
        self.assertEqual({x["pointer"] for x in body["errors"]},
                         {"/cpu", "/count"})
        self.assertEqual(self.items("/v1/jobs"), [])

    def test_a_rehearsal_changes_nothing(self):
        for example in sorted(EXAMPLES.glob("*.json")):
            with self.subTest(example=example.name):
                self.troupe("run", "--dry-run", example)
        self.assertEqual(self.items("/v1/jobs"), [])

    def test_what_is_submitted_twice_with_one_key_runs_once(self):
        job = shell("true")
        first = self.submit(job, **{"Idempotency-Key": "k1"})
        status_of_again, again = self.call("POST", "/v1/jobs", job,
                                           {"Idempotency-Key": "k1"})
        self.assertIn(status_of_again, [200, 201])
        self.assertEqual(again["jobs"][0]["name"], first[0]["name"])
        self.assertEqual(len(self.items("/v1/jobs")), 1)
        # Something else by the same key is a mistake, also after a restart.
        self.daemon.kill()
        self.daemon = self.start_again(self.daemon)
        self.address = self.daemon.address
        status, problem = self.call("POST", "/v1/jobs", shell("false"),
                                    {"Idempotency-Key": "k1"})
        self.assertEqual(status, 422, problem)
        self.assertIn("Idempotency-Key", problem["detail"])
        status, same = self.call("POST", "/v1/jobs", job,
                                 {"Idempotency-Key": "k1"})
        self.assertEqual((status, same["jobs"]),
                         (status_of_again, again["jobs"]))
        self.troupe("run", "--idempotency-key", "k1", "--", "false", code=2)
        self.assertEqual(len(self.items("/v1/jobs")), 1)

    def test_facts_are_told_in_order_and_without_gaps(self):
        self.submit(shell("true", name="one", count=5))
        self.wait_for_job("one", "succeeded")
        facts = self.items("/v1/events?since=0")
        versions = [x["version"] for x in facts]
        self.assertEqual(versions, list(range(versions[0],
                                              versions[0] + len(facts))))
        told = [x["type"] for x in facts if x.get("task") == "one.0"]
        self.assertEqual(told, ["taskPlaced", "taskStarted", "taskEnded"])

    def test_a_team_sees_that_the_cluster_lives(self):
        self.assertEqual(self.call("GET", "/healthz")[0], 200)
        self.assertEqual(self.call("GET", "/readyz")[0], 200)
        status, metrics = self.call("GET", "/metrics")
        self.assertEqual(status, 200)
        self.assertRegex(metrics, r'troupe_nodes\{.*state="ready".*\} 3')
        self.assertEqual(self.get("/openapi.json")["openapi"][:3], "3.1")

    def test_stopping_the_cluster_stops_its_tasks(self):
        pids = self.folder / "pids"
        self.submit(shell(f"echo $$ >> {pids}; exec sleep 1000", name="long"))
        pid = int(eventually(
            lambda: pids.exists() and pids.read_text().split(),
            "the task starts")[0])
        self.assertEqual(self.daemon.terminate(), 0)
        self.assertFalse(is_running(pid))


class OtherClusters(ClusterTest):
    def test_one_command_starts_a_dozen_nodes(self):
        self.up(12)
        self.submit(shell("true", name="wide", count=48, strategy="spread"))
        self.wait_for_job("wide", "succeeded")
        self.assertEqual(len({x["node"] for x in self.tasks("wide")}), 12)

    def test_a_port_that_is_taken_is_told_in_words(self):
        first = self.up(1)
        done = subprocess.run(
            [binary(), "up", "--nodes", "1", "--data", self.folder / "other",
             "--http", first.http, "--listen", "127.0.0.1:0"],
            stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=60)
        self.assertNotEqual(done.returncode, 0)
        self.assertNotIn("ready ", done.stdout)
        self.assertIn(first.http.rsplit(":", 1)[1], done.stderr)

    def test_data_of_a_running_cluster_are_refused(self):
        self.up(1)
        done = subprocess.run(
            [binary(), "up", "--nodes", "1", "--data", self.folder / "up",
             "--http", "127.0.0.1:0", "--listen", "127.0.0.1:0"],
            stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=60)
        self.assertNotEqual(done.returncode, 0)
        self.assertNotIn("ready ", done.stdout)


if __name__ == "__main__":
    unittest.main()
