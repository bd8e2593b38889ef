#!/usr/bin/env python3
"""The terminal console, on a terminal and a cluster of three nodes."""

import unittest

from harness import ClusterTest, eventually, shell
from terminal import HAS_TMUX, Terminal


def service(name, **more):
    return shell("while :; do sleep 0.2; done", name=name, kind="service",
                 **more)


@unittest.skipUnless(HAS_TMUX, "there is no tmux here")
class Console(ClusterTest):
    def setUp(self):
        super().setUp()
        self.daemon = self.up(3)

    def open(self, **more):
        terminal = Terminal(self.folder, ["console"],
                            TROUPE_ADDRESS=self.address, **more)
        self.addCleanup(terminal.close)
        terminal.shows("3 ready", "live", "n1", "n3")
        return terminal

    def test_a_job_is_seen_to_run_and_stopped_after_a_yes(self):
        terminal = self.open()
        terminal.press("2")
        terminal.shows("There are no jobs.")
        self.submit(service("web", count=3))
        terminal.shows("web", "3/3 running")
        terminal.press("s")
        terminal.shows("Stop job web?")
        terminal.press("n")
        terminal.shows("nothing was changed")
        self.assertEqual(self.job("web")["state"], "running")
        terminal.press("s")
        terminal.shows("Stop job web?")
        terminal.press("y")
        terminal.shows("job web: stopping")
        terminal.shows("stopped", "3 stopped")
        self.wait_for_job("web", "stopped")

    def test_a_node_is_cordoned_and_the_task_says_why_it_waits(self):
        terminal = self.open()
        terminal.press("c")
        terminal.shows("Place nothing more on n1?")
        terminal.press("y")
        terminal.shows("cordoned")
        self.assertEqual(self.get("/v1/nodes/n1")["eligibility"], "cordoned")
        self.submit(service("picky", requires={"disk": "ssd"}))
        terminal.press("4")
        terminal.shows("picky", "noMatchingLabels")
        terminal.press("w")
        terminal.shows("why picky", "noMatchingLabels", "disk=ssd")
        terminal.press("Escape")
        terminal.press("1", "u", "y")
        terminal.shows("takes work again")
        self.assertEqual(self.get("/v1/nodes/n1")["eligibility"], "eligible")

    def test_logs_are_followed_and_colours_of_others_do_no_harm(self):
        end = self.folder / "end"
        self.submit(shell(
            "printf 'one \\033[2Jtwo\\n'; "
            f"until [ -e {end} ]; do sleep 0.1; done; echo last words",
            name="talk"))
        self.wait_for_task("talk.0", "running")
        terminal = self.open()
        terminal.press("3")
        terminal.shows("talk.0", "running")
        terminal.press("l")
        terminal.shows("logs of task talk.0", "one \\x1b[2Jtwo", "following")
        end.touch()
        terminal.shows("last words", "The end.")
        terminal.press("q")
        terminal.shows("talk.0", "succeeded")
        terminal.press("Enter")
        terminal.shows("ATTEMPT", "succeeded")

    def test_a_job_is_scaled_filtered_and_its_events_are_shown(self):
        self.submit(service("web"))
        self.submit(service("other"))
        self.wait_for_job("web", "running")
        terminal = self.open()
        terminal.press("2", "/")
        terminal.press("w", "e", "b", "Enter")
        terminal.shows_no_more("other")
        terminal.press("n", "4", "Enter")
        terminal.shows("job web: scaled to 4", "4/4 running")
        terminal.press("5")
        terminal.shows("jobScaled", "to 4", "taskStarted", "web.3")

    def test_it_fits_every_window(self):
        terminal = self.open()
        terminal.resize(120, 40)
        eventually(lambda: len(terminal.lines()[39].strip()) > 0,
                   "the last of 40 lines is used")
        terminal.resize(30, 6)
        terminal.shows("At least 40 by 8.")
        terminal.resize(80, 24)
        terminal.shows("n1", "n2", "n3", "? keys")

    def test_a_lost_controller_is_told_and_found_again(self):
        self.submit(shell("sleep 1000", name="web", kind="service"))
        self.wait_for_job("web", "running")
        terminal = self.open()
        terminal.press("2")
        terminal.shows("web")
        self.daemon.kill()
        terminal.shows("LOST", "cannot reach the controller", "web")
        self.daemon = self.start_again(self.daemon)
        terminal.shows("live", "web")
        self.submit(service("later"))
        terminal.shows("later", "1/1 running")
        terminal.press("5")
        terminal.shows("later")

    def test_it_leaves_the_terminal_as_it_was(self):
        terminal = self.open()
        terminal.press("q")
        screen = terminal.shows("ended with 0")
        self.assertNotIn("Nodes", screen)
        terminal.press("e", "c", "h", "o", "e", "d")
        terminal.shows("echoed")

    def test_there_is_no_colour_where_none_is_wanted(self):
        coloured = self.open()
        self.assertIn("\x1b[32m", coloured.screen(with_colours=True))
        coloured.close()
        plain = self.open(NO_COLOR=1)
        self.assertNotIn("\x1b[32m", plain.screen(with_colours=True))

    def test_without_a_terminal_it_says_what_to_use_instead(self):
        self.assertIn("needs a terminal", self.troupe("console", code=2)[1])


if __name__ == "__main__":
    unittest.main()
