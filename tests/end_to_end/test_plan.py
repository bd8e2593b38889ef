#!/usr/bin/env python3
"""What-if, draining, and backups, as a user meets them."""

import json
import unittest

from harness import ClusterTest, eventually, shell


def service(name, **more):
    return shell("while :; do sleep 0.2; done", name=name, kind="service",
                 **more)


class Plan(ClusterTest):
    def setUp(self):
        super().setUp()
        self.up(3)

    def plan(self, *words, code):
        out, _ = self.troupe("plan", *words, "-o", "json", code=code)
        return json.loads(out)

    def test_a_plan_says_where_jobs_would_go_and_changes_nothing(self):
        file = self.write_job("web", service("web", cpu=1, count=14))
        version = self.get("/v1/cluster")["version"]
        plan = self.plan(file, code=2)
        self.assertEqual(plan["counts"]["moves"], 12)
        self.assertEqual({x["to"] for x in plan["moves"]},
                         {"n1", "n2", "n3"})
        self.assertTrue(all(x["from"] is None for x in plan["moves"]))
        self.assertEqual(plan["doesNotFit"][0]["tasks"], 2)
        self.assertEqual(plan["doesNotFit"][0]["reason"], "insufficientCpu")
        self.assertEqual(self.get("/v1/cluster")["version"], version)
        self.assertEqual(self.items("/v1/jobs"), [])
        self.assertIn("2 tasks would not fit",
                      self.troupe("plan", file, code=2)[0])

    def test_a_drain_does_what_its_plan_said(self):
        self.submit(service("web", cpu=1, count=3))
        self.wait_for_job("web", "running")
        full = self.task("web.0")["node"]
        empty = next(x["name"] for x in self.items("/v1/nodes")
                     if x["tasks"] == 0)
        self.assertEqual(self.plan("drain", empty, code=0)["moves"], [])
        plan = self.plan("drain", full, code=1)
        self.assertEqual({x["from"] for x in plan["moves"]}, {full})
        self.troupe("drain", full, within=120)
        self.assertEqual(self.get(f"/v1/nodes/{full}")["eligibility"],
                         "drained")
        eventually(
            lambda: {x["id"]: x["node"] for x in self.tasks("web")
                     if x["state"] == "running"}
            == {x["task"]: x["to"] for x in plan["moves"]},
            "the tasks run where the plan said")
        self.troupe("uncordon", full)
        self.assertEqual(self.get(f"/v1/nodes/{full}")["eligibility"],
                         "eligible")

    def test_a_drain_lets_batch_tasks_end_until_its_deadline(self):
        self.submit(service("web", cpu=1))
        self.submit(shell("sleep 1000", name="sum", cpu=1))
        for task in ("web.0", "sum.0"):
            self.wait_for_task(task, "running")
        node = self.task("sum.0")["node"]
        self.assertEqual(self.task("web.0")["node"], node)
        plan = self.plan("drain", node, code=1)
        late = {x["task"]: x["mayEndFirst"] for x in plan["moves"]}
        self.assertEqual(late, {"web.0": False, "sum.0": True})
        self.assertEqual([x["node"] for x in plan["drains"]], [node])
        said, _ = self.troupe("plan", "drain", node, code=1)
        self.assertIn("unless it ends first", said)
        self.assertIn(f"{node} would be empty by 20", said)

    def test_lost_and_added_nodes_can_be_thought_of(self):
        self.submit(service("web", cpu=1, count=12))
        self.wait_for_job("web", "running")
        lost = self.plan("lose", "n1", code=2)
        self.assertEqual(lost["counts"]["doesNotFit"], 4)
        self.troupe("scale", "web=14")
        added = self.plan("add", "--like", "n1", code=1)
        self.assertEqual({x["to"] for x in added["moves"]}, {"new-1"})

    def test_wrong_plans_are_told_with_what_to_write(self):
        self.assertIn("no node", self.troupe("plan", "lose", "n9", code=3)[1])
        self.assertIn("--capacity",
                      self.troupe("plan", "add", "--capacity", "x",
                                  code=2)[1])
        status, body = self.call("POST", "/v1/plan", {"change": {"drian": 1}})
        self.assertEqual(status, 400)
        self.assertEqual(body["errors"][0]["pointer"], "/change/drian")

    def test_a_backup_of_a_running_cluster_is_restored_elsewhere(self):
        self.submit(service("web", cpu=1, count=2))
        self.wait_for_job("web", "running")
        file, data = self.folder / "b.bak", self.folder / "new"
        self.troupe("backup", file)
        self.assertIn("already", self.troupe("backup", file, code=2)[1])
        said = self.troupe("restore", file, "--data", data)[1]
        self.assertIn("1 job, 3 nodes", said)
        self.assertIn("already",
                      self.troupe("restore", file, "--data", data, code=1)[1])
        damaged = bytearray(file.read_bytes())
        damaged[len(damaged) // 2] ^= 1
        (self.folder / "bad.bak").write_bytes(damaged)
        self.assertIn("damaged",
                      self.troupe("restore", self.folder / "bad.bak", "--data",
                                  self.folder / "other", code=1)[1])
        self.controller(name="new")
        self.assertEqual(self.job("web")["count"], 2)


if __name__ == "__main__":
    unittest.main()
