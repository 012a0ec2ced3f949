"""The training loss: absolute errors of the gaze and of the heads that help, and cross-entropies of the zones."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from .output import GazeOutput

GAZE_WEIGHT = 2.0
ZONE_WEIGHT = 0.2
"""Weights of the gaze and of the mean over the three zone heads; each head that helps has weight 1."""

UNKNOWN_ZONE = -100
"""In place of a zone that nobody knows."""


def training_losses(
    out: GazeOutput, normalised_gaze: Tensor, original_gaze: Tensor | None = None, zone: Tensor | None = None
) -> dict[str, Tensor]:
    """Return the weighted loss terms of an output by name; training adds them up.

    Args:
        out: with the gazes of the heads that help.
        normalised_gaze: (B, 2) labels, yaw and pitch in radians, in the frame of the normalised camera.
        original_gaze: the same in the frame of the original camera, for networks of two streams.
        zone: (B,) fine zones, for networks with zones; samples whose zone is `UNKNOWN_ZONE` count as without error.
    """
    terms = {"gaze": GAZE_WEIGHT * F.l1_loss(out.gaze, normalised_gaze)}
    if out.zone_logits is not None and zone is not None:
        logits = out.zone_logits.flatten(0, 1)
        targets = zone.repeat(len(out.zone_logits))
        entropies = F.cross_entropy(logits, targets, ignore_index=UNKNOWN_ZONE, reduction="none")
        terms["zone"] = ZONE_WEIGHT * entropies.mean()
    if out.original_gazes is not None and original_gaze is not None:
        terms["original"] = _sum_of_errors(out.original_gazes, original_gaze)
    if out.normalised_gazes is not None:
        terms["normalised"] = _sum_of_errors(out.normalised_gazes, normalised_gaze)
    return terms


def _sum_of_errors(gazes: Tensor, target: Tensor) -> Tensor:
    return len(gazes) * F.l1_loss(gazes, target.expand_as(gazes))
