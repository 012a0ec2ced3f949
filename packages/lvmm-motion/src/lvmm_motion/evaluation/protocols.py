"""Protocols: clips -> a table, clip by clip and on average, beside what needs no network.

The paper does not say how its figures were measured. Here a clip is its middle: at most so many frames, so many apart,
as squares of one size. Frame 0 is given, and the others are measured, in 8 bit:

========== =========================================================================================================
name       what is measured
========== =========================================================================================================
frames     L1 (of 1), PSNR (dB) and SSIM of RGB, means over frames, then over clips
temporal   L1 (of 1) of each frame and the one before, warped onto it by the optical flow of the real frames
flow       distance (pixels) of where flow points from where it should, in pixels seen in frame 0; of made-up clips
lpips      LPIPS by a network that is given, mean over frames, then over clips
fvd        Fréchet distance of the features of 16 frames each, by a network that is given; fvd_long of whole clips of at
           least 150 frames, each the mean over its parts of 16
fid        Fréchet distance of the features of single frames, by a network that is given
clip       100 times the cosine between frames and the clip's text, or class, by a CLIP that is given
========== =========================================================================================================

What is drawn need not move as the real clip does: ``temporal`` goes by the optical flow of the drawn frames then, and
``frames``, ``flow`` and ``lpips`` would mean nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor

from visioncore.errors import InputError, some
from visioncore.inference.batch import progress
from visioncore.metrics.evaluation import check_protocols, finite_mean
from visioncore.metrics.image import measure

from ..data.clips import Clip, Pixels
from ..data.preparation import squares
from ..data.sampling import middle
from ..inference.predictor import Predictor
from ..method import METHOD
from .baselines import farneback, flows_between, still
from .clip_score import ClipScore, text_of
from .feature_networks import Network, load_network, perceptual_distance
from .feature_sets import FeatureSets
from .known_motion import check_known, flow_errors, flow_of
from .metrics import l1, temporal_difference
from .results import find_made, read_made
from .scores import MADE, ClipScores, Evaluation
from .settings import Settings

Protocol = Literal["frames", "temporal", "flow", "lpips", "fvd", "fid", "clip"]
PROTOCOLS: tuple[Protocol, ...] = get_args(Protocol)
"""All that can be measured."""
BY_NETWORK = ("lpips", "fvd", "fid", "clip")
"""Protocols that need a network that users supply."""
_OF_PAIRS = {"frames", "flow", "lpips"}
"""Protocols of frames that should be equal to real ones."""


def evaluate(
    clips: Sequence[Clip],
    make: Predictor | str | Path,
    *,
    protocols: Iterable[Protocol] = ("frames", "temporal"),
    networks: Mapping[str, str | Path | Network] | None = None,
    settings: Settings | None = None,
) -> Evaluation:
    """Measure what is made of the first frames of clips.

    Args:
        clips: of a data set.
        make: what makes the frames; or a folder of videos or frames that any tool made, named as the clips, of the
            frames that are measured.
        protocols: what is measured, of `PROTOCOLS`.
        networks: feature networks of the protocols ``lpips``, ``fvd``, ``fid``, see `feature_networks`; and of ``clip``
            weights that `ClipScore` takes, or what is called with frames (n, 3, H, W) and a text and returns n values.
        settings: how.

    Raises:
        InputError: if a clip cannot be read, a protocol cannot be, a network is missing, or results do not fit.
    """
    how, given = settings or Settings(), networks or {}
    wanted = check_protocols(protocols, PROTOCOLS)
    _check_possible(wanted, clips, make, how, given)
    device = make.device if isinstance(make, Predictor) else "cpu"
    loaded = {name: _loaded(name, given[name], device) for name in BY_NETWORK if name in wanted}
    results = {} if isinstance(make, Predictor) else find_made(make, clips)
    sets, scores = FeatureSets(loaded), list[ClipScores]()
    with progress(len(clips), "clips") as advance:
        for clip in clips:
            numbers = middle(clip, how.frames, how.stride)
            pixels = squares(clip, numbers, how.size)
            real, flow = to_frames(pixels), None
            if not isinstance(make, Predictor):
                made = read_made(results[clip.name], pixels, how.size)
            elif how.drawn:
                made = np.asarray(
                    make.animate(pixels[0], _prompt(clip, how), frames=len(real), seed=how.seed, steps=how.steps)
                )
            else:
                result = make.reconstruct(pixels)
                made = np.asarray(result)
                if "flow" in wanted:
                    if any(result.padding):
                        raise InputError(f"flow: frames of size {how.size} are padded; take a multiple of 32")
                    flow = flow_of(result.motion)
            every = {MADE: to_frames(made), "still": still(real)}
            if not how.drawn:
                # rounded to the 8 bits that the others have
                every["farneback"] = farneback(real).mul(255).round().div(255)
            values = _of_clip(wanted, every, real, loaded, how)
            if "clip" in loaded:
                text = text_of(clip)
                values["clip"] = {by: float(loaded["clip"](made[1:], text).mean()) for by, made in every.items()}
            if flow is not None:
                values["epe"] = flow_errors(clip, numbers, real, flow)
            sets.add(every, real)
            scores.append(ClipScores(clip.name, len(real) - 1, values))
            advance()
    made_by = f"{METHOD.title}, {make.dtype}" if isinstance(make, Predictor) else str(make)
    note = make.notice if isinstance(make, Predictor) else ""
    return Evaluation(scores, sets.distances(), sets.samples(), made_by, note, vars(how))


def _loaded(name: str, given: str | Path | Network, device: torch.device | str) -> Network:
    if name == "clip" and isinstance(given, str | Path):
        return ClipScore(given, device)
    return load_network(given, device)


def _prompt(clip: Clip, how: Settings) -> str | None:
    """Return the prompt that a motion is drawn for, if there is to be one.

    Raises:
        InputError: if the clip has none.
    """
    if how.prompt == "none":
        return None
    if not (prompt := clip.text() if how.prompt == "text" else clip.label):
        raise InputError(f"{clip.name}: has no {how.prompt}, which should be the prompt; a list can name them")
    return prompt


def to_frames(pixels: Pixels) -> Tensor:
    """Return frames (n, H, W, 3) of 8 bits as (n, 3, H, W) in [0, 1]."""
    return torch.from_numpy(np.ascontiguousarray(pixels)).movedim(-1, 1).float() / 255


def _of_clip(
    wanted: Sequence[str], every: Mapping[str, Tensor], real: Tensor, networks: Mapping[str, Network], how: Settings
) -> dict[str, dict[str, float]]:
    """Return metric -> who made the frames -> value."""
    values: dict[str, dict[str, float]] = {}

    def note(maker: str, metric: str, value: float) -> None:
        values.setdefault(metric, {})[maker] = value

    flows = flows_between(real) if "temporal" in wanted and not how.drawn else None
    for maker, frames in every.items():
        made, target = frames[1:], real[1:]
        if "frames" in wanted:
            note(maker, "l1", float(l1(made, target).mean()))
            for metric, found in measure(made, target, "rgb").items():
                # a frame that is equal to its real one says nothing of the others
                note(maker, metric, finite_mean(found.tolist()))
        if "temporal" in wanted:
            known = flows_between(frames) if flows is None else flows
            note(maker, "temporal", float(temporal_difference(frames, known).mean()))
        if "lpips" in networks:
            note(maker, "lpips", float(perceptual_distance(networks["lpips"], made, target).mean()))
    return values


def _check_possible(
    wanted: Sequence[str],
    clips: Sequence[Clip],
    make: Predictor | str | Path,
    how: Settings,
    networks: Mapping[str, str | Path | Network],
) -> None:
    """Validate that what is wanted can be measured.

    Raises:
        InputError: if it cannot.
    """
    if missing := [name for name in BY_NETWORK if name in wanted and not networks.get(name)]:
        raise InputError(f"{some(missing)}: needs a feature network, which is not part of this package; give its file")
    if unused := [name for name, given in networks.items() if given and name not in wanted]:
        raise InputError(f"a network of {some(unused)} is given, but {some(unused)} is not among the protocols")
    if "clip" in wanted:
        for clip in clips:
            text_of(clip)
    if isinstance(make, Predictor):
        for clip in clips:
            _prompt(clip, how)
    if how.drawn and (paired := sorted(_OF_PAIRS & set(wanted))):
        raise InputError(f"{some(paired)}: says nothing of drawn motion, which need not be that of the clip")
    if "flow" in wanted:
        if not isinstance(make, Predictor):
            raise InputError("flow: is not in results; give weights")
        check_known(clips)
