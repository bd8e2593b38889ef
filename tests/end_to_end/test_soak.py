#!/usr/bin/env python3
"""Everything is killed, stopped and hung by chance while work comes in.

A test run takes half a minute. `tools/soak` runs the same for as long as you
like; every figure that it needs comes by environment variables from there.
"""

import contextlib
import os
import random
import re
import signal
import time
import unittest

import docker_engine
import soak
from docker_engine import IMAGE, DockerEngine
from harness import ClusterTest, eventually, shell

SECONDS = float(os.environ.get("TROUPE_SOAK_SECONDS", "30"))
# 0: never the same twice.
SEED = int(os.environ.get("TROUPE_SOAK_SEED", "1")) or random.randrange(
    1, 10**9)
# Between two faults.
PAUSE_S = [float(x) for x in os.environ.get(
    "TROUPE_SOAK_PAUSE", "2,5" if SECONDS < 120 else "5,15").split(",")]
QUICK = ["--heartbeat", "1s", "--unhealthy-after", "3s",
         "--removed-after", "60s"]
PROCESS_NODES = 4
WITH_ENGINE = (not docker_engine.unavailable()
               and os.environ.get("TROUPE_SOAK_ENGINE") != "no")


class SoakTest(ClusterTest):
    def setUp(self):
        super().setUp()
        print(f"\nseed {SEED}, {SECONDS:.0f} s", flush=True)
        self.chance = random.Random(SEED)
        self.began = time.monotonic()
        self.talk = soak.Talk(self)
        self.ran = self.folder / "shared"
        self.ran.mkdir()
        self.ledger = soak.Ledger(self.ran, self.talk)
        self.control = self.controller(*QUICK)
        self.nodes = {}
        self.cables = {}
        for i in range(PROCESS_NODES):
            self.nodes[f"n{i}"] = self.node(self.cable(f"n{i}"), f"n{i}",
                                            drivers="process,simulated")
        # Daemons by name that are not as they should be, and when they will be.
        self.broken = {}
        self.faults = {}

    def cable(self, name):
        self.cables[name] = soak.Cable(self.control.listen)
        self.addCleanup(self.cables[name].close)
        return self.cables[name]

    def say(self, text):
        print(f"{time.monotonic() - self.began:7.1f} s  {text}", flush=True)

    # -- load -----------------------------------------------------------------

    def array(self, chance, name):
        seconds = chance.choice([0, 0, 0.2, 1, 3])
        return shell(self.ledger.script(seconds), name=name,
                     count=chance.randrange(1, 20), cpu=0.1,
                     memory="8MiB", retries=10, strategy=chance.choice(
                         ["spread", "binpack", "leastLoaded"]))

    def containers(self, chance, name):
        return {"name": name, "kind": "batch", "image": IMAGE,
                "command": ["sh", "-c", self.ledger.script(
                    chance.choice([0, 1, 2]), "/shared")],
                "volumes": [{"host": str(self.ran), "path": "/shared"}],
                "count": chance.randrange(1, 4), "cpu": 0.1,
                "memory": "16MiB"}

    def virtual(self, chance, name):
        return {"name": soak.VIRTUAL + name, "kind": "batch",
                "driver": "simulated", "count": chance.randrange(100, 500),
                "simulate": {"duration": chance.choice(["1ms", "300ms"])},
                "cpu": 0.01, "memory": "1MiB"}

    def web(self):
        page = ("mkdir -p w && echo $TROUPE_TASK > w/index.html && "
                "exec busybox httpd -f -p 127.0.0.1:$TROUPE_PORT_HTTP -h w")
        return {"name": "web", "kind": "service", "count": 3,
                "command": ["sh", "-c", page], "cpu": 0.1, "memory": "16MiB",
                "strategy": "spread", "ports": {"http": 80},
                "restart": {"delay": "200ms"},
                "health": {"http": {"port": 80, "path": "/"},
                           "interval": "500ms", "timeout": "2s"}}

    # -- faults ---------------------------------------------------------------

    def break_one(self, kinds):
        """Does some harm, and says when it is to be mended."""
        sound = [x for x in kinds if x[0] not in self.broken]
        if not sound:
            return
        name, kind = self.chance.choice(sound)
        seconds = self.chance.choice([0, 0.5, 1, 2, 4, 8])
        if kind.startswith("cut"):
            # Some are noticed by none of both ends, some by both.
            seconds *= 3
        self.say(f"{kind} {name}, mended {seconds} s later")
        self.faults[f"{kind} {name}"] = self.faults.get(
            f"{kind} {name}", 0) + 1
        mend = getattr(self, f"do_{kind}")(name)
        self.broken[name] = (time.monotonic() + seconds, mend)

    def mend(self, everything=False):
        for name, (due, mend) in list(self.broken.items()):
            if everything or time.monotonic() >= due:
                del self.broken[name]
                mend()
        # As a service manager does: a node whose engine hangs may not start.
        for name, node in self.nodes.items():
            if name not in self.broken and not node.is_alive():
                self.nodes[name] = self.start_node_again(node)

    def do_kill(self, name):
        """As if the process ran out of memory; what it runs goes on."""
        daemon = self.daemon(name)
        daemon.kill()

        def again():
            if name == "controller":
                self.control = self.start_again(daemon)
            else:
                self.nodes[name] = self.start_node_again(daemon)
        return again

    def do_crash(self, name):
        """As if the machine lost its power."""
        mend = self.do_kill(name)
        soak.cut_power(self.folder / name)
        return mend

    def do_kill_task(self, name):
        """One of those that run there, if any."""
        alive = soak.attempts_alive(self.folder / name)
        if alive:
            attempt = self.chance.choice(sorted(alive))
            self.ledger.killed.add(attempt)
            for pid in alive[attempt]:
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
        return lambda: None

    def do_cut(self, name):
        self.cables[name].cut(0, 1)
        return self.cables[name].mend

    def do_cut_one_way(self, name):
        self.cables[name].cut(self.chance.choice([0, 1]))
        return self.cables[name].mend

    def do_hang(self, name):
        daemon = self.daemon(name)
        os.kill(daemon.pid, signal.SIGSTOP)
        return lambda: os.kill(daemon.pid, signal.SIGCONT)

    def do_hang_engine(self, _):
        self.engine.hang()
        return self.engine.wake

    def do_kill_engine(self, _):
        self.engine.kill()
        return self.engine.start_again

    def daemon(self, name):
        return self.control if name == "controller" else self.nodes[name]

    def start_node_again(self, daemon):
        """Not waited for: the controller may be away."""
        arguments = daemon.arguments[1:]
        return self._start(daemon.name, *arguments, is_outsider=True)

    # -- the end --------------------------------------------------------------

    def all_ready(self):
        self.mend()
        return sum(x["state"] == "ready" for x in
                   self.talk.items("/v1/nodes")) == len(self.nodes)

    def wait_for_quiet(self):
        self.mend(everything=True)
        eventually(self.all_ready, "all nodes are back", 3 * 60)

        def all_over():
            self.ledger.settle()
            return not self.ledger.open
        eventually(all_over, "everything accepted ends", 3 * 60)

    def check_ledger(self, **how):
        errors = self.ledger.check(**how)
        self.say(f"{self.ledger.accepted_tasks} tasks accepted, "
                 f"{self.ledger.ended_tasks} ended, "
                 f"{self.ledger.reruns} further attempts, "
                 f"{self.talk.retries} requests repeated")
        self.say("faults: " + ", ".join(
            f"{count} {name}" for name, count in sorted(self.faults.items())))
        if errors:
            kinds = {}
            for text in errors:
                kinds.setdefault(re.sub("[0-9a-f]*[0-9]+[0-9a-f]*", "N",
                                        text), []).append(text)
            self.fail(f"{len(errors)} errors, {len(kinds)} kinds; seed {SEED}"
                      "\n" + "\n".join(f"{len(x)} as: {x[0]}"
                                       for x in list(kinds.values())[:20]))


