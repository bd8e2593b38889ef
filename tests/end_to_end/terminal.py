"""A terminal of a test's own: what runs in it, what it shows, keys for it."""

import itertools
import os
import shutil
import subprocess

from harness import binary, eventually

COUNT = itertools.count()
HAS_TMUX = shutil.which("tmux") is not None


class Terminal:
    """80 columns and 24 lines, unless told otherwise. When the program has ended,
    the terminal says with which code, and shows what is typed."""

    def __init__(self, folder, arguments, width=80, height=24, **environment):
        # A server that is on its way out must not be found by the next one.
        self.socket = str(folder / f"terminal-{next(COUNT)}")
        variables = [f"{k}={v}" for k, v in environment.items()]
        self._tmux("-f", "/dev/null", "new-session", "-d", "-s", "test",
                   "-x", str(width), "-y", str(height),
                   "env", "TERM=screen-256color", *variables,
                   "sh", "-c", '"$@"; echo "ended with $?"; exec cat', "sh",
                   binary(), *arguments)

    def _tmux(self, *arguments):
        done = subprocess.run(
            ["tmux", "-S", self.socket, *arguments],
            env={**os.environ, "LC_ALL": "C.UTF-8"},
            stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
        return done.stdout.decode("utf-8", "replace")

    def press(self, *keys):
        """Keys as tmux names them, such as `Enter`; others are letters."""
        self._tmux("send-keys", "-t", "test", *keys)

    def resize(self, width, height):
        self._tmux("resize-window", "-t", "test", "-x", str(width),
                   "-y", str(height))

    def screen(self, with_colours=False):
        return self._tmux("capture-pane", "-p", "-t", "test",
                          *(["-e"] if with_colours else []))

    def lines(self):
        return self.screen().split("\n")

    def shows(self, *texts, within=None):
        """Waits until all of `texts` are on the screen; what it shows then."""
        def seen():
            screen = self.screen()
            return screen if all(x in screen for x in texts) else None
        try:
            return eventually(seen, f"the screen shows {texts}", within)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.screen()}") from None

    def shows_no_more(self, text):
        try:
            eventually(lambda: text not in self.screen(),
                       f"the screen shows {text} no more")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.screen()}") from None

    def close(self):
        self._tmux("kill-server")
