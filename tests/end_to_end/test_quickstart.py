#!/usr/bin/env python3
"""`tools/quickstart`, as a stranger runs it, but for the packages."""

import os
import pathlib
import re
import subprocess
import time
import unittest

from harness import ClusterTest, binary, is_running

ROOT = pathlib.Path(__file__).resolve().parents[2]


@unittest.skipUnless(
    os.path.realpath(binary()) == str(ROOT / "build/troupe"),
    "quickstart builds in build/, and this is another build")
class Quickstart(ClusterTest):
    def setUp(self):
        super().setUp()
        self.data = self.folder / "quickstart"

    def quickstart(self, *arguments, code=0):
        # Its output is a file: the cluster that stays up must not hold a pipe
        # that we wait for.
        said = self.folder / "said"
        with open(said, "w", encoding="utf-8") as file:
            done = subprocess.run(
                [ROOT / "tools/quickstart", "--data", self.data, *arguments],
                stdin=subprocess.DEVNULL, stdout=file,
                stderr=subprocess.STDOUT, timeout=300)
        text = said.read_text("utf-8", "replace")
        self.assertEqual(done.returncode, code, text)
        return text

    def pid(self):
        return int((self.data / "quickstart.pid").read_text())

    def test_it_leaves_a_cluster_that_ran_something(self):
        said = self.quickstart()
        self.assertIn("The cluster is up: http://127.0.0.1:", said)
        for part in range(6):
            self.assertIn(f"part {part}, step 3", said)
        self.address = re.search(r"is up: (http://\S+)", said)[1]
        self.assertEqual(len(self.items("/v1/nodes")), 3)
        self.assertEqual(self.job("batch-array")["state"], "succeeded")
        first = self.pid()
        self.assertTrue(is_running(first))

        began = time.monotonic()
        again = self.quickstart()
        self.assertLess(time.monotonic() - began, 60)
        self.assertIn("A cluster runs already", again)
        self.assertEqual(self.pid(), first)

        self.quickstart("--stop")
        self.assertFalse(is_running(first))
        self.quickstart("--stop")
        self.quickstart("--clean")
        self.assertFalse(self.data.exists())

    def test_it_removes_nothing_that_it_did_not_make(self):
        self.data.mkdir()
        (self.data / "thesis").write_text("years of work")
        self.quickstart("--clean", code=1)
        self.assertTrue((self.data / "thesis").exists())

    def test_it_ends_no_process_that_is_not_its_own(self):
        self.data.mkdir()
        with subprocess.Popen(["sleep", "1000"]) as stranger:
            (self.data / "quickstart.pid").write_text(str(stranger.pid))
            self.quickstart("--stop")
            self.assertIsNone(stranger.poll())
            stranger.kill()


if __name__ == "__main__":
    unittest.main()
