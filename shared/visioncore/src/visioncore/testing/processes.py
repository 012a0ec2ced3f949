"""Scripts in processes of their own, forked from a server that has loaded torch, which takes seconds, once for all."""

from __future__ import annotations

import importlib.util
import os
import runpy
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from types import ModuleType

TIMEOUT = 300
"""Seconds; a script takes few, but the machine may be busy."""


def load_script(script: Path) -> ModuleType:
    """Import a Python file as a module of its own name."""
    spec = importlib.util.spec_from_file_location(script.stem, script)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@dataclass(frozen=True)
class Ended:
    """How a process ended: its exit code, negative for a signal, and what it wrote to stderr."""

    returncode: int
    stderr: str


def run_scripts(script: Path, *words: object, folder: Path, each: tuple[Mapping[str, str], ...] = ({},)) -> Ended:
    """Run a script once for each set of environment variables, all at the same time, and wait for the end.

    Each process leads a session of its own, so that it may signal its group.

    Args:
        script: a Python file.
        words: its arguments.
        folder: where what the processes write to stderr is kept.
        each: environment variables of each process.

    Returns:
        The exit code of the first process, and the stderr of all, in order.
    """
    context = get_context("forkserver")
    context.set_forkserver_preload(["torch", "accelerate", "visioncore.training"])
    logs = [folder / f"stderr-{number}" for number in range(len(each))]
    processes = [
        context.Process(target=_run, args=(script, [str(word) for word in words], dict(variables), log))
        for variables, log in zip(each, logs, strict=True)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(TIMEOUT)
        if process.is_alive():
            process.kill()
            process.join()
    code = processes[0].exitcode
    assert code is not None
    return Ended(code, "".join(log.read_text() for log in logs))


def _run(script: Path, words: list[str], variables: Mapping[str, str], log: Path) -> None:
    os.setsid()
    os.environ.update(variables)
    with log.open("w") as file:
        os.dup2(file.fileno(), sys.stderr.fileno())
    sys.argv = [str(script), *words]
    runpy.run_path(str(script), run_name="__main__")
