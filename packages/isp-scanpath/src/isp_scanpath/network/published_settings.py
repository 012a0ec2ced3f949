"""Which network an authors' checkpoint holds, and its settings: what its tensors show."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from visioncore.errors import InputError, one_line

from .config import CATEGORIES, VARIANTS, ChenLSTMConfig, Config, GazeformerConfig


def detect_config(state: Mapping[str, Tensor], where: str) -> Config:
    """Return the settings of the network that an authors' checkpoint holds.

    Family, observers, action maps, grid and categories are read from its tensors. The length of scanpaths, which is no
    shape of ChenLSTM's, and how vectors were drawn are those of the published variant with as many observers and the
    same task.

    Args:
        state: the checkpoint's tensors.
        where: the file that they came from, as the error should name it.

    Raises:
        InputError: if it is no checkpoint of either network; the text says what was looked at.
    """
    if {"lstm.input_x.weight", "object_head.sal_layer_3.weight", "subject_embedding.weight"} <= state.keys():
        config: Config = _detect_chen(state)
    elif {"querypos_embed.weight", "token_predictor.weight", "subject_embed.weight"} <= state.keys():
        config = _detect_gazeformer(state, where)
    else:
        raise InputError(
            f"{where}: not a checkpoint of ISP: it has neither lstm.input_x.weight (ChenLSTM) nor "
            f"querypos_embed.weight (Gazeformer) with what belongs to them (it has {len(state)} tensors, the first is "
            f"{one_line(next(iter(state), 'none'))})"
        )
    return config


def _detect_chen(state: Mapping[str, Tensor]) -> ChenLSTMConfig:
    observers = len(state["subject_embedding.weight"])
    categories = tuple(name for name in CATEGORIES if f"object_sal_layer.{name}.weight" in state)
    alike = [c for c in VARIANTS.values() if isinstance(c, ChenLSTMConfig) and c.categories == categories]
    published = next((c for c in alike if c.observers == observers), alike[0] if alike else ChenLSTMConfig())
    return ChenLSTMConfig(
        observers=observers,
        steps=published.steps,
        action_maps=len(state["object_head.sal_layer_3.weight"]),
        categories=categories,
        observer_std=published.observer_std,
    )


def _detect_gazeformer(state: Mapping[str, Tensor], where: str) -> GazeformerConfig:
    observers, steps = len(state["subject_embed.weight"]), len(state["querypos_embed.weight"])
    known = [c for c in VARIANTS.values() if isinstance(c, GazeformerConfig)]
    table = state.get("patchpos_embed.pos")
    tokens = 0 if table is None else len(table)
    grids = {c.grid[0] * c.grid[1]: c.grid for c in known}
    if tokens not in grids:
        raise InputError(
            f"{where}: patchpos_embed.pos has {tokens} tokens; known are "
            + ", ".join(f"{count} ({grid[0]}x{grid[1]})" for count, grid in grids.items())
        )
    published = next((c for c in known if c.observers == observers), known[0])
    return GazeformerConfig(
        observers=observers,
        steps=steps,
        action_maps=len(state["token_predictor.weight"]),
        grid=grids[tokens],
        observer_std=published.observer_std,
    )
