"""The recipes of the images agree with the packages and with each other; what is sent to their build is there."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from visioncore.cli import parameters
from visioncore.main import serve
from workspace import ROOT, published_members, read_pyproject

SCRIPT = "tools/install_methods.sh"
METHODS = [member.name for member in published_members() if member.folder.startswith("packages/")]


def instructions() -> list[tuple[str, str]]:
    """Return (name, arguments) of the instructions of the Dockerfile."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    return [(name, rest.strip()) for name, _, rest in (line.partition(" ") for line in lines if line)]


def last(name: str) -> str:
    """Return the arguments of the last instruction of a name."""
    return [rest for found, rest in instructions() if found == name][-1]


def arguments() -> dict[str, str]:
    """Return the build arguments that have a default."""
    given = (rest.partition("=") for name, rest in instructions() if name == "ARG")
    return {name: value.strip('"') for name, _, value in given}


def section(name: str) -> list[str]:
    """Return the lines of the first section of a name in the recipe of Apptainer."""
    text = (ROOT / "apptainer.def").read_text(encoding="utf-8")
    (found, *_) = re.findall(rf"^%{name}\n((?:    .*\n)+)", text, re.MULTILINE)
    return [line.strip() for line in found.splitlines()]


def sent() -> list[str]:
    """Return what the ignore file lets through to a build."""
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert lines[1] == "*"
    return [line[1:] for line in lines if line.startswith("!")]


def test_what_is_copied_is_there_and_sent() -> None:
    copied = [rest.split()[0] for name, rest in instructions() if name == "COPY" and "--from" not in rest]
    assert copied == [SCRIPT, "shared", "packages"]
    assert [path for path in copied if not (ROOT / path).exists()] == []
    assert sorted(copied) == sorted(sent())
    assert [line.split()[0] for line in section("files")] == copied


def test_both_recipes_take_the_same_arguments() -> None:
    found = dict(line.split("=", 1) for line in section("arguments"))
    assert found == arguments()
    text = (ROOT / "apptainer.def").read_text(encoding="utf-8")
    assert set(re.findall(r"\{\{ (\w+) \}\}", text)) == set(found)


@pytest.mark.skipif(os.name == "nt", reason="a shell of Unix")
def test_all_methods_are_in_it(tmp_path: Path) -> None:
    given = {name: arguments()[name] for name in ("METHODS", "EXTRAS", "TORCH")}
    calls = run_script(tmp_path, **given, TARGET="/opt/x")
    built = [call.split()[-1] for call in calls if call.startswith("pip wheel")]
    assert built == ["./shared/visioncore", *(f"./packages/{name}" for name in METHODS)]


def test_extras_and_python_are_known() -> None:
    core = read_pyproject(ROOT / "shared/visioncore")["project"]
    assert [name for name in arguments()["EXTRAS"].split(",") if name not in core["optional-dependencies"]] == []
    minor = int(arguments()["PYTHON"].removeprefix("3."))
    for member in published_members():
        project = read_pyproject(ROOT / member.folder)["project"]
        assert minor >= int(project["requires-python"].removeprefix(">=3."))
        assert f"Programming Language :: Python :: 3.{minor}" in project["classifiers"]


def test_it_runs_as_somebody_without_rights() -> None:
    names = [name for name, _ in instructions()]
    assert last("USER") not in ("0", "root")
    assert "RUN" not in names[names.index("USER") :]
    assert json.loads(last("ENTRYPOINT")) == ["visioncore"]


def test_what_it_starts_is_a_command() -> None:
    command, *options = json.loads(last("CMD"))
    assert command == "serve"
    assert {word.removeprefix("--") for word in options if word.startswith("--")} <= set(parameters(serve))
    assert last("EXPOSE") == str(parameters(serve)["port"].default)


@contextmanager
def serving() -> Iterator[int]:
    """Start ``visioncore serve`` and yield its port."""
    command = [sys.executable, "-m", "visioncore.main", "serve", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "COLUMNS": "200"}) as server:
        try:
            assert server.stdout is not None
            (port,) = re.findall(r"127\.0\.0\.1:(\d+)", server.stdout.readline())
            yield int(port)
        finally:
            server.terminate()


def test_its_health_is_that_of_the_server() -> None:
    pytest.importorskip("starlette", reason="the extra serve is not installed")
    program, option, check = json.loads(last("HEALTHCHECK").partition("CMD ")[2])
    assert (program, option) == ("python3", "-c")
    port = str(parameters(serve)["port"].default)
    assert f":{port}/" in check

    def healthy(place: int) -> bool:
        return (
            subprocess.run(
                [sys.executable, "-c", check.replace(port, str(place))], stderr=subprocess.DEVNULL
            ).returncode
            == 0
        )

    with serving() as place:
        assert healthy(place)
    assert not healthy(place)


def run_script(folder: Path, **given: str) -> list[str]:
    """Run the script with programs that only note how they are called; return their calls."""
    calls = folder / "calls"
    programs = {
        "pip": 'for last in "$@"; do :; done\nmkdir -p "$5"\ntouch "$5/$(basename "$last")-1.0-py3-none-any.whl"\n',
        "uv": 'echo "torch ${UV_TORCH_BACKEND-of the index}" >> "$CALLS"\n',
        "python3": "",
    }
    (folder / "bin").mkdir()
    for name, work in programs.items():
        (folder / "bin" / name).write_text(f'#!/bin/sh\necho "{name} $@" >> "$CALLS"\n{work}', encoding="utf-8")
        (folder / "bin" / name).chmod(0o755)
    environment: Mapping[str, Any] = {
        **{name: value for name, value in os.environ.items() if name != "UV_TORCH_BACKEND"},
        "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "CALLS": str(calls),
        **given,
    }
    subprocess.run(["sh", SCRIPT], cwd=ROOT, env=environment, check=True)
    return calls.read_text(encoding="utf-8").splitlines()


@pytest.mark.skipif(os.name == "nt", reason="a shell of Unix")
@pytest.mark.parametrize(("torch", "told"), [("cpu", "torch cpu"), ("index", "torch of the index")])
def test_the_script_installs_what_it_is_told(torch: str, told: str, tmp_path: Path) -> None:
    calls = run_script(tmp_path, METHODS="isp-scanpath alt-action", EXTRAS="serve,mcp", TORCH=torch, TARGET="/opt/x")
    assert [call.split()[-1] for call in calls if call.startswith("pip wheel")] == [
        "./shared/visioncore",
        "./packages/isp-scanpath",
        "./packages/alt-action",
    ]
    (install,) = (call for call in calls if call.startswith("uv pip install"))
    core, *methods = install.split()[-3:]
    assert core.endswith(".whl[serve,mcp]")
    assert [Path(path).name.partition("-1.0")[0] for path in methods] == ["alt-action", "isp-scanpath"]
    assert "--python /opt/x" in install
    assert calls[-1] == told


def test_the_dockerfile_is_sound() -> None:
    hadolint = shutil.which("hadolint", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if hadolint is None:
        pytest.skip("hadolint is not installed; the group 'dev' brings it")
    ran = subprocess.run([hadolint, "--no-color", str(ROOT / "Dockerfile")], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
