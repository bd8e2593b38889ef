#!/usr/bin/env python3
"""What a shell offers while a command line is being written."""

import os
import pathlib
import shutil
import subprocess
import time
import unittest

from harness import ClusterTest, binary, shell

BASH = """
source <(troupe completion bash)
COMP_LINE=$1 COMP_POINT=${#1}
_troupe
printf '%s\\n' "${COMPREPLY[@]}"
"""

ZSH = """
autoload -Uz compinit && compinit -u -D
source <(troupe completion zsh)
compadd() { :; }
_describe() { while [[ $1 == -* ]]; do shift; done; print -l -- ${(P)2%%:*}; }
_files() { print FILES; }
words=("${(@)argv}") CURRENT=$#
_troupe
"""

FISH = """
troupe completion fish | source
complete -C $argv[1]
"""


class Completion(ClusterTest):
    def setUp(self):
        super().setUp()
        self.up(2)
        self.submit(shell("sleep 1000", name="web", kind="service", count=2))
        self.submit(shell("sleep 1000", name="worker", kind="service"))

    def run_in(self, arguments, address):
        path = str(pathlib.Path(binary()).parent)
        done = subprocess.run(
            arguments, stdin=subprocess.DEVNULL, capture_output=True,
            text=True, timeout=60, cwd=self.folder,
            env={**os.environ, "TROUPE_ADDRESS": address or self.address,
                 "PATH": f"{path}:{os.environ['PATH']}"})
        self.assertEqual(done.stderr, "")
        return done.stdout.split()

    def in_bash(self, line, address=None):
        return self.run_in(["bash", "--norc", "-c", BASH, "bash", line],
                           address)

    def test_bash_offers_verbs_flags_and_names_from_the_controller(self):
        self.assertEqual(self.in_bash("troupe dra"), ["drain"])
        self.assertEqual(self.in_bash("troupe stop we"),
                         ["web", "web.0", "web.1"])
        self.assertEqual(self.in_bash("troupe drain "), ["n1", "n2"])
        self.assertEqual(self.in_bash("troupe scale wo"), ["worker="])
        self.assertEqual(self.in_bash("troupe why w.0 n"), [])
        self.assertEqual(self.in_bash("troupe jobs --sta"), ["--state"])
        self.assertEqual(self.in_bash("troupe nodes --output=w"), ["wide"])
        (self.folder / "a job.json").write_text("{}")
        self.assertEqual(self.in_bash("troupe run a"), ["a", "job.json"])

    def test_without_a_controller_it_is_silent_and_quick(self):
        begin = time.monotonic()
        nowhere = "http://127.0.0.1:1"
        self.assertEqual(self.in_bash("troupe stop we", nowhere), [])
        self.assertEqual(self.in_bash("troupe dra", nowhere), ["drain"])
        self.assertLess(time.monotonic() - begin, 20)

    @unittest.skipUnless(shutil.which("zsh"), "there is no zsh here")
    def test_zsh_offers_the_same(self):
        def offered(*words):
            return self.run_in(["zsh", "-f", "-c", ZSH, *words], None)
        self.assertEqual(offered("troupe", "troupe", "stop", "we"),
                         ["web", "web.0", "web.1"])
        self.assertEqual(offered("troupe", "troupe", "scale", "wo"),
                         ["worker="])
        self.assertIn("FILES", offered("troupe", "troupe", "run", ""))

    @unittest.skipUnless(shutil.which("fish"), "there is no fish here")
    def test_fish_offers_the_same(self):
        offered = self.run_in(["fish", "-c", FISH, "troupe stop we"], None)
        self.assertEqual(offered, ["web", "web.0", "web.1"])

    def test_every_verb_has_help_with_an_example(self):
        out, _ = self.troupe("completion", "--offer", "--", "")
        verbs = [line.split("\t")[0] for line in out.splitlines()]
        self.assertGreaterEqual(len(verbs), 35)
        for verb in verbs:
            text, _ = self.troupe(verb, "--help")
            self.assertIn("Example", text, verb)
            self.assertIn(f"troupe {verb}", text)


if __name__ == "__main__":
    unittest.main()
