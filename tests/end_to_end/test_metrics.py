#!/usr/bin/env python3
"""A real Prometheus scrapes a controller and three nodes: every query of the
dashboards and every alert that ship is asked of it."""

import json
import pathlib
import re
import shutil
import socket
import subprocess
import unittest
import urllib.parse
import urllib.request

from harness import PATIENCE_S, ClusterTest, eventually, shell

ROOT = pathlib.Path(__file__).resolve().parents[2]
CONFIG = ROOT / "config"
RULES = CONFIG / "prometheus" / "rules.yml"

HAS_PROMETHEUS = shutil.which("prometheus") and shutil.which("promtool")

# What the reference promises, and where.
ON_CONTROLLER = """
    troupe_build_info troupe_nodes troupe_jobs troupe_tasks troupe_queue_tasks
    troupe_node_cpu_cores troupe_node_memory_bytes troupe_node_gpu_devices
    troupe_scheduler_decision_duration_seconds
    troupe_scheduler_placement_latency_seconds troupe_task_start_latency_seconds
    troupe_scheduler_attempts_total troupe_scheduler_retries_total
    troupe_preemptions_total troupe_gang_attempts_total troupe_gang_wait_seconds
    troupe_heartbeats_missed_total troupe_health_checks_total
    troupe_task_restarts_total troupe_cache_lookups_total
    troupe_journal_append_duration_seconds troupe_journal_version
    troupe_http_request_duration_seconds troupe_actor_mailbox_messages
    troupe_leader""".split()
ON_NODE = """
    troupe_build_info troupe_task_cpu_seconds_total troupe_task_memory_bytes
    troupe_driver_operation_duration_seconds""".split()


def free_port():
    with socket.socket() as x:
        x.bind(("127.0.0.1", 0))
        return x.getsockname()[1]


def read(url):
    with urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:
        return answer.read().decode()


def families(text):
    return set(re.findall(r"^# TYPE (\w+)", text, re.M))


def queries(board):
    """Title of the panel and query, for all of a dashboard."""
    for panel in board["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"]


def boards():
    return {x.name: json.loads(x.read_text())
            for x in sorted((CONFIG / "grafana" / "dashboards").glob("*.json"))}


def alerts():
    """Name and expression of each alert, as promtool would write them."""
    text = RULES.read_text()
    found = re.findall(
        r"- alert: (\w+)\n\s+expr: (?:>-\n)?(.*?)\n\s+for:", text, re.S)
    return {name: " ".join(expr.split()) for name, expr in found}


@unittest.skipUnless(HAS_PROMETHEUS, "no prometheus here: apt install prometheus")
class Shipped(unittest.TestCase):
    def test_every_alert_fires_when_it_should(self):
        cases = pathlib.Path(__file__).with_name("alerts.yml")
        self.promtool("check", "rules", RULES)
        self.promtool("test", "rules", cases)
        for name in alerts():
            self.assertIn(f'alertname="{name}"', cases.read_text())

    def test_every_alert_says_what_to_do(self):
        text = RULES.read_text()
        count = text.count("- alert: ")
        self.assertEqual(len(alerts()), count)
        self.assertEqual(text.count("runbook: "), count)
        self.assertEqual(text.count("labels: { severity: "), count)

    def test_the_scrape_configuration_is_valid(self):
        self.promtool("check", "config", CONFIG / "prometheus/prometheus.yml")

    def test_every_metric_is_on_a_dashboard(self):
        text = json.dumps(boards())
        for name in ON_CONTROLLER + ON_NODE:
            self.assertIn(name, text)

    def test_dashboards_need_no_edits(self):
        for name, board in boards().items():
            ids = [x["id"] for x in board["panels"]]
            self.assertEqual(len(ids), len(set(ids)), name)
            self.assertTrue(board["uid"] and board["title"], name)
            for panel in board["panels"]:
                if panel["type"] != "row":
                    self.assertEqual(panel["datasource"]["uid"],
                                     "${datasource}", panel["title"])

    def promtool(self, *arguments):
        done = subprocess.run(["promtool", *map(str, arguments)],
                              capture_output=True, text=True, cwd=CONFIG)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


