#!/usr/bin/env python3
"""A full cluster, as a user meets it: who has to go, who waits and why, and
what would help."""

import json
import unittest

from harness import ClusterTest, eventually, shell

LONG = "while :; do sleep 0.1; done"


class Contention(ClusterTest):
    def up_small(self, nodes=3, *arguments):
        """Nodes of one core each."""
        self.up(nodes, *arguments, capacity="cpu=1,memory=1GiB")

    def events(self, kind):
        return self.items(f"/v1/events?types={kind}")

    def why(self, task):
        return self.get(f"/v1/tasks/{task}/why")

    def running(self, job):
        return sum(x["state"] == "running" for x in self.tasks(job))

    # -- the three scenarios --------------------------------------------------

    def test_priority_100_takes_the_place_of_priority_10(self):
        self.up_small(1)
        self.submit(shell(LONG, name="low", cpu=1, priority=10))
        self.wait_for_job("low", "running")
        self.submit(shell("sleep 3", name="high", cpu=1, priority="100"))
        self.wait_for_task("high.0", "running")
        low = self.task("low.0")
        self.assertEqual(low["state"], "pending")
        self.assertEqual(low["attempts"][0]["reason"], "preempted")
        self.assertIn("high.0 (priority 100 over 10)",
                      low["attempts"][0]["message"])
        self.assertIn("low.0", self.task("high.0")["message"])
        self.assertEqual(len(self.events("taskPreempted")), 1)
        # It runs again by itself when there is room.
        self.wait_for_job("high", "succeeded")
        self.wait_for_task("low.0", "running")
        self.assertEqual(self.task("low.0")["attempt"], 2)

    def test_equal_priority_drives_nobody_out(self):
        self.up_small(1)
        self.submit(shell(LONG, name="first", cpu=1, priority=5))
        self.wait_for_job("first", "running")
        self.submit(shell(LONG, name="second", cpu=1, priority=5))
        eventually(lambda: self.task("second.0")["reason"] ==
                   "insufficientCpu", "the second one waits")
        self.assertEqual(self.events("taskPreempted"), [])
        self.assertEqual(self.why("second.0")["suggestions"][0]["change"],
                         "priority=6")

    def test_a_gang_of_three_starts_together(self):
        self.up_small(3)
        self.submit(shell(LONG, name="gang-a", cpu=1, count=3, priority=50,
                          gang=True))
        eventually(lambda: self.running("gang-a") == 3, "all three run")
        gang = self.items("/v1/gangs")[0]
        self.assertEqual(
            (gang["name"], gang["state"], gang["members"], gang["placed"]),
            ("gang-a", "running", 3, 3))
        reserved = self.events("gangReserved")[0]["version"]
        committed = self.events("gangCommitted")[0]["version"]
        placed = [x["version"] for x in self.events("taskPlaced")]
        self.assertLess(reserved, committed)
        self.assertTrue(all(x > committed for x in placed))

    def test_a_gang_that_does_not_fit_starts_nobody_and_drives_nobody_out(self):
        self.up_small(2)
        self.submit(shell(LONG, name="low", cpu=1, priority=10))
        self.wait_for_task("low.0", "running")
        self.submit(shell(LONG, name="gang-a", cpu=1, count=3, priority=50,
                          gang=True))
        eventually(lambda: self.task("gang-a.0")["reason"] == "neverFits",
                   "the gang is said to fit nowhere")
        self.assertIn("would hold 2", self.task("gang-a.0")["message"])
        self.assertEqual(self.running("gang-a"), 0)
        self.wait_for_task("low.0", "running")
        self.assertEqual(self.events("taskPreempted"), [])
        out, _ = self.troupe("why", "gang-a.0")
        self.assertIn("gang", out)

    def test_gang_and_priority_together(self):
        """100, 10 and three of a gang at 50 on three nodes."""
        self.up_small(3)
        self.submit(shell(LONG, name="low", cpu=1, priority=10, count=3))
        eventually(lambda: self.running("low") == 3, "the cluster is full")
        self.submit(shell(LONG, name="gang-a", cpu=1, count=3, priority=50,
                          gang=True))
        eventually(lambda: self.running("gang-a") == 3, "the gang took over")
        self.assertEqual(self.running("low"), 0)
        self.submit(shell("sleep 1", name="high", cpu=1, priority=100))
        # Two of three are not a gang: it gives way as a whole, and comes back.
        self.wait_for_job("high", "succeeded")
        eventually(lambda: self.running("gang-a") == 3, "the gang is back")
        self.assertEqual(self.running("low"), 0)

    # -- limits, classes, shadows ---------------------------------------------

    def test_what_is_set_holds_and_is_told(self):
        self.up_small(3)
        self.troupe("settings", "--priority-class", "urgent=100",
                    "--concurrency", "user=ann=1", "--shadow", "spread")
        refused = self.call("POST", "/v1/jobs",
                            shell("true", priorityClass="nothing"))
        self.assertEqual(refused[0], 400)
        self.assertEqual(refused[1]["errors"][0]["pointer"], "/priorityClass")
        self.assertIn("urgent", refused[1]["errors"][0]["detail"])
        self.submit(shell("true", name="u", priorityClass="urgent"))
        self.assertEqual(self.job("u")["priority"], 100)
        self.submit(shell(LONG, name="a", count=3, labels={"user": "ann"}))
        eventually(lambda: self.running("a") == 1, "one of them runs")
        self.assertEqual(self.task("a.1")["reason"], "quota")
        help_of = self.why("a.1")["suggestions"][0]
        self.assertEqual(help_of["change"], "concurrency user=ann=2")
        self.troupe("settings", "--concurrency", "user=ann=")
        eventually(lambda: self.running("a") == 3, "all of them run")
        shadow = eventually(
            lambda: next(x for x in self.get("/v1/policies")["items"]
                         if x["name"] == "spread").get("shadow"),
            "the shadow is compared")
        self.assertGreater(shadow["rounds"], 0)
        self.troupe("settings", "--promote")
        self.assertEqual(self.get("/v1/cluster")["strategy"], "spread")
        self.assertEqual(self.get("/v1/cluster")["shadow"], "")

    def test_overcommit_makes_room_at_run_time(self):
        self.up_small(1)
        self.submit(shell(LONG, name="a", cpu=1, count=2))
        eventually(lambda: self.running("a") == 1, "one fits")
        status, _ = self.call("PUT", "/v1/settings", {"overcommit": 2})
        self.assertEqual(status, 200)
        eventually(lambda: self.running("a") == 2, "two fit")
        status, body = self.call("PUT", "/v1/settings",
                                 {"overcommit": 0, "queueOrder": "x"})
        self.assertEqual(status, 400)
        self.assertEqual({x["pointer"] for x in body["errors"]},
                         {"/overcommit", "/queueOrder"})

    def test_a_batch_size_is_an_option_and_a_setting(self):
        self.up(1, "--batch-size", "10", capacity="cpu=4,memory=1GiB")
        self.assertEqual(self.get("/v1/settings")["batchSize"], 10)
        self.submit(shell("exit 0", name="many", cpu=0.01, count=35))
        self.wait_for_job("many", "succeeded")
        self.troupe("settings", "--batch-size", "7")
        self.assertEqual(self.get("/v1/settings")["batchSize"], 7)
        status, body = self.call("PUT", "/v1/settings", {"batchSize": 5000})
        self.assertEqual(status, 400)
        self.assertEqual([x["pointer"] for x in body["errors"]],
                         ["/batchSize"])

    # -- a big task among small ones ------------------------------------------

    def test_a_big_task_starts_although_small_ones_keep_coming(self):
        self.up(1, capacity="cpu=4,memory=1GiB")
        self.submit(shell("sleep 3", name="now", cpu=3, timeout="20s"))
        self.wait_for_job("now", "running")
        self.submit(shell("true", name="big", cpu=4))
        eventually(lambda: self.task("big.0")["reason"], "it waits")
        self.submit(shell(LONG, name="endless", cpu=1))
        self.submit(shell("true", name="short", cpu=1, timeout="2s"))
        self.wait_for_job("short", "succeeded")
        endless = self.task("endless.0")
        self.assertEqual(endless["state"], "pending")
        self.assertIn("kept for big", endless["message"])
        self.wait_for_job("big", "succeeded")
        self.wait_for_job("endless", "running")

    def test_every_suggestion_for_a_waiting_task_is_a_command(self):
        self.up_small(2)
        self.submit(shell(LONG, name="low", cpu=0.5, count=4, priority=1))
        eventually(lambda: self.running("low") == 4, "the cluster is full")
        self.submit(shell("true", name="next", cpu=0.5,
                          requires={"zone": "a"}))
        eventually(lambda: self.task("next.0")["reason"] ==
                   "noMatchingLabels", "it waits for a label")
        changes = [x["change"] for x in self.why("next.0")["suggestions"]]
        self.assertEqual(changes[-1], "addNode")
        self.troupe("label", "n1", "zone=a")
        eventually(lambda: self.task("next.0")["reason"] == "insufficientCpu",
                   "it waits for cpu")
        changes = [x["change"] for x in self.why("next.0")["suggestions"]]
        self.assertIn("priority=2", changes)
        plan = json.loads(self.troupe("plan", "priority", "next=2", "-o",
                                      "json", code=2)[0])
        self.assertEqual(plan["moves"][0]["to"], "n1")
        self.assertEqual(len(plan["victims"]), 1)


if __name__ == "__main__":
    unittest.main()
