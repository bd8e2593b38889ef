"""Faults by chance on a real cluster under load, and a ledger of what became of it.

Everything follows from a seed but for the timing of the machine. Tasks write
down that they ran; the ledger compares that with what the cluster tells.
"""

import contextlib
import http.client
import json
import os
import pathlib
import random
import signal
import socket
import threading
import time
import urllib.error

from harness import PATIENCE_S, is_running, resident_bytes

# Jobs of this name run nothing, so that nothing tells that they ran. They are
# many, to fill what a controller keeps of the past.
VIRTUAL = "v"
# Jobs that are not over yet: past it, nothing more is submitted for a while.
JOBS_OPEN_MAX = 60


class Talk:
    """Asks a controller that may be killed at any moment, until it answers."""

    def __init__(self, house):
        self.house = house
        self.retries = 0

    def __call__(self, method, path, body=None, headers=None):
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                status, answer = self.house.call(method, path, body, headers)
                if status not in (429, 502, 503, 504):
                    return status, answer
            except (OSError, http.client.HTTPException, ValueError,
                    urllib.error.URLError) as error:
                answer = error
            if time.monotonic() > deadline:
                raise AssertionError(f"{method} {path}: no answer: {answer}")
            self.retries += 1
            time.sleep(0.05)

    def items(self, path):
        result, cursor = [], ""
        while True:
            mark = "&" if "?" in path else "?"
            status, page = self(
                "GET", f"{path}{mark}limit=1000&cursor={cursor}")
            if status != 200:
                raise AssertionError(f"GET {path}: {status} {page}")
            result += page["items"]
            cursor = page.get("nextCursor")
            if not cursor:
                return result


class Ledger:
    """What was accepted, how the cluster says it ended, and what really ran."""

    def __init__(self, folder, talk):
        self.folder = folder
        self.talk = talk
        self.lock = threading.Lock()
        self.open = {}
        self.history = {}
        # (task, attempt) of those that were killed by themselves.
        self.killed = set()
        self.accepted_tasks = 0
        self.ended_tasks = 0
        self.reruns = 0
        self.errors = []

    def script(self, seconds, inside=None):
        """Says once that it ran, in one write, and then takes its time."""
        ran = f"{inside or self.folder}/ran"
        return (f"echo $TROUPE_TASK $TROUPE_ATTEMPT >> {ran}; "
                f"sleep {seconds}")

    def note_accepted(self, name, count):
        with self.lock:
            self.open[name] = count
            self.accepted_tasks += count

    def open_jobs(self):
        with self.lock:
            return len(self.open)

    def blame(self, text):
        with self.lock:
            self.errors.append(text)

    def settle(self):
        """Notes the jobs that are over, and has the cluster forget them."""
        with self.lock:
            waiting = dict(self.open)
        there = {x["name"]: x for x in self.talk.items("/v1/jobs")}
        for name, count in waiting.items():
            job = there.get(name)
            if job is None:
                self.blame(f"{name} was accepted and is not there")
            elif job["state"] not in ("succeeded", "failed", "stopped"):
                continue
            else:
                self._note_end(name, count, job["state"])
            with self.lock:
                del self.open[name]

    def _note_end(self, name, count, state):
        if state != "succeeded":
            self.blame(f"{name} {state}, and its tasks do nothing that fails")
        tasks = self.talk.items(f"/v1/tasks?job={name}")
        if len(tasks) != count:
            self.blame(f"{name} has {len(tasks)} tasks, not {count}")
        for task in tasks:
            if name.startswith(VIRTUAL):
                if task["state"] != "succeeded":
                    self.blame(f"{task['id']} {json.dumps(task)}")
                continue
            history = {x["attempt"]: x for x in
                       self.talk("GET", f"/v1/tasks/{task['id']}")[1][
                           "attempts"]}
            self.history[task["id"]] = history
            self.reruns += len(history) - 1
            if task["state"] != "succeeded":
                self.blame(f"{task['id']} {task['state']}: "
                           f"{json.dumps(list(history.values()))}")
        self.ended_tasks += len(tasks)
        self.talk("DELETE", f"/v1/jobs/{name}")

    def runs(self):
        """[task][attempt], how often it ran, by the tasks' own words."""
        result = {}
        file = self.folder / "ran"
        for line in file.read_text().splitlines() if file.exists() else []:
            task, attempt = line.split()
            runs = result.setdefault(task, {})
            runs[int(attempt)] = runs.get(int(attempt), 0) + 1
        return result

    def check(self, twice_if_lost=True):
        """That every task ended well and ran once, or again only after it was
        `lost` or killed. Strictly: that it ran once at all."""
        runs = self.runs()
        for task, history in self.history.items():
            last = max(history)
            ran = runs.pop(task, {})
            if history[last]["state"] == "succeeded" and last not in ran:
                self.blame(f"{task} succeeded by attempt {last} and did not "
                           f"run then: {ran}")
            for attempt, times in ran.items():
                if times > 1:
                    self.blame(f"{task} ran {times} times as attempt "
                               f"{attempt}: {json.dumps(history)}")
                known = history.get(attempt)
                if known is None:
                    self.blame(f"{task} ran as attempt {attempt}, of which "
                               f"nothing is known: {sorted(history)}")
                elif (attempt != last and known["state"] != "lost"
                      and (task, attempt) not in self.killed):
                    self.blame(f"{task} ran again after attempt {attempt}: "
                               f"{json.dumps(known)}")
            if not twice_if_lost and sum(ran.values()) != 1:
                self.blame(f"{task} ran {sum(ran.values())} times: "
                           f"{json.dumps(list(history.values()))}")
        for task in runs:
            self.blame(f"{task} ran and was never accepted")
        for name in self.open:
            self.blame(f"{name} has not ended")
        return self.errors


