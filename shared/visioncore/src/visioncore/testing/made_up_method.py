"""A made-up method for the tests of servers: a package that is written into a folder, and predicts in no time."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..methods import GROUP, Method, load

NAME, MODULE = "made-up-copies", "made_up_copies"

PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c494441"
    "54789c63f8cfc0000003010100c9fe92ef0000000049454e44ae426082"
)
"""A PNG file."""

RECORD = """
from visioncore.methods import Method, Network, Sample
from visioncore.panels import Option, Panel

PANEL = Panel(
    "Copy it", "a photo", (".png", ".nii.gz", ".gz"), compares=True,
    options=(
        Option("times", low=1, high=50), Option("pause", low=0, high=60), Option("figure"), Option("mode"),
        Option("words", values=("reader", "mean")), Option("prompt"), Option("mask", kinds=(".png",)),
    ),
)
METHOD = Method(
    name="made-up-copies", module=__name__.rpartition(".")[0], title="Copies", task="copy files", paper="On copies",
    authors="Nobody", venue="None", arxiv="", citation="@misc{a}", licence="MIT", weights="none",
    demo="made_up_copies.demo:demo", network=Network("network:A", "network:B", ("a",), "network:inputs", ("b",)),
    panel=PANEL, sample=Sample("sample.png"),
)
"""

COMMANDS = '''
import os, signal, subprocess, sys, time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import arg

from visioncore.cli import complain, say
from visioncore.commands import options
from visioncore.commands.shared import program

from .method import METHOD


@dataclass
class Copied:
    done: list = field(default_factory=list)
    skipped: tuple = ()
    failed: dict = field(default_factory=dict)

    @property
    def exit_code(self):
        return 1 if self.failed else 0


def predict(
    inputs: options.Inputs,
    weights: options.Weights,
    out: options.Out,
    times: Annotated[int, arg(help="how often")] = 1,
    mode: Annotated[Literal["plain", "loud"], arg(help="how")] = "plain",
    points: Annotated[tuple[float, ...], arg(help="where")] = (),
    words: Annotated[tuple[str, ...], arg(help="said")] = (),
    mask: Annotated[str, arg(help="a file")] = "",
    pause: Annotated[float, arg(help="seconds")] = 0.0,
    crash: Annotated[bool, arg(help="break down")] = False,
    figure: bool = True,
    prompt: str = "",
    overwrite: options.Overwrite = False,
):
    """Copy files.

    Args:
        inputs: files.
        figure: draw it, and
            write that.
    """
    if crash:
        os._exit(7)
    time.sleep(pause)
    copied = Copied()
    out.mkdir(exist_ok=True, parents=True)
    for each in inputs:
        files = sorted(Path(each).rglob("*")) if Path(each).is_dir() else [Path(each)]
        content = b"".join(file.read_bytes() for file in files if file.is_file())
        if content == b"starts another":
            (out / "pid").write_text(str(subprocess.Popen(["sleep", "60"]).pid))
            time.sleep(60)
        if content == b"talks":
            for _ in range(20_000):
                say("and so on and on")
            say("the end")
        if content == b"killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if content == b"broken":
            copied.failed[Path(each)] = f"{each}: broken"
            complain(f"failed: {each}: broken")
            continue
        (out / Path(each).name).write_bytes(content * times)
        copied.done.append(out / Path(each).name)
    complain("note: a remark")
    say(f"{len(copied.done)} done, {len(copied.failed)} failed; results in {out}")
    say(f"mode {mode}, points {points}, words {words}, mask {Path(mask).name}")
    return copied


COMMANDS, main = program(METHOD, predict)

if __name__ == "__main__":
    sys.exit(main())
'''


def write_method(folder: Path) -> None:
    """Write the package into a folder."""
    package = folder / MODULE
    package.mkdir()
    for name, text in (("__init__", ""), ("method", RECORD), ("cli", COMMANDS)):
        (package / f"{name}.py").write_text(text)
    (package / "sample.png").write_bytes(PIXEL)
    about = folder / f"{MODULE}-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {NAME}\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[{GROUP}]\n{NAME} = {MODULE}.method:METHOD\n")


def install_method(folder: Path, patch: pytest.MonkeyPatch) -> Iterator[Method]:
    """Yield the method, as if it were the only one that is installed."""
    write_method(folder)
    patch.syspath_prepend(folder)
    patch.setenv("PYTHONPATH", str(folder))
    method: Method = load(f"{MODULE}.method:METHOD")
    # in processes of their own it is found by its entry point, beside others
    for module in ("programs.calls", "programs.openapi", "main"):
        patch.setattr(f"visioncore.{module}.find_methods", lambda: ([method], []), raising=False)
    yield method
    for name in [name for name in sys.modules if name.partition(".")[0] == MODULE]:
        del sys.modules[name]
