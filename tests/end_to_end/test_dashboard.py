#!/usr/bin/env python3
"""The dashboard in a real Chromium: what is done in the page happens, and what
happens is seen in the page, at once and without asking again."""

import json
import time
import unittest
import urllib.request
from datetime import datetime

import browser
from harness import ClusterTest, eventually, shell

CHROMIUM = browser.find()

# When the text of a row first holds a word, by the page's clock.
WATCH_ROW = """((row, word) => {
  const look = () => {
    const found = [...document.querySelectorAll("tbody tr")]
      .find((x) => x.innerText.includes(row));
    if (found?.innerText.includes(word)) {
      window.seenAt ??= Date.now();
      watch.disconnect();
    }
  };
  window.seenAt = undefined;
  const watch = new MutationObserver(look);
  watch.observe(document.body,
    { childList: true, subtree: true, characterData: true });
  look();
  return true;
})"""


class Served(ClusterTest):
    """What is served, without a browser."""

    def test_the_page_is_self_contained_and_locked_down(self):
        daemon = self.up(1)
        with urllib.request.urlopen(f"http://{daemon.http}/") as answer:
            page, headers = answer.read().decode(), answer.headers
        self.assertEqual(headers.get_content_type(), "text/html")
        policy = headers["Content-Security-Policy"]
        for rule in ("default-src 'none'", "script-src 'self'",
                     "connect-src 'self'", "frame-ancestors 'none'"):
            self.assertIn(rule, policy)
        self.assertNotIn("unsafe", policy)
        self.assertEqual(headers["X-Content-Type-Options"], "nosniff")
        self.assertNotRegex(page.replace("http://www.w3.org/2000/svg", ""),
                            r"(src|href)=\"?(https?:)?//")
        for part in ("script", "stylesheet"):
            self.assertIn(part, page)
        # What the browser has is not sent again.
        request = urllib.request.Request(
            f"http://{daemon.http}/",
            headers={"If-None-Match": headers["ETag"]})
        with self.assertRaises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request)
        self.assertEqual(refused.exception.code, 304)
        refused.exception.close()

    def test_the_socket_tells_what_changes_and_refuses_strangers(self):
        daemon = self.up(1)
        host, port = daemon.http.split(":")
        stranger = browser.WebSocket(host, int(port), "/v1/live",
                                     ["Origin: http://evil.example"])
        self.assertEqual(stranger.status, 403)
        stranger.close()
        live = browser.WebSocket(host, int(port), "/v1/live")
        self.assertEqual(live.status, 101)
        live.send(json.dumps({"follow": 1, "path": "/v1/jobs"}))
        live.send(json.dumps({"follow": 2, "path": "/v1/nonsense"}))

        def hear(number, key):
            while True:
                for x in json.loads(live.receive()):
                    if x.get("follow") == number and key in x:
                        return x[key]

        self.assertEqual(hear(1, "all")["items"], [])
        live.send(json.dumps({"follow": 3, "path": "/v1/events?limit=5"}))
        self.assertTrue(hear(3, "events"))
        self.submit(shell("true", name="one"))
        self.assertEqual(hear(1, "items")[0]["name"], "one")
        live.close()


