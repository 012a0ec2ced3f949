"""Commands: what is printed, what comes back, and that help needs no torch."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from platform import libc_ver
from typing import Literal

import pytest

from visioncore.cli import Command, Positional, run, say
from visioncore.errors import InputError

Run = Callable[..., tuple[int, str, str]]


@dataclass
class Summary:
    exit_code: int


def show(
    inputs: Positional[list[Path]],
    out: Path,
    tile: int | None = None,
    device: Literal["auto", "cpu"] = "auto",
    fast: bool = True,
) -> int:
    """Show the inputs.

    More about it.

    Args:
        inputs: files to show.
        out: where to put them.
        tile: side of a tile in pixels.
        device: where to run.
        fast: be quick.
    """
    print([str(path) for path in inputs], out, tile, device, fast)  # noqa: T201
    return 1 if len(inputs) > 1 else 0


def train(recipe: str, overrides: Mapping[str, str]) -> None:
    """Train by a recipe."""
    print(recipe, dict(overrides))  # noqa: T201


def count() -> Summary:
    """Return an object with an exit code."""
    return Summary(1)


def fail(how: Literal["input", "os", "interrupt", "defect", "usage-like"]) -> None:
    """Fail."""
    match how:
        case "input":
            raise InputError("photo.png: not an image;\n  a PNG would be right")
        case "os":
            raise FileNotFoundError(2, "No such file", "photo.png")
        case "interrupt":
            raise KeyboardInterrupt
        case "usage-like":
            raise SystemExit(7)
        case _:
            raise RuntimeError("a defect")


@pytest.fixture
def prog(capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: str) -> tuple[int, str, str]:
        commands: dict[str, Command] = {"show": show, "train": train, "count": count, "fail": fail}
        code = run("visioncore", commands, "A program for tests.", list(arguments))
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def test_arguments_reach_the_command(prog: Run) -> None:
    code, out, err = prog("show", "a.png", "--out", "o", "--tile", "64", "--device", "cpu", "--no-fast")
    assert (code, out, err) == (0, "['a.png'] o 64 cpu False\n", "")
    assert prog("show", "a.png", "-o", "o", "--tile", "64", "--device", "cpu", "--no-fast") == (code, out, err)


@pytest.mark.parametrize(("arguments", "code"), [(["show", "a", "b", "--out", "o"], 1), (["count"], 1)])
def test_exit_code_comes_from_the_command(prog: Run, arguments: list[str], code: int) -> None:
    assert prog(*arguments)[0] == code


def test_overview_lists_commands_with_their_first_lines(prog: Run) -> None:
    code, out, _ = prog("--help")
    assert code == 0
    assert "A program for tests." in out
    assert "  show   Show the inputs.\n" in out
    assert "More about it" not in out


def test_help_of_a_command_explains_its_options(prog: Run) -> None:
    code, out, _ = prog("show", "--help")
    assert code == 0
    for text in (
        "More about it",
        "side of a tile in pixels",
        "{auto,cpu}",
        "[-i] INPUTS [INPUTS ...]",
        "usage: visioncore show",
    ):
        assert text in out
    assert "--set" not in out


@pytest.mark.parametrize("words", [("-i", "a.png", "b.png", "-o", "out"), ("-o", "out", "-i", "a.png", "-i", "b.png")])
def test_inputs_may_be_an_option(prog: Run, words: tuple[str, ...]) -> None:
    code, out, _ = prog("show", *words)
    assert (code, out) == prog("show", "a.png", "b.png", "--out", "out")[:2]
    assert "'a.png', 'b.png'" in out


def test_version(prog: Run) -> None:
    code, out, _ = prog("--version")
    assert code == 0
    assert out.startswith("visioncore 0")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "no command given"),
        (["shwo"], "did you mean show?"),
        (["--out", "x"], "unknown option '--out'"),
        (["show", "a.png"], "--out"),
        (["show", "--out", "o"], "inputs: at least one"),
        (["show", "a", "--out", ""], "--out is empty; name a file or a folder (. for this one)"),
        (["show", "a", "-o", ""], "--out is empty"),
        (["show", "a", "--out="], "--out is empty"),
        (["show", "a", "--out", "o", "--tile", "x"], "--tile"),
        (["show", "a", "--out", "o", "--tile", "None"], "--tile"),
        (["show", "a", "--out", "o", "--device", "gpu"], "'auto', 'cpu'"),
        (["show", "a", "--out", "o", "--tite", "4"], "unknown option --tite; did you mean --tile?"),
        (["show", "a", "--tite=4"], "unknown option --tite; did you mean --tile?"),
        (["show", "--wholly", "a"], "unknown option --wholly (visioncore show --help shows the options)"),
        (["show", "a", "-w", "4"], "unknown option -w"),
        (["show", "a", "--out", "o", "--set.rate", "1"], "no recipe"),
        (["train", "--recipe", "r", "--set.rate"], "--set.rate VALUE"),
        (["train", "--recipe", "r", "--set.rate", "--set.b", "1"], "--set.rate VALUE"),
        (["train", "--recipe", "r", "--set", "1"], "--set.FIELD VALUE"),
        (["train", "--recipe", "r", "--set.a..b", "1"], "--set.FIELD VALUE"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_2(prog: Run, arguments: list[str], expected: str) -> None:
    code, out, err = prog(*arguments)
    assert code == 2
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert expected in err
    assert "│" not in err


def test_overrides_are_collected_in_both_forms(prog: Run) -> None:
    code, out, _ = prog("train", "--set.a.b", "-1", "--recipe", "demo", "--set.name=x=y", "--set.a.b", "2")
    assert code == 0
    assert out == "demo {'a.b': '2', 'name': 'x=y'}\n"


def test_overrides_are_explained_but_no_option(prog: Run) -> None:
    _, out, _ = prog("train", "--help")
    assert "--set.FIELD VALUE" in out
    assert "--overrides" not in out


@pytest.mark.parametrize(
    ("how", "code", "line"),
    [
        ("input", 2, "error: photo.png: not an image; a PNG would be right\n"),
        ("os", 2, "error: [Errno 2] No such file: 'photo.png'\n"),
        ("interrupt", 130, "interrupted\n"),
    ],
)
def test_expected_errors_are_one_line(prog: Run, how: str, code: int, line: str) -> None:
    assert prog("fail", "--how", how) == (code, "", line)


def test_debug_anywhere_shows_the_traceback(prog: Run) -> None:
    for arguments in (["--debug", "fail", "--how", "input"], ["fail", "--how", "input", "--debug"]):
        code, _, err = prog(*arguments)
        assert code == 2
        assert "Traceback" in err
        assert err.endswith("error: photo.png: not an image; a PNG would be right\n")


def test_a_defect_is_not_hidden(prog: Run) -> None:
    with pytest.raises(RuntimeError, match="a defect"):
        prog("fail", "--how", "defect")


def test_exit_inside_a_command_is_not_taken_for_wrong_usage(prog: Run) -> None:
    with pytest.raises(SystemExit) as stop:
        prog("fail", "--how", "usage-like")
    assert stop.value.code == 7


KEEPING = """
import resource
import sys
from visioncore.cli import run, say

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def maps():
    return [b"x" * (24 * 2**20) for _ in range(4)]

