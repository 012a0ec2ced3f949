"""The page of ``visioncore app`` without a browser: options become words, uploads get harmless names, runs end."""

from __future__ import annotations

import socket
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from visioncore import main as app
from visioncore.errors import InputError
from visioncore.jobs.limits import Limits
from visioncore.methods import Method
from visioncore.panels import Panel
from visioncore.testing.made_up_method import NAME
from visioncore.web import server, shown
from visioncore.web.fields import Field, fields_of, panel_of, words_of_all
from visioncore.web.holdings import Holdings
from visioncore.web.running import Runner, Shown


@pytest.fixture
def method(made_up: Method) -> Method:
    return made_up


@pytest.fixture
def panel(method: Method) -> Panel:
    return panel_of(method)


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
        ("number", 1),
        ("number", 0.0),
        ("switch", True),
        ("choice", "plain"),
        ("several", []),
        ("text", ""),
        ("file", ""),
    ]
    assert [each.help for each in fields[:3]] == ["How often", "Seconds", "Draw it, and write that"]
    assert [each.step for each in fields[:2]] == [1, 0.05]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, []),
        ({"times": 1, "pause": 0.0, "figure": True, "mode": "plain", "words": [], "prompt": "", "mask": None}, []),
        ({"times": 5.0, "pause": 0.1 + 0.2}, ["--times", "5", "--pause", "0.3"]),
        ({"figure": False, "mode": "loud"}, ["--no-figure", "--mode", "loud"]),
        ({"words": ["mean", "reader"]}, ["--words", "mean", "reader"]),
        ({"prompt": " a\n red  car "}, ["--prompt", "a red car"]),
        ({"prompt": "--out=/etc"}, ["--prompt=--out=/etc"]),
    ],
)
def test_values_become_words(fields: tuple[Field, ...], given: dict[str, Any], words: list[str]) -> None:
    assert words_of_all(fields, given) == words


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"times": 51}, "from 1 to 50"),
        ({"times": float("nan")}, "from 1 to 50"),
        ({"times": "5"}, "from 1 to 50"),
        ({"mode": "../c"}, "not on offer"),
        ({"words": ["mean", "/etc/passwd"]}, "not on offer"),
        ({"prompt": "a" * 301}, "at most 300"),
    ],
)
def test_values_that_are_not_on_offer(fields: tuple[Field, ...], given: dict[str, Any], reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        words_of_all(fields, given)


def run_to_end(runner: Runner, path: Path | None, given: dict[str, Any] | None = None) -> Shown:
    return list(runner.run("page", [path] if path else [], given or {}))[-1]


def test_a_run_returns_results_remarks_and_its_command(
    method: Method, panel: Panel, fields: tuple[Field, ...], holdings: Holdings, tmp_path: Path
) -> None:
    runner = Runner(method, fields, Limits(), holdings)
    mask = upload(tmp_path, "mask", "a.png")
    outcome = run_to_end(runner, upload(tmp_path, "fine", "in put.png"), {"times": 5, "mask": str(mask)})
    assert outcome.fault == ""
    assert outcome.command == (f"{NAME} predict in_put.png --weights demo --out result --times 5 --mask a.png")
    assert [path.name for path in outcome.files] == ["in_put.png"]
    assert outcome.notes[0] == "note: a remark"
    assert not any(str(outcome.folder) in note or "results in" in note for note in outcome.notes)
    page = shown.result(panel, outcome)
    assert "in_put.png" in page
    assert "run.json" not in page
    assert shown.sliding(panel, outcome) == (str(outcome.before), str(outcome.files[0]))


@pytest.mark.parametrize(
    ("what", "reason"),
    [("broken", "a.png: broken"), ("killed", "ended by the system"), ("starts another", "1 s, was over")],
)
def test_a_run_that_fails_says_why_in_one_line(
    what: str,
    reason: str,
    method: Method,
    panel: Panel,
    fields: tuple[Field, ...],
    holdings: Holdings,
    tmp_path: Path,
) -> None:
    limits = Limits(seconds=1 if "was over" in reason else 60)
    outcome = run_to_end(Runner(method, fields, limits, holdings), upload(tmp_path, what))
    assert reason in outcome.fault
    assert 'role="alert"' in shown.result(panel, outcome)


class TestWeights:
    """Weights that a page names, or sends."""

    @pytest.fixture
    def shown_of(self, method: Method, fields: tuple[Field, ...], holdings: Holdings, tmp_path: Path) -> Any:
        (tmp_path / "allowed").mkdir()
        runner = Runner(method, fields, Limits(), holdings, (tmp_path / "allowed",))

        def run(weights: Any) -> Shown:
            return list(runner.run("page", [upload(tmp_path, "image")], {}, weights))[-1]

        return run

    def test_by_name(self, shown_of: Any, tmp_path: Path) -> None:
        inside = upload(tmp_path / "allowed", "weights", "net.pth")
        for given in ("demo", "rain200l", "owner/name", str(inside)):
            run = shown_of(f" {given} ")
            assert (run.fault, run.command.split()[3:5]) == ("", ["--weights", given])
        assert "--weights demo" in shown_of("").command

    def test_names_that_lead_out(self, shown_of: Any, tmp_path: Path) -> None:
        (tmp_path / "allowed" / "link").symlink_to(tmp_path)
        outside = upload(tmp_path, "secret", "net.pth")
        for given in (str(outside), "/etc/passwd", "../net.pth", "~/net.pth", str(tmp_path / "allowed" / "link")):
            with pytest.raises(InputError, match=r"allowed folders|not an absolute path"):
                shown_of(given)
        with pytest.raises(InputError, match="addresses are not taken"):
            shown_of("https://example.org/net.pth")

    def test_sent(self, shown_of: Any, tmp_path: Path) -> None:
        run = shown_of([upload(tmp_path, "tensors", "../x net.PTH".rpartition("/")[2])])
        assert "--weights weights/x_net.pth --out result" in run.command
        assert (run.folder / "weights" / "x_net.pth").read_text() == "tensors"
        run = shown_of([upload(tmp_path, "{}", "config.json"), upload(tmp_path, "tensors", "model.safetensors")])
        assert "--weights weights --out result" in run.command
        assert sorted(path.name for path in (run.folder / "weights").iterdir()) == ["config.json", "model.safetensors"]

    @pytest.mark.parametrize("names", [["net.exe"], ["a.pth", "b.pth"], ["config.json", "net.pth"]])
    def test_sent_that_are_none(self, names: list[str], shown_of: Any, tmp_path: Path) -> None:
        with pytest.raises(InputError, match=r"not a file of a kind|weights: a file of the authors or config\.json"):
            shown_of([upload(tmp_path, "x", name) for name in names])


def test_several_files_that_are_one_input(
    method: Method, panel: Panel, fields: tuple[Field, ...], holdings: Holdings, tmp_path: Path
) -> None:
    gathering = Runner(replace(method, panel=replace(panel, gathers=True)), fields, Limits(), holdings)
    sent = [upload(tmp_path, text, name) for text, name in (("on", "I1"), ("e ", "I2"))]
    with zipfile.ZipFile(tmp_path / "result.zip", "w") as archive:
        archive.writestr("study/I3", "two")
    for files, name, text in ((sent, "I1", "one "), ([tmp_path / "result.zip"], "result_input", "two")):
        (run,) = list(gathering.run("page", files, {}))[-1:]
        assert (run.fault, [file.name for file in run.files]) == ("", [name])
        assert run.files[0].read_text() == text
    with pytest.raises(InputError, match="2 files chosen; a photo is needed"):
        list(Runner(method, fields, Limits(), holdings).run("page", sent, {}))


def test_nothing_chosen(method: Method, fields: tuple[Field, ...], holdings: Holdings, tmp_path: Path) -> None:
    runner = Runner(method, fields, Limits(), holdings)
    for path in (None, tmp_path / "gone.png"):
        with pytest.raises(InputError, match="no file chosen; a photo is needed"):
            run_to_end(runner, path)


def test_what_belongs_to_a_page_goes_with_it(
    method: Method, fields: tuple[Field, ...], holdings: Holdings, tmp_path: Path
) -> None:
    runner = Runner(method, fields, Limits(), holdings)
    shared, own = upload(tmp_path, "starts another"), upload(tmp_path, "own", "b.png")
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
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert app.main(["app", "--port", str(port)]) == 2
    told = capsys.readouterr().err
    assert f"port {port} of 127.0.0.1" in told
    assert "--port" in told
    assert told.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--host", "no.such.host.invalid"], "cannot be listened on"),
        (["--port", "70000"], "70000"),
        (["--megabytes", "0"], "megabytes is 0.0"),
        (["--only", "none"], "installed are made-up-copies"),
    ],
)
def test_wrong_usage(
    words: list[str],
    reason: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    method: Method,
) -> None:
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
    server.serve([method], Limits(), "0.0.0.0", 0, (), browse=True)
    told = capsys.readouterr().out
    for text in ("http://here/", "no browser was found", "there is no password"):
        assert text in told


def test_gradio_missing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], method: Method) -> None:
    monkeypatch.setitem(sys.modules, "gradio", None)
    assert app.main(["app", "--port", "0"]) == 2
    assert 'pip install "visioncore[web]"' in capsys.readouterr().err
