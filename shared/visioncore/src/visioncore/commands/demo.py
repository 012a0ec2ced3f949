"""The frame of every demo: where it writes, how long it takes, and its report."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from ..files import writable_folder
from ..methods import Method
from ..report import DemoReport


class Shown(NamedTuple):
    """Outcome of a demo; the fields are those of `DemoReport`."""

    headline: str
    measured: Mapping[str, float]
    figure: Path


def demo_of(method: Method) -> Callable[[Callable[[Path], Shown]], Callable[[str | Path], DemoReport]]:
    """Return a decorator that makes a demo of a function that does its work in a folder which is there.

    The demo takes the folder ``out``, makes it, writes report.json into it and returns the report; an `InputError` says
    so if it cannot be written.
    """

    def decorate(work: Callable[[Path], Shown]) -> Callable[[str | Path], DemoReport]:
        @functools.wraps(work)
        def demo(out: str | Path) -> DemoReport:
            start = time.perf_counter()
            folder = writable_folder(out)
            shown = work(folder)
            report = DemoReport(method.name, *shown, seconds=time.perf_counter() - start)
            report.save(folder)
            return report

        return demo

    return decorate
