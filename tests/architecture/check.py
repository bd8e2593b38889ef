#!/usr/bin/env python3
"""Checks the rules of the house, which no compiler knows.

    check.py [--root DIR] [--build DIR] RULE...

Prints `file:line: what is wrong; what to write instead` for each breach, and
ends with 1 if there was one. `check_test.py` proves that each rule bites.
"""

import argparse
import json
import pathlib
import re
import subprocess
import sys

# Each floor may include itself and the floors before it; tests see all.
FLOORS = ["messages", "runtime", "actors", "config", "tools"]

TOP_LEVEL = set(FLOORS) | {
    "CMakeLists.txt", "README.md", "LICENSE", "CMakePresets.json", "tests"}

# What decides, and so must decide the same again from the same facts.
PURE_CORES = [
    "runtime/cluster", "runtime/placement", "runtime/agent.",
    "runtime/task.", "runtime/node.", "runtime/outbox.", "runtime/live/",
    "runtime/rehearsal/", "runtime/plan.", "runtime/pressure/"]
# Measures how long placement takes.
IMPURE = {"runtime/placement/bench.cpp"}

README_LINES_MAX = 80

SOURCES = {".cpp", ".hpp"}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')

IMPURITIES = [
    (re.compile(r"\b\w*_clock::now\b|\b(clock_gettime|gettimeofday)\b"
                r"|\btime\(\s*(nullptr|NULL|0)\s*\)"),
     "reads a clock", "take the time as an argument"),
    (re.compile(r"\b(sleep_for|sleep_until|usleep|nanosleep)\b"),
     "sleeps", "return when to come back"),
    (re.compile(r"\b(random_device|mt19937(_64)?|minstd_rand0?"
                r"|default_random_engine|u?rand|random|getrandom)\s*[({]"
                r"|\bstd::(random_device|mt19937(_64)?)\b"),
     "makes chance", "take the random number as an argument"),
]

# Of the places and papers that a stranger who clones this cannot see. In
# pieces, so that this file does not break its own rule.
FOREIGN = re.compile("|".join([
    "/" + "work/", "/" + "shared/", "/" + "root/",
    r"\b[Ii]ssue" + r" #?\d+"]))


class Breach:
    def __init__(self, path, line, wrong, instead):
        self.path, self.line = path, line
        self.wrong, self.instead = wrong, instead

    def __str__(self):
        return f"{self.path}:{self.line}: {self.wrong}; {self.instead}"


class Tree:
    """The files that belong to the project, read once."""

    def __init__(self, root, build=None):
        self.root = pathlib.Path(root).resolve()
        self.build = build and pathlib.Path(build).resolve()
        self.files = sorted(self._find())
        self._lines = {}

    def _find(self):
        """What git knows or would add; without git, all but what is hidden
        and what builds leave."""
        if (self.root / ".git").exists():
            listed = subprocess.run(
                ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached",
                 "--others", "--exclude-standard"],
                cwd=self.root, capture_output=True, check=True)
            names = listed.stdout.decode().split("\0")
            return [x for x in names if x and (self.root / x).is_file()]
        names = []
        for path in self.root.rglob("*"):
            parts = path.relative_to(self.root).parts
            if (path.is_file() and parts[0] != "build"
                    and "__pycache__" not in parts):
                names.append("/".join(parts))
        return names

    def sources(self):
        return [x for x in self.files if pathlib.PurePath(x).suffix in SOURCES]

    def lines(self, name):
        if name not in self._lines:
            text = (self.root / name).read_bytes().decode("utf-8", "replace")
            self._lines[name] = text.splitlines()
        return self._lines[name]

    def includes(self, name):
        """Of `name`: line, whether in angle brackets, path."""
        for number, line in enumerate(self.lines(name), 1):
            found = INCLUDE.match(line)
            if found:
                yield number, found[1] == "<", found[2]


def without_comment(line):
    return "" if line.lstrip().startswith("*") else line.split("//")[0]


def floors(tree):
    """A floor includes only itself and the floors below."""
    files = set(tree.files)
    for name in tree.sources():
        here = name.split("/")[0]
        for line, angled, target in tree.includes(name):
            there = target.split("/")[0]
            if angled:
                continue
            if target not in files:
                yield Breach(name, line, f'no file is called "{target}"',
                             "write includes from the top of the tree")
            elif there == "tests" and here != "tests":
                yield Breach(name, line, f"{here} includes a test",
                             "move what both need down a floor")
            elif (here in FLOORS and there in FLOORS
                  and FLOORS.index(there) > FLOORS.index(here)):
                yield Breach(name, line,
                             f"{here} includes {there}, a floor above it",
                             f"let {there} hand in what is needed, or move it "
                             f"to {here}")


