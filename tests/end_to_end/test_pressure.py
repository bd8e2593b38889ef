#!/usr/bin/env python3
"""Bursts on a node that has little left: held back, lowest priority first, and
given back."""

import pathlib
import sys
import unittest
import urllib.request

import docker_engine
from docker_engine import IMAGE, DockerEngine
from harness import ClusterTest, eventually, is_running

# More than a node's own pauses, on a machine that is busy otherwise.
WITHIN_S = 150


def group_file(pid, controller, one, two):
    """What a control group of either version says of process `pid`."""
    for line in pathlib.Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, names, path = line.split(":", 2)
        root = pathlib.Path("/sys/fs/cgroup")
        if controller in names.split(","):
            return (root / controller / path[1:] / one).read_text().split()
        if names == "" and (root / path[1:] / two).exists():
            return (root / path[1:] / two).read_text().split()
    return []


def cpu_limit(pid):
    """In thousandths of a core; none if there is none."""
    said = group_file(pid, "cpu", "cpu.cfs_quota_us", "cpu.max")
    if not said or said[0] in ("-1", "max"):
        return None
    return int(said[0]) // 100


def groups_can_be_made():
    file = "/sys/fs/cgroup/cpu/cgroup.procs"
    return pathlib.Path(file).exists() or pathlib.Path(
        "/sys/fs/cgroup/cgroup.controllers").exists()


class Pressure(ClusterTest):
    """A node that is declared to have so little that any machine can give more,
    and on which more is promised than that."""

    def overcommitted(self, node):
        self.wait_for_nodes(1)
        status, body = self.call("PUT", "/v1/settings", {"overcommit": 2})
        self.assertEqual(status, 200, body)
        return node

    def burst_limit(self, task):
        return self.task(task).get("burstLimit")

    def burner(self, name, cpu, priority, **more):
        """Burns while its file is there, and says who it is."""
        here = self.folder / name
        here.touch()
        self.submit({
            "name": name, "kind": "service", "priority": priority, "cpu": cpu,
            "memory": "16MiB", "command": ["sh", "-c",
            f"echo $$ > {here}.pid; while :; do while [ -e {here} ]; do :; "
            "done; sleep 0.2; done"], **more})
        return here, self.pid_of(self.folder / f"{name}.pid")

    @unittest.skipUnless(groups_can_be_made(), "no control groups here")
    def test_the_lower_priority_shrinks_first_and_gets_it_back(self):
        control = self.controller("--heartbeat", "1s")
        node = self.overcommitted(self.node(
            control, capacity="cpu=0.2,memory=1GiB"))
        # Together they have requested 0.25 of 0.2.
        _, low = self.burner("low", 0.1, 0)
        high_burns, high = self.burner("high", 0.15, 5)

        def low_is_held():
            if cpu_limit(high) is not None:
                eventually(lambda: cpu_limit(low) == 100,
                           "the lower one is not spared", 5)
            return cpu_limit(low) == 100
        eventually(low_is_held, "the lower one is held to its request",
                   WITHIN_S)
        eventually(lambda: (self.burst_limit("low.0") or {}).get("cpu") == 0.1,
                   "the controller knows")
        self.assertIn("held back to cpu 0.1", self.troupe("task", "low.0")[0])
        with urllib.request.urlopen(
                f"http://{node.ready['metrics']}/metrics") as answer:
            self.assertRegex(
                answer.read().decode(),
                r'troupe_bursts_held_tasks\{.*resource="cpu".*\} [12]')
        self.assertRegex(node.log_text(), "low.0, .*cpu is held to")
        # Never below a request.
        self.assertIn(cpu_limit(high), [None, *range(150, 2000)])
        # A node that dies and comes back knows what it held.
        node.kill()
        high_burns.unlink()
        self.folder.joinpath("low").unlink()
        self.start_again(node)
        eventually(lambda: cpu_limit(low) is None and cpu_limit(high) is None,
                   "all is given back", WITHIN_S)
        eventually(lambda: not self.burst_limit("low.0"),
                   "the controller knows")
        self.assertTrue(is_running(low))
        self.assertTrue(is_running(high))

    def test_who_took_more_memory_than_it_requested_goes_when_none_is_left(
            self):
        control = self.controller("--heartbeat", "1s")
        self.overcommitted(self.node(
            control, capacity="cpu=4,memory=128MiB"))

        def keeper(name, mebibytes, priority, request):
            self.submit({
                "name": name, "kind": "batch", "cpu": 0.1, "memory": request,
                "priority": priority, "command": [sys.executable, "-c",
                f"x = b'x' * ({mebibytes} << 20); "
                "import time; time.sleep(1000)"]})
            self.wait_for_task(f"{name}.0", "running")
        # Requests fit, and what is used does not.
        keeper("high", 44, 5, "56MiB")
        keeper("low", 35, 0, "16MiB")
        keeper("third", 44, 5, "56MiB")
        ended = eventually(
            lambda: (lambda x: x if x["state"] == "failed" else None)(
                self.task("low.0")), "the lowest goes", WITHIN_S)
        self.assertEqual(ended["reason"], "outOfMemory")
        self.assertRegex(ended["message"],
                         r"had requested 16MiB|its memory limit")
        for task in ("high.0", "third.0"):
            self.assertEqual(self.task(task)["state"], "running")


