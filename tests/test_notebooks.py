"""Every method has a notebook: short, stored without outputs, formatted, and every cell of it runs."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from docs_pages import NOTEBOOK
from workspace import ROOT, Member, members

METHODS = [member for member in members() if member.folder.startswith(("packages/", "examples/"))]
HOMES = re.compile(r"(?<![\w.])/(?:home|Users|root|tmp|work|mnt)/|[A-Z]:\\\\")
"""How paths of a machine begin."""
NO_WIDGETS = re.compile(r".*TqdmWarning: IProgress not found.*\n.*\n")
"""Progress bars in a notebook want ipywidgets, which no result depends on."""

of_each_method = pytest.mark.parametrize("member", METHODS, ids=lambda member: member.name)


def path_of(member: Member) -> Path:
    return ROOT / member.folder / NOTEBOOK


def read(member: Member) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path_of(member).read_text(encoding="utf-8"))
    return found


def texts(notebook: dict[str, Any], kind: str) -> Iterator[str]:
    """Yield the sources of the cells of one kind."""
    return ("".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == kind)


@of_each_method
def test_it_is_stored_without_outputs(member: Member) -> None:
    notebook = read(member)
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert [cell["id"] for cell in code if cell["outputs"] or cell["execution_count"] is not None] == []
    assert [cell["id"] for cell in notebook["cells"] if cell["metadata"]] == []
    assert notebook["metadata"] == {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    assert HOMES.findall(path_of(member).read_text(encoding="utf-8")) == []


@of_each_method
def test_it_is_a_first_look(member: Member) -> None:
    notebook = read(member)
    told = "\n".join(texts(notebook, "markdown"))
    assert 8 <= len(notebook["cells"]) <= 14
    assert told.startswith("# ")
    assert f"pip install {member.name}" in told
    headings = re.findall(r"^## (.*)$", told, re.MULTILINE)
    assert headings[-1] == "Limits"
    assert headings[-2].startswith("Your ")
    assert [heading for heading in headings if heading.startswith("One option that matters: ")]
    assert '("demo"' in "\n".join(texts(notebook, "code"))


@pytest.mark.parametrize("check", ["check", "format --check"])
def test_the_code_is_clean(check: str) -> None:
    paths = [str(path_of(member)) for member in METHODS]
    command = [sys.executable, "-m", "ruff", *check.split(), "--no-cache", *paths]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr


@of_each_method
def test_every_cell_runs(member: Member, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ipykernel", reason="runs notebooks; the group 'docs' brings it")
    nbclient, nbformat = (pytest.importorskip(name) for name in ("nbclient", "nbformat"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    notebook = nbformat.read(path_of(member), as_version=4)
    nbformat.validate(notebook)
    where = {"metadata": {"path": str(tmp_path)}}
    client = nbclient.NotebookClient(notebook, timeout=300, startup_timeout=300, kernel_name="python3", resources=where)
    client.execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    complaints = "".join(output.text for output in outputs if output.get("name") == "stderr")
    assert NO_WIDGETS.sub("", complaints) == ""
    assert len([output for output in outputs if "image/png" in output.get("data", {})]) >= 1
    assert list(tmp_path.iterdir()) == []
