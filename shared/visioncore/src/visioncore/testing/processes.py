"""Scripts in processes of their own, forked from a server that has loaded torch, which takes seconds, once for all."""

from __future__ import annotations

import importlib.util
import json
import os
import runpy
import socket
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

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


def train_on_two(script: Path, *words: object, folder: Path) -> Ended:
    """Run a script that trains on the CPU in two processes of one group; arguments as of `run_scripts`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    common = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "ACCELERATE_USE_CPU": "1"}
    each = tuple({**common, "RANK": str(rank), "LOCAL_RANK": str(rank), "OMP_NUM_THREADS": "1"} for rank in (0, 1))
    return run_scripts(script, *words, folder=folder, each=each)


def logged(out: Path, names: Iterable[str]) -> list[dict[str, Any]]:
    """Return some of the values of each step in the log of a run in a folder, as far as the step has them."""
    lines = map(json.loads, (out / "log.jsonl").read_text().splitlines())
    return [{name: line[name] for name in names if name in line} for line in lines if "loss" in line]


def check_runs_equal(one: Path, other: Path, names: Iterable[str], networks: Sequence[str] = ("model",)) -> None:
    """Validate that two runs, each in a folder, had the same losses and weights, to rounding.

    Args:
        one: as it should be.
        other: as it is.
        names: of what the log of each step holds.
        networks: whose weights are compared at the end.

    Raises:
        AssertionError: if they differ.
    """
    wanted, found = logged(one, names), logged(other, names)
    assert len(wanted) == len(found) > 0
    for line, expected in zip(found, wanted, strict=True):
        assert line == pytest.approx(expected, rel=2e-4)
    for name in networks:
        right, ours = (load_file(out / "last" / f"{name}.safetensors") for out in (one, other))
        assert ours.keys() == right.keys()
        for key, tensor in right.items():
            torch.testing.assert_close(ours[key], tensor, rtol=2e-3, atol=2e-4, msg=key)


def _run(script: Path, words: list[str], variables: Mapping[str, str], log: Path) -> None:
    os.setsid()
    os.environ.update(variables)
    with log.open("w") as file:
        os.dup2(file.fileno(), sys.stderr.fileno())
    sys.argv = [str(script), *words]
    runpy.run_path(str(script), run_name="__main__")
