#!/usr/bin/env python3
"""Scenarios are played by the real binary, without any controller."""

import json
import pathlib
import unittest

from harness import ClusterTest

SCENARIOS = pathlib.Path(__file__).resolve().parents[2] / "config/scenarios"

NODES = [{"count": 2, "name": "n", "cpu": 4, "memory": "8GiB"}]


def batch(name, **more):
    return {"name": name, "driver": "simulated", "kind": "batch", "cpu": 1,
            "simulate": {"duration": "1m"}, **more}


class Simulate(ClusterTest):
    def setUp(self):
        super().setUp()
        # Nobody listens there: nothing is asked of a controller.
        self.address = "http://127.0.0.1:1"

    def write(self, text):
        path = self.folder / "scenario.json"
        path.write_text(text if isinstance(text, str) else json.dumps(text))
        return path

    def play(self, *arguments):
        return json.loads(
            self.troupe("simulate", *arguments, "-o", "json")[0])

    def test_figures_of_a_scenario_are_shown_as_a_table_and_as_json(self):
        path = self.write({"nodes": NODES,
                           "jobs": [{"job": batch("a", count=12)}]})
        table, said = self.troupe("simulate", path)
        self.assertEqual(said, "")
        self.assertRegex(table, r"tasks succeeded +12\n")
        self.assertRegex(table, r"makespan +2m\n")
        run = self.play(path)
        self.assertEqual(run["strategy"], "binpack")
        self.assertEqual(run["tasks"]["succeeded"], 12)
        self.assertEqual(run["makespanSeconds"], 120)
        self.assertEqual(run["waitSeconds"]["max"], 60)
        self.assertEqual(run["use"]["cpu"]["mean"], 0.75)
        self.assertTrue(run["complete"])

    def test_a_trace_shows_every_placement_and_is_the_same_each_time(self):
        path = SCENARIOS / "small.json"
        first = self.troupe("simulate", path, "--trace")[0]
        self.assertEqual(first, self.troupe("simulate", path, "--trace")[0])
        self.assertRegex(first, r"0\.000 +web\.0 +1 +\S+\n")
        run = self.play(path, "--trace")
        self.assertEqual(len(run["trace"]), run["placements"])
        times = [x["atSeconds"] for x in run["trace"]]
        self.assertEqual(times, sorted(times))
        self.assertNotIn("trace", self.play(path))

    def test_strategies_are_compared_side_by_side(self):
        path = SCENARIOS / "small.json"
        table, _ = self.troupe("simulate", path, "--compare", "binpack,spread")
        self.assertRegex(table, r"FIGURE +binpack +spread\n")
        self.assertRegex(
            table, r"cpu use stddev over nodes +[\d.]+ % +[\d.]+ %\n")
        runs = self.play(path, "--compare", "all")["runs"]
        self.assertGreaterEqual(len(runs), 5)
        even = {x["strategy"]: x["use"]["cpu"]["stddevOverNodes"]
                for x in runs}
        self.assertLess(even["spread"], even["binpack"])

    def test_the_reference_scenarios_come_out_as_they_say(self):
        preemption = self.play(SCENARIOS / "preemption.json")
        self.assertEqual(preemption["preemptions"], 2)
        self.assertEqual(preemption["tasks"]["succeeded"], 5)
        gang = self.play(SCENARIOS / "gang.json", "--trace")
        self.assertEqual(gang["gangs"]["committed"], 1)
        self.assertEqual(
            len({x["atSeconds"] for x in gang["trace"]
                 if x["task"].startswith("gang-a")}), 1)
        failure = self.play(SCENARIOS / "gang-failure.json")
        self.assertEqual(failure["gangs"]["committed"], 0)
        self.assertEqual(failure["waiting"][0]["reason"], "neverFits")
        both = self.play(SCENARIOS / "reference.json")
        self.assertEqual(both["preemptions"], 3)
        self.assertEqual(both["tasks"]["succeeded"], 7)

    def test_all_mistakes_are_told_with_line_and_pointer(self):
        path = self.write('{\n  "nodes": [{"count": 1, "cpus": 4}],\n'
                          '  // comments may stand here\n'
                          '  "jobs": [{"job": {"command": ["x"]}}],\n'
                          '  "evnts": [],\n}\n')
        out, said = self.troupe("simulate", path, code=2)
        self.assertEqual(out, "")
        self.assertIn(f'{path}:2: /nodes/0/cpus: unknown key "cpus"; did you '
                      'mean "cpu"?', said)
        self.assertIn(f"{path}:4: /jobs/0/job: ", said)
        self.assertIn(f'{path}:5: /evnts: unknown key "evnts"; did you mean '
                      '"events"?', said)

    def test_what_cannot_be_read_or_is_not_known_ends_with_two(self):
        _, said = self.troupe("simulate", self.folder / "none.json", code=2)
        self.assertIn("none.json", said)
        _, said = self.troupe("simulate", self.write('{"nodes": ['), code=2)
        self.assertIn("scenario.json:1:", said)
        _, said = self.troupe("simulate", code=2)
        self.assertIn("SCENARIO", said)
        path = self.write({"nodes": NODES, "jobs": []})
        for options in (["--strategy", "bestest"], ["--order", "random"],
                        ["--compare", "binpack,bestest"]):
            _, said = self.troupe("simulate", path, *options, code=2)
            self.assertIn("write", said)
        _, said = self.troupe("simulate", path, "--strategy", "spread",
                              "--compare", "all", code=2)
        self.assertIn("not both", said)

    def test_what_the_cluster_refuses_is_told_with_its_place(self):
        path = self.write({"nodes": NODES, "jobs": [
            {"job": batch("a", after=["nobody"])}]})
        _, said = self.troupe("simulate", path, code=2)
        self.assertIn("/jobs/0", said)
        self.assertIn("nobody", said)

    def test_a_log_of_a_parallel_machine_is_played_in_each_order(self):
        # Of four processors three are in use; the next job wants all of them,
        # and the last two one each, for less and for more than until then.
        path = self.write("; MaxProcs: 4\n"
                          "1 0 -1 100 3 -1 -1 3 100\n"
                          "2 1 -1 50 4 -1 -1 4 50\n"
                          "3 2 -1 90 1 -1 -1 1 90\n"
                          "4 3 -1 200 1 -1 -1 1 200\n")
        played = self.play("--swf", path)
        self.assertEqual((played["processors"], played["jobs"]), (4, 4))
        plain, greedy, backfilled = played["runs"]
        self.assertEqual(plain["waitSeconds"]["mean"], (99 + 148 + 147) / 4)
        self.assertEqual(greedy["waitSeconds"]["max"], 291)
        self.assertEqual(backfilled["waitSeconds"]["mean"], (99 + 147) / 4)
        table, _ = self.troupe("simulate", "--swf", path)
        self.assertRegex(table, r"FIGURE +in order +no estimates +backfilled")
        self.assertRegex(table, r"processors used")
        _, said = self.troupe("simulate", "--swf", self.write("1 0 -1\n"),
                              "--processors", "4", code=2)
        self.assertIn("scenario.json:1:", said)
        _, said = self.troupe("simulate", "--swf", path, path, code=2)
        self.assertIn("--swf", said)


if __name__ == "__main__":
    unittest.main()
