#!/usr/bin/env python3
"""A controller and nodes in processes of their own, as on several machines."""

import json
import os
import pathlib
import socket
import unittest

from harness import ClusterTest, eventually, is_running, shell


def sleeper(pids, **more):
    return shell(f"echo $$ >> {pids}; exec sleep 1000", **more)


class RemoteNodes(ClusterTest):
    """Three nodes of different sizes."""

    def setUp(self):
        super().setUp()
        self.control = self.controller("--heartbeat", "1s",
                                       "--unhealthy-after", "30s")
        self.nodes = {
            name: self.node(self.control, name, "--labels", labels,
                            capacity=capacity)
            for name, labels, capacity in (
                ("n1", "zone=a,disk=ssd", "cpu=4,memory=4GiB"),
                ("n2", "zone=b", "cpu=4,memory=4GiB"),
                ("n3", "zone=c", "cpu=16,memory=64GiB,gpu=2,license-x=3"))}
        self.wait_for_nodes(3)

    def node_view(self, name):
        return self.get(f"/v1/nodes/{name}")

    def test_a_job_sent_to_the_controller_runs_on_other_processes(self):
        pids = self.folder / "pids"
        self.submit(shell(f"echo $PPID >> {pids}; echo from $TROUPE_NODE",
                          name="far", count=6, strategy="spread"))
        self.wait_for_job("far", "succeeded")
        self.assertEqual({x["node"] for x in self.tasks("far")},
                         set(self.nodes))
        self.assertEqual(len(self.lines_of(pids)), 6)
        for task in self.tasks("far"):
            self.assertIn(task["node"],
                          self.troupe("logs", task["id"])[0])
        self.assertEqual(self.control.terminate(), 0)
        self.assertTrue(all(x.is_alive() for x in self.nodes.values()))

    def test_nodes_tell_what_each_task_uses(self):
        self.submit(shell("while :; do :; done", name="busy",
                          requires={"zone": "b"}))
        self.wait_for_task("busy.0", "running")
        task = eventually(
            lambda: (lambda x: x if x.get("cpuSeconds", 0) > 0
                     and x.get("memoryBytes", 0) > 0 else None)(
                         self.task("busy.0")),
            "the usage of the task is known")
        eventually(lambda: self.task("busy.0")["cpuSeconds"]
                   > task["cpuSeconds"], "it grows")
        self.assertLess(task["memoryBytes"], 1 << 30)
        self.assertGreater(self.node_view("n2")["used"]["cpu"], 0)
        self.troupe("stop", "busy")
        self.wait_for_task("busy.0", "stopped")

    def test_nodes_have_the_capacity_and_labels_that_they_claim(self):
        node = self.node_view("n3")
        self.assertEqual(node["labels"].get("zone"), "c")
        capacity = node["capacity"]
        self.assertEqual((capacity["cpu"], capacity["memory"],
                          capacity["gpu"]), (16, 64 << 30, 2))
        self.assertEqual(capacity["resources"], {"license-x": 3})
        self.assertEqual(node["drivers"], ["process"])
        self.assertEqual(node["state"], "ready")
        self.assertEqual(self.node_view("n1")["labels"]["disk"], "ssd")
        # Only the third says that it is so large.
        self.submit(shell("true", name="large", cpu=10, memory="50GiB"))
        self.submit(shell("true", name="licensed",
                          resources={"license-x": 1}))
        for name in ("large", "licensed"):
            self.wait_for_job(name, "succeeded")
            self.assertEqual(self.task(f"{name}.0")["node"], "n3")

    def test_a_new_label_lets_a_waiting_task_go_at_once(self):
        self.submit(shell("true", name="picky", requires={"rack": "r1"}))
        eventually(lambda: self.task("picky.0")["reason"]
                   == "noMatchingLabels", "the task has a reason to wait")
        before = self.get("/v1/cluster")["version"]
        self.troupe("label", "n2", "rack=r1")
        self.wait_for_job("picky", "succeeded", within=10)
        self.assertEqual(self.task("picky.0")["node"], "n2")
        told = [x["type"] for x in self.items(f"/v1/events?since={before}")]
        self.assertEqual(told[:2], ["nodeLabelled", "taskPlaced"])

    def test_a_node_back_on_its_data_adopts_its_tasks(self):
        end = self.folder / "end"
        files = [self.folder / f"pids-{x}" for x in range(4)]
        for code, pids in enumerate(files):
            self.submit(shell(
                f"echo $$ >> {pids}; until [ -e {end} ]; do sleep 0.1; done; "
                f"exit {code}", name=f"code-{code}", requires={"zone": "a"}))
        before = [self.pid_of(x) for x in files]
        for code in range(4):
            self.wait_for_task(f"code-{code}.0", "running")
        self.nodes["n1"].kill()
        self.assertTrue(all(is_running(x) for x in before))
        self.start_again(self.nodes["n1"])
        self.wait_for_nodes(3)
        self.assertEqual([self.pid_of(x) for x in files], before)
        end.touch()
        for code, pids in enumerate(files):
            task = self.wait_for_task(f"code-{code}.0",
                                      "failed" if code else "succeeded")
            self.assertEqual(task["attempts"][-1]["exitCode"], code)
            self.assertEqual(task["attempt"], 1)
            self.assertEqual(len(self.lines_of(pids)), 1, "it ran twice")

    def test_tasks_outlive_the_controller_and_are_known_to_its_next_life(self):
        pids, end = self.folder / "pids", self.folder / "end"
        self.submit(shell(
            f"echo $$ >> {pids}; until [ -e {end} ]; do sleep 0.1; done",
            name="wide", count=6, strategy="spread"))
        eventually(lambda: len(self.lines_of(pids)) == 6, "all tasks start")
        eventually(lambda: all(x["state"] == "running"
                               for x in self.tasks("wide")), "they run")
        where = {x["id"]: x["node"] for x in self.tasks("wide")}
        before = self.lines_of(pids)
        self.control.kill()
        self.assertTrue(all(is_running(int(x)) for x in before))
        self.start_again(self.control)
        self.wait_for_nodes(3)
        self.assertEqual({x["id"]: x["node"] for x in self.tasks("wide")},
                         where)
        end.touch()
        self.wait_for_job("wide", "succeeded")
        self.assertEqual(self.lines_of(pids), before)


