"""A made-up method for the tests of servers: a package that is written into a folder, and predicts in no time."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from visioncore.methods import GROUP, Method, load

NAME, MODULE = "made-up-copies", "made_up_copies"

RECORD = """
from visioncore.methods import Method, Network

METHOD = Method(
    name="made-up-copies", module=__name__.rpartition(".")[0], title="Copies", task="copy files", paper="On copies",
    authors="Nobody", venue="None", arxiv="", citation="@misc{a}", licence="MIT", weights="none",
    demo="made_up_copies.demo:demo", network=Network("network:A", "network:B", ("a",), "network:inputs", ("b",)),
)
"""

COMMANDS = '''
import os, sys, time
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
    overwrite: options.Overwrite = False,
):
    """Copy files.

    Args:
        inputs: files.
    """
    if crash:
        os._exit(7)
    time.sleep(pause)
    copied = Copied()
    out.mkdir(exist_ok=True, parents=True)
    for each in inputs:
        text = Path(each).read_text()
        if text == "broken":
            copied.failed[Path(each)] = f"{each}: broken"
            complain(f"failed: {each}: broken")
            continue
        (out / Path(each).name).write_text(text * times)
        copied.done.append(out / Path(each).name)
    say(f"{len(copied.done)} done; mode {mode}, points {points}, words {words}, mask {Path(mask).name}")
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
    for module in ("calls", "openapi"):
        patch.setattr(f"visioncore.programs.{module}.find_methods", lambda: ([method], []), raising=False)
    yield method
    for name in [name for name in sys.modules if name.partition(".")[0] == MODULE]:
        del sys.modules[name]
