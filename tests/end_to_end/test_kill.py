#!/usr/bin/env python3
"""What was accepted survives the end of any process."""

import unittest

from harness import ClusterTest, eventually, is_running, shell


class Kill(ClusterTest):
    def test_processes_survive_the_controller_and_are_found_again(self):
        controller = self.controller()
        self.node(controller)
        pids, end = self.folder / "pids", self.folder / "end"
        self.submit(shell(f"echo $$ >> {pids}; until [ -e {end} ]; do "
                          "sleep 0.1; done; exit 3", name="long"))
        pid = self.pid_of(pids)
        self.wait_for_task("long.0", "running")
        controller.kill()
        self.assertTrue(is_running(pid))
        self.start_again(controller)
        self.wait_for_nodes(1)
        self.wait_for_task("long.0", "running")
        self.assertTrue(is_running(pid))
        end.touch()
        task = self.wait_for_task("long.0", "failed")
        self.assertEqual(task["attempts"][-1]["exitCode"], 3)
        self.assertEqual(pids.read_text().split(), [str(pid)])

    def test_an_end_that_the_controller_missed_is_told_when_it_is_back(self):
        controller = self.controller()
        self.node(controller)
        pids, end = self.folder / "pids", self.folder / "end"
        self.submit(shell(f"echo $$ >> {pids}; until [ -e {end} ]; do "
                          "sleep 0.1; done", name="long"))
        pid = self.pid_of(pids)
        self.wait_for_task("long.0", "running")
        controller.kill()
        end.touch()
        eventually(lambda: not is_running(pid), "the task ends")
        self.start_again(controller)
        self.wait_for_task("long.0", "succeeded")
        self.assertEqual(pids.read_text().split(), [str(pid)])

    def test_a_killed_node_that_comes_back_adopts_what_runs(self):
        controller = self.controller()
        node = self.node(controller)
        pids, end = self.folder / "pids", self.folder / "end"
        self.submit(shell(f"echo $$ >> {pids}; until [ -e {end} ]; do "
                          "sleep 0.1; done; exit 5", name="long"))
        pid = self.pid_of(pids)
        self.wait_for_task("long.0", "running")
        node.kill()
        self.assertTrue(is_running(pid))
        self.node(controller)
        self.wait_for_nodes(1)
        end.touch()
        task = self.wait_for_task("long.0", "failed")
        self.assertEqual(task["attempt"], 1)
        self.assertEqual(task["attempts"][-1]["exitCode"], 5)
        self.assertEqual(pids.read_text().split(), [str(pid)])

    def test_a_task_that_ended_without_its_node_is_not_run_again(self):
        controller = self.controller()
        node = self.node(controller)
        pids, end = self.folder / "pids", self.folder / "end"
        self.submit(shell(f"echo $$ >> {pids}; until [ -e {end} ]; do "
                          "sleep 0.1; done", name="long"))
        pid = self.pid_of(pids)
        self.wait_for_task("long.0", "running")
        node.kill()
        end.touch()
        eventually(lambda: not is_running(pid), "the task ends")
        self.node(controller)
        self.wait_for_task("long.0", "succeeded")
        self.assertEqual(pids.read_text().split(), [str(pid)])

    def test_why_says_the_same_after_the_controller_was_killed(self):
        controller = self.controller()
        for name in ("n1", "n2"):
            self.node(controller, name)
        self.wait_for_nodes(2)
        self.submit(shell("exec sleep 1000", name="web", kind="service",
                          count=2, strategy="spread"))
        for task in ("web.0", "web.1"):
            self.wait_for_task(task, "running")
        self.submit(shell("true", name="picky", requires={"disk": "ssd"}))
        def why():
            return [{key: x[key] for key in ("decision", "nodes", "strategy")}
                    for x in (self.get(f"/v1/tasks/{task}/why")
                              for task in ("web.0", "web.1"))]
        before = why()
        self.assertEqual(before[0]["decision"]["policy"], "spread")
        kept = self.folder / "controller" / "decisions.log"
        eventually(lambda: kept.exists() and "spread" in kept.read_text(),
                   "they are on disk")
        # More work, so that the present is another than then.
        self.submit(shell("exec sleep 1000", name="more", kind="service",
                          count=3))
        self.wait_for_task("more.2", "running")
        for _ in range(2):
            controller.kill()
            controller = self.start_again(controller)
            self.wait_for_nodes(2)
            self.assertEqual(why(), before)
        # Garbage is no reason not to start, and no answer.
        controller.kill()
        kept.write_bytes(b"\0garbage\n" * 100)
        controller = self.start_again(controller)
        self.wait_for_nodes(2)
        self.assertNotIn("decision", self.get("/v1/tasks/web.0/why"))
        self.assertIn("decisions.log, line 1: damaged", controller.log_text())

    def check_each_ran_once(self, file, count):
        lines = self.lines_of(file)
        self.assertEqual(len(lines), len(set(lines)), "a task ran twice")
        self.assertEqual(set(lines), {f"array.{x}" for x in range(count)})

    # Appended with O_APPEND, in one write: lines of many tasks do not mix.
    def array(self, file, count):
        return shell(f"echo $TROUPE_TASK >> {file}", name="array", count=count,
                     cpu=0.25)

    def test_a_thousand_queued_tasks_survive_and_none_runs_twice(self):
        count = 1000
        file = self.folder / "ran"
        controller = self.controller()
        self.submit(self.array(file, count))
        controller.kill()
        controller = self.start_again(controller)
        self.assertEqual(len(self.tasks("array")), count)
        self.assertEqual(self.lines_of(file), [])
        self.node(controller)
        self.wait_for_job("array", "succeeded", within=180)
        self.check_each_ran_once(file, count)

    def test_a_controller_killed_in_the_middle_runs_nothing_twice(self):
        count = 400
        file = self.folder / "ran"
        controller = self.controller()
        self.node(controller)
        self.submit(self.array(file, count))
        for part in (0.2, 0.5):
            eventually(lambda: len(self.lines_of(file)) > part * count,
                       f"{part:.0%} of the tasks ran")
            controller.kill()
            controller = self.start_again(controller)
        self.wait_for_job("array", "succeeded", within=180)
        self.check_each_ran_once(file, count)

    def test_a_node_told_to_stop_leaves_its_tasks_running(self):
        controller = self.controller()
        node = self.node(controller)
        pids = self.folder / "pids"
        self.submit(shell(f"echo $$ >> {pids}; exec sleep 1000", name="long"))
        pid = self.pid_of(pids)
        self.wait_for_task("long.0", "running")
        self.assertEqual(node.terminate(), 0)
        self.assertTrue(is_running(pid))

    def test_all_nodes_in_one_process_find_their_tasks_again(self):
        cluster = self.up(3)
        pids = self.folder / "pids"
        self.submit(shell(f"echo $$ >> {pids}; exec sleep 1000", name="long",
                          count=3, strategy="spread"))
        eventually(lambda: len(self.lines_of(pids)) == 3, "all tasks start")
        before = self.lines_of(pids)
        cluster.kill()
        self.start_again(cluster)
        eventually(
            lambda: all(x["state"] == "running" for x in self.tasks("long")),
            "the tasks run")
        self.assertEqual(self.lines_of(pids), before)
        self.assertTrue(all(is_running(int(x)) for x in before))


if __name__ == "__main__":
    unittest.main()
