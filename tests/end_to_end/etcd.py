"""An etcd of one or three members on loopback, for tests of several controllers."""

import base64
import json
import os
import shutil
import signal
import socket
import subprocess
import urllib.error
import urllib.request

from harness import eventually

PROGRAM = shutil.which("etcd")


def free_ports(count):
    """Ports of loopback that nobody listens on, all different."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


class Member:
    def __init__(self, name, folder, client, peer, cluster):
        self.name = name
        self.folder = folder
        self.client = client
        self.arguments = [
            PROGRAM, "--name", name, "--data-dir", str(folder / name),
            "--listen-client-urls", f"http://{client}",
            "--advertise-client-urls", f"http://{client}",
            "--listen-peer-urls", f"http://{peer}",
            "--initial-advertise-peer-urls", f"http://{peer}",
            "--initial-cluster", cluster, "--logger", "zap"]
        self.process = None
        self.start()

    def start(self):
        with open(self.folder / f"{self.name}.log", "ab") as log:
            self.process = subprocess.Popen(
                self.arguments, stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, start_new_session=True)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def send(self, what):
        os.kill(self.process.pid, what)

    def ask(self, path, body):
        """The answer to one question, or none."""
        request = urllib.request.Request(
            f"http://{self.client}/v3/{path}", method="POST",
            data=json.dumps(body).encode())
        try:
            with urllib.request.urlopen(request, timeout=2) as answer:
                return json.load(answer)
        except (urllib.error.URLError, OSError):
            return None


class Etcd:
    def __init__(self, folder, members=1):
        folder = folder / "etcd"
        folder.mkdir()
        ports = free_ports(2 * members)
        clients = [f"127.0.0.1:{x}" for x in ports[:members]]
        peers = [f"127.0.0.1:{x}" for x in ports[members:]]
        cluster = ",".join(f"m{i}=http://{x}" for i, x in enumerate(peers))
        self.members = [
            Member(f"m{i}", folder, clients[i], peers[i], cluster)
            for i in range(members)]
        self.address = f"etcd://{','.join(clients)}/troupe"
        eventually(lambda: self.read("x") is not None, "etcd answers")

    def kill(self):
        for member in self.members:
            member.send(signal.SIGCONT)
            member.kill()

    def read(self, key):
        """Pairs of key and value below `key`, or none if nobody answers."""
        to = base64.b64encode
        key = f"/troupe/{key}".encode()
        for member in self.members:
            if member.process.poll() is None:
                found = member.ask("kv/range", {
                    "key": to(key).decode(),
                    "range_end": to(key[:-1] + bytes([key[-1] + 1])).decode()})
                if found is not None:
                    return found.get("kvs", [])
        return None

    def leader_lease(self):
        found = self.read("leader")
        return found[0]["lease"] if found else None
