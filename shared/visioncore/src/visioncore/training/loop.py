"""The training loop as one function."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from torch import nn

from ..devices import is_out_of_memory
from ..errors import InputError, one_line
from .config import LoopConfig
from .model_modes import training_only
from .parameter_groups import ShareOf
from .processes import is_lost_process
from .run import FitResult, Loss, OptimizerOf, Run, Validate
from .sampling import Collate, SampleSource, stack
from .schedule import warmup_cosine


def fit(
    model: nn.Module,
    loss: Loss,
    source: SampleSource,
    *,
    config: LoopConfig,
    out: Path,
    learning_rate: Callable[[int], float] | None = None,
    validate: Validate | None = None,
    best: str | None = None,
    parameters: Iterable[nn.Parameter] | None = None,
    shares: ShareOf | None = None,
    optimizer: OptimizerOf | None = None,
    collate: Collate = stack,
    unused: bool = False,
    resume: bool = True,
    run_description: Mapping[str, object] | None = None,
    memory_advice: str = "a smaller loop.batch_size",
) -> FitResult:
    """Train ``model``, from the newest run state in ``out`` if there is one.

    The same call goes on after an interruption as if nothing had happened: on the CPU the weights are the same bit for
    bit. A finished run goes on if ``config.steps`` is raised. Ctrl-C and SIGTERM end the step at hand, save the run
    state and then raise KeyboardInterrupt.
    Under ``accelerate launch`` every process makes this call, with ``out`` on storage they share.

    Args:
        model: on any device; afterwards on the device of the run, with the final weights (not the averaged ones).
        loss: gets the model, perhaps wrapped (so only to be called, once or more), and a batch on its device, to which
            ``step`` is added, the number of the step from 0 (on the CPU); returns named scalars, already weighted,
            whose sum is minimised. Each is a mean over its batch, so that the mean over the parts of a batch is that
            of the whole. The same names in every step.
        source: the samples.
        config: the settings.
        out: folder of the run.
        learning_rate: of a step counted from 0; None for :func:`warmup_cosine`.
        validate: gets the model in evaluation mode with the averaged weights, if there is an average, without gradient
            recording; returns named numbers. It runs in the main process alone, on a sharded model (FSDP) in all.
        best: the metric of ``validate`` to maximise; ``out/best`` is of the step where it was highest.
        parameters: what is trained; the rest is frozen meanwhile. None for all that require a gradient.
        shares: name of a parameter, and itself -> how much of learning rate and weight decay counts for it; None for
            all of both.
        optimizer: groups of parameters (``params``, ``weight_decay``) and the first learning rate -> the optimizer,
            whose learning rate is then set in every step; None for Adam by ``config``.
        collate: makes one batch of samples; by default tensors of one name are stacked. With workers it must survive
            pickling.
        unused: some steps leave trained parameters out, which several processes must be told.
        resume: False removes an earlier run in ``out`` and starts anew.
        run_description: what else makes this run what it is, for ``run.json``, see :func:`describe_run`.
        memory_advice: what helps where memory runs out, the best first.

    Returns:
        The last and the best metrics; ``out/last`` holds the final weights, the averaged ones if there is an average.

    Raises:
        InputError: if settings do not fit the machine or each other, ``out`` holds another run or cannot be written,
            memory runs out, or another process of the training is gone.
        TrainingDiverged: if the loss is no longer finite. The last saved run state is from before that.
        KeyboardInterrupt: after a signal.
    """
    if best is not None and validate is None:
        raise InputError(f"best is {best!r}, but there is no validation to measure it")
    with training_only(model, parameters) as trained:
        rate = learning_rate or warmup_cosine(config)
        run = Run(model, trained, loss, config, Path(out), rate, validate, best, shares, optimizer, unused)
        try:
            return run.go(source, resume, run_description, collate)
        except Exception as error:
            if is_lost_process(error):
                raise InputError(
                    f"step {run.step}: another process of this training is gone ({one_line(error)}); the same command, "
                    "for all of them, goes on from the last run state"
                ) from error
            if not is_out_of_memory(error):
                raise
            raise InputError(f"out of memory; what helps, in this order: {memory_advice}") from error
        finally:
            run.close()
