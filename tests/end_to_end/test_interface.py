#!/usr/bin/env python3
"""What users rely on, asked of the real binary: REST, the protocol of workers
that speak HTTP, and the command line."""

import json
import pathlib
import re
import resource
import selectors
import socket
import subprocess
import threading
import time
import unittest
import urllib.request

import interface

from harness import (PATIENCE_S, ClusterTest, binary, eventually,
                     resident_bytes, shell)


class Description(ClusterTest):

    def setUp(self):
        super().setUp()
        if interface.jsonschema is None:
            self.fail("the Python library jsonschema is not here: "
                      "tools/install test, or apt-get install python3-jsonschema")
        self.up(nodes=2)
        self.document = self.get("/openapi.json")
        self.aut = interface.Interface(self.document)

    def test_it_keeps_the_rules_of_openapi_3_1(self):
        self.assertEqual(self.document["openapi"], "3.1.0")
        self.assertLessEqual({"title", "version"}, self.document["info"].keys())
        ids = []
        for pattern, methods in self.document["paths"].items():
            self.assertTrue(pattern.startswith("/"))
            for method, operation in methods.items():
                self.assertIn(method, {"get", "put", "post", "delete", "patch"})
                ids.append(operation["operationId"])
                named = [(x["in"], x["name"]) for x in operation["parameters"]]
                self.assertEqual(len(named), len(set(named)))
                in_path = {n for where, n in named if where == "path"}
                self.assertEqual(
                    in_path, {x.split("}")[0] for x in pattern.split("{")[1:]})
                for x in operation["parameters"]:
                    self.assertIn("schema", x)
                    self.assertTrue(x["in"] != "path" or x["required"])
                self.assertIn("default", operation["responses"])
                for status, answer in operation["responses"].items():
                    self.assertTrue(status == "default" or len(status) == 3)
                    self.assertIn("description", self.aut.resolve(answer))
        self.assertEqual(len(ids), len(set(ids)))
        for name, schema in self.document["components"]["schemas"].items():
            with self.subTest(name):
                interface.jsonschema.Draft202012Validator.check_schema(schema)
        self.every_reference_is_of_something(self.document)

    def every_reference_is_of_something(self, at):
        if isinstance(at, dict):
            if isinstance(at.get("$ref"), str):
                self.aut.resolve(at)
            for x in at.values():
                self.every_reference_is_of_something(x)
        elif isinstance(at, list):
            for x in at:
                self.every_reference_is_of_something(x)

    def test_a_client_that_is_made_from_it_can_do_everything(self):
        job = {"name": "web", "command": ["sleep", "600"], "kind": "service",
               "count": 2, "cpu": "100m", "memory": "16MiB", "labels": {"a": "b"},
               "ports": {"http": 80}, "restart": {"delay": "1s"}}

        def ask(operation, body=None, **given):
            status, answer = self.aut.ask(self.address, operation, body, **given)
            self.assertLess(status, 300, f"{operation}: {answer}")
            asked.add(operation)
            return answer

        asked = set()
        self.assertEqual(
            self.aut.problems_of({"$ref": "#/components/schemas/jobs"}, job), [])
        made = ask("postJobs", job, **{"Idempotency-Key": "k"})
        self.assertTrue(made["jobs"][0]["created"])
        eventually(lambda: ask("getJobsOfJob", job="web")["tasks"]["running"]
                   == 2, "the tasks run")
        ask("postNodes", {"name": "w1", "capacity": {"cpu": 1, "memory": "1GiB"}})
        ask("postNodesOfNodeHeartbeat", {"used": {"cpu": 1}}, node="w1")
        ask("getNodesOfNodeWork", node="w1")
        ask("postNodesOfNodeReports", {"reports": []}, node="w1")
        for operation in ("getJobs", "getTasks", "getNodes", "getGangs",
                          "getQueue", "getCache"):
            ask(operation, limit=10, wait="10ms")
        for operation in ("getCluster", "getPolicies", "getActors", "getMap",
                          "getUsage", "getEvents", "getSettings", "getHealthz",
                          "getReadyz", "getMetrics", "getOpenapiJson", "get",
                          "getBackup"):
            ask(operation)
        page = ask("get").decode()
        ask("getDashboardOfFile",
            file=re.search(r"dashboard/([\w.-]+)", page).group(1))
        ask("getTasksOfTask", task="web.0")
        ask("getTasksOfTaskLogs", task="web.0", tail=1, stream="stdout")
        ask("getNodesOfNode", node="n1")
        for operation, name in (("getJobsOfJobWhy", {"job": "web"}),
                                ("getTasksOfTaskWhy", {"task": "web.0"}),
                                ("getNodesOfNodeWhy", {"node": "n1"})):
            ask(operation, **name)
        ask("postTasksOfTaskExec", {"command": ["true"]}, task="web.0")
        ask("postPlan", {"change": {"drainNode": "n1"}})
        for name, body in (("Scale", {"count": 3}), ("Restart", {}),
                           ("Stop", None)):
            ask("postJobsOfJob" + name, body, job="web", dryRun=True)
        for name in ("Stop", "Restart"):
            ask("postTasksOfTask" + name, task="web.0", dryRun=True)
        for name in ("Drain", "Cordon", "Uncordon"):
            ask("postNodesOfNode" + name, node="n1", dryRun=True)
        ask("patchNodesOfNode", {"labels": {"zone": "a"}}, node="n1")
        ask("deleteNodesOfNode", node="w1")
        ask("deleteCache", dryRun=True)
        ask("putSettings", {"strategy": "spread"}, dryRun=True)
        ask("postJobs", {**job, "count": 3})
        ask("postJobsOfJobRollback", job="web", dryRun=True)
        # All three see the same.
        by_description = ask("getJobs")["items"]
        by_hand = self.get("/v1/jobs")["items"]
        by_command_line = json.loads(self.troupe("jobs", "-o", "json")[0])
        for x in (by_hand, by_command_line["items"]):
            self.assertEqual([(y["name"], y["spec"]) for y in x],
                             [(y["name"], y["spec"]) for y in by_description])
        ask("deleteJobsOfJob", job="web")
        # That one opens a WebSocket.
        self.assertEqual(set(self.aut.operations()) - asked, {"getLive"})

    def test_bodies_that_are_refused_are_no_valid_bodies(self):
        for schema, body in (
                ("job", {"comand": ["x"]}), ("job", {"count": 0}),
                ("job", {"name": "A"}), ("job", {"timeout": 5}),
                ("job", {"ports": {"http": 0}}), ("scale", {}),
                ("drain", {"deadline": "x"}), ("profile", {"name": "a"}),
                ("settingsChange", {"logLevel": "loud"})):
            with self.subTest(schema, body=body):
                self.assertNotEqual(self.aut.problems_of(
                    {"$ref": f"#/components/schemas/{schema}"}, body), [])


