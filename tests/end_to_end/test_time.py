#!/usr/bin/env python3
"""Jobs that wait for other jobs, run at set times, and run on every node."""

import unittest

from harness import ClusterTest, eventually, shell


class Waiting(ClusterTest):
    def setUp(self):
        super().setUp()
        self.daemon = self.up(2)

    def test_jobs_of_one_file_run_one_after_the_other(self):
        said = self.folder / "said"
        jobs = [shell(f"echo report >> {said}", name="report",
                      after={"load": "finished"}),
                shell(f"echo load >> {said}; exit 3", name="load",
                      after=["extract"]),
                shell(f"sleep 1; echo extract >> {said}", name="extract")]
        self.troupe("run", self.write_job("pipeline", jobs))
        out, _ = self.troupe("why", "load")
        self.assertIn("waitingForJob", out)
        self.assertIn("extract", out)
        self.assertIn("waitingForJob", self.troupe("queue")[0])
        self.wait_for_job("report", "succeeded")
        self.assertEqual(said.read_text(), "extract\nload\nreport\n")

    def test_a_failed_job_is_named_with_what_to_do(self):
        self.submit(shell("exit 3", name="extract"))
        self.submit(shell("true", name="load", after=["extract"]))
        self.wait_for_job("extract", "failed")
        why = eventually(
            lambda: (lambda x: x if "failed" in x["message"] else None)(
                self.get("/v1/tasks/load.0/why")), "why names the failure")
        self.assertEqual(why["reason"], "waitingForJob")
        self.assertIn("submit extract again", why["message"])
        status, _ = self.call("POST", "/v1/jobs",
                              shell("true", name="extract"))
        self.assertEqual(status, 200)
        self.wait_for_job("load", "succeeded")

    def test_a_wait_survives_a_kill_of_the_controller(self):
        go = self.folder / "go"
        self.submit(shell(f"while [ ! -e {go} ]; do sleep 0.1; done",
                          name="extract"))
        self.submit(shell("true", name="load", after=["extract"]))
        self.daemon.kill()
        self.daemon = self.start_again(self.daemon)
        go.touch()
        self.wait_for_job("load", "succeeded")

    def test_waiting_for_nobody_or_in_a_circle_is_refused(self):
        status, problem = self.call(
            "POST", "/v1/jobs", shell("true", name="load", after=["nope"]))
        self.assertEqual(status, 400)
        self.assertEqual(problem["errors"][0]["pointer"], "/after/0")
        self.assertIn("nope", problem["errors"][0]["detail"])
        self.submit(shell("sleep 100", name="a"))
        self.submit(shell("true", name="b", after=["a"]))
        status, problem = self.call(
            "POST", "/v1/jobs", shell("sleep 100", name="a", after=["b"]))
        self.assertEqual(status, 400)
        self.assertIn("a waits for b waits for a",
                      problem["errors"][0]["detail"])


class Scheduled(ClusterTest):
    def setUp(self):
        super().setUp()
        self.daemon = self.up(1)

    def nightly(self, **schedule):
        return shell("echo ran", name="nightly", schedule=schedule)

    def test_a_job_with_a_schedule_says_when_it_runs_and_runs_when_asked(self):
        self.troupe("run", self.write_job("nightly", self.nightly(
            cron="30 2 * * *", timezone="Europe/Paris")))
        job = self.job("nightly")
        self.assertEqual(job["state"], "pending")
        self.assertTrue(job["schedule"]["next"].endswith(":30:00.000Z"))
        self.assertIsNone(job["schedule"]["last"])
        self.assertIn("Next run", self.troupe("job", "nightly")[0])
        task = self.task("nightly.0")
        self.assertEqual(task["reason"], "waitingForSchedule")
        self.assertRegex(task["message"],
                         r"next run at \d{4}-\d\d-\d\d 02:30 \(Europe/Paris\)")
        self.troupe("restart", "nightly")
        self.wait_for_task("nightly.0", "succeeded")
        self.assertEqual(self.task("nightly.0")["attempt"], 1)
        self.daemon.kill()
        self.daemon = self.start_again(self.daemon)
        self.assertEqual(self.job("nightly")["schedule"], job["schedule"])

    def test_what_is_no_schedule_is_refused(self):
        for pointer, schedule in [
                ("/schedule/timezone", {"cron": "@daily",
                                        "timezone": "Mars/Olympus"}),
                ("/schedule/cron", {"cron": "61 * * * *"}),
                ("/schedule/cron", {"cron": "0 0 30 feb *"})]:
            status, problem = self.call("POST", "/v1/jobs",
                                        self.nightly(**schedule))
            self.assertEqual(status, 400)
            self.assertEqual(problem["errors"][0]["pointer"], pointer)
        self.troupe("run", self.write_job("wrong", self.nightly(
            cron="61 * * * *")), code=2)


class OnEveryNode(ClusterTest):
    def test_a_system_job_follows_the_nodes(self):
        controller = self.controller()
        self.node(controller, "n1")
        self.wait_for_nodes(1)
        self.submit(shell("exec sleep 1000", name="agent", kind="system",
                          memory="16MiB", cpu=0.05))
        self.wait_for_job("agent", "running")
        second = self.node(controller, "n2")
        eventually(lambda: [x for x in self.tasks("agent")
                            if x["node"] == "n2" and x["state"] == "running"],
                   "the second node has its task")
        self.assertEqual(self.job("agent")["count"], 2)
        second.kill()
        self.call("DELETE", "/v1/nodes/n2")
        eventually(lambda: self.job("agent")["count"] == 1,
                   "the second task is gone with its node")
        self.assertEqual(self.job("agent")["state"], "running")
        status, problem = self.call("POST", "/v1/jobs/agent/scale",
                                    {"count": 3})
        self.assertEqual(status, 400)
        self.assertIn("system job", problem["detail"])


if __name__ == "__main__":
    unittest.main()
