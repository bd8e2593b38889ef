"""Starts the real binary on free ports with data of its own, and talks to it.

A test is a `ClusterTest`: what it starts ends with it, also what outlives its
parents, and when it fails it shows what the daemons said. Nothing sleeps for
luck: `eventually` waits for a condition, with a deadline.
"""

import json
import os
import pathlib
import re
import signal
import ssl
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.parse
import urllib.request

from interface import Interface, send

# How long a busy machine may take for what takes an idle one a moment.
PATIENCE_S = float(os.environ.get("TROUPE_TEST_PATIENCE", "60"))

FINAL = {"succeeded", "failed", "stopped", "cached"}


def binary():
    given = os.environ.get("TROUPE_BINARY")
    if given:
        return given
    return str(pathlib.Path(__file__).resolve().parents[2] / "build/troupe")


def eventually(condition, what, within=None):
    """The first true value of `condition()`, which is asked again and again."""
    deadline = time.monotonic() + (within or PATIENCE_S)
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited in vain: {what}")
        time.sleep(0.05)


class Daemon:
    """`troupe up`, `controller` or `node`, ready to be talked to.

    One that is an outsider is not expected to become ready."""

    def __init__(self, arguments, folder, name, is_outsider=False):
        self.arguments = [*self.command(), *arguments]
        self.name = name
        self.log = folder / f"{name}.log"
        self.ready = {}
        self._is_ready = threading.Event()
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                self.arguments, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=log, start_new_session=True)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if is_outsider:
            return
        if not self._is_ready.wait(PATIENCE_S) or not self.ready:
            code = self.process.poll()
            self.kill()
            raise AssertionError(
                f"{name} was not ready; exit code {code}\n{self.said()}")

    def command(self):
        """How the binary is called."""
        return [binary()]

    def _read(self):
        """Takes the line `ready key=value ..`, and empties the pipe."""
        for line in self.process.stdout:
            text = line.decode("utf-8", "replace").strip()
            if text.startswith("ready "):
                self.ready = dict(re.findall(r"(\w+)=(\S+)", text))
                self._is_ready.set()
        self._is_ready.set()

    @property
    def pid(self):
        return self.process.pid

    @property
    def http(self):
        return self.ready["http"]

    @property
    def address(self):
        """Of REST. Who listens everywhere is asked on loopback."""
        http = re.sub(r"^0\.0\.0\.0:", "127.0.0.1:", self.http)
        return f"{self.ready.get('scheme', 'http')}://{http}"

    @property
    def listen(self):
        return self.ready["listen"]

    def is_alive(self):
        return self.process.poll() is None

    def kill(self):
        """As if the power of this process were cut."""
        if self.is_alive():
            self.process.kill()
        self._reap()

    def terminate(self):
        """Asks it to stop in order; its exit code."""
        if self.is_alive():
            self.process.terminate()
        try:
            self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.name} did not end\n{self.said()}")
        self._reap()
        return self.process.returncode

    def _reap(self):
        self.process.wait()
        self._reader.join(PATIENCE_S)
        self.process.stdout.close()

    def log_text(self):
        return self.log.read_text("utf-8", "replace")

    def said(self):
        return f"--- {' '.join(self.arguments)}\n{self.log_text()[-20_000:]}"