class Load(threading.Thread):
    """Submits arrays of batch tasks at a steady pace, and settles what is over.

    A submission whose answer was lost is repeated with its key."""

    def __init__(self, talk, ledger, seed, jobs, pace_s, tasks_max=None):
        super().__init__(daemon=True)
        self.talk = talk
        self.ledger = ledger
        self.chance = random.Random(seed)
        self.jobs = jobs
        self.pace_s = pace_s
        self.tasks_max = tasks_max
        self.ended = threading.Event()
        self.failure = None

    def run(self):
        try:
            number = 0
            while not self.ended.wait(self.pace_s):
                if self.is_done():
                    return
                if self.ledger.open_jobs() < JOBS_OPEN_MAX:
                    number += 1
                    self.submit(number)
                if number % 5 == 0:
                    self.ledger.settle()
        except Exception as error:  # Told by the thread that waits for this.
            self.failure = error

    def is_done(self):
        return (self.tasks_max is not None
                and self.ledger.accepted_tasks >= self.tasks_max)

    def submit(self, number):
        job = self.chance.choice(self.jobs)(self.chance, f"b{number}")
        status, answer = self.talk(
            "POST", "/v1/jobs", job, {"Idempotency-Key": f"key-{number}"})
        if status not in (200, 201):
            raise AssertionError(f"{job['name']}: {status} {answer}")
        self.ledger.note_accepted(job["name"], job["count"])

    def stop(self):
        self.ended.set()
        self.join(2 * PATIENCE_S)
        if self.failure:
            raise self.failure


class Cable:
    """What joins a node to its controller. While it is cut nothing passes, not
    even that somebody has hung up; what was sent is delivered afterwards."""

    def __init__(self, to):
        host, port = to.rsplit(":", 1)
        self.to = (host, int(port))
        self.server = socket.create_server(("127.0.0.1", 0))
        # Away from the node, and towards it.
        self.gates = [threading.Event(), threading.Event()]
        self.mend()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def listen(self):
        return "127.0.0.1:%d" % self.server.getsockname()[1]

    def cut(self, *directions):
        for x in directions:
            self.gates[x].clear()

    def mend(self):
        for gate in self.gates:
            gate.set()

    def close(self):
        self.mend()
        with contextlib.suppress(OSError):
            self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                node, _ = self.server.accept()
                threading.Thread(target=self._join, args=(node,),
                                 daemon=True).start()

    def _join(self, node):
        for gate in self.gates:
            gate.wait()
        try:
            control = socket.create_connection(self.to, PATIENCE_S)
        except OSError:
            return node.close()
        control.settimeout(None)
        for source, to, gate in ((node, control, self.gates[0]),
                                 (control, node, self.gates[1])):
            threading.Thread(target=self._pump, args=(source, to, gate),
                             daemon=True).start()

    def _pump(self, source, to, gate):
        with contextlib.suppress(OSError):
            while True:
                chunk = source.recv(65536)
                gate.wait()
                if not chunk:
                    break
                to.sendall(chunk)
        for x in (source, to):
            with contextlib.suppress(OSError):
                x.shutdown(socket.SHUT_RDWR)
            x.close()


