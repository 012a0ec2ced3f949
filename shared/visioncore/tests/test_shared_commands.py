"""The shared commands of a made-up method: a network from points and their weights to a score, and a companion file."""

from __future__ import annotations

import copy
import inspect
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any, Self

import pytest
import torch
from torch import Tensor, nn

from visioncore.cli import run
from visioncore.commands.bench import COLUMNS, IMAGE_COLUMNS, bench
from visioncore.commands.demo import Shown, demo_of
from visioncore.commands.description import describe
from visioncore.commands.info import TABLE, capabilities
from visioncore.commands.networks import example_inputs
from visioncore.commands.shared import SharedCommands, program, shared_commands
from visioncore.errors import InputError
from visioncore.methods import Images, Method, Network
from visioncore.weights.pretrained import Pretrained


@dataclass(frozen=True)
class Config:
    width: int = 4
    note: str = ""


class Model(Pretrained):
    config_class = Config

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.layer = nn.Linear(3, config.width)
        self.frozen = nn.Linear(1, 1).requires_grad_(False)

    @classmethod
    def from_published(cls, path: str | Path, base: str | None = None) -> Self:
        if base is None:
            raise InputError(f"{path}: needs a base beside it")
        return cls(Config(7, f"on {Path(base).name}")).eval()

    def forward(self, points: Tensor, weights: Tensor) -> Tensor:
        return (self.layer(points) * weights).sum(dim=1)


class Brighter(Model):
    def forward(self, image: Tensor) -> Tensor:  # type: ignore[override]
        return image * 0.5


NETWORK = Network(
    model="parts:Model",
    config="parts:VARIANTS.get",
    variants=("small", "large"),
    inputs="parts:inputs",
    outputs=("score",),
    fast="parts:fast",
    reference="parts:reference",
    facts="parts:facts",
    companions={"base": "what the authors' files stand on"},
)


