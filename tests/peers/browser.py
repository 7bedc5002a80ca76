"""Loads a page in Chromium, without a window, and prints as JSON how it is laid out there.

browser.py PAGE WIDTH light|dark: all that can be opened on the page is opened first. What the page fetched, and what the
browser complained about, is printed too. It speaks the DevTools protocol over a pair of pipes.
"""

import fcntl
import json
import os
import subprocess
import sys

MEASURE = """(() => {
    document.querySelectorAll('details').forEach(it => { it.open = true });
    const width = document.documentElement.clientWidth;
    const sticks = it => it.getBoundingClientRect().right > width + 0.5 || it.scrollWidth > it.clientWidth + 1;
    const blocks = 'p, li, dd, dt, summary, h1, h2, pre, svg';
    const style = getComputedStyle(document.body);
    const picture = (document.querySelector('svg, table') || document.body).getBoundingClientRect();
    return {
        client: width,
        scroll: document.documentElement.scrollWidth,
        wide: [...document.querySelectorAll(blocks)].filter(sticks).map(it => it.outerHTML.slice(0, 200)),
        background: style.backgroundColor,
        color: style.color,
        size: parseFloat(style.fontSize),
        picture: [picture.width, picture.height],
        fills: [...document.querySelectorAll('svg rect')].map(it => [getComputedStyle(it).fill, it.getBoundingClientRect().width]),
        text: document.body.innerText,
    };
})()"""


class Browser:
    def __init__(self):
        read, self.to = os.pipe()
        self.answers, write = os.pipe()
        ends = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (read, write)]

        def give():
            os.dup2(ends[0], 3)
            os.dup2(ends[1], 4)

        command = ["chromium-headless-shell", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe"]
        self.process = subprocess.Popen(
            command, preexec_fn=give, pass_fds=(3, 4), stdin=subprocess.DEVNULL, stdout=sys.stderr
        )
        for end in (read, write, *ends):
            os.close(end)
        self.buffer, self.last, self.events = b"", 0, []

    def receive(self):
        while b"\0" not in self.buffer:
            more = os.read(self.answers, 1 << 16)
            if not more:
                raise SystemExit("the browser ended")
            self.buffer += more
        message, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(message)

    def ask(self, method, session=None, **parameters):
        self.last += 1
        message = {"id": self.last, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        os.write(self.to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.receive()
            if answer.get("id") == self.last:
                if "error" in answer:
                    raise SystemExit(f"{method}: {answer['error']}")
                return answer["result"]
            self.events.append(answer)

    def wait(self, method):
        while not any(event.get("method") == method for event in self.events):
            self.events.append(self.receive())


def main(page, width, scheme):
    browser = Browser()
    target = browser.ask("Target.createTarget", url="about:blank")["targetId"]
    session = browser.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
    for domain in ("Page", "Network", "Log"):
        browser.ask(f"{domain}.enable", session)
    browser.ask(
        "Emulation.setDeviceMetricsOverride", session, width=int(width), height=740, deviceScaleFactor=2, mobile=True
    )
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.ask("Emulation.setEmulatedMedia", session, features=features)
    browser.ask("Page.navigate", session, url=f"file://{os.path.abspath(page)}")
    browser.wait("Page.loadEventFired")
    result = browser.ask("Runtime.evaluate", session, expression=MEASURE, returnByValue=True)["result"]
    named = lambda method: [event["params"] for event in browser.events if event.get("method") == method]
    measured = result.get("value") or {"error": result}
    measured["fetched"] = [it["request"]["url"] for it in named("Network.requestWillBeSent")]
    measured["log"] = [it["entry"]["text"] for it in named("Log.entryAdded")]
    print(json.dumps(measured))
    browser.process.kill()
    browser.process.wait()


main(*sys.argv[1:])
