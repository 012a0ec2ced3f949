"""The page of a point cloud: what is in the file, and what it does in a browser that opens it from disk."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from csc_pretrain3d.data.frame import Scan
from csc_pretrain3d.inference.shown import Shown
from csc_pretrain3d.inference.viewer import write_viewer

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
NAMES = ("none", "ground", "</script><b>post")
POST, GROUND = 200, 400
"""Numbers of a point half-way up the post, and of the first one of the ground."""
COLOURS = np.array([[90, 90, 90], [0, 160, 80], [220, 40, 160]], np.uint8)


def scene() -> tuple[Scan, Shown]:
    """A post in front of the sensor, then the patch of ground around it, which is also seen behind the post."""
    x, y = (axis.ravel() for axis in np.meshgrid(np.linspace(2, 12, 120), np.linspace(-5, 5, 120)))
    ground = np.stack([x, y, np.full_like(x, -1.7)], axis=1)
    turn, height = np.linspace(0, 60, 400), np.linspace(-1.7, 1.5, 400)
    post = np.stack([6 + 0.3 * np.cos(turn), 0.3 * np.sin(turn), height], axis=1)
    points = np.concatenate([post, ground]).astype(np.float32)
    labels = np.repeat([2, 1], [len(post), len(ground)])
    features = np.where(labels[:, None] == 1, [250, 250, 0], [0, 0, 250]).astype(np.uint8)
    confidence = np.linspace(0.5, 1, len(points)).astype(np.float32)
    scan = Scan(points, np.linspace(0, 255, len(points)).astype(np.float32), name="a <scan>")
    return scan, Shown(labels, NAMES, COLOURS, confidence, labels + 6, features, "only to try")


def cloud_of(page: Path) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="cloud">(.*?)</script>', page.read_text(), flags=re.S)
    assert found
    cloud: dict[str, Any] = json.loads(found[1])
    return cloud


def test_the_page_holds_all_and_asks_for_nothing(tmp_path: Path) -> None:
    scan, shown = scene()
    write_viewer(tmp_path / "page.html", scan, shown)
    text, cloud = (tmp_path / "page.html").read_text(), cloud_of(tmp_path / "page.html")
    assert not re.search(r"https?:|src=|href=|import\(|fetch\(|@import|url\(", text)
    assert "{{" not in text
    assert "<title>a &lt;scan&gt;</title>" in text
    points = np.frombuffer(b64decode(cloud["points"]), "<f4").reshape(-1, 3)
    np.testing.assert_array_equal(points, scan.points)
    np.testing.assert_array_equal(np.frombuffer(b64decode(cloud["labels"]), "<u2"), shown.labels)
    assert [known["name"] for known in cloud["classes"]] == list(NAMES)
    assert cloud["count"] == f"{len(scan):,} points"
    assert "numbered" not in cloud


def test_a_large_scan_is_thinned_and_the_page_says_so(tmp_path: Path) -> None:
    scan, shown = scene()
    for name in ("one", "two"):
        write_viewer(tmp_path / f"{name}.html", scan, shown, most=500)
    assert (tmp_path / "one.html").read_bytes() == (tmp_path / "two.html").read_bytes()
    cloud = cloud_of(tmp_path / "one.html")
    assert cloud["count"] == f"500 of {len(scan):,} points, drawn at random"
    kept = np.frombuffer(b64decode(cloud["numbered"]), "<u4")
    points = np.frombuffer(b64decode(cloud["points"]), "<f4").reshape(-1, 3)
    np.testing.assert_array_equal(points, scan.points[kept])
    assert len(set(kept.tolist())) == 500


class Browser:
    """A browser without a window, which is told what to do through a pair of pipes."""

    def __init__(self, program: str, profile: Path) -> None:
        (reads, self._tell), (self._hear, writes) = os.pipe(), os.pipe()
        options = "--headless --no-sandbox --disable-gpu --remote-debugging-pipe --window-size=1200,800"
        command = f'exec "$0" {options} --user-data-dir="$1" 3<&{reads} 4>&{writes}'
        self._process = subprocess.Popen(
            ["bash", "-c", command, program, str(profile)],
            pass_fds=(reads, writes),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(reads)
        os.close(writes)
        self._sent, self._heard, self._session = 0, b"", ""

    def call(self, method: str, **given: Any) -> dict[str, Any]:
        """Send a command of the DevTools protocol and return what it answers."""
        self._sent += 1
        message = {"id": self._sent, "method": method, "params": given}
        message |= {"sessionId": self._session} if self._session else {}
        os.write(self._tell, json.dumps(message).encode() + b"\0")
        while True:
            whole, end, rest = self._heard.partition(b"\0")
            if not end:
                more = os.read(self._hear, 1 << 20)
                assert more, "the browser has ended"
                self._heard += more
                continue
            self._heard, answer = rest, json.loads(whole)
            if answer.get("id") == self._sent:
                assert "error" not in answer, answer
                result: dict[str, Any] = answer["result"]
                return result

    def open(self, page: Path) -> None:
        target = self.call("Target.createTarget", url=page.as_uri())["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.rest()

    def ask(self, expression: str) -> Any:
        """Return the value of an expression on the page."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def rest(self) -> None:
        """Wait until the page has drawn all that it was asked to."""
        for _ in range(200):
            time.sleep(0.05)
            if self.ask("window.pointCloud && document.body.dataset.drawn") == "fine":
                return
        raise AssertionError("the page did not draw")

    def mouse(self, kind: str, x: float, y: float, **more: Any) -> None:
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def click(self, x: float, y: float) -> None:
        for kind in ("mousePressed", "mouseReleased"):
            self.mouse(kind, x, y, button="left", clickCount=1)

    def press(self, selector: str) -> None:
        """Click on the middle of an element of the panel, and wait for what it changes."""
        box = self.ask(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)}); e.scrollIntoView();"
            " const b = e.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]; })()"
        )
        self.ask("delete document.body.dataset.drawn")
        self.click(*box)
        self.rest()

    def pixel(self, x: float, y: float) -> list[int]:
        """Return the colour of a place on the canvas."""
        return self.ask(
            "[...document.getElementById('view').getContext('2d')"
            f".getImageData({round(x)}, {round(y)}, 1, 1).data.slice(0, 3)]"
        )

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._tell)
        os.close(self._hear)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("viewer") / "page.html"
    write_viewer(path, *scene())
    return path