class Soak(SoakTest):
    def test_whatever_breaks_each_task_ends_once(self):
        kinds = [("controller", "kill")]
        kinds += [(x, y) for x in self.nodes
                  for y in ("kill", "crash", "hang", "cut", "cut_one_way",
                            "kill_task")]
        jobs = [self.array] * 5 + [self.virtual]
        if WITH_ENGINE:
            self.engine = DockerEngine()
            self.addCleanup(self.engine.end)
            self._cleanups.insert(0, self._cleanups.pop())
            self.nodes["docker"] = self.node(
                self.cable("docker"), "docker",
                "--docker", self.engine.address,
                "--docker-network", "none", "--volumes", self.ran,
                drivers="docker")
            jobs.append(self.containers)
            kinds += [("docker", "kill"), ("docker", "hang"),
                      ("docker", "cut"), ("docker", "cut_one_way"),
                      ("engine", "hang_engine"), ("engine", "kill_engine")]
        self.wait_for_nodes(len(self.nodes))
        self.submit(self.web())
        self.wait_for_job("web", "running")
        visitor = soak.Visitor(self.talk, "web")
        gauge = soak.Gauge(lambda: self.control.pid, self.talk)
        load = soak.Load(self.talk, self.ledger, SEED, jobs, 0.4)
        threads = [visitor, gauge, load]
        for thread in threads:
            thread.start()
        try:
            self.torment(kinds)
        finally:
            for thread in (load, visitor):
                thread.stop()
        self.wait_for_quiet()
        gauge.stop()
        self.report(visitor, gauge)
        self.check_ledger()
        self.check_service()
        self.check_gauge(gauge)

    def torment(self, kinds):
        """After a third of the time the controller lives, so that its growth
        can be told from its youth."""
        end = self.began + SECONDS
        due = time.monotonic()
        while time.monotonic() < end:
            if time.monotonic() >= due:
                late = time.monotonic() > self.began + SECONDS / 3
                self.break_one([x for x in kinds
                                if not (late and x[0] == "controller")])
                due = time.monotonic() + self.chance.uniform(*PAUSE_S)
            self.mend()
            time.sleep(0.1)

    def check_service(self):
        def as_wanted():
            alive = soak.tasks_alive(self.folder, "web")
            return (sorted(alive) == ["web.0", "web.1", "web.2"]
                    and all(len(x) == 1 for x in alive.values()))
        eventually(as_wanted, "each replica of the service lives once")

    def report(self, visitor, gauge):
        if visitor.asked:
            self.say(f"the service answered {visitor.answered} of "
                     f"{visitor.asked} requests")
        for what, samples in (("longest life", gauge.longest()),
                              ("grown up", gauge.grown_up())):
            if len(samples) > 10:
                self.say(
                    f"controller, {what}: {samples[-1][0] - samples[0][0]:.0f}"
                    f" s, {samples[-1][4] - samples[0][4]} facts, "
                    f"{samples[0][1] / 1e6:.1f} to {samples[-1][1] / 1e6:.1f} "
                    f"MB ({soak.slope(samples, 1) / 1e6:+.2f} MB/h), "
                    f"{samples[0][2]} to {samples[-1][2]} descriptors "
                    f"({soak.slope(samples, 2):+.1f}/h), "
                    f"{samples[0][3]} to {samples[-1][3]} threads")

    def check_gauge(self, gauge):
        samples = gauge.longest()
        if len(samples) <= 10:
            return
        self.assertLess(max(x[1] for x in samples), 300e6)
        # Clients come and go; nothing may stay.
        self.assertLess(max(x[2] for x in samples), 200)
        self.assertLess(max(x[3] for x in samples), 100)
        # A slope over less is chance.
        samples = gauge.grown_up()
        if samples and samples[-1][0] - samples[0][0] >= 300:
            self.assertLess(soak.slope(samples, 1), 20e6)
            self.assertLess(abs(soak.slope(samples, 2)), 60)