@unittest.skipIf(docker_engine.unavailable(), docker_engine.unavailable())
class DockerPressure(Pressure):
    """The same with containers, as their engine tells it."""

    @classmethod
    def setUpClass(cls):
        cls.engine = DockerEngine()
        cls.addClassCleanup(cls.engine.end)

    def quota(self, task):
        for x in self.engine.containers():
            if task in x["Labels"].values():
                return self.engine.inspect(x["Id"])["HostConfig"]["CpuQuota"]
        return None

    def test_the_lower_priority_shrinks_first_and_gets_it_back(self):
        self.addCleanup(self.engine.remove_all)
        control = self.controller("--heartbeat", "1s")
        self.overcommitted(self.node(
            control, "n1", "--docker", self.engine.address,
            "--docker-network", "none", capacity="cpu=0.2,memory=1GiB",
            drivers="docker"))
        job = {"image": IMAGE, "memory": "16MiB", "kind": "service",
               "command": ["sh", "-c", "while :; do :; done"]}
        self.submit({**job, "name": "low", "cpu": 0.1})
        self.submit({**job, "name": "high", "cpu": 0.15, "priority": 5})
        self.wait_for_task("high.0", "running")

        def low_is_held():
            if (self.quota("high.0") or -1) > 0:
                eventually(lambda: self.quota("low.0") == 10_000,
                           "the lower one is not spared", 5)
            return self.quota("low.0") == 10_000
        eventually(low_is_held, "the lower one is held to its request",
                   WITHIN_S)
        eventually(lambda: self.burst_limit("low.0"), "the controller knows")
        self.troupe("stop", "high")
        self.wait_for_task("high.0", "stopped")
        eventually(lambda: self.quota("low.0") > 10_000, "it gets more again",
                   WITHIN_S)

    def test_who_took_more_memory_than_it_requested_goes_when_none_is_left(
            self):
        self.addCleanup(self.engine.remove_all)
        control = self.controller("--heartbeat", "1s")
        self.overcommitted(self.node(
            control, "n1", "--docker", self.engine.address,
            "--docker-network", "none", capacity="cpu=4,memory=128MiB",
            drivers="docker"))

        def keeper(name, mebibytes, priority, request):
            n = mebibytes << 20
            self.submit({
                "name": name, "kind": "batch", "image": IMAGE, "cpu": 0.1,
                "memory": request, "memoryLimit": "120MiB",
                "priority": priority, "command": ["sh", "-c",
                f"(busybox head -c {n} /dev/zero; sleep 1000) | tail -c {n}"]})
            self.wait_for_task(f"{name}.0", "running")
        keeper("high", 50, 5, "56MiB")
        keeper("low", 40, 0, "16MiB")
        keeper("third", 50, 5, "56MiB")
        ended = eventually(
            lambda: (lambda x: x if x["state"] == "failed" else None)(
                self.task("low.0")), "the lowest goes", WITHIN_S)
        self.assertEqual(ended["reason"], "outOfMemory")
        for task in ("high.0", "third.0"):
            self.assertEqual(self.task(task)["state"], "running")


if __name__ == "__main__":
    unittest.main()
