"""What the training loop computes, keeps, tells and refuses, in this process."""

from __future__ import annotations

import json
import math
import os
import random
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from visioncore.errors import InputError
from visioncore.files import recover_folders
from visioncore.testing.memory import out_of_memory
from visioncore.testing.processes import load_script
from visioncore.training import FitResult, LoopConfig, Share, TrainingDiverged, fit, hold_out, warmup_cosine
from visioncore.training.ema import MovingAverage
from visioncore.training.random_generators import generator_state, restore_generators, seed_generators
from visioncore.training.run_record import check_record, write_record
from visioncore.training.run_state_folders import RunStateFolders
from visioncore.training.sampling import MicroBatches
from visioncore.weights.pretrained import Pretrained

SCRIPT = Path(__file__).with_name("training_run.py")


tiny: Any = load_script(SCRIPT)


@pytest.fixture(autouse=True)
def on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    from accelerate.state import AcceleratorState

    monkeypatch.setenv("ACCELERATE_USE_CPU", "1")
    AcceleratorState._reset_state(reset_partial_state=True)


def train(out: Path, model: nn.Module | None = None, loss: Any = None, source: Any = None, **options: Any) -> FitResult:
    fields = {name: options.pop(name) for name in list(options) if name in LoopConfig.__dataclass_fields__}
    options["learning_rate"] = options.pop("schedule", None)
    config = LoopConfig(**{"steps": 6, "batch_size": 4, "learning_rate": 1e-2, **fields})
    source = tiny.Squares() if source is None else source
    return fit(model or tiny.network(), loss or tiny.Terms(), source, config=config, out=out, **options)


def log(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]


def weights(folder: Path) -> dict[str, Tensor]:
    return load_file(folder / "model.safetensors")


# Schedule


def test_warmup_then_cosine() -> None:
    rate = warmup_cosine(LoopConfig(steps=12, batch_size=1, learning_rate=1.0, min_learning_rate=0.2, warmup_steps=4))
    assert [rate(step) for step in range(4)] == [0.25, 0.5, 0.75, 1.0]
    assert rate(4) == 1.0
    assert rate(6) == pytest.approx(0.2 + 0.8 * (1 + math.sqrt(0.5)) / 2)
    assert rate(8) == pytest.approx(0.6)
    assert rate(12) == pytest.approx(0.2)
    assert rate(50) == pytest.approx(0.2)


def test_without_warmup_the_first_step_has_the_full_rate() -> None:
    assert warmup_cosine(LoopConfig(steps=5, batch_size=1, learning_rate=3e-4))(0) == 3e-4


# What is computed


def plain_loop(steps: int, clip_norm: float, rate: Callable[[int], float]) -> tuple[nn.Module, list[Tensor]]:
    """The same training written out: the stream of samples, Adam, clipping; with the first weight of every step."""
    model, source, history = tiny.network(), tiny.Squares(), []
    optimizer = torch.optim.Adam(model.parameters())
    for step in range(steps):
        history.append(model.linear.weight.detach().clone())
        samples = []
        for position in range(4 * step, 4 * step + 4):
            epoch, place = divmod(position, 11)
            index = np.random.default_rng([0, epoch]).permutation(11)[place]
            samples.append(source.sample(int(index), np.random.default_rng([0, epoch, place + 1])))
        optimizer.param_groups[0]["lr"] = rate(step)
        optimizer.zero_grad()
        batch = {name: torch.stack([sample[name] for sample in samples]) for name in samples[0]}
        torch.stack(list(tiny.Terms()(model, batch).values())).sum().backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), clip_norm)
        optimizer.step()
    return model, [*history, model.linear.weight.detach().clone()]


@pytest.mark.parametrize(("accumulate", "every"), [(1, 1), (2, 1), (1, 4)])
def test_equals_a_loop_written_out(tmp_path: Path, accumulate: int, every: int) -> None:
    def rate(step: int) -> float:
        return 1e-2 / (1 + step)

    expected, history = plain_loop(9, 0.05, rate)
    model = tiny.network()
    average = {"ema_decay": 0.7, "ema_every": every}
    train(tmp_path, model, steps=9, clip_norm=0.05, schedule=rate, accumulate=accumulate, **average)
    for name, value in expected.state_dict().items():
        # the gradients of micro-batches are added up in another order
        bound = 0 if accumulate == 1 else 1e-5
        torch.testing.assert_close(model.state_dict()[name], value, rtol=bound, atol=bound, msg=name)
    averaged = history[0]
    for weight in history[every::every]:
        averaged = 0.7 * averaged + 0.3 * weight
    torch.testing.assert_close(weights(tmp_path / "last")["linear.weight"], averaged)


