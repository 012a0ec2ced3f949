"""The ``visioncore`` command over made-up methods: one that works, one that fails, one that cannot be read."""

from __future__ import annotations

import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from visioncore import main as app
from visioncore.errors import InputError
from visioncore.methods import BrokenMethod, Method
from visioncore.panels import Panel
from visioncore.report import DemoReport


class References(HTMLParser):
    """Collects what a page refers to."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if name in ("src", "href") and value]


def make_method(name: str) -> Method:
    fields: dict[str, Any] = dict.fromkeys(Method.__dataclass_fields__, "text")
    panel = Panel("Do <this>", "a photo", (".png",)) if name == "good" else None
    return Method(**{**fields, "name": name, "title": f"<{name}>", "demo": f"a_demo:{name}", "panel": panel})


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Install methods called good, bad (its demo has a defect), wrong (bad input) and unread."""

    def good(out: Path) -> DemoReport:
        (out / "figure.png").write_bytes(b"image")
        return DemoReport("good", "5 dB & more", {"PSNR": 30.123456}, out / "figure.png", 1.5)

    def bad(out: Path) -> DemoReport:
        raise RuntimeError("a defect")

    def wrong(out: Path) -> DemoReport:
        raise InputError("sample.png: not an image")

    module = ModuleType("a_demo")
    module.__dict__.update(good=good, bad=bad, wrong=wrong)
    monkeypatch.setitem(sys.modules, "a_demo", module)
    methods = [make_method(name) for name in ("bad", "good", "wrong")]
    monkeypatch.setattr(app, "find_methods", lambda: (methods, [BrokenMethod("unread", "no such module")]))


@pytest.mark.usefixtures("installed")
def test_demo_goes_on_after_failures_and_shows_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert app.main(["demo", "--out", str(tmp_path / "out")]) == 1
    page = (tmp_path / "out" / "index.html").read_text()
    for text in ("1 of 4 demos", "5 dB &amp; more", "30.12", "&lt;good&gt;", "a defect", "sample.png: not an image"):
        assert text in page
    assert "no such module" in page
    assert "<good>" not in page
    assert "a defect" in (tmp_path / "out" / "bad" / "error.txt").read_text()
    assert "a defect" in capsys.readouterr().out


@pytest.mark.usefixtures("installed")
def test_gallery_refers_to_its_own_folder_only(tmp_path: Path) -> None:
    app.main(["demo", "--out", str(tmp_path), "--only", "good"])
    references = References()
    references.feed((tmp_path / "index.html").read_text())
    local = [found for found in references.found if not found.startswith(("https://arxiv.org/", "#"))]
    assert local == ["good/figure.png"] * 2
    assert (tmp_path / local[0]).is_file()


@pytest.mark.usefixtures("installed")
def test_gallery_shows_purpose_figure_and_gain_before_the_numbers(tmp_path: Path) -> None:
    app.main(["demo", "--out", str(tmp_path), "--only", "good"])
    page = (tmp_path / "index.html").read_text()
    shown = ("<h2>Do &lt;this&gt;</h2>", "good/figure.png", "5 dB &amp; more", "<details>", "30.12", "</details>")
    places = [page.index(text) for text in shown]
    assert places == sorted(places)
    assert '<a href="#good">Do &lt;this&gt;</a>' in page


@pytest.mark.usefixtures("installed")
def test_only_the_named_demos_run(tmp_path: Path) -> None:
    assert app.main(["demo", "--out", str(tmp_path), "--only", "good"]) == 0
    assert not (tmp_path / "bad").exists()


@pytest.mark.usefixtures("installed")
def test_unknown_name_lists_the_installed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert app.main(["demo", "--out", str(tmp_path / "out"), "--only", "god"]) == 2
    assert "bad, good, wrong, unread" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("installed")
def test_output_that_is_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "out").touch()
    assert app.main(["demo", "--out", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.usefixtures("installed")
def test_methods_lists_what_is_installed(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.main(["methods"]) == 1
    out = capsys.readouterr().out
    for name in ("good", "<good>", "unread", "no such module"):
        assert name in out


def test_nothing_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(app, "find_methods", lambda: ([], []))
    assert app.main(["methods"]) == 0
    assert app.main(["demo", "--out", str(tmp_path)]) == 2
    assert "no method is installed" in capsys.readouterr().err


@pytest.mark.usefixtures("installed")
def test_doctor_describes_machine_and_extras(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("visioncore.devices.describe_machine", lambda: {"processor": "a fast one"})
    monkeypatch.setattr(app, "_is_installed", lambda name: name != "av")
    assert app.main(["doctor"]) == 0
    out = capsys.readouterr().out
    for text in ("a fast one", "visioncore[images]", "present", "missing: av"):
        assert text in out


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["demo", "--help"], ["methods"]])
def test_light_commands_do_not_import_torch(arguments: list[str]) -> None:
    program = (
        "import sys; from visioncore.main import main; main(sys.argv[1:]); "
        "assert not {'torch', 'numpy', 'matplotlib'} & set(sys.modules), sorted(sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert result.stdout
