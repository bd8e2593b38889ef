#!/usr/bin/env python3
"""A controller whose disk is full keeps what it has and says what is wrong."""

import subprocess
import unittest

from harness import ClusterTest, eventually, is_running, shell


class FullDisk(ClusterTest):
    def setUp(self):
        super().setUp()
        self.disk = self.folder / "controller"
        self.disk.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs",
                        str(self.disk)], check=True, capture_output=True)
        # Runs after the daemons have ended, and before the folder goes.
        self._cleanups.insert(1, (subprocess.run, (
            ["umount", "--lazy", str(self.disk)],), {}))

    def fill(self):
        with open(self.disk / "ballast", "wb", buffering=0) as ballast:
            try:
                while True:
                    ballast.write(b"\0" * 65536)
            except OSError:
                pass
            try:
                while True:
                    ballast.write(b"\0" * 512)
            except OSError:
                pass

    def test_nothing_accepted_is_lost_and_work_goes_on_when_there_is_room(self):
        controller = self.controller()
        self.node(controller)
        pids, end = self.folder / "pids", self.folder / "end"
        self.submit(shell(f"echo $$ >> {pids}; until [ -e {end} ]; do "
                          "sleep 0.1; done", name="early"))
        pid = self.pid_of(pids)
        self.wait_for_task("early.0", "running")
        self.fill()
        accepted = []
        refused = 0
        for i in range(20):
            status = self.try_submit(f"late-{i}")
            if status == 201:
                accepted.append(f"late-{i}")
            else:
                refused += 1
                self.assertIn(status, (0, 503, 507))
                break
        self.assertGreater(refused, 0, "a full disk took everything")
        # Who asks is told why, and sees what there is.
        eventually(lambda: self.try_submit("told") == 507, "507 is said")
        status, problem = self.call("POST", "/v1/jobs",
                                    {"name": "told", "command": ["true"]})
        self.assertEqual(status, 507)
        self.assertIn("full", problem["detail"])
        self.assertEqual(self.task("early.0")["state"], "running")
        eventually(lambda: "journal" in controller.log_text()
                   and "full" in controller.log_text(), "the log says why")
        # What runs is not disturbed.
        self.assertTrue(is_running(pid))
        (self.disk / "ballast").unlink()
        end.touch()
        self.wait_for_job("early", "succeeded")
        for name in accepted:
            self.wait_for_job(name, "succeeded")
        self.submit(shell("true", name="after"))
        self.wait_for_job("after", "succeeded")
        controller.kill()
        self.start_again(controller)
        self.assertEqual(self.job("early")["state"], "succeeded")
        self.assertEqual(self.job("after")["state"], "succeeded")

    def try_submit(self, name):
        """The status, 0 if there is no answer in time."""
        done = subprocess.run(
            ["curl", "-s", "-m", "3", "-o", "/dev/null", "-w", "%{http_code}",
             "-H", "Content-Type: application/json", "-d",
             '{"command": ["true"], "name": "%s"}' % name,
             self.address + "/v1/jobs"], capture_output=True, text=True)
        return int(done.stdout or 0)


if __name__ == "__main__":
    unittest.main()
