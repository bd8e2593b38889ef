#!/usr/bin/env python3
"""Tokens and roles: who may ask what over REST, and what is written down."""

import hashlib
import json
import signal
import stat
import unittest

from harness import ClusterTest, eventually, shell


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


class Access(ClusterTest):
    def tokens(self, **roles):
        """A file with a token of each role; it is called like its role."""
        path = self.folder / "tokens.json"
        path.write_text(json.dumps({"tokens": [
            {"name": name, "role": role,
             "sha256": hashlib.sha256(name.encode()).hexdigest()}
            for name, role in roles.items()]}))
        return path

    def status(self, method, path, token=None, body=None):
        headers = bearer(token) if token else {}
        return self.call(method, path, body, headers)[0]

    def audited(self):
        return [json.loads(x) for x in
                self.lines_of(self.folder / "controller" / "audit.log")]

    def test_roles_open_what_they_should_and_nothing_else(self):
        file = self.tokens(root="admin", ci="submitter", eye="viewer",
                           box="node")
        self.controller("--tokens", file)
        job = shell("exit 0", name="a")
        self.assertEqual(self.status("GET", "/healthz"), 200)
        self.assertEqual(self.status("GET", "/v1/jobs"), 401)
        self.assertEqual(self.status("GET", "/v1/jobs", "wrong"), 401)
        self.assertEqual(self.status("GET", "/v1/jobs", "eye"), 200)
        self.assertEqual(self.status("GET", "/metrics", "eye"), 200)
        self.assertEqual(self.status("POST", "/v1/jobs", "eye", job), 403)
        self.assertEqual(self.status("POST", "/v1/jobs", "box", job), 403)
        self.assertEqual(self.status("POST", "/v1/jobs", "ci", job), 201)
        self.assertEqual(
            self.status("PUT", "/v1/settings", "ci", {"strategy": "spread"}),
            403)
        self.assertEqual(
            self.status("PUT", "/v1/settings", "root", {"strategy": "spread"}),
            200)
        status, problem = self.call("GET", "/v1/jobs")
        self.assertEqual(problem["status"], status)
        self.assertIn("token", problem["detail"])
        # The command line tells it by its exit code.
        _, said = self.troupe("jobs", code=5)
        self.assertIn("token", said)
        self.troupe("stop", "a", "--token", "eye", code=5)
        self.troupe("jobs", "--token", "eye")
        # Each change is written down, and so is who was not let.
        seen = [(x["who"], x["path"], x["status"]) for x in self.audited()]
        self.assertIn(("ci", "/v1/jobs", 201), seen)
        self.assertIn(("box", "/v1/jobs", 403), seen)
        self.assertIn(("root", "/v1/settings", 200), seen)
        self.assertIn(("unknown", "/v1/jobs", 401), seen)
        text = (self.folder / "controller" / "audit.log").read_text()
        self.assertNotIn("Bearer", text)

    def test_tokens_are_read_again_on_sighup(self):
        file = self.tokens(root="admin")
        controller = self.controller("--tokens", file)
        self.assertEqual(self.status("GET", "/v1/jobs", "eye"), 401)
        self.tokens(eye="viewer")
        controller.process.send_signal(signal.SIGHUP)
        eventually(lambda: self.status("GET", "/v1/jobs", "eye") == 200,
                   "the new token is known")
        self.assertEqual(self.status("GET", "/v1/jobs", "root"), 401)
        # What is wrong is said, and the door stays as it is.
        file.write_text("{")
        controller.process.send_signal(signal.SIGHUP)
        eventually(lambda: "not taken over" in controller.log_text(),
                   "the mistake is said")
        self.assertEqual(self.status("GET", "/v1/jobs", "eye"), 200)
        self.assertEqual(self.status("GET", "/v1/jobs"), 401)

    def test_beyond_loopback_a_token_is_made(self):
        controller = self.controller(http="http://0.0.0.0:0")
        self.assertEqual(self.status("GET", "/v1/jobs"), 401)
        file = self.folder / "controller" / "admin.token"
        self.assertEqual(stat.S_IMODE(file.stat().st_mode), 0o600)
        token = file.read_text().strip()
        self.assertEqual(self.status("PUT", "/v1/settings", token,
                                     {"strategy": "spread"}), 200)
        self.assertNotIn(token, controller.log_text())
        self.troupe("jobs", "--token", token)

    def test_a_wrong_file_of_tokens_is_refused(self):
        file = self.folder / "tokens.json"
        file.write_text('{"tokens": [{"name": "a", "role": "root"}]}')
        said = self.refused("controller", "--data", self.folder / "x",
                            "--http", "127.0.0.1:0", "--listen",
                            "127.0.0.1:0", "--tokens", file)
        self.assertIn("role", said)
        self.assertIn(str(file), said)

    def test_the_log_level_changes_on_sighup(self):
        config = self.folder / "config.json"
        config.write_text('{"logLevel": "error"}')
        controller = self.controller("--config", config)
        config.write_text('{"logLevel": "info"}')
        controller.process.send_signal(signal.SIGHUP)
        eventually(lambda: "the options were read again"
                   in controller.log_text(), "it says so, at level info")

    def test_the_log_level_of_all_nodes_changes_at_once(self):
        controller = self.controller()
        mine = self.node(controller, "n1", "--log-level", "error")
        self.wait_for_nodes(1)
        self.assertNotIn("joined the controller", mine.log_text())
        self.troupe("settings", "--log-level", "debug")
        eventually(lambda: "the log level is debug" in mine.log_text(),
                   "the node is told")
        # One that comes later learns it when it joins.
        late = self.node(controller, "n2", "--log-level", "error")
        eventually(lambda: "the log level is debug" in late.log_text(),
                   "the other node is told")
        self.assertEqual(self.get("/v1/settings")["logLevel"], "debug")
        # Its own options have the last word, if they are said last.
        mine.process.send_signal(signal.SIGHUP)
        self.troupe("settings", "--log-level", "warn")
        eventually(lambda: "the log level is warn" in mine.log_text(),
                   "the node is told once more")
        self.assertEqual(self.get("/v1/settings")["logLevel"], "warn")


if __name__ == "__main__":
    unittest.main()
