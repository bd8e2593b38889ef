#!/usr/bin/env python3
"""REST, the dashboard and metrics by TLS: beyond loopback always, on it if asked."""

import json
import shutil
import socket
import ssl
import subprocess
import unittest
import urllib.error
import urllib.request

import browser
from certificates import Authority
from harness import PATIENCE_S, ClusterTest, binary, eventually, shell

HERE = "IP:127.0.0.1,DNS:localhost"


@unittest.skipUnless(shutil.which("openssl"), "openssl(1) is not installed")
class HttpsTest(ClusterTest):
    def setUp(self):
        super().setUp()
        self.authority = Authority(self.folder, "authority")
        self.mine = self.authority.issue("mine", hosts=HERE)
        self.authority_file = self.authority.certificate

    def secure_up(self, *arguments, http="https://127.0.0.1:0"):
        daemon = self.up(1, *self.mine.flags(), *arguments, http=http)
        self.assertEqual(daemon.ready["scheme"], "https")
        self.assertTrue(self.address.startswith("https://"))
        return daemon


class Refusals(HttpsTest):
    def test_beyond_loopback_nothing_is_served_in_the_clear(self):
        data = self.folder / "data"
        for flag, rest in (
                ("--http", ["controller", "--listen", "127.0.0.1:0"]),
                ("--metrics", ["up", "--http", "127.0.0.1:0", "--listen",
                               "127.0.0.1:0"]),
                ("--metrics", ["node", "--controller", "127.0.0.1:1"])):
            with self.subTest(flag=flag, verb=rest[0]):
                said = self.refused(*rest, "--data", data, flag, "0.0.0.0:0")
                self.assertIn(f"{flag} 0.0.0.0:0", said)
                for how in ("--tls-ca", "--tls-cert", "--tls-key",
                            "127.0.0.1", f"{flag} http://0.0.0.0:0"):
                    self.assertIn(how, said)

    def test_https_wants_a_certificate_and_no_other_scheme_is_known(self):
        data = self.folder / "data"
        said = self.refused("up", "--data", data, "--http",
                            "https://127.0.0.1:0")
        self.assertIn("--tls-cert", said)
        said = self.refused("up", "--data", data, "--http", "ftp://127.0.0.1:0")
        self.assertIn("https://", said)

    def test_who_wants_it_in_the_clear_says_so_and_is_warned(self):
        controller = self.controller(http="http://0.0.0.0:0")
        self.assertNotIn("scheme", controller.ready)
        self.assertIn("in the clear", controller.log_text())