class OneName(ClusterTest):
    """Two nodes that were given the same name."""

    def setUp(self):
        super().setUp()
        self.control = self.controller("--heartbeat", "1s",
                                       "--unhealthy-after", "5s")
        self.first = self.node(self.control, "n1", "--labels", "zone=a")
        self.wait_for_nodes(1)
        self.pids = self.folder / "pids"

    def twin(self):
        return ("node", "--controller", self.control.listen, "--name", "n1",
                "--data", self.folder / "twin", "--labels", "zone=z",
                "--drivers", "process", "--metrics", "127.0.0.1:0")

    def test_the_second_is_refused_while_the_first_lives(self):
        self.submit(sleeper(self.pids, name="web", kind="service"))
        pid = self.pid_of(self.pids)
        self.wait_for_task("web.0", "running")
        said = self.refused(*self.twin())
        for word in ('"n1" is in use', str(self.folder / "n1"), "--name"):
            self.assertIn(word, said)
        self.assertEqual(self.get("/v1/nodes/n1")["labels"]["zone"], "a")
        self.assertTrue(is_running(pid))
        # The first is let in again at once.
        self.first.kill()
        self.first = self.start_again(self.first)
        eventually(lambda: self.get("/v1/nodes/n1")["state"] == "ready",
                   "it is back")
        self.assertEqual(self.lines_of(self.pids), [str(pid)])
        self.assertEqual(len(self.task("web.0")["attempts"]), 1)

    def test_the_second_waits_for_the_first_and_runs_nothing_twice(self):
        self.submit(sleeper(self.pids, name="long", requires={"zone": "a"}))
        self.pid_of(self.pids)
        self.wait_for_task("long.0", "running")
        self.first.kill()
        # The same name, but nothing of what it ran.
        self._start("twin", *self.twin())
        task = eventually(
            lambda: (lambda x: x if x["state"] in ("lost", "pending", "failed")
                     else None)(self.task("long.0")),
            "the task is known to be gone")
        self.assertEqual(task["attempts"][0]["reason"], "nodeLost")
        self.assertEqual(len(self.lines_of(self.pids)), 1)

    def test_a_node_that_has_not_joined_stops_in_order(self):
        with socket.socket() as nobody:
            # Bound, but nobody listens.
            nobody.bind(("127.0.0.1", 0))
            node = self._start(
                "alone", "node", "--controller",
                f"127.0.0.1:{nobody.getsockname()[1]}", "--name", "alone",
                "--data", self.folder / "alone", "--drivers", "process",
                "--metrics", "127.0.0.1:0", is_outsider=True)
            eventually(lambda: "is not joined" in node.log_text(),
                       "it has tried to join")
            self.assertEqual(node.terminate(), 0)
            self.assertEqual(node.ready, {})


