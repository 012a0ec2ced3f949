"""Recipes: every type, every way to be wrong, and what wins over what."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

from visioncore.configs import check_choices, from_plain, to_plain
from visioncore.errors import InputError
from visioncore.recipes import load_recipe, recipe_names


@dataclass(frozen=True)
class Optimizer:
    rate: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    decay: float | None = None


@dataclass(frozen=True)
class Config:
    data: Path
    steps: int = 10
    name: str = "plain"
    fast: bool = True
    variant: Literal["small", "large"] = "small"
    sizes: tuple[int, ...] = (1, 2)
    resume: Path | None = None
    workers: int | Literal["auto"] = "auto"
    optimizer: Optimizer = field(default_factory=lambda: Optimizer(rate=3e-4))
    ema: Optimizer | None = None

    def __post_init__(self) -> None:
        if self.steps < 0:
            raise InputError("steps should be 0 or more")


Load = Callable[..., Config]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    recipes = tmp_path / "a_package" / "recipes"
    recipes.mkdir(parents=True)
    (tmp_path / "a_package" / "__init__.py").touch()
    (recipes / "demo.yaml").write_text("data: here\n")
    (recipes / "paper.yaml").write_text("data: there\nsteps: 300\noptimizer: {rate: 2e-4}\n")
    (recipes / "notes.txt").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "a_package", raising=False)
    return "a_package"


@pytest.fixture
def load(package: str, tmp_path: Path) -> Load:
    """Return a function that loads a recipe of this text with these overrides."""

    def call(text: str, **overrides: str) -> Config:
        path = tmp_path / "some.yaml"
        path.write_text(text)
        return load_recipe(Config, package, path, {key.replace("__", "."): value for key, value in overrides.items()})

    return call


def test_shipped_recipes(package: str) -> None:
    assert recipe_names(package) == ["demo", "paper"]
    assert load_recipe(Config, package, "demo") == Config(data=Path("here"))
    assert load_recipe(Config, package, "paper").optimizer.rate == 2e-4
    assert recipe_names("visioncore") == []


def test_values_of_every_type(load: Load) -> None:
    text = (
        "data: d\nsteps: 1e3\nname: x\nfast: false\nvariant: large\nsizes: [3, 4, 5]\nresume: null\nworkers: 4\n"
        "optimizer: {rate: 1e-4, betas: [0, 1], decay: 0.1}\nema: {rate: 1}\n"
    )
    assert load(text) == Config(
        data=Path("d"),
        steps=1000,
        name="x",
        fast=False,
        variant="large",
        sizes=(3, 4, 5),
        resume=None,
        workers=4,
        optimizer=Optimizer(1e-4, (0.0, 1.0), 0.1),
        ema=Optimizer(1.0),
    )


def test_numbers_get_the_declared_type(load: Load) -> None:
    config = load("data: d\noptimizer: {rate: 1}\n", steps="1e2")
    assert type(config.optimizer.rate) is float
    assert type(config.steps) is int


def test_overrides_win_and_the_rest_stays(load: Load) -> None:
    config = load(
        "data: d\nsteps: 5\noptimizer: {decay: 0.5}\n",
        steps="7",
        optimizer__betas="[0.5, 0.6]",
        resume="x/y",
        fast="no",
    )
    # The rate is that of the field's default, not that of the class.
    assert config.optimizer == Optimizer(3e-4, (0.5, 0.6), 0.5)
    assert (config.steps, config.resume, config.fast) == (7, Path("x/y"), False)


def test_overrides_of_text_keep_what_was_typed(load: Load) -> None:
    assert load("data: d", name="007").name == "007"
    assert load("data: d", name="on").name == "on"
    assert load("data: d", resume="null").resume is None
    assert load("data: d", ema__rate="2").ema == Optimizer(2.0)


@pytest.mark.parametrize(
    ("text", "overrides", "expected"),
    [
        ("data: d\nstep: 3", {}, ["some.yaml", "unknown field step", "did you mean steps?", "variant"]),
        ("data: d\noptimizer: {rat: 3}", {}, ["some.yaml", "optimizer.rat", "did you mean rate?", "optimizer.betas"]),
        ("data: d", {"optimizer__rat": "3"}, ["--set.optimizer.rat", "optimizer.rat;", "did you mean rate?"]),
        ("data: d", {"optimiser__rate": "3"}, ["--set.optimiser.rate", "did you mean optimizer?"]),
        ("data: d\nsteps: many", {}, ["some.yaml", "steps should be a whole number", "'many'"]),
        ("data: d\nsteps: true", {}, ["steps should be a whole number"]),
        ("data: d\nsteps: 1.5", {}, ["steps should be a whole number", "1.5"]),
        ("data: d", {"steps": "1.5"}, ["--set.steps: steps should be a whole number", "'1.5'"]),
        ("data: d\nname: 3", {}, ["name should be text"]),
        ("data: d\nfast: 1", {}, ["fast should be true or false"]),
        ("data: d\nvariant: huge", {}, ["variant should be one of small, large", "'huge'"]),
        ("data: d\nworkers: some", {}, ["workers should be", "a whole number", "one of auto"]),
        ("data: d\nsizes: 3", {}, ["sizes should be a list such as [1, 2]"]),
        ("data: d\nsizes: [a]", {}, ["sizes should be a list, each entry a whole number"]),
        ("data: d\noptimizer: {betas: [1]}", {}, ["optimizer.betas should be a list of 2"]),
        ("data: d\noptimizer: {rate: .nan}", {}, ["optimizer.rate should be a number"]),
        ("data: d\noptimizer: adam", {}, ["optimizer should be set field by field", "optimizer.rate"]),
        ("data: d", {"optimizer": "{rate: 1}"}, ["--set.optimizer", "field by field"]),
        ("data: d\nsteps: -1", {}, ["some.yaml", "steps should be 0 or more"]),
        ("data: 3", {}, ["data should be a path"]),
        ("steps: 3", {}, ["data must be given"]),
        ("", {}, ["data must be given"]),
        ("- a\n- b", {}, ["fields with their values"]),
        ("a: [", {}, ["not YAML"]),
        ("data: d", {"steps": "["}, ["--set.steps", "not YAML"]),
    ],
)
def test_wrong_recipes_are_told_in_one_line(
    load: Load, text: str, overrides: dict[str, str], expected: list[str]
) -> None:
    with pytest.raises(InputError) as error:
        load(text, **overrides)
    assert "\n" not in str(error.value)
    for part in expected:
        assert part in str(error.value)


@pytest.mark.parametrize(("typed", "steps"), [("010", 10), ("+5", 5), ("1e3", 1000)])
def test_whole_numbers_are_what_they_look_like(load: Load, typed: str, steps: int) -> None:
    assert load(f"data: d\nsteps: {typed}").steps == steps
    assert load("data: d", steps=typed).steps == steps


ALIASES = "a: &a [1, 1]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "overrides", "expected"),
    [
        ("data: d\nsteps: 2020-13-45", {}, "steps should be a whole number, not '2020-13-45'"),
        ("data: d", {"steps": "2020-01-01"}, "--set.steps: steps should be a whole number, not '2020-01-01'"),
        ("data: d\nsteps: 0b_", {}, "steps should be a whole number, not '0b_'"),
        ("data: d\nsteps: 1:30", {}, "steps should be a whole number, not '1:30'"),
        ("data: d\nsteps: 1\nsteps: 2", {}, "line 3: steps is there twice; each only once"),
        ("data: d", {"optimizer": "{rate: 1, rate: 2}"}, "--set.optimizer, line 1: rate is there twice"),
        ("data: d\nfast: !!bool maybe", {}, "not YAML"),
        (f"data: d\nsteps: {'9' * 5000}", {}, "4300 digits"),
        ("data: d", {"steps": "9" * 5000}, "--set.steps: this is not YAML"),
        (f"data: d\nsteps: 0x{'f' * 5000}", {}, "steps should be a whole number, not '0xff"),
        ("data: d\nsteps: 1e300", {}, "steps should be a whole number"),
        ("data: d\noptimizer: {rate: 1e400}", {}, "optimizer.rate should be a number"),
        (f"data: d\nsizes: {'[' * 600}{']' * 600}", {}, "not YAML"),
        (f"data: d\nsizes: {'[' * 30}{']' * 30}", {}, "20 levels of nesting"),
        ("data: d", {".".join("a" * 2000): "1"}, "20 levels of nesting"),
        (f"{ALIASES}sizes: *i", {}, "more than 10000 values"),
        ("data: d\noptimizer: &o {rate: *o}", {}, "20 levels of nesting"),
        ("base: &b {steps: 1}\n<<: [*b, *b]\ndata: d", {}, "'<<' merges mappings; write their fields out"),
        (f"data: d\nsteps: {'x' * 5000}", {}, "xxx...xxx"),
        ('data: d\n"a\\nb": 1', {}, r"unknown field 'a\nb'"),
        ('data: "a\\0b"', {}, "data should be a path"),
        ("data: d", {"optimizer__rate__x": "1"}, "optimizer.rate should be a number, not {'x': '1'}"),
    ],
)
def test_hostile_recipes_are_told_in_one_short_line(
    load: Load, text: str, overrides: dict[str, str], expected: str
) -> None:
    with pytest.raises(InputError) as error:
        load(text, **overrides)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 600
    assert expected in str(error.value)


def test_dates_are_text(load: Load) -> None:
    assert load("data: d\nname: 2020-01-01").name == "2020-01-01"


def test_choices_of_a_configuration_made_in_python() -> None:
    check_choices(Config(data=Path("d")))
    with pytest.raises(InputError, match=r"^variant is 'huge'; it must be small or large$"):
        check_choices(Config(data=Path("d"), variant="huge"))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["papre", "no/such.yaml", "."])
def test_unknown_recipe_lists_the_known(package: str, name: str) -> None:
    with pytest.raises(InputError, match="demo, paper"):
        load_recipe(Config, package, name)


def test_a_recipe_that_is_too_long(package: str, tmp_path: Path) -> None:
    with (tmp_path / "long.yaml").open("wb") as file:
        file.truncate(20_000_000)
    with pytest.raises(InputError, match=r"long\.yaml: more than 10 MB"):
        load_recipe(Config, package, tmp_path / "long.yaml")


def test_recipe_that_is_no_text(package: str, tmp_path: Path) -> None:
    path = tmp_path / "binary.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="UTF-8"):
        load_recipe(Config, package, path)


@dataclass(frozen=True)
class Round:
    radius: int = 1
    colour: str = "red"


@dataclass(frozen=True)
class Square:
    side: int = 1
    colour: str = "red"


@dataclass(frozen=True)
class Drawing:
    thing: Round | Square = field(default_factory=Round)


def test_of_several_dataclasses_the_fitting_one_is_taken() -> None:
    for values, expected in (
        ({"side": 3, "colour": "blue"}, Square(3, "blue")),
        ({"radius": 2}, Round(2)),
        ({"colour": "blue"}, Round(1, "blue")),
    ):
        drawing = from_plain(Drawing, {"thing": values}, "here")
        assert drawing.thing == expected
        assert from_plain(Drawing, to_plain(drawing), "here") == drawing
    with pytest.raises(InputError, match=r"here: unknown field thing\.sides; did you mean side\? "):
        from_plain(Drawing, {"thing": {"sides": 3, "side": 2}}, "here")