class Lists(ClusterTest):

    def test_events_are_read_page_by_page_and_waited_for(self):
        self.up(nodes=1)
        self.submit(shell("exit 0", name="one"))
        self.wait_for_job("one", "succeeded")
        all_at_once = [x["version"] for x in self.items("/v1/events")]
        paged, cursor = [], ""
        while cursor is not None:
            page = self.get(f"/v1/events?limit=2&cursor={cursor}")
            self.assertLessEqual(len(page["items"]), 2)
            paged += [x["version"] for x in page["items"]]
            cursor = page["nextCursor"]
        self.assertEqual(paged, all_at_once)
        self.assertEqual(self.call("GET", "/v1/events?cursor=x")[0], 400)
        # Nothing new: the wait runs out. Something new: it ends at once.
        version = self.get("/v1/cluster")["version"]
        page = self.get(f"/v1/events?since={version}&wait=1s")
        self.assertEqual(page["items"], [])
        found = []
        waiting = threading.Thread(target=lambda: found.append(
            self.get(f"/v1/events?since={version}&wait=60s")))
        waiting.start()
        self.submit(shell("exit 0", name="two"))
        waiting.join(60)
        self.assertEqual(found[0]["items"][0]["version"], version + 1)
        self.assertEqual(found[0]["items"][0]["job"], "two")

    def test_every_list_takes_a_limit_and_a_cursor(self):
        self.up(nodes=3)
        for path in ("jobs", "tasks", "nodes", "gangs", "queue", "events",
                     "cache", "policies", "actors"):
            with self.subTest(path):
                page = self.get(f"/v1/{path}?limit=1000")
                self.assertLessEqual({"items", "nextCursor", "version"},
                                     page.keys())
                self.assertGreater(page["version"], 0)
                for wrong in ("limit=0", "limit=10001", "cursor=!"):
                    status, problem = self.call("GET", f"/v1/{path}?{wrong}")
                    self.assertEqual(status, 400, wrong)
                    self.assertEqual(problem["errors"][0]["pointer"],
                                     "/" + wrong.split("=")[0])
        for verb in ("jobs", "events"):
            said = self.troupe(verb, "--limit", 0, code=2)[1]
            self.assertIn("--limit must be a whole number from 1", said)
        self.assertIn("No node matches",
                      self.troupe("nodes", "--label", "x=y")[1])
        first = self.get("/v1/actors?limit=2")
        self.assertEqual(len(first["items"]), 2)
        self.assertEqual(
            first["items"] + self.items(
                f"/v1/actors?cursor={first['nextCursor']}")[:1],
            self.get("/v1/actors")["items"][:3])