def test_average_by_hand() -> None:
    weight = nn.Parameter(torch.tensor([1.0, -2.0]))
    average = MovingAverage([weight], 0.75)
    with torch.no_grad():
        weight.add_(4)
    average.update()
    with torch.no_grad():
        weight.mul_(2)
    average.update()
    with average.applied():
        # 0.75 * (0.75 * 1 + 0.25 * 5) + 0.25 * 10 and the like for -2, 2, 4.
        assert weight.tolist() == [4.0, 0.25]
    assert weight.tolist() == [10.0, 4.0]


def test_weight_decay_makes_it_adamw(tmp_path: Path) -> None:
    plain, decayed = tiny.network(), tiny.network()
    train(tmp_path / "plain", plain, steps=1, learning_rate=1e-2)
    train(tmp_path / "decayed", decayed, steps=1, learning_rate=1e-2, weight_decay=0.5)
    expected = plain.linear.weight - 1e-2 * 0.5 * tiny.network().linear.weight
    torch.testing.assert_close(decayed.linear.weight, expected)


@pytest.mark.parametrize(("decoupled", "optimizer"), [(True, torch.optim.AdamW), (False, torch.optim.Adam)])
def test_weight_decay_beside_the_update_or_in_the_gradient(
    tmp_path: Path, decoupled: bool, optimizer: type[torch.optim.Adam]
) -> None:
    """The weights are those of PyTorch's optimizer, step by step, with its epsilon."""
    loss, found, expected = tiny.Terms(), tiny.network(), tiny.network()
    batches: list[Any] = []

    def recorded(model: nn.Module, batch: Any) -> Any:
        batches.append(batch)
        return loss(model, batch)

    options = {"decoupled_decay": decoupled, "weight_decay": 0.3, "epsilon": 0.1, "learning_rate": 0.02}
    train(tmp_path, found, recorded, steps=4, schedule=lambda _: 0.02, **options)
    stepper = optimizer(expected.parameters(), lr=0.02, eps=0.1, weight_decay=0.3)
    for batch in batches[:4]:
        stepper.zero_grad()
        sum(loss(expected, batch).values()).backward()
        stepper.step()
    assert not torch.equal(expected.linear.weight, tiny.network().linear.weight)
    torch.testing.assert_close(found.linear.weight, expected.linear.weight)


def test_only_the_given_parameters_are_trained(tmp_path: Path) -> None:
    model, first = tiny.network(), tiny.network()
    model.linear.bias.requires_grad_(False)
    train(tmp_path, model, parameters=model.convolution.parameters())
    assert not torch.equal(model.convolution.weight, first.convolution.weight)
    assert torch.equal(model.linear.weight, first.linear.weight)
    assert model.linear.weight.requires_grad
    assert not model.linear.bias.requires_grad
    with pytest.raises(InputError, match="must be parameters of the model"):
        train(tmp_path / "other", model, parameters=first.parameters())


def shares(name: str, parameter: nn.Parameter) -> Share:
    """The convolution at a tenth of the rate, biases without decay."""
    return Share(0.1 if name.startswith("convolution") else 1.0, 0.0 if parameter.ndim == 1 else 1.0)


def test_parameters_have_shares_of_rate_and_decay(tmp_path: Path) -> None:
    options = {"steps": 1, "learning_rate": 1e-2, "weight_decay": 0.5}
    alike, shared, first = tiny.network(), tiny.network(), tiny.network()
    train(tmp_path / "alike", alike, **options)
    train(tmp_path / "shared", shared, shares=shares, **options)
    for name, began in first.named_parameters():
        share = shares(name, began)
        step = alike.get_parameter(name) - (1 - 1e-2 * 0.5) * began
        expected = (1 - share.rate * share.decay * 1e-2 * 0.5) * began + share.rate * step
        torch.testing.assert_close(shared.get_parameter(name), expected, rtol=1e-5, atol=1e-7)


