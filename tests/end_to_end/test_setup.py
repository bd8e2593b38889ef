#!/usr/bin/env python3
"""Scripts that install, pack and show: each is run as a user would run it."""

import os
import pathlib
import subprocess
import unittest

import docker_engine
from docker_engine import DockerEngine
from harness import PATIENCE_S, ClusterTest, binary, eventually

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Setup(ClusterTest):
    def script(self, name, *arguments, code=0, **environment):
        done = subprocess.run(
            [ROOT / "tools" / name, *[str(x) for x in arguments]],
            env={**os.environ, "TROUPE_BINARY": binary(), "NO_COLOR": "1",
                 **environment},
            cwd=self.folder, stdin=subprocess.DEVNULL, capture_output=True,
            text=True, timeout=4 * PATIENCE_S)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def test_contention_is_shown_from_a_full_cluster_to_the_end(self):
        said = self.script("contention")
        self.assertIn("preempted by gang-a", said)
        self.assertIn("gang-b.0", said)
        self.assertIn("would hold 3 if they were empty", said)

    def test_it_is_installed_twice_and_taken_away_once(self):
        prefix = self.folder / "prefix"
        for _ in range(2):
            self.assertIn("is in", self.script("setup", "--prefix", prefix))
        installed = prefix / "bin/troupe"
        version = subprocess.run([installed, "version"], capture_output=True,
                                 text=True, check=True)
        self.assertIn("troupe", version.stdout)
        unit = prefix / "lib/systemd/system/troupe-node.service"
        self.assertIn(f"{prefix}/bin/troupe", unit.read_text())
        self.assertTrue((prefix / "share/troupe/examples/gang.json").exists())
        # What is not its own stays.
        (prefix / "bin/other").write_text("mine")
        self.script("setup", "--prefix", prefix, "--uninstall")
        left = {str(x.relative_to(prefix)) for x in prefix.rglob("*")
                if x.is_file()}
        self.assertEqual(left, {"bin/other"})
        self.assertIn("nothing is installed", self.script(
            "setup", "--prefix", prefix, "--uninstall", code=1))
        self.assertIn("usage", self.script("image", "--nonsense", code=2))
        self.assertIn("tools/setup", self.script("setup", "-x", code=2))

    def test_an_agent_in_a_container_runs_containers_beside_it(self):
        if why := docker_engine.unavailable():
            self.skipTest(why)
        if not os.access("/usr/bin/docker", os.X_OK):
            self.skipTest("docker's client is not installed (docker.io)")
        engine = DockerEngine()
        self.addCleanup(engine.end)
        host = {"DOCKER_HOST": engine.address}
        self.assertIn("image troupe:test",
                      self.script("image", "troupe:test", **host))
        control = self.controller()
        subprocess.run(
            ["docker", "run", "--detach", "--network", "host", "--volume",
             f"{engine.socket}:/var/run/docker.sock", "troupe:test", "node",
             "--name", "boxed", "--controller", control.listen,
             "--data", "/var/lib/troupe", "--drivers", "docker",
             "--metrics", "127.0.0.1:0"],
            env={**os.environ, **host}, check=True, capture_output=True,
            timeout=PATIENCE_S)
        self.wait_for_nodes(1)
        self.submit({"image": docker_engine.IMAGE, "kind": "batch",
                     "command": ["echo", "beside"], "name": "hello"})
        self.wait_for_job("hello", "succeeded")
        self.assertEqual(self.task("hello.0")["node"], "boxed")
        eventually(lambda: "beside" in self.troupe("logs", "hello.0")[0],
                   "its output is there")


if __name__ == "__main__":
    unittest.main()