def allow_descriptors(test, wanted):
    """Lets this process, and what it starts, have so many until `test` ends."""
    before, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    test.assertTrue(
        most >= wanted or most == resource.RLIM_INFINITY,
        f"only {most} descriptors are allowed here and {wanted} are needed: run "
        f"`ulimit -Hn {wanted}` as root before, or raise LimitNOFILE")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(before, wanted), most))
    test.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (before, most))


class Client:
    """Asks over one connection again and again; never waits."""

    def __init__(self, host, port, paths):
        self.socket = socket.create_connection((host, port))
        self.socket.setblocking(False)
        self.asks = [f"GET {x} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode()
                     for x in paths]
        self.answers = 0
        self.input = b""

    def ask(self):
        # Less than any socket's buffer.
        self.socket.send(self.asks[self.answers % len(self.asks)])

    def hear(self):
        """Whether an answer is complete, which must be a good one."""
        piece = self.socket.recv(1 << 16)
        if not piece:
            raise AssertionError(f"cut off after {self.input!r}")
        self.input += piece
        head, end, body = self.input.partition(b"\r\n\r\n")
        if not end:
            return False
        size = int(re.search(rb"(?i)content-length: (\d+)", head)[1])
        if len(body) < size:
            return False
        if not head.startswith(b"HTTP/1.1 200"):
            raise AssertionError(self.input.decode())
        self.input = b""
        self.answers += 1
        return True


class Clients(ClusterTest):

    COUNT = 1_000
    ANSWERS_EACH = 20
    JOBS = 100
    TASKS_EACH = 5

    def test_a_thousand_clients_at_once_are_answered_while_tasks_are_placed(self):
        allow_descriptors(self, self.COUNT + 500)
        up = self.up(4, drivers="simulated", capacity="cpu=64,memory=64GiB")
        host, port = up.http.split(":")
        clients = [Client(host, int(port), ["/v1/cluster", "/v1/jobs?limit=5",
                                            "/v1/queue", "/v1/nodes", "/healthz"])
                   for _ in range(self.COUNT)]
        self.addCleanup(lambda: [x.socket.close() for x in clients])

        def submit_all():
            for i in range(self.JOBS):
                self.submit({
                    "name": f"job-{i}", "kind": "batch", "driver": "simulated",
                    "command": ["x"], "count": self.TASKS_EACH, "cpu": 0.1,
                    "memory": "1MiB", "simulate": {"duration": "1ms"}})

        submitter = threading.Thread(target=submit_all)
        with selectors.DefaultSelector() as ready:
            for x in clients:
                ready.register(x.socket, selectors.EVENT_READ, x)
                x.ask()
            submitter.start()
            # They go on for as long as jobs come in.
            deadline = time.monotonic() + PATIENCE_S
            busy = self.COUNT
            while busy:
                self.assertLess(time.monotonic(), deadline,
                                f"{busy} clients wait for answers")
                for key, _ in ready.select(1):
                    x = key.data
                    if not x.hear():
                        continue
                    if x.answers < self.ANSWERS_EACH or submitter.is_alive():
                        x.ask()
                    else:
                        ready.unregister(x.socket)
                        busy -= 1
        submitter.join(PATIENCE_S)
        self.assertFalse(submitter.is_alive())
        for i in range(self.JOBS):
            self.wait_for_job(f"job-{i}", "succeeded")
        for x in clients:
            self.assertGreaterEqual(x.answers, self.ANSWERS_EACH)


