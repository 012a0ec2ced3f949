"""The page of ``visioncore app`` without a browser: options become words, uploads get harmless names, runs end."""

from __future__ import annotations

import shlex
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, Literal

import pytest
from tyro.conf import Positional, arg

from visioncore import main as app
from visioncore.errors import InputError
from visioncore.methods import Method
from visioncore.panels import Option, Panel
from visioncore.web import server, shown
from visioncore.web.fields import Field, fields_of, words_of
from visioncore.web.limits import Limits
from visioncore.web.running import Outcome, Runner
from visioncore.web.uploads import Holdings, safe_name

COMMANDS = """
import sys, time
from pathlib import Path
name, out = sys.argv[2], Path(sys.argv[sys.argv.index("--out") + 1])
what = Path(name).read_text()
if what == "slow":
    time.sleep(60)
if what == "crash":
    import os, signal
    os.kill(os.getpid(), signal.SIGKILL)
if what == "broken":
    print("note: something"); print(f"failed: {name}: not an image"); print("0 done, 1 failed; results in result")
    sys.exit(1)
out.mkdir()
(out / name).write_text("better")
(out / "run.json").write_text("{}")
print("note: a remark"); print("1 done, 0 failed; results in result")
"""
"""A module of commands that does what the input says."""


def predict(
    inputs: Positional[tuple[str, ...]],
    weights: str,
    out: Path,
    steps: Annotated[int, arg(help="of the sampler")] = 30,
    scale: float = 1.0,
    figure: bool = True,
    kind: Literal["a", "b"] = "a",
    who: tuple[str, ...] = (),
    prompt: str = "",
    mask: str = "",
) -> None:
    """Do it.

    Args:
        inputs: files.
        scale: how strong it is,
            from 0.
        figure: draw it.
    """


OPTIONS = (
    Option("steps", low=1, high=50),
    Option("scale", low=0, high=2),
    Option("figure"),
    Option("kind"),
    Option("who", values=("reader", "mean")),
    Option("prompt"),
    Option("mask", kinds=(".png",)),
)
PANEL = Panel("Do it", "a photo", (".png", ".nii.gz", ".gz"), shows=("*.png",), options=OPTIONS, compares=True)


@pytest.fixture
def method(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Method:
    """A method whose program is ``COMMANDS``."""
    package = tmp_path / "packages" / "web_method"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "cli.py").write_text(COMMANDS)
    monkeypatch.setenv("PYTHONPATH", str(package.parent))
    module = ModuleType("web_method.cli")
    vars(module).update(COMMANDS={"predict": predict})
    monkeypatch.setitem(sys.modules, "web_method", ModuleType("web_method"))
    monkeypatch.setitem(sys.modules, "web_method.cli", module)
    texts: dict[str, Any] = dict.fromkeys(Method.__dataclass_fields__, "text")
    return Method(**{**texts, "name": "web-method", "module": "web_method", "panel": PANEL})


@pytest.fixture
def fields(method: Method) -> tuple[Field, ...]:
    return fields_of(method)


@pytest.fixture
def holdings(tmp_path: Path) -> Holdings:
    (tmp_path / "runs").mkdir()
    return Holdings(tmp_path / "runs")


def upload(folder: Path, text: str, name: str = "a.png") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_types_and_helps_are_those_of_the_signature(fields: tuple[Field, ...]) -> None:
    assert [(each.kind, each.default) for each in fields] == [
        ("number", 30),
        ("number", 1.0),
        ("switch", True),
        ("choice", "a"),
        ("several", ()),
        ("text", ""),
        ("file", ""),
    ]
    assert [each.help for each in fields[:3]] == ["Of the sampler", "How strong it is, from 0", "Draw it"]
    assert [each.step for each in fields[:2]] == [1, 0.05]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, []),
        ({"steps": 30, "scale": 1.0, "figure": True, "kind": "a", "who": [], "prompt": "", "mask": None}, []),
        ({"steps": 5.0, "scale": 0.1 + 0.2}, ["--steps", "5", "--scale", "0.3"]),
        ({"figure": False, "kind": "b"}, ["--no-figure", "--kind", "b"]),
        ({"who": ["mean", "reader"]}, ["--who", "mean", "reader"]),
        ({"prompt": " a\n red  car "}, ["--prompt", "a red car"]),
        ({"prompt": "--out=/etc"}, ["--prompt=--out=/etc"]),
    ],
)
def test_values_become_words(fields: tuple[Field, ...], given: dict[str, Any], words: list[str]) -> None:
    assert words_of(fields, given) == words


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"steps": 51}, "from 1 to 50"),
        ({"steps": float("nan")}, "from 1 to 50"),
        ({"steps": "5"}, "from 1 to 50"),
        ({"kind": "../c"}, "not on offer"),
        ({"who": ["mean", "/etc/passwd"]}, "not on offer"),
        ({"prompt": "a" * 301}, "at most 300"),
    ],
)
def test_values_that_are_not_on_offer(fields: tuple[Field, ...], given: dict[str, Any], reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        words_of(fields, given)


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("photo.png", "photo.png"),
        ("Photo.PNG", "Photo.png"),
        ("../../etc/a.png", "a.png"),
        ("..\\..\\a.png", "a.png"),
        ("-rf.png", "rf.png"),
        ("$(touch x);`id`.png", "touch_x_id.png"),
        ("a*[b]?.png", "a_b.png"),
        ("snow ☃\n.png", "snow.png"),
        (".png", "input.png"),
        ("scan.nii.gz", "scan.nii.gz"),
        ("a" * 300 + ".png", "a" * 80 + ".png"),
    ],
)
def test_names_of_uploads_mean_nothing(name: str, safe: str) -> None:
    assert safe_name(name, PANEL.kinds) == safe
    assert shlex.quote(safe) == safe