class Growth(ClusterTest):
    """What a task leaves behind when it has been forgotten: nothing."""

    # Each says so much that what is kept of the past is full after a lot.
    LOT = int(os.environ.get("TROUPE_SOAK_LOT", "16000"))
    ARRAY = 1000
    OPEN_MAX = 3

    def run_lot(self, lot):
        """Memory of each daemon after it, in bytes."""
        names = [f"b{lot}-{i}" for i in range(self.LOT // self.ARRAY)]
        waiting, open_jobs = list(names), set()
        while waiting or open_jobs:
            while waiting and len(open_jobs) < self.OPEN_MAX:
                name = waiting.pop()
                self.submit({
                    "name": name, "kind": "batch", "driver": "simulated",
                    "simulate": {"duration": "10ms"}, "count": self.ARRAY,
                    "cpu": 0.1, "memory": "16MiB"})
                open_jobs.add(name)
            for name in sorted(open_jobs):
                if self.job(name)["state"] == "succeeded":
                    self.assertEqual(
                        self.call("DELETE", f"/v1/jobs/{name}")[0] // 100, 2)
                    open_jobs.discard(name)
            time.sleep(0.05)
        return {x.name: soak.resident_bytes(x.pid) for x in self.daemons}

    def test_tasks_that_are_forgotten_take_no_memory(self):
        control = self.controller()
        for i in range(2):
            self.node(control, f"n{i}", drivers="simulated",
                      capacity="cpu=64,memory=256GiB")
        self.wait_for_nodes(2)
        young = self.run_lot(0)
        lots = int(os.environ.get("TROUPE_SOAK_LOTS", "1"))
        for lot in range(1, lots + 1):
            grown = self.run_lot(lot)
            print(f"after {(lot + 1) * self.LOT} tasks: " + ", ".join(
                f"{name} {size / 1e6:.1f} MB" for name, size in
                grown.items()), flush=True)
        for name, size in grown.items():
            # Threads still find new places of their own for a while; beyond
            # that, less than 20 bytes a task.
            self.assertLess(size - young[name], 6e6 + 20 * lots * self.LOT,
                            name)


class KillInTurn(SoakTest):
    """Only processes of Troupe die, and come back at once: nothing is lost by
    it, so nothing runs twice."""

    def test_kills_in_turn_lose_nothing_and_run_nothing_twice(self):
        tasks = int(os.environ.get("TROUPE_SOAK_TASKS", "150"))
        self.wait_for_nodes(len(self.nodes))
        load = soak.Load(self.talk, self.ledger, SEED, [self.array],
                         SECONDS / (tasks / 12), tasks_max=tasks)
        load.start()
        victims = ["controller", *self.nodes]
        try:
            turn = 0
            while not load.is_done() or turn < len(victims):
                name = victims[turn % len(victims)]
                turn += 1
                self.faults[f"kill {name}"] = self.faults.get(
                    f"kill {name}", 0) + 1
                self.do_kill(name)()
                eventually(self.all_ready, "all nodes are back")
                time.sleep(self.chance.uniform(0, 0.5))
        finally:
            load.stop()
        self.wait_for_quiet()
        self.check_ledger(twice_if_lost=False)


if __name__ == "__main__":
    unittest.main()