def test_a_run_with_shares_resumes_exactly(tmp_path: Path) -> None:
    whole, parts = tiny.network(), tiny.network()
    options: dict[str, Any] = {"shares": shares, "weight_decay": 0.5, "warmup_steps": 2}
    train(tmp_path / "whole", whole, checkpoint_every=3, **options)
    events = {5: lambda: os.kill(os.getpid(), signal.SIGINT)}
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "parts", parts, tiny.Terms(events=events), checkpoint_every=3, **options)
    again = tiny.network()
    train(tmp_path / "parts", again, checkpoint_every=3, **options)
    assert all(map(torch.equal, again.parameters(), whole.parameters()))


def test_another_optimizer(tmp_path: Path) -> None:
    def momentum(groups: list[dict[str, Any]], rate: float) -> torch.optim.Optimizer:
        return torch.optim.SGD(groups, rate, momentum=0.9, dampening=0.1)

    model, expected = tiny.network(), tiny.network()
    batches = BatchesSeen()
    train(
        tmp_path, model, batches, steps=3, schedule=lambda step: 0.1 / (1 + step), weight_decay=0.1, optimizer=momentum
    )
    optimizer = momentum([{"params": list(expected.parameters()), "weight_decay": 0.1}], 1.0)
    for step, batch in enumerate(batches.seen):
        optimizer.param_groups[0]["lr"] = 0.1 / (1 + step)
        optimizer.zero_grad()
        torch.stack(list(tiny.Terms()(expected, batch).values())).sum().backward()
        optimizer.step()
    for ours, theirs in zip(model.parameters(), expected.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-8)


