#!/usr/bin/env python3
"""Machines in network namespaces, and cuts between them.

A cut lasts until its consequences are seen. `TROUPE_PARTITION_SECONDS` makes each
last longer, as in `TROUPE_PARTITION_SECONDS=120 test_partition.py --verbose`.
"""

import itertools
import os
import subprocess
import time
import unittest

from certificates import Authority
from harness import ClusterTest, Daemon, binary, eventually, is_running, shell


# How long a cut lasts at least.
LASTS_S = float(os.environ.get("TROUPE_PARTITION_SECONDS", "0"))
# Within which all is whole again, however long the cut has lasted: a machine
# dials every five seconds, and joins by the second try if not by the first.
WHOLE_S = 15


def ip(*arguments):
    subprocess.run(["ip", *[str(x) for x in arguments]], check=True,
                   stdin=subprocess.DEVNULL, capture_output=True, timeout=60)


class Machine:
    """A namespace, joined to the test's bridge by a cable that can be cut."""

    # The kernel takes its time to forget a name.
    made = itertools.count()

    def __init__(self, test, bridge, address):
        mark = f"{os.getpid() % 100000}x{next(self.made)}"
        self.space = f"tr{mark}"
        self.cable = f"v{mark}"
        self.address = address
        ip("netns", "add", self.space)
        test.addCleanup(ip, "netns", "del", self.space)
        ip("link", "add", self.cable, "type", "veth", "peer", "name", "eth0",
           "netns", self.space)
        ip("link", "set", self.cable, "master", bridge, "up")
        for command in (["addr", "add", f"{address}/24", "dev", "eth0"],
                        ["link", "set", "eth0", "up"],
                        ["link", "set", "lo", "up"]):
            ip("-n", self.space, *command)

    def drop(self, *rules):
        """Drops packets without a word, as a broken switch does."""
        for direction in rules:
            subprocess.run(
                ["ip", "netns", "exec", self.space, "iptables", "-A",
                 direction, "-p", "tcp", "-j", "DROP"],
                check=True, capture_output=True, timeout=60)

    def mend(self):
        subprocess.run(["ip", "netns", "exec", self.space, "iptables", "-F"],
                       check=True, capture_output=True, timeout=60)


class InSpace(Daemon):
    """A daemon on a machine of its own."""

    def __init__(self, machine, arguments, folder, name):
        self.machine = machine
        super().__init__(arguments, folder, name)

    def command(self):
        return ["ip", "netns", "exec", self.machine.space, binary()]