class Watchers(ClusterTest):

    # Those of whom many look at once, and what they may cost together.
    COUNT = 5_000
    BYTES_MAX = 50_000_000

    def test_thousands_who_wait_are_cheap_and_hinder_nobody(self):
        allow_descriptors(self, self.COUNT + 500)
        up = self.up(nodes=1)
        host, port = up.http.split(":")
        version = self.get("/v1/cluster")["version"]
        ask = (f"GET /v1/jobs?wait=5m&version={version} HTTP/1.1\r\n"
               f"Host: {up.http}\r\n\r\n").encode()
        used = resident_bytes(up.pid)
        watchers = []
        for _ in range(self.COUNT):
            watchers.append(socket.create_connection((host, int(port))))
            watchers[-1].sendall(ask)
        self.assertEqual(self.get("/v1/jobs")["items"], [])
        self.submit(shell("exit 0", name="one"))
        # Whoever waits is told at once.
        for watcher in watchers[::500]:
            watcher.settimeout(60)
            self.assertTrue(watcher.recv(100).startswith(b"HTTP/1.1 200"))
        used = resident_bytes(up.pid) - used
        for watcher in watchers:
            watcher.close()
        # What sanitizers keep beside is not ours.
        if "asan" not in pathlib.Path(f"/proc/{up.pid}/maps").read_text():
            self.assertLess(used, self.BYTES_MAX)
        self.wait_for_job("one", "succeeded")


class Submissions(ClusterTest):

    def test_every_mistake_is_told_with_its_place(self):
        self.up(nodes=1)
        good = {"command": ["true"]}
        for body, place in (
                ({**good, "after": ["no"]}, "/after/0"),
                ([{**good, "after": ["no"]}], "/0/after/0"),
                ({"jobs": [good, {**good, "after": ["no"]}]},
                 "/jobs/1/after/0"),
                ({"jobs": [{**good, "cpu": "x"}]}, "/jobs/0/cpu"),
                ({**good, "labels": {"a/b": 1}}, "/labels/a~1b")):
            status, problem = self.call("POST", "/v1/jobs", body)
            self.assertEqual(status, 400)
            self.assertEqual([x["pointer"] for x in problem["errors"]], [place])


class Workers(ClusterTest):

    def test_a_worker_registers_works_and_reports(self):
        self.up(nodes=1)
        me = {"name": "w1", "capacity": {"cpu": 2, "memory": "1GiB"},
              "labels": {"os": "plan9"}}
        status, made = self.call("POST", "/v1/nodes", me)
        self.assertEqual(status, 201, made)
        self.assertGreater(made["version"], 0)
        status, again = self.call("POST", "/v1/nodes", me)
        self.assertEqual((status, again["name"]), (200, "w1"))
        node = eventually(
            lambda: (lambda x: x if x["heartbeatAgeSeconds"] is not None
                     else None)(self.get("/v1/nodes/w1")), "w1 is heard")
        self.assertLess(node["heartbeatAgeSeconds"], 60)
        self.assertIsNone(node["drainDeadline"])
        self.submit(shell("exit 0", name="job", requires={"os": "plan9"}))
        work = eventually(
            lambda: self.get("/v1/nodes/w1/work?wait=10s")["items"], "work")
        self.assertEqual((work[0]["kind"], work[0]["task"]), ("start", "job.0"))
        self.assertIsNone(work[0]["deadline"])
        self.assertIsNone(work[0]["reason"])
        report = {"task": "job.0", "attempt": 1, "sequence": 1,
                  "state": "succeeded", "exitCode": 0}
        for _ in range(2):
            status, taken = self.call(
                "POST", "/v1/nodes/w1/reports",
                {"acknowledged": work[0]["sequence"], "reports": [report]})
            self.assertEqual((status, taken["acknowledged"]), (200, 1))
        self.wait_for_job("job", "succeeded")

    def test_a_name_that_a_machine_has_is_not_given_to_a_worker(self):
        self.up(nodes=1)
        status, problem = self.call(
            "POST", "/v1/nodes",
            {"name": "n1", "capacity": {"cpu": 1, "memory": "1GiB"}})
        self.assertEqual(status, 409, problem)
        self.assertIn("take another name", problem["detail"])
        self.assertEqual(self.get("/v1/nodes/n1")["capacity"]["cpu"], 4)