class ManyNodes(ClusterTest):
    def test_one_command_starts_ten_nodes(self):
        self.up(10)
        self.submit(shell("true", name="wide", count=20, strategy="spread"))
        self.wait_for_job("wide", "succeeded")
        self.assertEqual(len({x["node"] for x in self.tasks("wide")}), 10)

    def test_a_node_of_another_protocol_is_refused_in_words(self):
        self.controller()
        status, body = self.call(
            "POST", "/v1/nodes",
            {"name": "old", "protocol": 99, "version": "9.9.9",
             "capacity": {"cpu": 1, "memory": "1GiB"}})
        self.assertEqual(status, 409, body)
        for word in ("old", "9.9.9", "protocol 99", "same version"):
            self.assertIn(word, body["detail"])
        self.assertEqual(self.items("/v1/nodes"), [])

    def test_a_thousand_tasks_survive_five_rounds_of_kills(self):
        count, rounds = 1000, 5
        file = self.folder / "ran"
        control = self.controller("--heartbeat", "1s")
        nodes = [self.node(control, f"n{x}", capacity="cpu=3,memory=8GiB")
                 for x in range(3)]
        # Appended with O_APPEND, in one write: lines of tasks do not mix.
        job = shell(f"echo $TROUPE_TASK >> {file}; sleep 0.05",
                    cpu=0.25, memory="8MiB")
        for turn in range(rounds):
            self.submit({**job, "name": f"part-{turn}",
                         "count": count // rounds})
            wanted = count // rounds * turn + 60
            eventually(lambda: len(self.lines_of(file)) >= wanted,
                       f"round {turn} is on its way")
            which = turn % len(nodes)
            nodes[which].kill()
            control.kill()
            control = self.start_again(control)
            nodes[which] = self.start_again(nodes[which])
        for turn in range(rounds):
            self.wait_for_job(f"part-{turn}", "succeeded", within=180)
        ran = self.lines_of(file)
        self.assertEqual(len(ran), len(set(ran)), "a task ran twice")
        self.assertEqual(set(ran), {f"part-{turn}.{x}"
                                    for turn in range(rounds)
                                    for x in range(count // rounds)})
        # An attempt that never began is followed by another; none has failed.
        told = {x["reason"] for turn in range(rounds)
                for task in self.tasks(f"part-{turn}")
                for x in task["attempts"]}
        self.assertLessEqual(told, {None, "nodeLost"})


class HttpWorker:
    """A worker in another language: runs commands, speaks plain HTTP."""

    def __init__(self, test, name):
        self.test = test
        self.name = name
        self.acknowledged = 0
        self.reported = 0
        self.done = {}  # allocation -> what it reported last

    def call(self, method, path, body=None):
        status, answer = self.test.call(method, path, body)
        self.test.assertLess(status, 300, answer)
        return answer

    def register(self):
        return self.call("POST", "/v1/nodes", {
            "name": self.name, "version": "1.0", "drivers": ["process"],
            "capacity": {"cpu": 2, "memory": "1GiB"},
            "labels": {"language": "python"}})

    def beat(self, **what):
        self.call("POST", f"/v1/nodes/{self.name}/heartbeat", what)

    def work(self, wait="5s"):
        return self.call(
            "GET", f"/v1/nodes/{self.name}/work?wait={wait}")["items"]

    def report(self, item, state, **more):
        self.reported += 1
        return self.say({"task": item["task"], "attempt": item["attempt"],
                         "allocation": item["allocation"], "state": state,
                         "sequence": self.reported, **more},
                        item["sequence"])

    def say(self, report, acknowledged=0):
        return self.call("POST", f"/v1/nodes/{self.name}/reports", {
            "reports": [report] if report else [],
            "acknowledged": acknowledged})

    def run(self, item):
        """Runs `item` to its end, as a runner of one line would."""
        self.report(item, "running")
        status = os.spawnvp(os.P_WAIT, item["spec"]["command"][0],
                            item["spec"]["command"])
        self.report(item, "failed" if status else "succeeded",
                    exitCode=status)


class WorkersByHttp(ClusterTest):
    def setUp(self):
        super().setUp()
        self.control = self.controller()
        self.worker = HttpWorker(self, "py")
        self.worker.register()
        self.wait_for_nodes(1)

    def item(self):
        items = self.worker.work("30s")
        self.assertEqual(len(items), 1, items)
        return items[0]

    def test_a_worker_in_another_language_runs_a_job_to_its_end(self):
        file = self.folder / "file"
        self.submit(shell(f"echo one >> {file}; exit 3", name="job",
                          requires={"language": "python"}))
        item = self.item()
        self.assertEqual((item["kind"], item["task"], item["attempt"]),
                         ("start", "job.0", 1))
        self.worker.run(item)
        task = self.wait_for_task("job.0", "failed")
        self.assertEqual(task["attempts"][-1]["exitCode"], 3)
        self.assertEqual(task["node"], "py")
        self.assertEqual(file.read_text(), "one\n")

    def test_work_is_offered_until_it_is_acknowledged(self):
        self.submit(shell("true", name="job"))
        first = self.item()
        self.assertEqual(self.item(), first)
        self.worker.say(None, first["sequence"])
        self.assertEqual(self.worker.work("100ms"), [])

    def test_a_report_that_is_sent_again_changes_nothing(self):
        self.submit(shell("true", name="job"))
        item = self.item()
        self.worker.report(item, "running")
        end = {"task": "job.0", "attempt": 1, "sequence": 2,
               "state": "succeeded", "exitCode": 0}
        self.assertEqual(self.worker.say(end)["acknowledged"], 2)
        self.wait_for_task("job.0", "succeeded")
        version = self.get("/v1/cluster")["version"]
        self.assertEqual(self.worker.say(end)["acknowledged"], 2)
        self.worker.say({**end, "state": "failed", "exitCode": 1})
        self.assertEqual(self.task("job.0")["state"], "succeeded")
        self.assertEqual(self.get("/v1/cluster")["version"], version)

    def test_registering_again_is_no_second_node(self):
        self.submit(shell("true", name="job"))
        first = self.item()
        self.worker.register()
        self.assertEqual(len(self.items("/v1/nodes")), 1)
        again = self.item()
        self.assertEqual(again["allocation"], first["allocation"])

    def test_usage_comes_with_the_heartbeat(self):
        self.submit(shell("true", name="job"))
        item = self.item()
        self.worker.report(item, "running")
        self.worker.beat(used={"cpu": 0.5, "memory": "1MiB"}, tasks=[
            {"allocation": item["allocation"], "cpuSeconds": 1.5,
             "memoryBytes": 4096}])
        eventually(lambda: self.task("job.0").get("cpuSeconds") == 1.5,
                   "the usage is known")
        self.assertEqual(self.task("job.0")["memoryBytes"], 4096)
        self.assertEqual(self.get("/v1/nodes/py")["used"]["cpu"], 0.5)

    def test_a_stopped_task_is_told_to_the_worker(self):
        self.submit(shell("true", name="job"))
        item = self.item()
        self.worker.report(item, "running")
        self.troupe("stop", "job")
        stop = self.item()
        self.assertEqual((stop["kind"], stop["task"]), ("stop", "job.0"))
        self.worker.report(stop, "stopped", reason="stoppedByUser")
        self.wait_for_task("job.0", "stopped")

    def test_work_that_was_not_acknowledged_survives_the_controller(self):
        self.submit(shell("true", name="job"))
        first = self.item()
        self.control.kill()
        self.start_again(self.control)
        again = self.item()
        self.assertEqual((again["task"], again["attempt"],
                          again["allocation"]),
                         ("job.0", 1, first["allocation"]))
        self.worker.run(again)
        self.wait_for_task("job.0", "succeeded")

    def test_a_stranger_is_told_to_register_first(self):
        for method, path, body in (
                ("GET", "/v1/nodes/nobody/work", None),
                ("POST", "/v1/nodes/nobody/reports", {"reports": []}),
                ("POST", "/v1/nodes/nobody/heartbeat", {})):
            status, answer = self.call(method, path, body)
            self.assertEqual(status, 404, answer)
            self.assertIn("nobody", json.dumps(answer))


class Dialling(ClusterTest):
    """A port whose queue is full answers nobody, as a network that is cut."""

    def hole(self):
        """Listens, and takes nobody in any more; what is to be closed."""
        hole = socket.create_server(("127.0.0.1", 0), backlog=0)
        result = [hole]
        for _ in range(4):
            visitor = socket.socket()
            visitor.setblocking(False)
            visitor.connect_ex(hole.getsockname())
            result.append(visitor)
        for x in result:
            self.addCleanup(x.close)
        return result

    def dials(self, node, port):
        """Ports from which `node` tries to connect to `port` now."""
        lines = pathlib.Path(f"/proc/{node.pid}/net/tcp").read_text()
        rows = [x.split() for x in lines.splitlines()[1:]]
        syn_sent = "02"
        own = set()
        for entry in pathlib.Path(f"/proc/{node.pid}/fd").iterdir():
            try:
                own.add(os.readlink(entry))
            except OSError:
                pass  # Closed meanwhile.
        return {x[1] for x in rows if x[2].endswith(f":{port:04X}")
                and x[3] == syn_sent and f"socket:[{x[9]}]" in own}

    def test_what_nobody_answers_is_soon_dialled_anew(self):
        hole = self.hole()
        port = hole[0].getsockname()[1]
        node = self._start(
            "n1", "node", "--controller", f"127.0.0.1:{port}", "--name", "n1",
            "--data", self.folder / "n1", "--drivers", "process",
            "--metrics", "127.0.0.1:0", is_outsider=True)
        seen = set()

        def thrice():
            seen.update(self.dials(node, port))
            return len(seen) > 2
        # Without an end of its own the first of them would last two minutes.
        eventually(thrice, "it has dialled three times")
        for x in hole:
            x.close()
        self.controller(listen=f"127.0.0.1:{port}")
        self.wait_for_nodes(1)


if __name__ == "__main__":
    unittest.main()
