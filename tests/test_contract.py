"""What every method offers, under the same names in the same places, so that whoever knows one knows all."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import sys
from collections import Counter
from dataclasses import fields, replace
from importlib.metadata import version
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from isolation import CORE, module_name
from visioncore.cli import parameters as options_of
from visioncore.methods import Method, Network, Sample, load
from visioncore.panels import Panel
from visioncore.weights.card import CARD_FILE, UNSTATED, Card, read_card
from workspace import ROOT, Member, members, read_pyproject

METHODS = [member for member in members() if member.name != CORE]

SOURCES = (
    *("__init__.py", "__init__.pyi", "py.typed", "method.py", "cli.py", "demo.py"),
    *("network/model.py", "network/losses.py", "network/config.py", "network/published.py", "network/weights.py"),
    *("network/reference.py", "network/fast.py", "inference/predictor.py", "inference/result.py"),
    *("data/__init__.py", "training/trainer.py", "evaluation/protocols.py"),
    *("recipes/demo.yaml", "assets/README.md", "assets/demo/config.json", "assets/demo/model.safetensors"),
)
"""Files that every method has, in folders by role."""
TESTS = ("parity", "model", "losses", "data", "train", "predict", "evaluate", "demo", "cli", "commands", "readme")
SUITES = ("CommandsSuite", "PredictSuite", "PythonSuite", "TrainSuite", "WeightsSuite")
"""Of visioncore.testing.suites, which every method's test_commands.py takes."""
MOST_LINES = 400
"""A file that grows past this holds two ideas."""
MOST_ASSETS = 5 * 2**20
"""Bytes that demo weights and samples may take."""

SECTIONS = ("install", "python", "commands", "weights", "train", "results", "speed", "limits", "citation", "licence")
"""Words of a README's headings, in this order; one heading may have several."""

COMMANDS = {
    "demo": {"out"},
    "predict": {"inputs", "weights", "out", "device", "dtype", "batch", "overwrite"},
    "train": {"recipe", "data", "out", "weights", "validation", "resume"},
    "evaluate": {"data", "weights", "results", "protocols", "out", "device", "dtype", "batch"},
    "convert": {"published", "out"},
    "export": {"weights", "out", "format"},
    "bench": {"weights", "out", "dtypes", "device", "rounds"},
    "info": {"weights", "json"},
    "weights": {"action", "name", "accept", "file", "json"},
}
"""The commands, each with parameters it must have. A method that cannot be exported says so in its README's limits."""


@pytest.fixture(params=members(), ids=lambda member: member.name)
def member(request: pytest.FixtureRequest) -> Member:
    found: Member = request.param
    return found


@pytest.fixture(params=METHODS, ids=lambda member: member.name)
def method(request: pytest.FixtureRequest) -> Member:
    found: Member = request.param
    return found


def layout_faults(folder: Path, module: str) -> list[str]:
    """Return one line for each file that is missing, too long or too large in the folder of a method."""
    source = folder / "src" / module
    wanted = [folder / name for name in ("README.md", "CHANGELOG.md", "LICENSE", "pyproject.toml")]
    wanted += [source / name for name in SOURCES]
    wanted += [folder / "tests" / f"test_{name}.py" for name in TESTS]
    found = [f"{path.relative_to(folder).as_posix()} is missing" for path in wanted if not path.is_file()]
    for path in sorted(source.rglob("*.py")):
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > MOST_LINES:
            found.append(f"{path.relative_to(folder).as_posix()} has {lines} lines, at most {MOST_LINES} are allowed")
    size = sum(path.stat().st_size for path in (source / "assets").rglob("*") if path.is_file())
    if size > MOST_ASSETS:
        found.append(f"assets take {size / 2**20:.1f} MiB, at most {MOST_ASSETS / 2**20:.0f} are allowed")
    return found


def card_faults(assets: Path) -> list[str]:
    """Return one line for each set of weights in the assets of a method that has no card, or one with gaps."""
    holding = {assets / file.relative_to(assets).parts[0] for file in assets.rglob("*.safetensors")}
    found = []
    for folder in sorted(holding):
        if (card := read_card(folder)) is None:
            found.append(f"{folder.name} has no {CARD_FILE}, or that of other weights; training writes one to fill in")
            continue
        texts = {name: getattr(card, name) for name in ("intended_use", "trained_on", "licence")}
        found += [f"{folder.name}: {name} is {text!r}" for name, text in texts.items() if not text or UNSTATED in text]
    return found


