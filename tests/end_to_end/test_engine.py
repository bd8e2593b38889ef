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
