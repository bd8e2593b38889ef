#!/usr/bin/env python3
"""Several controllers on one etcd: one leads, the others stand by and take over.

TROUPE_CHAOS_ROUNDS=100 makes the last test go on for that many rounds."""

import collections
import contextlib
import json
import os
import random
import signal
import threading
import time
import unittest
import urllib.error
import urllib.request

import etcd
from harness import PATIENCE_S, ClusterTest, eventually, is_running, shell

NAMES = ("c1", "c2", "c3")


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


OPENER = urllib.request.build_opener(NoRedirect)


def ask(address, method, path, body=None, headers=None, timeout=5.0):
    """Status, headers and body of one answer; status 0 if there is none."""
    request = urllib.request.Request(
        f"http://{address}{path}", method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json", **(headers or {})})
    try:
        with OPENER.open(request, timeout=timeout) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read().decode()
    except (OSError, ValueError, EOFError) as error:
        return 0, {}, str(error)
    except Exception as error:  # A reply that breaks off in its middle.
        return 0, {}, repr(error)


class Submitter(threading.Thread):
    """Submits one job after the other, each again and again, to whichever
    controller, until one of them says that it has it."""

    def __init__(self, addresses, runs):
        super().__init__(daemon=True)
        self.addresses = addresses
        self.runs = runs
        self.taken = {}  # Name of a job, and when it was acknowledged.
        self.ending = False

    def run(self):
        number = 0
        while not self.ending:
            name = f"j{number}"
            job = shell(f"echo {name} >> {self.runs}", name=name)
            for attempt in range(10_000):
                address = self.addresses[(number + attempt)
                                         % len(self.addresses)]
                status = ask(address, "POST", "/v1/jobs", job,
                             {"Idempotency-Key": name})[0]
                if status in (200, 201):
                    self.taken[name] = time.monotonic()
                    break
                if self.ending:
                    return
                time.sleep(0.1)
            number += 1
            time.sleep(0.02)

    def end(self):
        self.ending = True
        self.join(PATIENCE_S)


@unittest.skipUnless(etcd.PROGRAM, "etcd is not installed (etcd-server)")
class SeveralControllers(ClusterTest):

    def begin(self, lease="3s", members=1, nodes=3):
        self.etcd = etcd.Etcd(self.folder, members)
        self.addCleanup(self.etcd.kill)
        self.lease = lease
        self.controls = {}
        for name in NAMES:
            self.controls[name] = self.controller(
                "--journal", self.etcd.address, "--lease", lease,
                "--heartbeat", "1s", "--unhealthy-after", "20s", name=name)
        self.addresses = [x.http for x in self.controls.values()]
        listen = ",".join(x.listen for x in self.controls.values())
        self.nodes = {
            f"n{i}": self._start(
                f"n{i}", "node", "--controller", listen, "--name", f"n{i}",
                "--data", self.folder / f"n{i}", "--capacity",
                "cpu=4,memory=4GiB", "--drivers", "process", "--metrics",
                "127.0.0.1:0")
            for i in range(nodes)}
        self.address = f"http://{self.leader().http}"
        self.wait_for_nodes(nodes)

    def is_leader(self, control):
        return (control.is_alive()
                and ask(control.http, "GET", "/readyz", timeout=2)[0] == 200)

    def leader(self, but=None, within=None):
        """The controller that leads, once one does."""
        return eventually(
            lambda: next((x for x in self.controls.values()
                          if x is not but and self.is_leader(x)), None),
            "a controller leads", within)

    def restart(self, name):
        self.controls[name] = self.start_again(self.controls[name])

    def follow(self, control):
        self.address = f"http://{control.http}"
        return control

    def check_runs(self, submitter, runs):
        """Whatever was acknowledged has run, and nothing ran twice."""
        for name in submitter.taken:
            self.wait_for_job(name, "succeeded")
        count = collections.Counter(self.lines_of(runs))
        self.assertEqual({x for x in submitter.taken if count[x] != 1}, set())
        self.assertEqual([x for x, times in count.items() if times > 1], [])

    def leaders_in_journal(self):
        return self.items("/v1/events?types=leaderElected")

    # -- one leads ------------------------------------------------------------

    def test_one_leads_and_the_others_pass_on_what_they_are_asked(self):
        self.begin()
        leader = self.leader()
        self.assertEqual(
            sum(self.is_leader(x) for x in self.controls.values()), 1)
        for control in self.controls.values():
            status, _, metrics = ask(control.http, "GET", "/metrics")
            self.assertEqual(status, 200)
            leads = 1 if control is leader else 0
            self.assertIn(f"troupe_leader {leads}", metrics)
            self.assertEqual(ask(control.http, "GET", "/healthz")[0], 200)
        others = [x for x in self.controls.values() if x is not leader]
        status, headers, text = ask(others[0].http, "GET", "/readyz")
        self.assertEqual(status, 503)
        self.assertEqual(headers["Content-Type"], "application/problem+json")
        self.assertIn(leader.http, json.loads(text)["detail"])
        status, headers, _ = ask(others[0].http, "GET", "/")
        self.assertEqual(status, 307)
        self.assertEqual(headers["Location"], f"http://{leader.http}/")
        # Reads, writes, refusals, streams and the command line, by a standby.
        self.follow(others[0])
        self.submit(shell("echo hello", name="one"))
        self.wait_for_job("one", "succeeded")
        self.assertIn("hello", self.troupe("logs", "one.0")[0])
        self.assertEqual(self.call("GET", "/v1/jobs/none")[0], 404)
        status, body = self.call("POST", "/v1/jobs", {"cpu": "x"})
        self.assertEqual(status, 400)
        self.assertIn("/cpu", json.dumps(body))
        out, _ = self.troupe("run", "--wait", "--", "sh", "-c", "exit 7",
                             code=7)
        request = urllib.request.Request(
            f"{self.address}/v1/events?since=0",
            headers={"Accept": "text/event-stream"})
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as stream:
            self.assertTrue(any(b"leaderElected" in x
                                for x, _ in zip(stream, range(50))))

    def test_a_leader_that_stops_in_order_hands_over_at_once(self):
        self.begin(lease="10s")
        leader = self.leader()
        began = time.monotonic()
        self.assertEqual(leader.terminate(), 0)
        self.follow(self.leader(leader))
        self.submit(shell("true", name="after"))
        self.wait_for_job("after", "succeeded")
        # Without waiting for the lease.
        if PATIENCE_S <= 60:
            self.assertLess(time.monotonic() - began, 9)

    # -- faults ---------------------------------------------------------------

    def keep_busy(self):
        """A task that stays, by its process id, and many that come and go: where
        they say that they ran, and who submits them."""
        pids = self.folder / "pids"
        self.submit(shell(f"echo $$ > {pids}; exec sleep 1000", name="long"))
        pid = self.pid_of(pids)
        runs = self.folder / "runs"
        submitter = Submitter(self.addresses, runs)
        submitter.start()
        eventually(lambda: len(submitter.taken) > 20, "jobs are taken")
        return pid, runs, submitter

    def test_a_killed_leader_is_followed_and_nothing_is_lost_or_done_twice(self):
        self.begin(lease="5s")
        leader = self.leader()
        pid, runs, submitter = self.keep_busy()
        leader.kill()
        killed = time.monotonic()
        before = len(self.lines_of(runs))
        self.follow(self.leader(leader))
        eventually(lambda: len(self.lines_of(runs)) > before + 10,
                   "scheduling goes on")
        resumed = time.monotonic() - killed
        print(f"scheduling went on {resumed:.1f} s after the kill", flush=True)
        if PATIENCE_S <= 60:
            self.assertLess(resumed, 10)
        submitter.end()
        self.check_runs(submitter, runs)
        self.assertTrue(is_running(pid))
        self.assertEqual(self.task("long.0")["attempt"], 1)
        self.assertGreaterEqual(len(self.leaders_in_journal()), 2)
        # And once more, back to one that was started again.
        self.restart(leader.name)
        self.assertFalse(self.is_leader(self.controls[leader.name]))

    def test_a_leader_that_was_stopped_and_goes_on_changes_nothing(self):
        self.begin()
        old = self.leader()
        pid, runs, submitter = self.keep_busy()
        os.kill(old.pid, signal.SIGSTOP)
        self.addCleanup(lambda: old.is_alive()
                        and os.kill(old.pid, signal.SIGCONT))
        new = self.follow(self.leader(old))
        before = len(self.lines_of(runs))
        eventually(lambda: len(self.lines_of(runs)) > before + 5,
                   "scheduling goes on")
        os.kill(old.pid, signal.SIGCONT)
        # It answers as one that stands by, or not at all: never as a leader.
        for _ in range(20):
            self.assertNotEqual(ask(old.http, "GET", "/readyz")[0], 200)
        eventually(lambda: ask(old.http, "GET", "/v1/cluster")[0] == 200,
                   "it stands by")
        self.assertFalse(self.is_leader(old))
        if PATIENCE_S <= 60:
            self.assertTrue(self.is_leader(new))
        submitter.end()
        self.check_runs(submitter, runs)
        self.assertTrue(is_running(pid))
        self.assertEqual(self.task("long.0")["attempt"], 1)
        self.assertGreaterEqual(len(self.leaders_in_journal()), 2)

    def test_without_a_majority_of_etcd_writes_are_refused_and_it_heals(self):
        self.begin(members=3, nodes=1)
        pids = self.folder / "pids"
        self.submit(shell(f"echo $$ > {pids}; exec sleep 1000", name="long"))
        pid = self.pid_of(pids)
        for member in self.etcd.members[1:]:
            member.kill()

        def refused(control):
            status, headers, text = ask(
                control.http, "POST", "/v1/jobs",
                shell("true", name="refused"), {"Idempotency-Key": "r"})
            return (status == 503 and headers.get("Retry-After")
                    and "majority" in text and json.loads(text))
        for control in self.controls.values():
            problem = eventually(lambda: refused(control), "it is refused")
            self.assertEqual(problem["status"], 503)
            self.assertTrue(control.is_alive())
            self.assertEqual(ask(control.http, "GET", "/healthz")[0], 200)
        self.assertTrue(is_running(pid))
        for member in self.etcd.members[1:]:
            member.start()
        self.follow(self.leader())
        self.submit(shell("true", name="after"))
        self.wait_for_job("after", "succeeded")
        self.assertTrue(is_running(pid))
        self.assertEqual(self.task("long.0")["attempt"], 1)

    def test_a_lease_that_is_revoked_by_hand_makes_another_one_lead(self):
        self.begin(nodes=1)
        self.etcd.members[0].ask("lease/revoke",
                                 {"ID": self.etcd.leader_lease()})

        def another_leads():
            # Who has just lost the lead cuts off whoever asks.
            with contextlib.suppress(OSError):
                self.follow(self.leader())
                return len(self.leaders_in_journal()) >= 2
        eventually(another_leads, "another one leads")
        self.submit(shell("true", name="after"))
        self.wait_for_job("after", "succeeded")

    def test_what_is_wrong_with_the_options_is_said(self):
        for arguments, words in (
                (["--journal", "etcd://h/p"], "HOST:PORT"),
                (["--journal", "etcd://h:1/p", "--lease", "1s"], "2s to 60s"),
                (["--journal", "etcd://h:1/p", "--etcd-cert", "x"], "etcd-ca"),
                (["--advertise", "h:1"], "etcd://")):
            said = self.refused("controller", "--data", self.folder / "x",
                                *arguments)
            self.assertIn(words, said)

    # -- chaos ----------------------------------------------------------------

    def test_controllers_and_members_of_etcd_die_and_nothing_is_lost(self):
        self.begin(members=3)
        seed = int(os.environ.get("TROUPE_CHAOS_SEED", time.time()))
        rounds = int(os.environ.get("TROUPE_CHAOS_ROUNDS", "2"))
        print(f"TROUPE_CHAOS_SEED={seed}", flush=True)
        chance = random.Random(seed)
        runs = self.folder / "runs"
        submitter = Submitter(self.addresses, runs)
        submitter.start()
        for _ in range(rounds):
            what = chance.choice(("leader", "any", "pause", "member",
                                  "pause member"))
            leader = self.leader()
            name = (chance.choice(NAMES) if what == "any" else leader.name)
            member = chance.choice(self.etcd.members)
            if what in ("leader", "any"):
                self.controls[name].kill()
                self.restart(name)
            elif what == "pause":
                os.kill(leader.pid, signal.SIGSTOP)
                self.leader(leader)
                os.kill(leader.pid, signal.SIGCONT)
            elif what == "member":
                member.kill()
                member.start()
            else:
                member.send(signal.SIGSTOP)
                self.leader()
                member.send(signal.SIGCONT)
            self.follow(self.leader())
            taken = len(submitter.taken)
            eventually(lambda: len(submitter.taken) > taken + 5,
                       "jobs are taken again")
        submitter.end()
        self.follow(self.leader())
        self.check_runs(submitter, runs)


if __name__ == "__main__":
    unittest.main()
