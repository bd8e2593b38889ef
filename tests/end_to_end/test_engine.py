#!/usr/bin/env python3
"""Whatever becomes of a Docker engine or of its containers behind our back."""

import contextlib
import os
import socket
import subprocess
import unittest

import docker_engine
from docker_engine import IMAGE, DockerEngine
from harness import ClusterTest, eventually

QUICK = ["--heartbeat", "1s", "--unhealthy-after", "30s"]


def container(script, **more):
    """A job that runs `script` in a container to its end."""
    return {"image": IMAGE, "command": ["sh", "-c", script], "kind": "batch",
            "cpu": 0.1, "memory": "32MiB", **more}


def service(**more):
    return container("exec sleep 10000", **{
        "kind": "service", "restart": {"delay": "200ms"}, **more})


class EngineTest(ClusterTest):
    bridge = "none"

    def setUp(self):
        super().setUp()
        self.engine = DockerEngine(self.bridge)
        self.addCleanup(self.engine.end)
        # The engine ends last: what runs on it belongs to the daemons.
        self._cleanups.insert(0, self._cleanups.pop())
        self.control = self.controller(*QUICK)
        self.d1 = self.start_node("d1")
        self.wait_for_nodes(1)

    def start_node(self, name):
        return self.node(
            self.control, name, "--docker", self.engine.address,
            "--docker-network", self.network(), drivers="docker")

    def network(self):
        return "none" if self.bridge == "none" else "bridge"

    def containers_of(self, task):
        """Ids of the containers of `task`, in any state, by attempt."""
        return {int(x["Labels"]["troupe.attempt"]): x["Id"]
                for x in self.engine.containers()
                if task in x["Labels"].values()}

    def wait_for_attempt(self, task, number, state):
        def there():
            found = self.task(task)
            return found if (found["attempt"], found["state"]) == (
                number, state) else None
        return eventually(there, f"attempt {number} of {task} is {state}")

    def wait_for_message(self, path, text):
        eventually(lambda: text in self.get(path).get("message", ""),
                   f"{path} says: {text}")


