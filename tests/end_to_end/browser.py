"""A real Chromium without a window, driven over its debugging protocol.

Only what tests of the dashboard need: open a page, evaluate, press keys, take
pictures. WebSockets by hand, since the standard library has none.
"""

import base64
import json
import os
import pathlib
import shutil
import socket
import struct
import subprocess
import tempfile
import threading
import time

from harness import PATIENCE_S, eventually


def find():
    """The browser's path, nothing if there is none."""
    return next((x for x in map(shutil.which, ("chromium", "chromium-browser",
                                               "google-chrome")) if x), None)


class WebSocket:
    """A client of RFC 6455 that speaks text."""

    def __init__(self, host, port, path, headers=()):
        self._open(socket.create_connection((host, port), PATIENCE_S), host,
                   port, path, headers)

    @classmethod
    def over(cls, connection, *where):
        """On a connection that is there already, as by TLS."""
        result = cls.__new__(cls)
        result._open(connection, *where)
        return result

    def _open(self, connection, host, port, path, headers=()):
        self._socket = connection
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [f"GET {path} HTTP/1.1", f"Host: {host}:{port}",
                 "Upgrade: websocket", "Connection: Upgrade",
                 f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13",
                 *headers, "", ""]
        self._socket.sendall("\r\n".join(lines).encode())
        self._buffer = b""
        head = self._read_until(b"\r\n\r\n").decode()
        self.status = int(head.split()[1])
        self.head = head

    def _read_until(self, mark):
        while mark not in self._buffer:
            self._more()
        found, self._buffer = self._buffer.split(mark, 1)
        return found

    def _more(self):
        piece = self._socket.recv(1 << 16)
        if not piece:
            raise ConnectionError("the other side has closed")
        self._buffer += piece

    def _take(self, size):
        while len(self._buffer) < size:
            self._more()
        found, self._buffer = self._buffer[:size], self._buffer[size:]
        return found

    def _send_frame(self, kind, payload):
        mask = os.urandom(4)
        size = len(payload)
        head = bytes([0x80 | kind])
        if size < 126:
            head += bytes([0x80 | size])
        elif size < 1 << 16:
            head += bytes([0x80 | 126]) + struct.pack(">H", size)
        else:
            head += bytes([0x80 | 127]) + struct.pack(">Q", size)
        long_mask = (mask * (size // 4 + 1))[:size]
        body = (int.from_bytes(payload, "big") ^ int.from_bytes(
            long_mask, "big")).to_bytes(size, "big") if size else b""
        self._socket.sendall(head + mask + body)

    def send(self, text):
        self._send_frame(1, text.encode())

    def receive(self):
        """The next text; nothing when the other side says goodbye."""
        whole = b""
        while True:
            first, second = self._take(2)
            size = second & 0x7F
            if size == 126:
                size = struct.unpack(">H", self._take(2))[0]
            elif size == 127:
                size = struct.unpack(">Q", self._take(8))[0]
            payload = self._take(size)
            kind = first & 0x0F
            if kind == 8:
                return None
            if kind == 9:
                self._send_frame(10, payload)
            elif kind in (0, 1, 2):
                whole += payload
                if first & 0x80:
                    return whole.decode()

    def close(self):
        self._socket.close()


class Browser:
    """One process of Chromium with a profile of its own."""

    def __init__(self, width=1400, height=900, *more):
        self._profile = tempfile.mkdtemp(prefix="troupe-test-browser-")
        self._process = subprocess.Popen(
            [find(), "--headless=new", "--no-sandbox", "--disable-gpu",
             "--disable-dev-shm-usage", "--no-first-run",
             "--disable-background-networking", "--disable-extensions",
             "--remote-debugging-port=0", "--remote-allow-origins=*",
             f"--window-size={width},{height}",
             f"--user-data-dir={self._profile}", *more, "about:blank"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True)
        port_file = pathlib.Path(self._profile) / "DevToolsActivePort"
        lines = eventually(
            lambda: (lambda x: x if len(x) == 2 else None)(
                port_file.read_text().split() if port_file.exists() else []),
            "the browser tells its port")
        self._socket = WebSocket("127.0.0.1", int(lines[0]), lines[1])
        self._answers = {}
        self._events = []
        self._news = threading.Condition()
        self._next = 1
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        try:
            while True:
                text = self._socket.receive()
                if text is None:
                    return
                message = json.loads(text)
                with self._news:
                    if "id" in message:
                        self._answers[message["id"]] = message
                    else:
                        self._events.append(message)
                    self._news.notify_all()
        except (OSError, ConnectionError):
            pass

    def command(self, method, session=None, **parameters):
        with self._news:
            number, self._next = self._next, self._next + 1
        message = {"id": number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        self._socket.send(json.dumps(message))
        with self._news:
            if not self._news.wait_for(lambda: number in self._answers,
                                       PATIENCE_S):
                raise AssertionError(f"the browser does not answer {method}")
            answer = self._answers.pop(number)
        if "error" in answer:
            raise AssertionError(f"{method}: {answer['error']}")
        return answer["result"]

    def events(self, session, method):
        """Parameters of all events of a page so far."""
        with self._news:
            return [x["params"] for x in self._events
                    if x.get("sessionId") == session and x["method"] == method]

    def page(self, url):
        return Page(self, url)

    def close(self):
        self._socket.close()
        self._process.kill()
        self._process.wait()
        shutil.rmtree(self._profile, ignore_errors=True)


class Page:
    """One tab."""

    def __init__(self, browser, url):
        self._browser = browser
        target = browser.command("Target.createTarget", url="about:blank")
        self.target = target["targetId"]
        self.session = browser.command(
            "Target.attachToTarget", targetId=self.target,
            flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.command(f"{domain}.enable")
        self.command("Page.navigate", url=url)

    def command(self, method, **parameters):
        return self._browser.command(method, self.session, **parameters)

    def events(self, method):
        return self._browser.events(self.session, method)

    def run(self, script):
        """The value of an expression; promises are waited for."""
        answer = self.command("Runtime.evaluate", expression=script,
                              returnByValue=True, awaitPromise=True,
                              userGesture=True)
        if "exceptionDetails" in answer:
            raise AssertionError(f"{script}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def text(self, selector="body"):
        return self.run(
            f"document.querySelector({json.dumps(selector)})?.innerText ?? ''")

    def shows(self, text, selector="body", within=None):
        """Waits until `text` stands in the page; how long that took."""
        begin = time.monotonic()
        try:
            eventually(lambda: text in self.text(selector),
                       f"{text!r} stands in {selector}", within)
        except AssertionError as error:
            raise AssertionError(f"{error}; there stands:\n"
                                 f"{self.text(selector)}") from None
        return time.monotonic() - begin

    def click(self, selector, text=None):
        """Clicks on the first element that is there and says `text`."""
        script = f"""(() => {{
          const all = [...document.querySelectorAll({json.dumps(selector)})];
          const found = all.find((x) => {json.dumps(text)} === null
            || (x.getAttribute("aria-label") ?? x.innerText).trim()
               === {json.dumps(text)});
          if (found) found.click();
          return !!found;
        }})()"""
        eventually(lambda: self.run(script), f"{selector} {text} is there")

    def fill(self, selector, value):
        script = f"""(() => {{
          const x = document.querySelector({json.dumps(selector)});
          if (!x) return false;
          x.focus();
          x.value = {json.dumps(value)};
          x.dispatchEvent(new Event("input", {{ bubbles: true }}));
          x.dispatchEvent(new Event("change", {{ bubbles: true }}));
          return true;
        }})()"""
        eventually(lambda: self.run(script), f"{selector} is there")

    def press(self, key, **more):
        for kind in ("keyDown", "keyUp"):
            text = {"text": key} if len(key) == 1 and kind == "keyDown" else {}
            self.command("Input.dispatchKeyEvent", type=kind, key=key,
                         **text, **more)

    def go(self, fragment):
        self.run(f"location.hash = {json.dumps(fragment)}; 1")

    def picture(self, path, width=1400, height=900, dark=False):
        self.command("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme",
             "value": "dark" if dark else "light"}])
        self.command("Emulation.setDeviceMetricsOverride", width=width,
                     height=height, deviceScaleFactor=1, mobile=False)
        self.run("new Promise((f) => requestAnimationFrame(() => "
                 "requestAnimationFrame(f))).then(() => 1)")
        picture = self.command("Page.captureScreenshot", format="png")
        pathlib.Path(path).write_bytes(base64.b64decode(picture["data"]))

    def close(self):
        self._browser.command("Target.closeTarget", targetId=self.target)