@pytest.mark.parametrize("name", ["a.exe", "png", "a.png.exe", ""])
def test_other_kinds_are_not_taken(name: str) -> None:
    with pytest.raises(InputError, match="not a file of a kind"):
        safe_name(name, PANEL.kinds)


def run_to_end(runner: Runner, path: Path | None, given: dict[str, Any] | None = None) -> Outcome:
    return list(runner.run("page", path, given or {}))[-1]


def test_a_run_returns_results_remarks_and_its_command(
    method: Method, fields: tuple[Field, ...], holdings: Holdings, tmp_path: Path
) -> None:
    runner = Runner(method, fields, Limits(), holdings)
    mask = upload(tmp_path, "mask", "a.png")
    outcome = run_to_end(runner, upload(tmp_path, "fine", "in put.png"), {"steps": 5, "mask": str(mask)})
    assert outcome.fault == ""
    assert outcome.command == ("web-method predict in_put.png --weights demo --out result --steps 5 --mask a.png")
    assert [path.name for path in outcome.files] == ["in_put.png"]
    assert outcome.notes == ("note: a remark",)
    page = shown.result(PANEL, outcome)
    assert "in_put.png" in page
    assert "run.json" not in page
    assert shown.sliding(PANEL, outcome) == (str(outcome.before), str(outcome.files[0]))


@pytest.mark.parametrize(
    ("what", "reason"), [("broken", "a.png: not an image"), ("crash", "ended by the system"), ("slow", "1 seconds")]
)
def test_a_run_that_fails_says_why_in_one_line(
    what: str, reason: str, method: Method, fields: tuple[Field, ...], holdings: Holdings, tmp_path: Path
) -> None:
    outcome = run_to_end(Runner(method, fields, Limits(seconds=1), holdings), upload(tmp_path, what))
    assert reason in outcome.fault
    assert 'role="alert"' in shown.result(PANEL, outcome)


def test_nothing_chosen(method: Method, fields: tuple[Field, ...], holdings: Holdings, tmp_path: Path) -> None:
    runner = Runner(method, fields, Limits(), holdings)
    for path in (None, tmp_path / "gone.png"):
        with pytest.raises(InputError, match="no file chosen; a photo is needed"):
            run_to_end(runner, path)


def test_what_belongs_to_a_page_goes_with_it(
    method: Method, fields: tuple[Field, ...], holdings: Holdings, tmp_path: Path
) -> None:
    runner = Runner(method, fields, Limits(), holdings)
    shared, own = upload(tmp_path, "slow"), upload(tmp_path, "own", "b.png")
    holdings.hold("page", shared)
    holdings.hold("other", shared)
    holdings.hold("page", own)
    ended = threading.Event()

    def wait() -> None:
        run_to_end(runner, shared)
        ended.set()

    threading.Thread(target=wait, daemon=True).start()
    while not holdings._running:
        time.sleep(0.01)
    holdings.close("page")
    assert ended.wait(20), "the run goes on although nobody waits for it"
    assert not own.exists()
    assert list(holdings.folder.iterdir()) == []
    assert shared.exists(), "another page holds it"
    holdings.close("other")
    assert not shared.exists()


def test_old_results_go(holdings: Holdings) -> None:
    holdings.new_folder("page")
    holdings.remove_older(60)
    assert len(list(holdings.folder.iterdir())) == 1
    holdings.remove_older(-1)
    assert list(holdings.folder.iterdir()) == []


def test_text_of_files_is_no_html(tmp_path: Path) -> None:
    hostile = "<img src=x onerror=alert(1)>"
    table, record = upload(tmp_path, f"a,{hostile}\n1.23456,2\n", "t.csv"), upload(tmp_path, f'["{hostile}"]', "t.json")
    page = upload(tmp_path, '"><script>', "t.html")
    for path in (table, record, page):
        told = shown.preview(path)
        assert told
        assert hostile not in told
        assert '"><script>' not in told
    assert "1.235" in shown.preview(table)
    assert 'sandbox="allow-scripts"' in shown.preview(page)


def test_port_in_use(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], method: Method) -> None:
    monkeypatch.setattr(app, "find_methods", lambda: ([method], []))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert app.main(["app", "--port", str(port)]) == 2
    told = capsys.readouterr().err
    assert f"127.0.0.1:{port}" in told
    assert "--port" in told
    assert told.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--host", "no.such.host.invalid"], "no address of this machine"),
        (["--port", "70000"], "70000"),
        (["--megabytes", "0"], "at least 1"),
        (["--only", "none"], "installed are web-method"),
    ],
)
def test_wrong_usage(
    words: list[str],
    reason: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    method: Method,
) -> None:
    monkeypatch.setattr(app, "find_methods", lambda: ([method], []))
    assert app.main(["app", *words]) == 2
    assert reason in capsys.readouterr().err


def test_no_browser_and_open_to_others(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], method: Method
) -> None:
    @contextmanager
    def serving(*_: object) -> Iterator[str]:
        yield "http://here/"

    monkeypatch.setattr(server, "serving", serving)
    monkeypatch.setattr("webbrowser.open", lambda _: False)
    monkeypatch.setattr("threading.Event", lambda: threading.Barrier(1))
    server.serve([method], Limits(), "0.0.0.0", 0, browse=True)
    told = capsys.readouterr().out
    for text in ("http://here/", "no browser was found", "there is no password"):
        assert text in told


def test_gradio_missing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], method: Method) -> None:
    monkeypatch.setattr(app, "find_methods", lambda: ([method], []))
    monkeypatch.setitem(sys.modules, "gradio", None)
    assert app.main(["app", "--port", "0"]) == 2
    assert 'pip install "visioncore[web]"' in capsys.readouterr().err