class Settings(ClusterTest):

    def test_the_log_level_is_set_at_run_time(self):
        up = self.up(nodes=1)
        self.assertEqual(self.get("/v1/settings")["logLevel"], "info")
        self.troupe("settings", "--log-level", "error", "--dry-run")
        self.assertEqual(self.get("/v1/settings")["logLevel"], "info")
        self.troupe("settings", "--log-level", "error")
        self.assertEqual(self.get("/v1/settings")["logLevel"], "error")
        shown, _ = self.troupe("settings", "-o", "json")
        self.assertEqual(json.loads(shown)["logLevel"], "error")
        # What is no error is said no more.
        said = up.log_text()
        self.call("POST", "/v1/nodes",
                  {"name": "w1", "capacity": {"cpu": 1, "memory": "1GiB"}})
        up.process.send_signal(1)
        eventually(lambda: self.get("/v1/settings")["logLevel"] == "info",
                   "SIGHUP takes the options up again")
        self.assertNotIn("w1", up.log_text()[len(said):])

    def test_sighup_says_what_it_cannot_take_over(self):
        options = self.folder / "options.json"
        options.write_text('{"log-level": "info"}')
        up = self.up(1, "--config", options)
        options.write_text('{"log-level": "debug", "removed-after": "1h"}')
        up.process.send_signal(1)
        eventually(lambda: "--removed-after has changed" in up.log_text(),
                   "the option that waits is named")
        self.assertEqual(self.get("/v1/settings")["logLevel"], "debug")

    def test_what_is_wrong_is_said_once_and_by_name(self):
        self.up(nodes=1)
        _, said = self.troupe("settings", "--strategy", "no-such", code=2)
        self.assertEqual(said.count("no-such"), 1, said)
        _, said = self.troupe("settings", "--concurrency", "ann=3", code=2)
        self.assertIn('the limit "ann"', said)
        status, problem = self.call(
            "PUT", "/v1/settings", {"strategy": "x", "queueOrder": "y"})
        self.assertEqual(status, 400)
        self.assertEqual([x["pointer"] for x in problem["errors"]],
                         ["/strategy", "/queueOrder"])