@unittest.skipIf(docker_engine.unavailable(), docker_engine.unavailable())
class Outage(EngineTest):
    def test_an_engine_that_hangs_is_told_of_and_nothing_is_lost(self):
        self.submit(service(name="web"))
        self.wait_for_task("web.0", "running")
        before = self.containers_of("web.0")
        self.engine.hang()
        self.submit(container("true", name="early"))
        # Whoever looks sees it: at the node, at the task, at the machine.
        self.wait_for_message("/v1/nodes/d1", "as if it hung")
        self.wait_for_message("/v1/tasks/early.0", "as if it hung")
        self.assertEqual(self.task("early.0")["state"], "starting")
        self.assertIn("as if it hung", self.troupe("node", "d1")[0])
        self.assertIn("as if it hung", self.troupe("nodes", "-o", "wide")[0])
        self.assertIn("as if it hung", self.troupe(
            "doctor", "--docker", self.engine.address, code=None)[0])
        # Nothing new goes there, and it is said why.
        self.submit(container("true", name="late"))
        eventually(lambda: "driver docker does not work now" in
                   self.troupe("why", "late.0")[0], "it is said why")
        self.assertEqual(self.task("late.0")["state"], "pending")
        # What runs is not disturbed, and can be stopped once there is somebody
        # to ask.
        self.assertEqual(self.task("web.0")["state"], "running")
        self.engine.wake()
        for name in ("early", "late"):
            self.wait_for_job(name, "succeeded")
            self.assertEqual(len(self.task(f"{name}.0")["attempts"]), 1)
            self.assertEqual(len(self.containers_of(f"{name}.0")), 1)
        eventually(lambda: not self.get("/v1/nodes/d1").get("message"),
                   "the node is well again")
        self.assertEqual(self.task("web.0")["attempt"], 1)
        self.assertEqual(self.containers_of("web.0"), before)
        told = [x["drivers"] if "drivers" in x else [] for x in
                self.items("/v1/events?types=nodeTroubled")]
        self.assertEqual(told, [["docker"], []])

    def test_what_is_stopped_while_the_engine_hangs_stops_when_it_wakes(self):
        self.submit(service(name="web", stopGrace="1s"))
        self.wait_for_task("web.0", "running")
        self.engine.hang()
        self.submit(service(name="never"))
        self.wait_for_message("/v1/tasks/never.0", "as if it hung")
        for name in ("web", "never"):
            self.troupe("stop", name)
        self.engine.wake()
        for name in ("web", "never"):
            self.wait_for_task(f"{name}.0", "stopped")
        eventually(lambda: not self.engine.containers(status=["running"]),
                   "nothing runs")

    def test_a_node_that_comes_back_to_a_hung_engine_finds_its_tasks(self):
        self.submit(service(name="web"))
        self.submit(container("until [ -e /tmp/end ]; do sleep 0.1; done",
                              name="sum"))
        for task in ("web.0", "sum.0"):
            self.wait_for_task(task, "running")
        before = [self.containers_of(x) for x in ("web.0", "sum.0")]
        self.engine.hang()
        self.d1.kill()
        self.d1 = self.start_again(self.d1)
        self.wait_for_message("/v1/nodes/d1", "does not answer")
        self.engine.wake()
        made = self.engine.call(
            "POST", f"/containers/{before[1][1]}/exec",
            '{"Cmd": ["sh", "-c", "echo > /tmp/end"]}')
        self.engine.call("POST", f"/exec/{made['Id']}/start",
                         '{"Detach": true}')
        self.wait_for_job("sum", "succeeded")
        self.assertEqual(self.task("web.0")["state"], "running")
        self.assertEqual([self.containers_of(x) for x in ("web.0", "sum.0")],
                         before)
        for task in ("web.0", "sum.0"):
            self.assertEqual(len(self.task(task)["attempts"]), 1)

    def test_containers_that_die_with_their_engine_start_again(self):
        self.submit(service(name="web"))
        self.submit(container("sleep 3", name="sum"))
        for task in ("web.0", "sum.0"):
            self.wait_for_task(task, "running")
        self.engine.kill()
        self.wait_for_message("/v1/nodes/d1", "does not answer")
        # Also what comes in meanwhile waits, and says for what.
        self.submit(container("true", name="late"))
        eventually(lambda: "docker does not work now" in
                   self.troupe("why", "late.0")[0], "it is said why")
        self.engine.start_again()
        web = self.wait_for_attempt("web.0", 2, "running")
        self.wait_for_job("sum", "succeeded")
        self.wait_for_job("late", "succeeded")
        for first in (web["attempts"][0], self.task("sum.0")["attempts"][0]):
            self.assertEqual((first["state"], first["reason"]),
                             ("lost", "driverError"))
            self.assertIn("the Docker engine", first["message"])
        # It was not their doing: nobody counts it against them.
        self.assertEqual(self.job("sum")["state"], "succeeded")

    def test_an_engine_that_is_restarted_in_order_loses_nothing(self):
        self.submit(service(name="web"))
        self.submit(container("sleep 3", name="sum"))
        for task in ("web.0", "sum.0"):
            self.wait_for_task(task, "running")
        self.engine.terminate()
        self.engine.start_again()
        self.wait_for_job("sum", "succeeded")
        eventually(lambda: self.task("web.0")["state"] == "running"
                   and self.task("web.0")["attempt"] > 1, "it runs again")