@unittest.skipUnless(HAS_PROMETHEUS, "no prometheus here: apt install prometheus")
class Scraped(ClusterTest):
    def setUp(self):
        super().setUp()
        self.port = free_port()

    def prometheus(self, controller, nodes):
        """Ours, as shipped but for addresses and a quicker pace."""
        folder = self.folder / "prometheus"
        folder.mkdir()
        text = (CONFIG / "prometheus" / "prometheus.yml").read_text()
        text = (text.replace("127.0.0.1:4640", controller.http)
                .replace("15s", "1s"))
        (folder / "prometheus.yml").write_text(text)
        shutil.copy(RULES, folder)
        (folder / "nodes.json").write_text(json.dumps(
            [{"targets": [x.ready["metrics"]], "labels": {"node": x.name}}
             for x in nodes]))
        with open(folder / "log", "ab") as log:
            process = subprocess.Popen(
                ["prometheus", f"--config.file={folder / 'prometheus.yml'}",
                 f"--storage.tsdb.path={folder / 'data'}",
                 f"--web.listen-address=127.0.0.1:{self.port}"],
                stdout=log, stderr=log)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        eventually(self.is_up, "Prometheus is ready")

    def is_up(self):
        try:
            return read(f"http://127.0.0.1:{self.port}/-/ready")
        except OSError:
            return False

    def query(self, expression):
        text = read(f"http://127.0.0.1:{self.port}/api/v1/query?"
                    + urllib.parse.urlencode({"query": expression}))
        answer = json.loads(text)
        self.assertEqual(answer["status"], "success", expression)
        return answer["data"]["result"]

    def value(self, expression):
        found = self.query(expression)
        return float(found[0]["value"][1]) if found else None

    def lint(self, text):
        done = subprocess.run(["promtool", "check", "metrics"], input=text,
                              capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))

    def cluster_at_work(self):
        controller = self.controller("--heartbeat", "1s",
                                     "--unhealthy-after", "4s")
        nodes = [self.node(controller, f"n{i}") for i in (1, 2, 3)]
        self.wait_for_nodes(3)
        self.submit({"name": "web", "kind": "service", "count": 3,
                     "cpu": 0.2, "memory": "16MiB", "strategy": "spread",
                     "command": ["sh", "-c", "while sleep 0.02; do :; done"]})
        self.submit(shell("exit 0", name="short", count=5))
        self.submit(shell("exit 0", name="huge", cpu=100))
        self.wait_for_job("short", "succeeded")
        eventually(lambda: self.job("web")["tasks"]["running"] == 3,
                   "all of web runs")
        return controller, nodes

    def test_everything_promised_is_there_and_well_formed(self):
        controller, nodes = self.cluster_at_work()
        url = f"http://{controller.http}/metrics"
        eventually(lambda: set(ON_CONTROLLER) <= families(read(url)),
                   "all metrics of the controller")
        text = read(url)
        self.lint(text)
        self.assertIn('troupe_queue_tasks{reason="insufficientCpu"} 1', text)
        self.assertIn('troupe_nodes{state="ready"} 3', text)
        self.assertNotIn("web.0", text)
        for node in nodes:
            url = f"http://{node.ready['metrics']}/metrics"
            eventually(lambda: 'troupe_task_memory_bytes{job="web"}'
                       in read(url), "the use of web is measured")
            text = read(url)
            self.assertLessEqual(set(ON_NODE), families(text))
            self.lint(text)

    def test_a_restarted_controller_tells_no_nonsense(self):
        controller, _ = self.cluster_at_work()
        controller.kill()
        controller = self.start_again(controller)
        self.wait_for_nodes(3)
        text = read(f"http://{controller.http}/metrics")
        self.lint(text)
        # What began in an earlier life is neither counted nor timed again.
        self.assertIn("troupe_scheduler_placement_latency_seconds_count 0",
                      text)
        self.assertIn("troupe_task_start_latency_seconds_count 0", text)
        self.assertIn('troupe_tasks{state="running"} 3', text)

    def test_every_query_that_ships_has_an_answer(self):
        controller, nodes = self.cluster_at_work()
        self.prometheus(controller, nodes)
        eventually(lambda: self.value("sum(up)") == 4, "all are scraped")
        eventually(lambda: self.value("rate(troupe_task_cpu_seconds_total"
                                      '{job="web",node="n1"}[30s])'),
                   "the nodes tell what web uses")
        for name, board in boards().items():
            for title, query in queries(board):
                query = (query.replace("$__rate_interval", "30s")
                         .replace("$node", ".*"))
                eventually(lambda: self.query(query),
                           f"{name}, {title}: {query}", within=20)
        for name, expression in alerts().items():
            self.query(expression)
        # One of them, for real.
        nodes[2].kill()
        eventually(lambda: self.value(alerts()["TroupeNodeUnhealthy"]) == 1,
                   "the loss of a node raises an alert")
        eventually(lambda: self.value('sum(troupe_heartbeats_missed_total'
                                      '{node="n3"})'),
                   "its missing heartbeats are counted")


if __name__ == "__main__":
    unittest.main()