class CommandLine(ClusterTest):

    def test_logs_follow_a_task_over_its_attempts(self):
        self.up(nodes=1)
        gate = self.folder / "gate"
        self.submit(shell(
            f"echo run $TROUPE_ATTEMPT; while ! [ -e {gate} ]; do sleep 0.1; "
            "done; [ $TROUPE_ATTEMPT = 3 ]", name="again", retries=5))
        self.wait_for_task("again.0", "running")
        readers = [subprocess.Popen(
            [binary(), "logs", "--address", self.address, "-f", name],
            stdout=subprocess.PIPE, text=True)
            for name in ("again.0", "again")]
        for reader in readers:
            self.assertEqual(reader.stdout.readline(), "run 1\n")
        gate.touch()
        for reader in readers:
            rest, _ = reader.communicate(timeout=60)
            self.assertEqual(rest, "run 2\nrun 3\n")
            self.assertEqual(reader.returncode, 0)

    def test_what_was_written_before_comes_before_what_was_complained(self):
        self.up(nodes=1)
        self.submit(shell("echo out; echo err >&2", name="both"))
        self.wait_for_job("both", "succeeded")
        self.assertEqual(self.get("/v1/tasks/both.0/logs"), "out\nerr\n")
        for stream, text in (("stdout", "out\n"), ("stderr", "err\n")):
            self.assertEqual(
                self.get(f"/v1/tasks/both.0/logs?stream={stream}"), text)

    def test_who_follows_a_task_that_waits_sees_it_start(self):
        self.up(nodes=1)
        self.submit(shell("echo here", name="late", requires={"disk": "ssd"}))
        reader = subprocess.Popen(
            [binary(), "logs", "--address", self.address, "-f", "late"],
            stdout=subprocess.PIPE, text=True)
        self.troupe("label", "n1", "disk=ssd")
        said, _ = reader.communicate(timeout=60)
        self.assertEqual((said, reader.returncode), ("here\n", 0))

    def test_whatever_is_shown_is_shown_in_every_format(self):
        self.up(nodes=1)
        self.submit({"command": ["sleep", "600"], "kind": "service",
                     "name": "web", "cpu": 0.1})
        for verb in (("jobs",), ("tasks",), ("nodes",), ("gangs",), ("queue",),
                     ("events",), ("cluster",), ("settings",), ("doctor",),
                     ("job", "web"), ("task", "web.0"), ("node", "n1"),
                     ("why", "web"), ("why", "n1"),
                     ("plan", "stop", "web")):
            for how in ("table", "wide", "json", "jsonl", "name"):
                with self.subTest(verb=verb, how=how):
                    said, _ = self.troupe(*verb, "-o", how,
                                          code=1 if verb[0] == "plan" else None)
                    lines = said.splitlines()
                    if how == "json":
                        json.loads(said)
                    elif how == "jsonl":
                        for line in lines:
                            json.loads(line)
                    elif how == "name" and verb[0] != "cluster":
                        self.assertTrue(all(lines), said)

    def test_help_of_node_tells_both_of_its_uses(self):
        said, _ = self.troupe("node", "--help")
        self.assertIn("--controller", said)
        self.assertIn("--metrics", said)
        self.assertIn("Shows a node", said)

    def test_daemons_refuse_what_they_cannot_be_called(self):
        said = self.refused("node", "--controller", "127.0.0.1:1", "--name",
                            "a b", "--data", self.folder / "n")
        self.assertIn("--name", said)
        options = self.folder / "options.json"
        options.write_text('{"unhealthy-aftr": "20s"}')
        said = self.refused("up", "--config", options)
        self.assertIn("unhealthy-after", said)
        said = self.refused("up", "--batch-size", "0", "--data",
                            self.folder / "none")
        self.assertIn("from 1 to 1024", said)
        said = self.refused("up", "--nodes", "100000", "--data",
                            self.folder / "many")
        self.assertIn("at most 10000", said)

    def test_up_tells_metrics_of_its_nodes_apart_if_it_is_asked(self):
        up = self.up(1, "--metrics", "127.0.0.1:0")
        self.submit(shell("exit 0", name="one"))
        self.wait_for_job("one", "succeeded")
        metrics = f"http://{up.ready['metrics']}/metrics"
        with urllib.request.urlopen(metrics, timeout=60) as answer:
            said = answer.read().decode()
        self.assertIn("troupe_driver_operation_duration_seconds", said)
        self.assertNotIn("troupe_leader", said)

    def test_a_cluster_is_known_by_the_name_of_its_journal(self):
        first = self.up(1)
        name = self.get("/v1/cluster")["id"]
        self.assertRegex(name, "^[0-9a-f]{32}$")
        first.terminate()
        self.up(1)
        self.assertEqual(self.get("/v1/cluster")["id"], name)

    def test_a_plan_counts_a_service_once(self):
        self.up(nodes=1)
        self.submit({"command": ["sleep", "600"], "kind": "service",
                     "name": "web", "cpu": 0.1})
        self.wait_for_task("web.0", "running")
        for body in ({"change": {"drainNode": "n1"}}, {"drainNode": "n1"}):
            status, plan = self.call("POST", "/v1/plan", body)
            self.assertEqual(status, 200, plan)
            self.assertEqual(plan["counts"]["doesNotFit"], 1)


if __name__ == "__main__":
    unittest.main()