def changelog_faults(text: str, current: str) -> list[str]:
    """Return one line for each thing wrong with a CHANGELOG: its newest version, a date, the order."""
    headings = [line for line in re.findall(r"^## (.*)$", text, flags=re.MULTILINE) if line != "Unreleased"]
    read = [re.fullmatch(r"(\d+)\.(\d+)\.(\d+) \(\d{4}-\d\d-\d\d\)", line) for line in headings]
    found = [
        f"'{line}' should read X.Y.Z (YYYY-MM-DD)" for line, dated in zip(headings, read, strict=True) if not dated
    ]
    if not headings or headings[0].partition(" ")[0] != current:
        found.append(f"the newest version should be {current}")
    released = [tuple(map(int, dated.groups())) for dated in read if dated]
    if released != sorted(released, reverse=True):
        found.append("versions should stand newest first")
    return found


def readme_faults(text: str) -> list[str]:
    """Return the sections that a README of a method lacks, or has in another place than its siblings."""
    outside_code = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^## (.*)$", outside_code, flags=re.MULTILINE)
    places = [next((n for n, line in enumerate(headings) if word in line.lower()), None) for word in SECTIONS]
    found = [f"no section on {word}" for word, place in zip(SECTIONS, places, strict=True) if place is None]
    there = [place for place in places if place is not None]
    return found + ([] if there == sorted(there) else [f"sections should stand in the order {', '.join(SECTIONS)}"])


def record_faults(record: Any, member: Member) -> list[str]:
    """Return one line for each thing wrong with the record of a method."""
    if not isinstance(record, Method):
        return ["METHOD is no visioncore.methods.Method"]
    # Not every paper is on arXiv, and not every task on the Hub.
    free = ("arxiv", "network", "checkpoints", "notice", "sample", "panel", "hub_task")
    needed = [field.name for field in fields(record) if field.name not in free]
    found = [f"{name} is empty" for name in needed if not getattr(record, name).strip()]
    if record.sample is None:
        found.append("sample is missing; bench measures with it what a file takes")
    if record.panel is None:
        found.append("panel is missing; visioncore app shows the method by it")
    module = module_name(member)
    for name, right in (("name", member.name), ("module", module), ("demo", f"{module}.demo:demo")):
        if getattr(record, name) != right:
            found.append(f"{name} should be {right}")
    if not record.citation.startswith("@") or record.paper not in record.citation:
        found.append("citation should be a BibTeX entry with the paper's title")
    if not re.fullmatch(r"(\d{4}\.\d{5})?", record.arxiv):
        found.append("arxiv should be an identifier such as 2404.01547, or empty")
    return found


def network_faults(record: Method) -> list[str]:
    """Return one line for each reference of a method's network that leads nowhere."""
    network = record.network
    references = {field.name: getattr(network, field.name) for field in fields(network)}
    named = {name: value for name, value in references.items() if isinstance(value, str) and value}
    found = [f"{name} is no function" for name, value in named.items() if not callable(record.load(value))]
    known = record.load(network.config)
    return found + [f"variant {name} is unknown" for name in network.variants if known(name) is None]


def python_faults(package: Any, title: str) -> list[str]:
    """Return one line for each thing that the public names of a method lack.

    Args:
        package: the imported package.
        title: what the authors call the method; without its punctuation, the name of the model.
    """
    public = list(package.__all__)
    found = [f"{name} cannot be imported" for name in public if not hasattr(package, name)]
    values = {name: getattr(package, name) for name in public if hasattr(package, name)}
    found += [f"{name} has no docstring" for name, value in values.items() if callable(value) and not value.__doc__]
    model = values.get(name := re.sub(r"\W", "", title))
    if model is None:
        found.append(f"no model {name}")
    elif missing := [n for n in ("from_pretrained", "from_published", "save_pretrained") if not hasattr(model, n)]:
        found.append(f"{name} has no {', '.join(missing)}")
    predictor: Any = values.get("Predictor")
    if not inspect.isclass(predictor):
        return [*found, "no class Predictor"]
    first = list(inspect.signature(predictor).parameters.values())[:2]
    if [p.name for p in first] != ["model", "device"] or first[1].default != "auto":
        found.append('Predictor should begin with (model, device="auto")')
    if not callable(getattr(predictor, "run", None)):
        found.append("Predictor has no run, from tensors to tensors")
    returned = str(inspect.signature(predictor.__call__).return_annotation)
    result = getattr(sys.modules[predictor.__module__], returned, None)
    if not (hasattr(result, "save") and hasattr(result, "plot")):
        found.append("Predictor should return a class with save and plot, and be annotated so")
    return found if callable(values.get("load_model")) else [*found, "no function load_model"]


