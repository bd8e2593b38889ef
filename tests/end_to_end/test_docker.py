#!/usr/bin/env python3
"""Jobs as containers of a real engine, which the tests start themselves."""

import unittest

import docker_engine
from docker_engine import IMAGE, DockerEngine
from harness import ClusterTest, eventually

# How many ended containers a node keeps for their logs, and two nodes do.
KEPT_MAX = 2 * 50


def container(script, **more):
    """A job that runs `script` in a container to its end."""
    return {"image": IMAGE, "command": ["sh", "-c", script], "kind": "batch",
            "cpu": 0.1, "memory": "32MiB", **more}


@unittest.skipIf(docker_engine.unavailable(), docker_engine.unavailable())
class Docker(ClusterTest):
    @classmethod
    def setUpClass(cls):
        cls.engine = DockerEngine()
        cls.addClassCleanup(cls.engine.end)

    def setUp(self):
        super().setUp()
        self.addCleanup(self.engine.remove_all)
        self.cluster = self.up(2, "--docker", self.engine.address,
                               "--docker-network", "none", "--heartbeat", "1s",
                               drivers="docker")

    def containers_of(self, task):
        """The containers of `task`, with what the engine knows of each."""
        return [self.engine.inspect(x["Id"]) for x in self.engine.containers()
                if task in x["Labels"].values()]

    def only_container_of(self, task):
        found = self.containers_of(task)
        self.assertEqual(len(found), 1, found)
        return found[0]

    def submit_and_wait(self, job, state):
        name = self.submit(job)[0]["name"]
        return self.wait_for_task(f"{name}.0", state)

    def test_the_bench_compares_an_engine_with_a_cluster_in_front_of_it(self):
        bench = ("bench", "docker", "--docker", self.engine.address)
        said, _ = self.troupe(*bench, "--image", IMAGE, "--tasks", "4",
                              "--singles", "1", within=300)
        self.assertRegex(said, r"engine alone +[\d.]+ containers/s")
        self.assertRegex(said, r"troupe +[\d.]+ containers/s")
        _, said = self.troupe(*bench, "--image", "no-such:image", code=1)
        self.assertIn("no-such", said)

    def test_three_fields_start_a_container_on_the_best_node(self):
        # A command, since this image has none; else it would be three fields.
        job = {"image": IMAGE, "cpu": 0.1, "memory": "32MiB",
               "command": ["sleep", "1000"]}
        first = self.submit_and_wait(job, "running")
        self.assertTrue(first["job"].startswith("busybox"))
        self.assertEqual(self.job(first["job"])["kind"], "service")
        found = self.only_container_of(first["id"])
        self.assertTrue(found["State"]["Running"])
        self.assertEqual(found["Config"]["Image"], IMAGE)
        limits = found["HostConfig"]
        self.assertEqual((limits["Memory"], limits["MemorySwap"]),
                         (32 << 20, 32 << 20))
        self.assertEqual(limits["RestartPolicy"]["Name"], "no")
        # The default strategy packs: the best node is the one that is used.
        second = self.submit_and_wait(job, "running")
        self.assertNotEqual(second["job"], first["job"])
        self.assertEqual(second["node"], first["node"])
        usage = eventually(
            lambda: (lambda x: x if x.get("memoryBytes", 0) > 0 else None)(
                self.task(first["id"])), "the container is measured")
        self.assertLess(usage["memoryBytes"], 32 << 20)

    def test_an_identical_container_is_not_started_twice(self):
        job = container("echo once", cache=True)
        first = self.submit_and_wait({**job, "name": "first"}, "succeeded")
        second = self.submit_and_wait({**job, "name": "second"}, "cached")
        self.assertEqual(self.containers_of(second["id"]), [])
        self.assertEqual(second["cachedFrom"]["task"], first["id"])
        kept = self.items("/v1/cache")[0]
        self.assertEqual(kept["image"], IMAGE)
        self.assertEqual(kept["imageDigest"],
                         self.only_container_of(first["id"])["Image"])

    def test_exit_codes_and_output_are_those_of_the_container(self):
        for code in (0, 7):
            file = self.write_job(f"code-{code}", container(
                f"echo out {code}; echo err {code} >&2; exit {code}",
                name=f"code-{code}"))
            self.troupe("run", "--wait", file, code=code)
            self.assertEqual(
                sorted(self.troupe("logs", f"code-{code}.0")[0].split("\n")),
                ["", f"err {code}", f"out {code}"])
            for name, stream in (("out", "stdout"), ("err", "stderr")):
                self.assertEqual(
                    self.call("GET", f"/v1/tasks/code-{code}.0/logs"
                              f"?stream={stream}"),
                    (200, f"{name} {code}\n"))
        task = self.task("code-7.0")
        self.assertEqual((task["state"], task["reason"],
                          task["attempts"][-1]["exitCode"]),
                         ("failed", "exitCode", 7))

    def test_a_task_reads_its_environment(self):
        self.submit_and_wait(container(
            "echo $GREETING from $TROUPE_TASK", name="env",
            env={"GREETING": "good morning"}), "succeeded")
        self.assertEqual(self.troupe("logs", "env.0")[0],
                         "good morning from env.0\n")

    def test_too_much_memory_is_told_as_such(self):
        task = self.submit_and_wait(
            container("tail /dev/zero", name="greedy"), "failed")
        self.assertEqual(task["reason"], "outOfMemory")
        self.assertIn("memory", task["message"])

    def test_an_image_that_nobody_has_is_named(self):
        task = self.submit_and_wait(
            container("true", name="typo",
                      image="127.0.0.1:1/no-such-image:latest"), "failed")
        self.assertEqual(task["reason"], "imageNotFound")
        self.assertIn("no-such-image", task["message"])
        self.assertEqual(self.containers_of("typo.0"), [])

    def test_a_volume_that_the_node_does_not_allow_is_refused(self):
        task = self.submit_and_wait(
            container("true", name="nosy",
                      volumes=[{"host": "/etc", "path": "/host"}]), "failed")
        self.assertEqual(task["reason"], "driverError")
        self.assertIn("--volumes", task["message"])
        self.assertEqual(self.containers_of("nosy.0"), [])

    def test_a_command_that_is_not_there_is_named(self):
        task = self.submit_and_wait(
            container("", name="typo", command=["no-such-command"]), "failed")
        self.assertEqual(task["reason"], "driverError")
        self.assertIn("no-such-command", task["message"])

    def test_a_stopped_task_may_tidy_up(self):
        self.submit_and_wait(container(
            "trap 'echo tidy; exit 0' TERM; echo up; "
            "while :; do sleep 0.1; done", name="neat", kind="service"),
            "running")
        eventually(lambda: "up" in self.troupe("logs", "neat.0")[0],
                   "it is up")
        self.troupe("stop", "neat")
        self.wait_for_task("neat.0", "stopped")
        self.assertEqual(self.troupe("logs", "neat.0")[0], "up\ntidy\n")

    def test_output_can_be_read_after_the_end_and_after_a_crash(self):
        self.submit_and_wait(container("echo still here", name="past"),
                             "succeeded")
        for _ in range(2):
            self.assertEqual(self.troupe("logs", "past.0")[0],
                             "still here\n")
            self.cluster.kill()
            self.cluster = self.start_again(self.cluster)
            self.wait_for_nodes(2)

    def test_what_ignores_the_signal_is_killed_after_its_grace(self):
        self.submit_and_wait(container(
            "trap '' TERM; while :; do sleep 0.1; done", name="stubborn",
            kind="service", stopGrace="1s"), "running")
        self.troupe("stop", "stubborn")
        self.wait_for_task("stubborn.0", "stopped")
        self.assertFalse(
            self.only_container_of("stubborn.0")["State"]["Running"])

    def test_commands_run_beside_a_task(self):
        self.submit_and_wait(container(
            "exec sleep 1000", name="host", kind="service",
            env={"COLOUR": "blue"}), "running")
        out, _ = self.troupe("exec", "host.0", "--", "sh", "-c",
                             "echo it is $COLOUR")
        self.assertEqual(out, "it is blue\n")
        self.troupe("exec", "host.0", "--", "sh", "-c", "exit 5", code=5)

    def test_containers_are_adopted_by_the_next_life_of_their_node(self):
        for job in (container("exec sleep 1000", name="long",
                              kind="service"),
                    container("while [ ! -e /tmp/end ]; do sleep 0.1; done; "
                              "exit 4", name="ends-after"),
                    container("while [ ! -e /tmp/end ]; do sleep 0.1; done; "
                              "exit 3", name="ends-meanwhile")):
            self.submit_and_wait(job, "running")
        before = {x: self.only_container_of(x)["Id"]
                  for x in ("long.0", "ends-after.0", "ends-meanwhile.0")}
        self.cluster.kill()
        self.touch_end(before["ends-meanwhile.0"])
        eventually(lambda: not self.engine.inspect(
            before["ends-meanwhile.0"])["State"]["Running"], "it ends")
        self.cluster = self.start_again(self.cluster)
        self.wait_for_nodes(2)
        self.wait_for_task("ends-meanwhile.0", "failed")
        self.wait_for_task("long.0", "running")
        self.wait_for_task("ends-after.0", "running")
        self.touch_end(before["ends-after.0"])
        self.wait_for_task("ends-after.0", "failed")
        for task, code in (("ends-meanwhile.0", 3), ("ends-after.0", 4)):
            self.assertEqual([x["exitCode"]
                              for x in self.task(task)["attempts"]], [code])
            ends = [x for x in self.items("/v1/events?since=0")
                    if x["type"] == "taskEnded" and x.get("task") == task]
            self.assertEqual(len(ends), 1, ends)
        for task, known in before.items():
            self.assertEqual(self.only_container_of(task)["Id"], known)
        self.troupe("stop", "long")
        self.wait_for_task("long.0", "stopped")

    def touch_end(self, container_id):
        made = self.engine.call(
            "POST", f"/containers/{container_id}/exec",
            '{"Cmd": ["sh", "-c", "echo > /tmp/end"]}')
        self.engine.call("POST", f"/exec/{made['Id']}/start",
                         '{"Detach": true}')

    def test_nothing_runs_on_after_its_job_is_deleted(self):
        self.submit_and_wait(container("exec sleep 1000", name="long",
                                       kind="service", count=3,
                                       stopGrace="1s"), "running")
        self.submit_and_wait(container("true", name="short"), "succeeded")
        for name in ("long", "short"):
            self.troupe("delete", name)
        eventually(lambda: not self.engine.containers(
            status=["running", "created", "paused", "restarting"]),
            "all containers end")
        self.assertLessEqual(len(self.engine.containers()), KEPT_MAX)
        eventually(lambda: not self.items("/v1/tasks"), "they are forgotten")

    def test_stopping_the_cluster_stops_its_containers(self):
        self.submit_and_wait(container("exec sleep 1000", name="long",
                                       kind="service"), "running")
        self.assertEqual(self.cluster.terminate(), 0)
        self.assertFalse(self.only_container_of("long.0")["State"]["Running"])


if __name__ == "__main__":
    unittest.main()
