#!/usr/bin/env python3
"""Restarts in place and health checks, with real processes and containers."""

import socket
import unittest
import urllib.request

import docker_engine
from docker_engine import IMAGE, DockerEngine
from harness import ClusterTest, eventually, is_running, shell


def free_port():
    """A port that nobody has now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def service(script, **more):
    """A job that keeps `script` running, with restarts that come soon."""
    return shell(script, **{"kind": "service", "restart": {"delay": "200ms"},
                            **more})


class RestartTest(ClusterTest):
    def attempts(self, task):
        return self.task(task)["attempts"]

    def wait_for_attempt(self, task, number, state="running"):
        def there():
            found = self.task(task)
            return found if (found["attempt"], found["state"]) == (
                number, state) else None
        return eventually(there, f"attempt {number} of {task} is {state}")

    def wait_for_health(self, task, health):
        return eventually(
            lambda: (lambda x: x if x["health"] == health else None)(
                self.task(task)), f"{task} is {health}")

    def ends(self, task):
        """What the journal says of the ends of attempts, in order."""
        return [x for x in self.items("/v1/events?types=taskEnded")
                if x["task"] == task]


class Restarts(RestartTest):
    def test_a_service_that_crashes_starts_again_on_its_node(self):
        self.up(2)
        marks = self.folder / "marks"
        self.submit(service(
            f"echo x >> {marks}; echo run $(wc -l < {marks}); "
            f"[ $(wc -l < {marks}) -ge 3 ] && exec sleep 1000; exit 3",
            name="web"))
        task = self.wait_for_attempt("web.0", 3)
        self.assertEqual([(x["attempt"], x.get("reason"), x.get("exitCode"))
                          for x in task["attempts"][:2]],
                         [(1, "exitCode", 3), (2, "exitCode", 3)])
        self.assertEqual(len({x["node"] for x in task["attempts"]}), 1)
        # What each of them has written can still be read.
        for attempt in (1, 2, 3):
            self.assertEqual(
                self.get(f"/v1/tasks/web.0/logs?attempt={attempt}"),
                f"run {attempt}\n")
        self.assertEqual(self.troupe("logs", "web.0")[0], "run 3\n")
        self.assertTrue(all(x["restarts"] for x in self.ends("web.0")))

    def test_past_its_limit_a_service_is_placed_anew(self):
        self.up(1)
        marks = self.folder / "marks"
        self.submit(service(f"echo x >> {marks}; exit 3", name="web",
                            restart={"attempts": 2, "delay": "100ms"}))
        eventually(lambda: len(self.lines_of(marks)) >= 5,
                   "it was placed anew")
        ends = self.ends("web.0")
        self.assertEqual([x.get("restarts", False) for x in ends[:4]],
                         [True, True, False, True])
        self.assertIn("after 2 restarts on this node", ends[2]["message"])

    def test_a_node_killed_in_the_middle_of_a_delay_goes_on_waiting(self):
        controller = self.controller()
        node = self.node(controller)
        marks = self.folder / "marks"
        self.submit(service(
            f"echo x >> {marks}; [ $(wc -l < {marks}) -ge 2 ] && "
            "exec sleep 1000; exit 3", name="web", restart={"delay": "4s"}))
        waiting = self.wait_for_attempt("web.0", 2, "starting")
        self.assertIn("starts again in 4s", waiting["message"])
        node.kill()
        self.start_again(node)
        task = self.wait_for_attempt("web.0", 2)
        self.assertEqual(len(self.lines_of(marks)), 2)
        self.assertEqual([x.get("exitCode") for x in self.ends("web.0")], [3])
        self.assertEqual(len(task["attempts"]), 2)

    def test_a_limit_holds_over_lives_of_the_node(self):
        controller = self.controller()
        node = self.node(controller)
        marks = self.folder / "marks"
        self.submit(service(f"echo x >> {marks}; sleep 1; exit 3", name="web",
                            restart={"attempts": 2, "delay": "100ms"}))
        for attempt in (2, 3):
            self.wait_for_attempt("web.0", attempt)
            node.kill()
            node = self.start_again(node)
        ended = eventually(
            lambda: [x for x in self.ends("web.0") if not x.get("restarts")],
            "it gives up")
        self.assertEqual(ended[0]["attempt"], 3)

    def test_what_restarts_while_the_controller_is_down_is_told_once(self):
        controller = self.controller()
        self.node(controller)
        marks = self.folder / "marks"
        self.submit(service(
            f"echo x >> {marks}; n=$(wc -l < {marks}); "
            "[ $n -ge 3 ] && exec sleep 1000; sleep 1; exit $n", name="web"))
        self.wait_for_attempt("web.0", 1)
        controller.kill()
        eventually(lambda: len(self.lines_of(marks)) == 3,
                   "the node restarts it by itself")
        self.start_again(controller)
        self.wait_for_attempt("web.0", 3)
        self.assertEqual(
            [(x["attempt"], x.get("exitCode"), x.get("restarts"))
             for x in self.ends("web.0")], [(1, 1, True), (2, 2, True)])

    def test_a_node_without_a_controller_stops_its_tasks_if_told_to(self):
        controller = self.controller()
        node = self.node(controller, "n1", "--stop-tasks-after", "2s")
        pids = self.folder / "pids"
        self.submit(service(f"echo $$ >> {pids}; exec sleep 1000",
                            name="web"))
        pid = self.pid_of(pids)
        self.wait_for_attempt("web.0", 1)
        controller.kill()
        eventually(lambda: not is_running(pid), "the node stops it")
        self.assertTrue(node.is_alive())
        self.start_again(controller)
        task = self.wait_for_attempt("web.0", 2)
        self.assertEqual(task["attempts"][0]["reason"], "nodeLost")
        self.assertIn("without a controller", task["attempts"][0]["message"])


class Health(RestartTest):
    def setUp(self):
        super().setUp()
        self.up(1)

    def test_a_process_is_checked_over_http(self):
        port = free_port()
        (self.folder / "site").mkdir()
        (self.folder / "site" / "up").write_text("up")
        self.submit(service(
            f"exec python3 -m http.server {port} --bind 127.0.0.1 "
            f"--directory {self.folder}/site", name="web",
            health={"http": {"port": port, "path": "/up"},
                    "interval": "200ms", "failures": 2, "grace": "10s"}))
        self.wait_for_health("web.0", "healthy")
        self.assertIn("healthy", self.troupe("tasks", "-o", "wide")[0])
        (self.folder / "site" / "up").unlink()
        # Only after its grace it counts.
        task = self.wait_for_attempt("web.0", 2)
        first = task["attempts"][0]
        self.assertEqual((first["reason"], first["state"]),
                         ("unhealthy", "failed"))
        self.assertIn("status 404", first["message"])

    def test_a_process_is_checked_over_tcp(self):
        self.submit(service(
            "exec python3 -m http.server $TROUPE_PORT_WEB --bind 127.0.0.1",
            name="web", ports={"web": 80},
            health={"tcp": {"port": 80}, "interval": "200ms"}))
        self.wait_for_health("web.0", "healthy")
        port = self.task("web.0")["ports"]["web"]
        urllib.request.urlopen(f"http://127.0.0.1:{port}", timeout=5).close()

    def test_nobody_listens_where_a_check_looks(self):
        self.submit(service("exec sleep 1000", name="web",
                            health={"tcp": {"port": free_port()},
                                    "interval": "100ms"}))
        task = self.wait_for_attempt("web.0", 2)
        self.assertEqual(task["attempts"][0]["reason"], "unhealthy")
        changes = [x["health"] for x in
                   self.items("/v1/events?types=taskHealthChanged")]
        self.assertEqual(changes[0], "unhealthy")

    def test_a_command_checks_a_process_from_its_own_place(self):
        flag = self.folder / "flag"
        flag.touch()
        self.submit(service(
            "cd $(pwd); touch here; exec sleep 1000", name="web",
            env={"FLAG": str(flag)},
            health={"command": ["sh", "-c", "ls here && ls $FLAG"],
                    "interval": "200ms", "failures": 2}))
        self.wait_for_health("web.0", "healthy")
        self.assertIn({"type": "checker", "count": 1, "restarts": 0,
                       "supervisor": "task"},
                      self.get("/v1/actors")["items"])
        flag.unlink()
        task = self.wait_for_attempt("web.0", 2)
        self.assertEqual(task["attempts"][0]["reason"], "unhealthy")
        flag.touch()
        self.wait_for_health("web.0", "healthy")


@unittest.skipIf(docker_engine.unavailable(), docker_engine.unavailable())
class Containers(RestartTest):
    @classmethod
    def setUpClass(cls):
        cls.engine = DockerEngine()
        cls.addClassCleanup(cls.engine.end)

    def setUp(self):
        super().setUp()
        self.addCleanup(self.engine.remove_all)
        self.up(2, "--docker", self.engine.address, "--docker-network", "host",
                drivers="docker")

    def container(self, script, **more):
        return {"image": IMAGE, "command": ["sh", "-c", script], "name": "web",
                "cpu": 0.1, "memory": "32MiB", "restart": {"delay": "200ms"},
                **more}

    def container_of(self, task, attempt):
        for x in self.engine.containers():
            labels = x["Labels"]
            if task in labels.values() and (
                    labels["troupe.attempt"] == str(attempt)):
                return x
        return None

    def test_a_container_that_is_killed_comes_back_on_its_node(self):
        self.submit(self.container("echo hello; exec sleep 1000"))
        first = self.wait_for_attempt("web.0", 1)
        found = self.container_of("web.0", 1)
        eventually(lambda: self.get("/v1/tasks/web.0/logs") == "hello\n",
                   "it has said something")
        self.engine.call("POST", f"/containers/{found['Id']}/kill")
        task = self.wait_for_attempt("web.0", 2)
        self.assertEqual(task["node"], first["node"])
        self.assertEqual(task["attempts"][0]["exitCode"], 137)
        self.assertIsNotNone(self.container_of("web.0", 2))
        self.assertEqual(self.get("/v1/tasks/web.0/logs?attempt=1"),
                         "hello\n")

    def test_a_container_is_checked_over_http_and_tcp(self):
        for name, check in (("h", lambda p: {"http": {"port": p}}),
                            ("t", lambda p: {"tcp": {"port": p}})):
            port = free_port()
            self.submit(self.container(
                f"mkdir /tmp/{name}; echo up > /tmp/{name}/index.html; "
                f"exec /bin/busybox httpd -f -p 127.0.0.1:{port} "
                f"-h /tmp/{name}", name=name,
                health={**check(port), "interval": "300ms"}))
            self.wait_for_health(f"{name}.0", "healthy")

    def test_a_command_checks_a_container_from_within(self):
        self.submit(self.container(
            "echo up > /tmp/up; sleep 1000",
            stopGrace="1s",
            health={"command": ["cat", "/tmp/up"], "interval": "300ms",
                    "failures": 2}))
        self.wait_for_health("web.0", "healthy")
        self.troupe("exec", "web.0", "--", "sh", "-c", "echo > /tmp/down; "
                    "/bin/busybox rm /tmp/up")
        task = self.wait_for_attempt("web.0", 2)
        self.assertEqual(task["attempts"][0]["reason"], "unhealthy")
        self.wait_for_health("web.0", "healthy")


if __name__ == "__main__":
    unittest.main(verbosity=2)
