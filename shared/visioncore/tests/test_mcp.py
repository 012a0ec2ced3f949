"""``visioncore mcp``, asked by the client of its own package: in this process, and over stdio."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from visioncore.methods import Method
from visioncore.testing.made_up_method import NAME

pytest.importorskip("mcp", reason="the extra mcp is not installed")

import anyio
from mcp import Client, StdioServerParameters, stdio_client

from visioncore.jobs.allowed import Allowed
from visioncore.jobs.limits import Limits
from visioncore.main import main
from visioncore.programs.mcp_server import make_server


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "a.png").write_text("image")
    (tmp_path / "files" / "b.png").write_text("broken")
    return tmp_path / "files"


def asked(folder: Path, *calls: tuple[str, dict[str, Any]], limits: Limits | None = None) -> list[tuple[bool, Any]]:
    """Return what the tools answer: whether it is an error, and the answer or its text."""
    answers: list[tuple[bool, Any]] = []

    async def ask() -> None:
        async with Client(make_server(Allowed.of([folder]), limits or Limits())) as client:
            for name, given in calls:
                answers.append(read(await client.call_tool(name, given)))

    anyio.run(ask)
    return answers


def read(result: Any) -> tuple[bool, Any]:
    failed = bool(result.is_error)
    return failed, result.content[0].text if failed else result.structured_content


def wanted(folder: Path, *names: str, **options: Any) -> tuple[str, dict[str, Any]]:
    out = str(folder / "out")
    inputs = [str(folder / name) for name in names]
    return "predict", {"method": NAME, "inputs": inputs, "out": out, "options": {"weights": "demo"} | options}


def test_methods_and_their_options(made_up: Method, folder: Path) -> None:
    (_, listed), (_, told) = asked(folder, ("list_methods", {}), ("explain_method", {"method": NAME}))
    assert [each["name"] for each in listed["result"]] == [NAME]
    assert "times" in [option["name"] for option in told["options"]]


def test_a_prediction(made_up: Method, folder: Path) -> None:
    ((failed, made),) = asked(folder, wanted(folder, "a.png", "b.png", times=2, points=[1, 2]))
    assert not failed, made
    assert made["results"] == [str(folder / "out" / "a.png")]
    assert (folder / "out" / "a.png").read_text() == "imageimage"
    assert list(made["failed"]) == [str(folder / "b.png")]
    assert "points (1.0, 2.0)" in made["said"]
    record = json.loads(Path(made["record"]).read_text())
    assert (record["command"], record["options"]["times"]) == ("predict", 2)


def test_what_will_not_do_is_told_in_one_line(made_up: Method, folder: Path) -> None:
    secret = folder.parent / "secret.png"
    secret.write_text("secret")
    (folder / "link.png").symlink_to(secret)
    plain = wanted(folder, "a.png")[1]
    calls = {
        "outside the allowed folders": ("predict", plain | {"inputs": [str(secret)]}),
        "link.png: outside the allowed": wanted(folder, "link.png"),
        "elsewhere: outside": ("predict", plain | {"out": str(folder.parent / "elsewhere")}),
        "no method 'nothing'": ("predict", plain | {"method": "nothing"}),
        "no method 'none'": ("explain_method", {"method": "none"}),
        "no option 'tims'": wanted(folder, "a.png", tims=3),
        "no such file or folder": wanted(folder, "none.png"),
        "failed: ": wanted(folder, "b.png"),
        "the command broke down with code 7": wanted(folder, "a.png", crash=True),
    }
    for told, (failed, line) in zip(calls, asked(folder, *calls.values()), strict=True):
        assert failed, told
        assert told in line
        assert "\n" not in line
    assert not (folder.parent / "elsewhere").exists()


def test_the_time_of_a_prediction_is_limited(made_up: Method, folder: Path) -> None:
    ((failed, line),) = asked(folder, wanted(folder, "a.png", pause=60), limits=Limits(seconds=2))
    assert failed
    assert "ended: its time, 2 s, was over" in line


def test_over_stdio(made_up: Method, folder: Path) -> None:
    """In a process of its own, as programs start it; with the methods that are installed."""
    answers: list[Any] = []

    async def ask() -> None:
        command = [sys.executable, "-m", "visioncore.main", "mcp", "--allow", str(folder)]
        server = StdioServerParameters(command=command[0], args=command[1:])
        async with Client(stdio_client(server)) as client:
            answers.append([tool.name for tool in (await client.list_tools()).tools])
            answers.append(read(await client.call_tool("explain_method", {"method": "no-such"})))

    anyio.run(ask)
    assert answers[0] == ["list_methods", "explain_method", "predict"]
    assert answers[1][0]
    assert "no method 'no-such'" in answers[1][1]


def test_wrong_usage(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["mcp", "--allow", str(folder / "none")]) == 2
    assert main(["mcp", "--allow", str(folder), "--seconds", "0"]) == 2
    assert capsys.readouterr().err.splitlines() == [
        f"error: {folder / 'none'}: no such folder; --allow takes folders that are there",
        "error: seconds is 0.0; it must be at least 1",
    ]
