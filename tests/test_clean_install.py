"""Each package alone, as its user gets it: its wheel, visioncore's, what the two require, and no network.

The environment is bare: third-party packages are lent from the one that runs the tests, only those that the wheels
require and as links, and neither the sources nor another member can be imported in it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Mapping
from email import message_from_bytes
from importlib.metadata import distribution
from pathlib import Path
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from isolation import CORE, module_name
from workspace import Member, published_members

Built = Mapping[str, Mapping[str, Path]]

NO_NETWORK = """
import socket

def refuse(*arguments, **options):
    raise OSError("this test has no network")

socket.socket.connect = socket.getaddrinfo = refuse
"""


IMPORT_EACH = """
import importlib, json, sys

told = {}
for name in sys.argv[1:]:
    try:
        package = importlib.import_module(name)
        for public in getattr(package, "__all__", ()):
            getattr(package, public)
        told[name] = package.__file__
    except ModuleNotFoundError as error:
        told[name] = f"not there: {error}"
print(json.dumps(told))
"""


def required(wheel: Path) -> list[str]:
    """Return the requirements of a wheel."""
    with ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return message_from_bytes(archive.read(name)).get_all("Requires-Dist", [])


def closure(name: str, wheels: Mapping[str, Path]) -> set[str]:
    """Return all distributions that ``name`` stands on, itself among them; those in ``wheels`` are read from there."""
    waiting, seen = [Requirement(name)], set()
    while waiting:
        wanted = waiting.pop()
        known = canonicalize_name(wanted.name)
        if (known, frozenset(wanted.extras)) in seen:
            continue
        seen.add((known, frozenset(wanted.extras)))
        for line in required(wheels[known]) if known in wheels else distribution(known).requires or []:
            inner = Requirement(line)
            if inner.marker is None or any(inner.marker.evaluate({"extra": extra}) for extra in ("", *wanted.extras)):
                waiting.append(inner)
    return {known for known, _ in seen}


def lend(name: str, folder: Path) -> None:
    """Link the files of an installed distribution into ``folder``."""
    lender = distribution(name)
    for top in {file.parts[0] for file in lender.files or []} - {"..", "__pycache__"}:
        if not (folder / top).exists():
            (folder / top).symlink_to(Path(str(lender.locate_file(top))))


def bare_environment(folder: Path, lent: set[str]) -> Path:
    """Make an environment with ``lent`` distributions, without network, and return its folder of commands."""
    venv.create(folder, symlinks=True)
    places = {"base": str(folder), "platbase": str(folder)}
    site = Path(sysconfig.get_path("purelib", "venv", places))
    (folder / "lent").mkdir()
    for name in lent:
        lend(name, folder / "lent")
    (site / "no_network.py").write_text(NO_NETWORK)
    # A folder named in a .pth file is no site folder: the editable installs beside what is lent would stay unread.
    (site / "lent.pth").write_text(f"{folder / 'lent'}\nimport no_network\n")
    return Path(sysconfig.get_path("scripts", "venv", places))


def run(*command: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command in ``folder``, without anything of this process's environment that could let sources in."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV", "UV_"))}
    # Wide enough that no name in a table is broken.
    kept["COLUMNS"] = "200"
    return subprocess.run(command, cwd=folder, env=kept, capture_output=True, text=True, timeout=300)


def import_each(commands: Path, work: Path, *more: str) -> dict[str, str]:
    """Import all that is published, with every public name; return {name: its file, or why it is not there}."""
    names = [*map(module_name, published_members()), *more]
    ran = run(commands / "python", "-c", IMPORT_EACH, *names, folder=work)
    assert ran.returncode == 0, ran.stderr
    told: dict[str, str] = json.loads(ran.stdout)
    return told


def install(commands: Path, wheels: list[Path], folder: Path) -> None:
    """Install wheels, and nothing else, into an environment."""
    uv = [shutil.which("uv") or ""] if shutil.which("uv") else [sys.executable, "-m", "uv"]
    options = ("--offline", "--no-index", "--no-deps", "--no-config", "--no-cache", "--python", commands / "python")
    ran = run(*uv, "pip", "install", *options, *wheels, folder=folder)
    if "No module named uv" in ran.stderr:
        pytest.skip("uv is not installed")
    assert ran.returncode == 0, ran.stderr


@pytest.fixture(scope="module", params=published_members(), ids=lambda member: member.name)
def installed(
    request: pytest.FixtureRequest, built: Built, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Member, Path, Path]:
    """Return a member, the commands of an environment with it alone, and an empty folder to work in."""
    member: Member = request.param
    folder = tmp_path_factory.mktemp("clean")
    (folder / "work").mkdir()
    wheels = {name: files["wheel"] for name, files in built.items()}
    needed = closure(member.name, wheels)
    commands = bare_environment(folder / "environment", needed - wheels.keys())
    for name, told in import_each(commands, folder / "work").items():
        assert told == f"not there: No module named '{name}'"
    install(commands, [wheels[name] for name in sorted(needed & wheels.keys())], folder / "work")
    return member, commands, folder / "work"


def test_import(installed: tuple[Member, Path, Path]) -> None:
    member, commands, work = installed
    told = import_each(commands, work, "pytest")
    for other in published_members():
        name = module_name(other)
        if other.name in (member.name, CORE):
            assert Path(told[name]).is_relative_to(commands.parent)
        else:
            assert told[name] == f"not there: No module named '{name}'"
    # What the tests use themselves must not stand in for a requirement that a package forgot to name.
    assert told["pytest"] == "not there: No module named 'pytest'"


def test_there_is_no_network(installed: tuple[Member, Path, Path]) -> None:
    _, commands, work = installed
    script = "import urllib.request; urllib.request.urlopen('http://127.0.0.1:9')"
    assert "this test has no network" in run(commands / "python", "-c", script, folder=work).stderr


def test_version(installed: tuple[Member, Path, Path]) -> None:
    member, commands, work = installed
    ran = run(commands / member.name, "--version", folder=work)
    assert (ran.returncode, ran.stdout) == (0, f"{member.name} {member.version}\n"), ran.stderr


def test_methods_are_found(installed: tuple[Member, Path, Path]) -> None:
    member, commands, work = installed
    ran = run(commands / CORE, "methods", folder=work)
    assert ran.returncode == 0, ran.stderr
    for other in published_members():
        assert (other.name in ran.stdout) == (other.name == member.name != CORE)


def test_doctor_or_info(installed: tuple[Member, Path, Path]) -> None:
    member, commands, work = installed
    ran = run(commands / member.name, "doctor" if member.name == CORE else "info", folder=work)
    assert ran.returncode == 0, ran.stderr
    assert ("torch" if member.name == CORE else "Apache-2.0") in ran.stdout


def test_demo(installed: tuple[Member, Path, Path]) -> None:
    member, commands, work = installed
    ran = run(commands / member.name, "demo", "--out", "shown", folder=work)
    if member.name == CORE:
        assert ran.returncode == 2
        assert "no method is installed" in ran.stderr
        return
    assert ran.returncode == 0, ran.stderr
    report = json.loads((work / "shown" / "report.json").read_text(encoding="utf-8"))
    assert report["method"] == member.name
    assert report["headline"]
    assert report["measured"]
    assert (work / "shown" / report["figure"]).stat().st_size > 0