@unittest.skipUnless(CHROMIUM, "there is no chromium here")
class Dashboard(ClusterTest):
    def setUp(self):
        super().setUp()
        self.browser = browser.Browser()
        self.addCleanup(self.browser.close)
        self.page = None

    def open(self, fragment=""):
        self.page = self.browser.page(f"{self.address}/{fragment}")
        self.page.shows("live", ".connection")
        return self.page

    def tearDown(self):
        """Nothing from elsewhere, nothing that the policy had to stop, no
        error, and one WebSocket."""
        if self.page is None:
            return super().tearDown()
        for x in self.page.events("Network.requestWillBeSent"):
            url = x["request"]["url"]
            self.assertTrue(url.startswith((self.address + "/", "data:")), url)
        for x in self.page.events("Runtime.exceptionThrown"):
            self.fail(json.dumps(x)[:2000])
        for x in self.page.events("Log.entryAdded"):
            self.assertNotIn("Content Security", x["entry"]["text"])
        return super().tearDown()

    def confirm(self, action):
        self.page.click("dialog button[type=submit]", action)
        eventually(lambda: not self.page.run(
            "!!document.querySelector('dialog')"), "the dialog closes")

    # -- doing and seeing -------------------------------------------------------

    def test_a_submitted_job_is_seen_to_run_and_to_end(self):
        self.up(3)
        page = self.open("#/submit")
        page.fill("textarea", json.dumps(
            shell(f"until [ -e {self.folder}/go ]; do sleep 0.1; done",
                  name="watched", count=2)))
        page.click("button[type=submit]", "Submit")
        page.shows("watched, 2 tasks", ".success")
        page.go("#/tasks")
        page.shows("watched.0")
        eventually(lambda: page.text("tbody").count("running") == 2,
                   "both are seen to run")
        page.go("#/overview")
        page.shows("running", ".overview")
        page.go("#/jobs/watched")
        page.shows("running", "h1")
        (self.folder / "go").touch()
        page.shows("succeeded", "h1")
        self.assertEqual(
            len(page.events("Network.webSocketCreated")), 1)

    def test_mistakes_in_a_job_are_named_where_they_are(self):
        self.up(1)
        page = self.open("#/submit")
        page.fill("textarea", '{"comand": ["true"], "cpu": -1, /* no */ }')
        page.click("button", "Check only")
        page.shows("/comand", ".problem")
        page.shows("/cpu", ".problem")
        self.assertEqual(self.items("/v1/jobs"), [])

    def test_a_node_is_cordoned_and_drained_from_the_page(self):
        self.up(2)
        page = self.open("#/nodes")
        name = self.items("/v1/nodes")[0]["name"]
        page.click("button", f"Cordon {name}")
        self.confirm("Cordon")
        page.shows("cordoned", "tbody")
        eventually(lambda: self.get(f"/v1/nodes/{name}")["eligibility"]
                   == "cordoned", "it is cordoned")
        page.click("button", f"Uncordon {name}")
        self.confirm("Uncordon")
        eventually(lambda: self.get(f"/v1/nodes/{name}")["eligibility"]
                   == "eligible", "it is eligible again")
        page.click("button", f"Drain {name}")
        self.confirm("Drain")
        page.shows("drain", "tbody")
        eventually(lambda: self.get(f"/v1/nodes/{name}")["eligibility"]
                   in ("draining", "drained"), "it is drained")

    def test_a_dead_node_is_seen_within_two_seconds(self):
        controller = self.controller("--heartbeat", "500ms",
                                     "--unhealthy-after", "2s")
        nodes = [self.node(controller, f"n{i}") for i in (1, 2)]
        self.wait_for_nodes(2)
        page = self.open("#/nodes")
        page.shows("n2", "tbody")
        page.run(f"{WATCH_ROW}('n2', 'unhealthy')")
        nodes[1].kill()
        seen = eventually(lambda: page.run("window.seenAt"),
                          "the node is seen to be unhealthy")
        fact = self.get("/v1/events?types=nodeUnhealthy&node=n2")["items"][0]
        at = datetime.fromisoformat(fact["time"].replace("Z", "+00:00"))
        self.assertLess(seen / 1000 - at.timestamp(), 2.0)

    def test_a_log_is_followed_filtered_and_paused(self):
        self.up(1)
        self.submit(shell(
            "echo '<b id=bold>ERROR</b> one'; i=0; while :; do i=$((i+1));"
            " echo \"line $i\"; sleep 0.2; done", name="talker",
            kind="service"))
        self.wait_for_task("talker.0", "running")
        page = self.open("#/tasks/talker.0")
        page.shows("ERROR", ".lines")
        page.shows("line 3", ".lines")
        page.fill("input[name=log-filter]", "error")
        eventually(lambda: page.text(".lines").strip()
                   == "<b id=bold>ERROR</b> one", "only that line is left")
        page.fill("input[name=log-filter]", "/line [0-9]$/")
        eventually(lambda: "ERROR" not in page.text(".lines")
                   and "line 4" in page.text(".lines"), "a pattern filters")
        page.fill("input[name=log-filter]", "")
        page.click(".log button", "Pause")
        page.shows("paused", ".log")
        held = page.text(".lines")
        eventually(lambda: "3 new lines" in page.text(".log [role=status]"),
                   "lines come meanwhile")
        self.assertEqual(page.text(".lines"), held)
        page.click(".log button", "Go on")
        eventually(lambda: len(page.text(".lines")) > len(held),
                   "the lines are there")

    def test_what_waits_says_why_and_what_would_help(self):
        self.up(1)
        self.submit(shell("true", name="large", cpu=64))
        page = self.open("#/queue")
        page.shows("large", "tbody")
        page.click("button", "What would help large")
        page.shows("cpu", ".why")
        self.assertIn("open=large", page.run("location.hash"))
        page.go("#/overview")
        page.shows("1", ".pill")

    def test_names_and_texts_of_strangers_stay_texts(self):
        self.up(1)
        evil = "<img src=x onerror=\"window.hacked=1\">"
        self.submit(shell(f"echo '{evil}'; exit 3", name="evil",
                          env={"X": evil}, labels={"x": "y"}))
        self.wait_for_task("evil.0", "failed")
        node = self.items("/v1/nodes")[0]["name"]
        self.call("PATCH", f"/v1/nodes/{node}", {"labels": {"x": evil}})
        page = self.open("#/jobs/evil")
        page.shows("onerror", ".spec")
        for fragment in ("#/tasks/evil.0", "#/nodes", f"#/nodes/{node}",
                         "#/events", "#/map?group=x",
                         "#/jobs/" + evil, "#/tasks?job=" + evil,
                         "#/" + evil):
            page.go(fragment)
            page.run("new Promise((f) => setTimeout(f, 300)).then(() => 1)")
            self.assertEqual(page.run("document.images.length"), 0, fragment)
        self.assertIsNone(page.run("window.hacked"))

    # -- staying -----------------------------------------------------------------

    def test_a_lost_controller_is_said_and_found_again(self):
        daemon = self.controller()
        page = self.open("#/jobs")
        page.shows("No jobs yet")
        daemon.kill()
        page.shows("Disconnected from the controller", ".banner")
        self.start_again(daemon)
        page.shows("live", ".connection")
        eventually(lambda: page.text(".banner") == "", "the banner goes")
        self.submit(shell("true", name="later"))
        page.shows("later", "tbody")

    def test_an_idle_page_asks_for_nothing(self):
        self.up(1)
        page = self.open("#/nodes")
        page.shows("ready", "tbody")
        # The questions of the start are answered.
        before = eventually(lambda: self._settled(page), "the page is calm")
        time.sleep(2.5)
        after = len(page.events("Network.requestWillBeSent"))
        self.assertEqual(after, before)

    def _settled(self, page):
        count = len(page.events("Network.requestWillBeSent"))
        time.sleep(0.5)
        again = len(page.events("Network.requestWillBeSent"))
        return count if count == again else None

    def test_every_view_can_be_linked_reached_by_keys_and_named(self):
        self.up(2)
        self.submit(shell("sleep 1000", name="s", count=3))
        page = self.open()
        for key, view in {"o": "overview", "n": "nodes", "m": "map",
                          "j": "jobs", "t": "tasks", "q": "queue",
                          "g": "gangs", "e": "events", "p": "plan",
                          "s": "submit"}.items():
            page.press("g")
            page.press(key)
            eventually(lambda: page.run("location.hash") == f"#/{view}",
                       f"g {key} leads to {view}")
            eventually(lambda: page.run(
                "!!document.querySelector('h1') && document.querySelector("
                f"'[aria-current=page]').hash === '#/{view}'"),
                f"{view} is there")
            nameless = page.run("""(() => {
              const named = (x) => (x.getAttribute("aria-label")
                || x.innerText || x.closest("label")?.innerText
                || (x.id && document.querySelector(`label[for=${x.id}]`)));
              return [...document.querySelectorAll(
                "button, a, input, select, textarea")]
                .filter((x) => !named(x)).map((x) => x.outerHTML);
            })()""")
            self.assertEqual(nameless, [], view)
        page.press("?")
        page.shows("Keys", "dialog")

    def test_the_map_shows_each_task_and_why_it_is_there(self):
        self.up(3)
        self.submit(shell("sleep 1000", name="placed", count=6))
        eventually(lambda: sum(x["state"] == "running"
                               for x in self.tasks("placed")) == 6,
                   "all run")
        page = self.open("#/map")
        page.shows("6", ".maplegend")
        page.shows("3 nodes, 6 tasks", ".maplegend")
        painted = page.run("""(() => {
          const x = document.querySelector("canvas");
          const data = x.getContext("2d").getImageData(0, 0, x.width,
            x.height).data;
          return new Set(new Uint32Array(data.buffer)).size;
        })()""")
        self.assertGreater(painted, 2)
        page.run("document.querySelector('.map').focus()")
        page.press("ArrowRight")
        page.shows("CPU", ".side-panel")
        page.press(".")
        page.shows("Why it is there", ".side-panel")
        page.shows("chosen", ".side-panel")


if __name__ == "__main__":
    unittest.main()
