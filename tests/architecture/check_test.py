#!/usr/bin/env python3
"""Proves on planted trees that each rule of `check.py` bites, and only then."""

import json
import pathlib
import tempfile
import unittest

import check

README = "What this is.\n"


class Planted(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        for floor in check.FLOORS + ["tests"]:
            self.plant(f"{floor}/README.md", README)
        for name in ["CMakeLists.txt", "README.md", "LICENSE",
                     "CMakePresets.json"]:
            self.plant(name, "")

    def plant(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def found(self, rule, build=None):
        return [str(x) for x in rule(check.Tree(self.root, build))]

    def test_a_clean_tree_is_clean(self):
        self.plant("messages/a.hpp", "#pragma once\n")
        self.plant("runtime/a.cpp", '#include "messages/a.hpp"\n'
                                    "#include <caf/meta/type_name.hpp>\n")
        for rule in check.RULES:
            if rule is not check.built_sources:
                self.assertEqual(self.found(rule), [], rule.__name__)

    def test_an_upward_include_is_found(self):
        self.plant("actors/a.hpp", "")
        self.plant("runtime/b.cpp", '\n#include "actors/a.hpp"\n')
        self.assertEqual(self.found(check.floors), [
            "runtime/b.cpp:2: runtime includes actors, a floor above it; "
            "let actors hand in what is needed, or move it to runtime"])

    def test_a_test_may_include_any_floor_but_is_included_by_none(self):
        self.plant("tools/a.hpp", "")
        self.plant("tests/b.hpp", '#include "tools/a.hpp"\n')
        self.plant("tools/c.cpp", '#include "tests/b.hpp"\n')
        self.assertEqual(len(self.found(check.floors)), 1)

    def test_an_include_that_is_not_written_from_the_top_is_found(self):
        self.plant("runtime/a/b.hpp", "")
        self.plant("runtime/a/b.cpp", '#include "b.hpp"\n')
        self.assertEqual(len(self.found(check.floors)), 1)

    def test_actors_in_the_core_are_found(self):
        self.plant("runtime/a.cpp", "#include <caf/actor.hpp>\n")
        self.assertEqual(len(self.found(check.core_without_actors)), 1)

    def test_actors_that_come_by_a_message_are_found(self):
        self.plant("messages/wire.hpp", "#include <caf/error.hpp>\n")
        self.plant("messages/a.hpp", '#include "messages/wire.hpp"\n')
        self.plant("runtime/a.cpp", '#include "messages/a.hpp"\n')
        self.assertEqual(self.found(check.core_without_actors), [
            'runtime/a.cpp:1: "messages/a.hpp" brings in <caf/error.hpp>; '
            "include the messages themselves, not how they travel"])

    def test_a_clock_a_sleep_and_chance_in_a_core_are_found(self):
        self.plant("runtime/cluster/a.cpp",
                   "auto a = std::chrono::steady_clock::now();\n"
                   "std::this_thread::sleep_for(1s);\n"
                   "std::mt19937 random{seed};\n"
                   "// steady_clock::now() in a comment is none.\n"
                   "using time_point = std::chrono::steady_clock::time_point;\n"
                   "auto operand(int x);\n")
        self.assertEqual([x.split(":")[1]
                          for x in self.found(check.pure_cores)],
                         ["1", "2", "3"])

    def test_a_clock_beside_the_cores_is_allowed(self):
        self.plant("runtime/journal/a.cpp", "auto a = steady_clock::now();\n")
        self.plant("runtime/node_door.cpp", "auto a = steady_clock::now();\n")
        self.assertEqual(self.found(check.pure_cores), [])

    def test_a_stranger_at_the_top_and_a_missing_file_are_found(self):
        self.plant("docs/a.md", "")
        (self.root / "LICENSE").unlink()
        self.assertEqual([x.split(":")[0] for x in self.found(check.top_level)],
                         ["docs", "LICENSE"])

    def test_hidden_files_may_stand_at_the_top(self):
        self.plant(".ci/run", "")
        self.assertEqual(self.found(check.top_level), [])

    def test_a_missing_and_a_long_readme_are_found(self):
        (self.root / "actors/README.md").unlink()
        self.plant("runtime/README.md", "x\n" * (check.README_LINES_MAX + 1))
        self.assertEqual([x.split(":")[0] for x in self.found(check.readmes)],
                         ["actors/README.md", "runtime/README.md"])

    def test_a_source_that_is_not_built_is_found(self):
        self.plant("runtime/a.cpp", "")
        self.plant("runtime/b.cpp", "")
        self.plant("build/compile_commands.json", json.dumps([
            {"directory": str(self.root), "file": "runtime/a.cpp"}]))
        self.assertEqual(
            [x.split(":")[0]
             for x in self.found(check.built_sources, self.root / "build")],
            ["runtime/b.cpp"])

    def test_words_that_only_the_author_understands_are_found(self):
        self.plant("runtime/a.cpp", "// See " + "/" + "work/notes.\n"
                                    "// Fixes issue" + " #12.\n"
                                    "// GET /v1/nodes/n1/work?wait=30s\n")
        self.assertEqual(len(self.found(check.neutral_words)), 2)


if __name__ == "__main__":
    unittest.main()
