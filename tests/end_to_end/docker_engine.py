"""A Docker engine of its own for tests, and nothing left of it afterwards."""

import ctypes
import http.client
import io
import json
import os
import pathlib
import signal
import socket
import subprocess
import tarfile
import tempfile
import time
import urllib.parse

from harness import PATIENCE_S, eventually

BUSYBOX = pathlib.Path("/bin/busybox")
DOCKERD = pathlib.Path("/usr/sbin/dockerd")
IMAGE = "busybox:test"
COMMANDS = ["sh", "echo", "sleep", "true", "false", "env", "cat", "tail",
            "kill", "ps", "id"]


def unavailable():
    """Why there can be no engine here, or nothing."""
    if os.geteuid() != 0:
        return "a private dockerd needs root"
    if not DOCKERD.exists():
        return "dockerd is not installed (package docker.io)"
    if not BUSYBOX.exists():
        return "busybox is not installed (package busybox-static)"
    return ""


def _die_with_the_test():
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)


class _Connection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("docker", timeout=PATIENCE_S)
        self._path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class DockerEngine:
    """`dockerd` with the image `busybox:test` and no registry. Its containers
    have a network only if they get a bridge, which publishes their ports."""

    def __init__(self, bridge="none"):
        self.bridge = bridge
        # The path of a Unix socket has at most 107 characters.
        self.folder = pathlib.Path(
            tempfile.mkdtemp(prefix="troupe-docker-", dir="/tmp"))
        self.socket = self.folder / "socket"
        self.process = None
        try:
            self._start()
            self.call("POST", f"/images/create?fromSrc=-&repo={IMAGE[:-5]}"
                      "&tag=test", _image(), "application/x-tar")
        except BaseException:
            self.end()
            raise

    @property
    def address(self):
        return f"unix://{self.socket}"

    def _start(self):
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(
                [DOCKERD, f"--data-root={self.folder}/data",
                 f"--exec-root={self.folder}/exec",
                 f"--pidfile={self.folder}/pid", f"--host={self.address}",
                 f"--bridge={self.bridge}", "--iptables=false"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True, preexec_fn=_die_with_the_test)
        try:
            eventually(self._answers, "dockerd answers")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.said()}") from None

    def _answers(self):
        try:
            self.call("GET", "/_ping")
        except (OSError, http.client.HTTPException):
            return False
        return True

    # -- faults ---------------------------------------------------------------

    def kill(self):
        """As if it crashed. What it runs lives on until it is started again."""
        self.process.kill()
        self.process.wait()
        # It takes its containerd with it, which the next one would wait for
        # until somebody has reaped it.
        pid_file = self.folder / "exec/containerd/containerd.pid"
        self._end_process(pid_file)
        pid_file.unlink(missing_ok=True)

    def terminate(self):
        """As a service manager stops it: it ends its containers first."""
        self.process.terminate()
        self.process.wait(60)

    def start_again(self):
        self._start()

    def hang(self):
        """Accepts connections and never answers, until `wake`."""
        os.kill(self.process.pid, signal.SIGSTOP)

    def wake(self):
        os.kill(self.process.pid, signal.SIGCONT)

    def said(self):
        return (self.folder / "log").read_text("utf-8", "replace")[-5_000:]

    # -- talking --------------------------------------------------------------

    def call(self, method, path, body=None, kind="application/json"):
        """The answer, as JSON if it is some; raises unless it is 2xx."""
        connection = _Connection(self.socket)
        try:
            connection.request(method, path, body,
                               {"Content-Type": kind} if body else {})
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        if answer.status // 100 != 2:
            raise http.client.HTTPException(
                f"{method} {path}: {answer.status} {text[:500]!r}")
        if (answer.getheader("Content-Type") or "").endswith("/json"):
            return json.loads(text) if text.strip().count(b"\n") == 0 else text
        return text

    def containers(self, **filters):
        """All of them, in any state."""
        query = urllib.parse.urlencode(
            {"all": 1, "filters": json.dumps(filters)})
        return self.call("GET", f"/containers/json?{query}") or []

    def inspect(self, container):
        return self.call("GET", f"/containers/{container}/json")

    def remove_all(self):
        for x in self.containers():
            try:
                self.call("DELETE", f"/containers/{x['Id']}?force=1")
            except http.client.HTTPException:
                pass  # Gone meanwhile.

    # -- the end --------------------------------------------------------------

    def end(self):
        if self.process and self.process.poll() is None:
            self.wake()
            try:
                self.remove_all()
            except (OSError, http.client.HTTPException):
                pass  # It hangs, or never began: what it ran ends with it.
            self.process.terminate()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        # An engine that was killed leaves its containerd behind.
        self._end_process(self.folder / "exec/containerd/containerd.pid")
        mounts = [x.split()[1] for x in
                  pathlib.Path("/proc/self/mounts").read_text().splitlines()]
        # Those mounted last lie on top.
        for target in reversed(mounts):
            if target.startswith(str(self.folder)):
                subprocess.run(["umount", "--lazy", target], check=False)
        subprocess.run(["rm", "-rf", "--one-file-system", self.folder],
                       check=False)

    def _end_process(self, pid_file):
        """The id in the file may by now be anybody's: only a process that names
        our folder is ended."""
        def is_ours(pid):
            try:
                line = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
            except OSError:
                return False
            return str(self.folder).encode() in line
        try:
            pid = int(pid_file.read_text())
        except (OSError, ValueError):
            return
        deadline = time.monotonic() + 10
        while is_ours(pid):
            os.kill(pid, signal.SIGTERM if time.monotonic() < deadline
                    else signal.SIGKILL)
            time.sleep(0.1)


def _image():
    """A tar of a root directory that holds busybox and its commands."""
    result = io.BytesIO()
    with tarfile.open(fileobj=result, mode="w") as tar:
        for folder in ("bin", "tmp"):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(entry)
        tar.add(BUSYBOX.resolve(), "bin/busybox")
        for name in COMMANDS:
            entry = tarfile.TarInfo(f"bin/{name}")
            entry.type, entry.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(entry)
    return result.getvalue()
