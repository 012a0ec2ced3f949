"""The pytest plugin of the workspace (``-p visioncore.testing.plugin``): fixtures, one thread each, how many processes.

Import pytest nowhere else in the core, so that it is asked for by nobody who only uses a method.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from torch import Tensor

    from .golden import GoldenCase
    from .photos import Pixels

# The networks of tests are so small that a second thread slows them down, and beside a busy core by much. Both are read
# when torch is loaded; the commands that tests start read them as well.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["OMP_WAIT_POLICY"] = "PASSIVE"

# Images of containers often keep Python from storing what it compiled. Each of the many processes of a run would then
# compile torch anew, which takes longer than to load it.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

MOST_PROCESSES = 8
"""Each loads torch, so that more would mainly take memory."""

pytest.register_assert_rewrite(*(f"visioncore.testing.{name}" for name in ("golden", "photos", "readme", "suites")))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Answer ``-n auto``: a process for each core at hand, and none beside this one for a single file or test."""
    if len(config.args) == 1 and Path(config.args[0].partition("::")[0]).is_file():
        config.option.dist = "no"
        return 0
    return min(
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1, MOST_PROCESSES
    )


@pytest.fixture(scope="session")
def made_once(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str, Callable[[Path], object]], Path]:
    """Makes a folder, by its name and what fills it, once for all processes of a run, and returns it."""
    from filelock import FileLock

    base = tmp_path_factory.getbasetemp()
    # each process of a run has a folder of its own in that of the run
    base = base.parent if hasattr(request.config, "workerinput") else base

    def make(name: str, fill: Callable[[Path], object]) -> Path:
        folder, done = base / name, base / f"{name}.done"
        with FileLock(base / f"{name}.lock"):
            if not done.exists():
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                fill(folder)
                done.touch()
        return folder

    return make


def data_folder(request: pytest.FixtureRequest) -> Path:
    """Return the folder ``data`` beside the file of a test."""
    return Path(request.path).parent / "data"


@pytest.fixture(scope="module")
def golden(request: pytest.FixtureRequest) -> Callable[[str], GoldenCase]:
    """Reads a golden case of ``tests/data`` by its name."""
    from .golden import GoldenCase

    return lambda name: GoldenCase.read(data_folder(request), name)


@pytest.fixture(scope="module")
def layouts(request: pytest.FixtureRequest) -> dict[str, Any]:
    """The published layouts, name -> shape, by variant, from ``tests/data/manifest.json``."""
    read: dict[str, Any] = json.loads((data_folder(request) / "manifest.json").read_text(encoding="utf-8"))
    return read


@pytest.fixture(scope="session")
def fill() -> Callable[[Mapping[str, Iterable[int]]], dict[str, Tensor]]:
    """Makes the tensors of a published layout from their names."""
    from .golden import filled_tensors

    return filled_tensors


@pytest.fixture(scope="session")
def make_input() -> Callable[[Mapping[str, Any]], Tensor]:
    """Makes an input that a golden case describes."""
    from .golden import made_input

    return made_input


@pytest.fixture(scope="session")
def make_photo() -> Callable[..., Pixels]:
    """Makes up a photo of the given height, width and seed."""
    from .photos import photo

    return photo


@pytest.fixture
def run_program(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Runs a program's ``main`` on words; returns its exit code, what it printed, and what it complained of."""

    def run(main: Callable[[list[str]], int], *words: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main([str(word) for word in words])
        return code, *capsys.readouterr()

    return run


@pytest.fixture
def run(request: pytest.FixtureRequest, run_program: Callable[..., tuple[int, str, str]]) -> Callable[..., Any]:
    """Runs the commands of the package that the test's module calls ``PACKAGE``."""
    return partial(run_program, import_module(f"{request.module.PACKAGE}.cli").main)


@pytest.fixture
def recipe(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The text ``RECIPE`` of the test's module, in a file."""
    path = tmp_path / "recipe.yaml"
    path.write_text(request.module.RECIPE, encoding="utf-8")
    return path


@pytest.fixture
def instead_of_bundled(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Any], None]:
    """Puts a network where the demo of a package looks for the bundled one."""
    return lambda package, model: monkeypatch.setattr(f"{package}.demo.bundled_model", lambda *_: model)


@pytest.fixture
def instead_of_fit(monkeypatch: pytest.MonkeyPatch) -> Callable[[object], dict[str, Any]]:
    """Keeps what a module with ``fit`` would train, and how, instead of training; returns where it is kept."""

    def keep(trainer: object) -> dict[str, Any]:
        given: dict[str, Any] = {}

        def fit(model: Any, loss: Any, source: Any, **options: Any) -> None:
            given.update(model=model, loss=loss, source=source, **options)

        monkeypatch.setattr(trainer, "fit", fit)
        return given

    return keep


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Any], Path]:
    """Saves a network in a new folder and returns it."""

    def save(model: Any) -> Path:
        folder = tmp_path_factory.mktemp("weights") / "network"
        model.save_pretrained(folder)
        return folder

    return save
