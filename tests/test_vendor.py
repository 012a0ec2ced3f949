"""Every method can be vendored, and its copy works where neither the method nor the core is installed."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from isolation import CORE, module_name
from vendor import check, vendor
from vendoring_imports import COPY
from vendoring_record import NAME, Record, digest, read_record
from vendoring_requirements import Requirement
from vendoring_sources import methods, package_files
from workspace import ROOT, Member, members, read_pyproject

PARENT = "theirlib.third_party"

TYPES_ONLY = {"_typeshed"}
"""Modules that only type checkers have."""
PREDICT = {
    "alt-action": ["clip.mp4"],
    "anyscene-compose": [".", "--prompt=a {name} on the beach", "--steps=2"],
    "artadapter-style": ["striped.png", "--prompt=a cat", "--steps=2"],
    "csc-pretrain3d": ["street.bin"],
    "gazedptr-gaze": ["01.jpg", "--faces", "landmarks.json", "--camera", "camera.json"],
    "isp-scanpath": ["scene.png"],
    "lvmm-motion": ["bend.png", "--suffix=.png", "--steps=2"],
}
"""What predict is tried with, files among a package's samples; without an entry: the first input."""
IN_THE_COPY = """
import importlib, importlib.metadata, importlib.util, json, pkgutil, runpy, sys

ours, package, version, core_version, *arguments = json.loads(sys.argv[1])
for name in ours:
    assert importlib.util.find_spec(name.replace("-", "_")) is None, name
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        continue
    raise AssertionError(name)

copy = importlib.import_module(package)
for name in copy.__all__:
    getattr(copy, name)
for found in pkgutil.walk_packages(copy.__path__, copy.__name__ + "."):
    importlib.import_module(found.name)
method = importlib.import_module(package + ".method").METHOD
assert method.module == package, method.module
assert copy.__version__ == method.version == version, copy.__version__
assert importlib.import_module(package + "._visioncore").__version__ == core_version
module, _, function = method.demo.partition(":")
assert callable(getattr(importlib.import_module(module), function))

sys.argv = [package, *arguments]
runpy.run_module(package + ".cli", run_name="__main__", alter_sys=True)
"""
"""Checks that nothing of ours is installed, imports all of the copy, and runs a command of it; all in one process."""


@pytest.fixture(scope="module", params=methods(ROOT), ids=lambda method: method.name)
def method(request: pytest.FixtureRequest) -> Member:
    found: Member = request.param
    return found


