"""The weights that a run hands out, in its folders ``last`` and ``best``."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from torch import nn

from ..files import partial_folder, replace_folder, writing
from ..weights.card import UNSTATED, Card, counted, measured_in_training, plain
from .config import LoopConfig

UNSEEN = ("method", "recipe")
"""Facts on a run that are no counts of its data."""


def card_of_run(description: Mapping[str, object], config: LoopConfig, step: int, metrics: Mapping[str, float]) -> Card:
    """Return the card of weights that a run hands out; what only people know is not stated in it.

    Args:
        description: of the run, see `visioncore.training.run_record.describe_run`.
        config: its settings.
        step: after which the weights are taken.
        metrics: of these weights, as validation measured them.
    """
    facts = {name: value for name, value in description.items() if name not in UNSEEN}
    loop = {"steps": step, "batch_size": config.batch_size, "seed": config.seed, "precision": config.precision}
    return Card(
        intended_use=f"{UNSTATED}: whoever trained them knows, and can write it here",
        trained_on=counted(facts),
        licence=UNSTATED,
        measured=measured_in_training(metrics, step),
        training=plain({"method": description.get("method", ""), **loop, **facts, "recipe": description.get("recipe")}),
    )


def save_weights(model: nn.Module, folder: Path, card: Card | None = None) -> None:
    """Write the weights of ``model`` to ``folder`` with their card, replaced as a whole.

    By the model's own ``save_pretrained`` if it has one, else as ``model.safetensors``.

    Raises:
        InputError: if the system refuses the write.
    """
    from safetensors.torch import save_model

    with writing(folder):
        partial = partial_folder(folder)
        shutil.rmtree(partial, ignore_errors=True)
        save_pretrained = getattr(model, "save_pretrained", None)
        if save_pretrained is not None:
            save_pretrained(partial)
        else:
            partial.mkdir(parents=True)
            save_model(model, str(partial / "model.safetensors"))
        if card is not None:
            card.save(partial)
        replace_folder(folder, partial)