class BatchesSeen(tiny.Terms):  # type: ignore[misc]
    """The loss, which keeps the batches it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[dict[str, Tensor]] = []

    def __call__(self, model: nn.Module, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        self.seen.append(batch)
        return super().__call__(model, batch)


def test_samples_of_different_sizes(tmp_path: Path) -> None:
    def end_to_end(samples: list[dict[str, Tensor]]) -> dict[str, Tensor]:
        return {name: torch.cat([sample[name] for sample in samples]) for name in samples[0]}

    def several(index: int) -> dict[str, Tensor]:
        return {"image": torch.full((1 + index, 1, 6, 6), float(index)), "target": torch.ones(1 + index, 1, 1, 1)}

    batches = BatchesSeen()
    train(tmp_path, loss=batches, source=Broken(several), steps=2, batch_size=2, collate=end_to_end)
    assert all(len(batch["image"]) == 2 + batch["image"].unique().sum() for batch in batches.seen)
    assert sum(len(batch["image"]) for batch in batches.seen) == 1 + 2 + 3 + 4

    def refuse(samples: list[dict[str, Tensor]]) -> dict[str, Tensor]:
        raise InputError(f"{len(samples)} samples are too many")

    with pytest.raises(InputError, match=r"^4 samples are too many$"):
        train(tmp_path / "refused", collate=refuse)


def test_bfloat16_on_the_cpu(tmp_path: Path) -> None:
    exact, mixed = tiny.network(), tiny.network()
    forward = mixed.forward
    train(tmp_path / "float32", exact)
    train(tmp_path / "bfloat16", mixed, precision="bfloat16")
    assert mixed.linear.weight.dtype == torch.float32
    assert not torch.equal(mixed.linear.weight, exact.linear.weight)
    torch.testing.assert_close(mixed.linear.weight, exact.linear.weight, rtol=0, atol=0.02)
    assert mixed.forward == forward
    assert mixed(torch.zeros(1, 1, 6, 6)).dtype == torch.float32


# Validation


def test_validation_sees_averaged_weights_in_evaluation_mode_and_disturbs_nothing(tmp_path: Path) -> None:
    seen = []

    def validate(model: nn.Module) -> dict[str, float]:
        seen.append((model.training, torch.is_grad_enabled(), model.get_parameter("linear.weight").clone()))
        torch.rand(3)
        np.random.rand(3)
        return {"psnr": 1.0}

    model, undisturbed = tiny.network(dropout=0.3), tiny.network(dropout=0.3)
    model.dropout.eval()
    undisturbed.dropout.eval()
    modes = [module.training for module in model.modules()]
    result = train(tmp_path / "a", model, steps=8, ema_decay=0.9, validate=validate, validate_every=3)
    train(tmp_path / "b", undisturbed, steps=8, ema_decay=0.9)
    assert [line["step"] for line in log(tmp_path / "a") if "validation" in line] == [3, 6, 8]
    assert [(training, grad) for training, grad, _ in seen] == [(False, False)] * 3
    assert torch.equal(seen[-1][2], weights(tmp_path / "a" / "last")["linear.weight"])
    assert not torch.equal(seen[-1][2], model.linear.weight)
    assert torch.equal(model.linear.weight, undisturbed.linear.weight)
    assert [module.training for module in model.modules()] == modes
    assert (result.metrics, result.best_metrics, result.steps) == ({"psnr": 1.0}, {}, 8)


def test_the_best_and_the_last_are_kept(tmp_path: Path) -> None:
    scores = iter([1.0, 3.0, float("nan"), 3.0])  # the first of the best counts
    seen = []

    def validate(model: nn.Module) -> dict[str, float]:
        seen.append(model.get_parameter("linear.weight").clone())
        return {"psnr": next(scores), "count": len(seen)}

    options: dict[str, Any] = {"steps": 8, "validate_every": 2, "checkpoint_every": 2, "keep_last": 3, "best": "psnr"}
    result = train(tmp_path, validate=validate, **options)
    assert result.best_metrics == {"psnr": 3.0, "count": 2}
    assert result.metrics == {"psnr": 3.0, "count": 4}
    assert torch.equal(weights(tmp_path / "best")["linear.weight"], seen[1])
    assert torch.equal(weights(tmp_path / "last")["linear.weight"], seen[3])
    kept = sorted(path.name for path in (tmp_path / "checkpoints").iterdir())
    assert kept == ["step-00000004", "step-00000006", "step-00000008"]
    # A finished run has nothing more to do and still knows its figures.
    assert train(tmp_path, validate=validate, **options) == result


def test_the_best_survives_an_interruption(tmp_path: Path) -> None:
    scores = iter([5.0, 1.0])
    options: dict[str, Any] = {
        "steps": 4,
        "validate_every": 2,
        "checkpoint_every": 2,
        "validate": lambda _model: {"psnr": next(scores)},
        "best": "psnr",
    }
    with pytest.raises(ZeroDivisionError):
        train(tmp_path, loss=tiny.Terms(events={3: lambda: 1 // 0}), **options)
    best = weights(tmp_path / "best")["linear.weight"]
    assert train(tmp_path, **options).best_metrics == {"psnr": 5.0}
    assert torch.equal(weights(tmp_path / "best")["linear.weight"], best)


def test_a_new_run_leaves_nothing_of_the_old_one(tmp_path: Path) -> None:
    train(tmp_path, steps=2, validate=lambda _model: {"psnr": 1.0}, best="psnr")
    assert (tmp_path / "best").is_dir()
    with pytest.raises(ZeroDivisionError):
        train(tmp_path, steps=2, resume=False, loss=tiny.Terms(events={1: lambda: 1 // 0}))
    assert {path.name for path in tmp_path.rglob("*") if path.is_dir()} <= {"checkpoints"}


def test_a_signal_in_the_last_step_changes_nothing(tmp_path: Path) -> None:
    stop = tiny.Terms(events={2: lambda: os.kill(os.getpid(), signal.SIGTERM)})
    assert train(tmp_path, steps=2, loss=stop).steps == 2


def test_another_accumulation_goes_on_between_its_steps(tmp_path: Path) -> None:
    """From an odd step, so that counting micro-batches on would end steps halfway."""
    whole, resumed = tiny.network(), tiny.network()
    train(tmp_path / "whole", whole)
    with pytest.raises(ZeroDivisionError):
        train(tmp_path / "cut", loss=tiny.Terms(events={5: lambda: 1 // 0}), checkpoint_every=3)
    train(tmp_path / "cut", resumed, accumulate=2)
    torch.testing.assert_close(resumed.state_dict(), whole.state_dict(), rtol=1e-5, atol=1e-5)


def test_the_loss_is_given_the_step(tmp_path: Path) -> None:
    steps, terms = [], tiny.Terms()

    def loss(model: nn.Module, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        steps.append(int(batch["step"]))
        return {"loss": sum(terms(model, batch).values(), torch.zeros(()))}

    train(tmp_path, loss=loss, steps=3, accumulate=2)
    assert steps == [0, 0, 1, 1, 2, 2]


@pytest.mark.parametrize(("accumulate", "processes"), [(1, 2), (2, 2), (1, 4), (4, 1)])
def test_processes_and_micro_batches_share_one_stream(accumulate: int, processes: int) -> None:
    def keys(accumulate: int, process: int, processes: int) -> list[list[tuple[int, int]]]:
        config = LoopConfig(steps=5, batch_size=8, accumulate=accumulate, seed=3)
        return list(MicroBatches(11, config, 2, process, processes))

    whole = [key for batch in keys(1, 0, 1) for key in batch]
    assert [position for position, _ in whole] == list(range(16, 40))
    parts = [keys(accumulate, process, processes) for process in range(processes)]
    assert [key for together in zip(*parts, strict=True) for batch in together for key in batch] == whole


class Alone:
    """Stands for the accelerator of a single process."""

    is_main_process = True

    def wait_for_everyone(self) -> None:
        """Nobody else is there."""


BIG = 5 << 19
"""Bytes; more than are read at once for a checksum."""


def swap_byte(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    "harm",
    [
        lambda folder: swap_byte(folder / "part" / "big", 0),
        lambda folder: swap_byte(folder / "part" / "big", -1),
        lambda folder: (folder / "part" / "big").write_bytes(bytes(BIG - 1)),
        lambda folder: (folder / "part" / "big").unlink(),
        lambda folder: (folder / "manifest.json").unlink(),
        lambda folder: (folder / "manifest.json").write_text("[]"),
        lambda folder: (folder / "manifest.json").write_text('{"part/big": 3}'),
    ],
)
def test_every_damage_to_a_run_state_is_noticed(tmp_path: Path, harm: Callable[[Path], object]) -> None:
    def fill(folder: Path) -> None:
        (folder / "part").mkdir()
        (folder / "part" / "big").write_bytes(bytes(BIG))

    states, warned = RunStateFolders(tmp_path, 2), list[str]()
    for step in (7, 12, 100):
        states.write(step, Alone(), fill)
    (tmp_path / "step-none").mkdir()
    (tmp_path / "step-00000900").touch()
    assert sorted(path.name for path in tmp_path.glob("step-0*1*")) == ["step-00000012", "step-00000100"]
    assert states.newest(pytest.fail) == 100
    harm(states.path(100))
    assert states.newest(warned.append) == 12
    assert [line.startswith(f"{states.path(100)}: skipped, ") for line in warned] == [True]


@pytest.mark.parametrize(
    ("seeds", "told"),
    [
        ({"a": 1}, r": run\.a was 0 and is 1; train in another folder"),
        ({"a": 1, "b": 1, "c": 1}, r"run\.c was 0 and is 1; train"),
        ({"a": 1, "b": 1, "c": 1, "d": 1}, r"run\.c was 0 and is 1 and 1 more; train"),
        ({"e": 1}, r": run\.e was not given and is 1; train"),
    ],
)
def test_differences_between_runs_are_named(tmp_path: Path, seeds: dict[str, int], told: str) -> None:
    config, before = LoopConfig(steps=5, batch_size=2), dict.fromkeys("abcd", 0)
    write_record(tmp_path / "run.json", config, before)
    check_record(tmp_path / "run.json", config, before, 5)
    with pytest.raises(InputError, match=told):
        check_record(tmp_path / "run.json", config, {**before, **seeds}, 5)


def test_averages_of_other_parameters_are_refused(tmp_path: Path) -> None:
    def average(*lengths: int) -> MovingAverage:
        return MovingAverage([nn.Parameter(torch.ones(length)) for length in lengths], 0.9)

    average(2, 3).save(tmp_path / "ema")
    average(2, 3).load(tmp_path / "ema")
    for lengths in ((3, 2), (2,), (2, 3, 4)):
        with pytest.raises(InputError, match="averaged weights of another model"):
            average(*lengths).load(tmp_path / "ema")


@dataclass(frozen=True)
class Width:
    width: int = 3


class Saved(Pretrained):
    config_class = Width

    def __init__(self, config: Width) -> None:
        super().__init__()
        self.config = config
        self.linear = nn.Linear(36, config.width)

    def forward(self, image: Tensor) -> Tensor:
        answer: Tensor = self.linear(image.flatten(1)).mean(1)[:, None, None, None]
        return answer


def test_a_model_that_can_save_itself_does(tmp_path: Path) -> None:
    model = Saved(Width(5))
    train(tmp_path, model)
    again = Saved.from_pretrained(tmp_path / "last")
    assert again.config == Width(5)
    assert torch.equal(again.linear.weight, model.linear.weight)


# Log and progress


def test_the_log_has_means_of_the_steps_between_its_lines(tmp_path: Path) -> None:
    train(tmp_path / "every", steps=5, log_every=1)
    train(tmp_path / "some", steps=5, log_every=3)
    every, some = log(tmp_path / "every"), log(tmp_path / "some")
    names = {"step", "square", "absolute", "loss", "learning_rate", "samples_per_s", "memory_mb", "time"}
    assert all(set(line) == names for line in every)
    assert [line["step"] for line in some] == [3, 5]
    for line, steps in zip(some, (every[:3], every[3:]), strict=True):
        assert line["square"] == pytest.approx(np.mean([step["square"] for step in steps]))
        assert line["loss"] == pytest.approx(line["square"] + line["absolute"])
        assert line["learning_rate"] == steps[-1]["learning_rate"]
    assert every[0]["learning_rate"] == 1e-2


def test_the_log_times_training_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]

    def slow(seconds: float) -> None:
        clock[0] += seconds

    def validate(_model: nn.Module) -> dict[str, float]:
        slow(1000)
        return {"psnr": 1.0}

    monkeypatch.setattr(
        "visioncore.training.run.time", SimpleNamespace(perf_counter=lambda: clock[0], time=lambda: 1234.5678)
    )
    terms = tiny.Terms(events={step: lambda: slow(2) for step in range(1, 8)})
    train(tmp_path, loss=terms, steps=7, log_every=2, validate=validate, validate_every=3)
    assert [line["samples_per_s"] for line in log(tmp_path) if "loss" in line] == [2.0] * 4
    assert {line["time"] for line in log(tmp_path)} == {1234.568}


def test_the_log_goes_on_after_a_line_cut_short(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        train(tmp_path, loss=tiny.Terms(events={6: lambda: 1 // 0}), log_every=1, checkpoint_every=3)
    with (tmp_path / "log.jsonl").open("a") as file:
        file.write('{"step": 2, "squ')
    train(tmp_path, log_every=1)
    assert [line["step"] for line in log(tmp_path)] == [1, 2, 3, 4, 5, 6]


def test_a_bar_on_a_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "150")
    train(tmp_path, log_every=2)
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", capfd.readouterr().err)
    assert re.search(r"6/6 .*left .*loss [\d.]+, [\d.e+]+ samples/s, \d+ MB", shown)


# Trouble


def test_a_loss_that_is_not_finite_stops_with_its_step_and_term(tmp_path: Path) -> None:
    class Poisoned(tiny.Terms):  # type: ignore[misc]
        def __call__(self, model: nn.Module, batch: dict[str, Tensor]) -> dict[str, Tensor]:
            terms: dict[str, Tensor] = super().__call__(model, batch)
            return {**terms, "absolute": terms["absolute"] * (math.inf if self.calls == 6 else 1)}

    with pytest.raises(TrainingDiverged, match=r"^step 6: the loss is NaN or infinite in 'absolute'; .*$"):
        train(tmp_path, loss=Poisoned(), steps=20, checkpoint_every=4, log_every=20)
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["step-00000004"]
    assert all(value.isfinite().all() for value in weights(tmp_path / "checkpoints" / "step-00000004").values())


def test_a_gradient_that_is_not_finite_reaches_no_checkpoint(tmp_path: Path) -> None:
    class Root(tiny.Terms):  # type: ignore[misc]
        def __call__(self, model: nn.Module, batch: dict[str, Tensor]) -> dict[str, Tensor]:
            terms: dict[str, Tensor] = super().__call__(model, batch)
            nothing = 0 * model.get_parameter("linear.bias").sum()
            return {**terms, "root": nothing.sqrt() if self.calls == 4 else nothing}

    with pytest.raises(TrainingDiverged, match=r"^step 4: the weight 'linear.bias' became NaN"):
        train(tmp_path, loss=Root(), checkpoint_every=2)
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["step-00000002"]


def test_a_checkpoint_with_an_object_in_it_is_not_run(tmp_path: Path) -> None:
    import zlib

    with pytest.raises(ZeroDivisionError):
        train(tmp_path, loss=tiny.Terms(events={5: lambda: 1 // 0}), checkpoint_every=3)
    folder, trace = tmp_path / "checkpoints" / "step-00000003", tmp_path / "ran"

    class Payload:
        def __reduce__(self) -> tuple[Any, tuple[Path]]:
            return Path.mkdir, (trace,)

    torch.save({"state": Payload()}, folder / "optimizer.bin")
    manifest = json.loads((folder / "manifest.json").read_text())
    content = (folder / "optimizer.bin").read_bytes()
    manifest["optimizer.bin"] = [len(content), zlib.crc32(content)]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(InputError, match="step-00000003: does not fit this model and its training") as raised:
        train(tmp_path)
    assert not trace.exists()
    assert "\n" not in str(raised.value)


def test_a_checkpoint_of_another_model_is_refused(tmp_path: Path) -> None:
    train(tmp_path)
    with pytest.raises(InputError, match=r"step-00000006: does not fit .*mismatch for linear.weight"):
        train(tmp_path, Saved(Width(2)))


def test_another_run_is_not_continued(tmp_path: Path) -> None:
    description = {"data": Path("rain"), "train": {"loss": {"edge": 0.05}, "workers": 0}}
    train(tmp_path, run_description=description, log_every=2)
    free = {"data": Path("rain"), "train": {"loss": {"edge": 0.05}, "workers": 4}}
    train(tmp_path, run_description=free, log_every=3, accumulate=2, keep_last=1)
    other = {"data": Path("rain"), "train": {"loss": {"edge": 0.1}}}
    with pytest.raises(InputError, match=r"run.train.loss.edge was 0.05 and is 0.1; train in another folder"):
        train(tmp_path, run_description=other)
    with pytest.raises(InputError, match=r"loop.seed was 0 and is 1"):
        train(tmp_path, run_description=description, seed=1)
    train(tmp_path, run_description=other, seed=1, steps=2, resume=False)
    assert json.loads((tmp_path / "run.json").read_text())["run"]["train"] == {"loss": {"edge": 0.1}}
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["step-00000002"]
    assert [line["step"] for line in log(tmp_path)] == [2]


def test_a_finished_run_may_be_given_more_steps(tmp_path: Path) -> None:
    train(tmp_path / "whole", steps=9, schedule=lambda step: 1e-2)
    assert train(tmp_path / "longer", steps=6, schedule=lambda step: 1e-2).steps == 6
    assert train(tmp_path / "longer", steps=9, schedule=lambda step: 1e-2).steps == 9
    whole, longer = weights(tmp_path / "whole" / "last"), weights(tmp_path / "longer" / "last")
    assert all(torch.equal(whole[name], longer[name]) for name in whole)
    train(tmp_path / "longer", steps=9, schedule=lambda step: 1e-2)  # finished, and known to be of nine steps
    with pytest.raises(InputError, match=r"loop.steps was 9 and is 6"):
        train(tmp_path / "longer", steps=6)
    with pytest.raises(InputError, match=r"loop.steps was 9 and is 12, loop.seed was 0 and is 1"):
        train(tmp_path / "longer", steps=12, seed=1)


def test_a_run_that_is_not_finished_keeps_its_steps(tmp_path: Path) -> None:
    def stop_late(_: nn.Module) -> dict[str, float]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, checkpoint_every=2, validate=stop_late, validate_every=5)
    with pytest.raises(InputError, match=r"loop.steps was 6 and is 9 \(it can be raised once the run is finished\)"):
        train(tmp_path, steps=9)


def test_out_of_memory_says_what_helps(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^out of memory; what helps, in this order: a smaller loop\.batch_size$"):
        train(tmp_path, loss=out_of_memory)


def test_generators_go_through_a_file(tmp_path: Path) -> None:
    def draw() -> list[float]:
        return [random.random(), np.random.rand(), np.random.randn(), float(torch.rand(()))]

    seed_generators(3, 1)
    np.random.randn()
    torch.save(generator_state(torch.device("cpu")), tmp_path / "state.pt")
    expected = draw()
    seed_generators(3, 2)
    assert draw()[0] != expected[0]
    restore_generators(torch.load(tmp_path / "state.pt", weights_only=True), torch.device("cpu"))
    assert draw() == expected


def test_a_kill_between_two_renames_loses_no_folder(tmp_path: Path) -> None:
    for name in (".last.old", ".last.partial", ".best.old", "best"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    recover_folders(tmp_path)
    assert {path.name: (path / "file").read_text() for path in tmp_path.iterdir()} == {
        "last": ".last.old",
        "best": "best",
    }


class Broken:
    def __init__(self, sample: Callable[[int], dict[str, Tensor]], length: int = 4) -> None:
        self._sample, self._length = sample, length

    def __len__(self) -> int:
        return self._length

    def sample(self, index: int, _rng: np.random.Generator) -> dict[str, Tensor]:
        return self._sample(index)


def unreadable(index: int) -> dict[str, Tensor]:
    raise InputError(f"rain-{index}.png: not an image")


def growing(index: int) -> dict[str, Tensor]:
    return {"image": torch.zeros(1, 6, 6 + index), "target": torch.zeros(1, 1, 1)}


@pytest.mark.parametrize("workers", [0, 1])
def test_bad_samples(tmp_path: Path, workers: int) -> None:
    if workers and torch.multiprocessing.get_start_method() != "fork":
        pytest.skip("this module cannot be imported by a started process")
    with pytest.raises(InputError, match=r"^rain-\d.png: not an image$"):
        train(tmp_path, source=Broken(unreadable), workers=workers)
    with pytest.raises(InputError, match=r"^the samples of a batch do not fit together: .*\(1, 6, 9\)"):
        train(tmp_path, source=Broken(growing), workers=workers)


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (lambda _model, _batch: {}, "no terms"),
        (lambda model, batch: {"edge": model(batch["image"])}, "'edge' is not a scalar"),
        (lambda _model, batch: {"edge": batch["target"].mean()}, "does not depend on any parameter"),
        (lambda model, batch: {"step": model(batch["image"]).mean()}, "'step' has the name of another figure"),
        (
            lambda model, batch: dict.fromkeys(("loss", "edge"), model(batch["image"]).mean()),
            "'loss' has the name of another figure",
        ),
        (lambda model, batch: {str(torch.rand(())): model(batch["image"]).mean()}, "returned the terms .* after"),
    ],
)
def test_bad_losses(tmp_path: Path, loss: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        train(tmp_path, loss=loss)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 0}, "steps is 0; it must be at least 1"),
        ({"ema_decay": 1.0}, "ema_decay is 1.0; it must be between 0 and 1"),
        ({"precision": "half"}, "precision is 'half'; it must be one of float32, bfloat16, float16"),
        ({"precision": "float16"}, "precision is 'float16'; on cpu it must be float32 or bfloat16"),
        ({"accumulate": 3}, "batch_size is 4; it must be a multiple of 1 processes x accumulate 3"),
        ({"source": Broken(unreadable, length=0)}, "the data set is empty"),
        ({"best": "psnr"}, "no validation to measure it"),
        ({"best": "psnr", "validate": lambda _model: {"ssim": 1.0}}, "best is 'psnr'; the validation measures ssim"),
    ],
)
def test_bad_settings(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        train(tmp_path, **options)


def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "out").touch()
    with pytest.raises(InputError, match="cannot write in this folder"):
        train(tmp_path / "out")


def test_the_import_is_light() -> None:
    code = "import sys, visioncore.training; sys.exit('accelerate' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


# what is held out


def test_items_of_one_key_stay_on_one_side() -> None:
    keys = [f"{number}.png" for number in range(10) for _ in range(3)]
    inside, outside = hold_out(keys, 0.2, most=100, seed=0, where="photos")
    assert (len(inside), len(outside)) == (24, 6)
    assert not {keys[i] for i in inside} & {keys[i] for i in outside}
    assert sorted(inside + outside) == list(range(30))
    assert (inside, outside) == (sorted(inside), sorted(outside))
    assert (inside, outside) == hold_out(keys, 0.2, most=100, seed=0, where="photos")
    assert (inside, outside) != hold_out(keys, 0.2, most=100, seed=1, where="photos")


@pytest.mark.parametrize(("share", "most", "count"), [(0.001, 100, 1), (0.5, 100, 5), (0.5, 2, 2), (0.9, 100, 9)])
def test_how_many_are_held_out(share: float, most: int, count: int) -> None:
    assert len(hold_out(range(10), share, most=most, seed=0, where="photos")[1]) == count


def test_one_at_least_is_left_to_train_on() -> None:
    with pytest.raises(InputError, match="photos: images, 1 in all: 1 would be held out for validation"):
        hold_out([7, 7, 7], 0.05, most=100, seed=0, where="photos: images")
    with pytest.raises(InputError, match=r"2 in all: 2 would be .* at least one must be left to train on"):
        hold_out([7, 8], 0.9, most=100, seed=0, where="photos")