@unittest.skipIf(docker_engine.unavailable(), docker_engine.unavailable())
class Meddling(EngineTest):
    def test_a_container_removed_by_hand_starts_again_and_says_why(self):
        self.submit(service(name="web"))
        self.wait_for_task("web.0", "running")
        first = self.containers_of("web.0")[1]
        self.engine.call("DELETE", f"/containers/{first}?force=1")
        task = self.wait_for_attempt("web.0", 2, "running")
        ended = task["attempts"][0]
        self.assertIn(ended["reason"], ("signal", "driverError"))
        self.assertRegex(ended["message"], "SIGKILL|removed by somebody else")
        self.assertEqual(list(self.containers_of("web.0")), [2])

    def test_memory_that_runs_out_is_told_and_restarted(self):
        self.submit(service(name="greedy", command=["tail", "/dev/zero"]))
        task = eventually(
            lambda: (lambda x: x if x["attempt"] > 1 else None)(
                self.task("greedy.0")), "it is started again")
        self.assertEqual(task["attempts"][0]["reason"], "outOfMemory")
        self.assertIn("memory", task["attempts"][0]["message"])

    def test_an_image_that_nobody_has_is_asked_for_less_and_less(self):
        self.submit(service(name="typo", image="127.0.0.1:1/nothing:latest",
                            restart={"delay": "500ms", "backoff": 3}))
        ends = eventually(
            lambda: (lambda x: x if len(x) == 3 else None)(
                [x for x in self.items("/v1/events?types=taskEnded")][:3]),
            "it was tried three times")
        self.assertEqual({x["reason"] for x in ends}, {"imageNotFound"})
        waits = self.waits("typo.0")
        self.assertGreaterEqual(waits[0], 0.5)
        self.assertGreaterEqual(waits[1], 3 * 0.5)
        self.assertGreaterEqual(waits[2], 9 * 0.5)
        task = self.task("typo.0")
        self.assertIn("starts again in", task["message"])
        self.assertIn("127.0.0.1:1/nothing:latest", task["message"])

    def waits(self, task):
        """Seconds from each end of `task` to its next try."""
        from datetime import datetime
        return [(datetime.fromisoformat(x["notBefore"])
                 - datetime.fromisoformat(x["time"])).total_seconds()
                for x in self.items("/v1/events?types=taskRequeued")
                if x["task"] == task]


def ip(*arguments):
    subprocess.run(["ip", *arguments], check=True, capture_output=True,
                   stdin=subprocess.DEVNULL, timeout=60)


@unittest.skipIf(docker_engine.unavailable(), docker_engine.unavailable())
class Ports(EngineTest):
    """The engine has a bridge here, so that it publishes ports."""

    def setUp(self):
        self.bridge = f"trb{os.getpid() % 100000}"
        ip("link", "add", self.bridge, "type", "bridge")
        self.addCleanup(ip, "link", "del", self.bridge)
        ip("addr", "add", f"10.214.{os.getpid() % 200 + 20}.1/24", "dev",
           self.bridge)
        ip("link", "set", self.bridge, "up")
        super().setUp()

    @contextlib.contextmanager
    def taken(self, port):
        """A port that a stranger holds."""
        with socket.socket() as stranger:
            stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            # Another test may be that stranger.
            with contextlib.suppress(OSError):
                stranger.bind(("0.0.0.0", port))
                stranger.listen()
            yield

    def test_a_task_whose_port_is_taken_gets_another(self):
        self.submit(service(name="first", ports={"http": 80}))
        port = self.wait_for_task("first.0", "running")["ports"]["http"]
        with self.taken(port + 1):
            self.submit(service(name="second", ports={"http": 80}))
            task = eventually(
                lambda: (lambda x: x if x["state"] == "running" else None)(
                    self.task("second.0")), "it runs")
        self.assertEqual(task["attempts"][0]["reason"], "portInUse")
        self.assertIn("taken", task["attempts"][0]["message"])
        self.assertNotIn(task["ports"]["http"], (port, port + 1))

    def test_a_port_that_was_asked_for_is_waited_for(self):
        with socket.socket() as probe:
            probe.bind(("0.0.0.0", 0))
            port = probe.getsockname()[1]
        self.start_node("d2")
        self.wait_for_nodes(2)
        with self.taken(port):
            self.submit(service(name="web", restart={"delay": "300ms"},
                                ports={"http": {"container": 80,
                                                "host": port}}))
            tried = eventually(
                lambda: (lambda x: x if len(x) >= 3 else None)(
                    self.items("/v1/events?types=taskEnded")),
                "it is tried again")
            self.assertEqual({x["reason"] for x in tried}, {"portInUse"})
            # Both machines are tried, for another may have it free.
            self.assertEqual({x["node"] for x in tried[:2]}, {"d1", "d2"})
        task = eventually(
            lambda: (lambda x: x if x["state"] == "running" else None)(
                self.task("web.0")), "it runs once the port is free")
        self.assertEqual(task["ports"]["http"], port)


if __name__ == "__main__":
    unittest.main()