class Partition(ClusterTest):
    """The test talks to the controller from within its namespace's bridge."""

    removed_after = "120s"

    def setUp(self):
        super().setUp()
        self.bridge = f"br{os.getpid() % 100000}x{next(Machine.made)}"
        ip("link", "add", self.bridge, "type", "bridge")
        self.addCleanup(ip, "link", "del", self.bridge)
        ip("addr", "add", "10.213.77.1/24", "dev", self.bridge)
        ip("link", "set", self.bridge, "up")
        authority = Authority(self.folder, "authority")
        self.control = self.controller(
            "--heartbeat", "1s", "--unhealthy-after", "3s",
            "--removed-after", self.removed_after,
            *authority.issue("control").flags(),
            listen="10.213.77.1:0")
        self.machines = {}
        self.nodes = {}
        for i in (1, 2, 3):
            name = f"n{i}"
            machine = Machine(self, self.bridge, f"10.213.77.1{i}")
            self.machines[name] = machine
            arguments = ["node", "--controller", self.control.listen,
                         "--name", name, "--data", self.folder / name,
                         "--capacity", "cpu=4,memory=4GiB",
                         "--drivers", "process", "--metrics", "127.0.0.1:0",
                         *authority.issue(name).flags()]
            self.nodes[name] = InSpace(
                machine, [str(x) for x in arguments], self.folder, name)
            self.daemons.append(self.nodes[name])
        self.wait_for_nodes(3)

    def living(self, job):
        """Process ids of a job's tasks that live, by task."""
        result = {}
        for file in self.folder.glob(f"{job}.*.pid"):
            for pid in file.read_text().split():
                if is_running(int(pid)):
                    result.setdefault(file.stem, []).append(int(pid))
        return result

    def service(self, name, count):
        return shell(f"echo $$ >> {self.folder}/$TROUPE_TASK.pid; "
                     "exec sleep 10000", name=name, kind="service",
                     count=count, strategy="spread")

    def batch(self, name, count):
        return shell(f"echo $$ >> {self.folder}/$TROUPE_TASK.pid; "
                     f"until [ -e {self.folder}/end ]; do sleep 0.1; done; "
                     f"echo $TROUPE_ATTEMPT >> {self.folder}/$TROUPE_TASK.ran",
                     name=name, count=count, strategy="spread")

    def check_cut(self, *rules, until="unhealthy"):
        self.submit(self.service("web", 3))
        self.submit(self.batch("sum", 6))
        eventually(lambda: len(self.living("web")) == 3
                   and len(self.living("sum")) == 6, "all run")
        began = time.monotonic()
        victim = self.task("web.0")["node"]
        self.machines[victim].drop(*rules)
        eventually(lambda: self.get(f"/v1/nodes/{victim}")["state"]
                   == "unhealthy", "the cut is noticed")
        eventually(lambda: all(x["node"] != victim and x["state"] == "running"
                               for x in self.tasks("web")),
                   "its tasks run elsewhere")
        # While it is cut off, the older one runs on: nobody can tell it.
        eventually(lambda: len(self.living("web")["web.0"]) == 2,
                   "the older one runs on")
        if until == "removed":
            eventually(lambda: self.call("GET", f"/v1/nodes/{victim}")[0]
                       == 404, "it is removed", LASTS_S + 60)
        time.sleep(max(0, began + LASTS_S - time.monotonic()))
        lasted = time.monotonic() - began
        self.machines[victim].mend()
        mended = time.monotonic()
        eventually(lambda: sum(x["state"] == "ready" for x in
                               self.items("/v1/nodes")) == 3,
                   "all nodes are back", WHOLE_S)
        eventually(lambda: all(len(x) == 1 for job in ("web", "sum")
                               for x in self.living(job).values()),
                   "nothing runs twice any more")
        print(f"cut for {lasted:.1f} s, whole again "
              f"{time.monotonic() - mended:.1f} s later", flush=True)
        self.assertEqual(len(self.living("web")), 3)
        self.assertEqual(self.job("web")["tasks"]["running"], 3)
        # What was stopped at the reunion has done nothing: each did its work
        # once, in its last attempt.
        (self.folder / "end").touch()
        self.wait_for_job("sum", "succeeded")
        for task in self.tasks("sum"):
            self.assertEqual(self.lines_of(self.folder / f"{task['id']}.ran"),
                             [str(task["attempt"])])
            self.assertEqual({x["state"] for x in task["attempts"][:-1]},
                             {"lost"} if task["attempt"] > 1 else set())
        # Its capacity is free again.
        self.submit(shell("true", name="last", requires={}))
        self.wait_for_job("last", "succeeded")

    def test_a_machine_that_is_cut_off_runs_nothing_twice_once_it_is_back(self):
        self.check_cut("INPUT", "OUTPUT")

    def test_a_machine_that_is_heard_and_does_not_hear(self):
        self.check_cut("INPUT")

    def test_a_machine_that_hears_and_is_not_heard(self):
        self.check_cut("OUTPUT")

    def test_a_short_cut_disturbs_no_task(self):
        self.submit(self.service("web", 3))
        eventually(lambda: len(self.living("web")) == 3, "all run")
        before = self.living("web")
        for _ in range(5):
            for machine in self.machines.values():
                machine.drop("INPUT")
                machine.mend()
        self.wait_for_nodes(3)
        self.submit(shell("true", name="after"))
        self.wait_for_job("after", "succeeded")
        self.assertEqual(self.living("web"), before)
        self.assertEqual(
            self.get("/v1/events?types=nodeUnhealthy")["items"], [])


class Removal(Partition):
    """A node that is missed for so long that it is forgotten."""

    removed_after = f"{max(3, LASTS_S - 10):.0f}s"

    def test_a_machine_that_was_forgotten_joins_anew_and_runs_nothing_twice(
            self):
        self.check_cut("INPUT", "OUTPUT", until="removed")

    # The others are told once.
    test_a_machine_that_is_cut_off_runs_nothing_twice_once_it_is_back = None
    test_a_machine_that_is_heard_and_does_not_hear = None
    test_a_machine_that_hears_and_is_not_heard = None
    test_a_short_cut_disturbs_no_task = None


if __name__ == "__main__":
    unittest.main()
