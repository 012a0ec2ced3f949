"""The authors' checkpoints <-> this model: names of all published tensors, none lost in either direction."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from torch import Tensor, nn

from visioncore.backbones.clip import STAGES, read_clip_resnet
from visioncore.configs import published_variant
from visioncore.errors import InputError, one_line
from visioncore.weights.state_dicts import compare, read_state_dict, strip_prefix
from visioncore.weights.torchscript import is_torchscript

from .config import VARIANTS, CLIPDenoiserConfig

UNUSED = f"encoder.layer{STAGES}."
"""How the names of the stage begin whose output is thrown away."""

_KNOWN_FOLDERS = 3
"""How many names of a file's path, the last ones, may say which network is in it."""
_EITHER = "photos; one of the authors' two RGB networks, for Gaussian or for camera noise: the file does not say which"


class Published(NamedTuple):
    """A checkpoint of the authors.

    Attributes:
        config: the network's settings.
        state: its tensors under the published names.
        doubt: what the file does not say, in one line; empty if it says all.
    """

    config: CLIPDenoiserConfig
    state: dict[str, Tensor]
    doubt: str


def published_name(name: str) -> str:
    """Return the name that a tensor of this model has in the authors' checkpoints."""
    name = name.replace("adapter.", "first.").replace("decoder.last.", "last.")
    return re.sub(
        r"^decoder\.blocks\.(\d)\.conv([12])\.",
        lambda match: f"up_path.{match[1]}.conv_block.block.{2 * int(match[2]) - 2}.",
        name,
    )


def to_published(model: nn.Module, clip: str | Path | None = None) -> dict[str, Tensor]:
    """Return the model's tensors under the authors' names, for use with their scripts.

    Save it as ``torch.save({"params": to_published(model, clip)}, "net_g_latest.pth")``.

    Args:
        model: a `CLIPDenoiser`.
        clip: a file of CLIP (see `visioncore.backbones.clip.read_clip_resnet`) from which the unused last stage is
            taken, which their scripts insist on; only needed if the model has not kept its own.

    Raises:
        InputError: if there is no last stage, or the file of CLIP cannot be read or is of another shape.
    """
    state = {published_name(name): tensor.detach().cpu() for name, tensor in model.state_dict().items()}
    if "encoder.conv3.weight" not in state:
        raise InputError("the encoder is another than CLIP's; the authors' layout has CLIP's tower alone")
    if any(name.startswith(UNUSED) for name in state):
        return state
    if clip is None:
        raise InputError(
            f"the authors' scripts need the tensors {UNUSED}*, which have no effect and were not kept: give CLIP's "
            "file, or load the model with keep_layer4"
        )
    tower = read_clip_resnet(clip)
    differing = [
        name for name in tower if f"encoder.{name}" in state and state[f"encoder.{name}"].shape != tower[name].shape
    ]
    if differing:
        raise InputError(f"{clip}: a tower of another shape than the model's (such as {differing[0]})")
    return state | {f"encoder.{name}": value for name, value in tower.items() if f"encoder.{name}".startswith(UNUSED)}


def read_published(path: str | Path, variant: str | None = None, *, keep_layer4: bool = False) -> Published:
    """Read a checkpoint of the authors: what network it is of, and its tensors under their names.

    The CT network is known by its tensors. The two RGB networks are laid out alike: which one it is must be said, or
    show in the names of the folders that the file lies in, as they do where the authors publish it.

    Args:
        path: their ``net_g_latest.pth``.
        variant: which network it is: ``synthetic``, ``srgb`` or ``ldct``.
        keep_layer4: keep the tensors that have no effect, too.

    Raises:
        InputError: if the file cannot be read, holds something else, or is of another variant.
    """
    if is_torchscript(path):
        raise InputError(
            f"{path}: looks like CLIP's own file; a denoiser is net_g_latest.pth, which needs no such file"
        )
    state = strip_prefix(read_state_dict(path), "module.")
    stem, last = state.get("encoder.conv3.weight"), state.get("last.weight")
    if "decoder.last.weight" in state:
        raise InputError(f"{path}: not a checkpoint of the authors but one of ours; load_model reads it as it is")
    if stem is None or stem.ndim != 4 or last is None:
        raise InputError(
            f"{path}: not a checkpoint of CLIPDenoising: it has no encoder.conv3.weight and last.weight (it has "
            f"{len(state)} tensors, the first is {one_line(next(iter(state)))})"
        )
    if not keep_layer4:
        state = {name: value for name, value in state.items() if not name.startswith(UNUSED)}
    found, doubt = _variant(Path(path), ct="first.weight" in state, wanted=variant)
    known = CLIPDenoiserConfig(noise=_EITHER) if found is None else published_variant(VARIANTS, found)
    return Published(replace(known, width=stem.shape[0], blocks=_blocks(state), keep_layer4=keep_layer4), state, doubt)


def fill_from_published(model: nn.Module, state: Mapping[str, Tensor], where: str) -> None:
    """Fill ``model`` from tensors under published names.

    Raises:
        InputError: if tensors are missing, unexpected or of another shape; the text names them.
    """
    ours = model.state_dict()
    fit = compare(state, {published_name(name): tensor.shape for name, tensor in ours.items()})
    if not fit.ok:
        raise InputError(f"{where}: these tensors do not fit: {fit.describe()}")
    model.load_state_dict({name: state[published_name(name)] for name in ours})


def _blocks(state: Mapping[str, Tensor]) -> tuple[int, int, int, int]:
    # A stage that is missing counts as one block: then the comparison of names says what is missing.
    one, two, three, four = (
        max(1, len({name.split(".")[2] for name in state if name.startswith(f"encoder.layer{stage + 1}.")}))
        for stage in range(STAGES)
    )
    return one, two, three, four


def _variant(path: Path, *, ct: bool, wanted: str | None) -> tuple[str | None, str]:
    """Return which variant a file is of, None for either of the RGB ones, and what is in doubt."""
    if wanted is not None:
        takes_ct = published_variant(VARIANTS, wanted).channels == 1
        if ct != takes_ct:
            has, needs = ("CT", "an RGB") if ct else ("RGB photos", "the CT")
            raise InputError(
                f"{path}: a network for {has} ({'it has' if ct else 'it lacks'} first.weight); {wanted} is {needs} "
                f"network, whose file lies in the authors' folder {_FOLDERS[wanted]}"
            )
        return wanted, ""
    if ct:
        return "ldct", ""
    for name in reversed(path.absolute().parts[-_KNOWN_FOLDERS:]):
        named = [variant for variant in ("synthetic", "srgb") if variant in name.lower()]
        if len(named) == 1:
            return named[0], ""
    rgb = " or ".join(name for name, config in VARIANTS.items() if config.channels == 3)
    return None, f"{path}: an RGB network, but nothing says which; name its variant, {rgb}, if you know"


_FOLDERS = {
    "synthetic": "CLIPDenoising_SyntheticDenoising_GaussianSigma15",
    "srgb": "CLIPDenoising_sRGBDenoising_FixedPoissonGaussian",
    "ldct": "CLIPDenoising_LDCTDenoising_GaussianSigma5",
}
