"""``visioncore app`` in a real browser: every method by an upload, broken uploads, two users, a page that is left."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.resources import as_file, files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from visioncore.methods import Method, find_methods
from visioncore.web.fields import fields_of, panel_of, sample_of

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
BROWSER = next(filter(None, map(shutil.which, BROWSERS)), "")
WITHOUT = [name for name, there in ((f"a browser ({BROWSERS[0]})", BROWSER),) if not there]
WITHOUT += [name for name in ("gradio", "playwright") if find_spec(name) is None]

pytestmark = pytest.mark.skipif(bool(WITHOUT), reason=f"not on this machine: {', '.join(WITHOUT)}")

METHODS = find_methods()[0]
LARGEST = 1
"""Megabytes of an upload."""
PATIENCE = 240_000
"""Milliseconds: a run loads torch, and the machine may be busy."""
LARGE = b"\x89PNG" + bytes(3 * 2**20)
HOSTILE = "..%2f$(touch pwned) -rf `id` <img src=x onerror=alert(1)>.png"


class App:
    """The program, as a user starts it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-m", "visioncore.main", "app", "--port", "0", "--megabytes", str(LARGEST)],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"TMPDIR": str(folder)},
        )
        assert self.process.stdout is not None
        found = re.search(r"http://\S+/", self.process.stdout.readline())
        assert found is not None, "no address was told"
        self.address = found[0]

    def kept(self) -> list[str]:
        """Return the names of the files that users left."""
        # libraries keep files of their own beside
        return [path.name for path in self.folder.glob("visioncore-app-*/**/*") if path.is_file()]

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(60)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    started = App(tmp_path_factory.mktemp("app"))
    yield started
    started.end()
    assert started.kept() == [], "files of users outlive the program"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox", "--disable-gpu"])
        yield opened
        opened.close()


class Page:
    """A page of a method in a browser window of its own; whatever it asks of elsewhere, or breaks in it, is a fault."""

    def __init__(self, browser: Any, app: App, name: str) -> None:
        self.context = browser.new_context(viewport={"width": 390, "height": 844})
        self.page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE)
        self.faults: list[str] = []
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("dialog", lambda dialog: self.faults.append(f"a script ran: {dialog.message}"))
        self.page.on("request", self._asked)
        self.address = app.address
        self.page.goto(f"{app.address}{name}")
        self.run_button.wait_for()

    def _asked(self, request: Any) -> None:
        if not request.url.startswith((self.address, "data:", "blob:")):
            self.faults.append(f"asked of elsewhere: {request.url}")

    @property
    def run_button(self) -> Any:
        return self.page.get_by_role("button", name="Run", exact=True)

    def upload(self, what: Path | dict[str, Any], nth: int = 0) -> None:
        """Choose a file and wait until it is there."""
        inputs = self.page.locator("input[type=file]")
        before = self.page.locator(".file-preview").count()
        inputs.nth(nth).set_input_files(what)
        self.page.wait_for_function(f"document.querySelectorAll('.file-preview').length > {before}")

    def run(self) -> str:
        """Press Run, wait for what comes of it, and return what is told."""
        self.run_button.click()
        self.page.wait_for_selector(".state.done, .state.wrong")
        return str(self.page.locator(".state").last.inner_text())

    def names(self) -> list[str]:
        return [str(name) for name in self.page.locator("ul.files a").all_inner_texts()]

    def close(self) -> None:
        self.context.close()
        assert self.faults == []


@pytest.fixture
def page(browser: Any, app: App) -> Iterator[Callable[[str], Page]]:
    opened: list[Page] = []

    def open_page(name: str) -> Page:
        opened.append(Page(browser, app, name))
        return opened[-1]

    yield open_page
    for each in opened:
        each.close()


@contextmanager
def sample(method: Method, place: str) -> Iterator[Path]:
    with as_file(files(method.module) / place) as path:
        yield path


def png(side: int = 32) -> bytes:
    import io

    import numpy as np
    from PIL import Image

    image = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (side, side, 3), dtype=np.uint8)).save(image, "PNG")
    return image.getvalue()