@pytest.fixture(scope="module")
def parent(method: Member, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder whose package ``theirlib.third_party`` holds a copy of the method."""
    top = tmp_path_factory.mktemp("parent")
    folder = top.joinpath(*PARENT.split("."))
    folder.mkdir(parents=True)
    for package in (folder, folder.parent):
        (package / "__init__.py").touch()
    vendor(method.name, folder)
    return top


@pytest.fixture(scope="module")
def copy(method: Member, parent: Path) -> Path:
    """Return the folder of the copy."""
    return parent.joinpath(*PARENT.split("."), module_name(method))


@pytest.fixture(scope="module")
def record(copy: Path) -> Record:
    return read_record(copy)


@pytest.fixture(scope="module")
def third_party(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with all that is installed but the members of the workspace."""
    folder = tmp_path_factory.mktemp("third_party")
    ours = tuple(module_name(member) for member in members())
    for place in sorted({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}):
        for entry in Path(place).iterdir():
            # What .pth files name, editable installs above all, stays away too.
            if entry.suffix != ".pth" and entry.name.partition("-")[0] not in (*ours, "__pycache__"):
                (folder / entry.name).symlink_to(entry)
    # OpenCV's loader follows links, and then takes its own folder for another copy
    if (linked := folder / "cv2").is_symlink():
        source = linked.readlink()
        linked.unlink()
        shutil.copytree(source, linked)
    return folder


def run(script: str, argument: str, path: list[Path]) -> None:
    """Run a script on the standard library and these folders alone."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environment |= {"HF_HUB_OFFLINE": "1", "PYTHONPATH": os.pathsep.join(map(str, path))}
    command = [sys.executable, "-S", "-P", "-B", "-c", script, argument]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr


def imports(file: Path, copy: Path) -> Iterator[tuple[list[str], tuple[str, ...] | None]]:
    """Yield the imports in a file of the copy: (parts from the top of the copy, or None if foreign; the names)."""
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (([alias.name.partition(".")[0]], None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield [(node.module or "").partition(".")[0]], None
        elif isinstance(node, ast.ImportFrom):
            folder = list(file.relative_to(copy).parts[:-1])
            assert node.level <= len(folder) + 1, f"{file}:{node.lineno} leaves the copy"
            base = folder[: len(folder) - node.level + 1]
            yield base + (node.module.split(".") if node.module else []), tuple(alias.name for alias in node.names)


def modules(folder: Path, parts: list[str], names: tuple[str, ...]) -> set[str]:
    """Return the paths of the modules, of those that there are in ``folder``, that an import reads."""
    places = [folder.joinpath(*parts), *(folder.joinpath(*parts, name) for name in names)]
    files = [file for place in places for file in (place.with_name(f"{place.name}.py"), place / "__init__.py")]
    return {file.relative_to(folder).as_posix() for file in files if file.is_file()}


def test_all_of_the_method_is_there(method: Member, copy: Path, record: Record) -> None:
    source = package_files(ROOT / method.folder / "src" / module_name(method))
    inside = {path: file.read_bytes() for path, file in package_files(copy).items()}
    assert source.keys() | {"LICENSE", NAME} == {path for path in inside if not path.startswith(f"{COPY}/")}
    for path, file in source.items():
        texts = [inside[path], file.read_bytes()]
        if path.endswith((".py", ".pyi")):
            texts = [b"\n".join(line for line in text.split(b"\n") if CORE.encode() not in line) for text in texts]
        assert texts[0] == texts[1], path
    assert record.files == {path: digest(content) for path, content in inside.items() if path != NAME}


def test_imports_lead_into_the_copy_or_to_a_requirement(method: Member, copy: Path, record: Record) -> None:
    groups = (record.requirements.needed, *record.requirements.optional.values())
    required = {Requirement.parse(text).name for group in groups for text in group}
    distributions = packages_distributions()
    for path, file in package_files(copy).items():
        if not path.endswith((".py", ".pyi")):
            continue
        for parts, names in imports(file, copy):
            if names is not None:
                assert modules(copy, parts, names), f"{path}: {'.'.join(parts)} is not in the copy"
            elif parts[0] not in sys.stdlib_module_names | TYPES_ONLY:
                # a library that is not installed here is taken to be called as its module is
                brought = {Requirement.parse(name).name for name in distributions.get(parts[0], [parts[0]])}
                assert brought & required, f"{path}: {parts[0]} is not required"


def test_just_the_parts_of_the_core_that_are_needed(copy: Path) -> None:
    core = ROOT / "shared" / CORE / "src" / CORE
    inside = {path for path in package_files(copy) if path.endswith(".py")}
    reached = {path for path in inside if not path.startswith(f"{COPY}/")}
    waiting = list(reached)
    while waiting:
        module = copy / waiting.pop()
        files = [file for file in (module, module.with_suffix(".pyi")) if file.is_file()]
        for parts, names in (each for file in files for each in imports(file, copy)):
            if names is None:
                continue
            found = modules(copy, parts, names)
            if parts[:1] == [COPY]:
                assert found == {f"{COPY}/{path}" for path in modules(core, parts[1:], names)}
                found |= {f"{'/'.join(parts[:depth])}/__init__.py" for depth in range(1, len(parts))}
            waiting += found - reached
            reached |= found
    assert reached == inside


def test_record(method: Member, copy: Path, record: Record) -> None:
    core = next(member for member in members() if member.name == CORE)
    assert (record.package, record.version, record.visioncore) == (method.name, method.version, core.version)
    projects = [read_pyproject(ROOT / member.folder)["project"] for member in (method, core)]
    declared: dict[str, set[str]] = {}
    for project in projects:
        for lines in (project["dependencies"], *project.get("optional-dependencies", {}).values()):
            for found in map(Requirement.parse, lines):
                declared.setdefault(found.name, set()).update(found.bounds)
    for group in (record.requirements.needed, *record.requirements.optional.values()):
        for found in map(Requirement.parse, group):
            assert found.name not in {member.name for member in members()}
            assert found.bounds
            assert set(found.bounds) <= declared[found.name]
    for path, licence in record.licences.items():
        assert (copy / path).read_text(encoding="utf-8")
        assert licence.startswith(projects[path != "LICENSE"]["license"])


def test_check(method: Member, tmp_path: Path) -> None:
    vendor(method.name, tmp_path)
    assert check(method.name, tmp_path) == []
    with (tmp_path / module_name(method) / "cli.py").open("a") as file:
        file.write("# edited\n")
    assert check(method.name, tmp_path) == ["cli.py: edited here"]


def test_predicts_the_same_where_nothing_of_ours_is_installed(
    method: Member, parent: Path, copy: Path, third_party: Path, tmp_path: Path
) -> None:
    samples = copy / "assets" / "samples"
    inputs = PREDICT.get(method.name) or [min((samples / "input").iterdir()).relative_to(samples).as_posix()]
    inputs = [each if each.startswith("-") else str(samples / each) for each in inputs]
    arguments = ["predict", *inputs, "--weights", "demo", "--out"]
    ours, vendored = [member.name for member in members()], f"{PARENT}.{copy.name}"
    core = next(member for member in members() if member.name == CORE)
    told = json.dumps([ours, vendored, method.version, core.version, *arguments, str(tmp_path / "copy")])
    run(IN_THE_COPY, told, [third_party, parent])
    assert import_module(f"{module_name(method)}.cli").main([*arguments, str(tmp_path / "installed")]) == 0
    results = [
        {
            path: file.read_bytes()
            for path, file in package_files(tmp_path / name).items()
            if path not in ("made.jsonl", "run.json")
        }
        for name in ("copy", "installed")
    ]
    assert results[0]
    assert results[0] == results[1]
