"""The workflows: every action is fixed to a commit, and every job ends some time."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from workspace import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def jobs(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"]
    return found


def test_there_are_workflows() -> None:
    assert [path.stem for path in WORKFLOWS] == ["ci", "release"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_actions_are_fixed_to_a_commit(path: Path) -> None:
    used = re.findall(r"uses: (.*)", path.read_text(encoding="utf-8"))
    assert used
    assert [line for line in used if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line)] == []


def test_an_action_is_of_one_commit_everywhere() -> None:
    used = {line for path in WORKFLOWS for line in re.findall(r"uses: (.*)", path.read_text(encoding="utf-8"))}
    assert len({line.partition("@")[0] for line in used}) == len(used)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_every_job_ends(path: Path) -> None:
    assert [name for name, job in jobs(path).items() if not 1 <= job.get("timeout-minutes", 0) <= 120] == []


def test_a_wheel_is_tried_with_what_is_published() -> None:
    """The core of the checkout may have what the published one lacks."""
    steps = jobs(ROOT / ".github" / "workflows" / "release.yml")["build"]["steps"]
    builds = re.findall(r"uv build .*", "\n".join(step.get("run", "") for step in steps))
    assert builds == ['uv build --package "$NAME" --out-dir dist']