def test_the_front_page_leads_to_every_method(browser: Any, app: App) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.goto(app.address)
    page.wait_for_selector("a.card", timeout=PATIENCE)
    links = [card.get_attribute("href") for card in page.locator("a.card").all()]
    assert links == [method.name for method in METHODS]
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.close()


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_a_file_of_ones_own(method: Method, page: Callable[[str], Page]) -> None:
    """A file is uploaded, options are set, Run is pressed: the result is shown and can be downloaded."""
    opened = page(method.name)
    with sample(method, sample_of(method)) as path:
        opened.upload(path)
    for field in fields_of(method):
        example, label = field.option.example, field.label[:1].upper() + field.label[1:]
        if example is None:
            continue
        if field.kind == "file":
            with sample(method, example) as path:
                # the input that is filled already is no longer there
                opened.upload(path)
        elif field.kind == "text":
            opened.page.get_by_label(label).fill(example)
        elif field.kind == "number":
            number = opened.page.get_by_label(f"number input for {label}")
            if not number.is_visible():
                opened.page.get_by_role("button", name="More options").click()
            # a few steps show as much as many
            number.fill(str(min(example, 5)))
            number.press("Enter")
    assert opened.run().startswith("Done in")
    told = opened.page.locator(".command textarea").input_value()
    assert told.startswith(f"{method.name} predict {Path(sample_of(method)).name} --weights demo --out result")
    for field in fields_of(method):
        if field.kind in ("number", "text", "file") and field.option.example is not None:
            assert f"--{field.option.name.replace('_', '-')} " in told
    shown = ".result img, .result video, .result iframe, .slider-wrap img, [data-testid=imageslider] img"
    opened.page.wait_for_selector(shown)
    assert opened.page.locator("text=Before and after").is_visible() == panel_of(method).compares
    for image in opened.page.locator(".result img").all():
        assert image.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    for frame in opened.page.frames[1:]:
        assert frame.evaluate("document.body.clientWidth") > 250
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= 390
    with opened.page.expect_download() as download:
        opened.page.locator("ul.files a").first.click()
    assert download.value.path().stat().st_size > 0


def test_the_example_is_one_click(page: Callable[[str], Page]) -> None:
    opened = page("clip-denoising")
    opened.page.get_by_role("button", name="Try the example").click()
    opened.page.wait_for_selector(".state.done, .state.wrong")
    assert opened.names() == ["coffee_gaussian-50.png"]


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("notes.txt", b"text", "not a file of a kind that is taken here"),
        ("photo.png", b"this is no image", "photo.png"),
        ("", b"", "no file chosen"),
    ],
)
def test_broken_uploads(name: str, content: bytes, told: str, page: Callable[[str], Page]) -> None:
    opened = page("nerdrain-derain")
    if name:
        opened.upload({"name": name, "mimeType": "image/png", "buffer": content})
    assert told in opened.run()
    assert opened.names() == []
    assert opened.page.locator("[role=alert]").is_visible()


def test_a_hostile_name(page: Callable[[str], Page], app: App) -> None:
    opened = page("nerdrain-derain")
    opened.upload({"name": HOSTILE, "mimeType": "image/png", "buffer": png()})
    assert opened.run().startswith("Done in")
    (name,) = opened.names()
    assert re.fullmatch(r"[\w.-]+\.png", name)
    assert "pwned" not in app.kept()


def test_too_large(page: Callable[[str], Page], app: App) -> None:
    opened = page("nerdrain-derain")
    opened.page.locator("input[type=file]").first.set_input_files(
        {"name": "large.png", "mimeType": "image/png", "buffer": LARGE}
    )
    opened.page.wait_for_selector("text=/size|large|exceed/i")
    assert "large.png" not in app.kept()


def test_two_users_at_once(page: Callable[[str], Page]) -> None:
    both = [page("nerdrain-derain"), page("nerdrain-derain")]
    for number, opened in enumerate(both):
        opened.upload({"name": f"user{number}.png", "mimeType": "image/png", "buffer": png(32 + number)})
    for opened in both:
        opened.run_button.click()
    for number, opened in enumerate(both):
        opened.page.wait_for_selector(".state.done, .state.wrong")
        assert opened.names() == [f"user{number}.png"]


def test_a_page_that_is_left_takes_its_files_along(page: Callable[[str], Page], app: App) -> None:
    opened = page("nerdrain-derain")
    opened.upload({"name": "left.png", "mimeType": "image/png", "buffer": png(48)})
    opened.run_button.click()
    opened.page.wait_for_selector(".state.working:has-text('so far')")
    assert "left.png" in app.kept()
    opened.close()
    until = time.monotonic() + 60
    while "left.png" in app.kept() and time.monotonic() < until:
        time.sleep(0.2)
    assert "left.png" not in app.kept()


def test_nothing_is_fetched_from_elsewhere(app: App) -> None:
    import urllib.error
    import urllib.request

    for place in ("gradio_api/file=http://example.com/a.png", "gradio_api/proxy=http://example.com/a.png"):
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(app.address + place)
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(f"{app.address}gradio_api/file={Path(__file__).as_posix()}")