class ClusterTest(unittest.TestCase):
    """A test with a folder and daemons of its own."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(
            prefix="troupe-test-", ignore_cleanup_errors=True)
        self.folder = pathlib.Path(folder.name)
        self.addCleanup(folder.cleanup)
        self.daemons = []
        self.address = None
        self.interfaces = {}
        # The certificate of whoever is to be believed, if we speak https.
        self.authority_file = None
        self.addCleanup(self._end_all)

    def _end_all(self):
        if self._failed():
            for daemon in self.daemons:
                print(daemon.said(), flush=True)
        for daemon in reversed(self.daemons):
            daemon.kill()
        eventually(self._kill_survivors, "all processes of the test end")

    def _failed(self):
        """Also of the running test; unittest tells only its own result."""
        outcome = getattr(self, "_outcome", None)
        result = getattr(outcome, "result", None)
        found = list(getattr(outcome, "errors", []) or [])
        if result is not None:
            found += result.errors + result.failures
        return any(test is self and trace for test, trace in found)

    def _kill_survivors(self):
        """Whether nobody is left who carries our folder's name. Tasks outlive
        their daemons by design; a process is ours only if it says so."""
        mark = str(self.folder).encode()
        nobody = True
        for entry in pathlib.Path("/proc").iterdir():
            if not entry.name.isdigit() or int(entry.name) == os.getpid():
                continue
            try:
                ours = (mark in (entry / "cmdline").read_bytes()
                        or mark in (entry / "environ").read_bytes()
                        or mark in os.readlink(entry / "cwd").encode())
                if ours:
                    nobody = False
                    os.kill(int(entry.name), signal.SIGKILL)
            except OSError:
                pass  # Gone, or not ours to look at.
        return nobody

    # -- daemons --------------------------------------------------------------

    def _start(self, name, *arguments, is_outsider=False):
        daemon = Daemon([str(x) for x in arguments], self.folder, name,
                        is_outsider)
        self.daemons.append(daemon)
        return daemon

    def up(self, nodes=3, *arguments, name="up", http="127.0.0.1:0",
           listen="127.0.0.1:0", capacity="cpu=4,memory=4GiB",
           drivers="process"):
        daemon = self._start(
            name, "up", "--nodes", nodes, "--data", self.folder / name,
            "--http", http, "--listen", listen,
            "--capacity", capacity, "--drivers", drivers, *arguments)
        self.address = daemon.address
        self.wait_for_nodes(nodes)
        return daemon

    def controller(self, *arguments, name="controller", http="127.0.0.1:0",
                   listen="127.0.0.1:0"):
        daemon = self._start(
            name, "controller", "--data", self.folder / name,
            "--http", http, "--listen", listen, *arguments)
        self.address = daemon.address
        return daemon

    def node(self, controller, name="n1", *arguments,
             capacity="cpu=4,memory=4GiB", drivers="process",
             is_outsider=False):
        return self._start(
            name, "node", "--controller", controller.listen, "--name", name,
            "--data", self.folder / name, "--capacity", capacity,
            "--drivers", drivers, "--metrics", "127.0.0.1:0", *arguments,
            is_outsider=is_outsider)

    def start_again(self, daemon):
        """What was killed, told the same, on the same data and ports."""
        arguments = daemon.arguments[1:]
        for port in ("http", "listen"):
            if port in daemon.ready:
                arguments[arguments.index(f"--{port}") + 1] = (
                    daemon.ready[port])
        return self._start(daemon.name, *arguments)

    def refused(self, *arguments, code=2):
        """What a daemon says that does not even start."""
        done = subprocess.run(
            [binary(), *[str(x) for x in arguments]],
            stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=PATIENCE_S)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        self.assertNotIn("ready ", done.stdout)
        return done.stderr

    def wait_for_nodes(self, count, state="ready"):
        eventually(
            lambda: sum(x["state"] == state for x in self.items("/v1/nodes"))
            == count,
            f"{count} nodes are {state}")

    # -- talking --------------------------------------------------------------

    def call(self, method, path, body=None, headers=None):
        """Status and body, as JSON if it says to be some."""
        request = urllib.request.Request(
            self.address + path, method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", **(headers or {})})
        status, kind, text = send(request, PATIENCE_S, self.trust())
        self.judge(method, path, status, kind, text)
        if kind.endswith("json"):
            return status, json.loads(text) if text else None
        return status, text.decode("utf-8", "replace")

    def trust(self):
        return (ssl.create_default_context(cafile=self.authority_file)
                if self.authority_file else None)

    def judge(self, method, path, status, kind, text):
        """Holds an answer to what the controller says of its interface."""
        if self.address not in self.interfaces:
            self.interfaces[self.address] = None
            status_of_it, document = self.call("GET", "/openapi.json")
            # One that wants a token is not judged.
            if status_of_it == 200:
                self.interfaces[self.address] = Interface(document)
        judge = self.interfaces[self.address]
        if judge:
            judge.check(method, path, status, kind, text)

    def get(self, path):
        status, body = self.call("GET", path)
        self.assertEqual(status, 200, f"GET {path}: {body}")
        return body

    def items(self, path):
        """All items of a list, page by page."""
        result, cursor = [], None
        while True:
            query = {"limit": 1000, **({"cursor": cursor} if cursor else {})}
            mark = "&" if "?" in path else "?"
            page = self.get(path + mark + urllib.parse.urlencode(query))
            result += page["items"]
            cursor = page.get("nextCursor")
            if not cursor:
                return result

    def submit(self, job, **headers):
        status, body = self.call("POST", "/v1/jobs", job, headers)
        self.assertEqual(status, 201, body)
        return body["jobs"]

    def tasks(self, job):
        return self.items(f"/v1/tasks?job={job}")

    def task(self, name):
        return self.get(f"/v1/tasks/{name}")

    def job(self, name):
        return self.get(f"/v1/jobs/{name}")

    def wait_for_job(self, name, state, within=None):
        return eventually(
            lambda: (lambda x: x if x["state"] == state else None)(
                self.job(name)),
            f"job {name} is {state}", within)

    def wait_for_task(self, name, state):
        return eventually(
            lambda: (lambda x: x if x["state"] == state else None)(
                self.task(name)),
            f"task {name} is {state}")

    def troupe(self, *arguments, code=0, within=None):
        """Runs a verb; what it wrote to stdout and stderr. Its exit code may be
        any if `code` is None."""
        done = subprocess.run(
            [binary(), *[str(x) for x in arguments]],
            env={**os.environ, "TROUPE_ADDRESS": self.address or "",
                 "TROUPE_TLS_CA": str(self.authority_file or ""),
                 "NO_COLOR": "1"},
            stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=within or PATIENCE_S)
        self.assertEqual(
            done.returncode, done.returncode if code is None else code,
            f"troupe {' '.join(map(str, arguments))}\n"
            f"{done.stdout}{done.stderr}")
        return done.stdout, done.stderr

    def lines_of(self, file):
        return file.read_text().splitlines() if file.exists() else []

    def pid_of(self, file):
        """The process id that a task has written."""
        return int(eventually(lambda: self.lines_of(file),
                              "the task starts")[0])

    def write_job(self, name, job):
        path = self.folder / f"{name}.json"
        path.write_text(json.dumps(job))
        return path


def shell(script, **more):
    """A job that runs `script` to its end."""
    return {"command": ["sh", "-c", script], "kind": "batch", "cpu": 0.1,
            "memory": "16MiB", **more}


def resident_bytes(pid):
    """How much memory process `pid` holds."""
    pages = pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGESIZE")


def is_running(pid):
    """Whether process `pid` lives; one that nobody has waited for does not."""
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rsplit(")", 1)[1].split()[0] not in "ZX"