def command_faults(cli: Any, limits: str) -> list[str]:
    """Return one line for each command that a method lacks or that is not as in its siblings.

    Args:
        cli: its module of commands.
        limits: the README's section on limits.
    """
    commands = dict(getattr(cli, "COMMANDS", {}))
    found = []
    for name, parameters in COMMANDS.items():
        if name not in commands:
            if name != "export" or "export" not in limits.lower():
                found.append(f"no command {name}")
            continue
        command = commands[name]
        if getattr(cli, name, None) is not command:
            found.append(f"{name} is not the function of its name in cli")
        if not command.__doc__:
            found.append(f"{name} has no docstring")
        if missing := parameters - options_of(command).keys():
            found.append(f"{name} has no {', '.join(sorted(missing))}")
    if not callable(getattr(cli, "main", None)):
        found.append("no function main")
    return found


def suite_faults(text: str) -> list[str]:
    """Return one line for each of the shared suites that a test file does not take."""
    bases = {
        base.id
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.ClassDef)
        for base in node.bases
        if isinstance(base, ast.Name)
    }
    return [f"no subclass of {suite}" for suite in SUITES if not any(base.endswith(suite) for base in bases)]


def limits_of(readme: str) -> str:
    """Return the section on limits of a README, empty if it has none."""
    section = re.search(r"^## Limits\n(.*?)(?=^## |\Z)", readme, flags=re.MULTILINE | re.DOTALL)
    return section[1] if section else ""


def test_layout(method: Member) -> None:
    assert layout_faults(ROOT / method.folder, module_name(method)) == []


def test_every_set_of_weights_has_a_card(method: Member) -> None:
    assets = ROOT / method.folder / "src" / module_name(method) / "assets"
    assert card_faults(assets) == []
    demo = read_card(assets / "demo")
    assert demo is not None
    assert demo.measured or "not measured" in demo.intended_use


def test_missing_cards_are_seen(tmp_path: Path) -> None:
    for name in ("bare", "filled/deep", "gaps"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "model.safetensors").write_bytes(b"weights")
    Card("to try it", "squares", "Apache-2.0").save(tmp_path / "filled")
    Card("", "not stated", "Apache-2.0").save(tmp_path / "gaps")
    assert [line.split(",")[0] for line in card_faults(tmp_path)] == [
        "bare has no card.json",
        "gaps: intended_use is ''",
        "gaps: trained_on is 'not stated'",
    ]
    (tmp_path / "filled" / "deep" / "model.safetensors").write_bytes(b"other weights")
    assert card_faults(tmp_path)[1].startswith("filled has no card.json")


def test_changelog(member: Member) -> None:
    text = (ROOT / member.folder / "CHANGELOG.md").read_text(encoding="utf-8")
    assert changelog_faults(text, member.version) == []


def test_readme(method: Member) -> None:
    assert readme_faults((ROOT / method.folder / "README.md").read_text(encoding="utf-8")) == []


def test_project(method: Member) -> None:
    project, module = read_pyproject(ROOT / method.folder)["project"], module_name(method)
    assert project["scripts"] == {method.name: f"{module}.cli:main"}
    # An example is no method that a user should be shown.
    group = "visioncore.methods" if method.published else "visioncore.examples"
    points = {name: point for name, point in project["entry-points"].items() if name != "napari.manifest"}
    assert points == {group: {method.name: f"{module}.method:METHOD"}}
    assert version(method.name) == method.version, "what is installed is another version; run uv sync"


def test_record(method: Member) -> None:
    record = load(f"{module_name(method)}.method:METHOD")
    assert record_faults(record, method) == []
    assert network_faults(record) == []
    assert "out" in inspect.signature(load(record.demo)).parameters


