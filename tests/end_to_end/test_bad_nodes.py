#!/usr/bin/env python3
"""A node that only does harm gets nothing new; many that vanish at once are
waited for, since it is the network that is broken."""

import os
import signal
import unittest

from harness import ClusterTest, eventually, is_running, shell

QUICK = ["--heartbeat", "1s", "--unhealthy-after", "3s"]


class Quarantine(ClusterTest):
    """Tasks fail on the node `bad` until it has what the others have."""

    def setUp(self):
        super().setUp()
        control = self.controller(*QUICK)
        for name in ("bad", "good1", "good2"):
            self.node(control, name)
            if name != "bad":
                self.mend(name)
        self.wait_for_nodes(3)

    def mend(self, node):
        (self.folder / f"sane-{node}").touch()

    def spec(self, name):
        """Fails where something is missing."""
        return shell(f"[ -e {self.folder}/sane-$TROUPE_NODE ] || exit 3",
                     name=name, count=3, strategy="spread", retries=5,
                     restart={"delay": "100ms"})

    def run_job(self, name):
        """The nodes that its tasks were tried on."""
        self.submit(self.spec(name))
        eventually(lambda: self.get(f"/v1/jobs/{name}")["state"]
                   == "succeeded", f"{name} succeeds")
        return {x["node"] for task in self.tasks(name)
                for x in self.task(task["id"])["attempts"]}

    def verdicts(self):
        return [(x["node"], x.get("quarantined", True)) for x in
                self.items("/v1/events?types=nodeQuarantined")]

    def test_a_node_on_which_three_jobs_fail_is_left_alone_until_it_mends(
            self):
        # Each runs well in the end, somewhere else.
        for name in ("a", "b", "c"):
            self.assertIn("bad", self.run_job(name))
        eventually(self.verdicts, "it is in quarantine")
        node = self.get("/v1/nodes/bad")
        self.assertEqual(node["state"], "ready")
        self.assertIn("it is in quarantine: tasks of", node["message"])
        self.assertIn("fail there and run well on other nodes",
                      node["message"])
        self.assertIn("one task is tried there from", node["message"])
        for verb in (("node", "bad"), ("why", "bad")):
            self.assertIn("quarantine", self.troupe(*verb)[0])
        # Nothing new goes there, and nobody notices.
        self.assertEqual(self.run_job("d"), {"good1", "good2"})
        # A minute later one task is tried there, and it shows that it mends.
        self.mend("bad")
        number = 0

        def tried():
            nonlocal number
            number += 1
            self.run_job(f"steady-{number}")
            return len(self.verdicts()) > 1
        eventually(tried, "it was tried", 120)
        self.assertEqual(self.verdicts(), [("bad", True), ("bad", False)])
        self.assertNotIn("message", {
            key: value for key, value in self.get("/v1/nodes/bad").items()
            if value})
        self.assertIn("bad", self.run_job("last"))

    def test_a_job_that_fails_everywhere_speaks_against_no_node(self):
        for name in ("a", "b", "c", "d"):
            self.submit(shell("exit 3", name=name, count=3,
                              strategy="spread"))
            eventually(lambda name=name: self.get(f"/v1/jobs/{name}")["state"]
                       == "failed", f"{name} fails")
        self.assertEqual(self.verdicts(), [])


class Brake(ClusterTest):
    # Until as many are silent, each is taken for a machine that died.
    FEW = 3

    def test_of_many_nodes_that_vanish_most_tasks_are_waited_for(self):
        control = self.controller(*QUICK)
        nodes = {f"n{i}": self.node(control, f"n{i}") for i in range(7)}
        self.wait_for_nodes(7)
        pids = self.folder / "pids"
        self.submit(shell(
            f"echo $TROUPE_TASK $$ >> {pids}; exec sleep 10000", name="web",
            kind="service", count=7, strategy="spread"))
        eventually(lambda: self.job("web")["tasks"]["running"] == 7,
                   "all run")
        self.assertEqual(len({x["node"] for x in self.tasks("web")}), 7)
        gone = [f"n{i}" for i in range(6)]
        for name in gone:
            os.kill(nodes[name].pid, signal.SIGSTOP)
        self.wait_for_nodes(6, "unhealthy")
        # Time passes for everybody.
        self.submit(shell("sleep 2", name="sum"))
        self.wait_for_job("sum", "succeeded")
        # One that was given up early may have met the next silent node.
        lost = [x for x in self.tasks("web")
                if x["state"] == "lost" and x["attempt"] == 1]
        self.assertGreaterEqual(len(lost), 6 - self.FEW)
        for x in lost:
            task = self.task(x["id"])
            self.assertIn(task["node"], gone)
            self.assertIn("that looks like the network", task["message"])
        for name in gone:
            os.kill(nodes[name].pid, signal.SIGCONT)
        self.wait_for_nodes(7)

        def once_each():
            alive = {}
            for line in self.lines_of(pids):
                task, pid = line.split()
                if is_running(int(pid)):
                    alive.setdefault(task, []).append(pid)
            return (len(alive) == 7
                    and all(len(x) == 1 for x in alive.values())
                    and self.job("web")["tasks"]["running"] == 7)
        eventually(once_each, "each runs once")
        for x in lost:
            self.assertEqual(len(self.task(x["id"])["attempts"]), 1)


if __name__ == "__main__":
    unittest.main()