@pytest.fixture
def method(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Method:
    def fast(model: nn.Module, device: torch.device, dtype: torch.dtype) -> Callable[..., Tensor]:
        return lambda *inputs: model(*(tensor.to(dtype).float() for tensor in inputs))

    @demo_of_made_up
    def demo(out: Path) -> Shown:
        (out / "figure.png").write_bytes(b"")
        return Shown("twice as good", {"gain": 2.0}, out / "figure.png")

    parts = ModuleType("made_up.parts")
    parts.__dict__.update(
        Model=Model,
        Brighter=Brighter,
        VARIANTS={"small": Config(), "large": Config(64)},
        inputs=lambda config: {"points": torch.rand(1, 5, 3), "weights": torch.rand(1, 5, 1)},
        fast=fast,
        reference=copy.deepcopy,
        facts=lambda config: {"stands": config.note or "alone"},
        demo=demo,
    )
    record: dict[str, Any] = dict.fromkeys(
        ("title", "task", "paper", "authors", "venue", "arxiv", "citation", "licence"), "text"
    )
    made_up = Method(
        name="made-up", module="made_up", demo="made_up.parts:demo", weights="nowhere", network=NETWORK, **record
    )
    cli = ModuleType("made_up.cli")
    cli.__dict__["COMMANDS"] = shared_commands(made_up)._asdict()
    folder = tmp_path / "installed" / "made_up"
    folder.mkdir(parents=True)
    (folder / "__init__.py").touch()
    spec = spec_from_file_location("made_up", folder / "__init__.py", submodule_search_locations=[str(folder)])
    assert spec is not None
    package = module_from_spec(spec)
    for name, module in (("made_up", package), ("made_up.parts", parts), ("made_up.cli", cli)):
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.chdir(tmp_path)
    return made_up


def demo_of_made_up(work: Callable[[Path], Shown]) -> Any:
    record: dict[str, Any] = dict.fromkeys(Method.__dataclass_fields__, "text")
    return demo_of(Method(**{**record, "name": "made-up"}))(work)


@pytest.fixture
def call(method: Method, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def run_it(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = program(method, *shared_commands(method))[1]([str(argument) for argument in arguments])
        return code, *capsys.readouterr()

    return run_it


Call = Callable[..., tuple[int, str, str]]


def test_options_and_help_are_those_of_the_record(call: Call, method: Method) -> None:
    help_of = {name: " ".join(call(name, "--help")[1].split()) for name in SharedCommands._fields}
    for name in ("convert", "export", "bench", "info"):
        assert "--base STR" in help_of[name]
        assert "what the authors' files stand on" in help_of[name]
    assert "the authors' file (with --base)" in help_of["export"]
    assert "small, large (random weights), or anything that" in help_of["info"]
    assert "--size" not in help_of["export"] + help_of["bench"]
    images = replace(method, network=replace(NETWORK, inputs=Images("image", 4), companions={}))
    signatures = {name: inspect.signature(each) for name, each in shared_commands(images)._asdict().items()}
    assert signatures["bench"].parameters["sizes"].default == (256,)
    assert signatures["export"].parameters["size"].default == 256
    assert "base" not in signatures["info"].parameters


def test_demo(call: Call, tmp_path: Path) -> None:
    out = Path("new") / "folder"
    assert call("demo", "--out", out) == (0, f"twice as good\nfigure, report and results: {out}\n", "")
    report = json.loads((out / "report.json").read_text())
    assert (report["method"], report["measured"], report["figure"]) == ("made-up", {"gain": 2.0}, "figure.png")
    assert report["seconds"] >= 0
    assert call("demo", "--out", out / "figure.png")[0] == 2


def test_info_for_people_and_programs(call: Call) -> None:
    code, said, _ = call("info")
    assert code == 0
    assert "network     small (width 4)\nstands      alone\nparameters  18, of which 16 are trained\n" in said
    assert "operations  0.00 G multiply-accumulates for points 1x5x3, weights 1x5x1\n" in said
    assert "read from" not in said
    Model(Config(64, "its own")).save_pretrained("large")
    about = json.loads(call("info", "--weights", "large", "--json")[1])
    assert (about["variant"], about["read_from"], about["details"]["stands"]) == (None, "large", "its own")
    assert about["config"] == {"width": 64, "note": "its own"}
    assert (about["parameters"], about["trained"], about["multiply_accumulates"]) == (258, 256, 5 * 3 * 64)
    assert about["inputs"] == {"points": [1, 5, 3], "weights": [1, 5, 1]}
    assert about["outputs"] == {"score": [1, 64]}
    assert about["variants"] == ["small", "large"]
    assert about["companions"] == {"base": "what the authors' files stand on"}
    assert about["commands"]["convert"]["summary"].startswith("Turn a checkpoint of the authors into")
    assert about["published_weights"] == "nowhere"


def test_a_companion_is_asked_for_and_handed_on(call: Call) -> None:
    Path("authors.pth").write_bytes(b"published")
    code, _, complaint = call("convert", "authors.pth", "--out", "converted")
    assert (code, complaint) == (2, "error: authors.pth: needs a base beside it\n")
    code, said, _ = call("convert", "authors.pth", "--out", "converted", "--base", "a/base.pth")
    assert code == 0
    assert said.splitlines()[1:] == ["stands: on base.pth", "30 parameters; weights in converted"]
    assert Model.from_pretrained("converted").config == Config(7, "on base.pth")
    card = json.loads(Path("converted", "card.json").read_text())
    assert card["source"]["file"] == "authors.pth"
    assert call("info", "--weights", "converted")[1].count("purpose     what the authors of") == 1
    assert "stands      on b" in call("info", "--weights", "authors.pth", "--base", "b")[1]


def test_commands_are_plain_functions(method: Method, capsys: pytest.CaptureFixture[str]) -> None:
    shared_commands(method).info("large")
    assert "large (width 64)" in capsys.readouterr().out
    with pytest.raises(TypeError, match="bases"):
        shared_commands(method).info("large", bases="b")


def test_bench_of_any_network(method: Method, tmp_path: Path) -> None:
    table, file = bench(method, "small", tmp_path / "b.json", dtypes=("float32", "bfloat16"), device="cpu", rounds=1)
    assert table.columns == COLUMNS
    rows: dict[Any, dict[str, Any]] = {row[0]: dict(zip(table.columns, row, strict=True)) for row in table.rows}
    assert list(rows) == ["reference", "fast float32", "fast bfloat16"]
    assert rows["reference"]["difference_to_reference"] is None
    assert rows["fast float32"]["difference_to_reference"] == 0
    assert 0 < rows["fast bfloat16"]["difference_to_reference"] < 0.1
    report = json.loads((tmp_path / "b.json").read_text())
    assert (report["network"], report["multiply_accumulates"]) == ("small", 60)
    assert report["inputs"] == {"points": [1, 5, 3], "weights": [1, 5, 1]}
    assert file is report["file"] is None


def test_bench_of_a_network_from_images_to_images(method: Method, tmp_path: Path) -> None:
    network = replace(NETWORK, model="parts:Brighter", inputs=Images("image", 4), compiles_on_cpu=False)
    images, out = replace(method, network=network), tmp_path / "b.json"
    table = bench(images, "small", out, sizes=(8, 12), dtypes=("bfloat16",), device="cpu", rounds=1).network
    assert table.columns == IMAGE_COLUMNS
    assert [row[:3] for row in table.rows] == [
        (path, size, dtype)
        for size in (8, 12)
        for path, dtype in (("reference", "float32"), ("fast bfloat16", "bfloat16"))
    ]
    close = [row[-1] for row in table.rows]
    assert close == [None, pytest.approx(70, abs=20)] * 2
    with pytest.raises(InputError, match="size is 6; it must be a positive multiple of 4"):
        bench(images, "small", out, sizes=(6,), device="cpu")
    with pytest.raises(InputError, match="compiled is for GPUs"):
        bench(images, "small", out, device="cpu", compiled=True)


def test_examples_are_the_same_at_every_call_and_leave_random_numbers_alone(method: Method) -> None:
    before = torch.get_rng_state()
    first, second = (example_inputs(method, Config())["points"] for _ in range(2))
    assert torch.equal(first, second)
    assert torch.equal(torch.get_rng_state(), before)


def test_warnings_become_notes(method: Method, capsys: pytest.CaptureFixture[str]) -> None:
    def warn() -> None:
        """Warn."""
        import warnings

        warnings.warn("mind the step", stacklevel=1)

    assert program(method, warn)[1](["warn"]) == 0
    assert capsys.readouterr().err == "note: mind the step\n"
    assert run("made-up", {"warn": warn}, "text", ["--help"]) == 0


def test_a_table_in_the_package_is_read_without_counting(
    method: Method, call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = capabilities(method, "small")
    known = {name: counted[name] for name in counted if name in describe(method, "small")}
    table = tmp_path / "installed" / "made_up" / "assets" / TABLE
    table.parent.mkdir()
    table.write_text(json.dumps({"small": known | {"parameters": 7}}))
    assert capabilities(method, "small")["parameters"] == 7
    assert capabilities(method, "large")["parameters"] > 7, "what is not in the table is counted"
    Model(Config()).save_pretrained(tmp_path / "small")
    assert capabilities(method, "small")["parameters"] == counted["parameters"], "weights of that name lie here"