def work():
    "Make maps anew."
    for _ in range(3):
        maps()
    before = faults()
    maps()
    say(str(faults() - before))

sys.exit(run("keeping", {"work": work}, "A program."))
"""

PROGRAM = """
import sys
from visioncore.cli import run, say
def many(count: int = 100_000) -> None:
    '''Print many lines.'''
    for line in range(count):
        print(line)
code = run('many', {'many': many}, 'Prints.')
if '--help' in sys.argv:
    assert 'torch' not in sys.modules, 'help imported torch'
sys.exit(code)
"""


def test_nobody_reading_the_output_is_quiet(tmp_path: Path) -> None:
    program = tmp_path / "many.py"
    program.write_text(PROGRAM)
    with subprocess.Popen(
        [sys.executable, str(program), "many"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


@pytest.mark.parametrize("arguments", [["--help"], ["many", "--help"]])
def test_help_does_not_import_torch(tmp_path: Path, arguments: list[str]) -> None:
    program = tmp_path / "many.py"
    program.write_text(PROGRAM)
    result = subprocess.run([sys.executable, str(program), *arguments], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "many" in result.stdout


def test_control_characters_do_not_reach_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    say("a\x1b[2J.png\tb\x9b")
    assert capsys.readouterr().out == "a\\x1b[2J.png\tb\\x9b\n"


def test_threads_wait_gently_unless_the_user_says_how(prog: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_WAIT_POLICY")
    prog("show", "a", "--out", "b")
    assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    prog("show", "a", "--out", "b")
    assert os.environ["OMP_WAIT_POLICY"] == "ACTIVE"


@pytest.mark.skipif(libc_ver()[0] != "glibc", reason="another C library keeps memory by rules of its own")
def test_memory_that_was_freed_is_kept_unless_the_user_sets_limits(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(KEEPING)
    for limits, least, most in (({}, 0, 1000), ({"MALLOC_MMAP_MAX_": "65536"}, 20_000, 1e9)):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")} | limits
        result = subprocess.run([sys.executable, program, "work"], capture_output=True, env=environment, check=True)
        assert least <= int(result.stdout) <= most