class Visitor(threading.Thread):
    """Asks any replica of a service, ten times a second."""

    def __init__(self, talk, job):
        super().__init__(daemon=True)
        self.talk = talk
        self.job = job
        self.ended = threading.Event()
        self.asked = 0
        self.answered = 0
        self.ports = []

    def run(self):
        learned = 0
        while not self.ended.wait(0.1):
            if time.monotonic() - learned > 0.5:
                # Whoever asks a cluster whose controller is away uses what it
                # knew before.
                with contextlib.suppress(Exception):
                    self.ports = self.learn()
                    learned = time.monotonic()
            if self.ports:
                self.asked += 1
                self.answered += any(self.ask(x) for x in self.ports)

    def learn(self):
        _, page = self.talk.house.call("GET", f"/v1/tasks?job={self.job}")
        return [x["ports"]["http"] for x in page["items"]
                if x["state"] in ("running", "lost")]

    def ask(self, port):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
        try:
            connection.request("GET", "/")
            answer = connection.getresponse()
            return answer.status == 200 and bool(answer.read())
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def stop(self):
        self.ended.set()
        self.join(30)


class Gauge(threading.Thread):
    """Measures the controller once a second: memory, descriptors, threads, and
    how much has happened."""

    # What a controller keeps of the past is full after this many facts: 50,000
    # events are the most of it.
    YOUTH_FACTS = 55_000

    def __init__(self, pid_of, talk):
        super().__init__(daemon=True)
        self.pid_of = pid_of
        self.talk = talk
        self.ended = threading.Event()
        # By process: (seconds, bytes, descriptors, threads, facts).
        self.lives = {}

    def run(self):
        began = time.monotonic()
        while not self.ended.wait(1):
            pid = self.pid_of()
            # Of one that is away nothing is known.
            with contextlib.suppress(Exception):
                _, cluster = self.talk.house.call("GET", "/v1/cluster")
                self.lives.setdefault(pid, []).append((
                    time.monotonic() - began, resident_bytes(pid),
                    len(os.listdir(f"/proc/{pid}/fd")),
                    len(os.listdir(f"/proc/{pid}/task")), cluster["version"]))

    def stop(self):
        self.ended.set()
        self.join(30)

    def longest(self):
        """Samples of the longest life, but for its first moments."""
        return max(self.lives.values(), key=len, default=[])[5:]

    def grown_up(self):
        """Those of them that are from after it has filled what it keeps."""
        samples = self.longest()
        return [x for x in samples
                if x[4] >= samples[0][4] + self.YOUTH_FACTS]


def slope(samples, column):
    """What a column of `samples` grows by in an hour: least squares."""
    n = len(samples)
    mean_t = sum(x[0] for x in samples) / n
    mean_y = sum(x[column] for x in samples) / n
    below = sum((x[0] - mean_t) ** 2 for x in samples)
    above = sum((x[0] - mean_t) * (x[column] - mean_y) for x in samples)
    return 3600 * above / below if below else 0.0


def tasks_alive(folder, job=None):
    """Process ids by task of what runs below `folder`, for `job` or for any."""
    result = {}
    for (task, _), pids in attempts_alive(folder).items():
        if job is None or task.startswith(f"{job}."):
            result.setdefault(task, []).extend(pids)
    return result


def attempts_alive(folder):
    """Process ids by (task, attempt)."""
    result = {}
    for entry in processes():
        try:
            where = os.readlink(entry / "cwd")
            environment = dict(
                x.split(b"=", 1) for x in
                (entry / "environ").read_bytes().split(b"\0") if b"=" in x)
        except OSError:
            continue
        if (b"TROUPE_TASK" in environment
                and f"{where}/".startswith(f"{folder}/")
                and is_running(int(entry.name))):
            known = (environment[b"TROUPE_TASK"].decode(),
                     int(environment[b"TROUPE_ATTEMPT"]))
            result.setdefault(known, []).append(int(entry.name))
    return result


def processes():
    return [x for x in pathlib.Path("/proc").iterdir() if x.name.isdigit()]


def cut_power(folder):
    """Ends whatever names the data directory `folder`, all at the same moment:
    nobody is left to note how another ended."""
    def members():
        found = {pid for pids in tasks_alive(folder).values() for pid in pids}
        for entry in processes():
            with contextlib.suppress(OSError):
                if (os.fsencode(folder)
                        in (entry / "cmdline").read_bytes().split(b"\0")
                        and is_running(int(entry.name))):
                    found.add(int(entry.name))
        return found

    stopped = set()
    while members() - stopped:
        for pid in members() - stopped:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGSTOP)
            stopped.add(pid)
    for pid in stopped:
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)