def allowed_caf(target):
    return target == "caf/meta/type_name.hpp"


def core_without_actors(tree):
    """`runtime` and what it includes live without CAF."""
    files = set(tree.files)
    reaches = {}

    def caf_in(name):
        """The first way from `name` to a header of CAF, as a list."""
        if name in reaches:
            return reaches[name]
        reaches[name] = []  # A circle ends here.
        for _, angled, target in tree.includes(name):
            if target.startswith("caf/") and not allowed_caf(target):
                reaches[name] = [target]
                break
            if not angled and target in files and caf_in(target):
                reaches[name] = [target] + caf_in(target)
                break
        return reaches[name]

    for name in tree.sources():
        if not name.startswith("runtime/"):
            continue
        for line, angled, target in tree.includes(name):
            if target.startswith("caf/") and not allowed_caf(target):
                yield Breach(name, line, f"runtime includes <{target}>",
                             "decide here, talk in actors/")
            elif not angled and target.startswith("messages/") \
                    and target in files and caf_in(target):
                yield Breach(name, line,
                             f'"{target}" brings in <{caf_in(target)[-1]}>',
                             "include the messages themselves, not how they "
                             "travel")


def pure_cores(tree):
    """What decides knows no clock, no sleep and no chance."""
    for name in tree.sources():
        if name in IMPURE or not any(
                name.startswith(x if x.endswith(".") else x + "/")
                for x in PURE_CORES):
            continue
        for line, text in enumerate(tree.lines(name), 1):
            for pattern, wrong, instead in IMPURITIES:
                if pattern.search(without_comment(text)):
                    yield Breach(name, line, f"a pure core {wrong}", instead)


def top_level(tree):
    """A stranger sees the whole house at once."""
    found = {x.split("/")[0] for x in tree.files}
    for name in sorted(found - TOP_LEVEL):
        if not name.startswith("."):
            yield Breach(name, 1, "does not belong to the top level",
                         "put it on the floor that needs it")
    for name in sorted(TOP_LEVEL - found):
        yield Breach(name, 1, "is missing", "every clone has it")


def readmes(tree):
    """Each floor says what it is, on a page."""
    for floor in FLOORS + ["tests"]:
        name = f"{floor}/README.md"
        if name not in tree.files:
            yield Breach(name, 1, "is missing",
                         "say what this floor is for, and what is not")
    for name in tree.files:
        if name.endswith("/README.md"):
            count = len(tree.lines(name))
            if count > README_LINES_MAX:
                yield Breach(name, README_LINES_MAX + 1,
                             f"has {count} lines",
                             f"a page has {README_LINES_MAX}; say less")


def built_sources(tree):
    """No .cpp lies about unbuilt."""
    if tree.build is None:
        sys.exit("built_sources: which build? Give --build DIR")
    commands = tree.build / "compile_commands.json"
    built = {str(pathlib.Path(x["directory"], x["file"]).resolve())
             for x in json.loads(commands.read_text())}
    for name in tree.sources():
        if name.endswith(".cpp") and str(tree.root / name) not in built:
            yield Breach(name, 1, "is not built",
                         "add it to a target of CMakeLists.txt, or delete it")


def neutral_words(tree):
    """Nothing points to where only its author can look."""
    for name in tree.files:
        for line, text in enumerate(tree.lines(name), 1):
            found = FOREIGN.search(text)
            if found:
                yield Breach(name, line, f'says "{found[0]}"',
                             "say it so that any reader of a clone can follow")


RULES = [floors, core_without_actors, pure_cores, top_level, readmes,
         built_sources, neutral_words]


def main():
    here = pathlib.Path(__file__).resolve()
    parser = argparse.ArgumentParser(
        description="Checks the rules of the house.")
    parser.add_argument("--root", default=here.parents[2])
    parser.add_argument("--build")
    parser.add_argument("rules", nargs="+", metavar="RULE",
                        choices=[x.__name__ for x in RULES])
    options = parser.parse_args()
    tree = Tree(options.root, options.build)
    breaches = [breach for rule in RULES if rule.__name__ in options.rules
                for breach in rule(tree)]
    for breach in breaches:
        print(breach)
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
