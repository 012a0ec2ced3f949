"""A small training run for test_training*.py: imported by them, and a script for runs in processes of their own."""

from __future__ import annotations

import argparse
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from visioncore.training import FitResult, LoopConfig, fit


class Squares:
    """Eleven noisy images (1, 6, 6) and their mean square; the noise comes from the generator handed in."""

    def __len__(self) -> int:
        return 11

    def sample(self, index: int, rng: np.random.Generator) -> dict[str, Tensor]:
        pixels = np.full((1, 6, 6), index / 10, dtype=np.float32)
        pixels += rng.standard_normal((1, 6, 6), dtype=np.float32)
        return {"image": torch.from_numpy(pixels), "target": torch.from_numpy(np.square(pixels).mean(keepdims=True))}


class Network(nn.Module):
    """Convolution, dropout, linear: the dropout makes the run depend on torch's generator."""

    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(1, 4, 3)
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(64, 1)

    def forward(self, image: Tensor) -> Tensor:
        features: Tensor = self.dropout(F.relu(self.convolution(image)))
        answer: Tensor = self.linear(features.flatten(1))
        return answer[:, :, None, None]


class Sometimes(Network):
    """A network whose convolution has no part in the steps whose number is odd."""

    def forward(self, image: Tensor, without: bool = False) -> Tensor:
        if not without:
            return super().forward(image)
        answer: Tensor = self.linear(image.new_ones(len(image), 64))
        return answer[:, :, None, None]


class Terms:
    """Two loss terms; before those of a step are computed, ``events`` may do something at it (counted from 1)."""

    def __init__(self, accumulate: int = 1, begin: int = 0, events: dict[int, Callable[[], Any]] | None = None) -> None:
        self.calls, self.accumulate, self.events = begin * accumulate, accumulate, events or {}

    def __call__(self, model: nn.Module, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        self.calls += 1
        if self.calls % self.accumulate == 0:
            self.events.get(self.calls // self.accumulate, lambda: None)()
        # the model may be wrapped
        given = (int(batch["step"]) % 2 == 1,) if isinstance(getattr(model, "module", model), Sometimes) else ()
        error = model(batch["image"], *given) - batch["target"]
        return {"square": error.square().mean(), "absolute": 0.1 * error.abs().mean()}


CONFIG: dict[str, Any] = {
    "steps": 30,
    "batch_size": 4,
    "learning_rate": 1e-2,
    "warmup_steps": 3,
    "ema_decay": 0.8,
    "seed": 3,
    "log_every": 4,
    "checkpoint_every": 10,
}


def network(dropout: float = 0.0) -> Network:
    """Return the network with the same first weights every time."""
    torch.manual_seed(1)
    return Network(dropout)


def run(
    out: Path,
    *,
    dropout: float = 0.0,
    events: dict[int, Callable[[], Any]] | None = None,
    begin: int = 0,
    sometimes: bool = False,
    **changes: Any,
) -> FitResult:
    """Train in ``out``; ``begin`` is the step the run goes on from, for the numbering of ``events``."""
    # runs of different processes are compared bit for bit, and threads change the order of sums
    torch.set_num_threads(1)
    config = LoopConfig(**{**CONFIG, **changes})
    model = network(dropout)
    if sometimes:
        model.__class__ = Sometimes
    terms = Terms(config.accumulate, begin, events)
    return fit(model, terms, Squares(), config=config, out=out, unused=sometimes)


def kill() -> None:
    """End this process as a power cut would."""
    os.kill(os.getpid(), signal.SIGKILL)


def kill_within_the_next_checkpoint() -> None:
    """End this process when the next checkpoint is half written."""
    from accelerate import Accelerator

    save = Accelerator.save_state

    def save_half(self: Any, folder: str, *rest: Any, **options: Any) -> None:
        save(self, folder, *rest, **options)
        weights = Path(folder) / "model.safetensors"
        weights.write_bytes(weights.read_bytes()[:50])
        kill()

    Accelerator.save_state = save_half


def press_ctrl_c() -> None:
    """Send SIGINT to the whole process group, as a terminal does, and give it time to arrive."""
    os.killpg(0, signal.SIGINT)
    time.sleep(0.5)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    parser.add_argument("--dropout", type=float, default=0.0)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--accumulate", type=int, default=1)
    parser.add_argument("--sometimes", action="store_true")
    parser.add_argument("--begin", type=int, default=0)
    parser.add_argument("--kill", type=int, help="step of a SIGKILL")
    parser.add_argument("--kill-writing", type=int, help="step after which the next checkpoint is cut short")
    parser.add_argument("--interrupt", type=int, help="step of a SIGINT to the whole process group")
    parser.add_argument("--terminate", type=int, help="step of a SIGTERM to the process of rank 1")
    given = parser.parse_args()
    events: dict[int, Callable[[], Any]] = {
        given.kill: kill,
        given.kill_writing: kill_within_the_next_checkpoint,
        given.interrupt: press_ctrl_c,
    }
    if os.environ.get("RANK") == "1":
        events[given.terminate] = lambda: os.kill(os.getpid(), signal.SIGTERM)
    run(
        given.out,
        dropout=given.dropout,
        events=events,
        begin=given.begin,
        workers=given.workers,
        accumulate=given.accumulate,
        sometimes=given.sometimes,
    )


if __name__ == "__main__":
    main()
