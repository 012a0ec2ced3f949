"""The authors' names of what stands beside the backbones <-> ours: image branch and prototype head."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from visioncore.errors import InputError
from visioncore.weights.state_dicts import check_dense, load_into, read_content, strip_prefix

from .image_branch import ImageBranch
from .image_config import ImageBranchConfig
from .image_weights import encoder_config
from .prototypes import PrototypeHead

_DECODER = "decoder.", "decoder.0."
_HEAD = "layers.", "mlp."


def head_from_published(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors of the authors' ``predictor_slot`` under the names of `PrototypeHead`."""
    return _renamed(state, *reversed(_HEAD))


def head_to_published(head: PrototypeHead) -> dict[str, Tensor]:
    """Return a head's tensors under the authors' names."""
    return _renamed(head.state_dict(), *_HEAD)


def image_from_published(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors of the authors' ``model_images`` under the names of `ImageBranch`."""
    return _renamed(state, *reversed(_DECODER))


def image_to_published(branch: ImageBranch) -> dict[str, Tensor]:
    """Return an image branch's tensors under the authors' names."""
    return _renamed(branch.state_dict(), *_DECODER)


def read_image_branch(path: str | Path) -> ImageBranch:
    """Return the image branch of a training file of CSC or SLidR, in evaluation mode, on the CPU.

    Raises:
        InputError: if the file cannot be read or has none.
    """
    state = image_from_published(_part(path, "model_images"))
    if "decoder.weight" not in state:
        raise InputError(f"{path}: model_images has no decoder.0.weight; it should hold encoder.* and decoder.*")
    encoder = {name.removeprefix("encoder."): tensor for name, tensor in state.items() if name.startswith("encoder.")}
    branch = ImageBranch(ImageBranchConfig(encoder_config(encoder, str(path)), len(state["decoder.weight"])))
    load_into(branch, state, where=str(path))
    return branch.eval()


def read_prototype_head(path: str | Path) -> PrototypeHead:
    """Return the prototype head of a training file of CSC, in evaluation mode, on the CPU.

    Raises:
        InputError: if the file cannot be read or has none.
    """
    state = head_from_published(_part(path, "predictor_slot"))
    last = state.get("layers.6.weight")
    head = PrototypeHead(64 if last is None else len(last))
    load_into(head, state, where=str(path))
    return head.eval()


def _part(path: str | Path, name: str) -> dict[str, Tensor]:
    content = read_content(path)
    part = content.get(name) if isinstance(content, Mapping) else None
    tensors = {n: t.detach() for n, t in part.items() if isinstance(t, Tensor)} if isinstance(part, Mapping) else {}
    if not tensors:
        raise InputError(f"{path}: no {name} in this file; the authors' training writes it beside model_points")
    check_dense(Path(path), tensors)
    return strip_prefix(tensors, "module.")


def _renamed(state: Mapping[str, Tensor], old: str, new: str) -> dict[str, Tensor]:
    return {new + name.removeprefix(old) if name.startswith(old) else name: t.detach() for name, t in state.items()}