class Served(HttpsTest):
    def test_the_command_line_works_by_https(self):
        self.secure_up()
        job = shell("echo one; echo two >&2; exit 3", name="a")
        self.troupe("run", "--wait", self.write_job("a", job), code=3)
        out, _ = self.troupe("logs", "-f", "a.0")
        self.assertEqual(sorted(out.split()), ["one", "two"])
        self.assertIn("a.0", self.troupe("tasks", "-o", "name")[0])
        self.assertIn("exit", self.troupe("why", "a.0")[0])
        self.troupe("backup", self.folder / "copy")
        # Events come as they happen; from the first, since nobody knows when the
        # stream is there.
        events = subprocess.Popen(
            [binary(), "events", "-f", "--since", "0", "-o", "jsonl",
             "--address", self.address, "--tls-ca", self.authority_file],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        self.addCleanup(events.stdout.close)
        self.addCleanup(events.wait)
        self.addCleanup(events.kill)
        self.troupe("cordon", "n1")
        for line in events.stdout:
            if json.loads(line)["type"] == "nodeCordoned":
                break

    def test_who_is_not_believed_is_told_what_to_do(self):
        self.secure_up()
        self.authority_file = None
        said = self.troupe("jobs", code=4)[1]
        self.assertIn("--tls-ca", said)
        said = self.troupe("jobs", "--tls-ca", self.folder / "none", code=4)[1]
        self.assertIn("--tls-ca", said)
        stranger = Authority(self.folder, "stranger")
        self.troupe("jobs", "--tls-ca", stranger.certificate, code=4)
        # Where the flag stands does not matter.
        self.troupe("--tls-ca", self.authority.certificate, "jobs")
        # A wrong scheme is told from both sides.
        plain = self.address.replace("https", "http")
        said = self.troupe("jobs", "--address", plain, code=2)[1]
        self.assertIn("https://", said)
        self.up(1, name="plain")
        self.assertTrue(self.address.startswith("http://"))
        self.troupe("jobs", "--address", self.address.replace("http", "https"),
                    "--tls-ca", self.authority.certificate, code=4)

    def test_other_programs_are_served(self):
        daemon = self.secure_up()
        self.assertEqual(self.get("/readyz")["status"], "ready")
        if shutil.which("curl"):
            text = subprocess.run(
                ["curl", "-sS", "--cacert", str(self.authority_file),
                 f"{self.address}/metrics"], check=True, capture_output=True,
                timeout=PATIENCE_S).stdout.decode()
            self.assertIn("troupe_nodes", text)
        host, port = daemon.http.split(":")
        bare = socket.create_connection((host, int(port)), PATIENCE_S)
        trust = self.trust()
        with trust.wrap_socket(bare, server_hostname=host) as client:
            self.assertIn(client.version(), ("TLSv1.2", "TLSv1.3"))
            live = browser.WebSocket.over(client, host, int(port), "/v1/live",
                                          [f"Origin: {self.address}"])
            self.assertEqual(live.status, 101)
            live.send(json.dumps({"follow": 1, "path": "/v1/nodes"}))
            while "n1" not in live.receive():
                pass
        with self.assertRaises(urllib.error.URLError) as refused:
            urllib.request.urlopen(self.address, timeout=PATIENCE_S)
        self.assertIsInstance(refused.exception.reason,
                              ssl.SSLCertVerificationError)

    def test_a_new_certificate_is_shown_without_a_restart(self):
        daemon = self.secure_up()
        host, port = daemon.http.split(":")

        def shown():
            return ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate(
                (host, int(port)), ca_certs=self.authority_file))

        before = shown()
        fresh = self.authority.issue("fresh", hosts=HERE)
        shutil.copy(fresh.key, self.mine.key)
        shutil.copy(fresh.certificate, self.mine.certificate)
        self.assertNotEqual(eventually(
            lambda: (lambda x: x if x != before else None)(shown()),
            "the new certificate is shown"), before)
        self.troupe("jobs")

    def test_other_machines_are_served_by_https_and_want_a_token(self):
        daemon = self._start(
            "up", "up", "--nodes", 1, "--data", self.folder / "up",
            "--http", "0.0.0.0:0", "--listen", "127.0.0.1:0", "--drivers",
            "process", "--metrics", "0.0.0.0:0", *self.mine.flags())
        self.address = daemon.address
        self.assertEqual(self.call("GET", "/v1/jobs")[0], 401)
        token = (self.folder / "up" / "admin.token").read_text().strip()
        self.troupe("jobs", "--token", token)
        port = daemon.ready["metrics"].rsplit(":", 1)[1]
        with urllib.request.urlopen(f"https://127.0.0.1:{port}/metrics",
                                    timeout=PATIENCE_S,
                                    context=self.trust()) as answer:
            self.assertIn("troupe_", answer.read().decode())

    def test_a_certificate_without_hosts_is_warned_of(self):
        self.mine = self.authority.issue("nameless")
        daemon = self._start(
            "up", "up", "--data", self.folder / "up", "--http",
            "https://127.0.0.1:0", "--listen", "127.0.0.1:0", "--drivers",
            "process", *self.mine.flags())
        self.assertIn("subjectAltName", daemon.log_text())


@unittest.skipUnless(browser.find(), "there is no chromium here")
class Dashboard(HttpsTest):
    def test_the_dashboard_is_live_by_https(self):
        self.secure_up()
        window = browser.Browser(1400, 900, "--ignore-certificate-errors")
        self.addCleanup(window.close)
        page = window.page(f"{self.address}/#/jobs")
        page.shows("live", ".connection")
        self.submit(shell("true", name="seen"))
        page.shows("seen")


if __name__ == "__main__":
    unittest.main()