def test_python(method: Member) -> None:
    package = importlib.import_module(module_name(method))
    assert python_faults(package, load(f"{module_name(method)}.method:METHOD").title) == []


def test_commands(method: Member, capsys: pytest.CaptureFixture[str]) -> None:
    cli = importlib.import_module(f"{module_name(method)}.cli")
    assert command_faults(cli, limits_of((ROOT / method.folder / "README.md").read_text(encoding="utf-8"))) == []
    assert cli.main(["--help"]) == 0
    told = capsys.readouterr().out
    assert [name for name in cli.COMMANDS if not re.search(rf"^  {name} +\S", told, flags=re.MULTILINE)] == []


def test_suites(method: Member) -> None:
    assert suite_faults((ROOT / method.folder / "tests" / "test_commands.py").read_text(encoding="utf-8")) == []


def test_missing_and_large_files_are_seen(tmp_path: Path) -> None:
    for name in ("README.md", "CHANGELOG.md", "LICENSE", "pyproject.toml"):
        (tmp_path / name).touch()
    for name in (*(f"src/a/{name}" for name in SOURCES), *(f"tests/test_{name}.py" for name in TESTS)):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert layout_faults(tmp_path, "a") == []
    (tmp_path / "src/a/network/model.py").write_text("\n" * (MOST_LINES + 1))
    (tmp_path / "src/a/assets/weights").write_bytes(bytes(MOST_ASSETS + 1))
    (tmp_path / "src/a/recipes/demo.yaml").unlink()
    (tmp_path / "tests/test_parity.py").unlink()
    assert layout_faults(tmp_path, "a") == [
        "src/a/recipes/demo.yaml is missing",
        "tests/test_parity.py is missing",
        "src/a/network/model.py has 401 lines, at most 400 are allowed",
        "assets take 5.0 MiB, at most 5 are allowed",
    ]


@pytest.mark.parametrize(
    ("headings", "expected"),
    [
        (("Unreleased", "1.2.0 (2026-01-02)", "1.1.0 (2026-01-01)"), None),
        (("1.1.0 (2026-01-01)",), "newest version should be 1.2.0"),
        (("1.2.00 (2026-01-01)",), "newest version"),
        (("1.3.0 (2026-01-03)", "1.2.0 (2026-01-02)"), "newest version"),
        ((), "newest version"),
        (("1.2.0",), "should read X.Y.Z"),
        (("1.2.0 (2026-01-02)", "1.1.0 (soon)"), "should read X.Y.Z"),
        (("1.2.0 (2026-01-02)", "1.9.0 (2026-01-01)", "1.10.0 (2026-01-01)"), "newest first"),
    ],
)
def test_wrong_changelogs_are_seen(headings: tuple[str, ...], expected: str | None) -> None:
    found = changelog_faults("# Changelog\n" + "".join(f"\n## {line}\n\n- All.\n" for line in headings), "1.2.0")
    assert bool(found) == (expected is not None)
    assert expected is None or expected in found[0]


def test_wrong_readmes_are_seen() -> None:
    order = ("Install", "Use it from Python", "Commands", "Weights", "Train", "Results", "Speed", "Limits", "Citation")
    text = "".join(f"## {line}\n" for line in order)
    assert readme_faults(f"# A\n{text} and licence\n") == ["no section on licence"]
    assert readme_faults(f"# A\n{text[:-1]} and licence\n") == []
    assert readme_faults("## Licence\n" + text)[0].startswith("sections should stand in the order")
    assert readme_faults(text.replace("## Speed\n", "```\n## Speed\n```\n"))[0] == "no section on speed"


