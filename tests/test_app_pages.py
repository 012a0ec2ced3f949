"""``visioncore app`` in a real browser: every method by an upload, broken uploads, two users, a page that is left.

What is no matter of a method is tried on a made-up one, whose runs load no torch. One server and one browser are for
all tests, and each test has pages of its own.
"""

from __future__ import annotations

import os
import pickle
import re
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.resources import as_file, files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from visioncore.methods import Method, find_methods
from visioncore.testing.dicom_files import write_series
from visioncore.testing.made_up_method import NAME as MADE_UP
from visioncore.testing.made_up_method import write_method
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
OWN = "csc-pretrain3d"
"""A method whose bundled weights are below that."""
HOSTILE = "..%2f$(touch pwned) -rf `id` <img src=x onerror=alert(1)>.png"


class App:
    """The program, as a user starts it."""

    def __init__(self, folder: Path, installed: Path) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-m", "visioncore.main", "app", "--port", "0", "--megabytes", str(LARGEST)],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"TMPDIR": str(folder), "PYTHONPATH": str(installed)},
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
    write_method(installed := tmp_path_factory.mktemp("installed"))
    started = App(tmp_path_factory.mktemp("app"), installed)
    yield started
    started.end()
    assert started.kept() == [], "files of users outlive the program"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox", "--disable-gpu"])
        yield opened.new_context(viewport={"width": 390, "height": 844})
        opened.close()


class Page:
    """A page of a method; whatever it asks of elsewhere, or breaks in it, is a fault."""

    def __init__(self, browser: Any, app: App, name: str) -> None:
        self.page = browser.new_page()
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

    def upload(self, *what: Path | dict[str, Any], last: bool = False) -> None:
        """Choose files and wait until they are there."""
        inputs = self.page.locator("input[type=file]")
        before = self.page.locator(".file-preview").count()
        (inputs.last if last else inputs.first).set_input_files(list(what))
        self.page.wait_for_function(f"document.querySelectorAll('.file-preview').length > {before}")

    def run(self) -> str:
        """Press Run, wait for what comes of it, and return what is told."""
        self.run_button.click()
        self.page.wait_for_selector(".state.done, .state.wrong")
        return str(self.page.locator(".state").last.inner_text())

    def names(self) -> list[str]:
        return [str(name) for name in self.page.locator("ul.files a").all_inner_texts()]

    def close(self) -> None:
        self.page.close()
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
    page = browser.new_page()
    page.goto(app.address)
    page.wait_for_selector("a.card", timeout=PATIENCE)
    links = [card.get_attribute("href") for card in page.locator("a.card").all()]
    assert links == sorted([MADE_UP, *(method.name for method in METHODS)])
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
    opened = page(MADE_UP)
    opened.page.get_by_role("button", name="Try the example").click()
    opened.page.wait_for_selector(".state.done, .state.wrong")
    assert opened.names() == ["sample.png"]


def named(name: str, content: bytes) -> dict[str, Any]:
    return {"name": name, "mimeType": "application/octet-stream", "buffer": content}


def test_a_broken_image(page: Callable[[str], Page]) -> None:
    opened = page("nerdrain-derain")
    opened.upload(named("photo.png", b"this is no image"))
    assert "photo.png" in opened.run()
    assert opened.names() == []
    assert opened.page.locator("[role=alert]").is_visible()


def test_what_is_not_taken(page: Callable[[str], Page], app: App) -> None:
    opened = page(MADE_UP)
    assert "no file chosen" in opened.run()
    opened.page.locator("input[type=file]").first.set_input_files(named("large.png", LARGE))
    opened.page.wait_for_selector("text=/size|large|exceed/i")
    assert "large.png" not in app.kept()
    opened.upload(named("notes.txt", b"text"))
    opened.run_button.click()
    opened.page.wait_for_selector("[role=alert]:has-text('not a file of a kind that is taken here')")
    assert opened.names() == []


def own_weights(opened: Page, *files: dict[str, Any]) -> None:
    """Open the part of the page for weights, and send some."""
    opened.page.get_by_role("button", name="Weights of your own").click()
    opened.page.get_by_text("Or send them").wait_for()
    opened.upload(*files, last=True)


def test_weights_of_ones_own(page: Callable[[str], Page], app: App) -> None:
    method = next(each for each in METHODS if each.name == OWN)
    opened = page(OWN)
    with sample(method, sample_of(method)) as path:
        opened.upload(path)
    with sample(method, "assets/demo") as folder:
        names = ("config.json", "model.safetensors")
        own_weights(opened, *(named(name, (folder / name).read_bytes()) for name in names))
    assert opened.run().startswith("Done in")
    assert "--weights weights --out" in opened.page.locator(".command textarea").input_value()
    opened.close()
    wait_until(lambda: "model.safetensors" not in app.kept())


class Hostile:
    """What a pickle of this would do when it is loaded."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> Any:
        return Path.touch, (self.place,)


def test_of_weights_nothing_is_run(page: Callable[[str], Page], tmp_path: Path) -> None:
    opened = page("nerdrain-derain")
    opened.upload(named("a.png", png()))
    own_weights(opened, named("net.pth", pickle.dumps(Hostile(tmp_path / "pwned"))))
    assert "net.pth" in opened.run()
    assert opened.page.locator("[role=alert]").is_visible()
    assert not (tmp_path / "pwned").exists()


def test_dicom_slices_in_a_zip_file_with_hostile_names(page: Callable[[str], Page], tmp_path: Path) -> None:
    # the bundled weights take intensities in [0, 1]
    with zipfile.ZipFile(tmp_path / "study.zip", "w") as archive:
        for number, file in enumerate(sorted(write_series(tmp_path / "series", RescaleSlope=0.003).iterdir())):
            archive.write(file, f"../../../IM {number}")
    opened = page("hsam-medseg")
    opened.upload(tmp_path / "study.zip")
    assert opened.run().startswith("Done in")
    assert "study.nii.gz" in opened.names()


def test_two_users_at_once_one_with_a_hostile_name(page: Callable[[str], Page], app: App) -> None:
    both = {page(MADE_UP): HOSTILE, page(MADE_UP): "user1.png"}
    for number, (opened, name) in enumerate(both.items()):
        opened.upload(named(name, png(32 + number)))
    for opened in both:
        opened.run_button.click()
    names = []
    for opened in both:
        opened.page.wait_for_selector(".state.done")
        names += opened.names()
    assert re.fullmatch(r"[\w.-]+\.png", names[0])
    assert names[1:] == ["user1.png"]
    assert "pwned" not in app.kept()


def test_a_page_that_is_left_takes_its_files_along(page: Callable[[str], Page], app: App) -> None:
    opened = page(MADE_UP)
    opened.upload(named("left.png", png(48)))
    pause = opened.page.get_by_label("number input for Pause")
    pause.fill("60")
    pause.press("Enter")
    opened.run_button.click()
    opened.page.wait_for_selector(".state.working:has-text('so far')")
    assert "left.png" in app.kept()
    opened.close()
    wait_until(lambda: "left.png" not in app.kept())


def wait_until(event: Callable[[], bool], seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not event():
        assert time.monotonic() < until
        time.sleep(0.2)


def test_nothing_is_fetched_from_elsewhere(app: App) -> None:
    import urllib.error
    import urllib.request

    for place in ("gradio_api/file=http://example.com/a.png", "gradio_api/proxy=http://example.com/a.png"):
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(app.address + place)
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(f"{app.address}gradio_api/file={Path(__file__).as_posix()}")
