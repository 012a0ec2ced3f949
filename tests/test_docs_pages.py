"""What the documentation makes from code, and what its own pages say of files, commands and code."""

from __future__ import annotations

import ast
import inspect
import json
import re
import shlex
import subprocess
from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
import yaml

import visioncore.main
from docs_api import module_page, package_page
from docs_options import command_section
from docs_pages import NOTEBOOK, commands_page, completed, first_result, methods, start_page, write_pages
from visioncore.cli import SHORT, parameters
from visioncore.methods import Method, load
from visioncore.testing.readme import FOREIGN, code_blocks, shell_commands
from workspace import ROOT

PAGES = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
SOURCES = {"nerdrain_derain": "packages/nerdrain-derain/src", "visioncore": "shared/visioncore/src"}
"""Where on the way of one image a package lies."""


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def known_options(program: str, name: str) -> set[str] | None:
    """Return the options of one of our commands; None if there is no such command."""
    found = [method for method in methods() if method.name == program]
    commands = load(f"{found[0].module}.cli:COMMANDS") if found else vars(visioncore.main)
    command = commands.get(name)
    if not inspect.isfunction(command):
        return None
    names = [option.replace("_", "-") for option in parameters(command)]
    short = {SHORT[option] for option in SHORT if option in parameters(command)}
    return {"--help", "--debug", *short, *(f"--{start}{option}" for option in names for start in ("", "no-"))}


def complaints(command: str) -> list[str]:
    """Return what is wrong with a command line of a page."""
    program, *arguments = shlex.split(command)
    if program in FOREIGN:
        return []
    if program.startswith("./") or "/" in program or program in ("python", "python3", "cp", "curl", "open"):
        files = [word for word in arguments if word.startswith(("tools/", "tests/"))]
        return [f"{command}: no {file}" for file in files if "<" not in file and not (ROOT / file).exists()]
    if not entry_points(group="console_scripts", name=program):
        return [f"{command}: no program {program}"]
    known = known_options(program, arguments[0] if arguments else "")
    if known is None:
        return [f"{command}: no such command"]
    options = [word.partition("=")[0] for word in arguments[1:] if re.match(r"--?[a-z]", word)]
    return [f"{command}: no option {each}" for each in options if each not in known and not each.startswith("--set.")]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_code_blocks_are_sound(page: Path) -> None:
    for block in code_blocks(page, "python"):
        ast.parse(block)
    assert [line for command in shell_commands(page) for line in complaints(command)] == []


def own_command(words: list[str]) -> str | None:
    """Return the command of ours in a command line, which a launcher may start; None if there is none."""
    if words and words[0] in {method.name for method in methods()}:
        return shlex.join(words)
    modules = [place for place, word in enumerate(words) if word == "-m"]
    if not modules:
        return None
    module, *rest = words[modules[0] + 1 :]
    return shlex.join([module.removesuffix(".cli").replace("_", "-"), *rest])


def started(page: Path) -> list[list[str]]:
    """Return the command lines in the scripts and manifests of a page."""
    scripts = [block.replace("\\\n", " ") for block in code_blocks(page, "sh")]
    lines = [shlex.split(line, comments=True) for block in scripts for line in block.splitlines()]
    manifests = [manifest for block in code_blocks(page, "yaml") for manifest in yaml.safe_load_all(block)]
    pods = [manifest["spec"]["template"]["spec"] for manifest in manifests if manifest["kind"] == "Job"]
    return lines + [container["command"] for pod in pods for container in pod["containers"]]


def test_scripts_for_clusters_are_sound() -> None:
    page = ROOT / "docs" / "clusters.md"
    scripts = code_blocks(page, "sh")
    assert [block.splitlines()[0] for block in scripts] == ["#!/bin/bash"] * 2
    for block in scripts:
        ran = subprocess.run(["bash", "-n"], input=block, capture_output=True, text=True)
        assert ran.stderr == ""
        late = block.partition("\n\n")[2]
        assert "#SBATCH" not in late, "Slurm reads none below the first command"
    commands = [command for words in started(page) if (command := own_command(words))]
    assert [command.split()[1] for command in commands] == ["predict", "train", "predict", "train"]
    assert [line for command in commands for line in complaints(command)] == []


def test_jobs_for_kubernetes_are_whole() -> None:
    blocks = code_blocks(ROOT / "docs" / "clusters.md", "yaml")
    manifests = [manifest for block in blocks for manifest in yaml.safe_load_all(block)]
    assert [manifest["kind"] for manifest in manifests] == ["Job", "Service", "Job"]
    predict, service, train = manifests
    environment = {each["name"]: each for each in predict["spec"]["template"]["spec"]["containers"][0]["env"]}
    assert environment["WORLD_SIZE"]["value"] == str(predict["spec"]["completions"])
    assert "job-completion-index" in str(environment["RANK"])
    pod = train["spec"]["template"]["spec"]
    assert pod["subdomain"] == service["metadata"]["name"]
    assert service["spec"]["selector"] == {"batch.kubernetes.io/job-name": train["metadata"]["name"]}
    assert f"--nnodes={train['spec']['completions']}" in pod["containers"][0]["command"]
    for job in (predict, train):
        spec = job["spec"]["template"]["spec"]
        assert job["spec"]["completionMode"] == "Indexed"
        named = {volume["name"] for volume in spec["volumes"]}
        assert {mount["name"] for mount in spec["containers"][0]["volumeMounts"]} == named


