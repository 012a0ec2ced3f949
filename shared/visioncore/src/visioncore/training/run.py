"""A run in progress: its step, and all that happens between steps."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..devices import peak_memory, resolve_dtype, slow_precision
from ..errors import InputError
from ..files import FolderLock, clear_partials, recover_folders, remove_folder, writable_folder
from .accelerator import is_sharded, on_main, start_accelerator
from .config import LoopConfig
from .ema import MovingAverage
from .log import JsonLog, Progress
from .loss_terms import TermMeter, check_weights
from .model_modes import evaluating
from .parameter_groups import ShareOf, parameter_groups
from .random_generators import generators_kept, seed_generators
from .run_record import check_record, write_record
from .run_state import load_state, save_state
from .run_state_folders import RunStateFolders
from .sampling import Batch, Collate, SampleSource, batches
from .signals import StopRequest
from .trained_weights import card_of_run, save_weights

Loss = Callable[[nn.Module, Batch], Mapping[str, Tensor]]
Validate = Callable[[nn.Module], Mapping[str, float]]
OptimizerOf = Callable[[list[dict[str, Any]], float], torch.optim.Optimizer]
"""Makes an optimizer of its groups of parameters and the learning rate of the first step."""


@dataclass(frozen=True)
class FitResult:
    """The result of a finished run.

    Attributes:
        steps: optimizer steps done.
        metrics: of the last validation; empty without one.
        best_metrics: of the best validation; empty without a metric to maximise.
        folder: where everything lies: ``last/``, ``best/``, the run states, ``log.jsonl``, ``run.json``.
    """

    steps: int
    metrics: dict[str, float]
    best_metrics: dict[str, float]
    folder: Path


class Run:
    """One call of :func:`visioncore.training.fit`; the arguments are explained there."""

    def __init__(
        self,
        model: nn.Module,
        trained: list[nn.Parameter],
        loss: Loss,
        config: LoopConfig,
        out: Path,
        learning_rate: Callable[[int], float],
        validate: Validate | None,
        best: str | None,
        shares: ShareOf | None,
        optimizer: OptimizerOf | None,
        unused: bool,
    ) -> None:
        self.loss, self.config, self.out = loss, config, out
        self.learning_rate, self.validate, self.best = learning_rate, validate, best
        self.accelerator = start_accelerator(config, unused=unused)
        self.sharded = is_sharded(self.accelerator)
        # Only a copy that is whole can save itself when the parts of the model are spread over processes.
        self.plain = (
            copy.deepcopy(model) if self.sharded else self.accelerator.unwrap_model(model, keep_torch_compile=False)
        )
        groups = parameter_groups(model, trained, config.weight_decay, shares)
        self.rates = [group.pop("rate") for group in groups]
        make = optimizer or self._adam
        self.model, self.optimizer = self.accelerator.prepare(model, make(groups, learning_rate(0)))
        weights = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        self.average = MovingAverage(weights, config.ema_decay) if config.ema_decay else None
        self.meter = TermMeter(self.accelerator)
        self.states = RunStateFolders(out / "checkpoints", config.keep_last)
        self.progress = Progress(config.steps, self.accelerator.is_main_process)
        self.log: JsonLog | None = None
        self.lock: FolderLock | None = None
        self.metrics: dict[str, float] = {}
        self.best_metrics: dict[str, float] = {}
        self.timed_since, self.timed_steps = time.perf_counter(), 0
        self.step = 0
        self.description: Mapping[str, object] = {}

    def _adam(self, groups: list[dict[str, Any]], rate: float) -> torch.optim.Optimizer:
        config = self.config
        adam = torch.optim.AdamW if config.decoupled_decay else torch.optim.Adam
        return adam(groups, lr=rate, betas=config.betas, eps=config.epsilon)

    def go(
        self, source: SampleSource, resume: bool, description: Mapping[str, object] | None, collate: Collate
    ) -> FitResult:
        """Run from the newest run state, or the beginning, to the end."""
        accelerator, config = self.accelerator, self.config
        self.description = description or {}
        begin = on_main(accelerator, lambda: self._open_folder(resume, description))
        stream = batches(
            source,
            config,
            start=begin,
            process=accelerator.process_index,
            processes=accelerator.num_processes,
            pin_memory=accelerator.device.type == "cuda",
            collate=collate,
        )
        seed_generators(config.seed, accelerator.process_index, begin)
        if begin:
            progress = load_state(self.states.path(begin), accelerator, self.average)
            self.metrics, self.best_metrics = progress["metrics"], progress["best_metrics"]
            self.meter.restore(progress["losses"])
        if accelerator.is_main_process:
            self.log = JsonLog(self.out / "log.jsonl", begin)
        self.progress.start(begin)
        self.timed_since = time.perf_counter()
        with closing(stream), StopRequest(accelerator.num_processes) as stop:
            for step in range(begin + 1, config.steps + 1):
                self.step = step
                self._step(step, stream)
                stopped = bool(stop)
                self._between(step, stopped)
                if stopped and step < config.steps:
                    self.progress.line(
                        f"stopped after step {step} of {config.steps}; the same command goes on from there"
                    )
                    raise KeyboardInterrupt
        self._export("last")
        return FitResult(config.steps, self.metrics, self.best_metrics, self.out)

    def close(self) -> None:
        """Let go of files, the terminal and the model."""
        self.progress.close()
        if self.log is not None:
            self.log.close()
        if self.lock is not None:
            self.lock.release()
        # Also takes off what mixed precision put around the model's forward.
        self.accelerator.unwrap_model(self.model, keep_fp32_wrapper=False)

    def _open_folder(self, resume: bool, description: Mapping[str, object] | None) -> int:
        lock = FolderLock(writable_folder(self.out), "trains")
        lock.take(self.progress.line)
        self.lock = lock
        if slow := slow_precision(
            resolve_dtype(self.config.precision, self.accelerator.device), self.accelerator.device
        ):
            self.progress.line(slow)
        record = self.out / "run.json"
        clear_partials(self.out)
        for folder in (self.out, self.states.folder):
            recover_folders(folder)
        step = self.states.newest(warn=self.progress.line) if resume else None
        if step is not None:
            check_record(record, self.config, description, step)
            return step
        if not resume:
            self.states.clear()
            for name in ("last", "best"):
                remove_folder(self.out / name)
        write_record(record, self.config, description)
        return 0

    def _step(self, step: int, stream: Iterator[Batch]) -> None:
        from accelerate.utils import send_to_device

        accelerator = self.accelerator
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = rate * self.learning_rate(step - 1)
        for _ in range(self.config.accumulate):
            batch = send_to_device(next(stream), accelerator.device, non_blocking=True)
            with accelerator.accumulate(self.model):
                accelerator.backward(self.meter.total(self.loss(self.model, {**batch, "step": torch.tensor(step - 1)})))
                if self.config.clip_norm is not None and accelerator.sync_gradients:
                    accelerator.clip_grad_norm_(self.model.parameters(), self.config.clip_norm)
                self.optimizer.step()
                self.optimizer.zero_grad()
        self.meter.end_step(step)
        if self.average is not None and step % self.config.ema_every == 0:
            self.average.update()
        self.timed_steps += 1
        self.progress.advance(step)

    def _between(self, step: int, stopped: bool) -> None:
        config, last = self.config, step == self.config.steps
        due_log = last or step % config.log_every == 0
        due_validation = self.validate is not None and (last or step % config.validate_every == 0)
        due_state = last or stopped or step % config.checkpoint_every == 0
        if due_log or due_validation or due_state:
            self.meter.check()
        if due_validation or due_state:
            check_weights(self.model, self.accelerator, step)
        if due_log:
            self._write_losses(step)
        pause = time.perf_counter()
        if due_validation:
            self._validate(step)
        if due_state:
            losses = self.meter.state()
            progress = {"metrics": self.metrics, "best_metrics": self.best_metrics, "losses": losses}
            self.states.write(
                step, self.accelerator, lambda folder: save_state(folder, self.accelerator, self.average, progress)
            )
        self.timed_since += time.perf_counter() - pause

    def _write_losses(self, step: int) -> None:
        means = self.meter.means()
        now = time.perf_counter()
        rate = self.timed_steps * self.config.batch_size / (now - self.timed_since)
        self.timed_since, self.timed_steps = now, 0
        memory = peak_memory(self.accelerator.device) / 2**20
        figures = {"samples_per_s": round(rate, 3), "memory_mb": round(memory, 1), "time": round(time.time(), 3)}
        self._write({"step": step, **means, "learning_rate": self.learning_rate(step - 1), **figures})
        self.progress.figures(step, means["loss"], rate, memory)

    def _write(self, entry: Mapping[str, object]) -> None:
        if self.log is not None:
            self.log.write(entry)

    def _validate(self, step: int) -> None:
        validate = self.validate
        assert validate is not None
        model = self.model if self.sharded else self.accelerator.unwrap_model(self.model)
        with self._averaged(), evaluating(model), generators_kept(self.accelerator.device):
            # All processes must call a sharded model; of a whole one, one process is enough.
            measured = validate(model) if self.sharded else on_main(self.accelerator, lambda: dict(validate(model)))
        self.metrics = {name: float(value) for name, value in measured.items()}
        self._write({"step": step, "validation": self.metrics, "time": round(time.time(), 3)})
        self.progress.line(f"step {step}: " + ", ".join(f"{name} {value:.6g}" for name, value in self.metrics.items()))
        if self.best is None:
            return
        if self.best not in self.metrics:
            raise InputError(f"best is {self.best!r}; the validation measures {', '.join(self.metrics) or 'nothing'}")
        value, highest = self.metrics[self.best], self.best_metrics.get(self.best, -math.inf)
        if value > highest:
            self.best_metrics = self.metrics
            self._export("best")

    def _averaged(self) -> AbstractContextManager[None]:
        return nullcontext() if self.average is None else self.average.applied()

    def _export(self, name: str) -> None:
        with self._averaged():
            if self.sharded:
                state = self.accelerator.get_state_dict(self.model)
                if self.accelerator.is_main_process:
                    self.plain.load_state_dict(state)
            if self.accelerator.is_main_process:
                best = name == "best"
                step, metrics = (self.step, self.best_metrics) if best else (self.config.steps, self.metrics)
                card = card_of_run(self.description, self.config, step, metrics)
                save_weights(self.plain, self.out / name, card)
        self.accelerator.wait_for_everyone()
