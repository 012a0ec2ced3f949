"""Every example in a README runs as it stands.

A member may have ``tests/readme.py`` with ``prepare(folder)``, which lays out the files that its examples speak of, and
``SMALLER``, options added to commands that would otherwise take long, by how the command begins.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from workspace import ROOT, Member, members

FOREIGN = ("pip", "uv", "git")
"""Commands that a reader runs before there is anything of ours to test."""


def blocks(readme: Path, language: str) -> list[str]:
    """Return the code blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", readme.read_text(encoding="utf-8"), flags=re.M | re.S)


def world(member: Member) -> Any:
    path = ROOT / member.folder / "tests" / "readme.py"
    if not path.exists():
        return SimpleNamespace(prepare=lambda folder: None, SMALLER={})
    spec = spec_from_file_location(f"readme_{Path(member.folder).name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(params=members(), ids=lambda member: member.name)
def member(request: pytest.FixtureRequest) -> Member:
    found: Member = request.param
    return found


def test_python_examples(member: Member, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    examples = blocks(ROOT / member.folder / "README.md", "python")
    assert examples
    world(member).prepare(tmp_path)
    monkeypatch.chdir(tmp_path)
    script = tmp_path / "example.py"
    script.write_text("\n".join(examples), encoding="utf-8")
    ran = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stderr


def test_commands(member: Member, tmp_path: Path) -> None:
    surroundings = world(member)
    surroundings.prepare(tmp_path)
    lines = [
        line.partition("  #")[0].strip()
        for block in blocks(ROOT / member.folder / "README.md", "bash")
        for line in block.splitlines()
    ]
    commands = [line for line in lines if line and line.split()[0] not in FOREIGN]
    assert commands
    for command in commands:
        ran = run(command, surroundings.SMALLER, tmp_path)
        assert ran.returncode == 0, f"{command}\n{ran.stdout}\n{ran.stderr}"


def run(command: str, smaller: Mapping[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    for beginning, options in smaller.items():
        if command.startswith(beginning):
            command = f"{command} {options}"
    words = shlex.split(command)
    program = Path(sys.executable).with_name(words[0])
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    return subprocess.run(
        [program, *words[1:]], cwd=folder, env=environment, capture_output=True, text=True, timeout=300
    )