def test_wrong_records_are_seen() -> None:
    member = Member("a-method", "1.0.0", "packages/a-method")
    right = Method(
        name="a-method",
        module="a_method",
        title="A",
        task="nothing",
        paper="On nothing",
        authors="Nobody",
        venue="None",
        arxiv="2404.01547",
        citation="@misc{a, title = {On nothing}}",
        licence="Apache-2.0",
        weights="none",
        demo="a_method.demo:demo",
        demo_shows="Nothing.",
        demo_data="nothing",
        network=Network("network.model:A", "network.config:VARIANTS.get", ("a",), "network.example:inputs", ("b",)),
        sample=Sample("assets/samples/a.png"),
        panel=Panel("Do nothing", "a photo", (".png",)),
    )
    assert record_faults(right, member) == []
    assert record_faults(object(), member) == ["METHOD is no visioncore.methods.Method"]
    wrong_fields: dict[str, Any]
    for field, wrong in (("name", "b"), ("module", "b"), ("demo", "a:b"), ("citation", "On nothing"), ("arxiv", "no")):
        wrong_fields = {field: wrong}
        assert [line.split()[0] for line in record_faults(replace(right, **wrong_fields), member)] == [field]
    assert record_faults(replace(right, licence=" "), member) == ["licence is empty"]
    assert record_faults(replace(right, arxiv=""), member) == []
    assert record_faults(replace(right, sample=None), member)[0].startswith("sample is missing")
    assert record_faults(replace(right, panel=None), member)[0].startswith("panel is missing")


class Result:
    """A result as it should be."""

    def save(self) -> None: ...

    def plot(self) -> None: ...


class Model:
    """A model as it should be."""

    def from_pretrained(self) -> None: ...

    def from_published(self) -> None: ...

    def save_pretrained(self) -> None: ...


class Predictor:
    """A predictor as it should be."""

    def __init__(self, model: Model, device: str = "auto") -> None: ...

    def __call__(self, image: str) -> Result:
        return Result()

    def run(self) -> None: ...


class Careless:
    def __init__(self, model: Model, device: str = "cpu") -> None: ...

    def __call__(self, image: str) -> Model:
        return Model()


# as it is found in a package, where its module is listed
Predictor.__module__ = Careless.__module__ = "contract_example"


def test_missing_names_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    example = ModuleType("contract_example")
    monkeypatch.setitem(sys.modules, "contract_example", example)
    vars(example).update(AModel=Model, Result=Result, Model=Model, Predictor=Predictor, load_model=load)
    vars(example).update(__all__=["AModel", "Predictor", "load_model"])
    assert python_faults(example, "A-Model") == []
    assert python_faults(example, "B") == ["no model B"]
    vars(example).update(AModel=Result, Predictor=Careless, __all__=["AModel", "Predictor", "Absent"])
    assert python_faults(example, "A-Model") == [
        "Absent cannot be imported",
        "Predictor has no docstring",
        "AModel has no from_pretrained, from_published, save_pretrained",
        'Predictor should begin with (model, device="auto")',
        "Predictor has no run, from tensors to tensors",
        "Predictor should return a class with save and plot, and be annotated so",
        "no function load_model",
    ]
    vars(example).update(AModel=Model, __all__=["AModel"])
    assert python_faults(example, "A-Model") == ["no class Predictor"]


def test_missing_commands_are_seen() -> None:
    def demo(out: Path) -> None:
        """Show it."""

    def info() -> None: ...

    cli = SimpleNamespace(COMMANDS={"demo": demo, "info": info, "bench": demo}, demo=demo, info=info, main=print)
    found = command_faults(cli, "- It cannot be exported: its loops depend on the data.")
    assert found == [
        *(f"no command {name}" for name in ("predict", "train", "evaluate", "convert")),
        "bench is not the function of its name in cli",
        "bench has no device, dtypes, rounds, weights",
        "info has no docstring",
        "info has no json, weights",
        "no command weights",
    ]
    cli.COMMANDS = {"demo": info}
    assert {"no command export", "demo is not the function of its name in cli", "demo has no out"} <= set(
        command_faults(cli, limits_of("## Limits\n- None.\n## Speed\nexport"))
    )


def test_missing_suites_are_seen() -> None:
    taken = "".join(f"class Test{suite}({suite}): ...\n" for suite in SUITES[1:])
    assert suite_faults("from visioncore.testing.suites.commands import CommandsSuite\n" + taken) == [
        "no subclass of CommandsSuite"
    ]


def test_helpers_of_tests_have_names_of_their_own() -> None:
    """Tests import them by name alone, and one process runs the tests of all members."""
    helpers = Counter(
        file.name
        for member in members()
        for file in (ROOT / member.folder / "tests").glob("*.py")
        if not file.name.startswith("test_") and file.name != "conftest.py"
    )
    assert [name for name, count in helpers.items() if count > 1] == []