@pytest.fixture
def browser(page: Path, tmp_path: Path) -> Iterator[Browser]:
    if BROWSER is None:
        pytest.skip("no Chromium or Chrome is installed here")
    started = Browser(BROWSER, tmp_path / "profile")
    try:
        started.open(page)
        yield started
    finally:
        started.close()


def spot(browser: Browser, index: int) -> tuple[float, float]:
    found = browser.ask(f"pointCloud.project({index})")
    return found["x"], found["y"]


def test_a_click_tells_of_the_point(browser: Browser) -> None:
    scan, shown = scene()
    assert shown.confidence is not None
    browser.click(*spot(browser, POST))
    picked = browser.ask("pointCloud.picked()")
    assert np.linalg.norm(scan.points[picked] - scan.points[POST]) < 0.7, "in front of it, on the near side"
    told = browser.ask("document.getElementById('picked').innerText").split("\n")
    said = dict(zip(told[::2], told[1::2], strict=True))
    assert said["class"] == NAMES[2]
    assert [float(said[axis].removesuffix(" m")) for axis in "xyz"] == pytest.approx(scan.points[picked], abs=6e-4)
    assert float(said["intensity"]) == pytest.approx(scan.intensity[picked], rel=1e-3)
    assert float(said["probability"]) == pytest.approx(shown.confidence[picked], rel=1e-3)
    assert int(said["instance"]) == 8
    assert int(said["number"]) == picked
    browser.click(5, 5)
    assert browser.ask("document.getElementById('picked').innerText") == "No point there."
    assert browser.ask("pointCloud.picked()") == -1


def test_the_legend_hides_classes(browser: Browser) -> None:
    drawn, at = browser.ask("pointCloud.drawn()"), spot(browser, POST)
    assert browser.pixel(*at) == pytest.approx(COLOURS[2], abs=6), "a little shaded"
    legend = browser.ask("document.getElementById('legend').innerText").split()
    assert legend == ["ground", "97.3", "%", "</script><b>post", "2.7", "%"]
    browser.press("#legend label:nth-child(2)")
    assert 0 < browser.ask("pointCloud.drawn()") < drawn
    seen = browser.pixel(*at)
    assert seen[1] > max(seen[0], seen[2]) + 20, "the ground behind the post"
    browser.press("#none")
    assert browser.ask("pointCloud.drawn()") == 0
    browser.press("#all")
    assert browser.ask("pointCloud.drawn()") == drawn


def test_colours(browser: Browser) -> None:
    at = spot(browser, POST)
    seen = [browser.pixel(*at)]
    for mode, bar in (("features", False), ("intensity", True), ("height", True), ("class", False)):
        browser.press(f"#modes [value={mode}]")
        seen.append(browser.pixel(*at))
        assert browser.ask("!document.getElementById('bar').hidden") == bar
    assert seen[0] == seen[4] == pytest.approx(COLOURS[2], abs=6)
    assert seen[1] == pytest.approx([0, 0, 250], abs=6)
    assert len({tuple(colour) for colour in seen}) == 4


def test_orbit_zoom_and_views(browser: Browser) -> None:
    scan, _ = scene()

    def state() -> dict[str, Any]:
        found: dict[str, Any] = browser.ask("structuredClone(pointCloud.view)")
        return found

    start = state()
    browser.mouse("mousePressed", 300, 300, button="left", clickCount=1)
    browser.mouse("mouseMoved", 360, 340, button="left", buttons=1)
    browser.mouse("mouseReleased", 360, 340, button="left", clickCount=1)
    turned = state()
    assert turned["turn"] < start["turn"]
    assert turned["rise"] > start["rise"]
    assert browser.ask("pointCloud.picked()") == -1, "a drag is no click"
    browser.mouse("mouseWheel", 300, 300, deltaX=0, deltaY=-300)
    assert state()["distance"] == pytest.approx(start["distance"] * np.exp(-0.36))
    browser.press("#above")
    # from above, what lies ahead is higher up and what lies to the left is further left
    (x, y), (ahead_x, ahead_y) = spot(browser, GROUND), spot(browser, GROUND + 119)
    left_x, left_y = spot(browser, GROUND + 119 * 120)
    assert scan.points[GROUND + 119][0] > scan.points[GROUND][0]
    assert scan.points[GROUND + 119 * 120][1] > scan.points[GROUND][1]
    assert ahead_y < y - 20
    assert ahead_x == pytest.approx(x, abs=5)
    assert left_x < x - 20
    assert left_y == pytest.approx(y, abs=5)
    browser.press("#behind")
    assert state() == start
