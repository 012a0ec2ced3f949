"""The behaviour of ``train`` with a run, the same in every method."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from safetensors.torch import load_file

from ...weights.card import read_card
from .base import Run, Suite, as_options, refuses

STEPS = 4


@contextmanager
def at_step(number: int, event: Callable[[Any], None]) -> Iterator[None]:
    """Let something happen to the optimizer before its step of a number, counted from 1."""
    from torch.optim.optimizer import register_optimizer_step_pre_hook

    count = 0

    def hook(optimizer: Any, *given: Any) -> None:
        nonlocal count
        count += 1
        if count == number:
            event(optimizer)

    handle = register_optimizer_step_pre_hook(hook)
    try:
        yield
    finally:
        handle.remove()


class CrashError(Exception):
    """Ends a run where nothing was prepared for it."""


def crash(optimizer: Any) -> None:
    """End the run."""
    raise CrashError


def spoil(optimizer: Any) -> None:
    """Put NaN in the gradients, which the optimizer then puts in the weights."""
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            if parameter.grad is not None:
                parameter.grad.fill_(float("nan"))


class TrainSuite(Suite):
    """The tests of a ``train``."""

    recipe: ClassVar[str] = "demo"
    fields: ClassVar[tuple[tuple[str, object], ...]]
    """Fields of the recipe that make its network tiny."""
    network: ClassVar[str] = "model"
    """Field of the recipe with the settings of the network."""
    changed: ClassVar[tuple[str, object]]
    """A field that a run which has begun cannot change, and another value."""

    harmless: ClassVar[tuple[tuple[str, object], ...]] = ()
    """Fields that change no number, so that a run goes on under others."""

    def make_data(self, folder: Path) -> tuple[object, ...]:
        """Lay out a little to train on, and return the options that name it."""
        raise NotImplementedError

    @property
    def loop(self) -> Mapping[str, object]:
        """A run of few steps, with a checkpoint and validation after every second one."""
        every = dict.fromkeys(("validate_every", "checkpoint_every"), STEPS // 2)
        loop = {"steps": STEPS, "batch_size": 2, "warmup_steps": 0, "workers": 0, "log_every": 1, **every}
        return {f"loop.{name}": value for name, value in loop.items()}

    @pytest.fixture(scope="class")
    @classmethod
    def data(cls, tmp_path_factory: pytest.TempPathFactory) -> tuple[object, ...]:
        """The options that name what is trained on."""
        return cls().make_data(tmp_path_factory.mktemp("data"))

    def words(self, data: tuple[object, ...], out: Path, **changes: object) -> list[str]:
        """Return the command for a run in ``out``."""
        fields = {**dict(self.fields), **self.loop, **{name.replace("__", "."): v for name, v in changes.items()}}
        return [*map(str, ("train", "--recipe", self.recipe, *data, "--out", out)), *as_options(fields)]

    @pytest.fixture(scope="class")
    @classmethod
    def whole(cls, data: tuple[object, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
        """A run that nothing interrupted."""
        out, suite = tmp_path_factory.mktemp("runs") / "whole", cls()
        assert suite.module("cli").main(suite.words(data, out)) == 0
        return out

    def lines(self, out: Path) -> list[dict[str, Any]]:
        """Return the log of a run."""
        return [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]

    def weights(self, out: Path) -> dict[str, torch.Tensor]:
        """Return the last weights of a run."""
        return load_file(out / "last" / "model.safetensors")

    def same_weights(self, one: Path, other: Path) -> bool:
        """Return whether two runs ended with the same weights, bit for bit."""
        ours, theirs = self.weights(one), self.weights(other)
        return ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)

    def test_a_run_leaves_weights_and_a_log(self, whole: Path) -> None:
        self.public.load_model(whole / "last")
        losses = [line for line in self.lines(whole) if "loss" in line]
        assert [line["step"] for line in losses] == list(range(1, STEPS + 1))
        assert all("learning_rate" in line for line in losses)
        about = json.loads((whole / "run.json").read_text())["run"]
        assert about["recipe"][self.network]
        card = read_card(whole / "last")
        assert card is not None
        assert card.training["recipe"][self.network]
        assert (card.training["method"], card.training["steps"]) == (about["method"], STEPS)

    @pytest.mark.parametrize("step", [1, STEPS])
    def test_a_run_that_was_cut_short_ends_with_the_same_weights(
        self, run: Run, data: tuple[object, ...], whole: Path, tmp_path: Path, step: int
    ) -> None:
        with at_step(step, crash), pytest.raises(CrashError):
            run(*self.words(data, tmp_path / "parts"))
        assert not (tmp_path / "parts" / "last").exists()
        assert run(*self.words(data, tmp_path / "parts"), *as_options(dict(self.harmless)))[0] == 0
        assert self.same_weights(tmp_path / "parts", whole)

    def test_what_was_begun_is_not_changed(self, run: Run, data: tuple[object, ...], tmp_path: Path) -> None:
        out = tmp_path / "run"
        with at_step(STEPS, crash), pytest.raises(CrashError):
            run(*self.words(data, out))
        name, value = self.changed
        code, _, complaints = run(*self.words(data, out), f"--set.{name}", value)
        assert code == 2
        # before it, a run may say what it trains on
        last = complaints.splitlines()[-1]
        assert last.startswith("error: ")
        assert "another run: " in last
        assert f"run.recipe.{name} was " in last
        code, _, _ = run(*self.words(data, out, loop__steps=1), f"--set.{name}", value, "--no-resume")
        assert code == 0
        assert len([line for line in self.lines(out) if "loss" in line]) == 1

    def test_a_loss_that_is_not_finite_ends_the_run(self, run: Run, data: tuple[object, ...], tmp_path: Path) -> None:
        # past what keeps gradients with NaN from the optimizer, so that it is the next loss
        with at_step(1, spoil):
            code, _, complaints = run(*self.words(data, tmp_path / "run"))
        assert code == 1
        assert complaints.splitlines()[-1].startswith("error: step 2: the loss is NaN or infinite")
        assert not (tmp_path / "run" / "last").exists()

    def test_recipes_and_fields_that_are_not_there(self, run: Run, data: tuple[object, ...], tmp_path: Path) -> None:
        out = tmp_path / "run"
        common = (*data, "--out", out)
        refuses(run, "train", "--recipe", "none", *common, told="unknown recipe 'none'")
        refuses(run, "train", "--recipe", tmp_path / "none.yaml", *common, told="no such recipe")
        for field, value, told in (
            ("loop.stps", 3, "--set.loop.stps: unknown field loop.stps; did you mean steps?"),
            ("loop.batch_size", 0, "batch_size is 0; it must be at least 1"),
            ("loop.steps", "many", "loop.steps should be a whole number, not 'many'"),
        ):
            refuses(run, *self.words(data, out), f"--set.{field}", value, told=told)
        refuses(run, *self.words(data, out), "--set.loop.steps", told="no value given")
        refuses(run, *self.words(data, out), "--number-of-wheels", "4", told="number-of-wheels")
        assert not out.exists()
