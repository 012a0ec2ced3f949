"""The documentation in a real browser, as wide as a phone and as a desk: nothing sticks out, the search finds, and
nothing is fetched from elsewhere."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
PHONE, DESK = (390, 844), (1440, 900)
PAGES = (
    "docs/index.html",
    "docs/glossary.html",
    "docs/house.html",
    "docs/speed.html",
    "docs/building.html",
    "docs/containers.html",
    "docs/clusters.html",
    "CONTRIBUTING.html",
    "docs/generated/versions.html",
    "docs/generated/nerdrain-derain/commands.html",
    "docs/generated/nerdrain-derain/checkpoints.html",
    "docs/generated/hsam-medseg/commands.html",
    "docs/generated/hsam-medseg/api.html",
    "docs/generated/visioncore/training.html",
    "packages/nerdrain-derain/README.html",
    "packages/csc-pretrain3d/README.html",
    "packages/isp-scanpath/docs/results.html",
    "packages/artadapter-style/docs/notebook.html",
    "packages/lvmm-motion/CHANGELOG.html",
)
STICKS_OUT = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
BROKEN = "[...document.images].filter(image => image.complete && !image.naturalWidth).map(image => image.src)"


class Quiet(SimpleHTTPRequestHandler):
    """Serves files without a line for each of them."""

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    """Serve the site to this machine alone, and return its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start a browser that is installed."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip(f"no browser is installed ({', '.join(NAMES)})")
    with playwright.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


class Visit:
    """A page of the browser that notes what goes wrong on it and what it asks for."""

    def __init__(self, browser: Browser, size: tuple[int, int], scheme: str = "light") -> None:
        width, height = size
        context = browser.new_context(viewport={"width": width, "height": height})
        context.set_default_timeout(60_000)
        self.page: Page = context.new_page()
        self.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        self.wrong: list[str] = []
        self.asked: list[str] = []
        self.page.on(
            "console", lambda line: self.wrong.append(line.text) if line.type in ("error", "warning") else None
        )
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))

    def elsewhere(self, address: str) -> list[str]:
        """Return the addresses that were asked for and are not of the site."""
        return [url for url in self.asked if not url.startswith((address, "data:"))]


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_pages_fit_and_fetch_nothing(browser: Browser, address: str, size: tuple[int, int]) -> None:
    visit = Visit(browser, size)
    for name in PAGES:
        visit.page.goto(f"{address}/{name}")
        assert visit.page.evaluate(STICKS_OUT) == 0, name
        assert visit.page.evaluate(BROKEN) == [], name
        assert visit.page.locator("h1").count() == 1, name
    assert visit.wrong == []
    assert visit.elsewhere(address) == []


def test_the_phone_has_the_list_of_pages_behind_a_button(browser: Browser, address: str) -> None:
    visit = Visit(browser, PHONE)
    visit.page.goto(f"{address}/")
    visit.page.wait_for_url("**/docs/index.html")
    listed = visit.page.locator(".sidebar-tree").get_by_role("link", name="Glossary", exact=True)
    assert not listed.is_visible() or listed.bounding_box()["x"] < 0  # type: ignore[index]
    visit.page.locator("label.nav-overlay-icon:visible").first.click()
    listed.click()
    visit.page.wait_for_url("**/docs/glossary.html")
    assert visit.wrong == []


@pytest.mark.parametrize("opened", ["from a server", "from disk"])
@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_the_search_finds(browser: Browser, site: Path, address: str, size: tuple[int, int], opened: str) -> None:
    start = address if opened == "from a server" else site.as_uri()
    visit = Visit(browser, size)
    visit.page.goto(f"{start}/docs/index.html")
    if size == PHONE:
        visit.page.locator("label.nav-overlay-icon:visible").first.click()
    visit.page.locator(".sidebar-search").fill("derain")
    visit.page.locator(".sidebar-search").press("Enter")
    found = visit.page.locator("ul.search a", has_text="nerdrain-derain")
    found.first.wait_for()
    visit.page.get_by_text("Search finished").wait_for()
    assert found.count() >= 3
    assert visit.page.evaluate(STICKS_OUT) == 0
    visit.page.locator("ul.search").get_by_role("link", name="Commands of nerdrain-derain").first.click()
    visit.page.get_by_role("heading", level=1).wait_for()
    assert "derain" in visit.page.title()
    assert visit.wrong == []
    assert visit.elsewhere(start) == []


def test_what_is_dark_is_dark(browser: Browser, address: str) -> None:
    visit = Visit(browser, DESK, "dark")
    visit.page.goto(f"{address}/docs/index.html")
    brightness = "colour => colour.match(/\\d+/g).slice(0, 3).map(Number).reduce((a, b) => a + b) / 3"
    for selector in ("body", ".card"):
        colour = visit.page.locator(selector).first.evaluate("element => getComputedStyle(element).backgroundColor")
        assert visit.page.evaluate(brightness, colour) < 80, selector
    assert visit.wrong == []


def test_a_code_block_is_copied(browser: Browser, address: str) -> None:
    visit = Visit(browser, DESK)
    visit.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    visit.page.goto(f"{address}/packages/nerdrain-derain/README.html")
    block = visit.page.locator(".first-result div.highlight")
    block.hover()
    block.get_by_role("button", name="Copy").click()
    block.get_by_role("button", name="Copied").wait_for()
    copied = visit.page.evaluate("navigator.clipboard.readText()").splitlines()
    assert copied[:2] == ["pip install nerdrain-derain", "nerdrain-derain demo"]
    assert len(copied) == 3
    assert visit.wrong == []