@pytest.mark.parametrize("method", methods(), ids=lambda method: method.name)
def test_code_blocks_of_notebooks_are_sound(method: Method, tmp_path: Path) -> None:
    """Those between the cells; the cells themselves are run by test_notebooks.py."""
    cells = json.loads((ROOT / "packages" / method.name / NOTEBOOK).read_text(encoding="utf-8"))["cells"]
    texts = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]
    page = tmp_path / "notebook.md"
    page.write_text("\n\n".join(texts), encoding="utf-8")
    test_code_blocks_are_sound(page)
    assert [command.split()[0] for command in shell_commands(page)].count(method.name) >= 2


@pytest.mark.parametrize(
    ("command", "wrong"),
    [
        ("nerdrain-derain predict a.png --wheights demo", "no option --wheights"),
        ("nerdrain-derain predikt a.png", "no such command"),
        ("no-such-program demo", "no program no-such-program"),
        ("python tools/no_such.py", "no tools/no_such.py"),
    ],
)
def test_what_is_wrong_with_commands_is_seen(command: str, wrong: str) -> None:
    assert complaints(command) == [f"{command}: {wrong}"]


def test_the_way_of_one_image_names_what_is_there() -> None:
    text = (ROOT / "docs" / "house.md").read_text(encoding="utf-8")
    places = dict.fromkeys(re.findall(r"`(\w+/[\w/]+\.py)`", text))
    assert len(places) > 25
    assert [place for place in places if not (ROOT / SOURCES[place.partition("/")[0]] / place).is_file()] == []
    rows = re.findall(r"^\| `([\w/]+\.py)` \| `(\w+)` \|", text, re.MULTILINE)
    for place, name in rows:
        code = (ROOT / SOURCES[place.partition("/")[0]] / place).read_text(encoding="utf-8")
        assert re.search(rf"^(?:def|class) {name}\b|^{name}\b.*=", code, re.MULTILINE), f"{place} has no {name}"


@pytest.mark.parametrize("method", methods(), ids=lambda method: method.name)
def test_every_option_of_every_command_is_on_its_page(method: Method) -> None:
    page = commands_page(method)
    commands: Mapping[str, Callable[..., Any]] = load(f"{method.module}.cli:COMMANDS")
    for name, command in commands.items():
        (section,) = re.findall(rf"^## {name}\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
        for option in parameters(command):
            head = rf"^`(?:--{option.replace('_', '-')}|{option.upper()})\b.*\n: .{{4,}}"
            assert re.search(head, section, re.MULTILINE), f"{method.name} {name}: nothing is said of {option}"


def test_options_are_shown_as_they_are_typed() -> None:
    def predict(inputs: tuple[Path, ...], weights: str, size: tuple[int, int] = (2, 3), fast: bool = True) -> None:
        """Do it.

        Args:
            inputs: files *.png.
            weights: which.
            size: of tiles,
                in pixels.
            fast: hurry.
        """

    text = command_section("program", "predict", predict)
    assert "## predict\n\n```text\nprogram predict --inputs PATH ... --weights TEXT [OPTIONS]\n```\n\nDo it.\n" in text
    assert "`--inputs PATH ...`\n: files \\*.png. *Needed.*\n" in text
    assert "`--weights TEXT`, `-w`\n: which. *Needed.*\n" in text
    assert "`--size INT INT`\n: of tiles, in pixels. Default: `2 3`.\n" in text
    assert "`--fast`\n: hurry. On by default; `--no-fast` turns it off.\n" in text


def test_the_api_lists_public_names_where_they_are_described() -> None:
    page = package_page("hsam_medseg")
    assert "\n.. autoclass:: hsam_medseg.Predictor\n   :members:\n" in page
    assert page.index("autoclass:: hsam_medseg.Predictor") < page.index("autofunction:: hsam_medseg.load_model")
    assert "Volume" not in page  # the core's
    assert "\n.. autodata:: nerdrain_derain.network.config.VARIANTS\n   :no-value:\n" in package_page("nerdrain_derain")
    assert "\n.. autofunction:: visioncore.devices.resolve_device\n" in module_page("visioncore.devices")


def test_the_start_page_has_every_method_with_its_image() -> None:
    page = start_page()
    packages = sorted(path.parent.name for path in (ROOT / "packages").glob("*/pyproject.toml"))
    assert sorted(re.findall(r"\*\*\[([\w-]+)\]", page)) == packages
    assert len(re.findall(r"!\[[^\]]+\]\([^)]+/docs/demo\.jpg\)", page)) == len(packages)


@pytest.mark.parametrize("method", methods(), ids=lambda method: method.name)
def test_the_first_result_is_three_commands(method: Method) -> None:
    readme = (ROOT / "packages" / method.name / "README.md").read_text(encoding="utf-8")
    install, demo, main = first_result(readme)
    assert install == f"pip install {method.name}"
    assert demo == f"{method.name} demo"
    assert main.startswith(f"{method.name} ")
    shown = completed(f"packages/{method.name}/README", readme)
    assert "\n".join(first_result(readme)) in shown
    assert readme in shown.replace(shown[shown.index(":::{admonition}") : shown.index("## Install")], "", 1)


def test_pages_of_what_is_gone_are_deleted(tmp_path: Path) -> None:
    (tmp_path / "shared" / "visioncore").mkdir(parents=True)
    (tmp_path / "shared" / "visioncore" / "README.md").write_text("| `timing` | time |\n")
    write_pages(tmp_path)
    old = tmp_path / "docs" / "generated" / "old-method" / "commands.md"
    old.parent.mkdir()
    old.write_text("old")
    kept = tmp_path / "docs" / "generated" / "versions.md"
    before = kept.stat().st_mtime_ns
    write_pages(tmp_path)
    assert not old.exists()
    assert kept.stat().st_mtime_ns == before
