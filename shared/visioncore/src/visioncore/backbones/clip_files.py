"""CLIP's weights from the files that hold them: OpenAI's archives, state dicts, open_clip's and transformers' layouts.

Which GELU a network has is no tensor: OpenAI's archives all have the approximation, the other layouts say it in a
configuration beside them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..configs import read_text
from ..errors import InputError, one_line
from ..extras import require
from ..weights.state_dicts import compare, read_state_dict, strip_prefix
from ..weights.torchscript import is_torchscript, read_torchscript
from .clip_transformer import (
    Activation,
    CLIPText,
    CLIPTextConfig,
    CLIPViT,
    CLIPViTConfig,
    resize_positions,
)

FOLDER_FILES = (
    *("open_clip_model.safetensors", "open_clip_pytorch_model.bin"),
    *("model.safetensors", "pytorch_model.bin"),
)
"""Names of the weights in a folder of open_clip or transformers, in the order they are looked for."""

HEAD = 64
"""Width of a head, where no configuration says another."""

_OPENAI = ("input_resolution", "context_length", "vocab_size")
_VISUAL = "visual."


@dataclass(frozen=True)
class CLIPWeights:
    """The tensors of a CLIP on patches, in float32.

    Attributes:
        where: they came from, for messages.
        visual: those of the image tower, under the names of `CLIPViT`.
        text: those of the text tower, under the names of `CLIPText`; empty where there is none.
        logit_scale: logarithm of the factor of cosines; None where it is missing.
        activation: inside the blocks; None where the file does not say.
        heads: of the image and the text tower, as far as a configuration says it.
    """

    where: str
    visual: dict[str, Tensor]
    text: dict[str, Tensor] = field(default_factory=dict)
    logit_scale: Tensor | None = None
    activation: Activation | None = None
    heads: tuple[int | None, int | None] = (None, None)

    def vit(self, image_size: int | None = None, activation: Activation | None = None) -> CLIPViT:
        """Return the image tower in evaluation mode.

        Args:
            image_size: side of the images, for which the positions are resized; default: that of the weights.
            activation: inside the blocks, where the file does not say it.

        Raises:
            InputError: if the tensors are of something else, or the activation stays unknown.
        """
        state, chosen = dict(self.visual), self._activation(activation)
        stem, positions = state.get("conv1.weight"), state.get("positional_embedding")
        if stem is None or stem.ndim != 4 or positions is None or positions.ndim != 2 or "proj" not in state:
            if "layer1.0.conv1.weight" in state:
                kind = "a ResNet image tower of CLIP, not one on patches"
            else:
                kind = "no image tower of CLIP on patches (visual.conv1, visual.positional_embedding, visual.proj)"
            raise InputError(f"{self.where}: holds {kind}")
        width, patch, grid = len(stem), stem.shape[-1], round((len(positions) - 1) ** 0.5)
        size = patch * grid if image_size is None else image_size
        heads = self.heads[0] or max(1, width // HEAD)
        config = CLIPViTConfig(width, _layers(state), heads, patch, size, state["proj"].shape[-1], chosen)
        if len(positions) == grid**2 + 1:
            state["positional_embedding"] = resize_positions(positions, size // patch)
        return _filled(CLIPViT, config, state, f"{self.where}: image tower")

    def text_tower(self, activation: Activation | None = None) -> CLIPText:
        """Return the text tower in evaluation mode; argument and errors as `vit`."""
        state, chosen = self.text, self._activation(activation)
        table, positions = state.get("token_embedding.weight"), state.get("positional_embedding")
        if table is None or table.ndim != 2 or positions is None or "text_projection" not in state:
            raise InputError(f"{self.where}: holds no text tower of CLIP")
        vocabulary, width = table.shape
        heads = self.heads[1] or max(1, width // HEAD)
        shared = state["text_projection"].shape[-1]
        config = CLIPTextConfig(width, _layers(state), heads, len(positions), vocabulary, shared, chosen)
        return _filled(CLIPText, config, state, f"{self.where}: text tower")

    def _activation(self, given: Activation | None) -> Activation:
        if given and self.activation and given != self.activation:
            raise InputError(f"{self.where}: has the activation {self.activation}, not {given}")
        if not (chosen := self.activation or given):
            raise InputError(
                f"{self.where}: does not say which activation it has; lay open_clip_config.json or config.json beside "
                "it, or give quick_gelu (weights of OpenAI) or gelu"
            )
        return chosen


def read_clip(path: str | Path) -> CLIPWeights:
    """Return the weights of a CLIP on patches.

    Args:
        path: OpenAI's TorchScript archive (read, never run); a state dict of CLIP, PyTorch or safetensors, with or
            without ``module.``; open_clip's or transformers' file with its configuration beside it; or the folder of
            such files.

    Raises:
        InputError: if the file or its configuration cannot be read, or holds no CLIP.
    """
    file = _file(Path(path))
    state = read_tensors(file)
    activation, heads = _configured(file)
    if activation is None and (is_torchscript(file) or all(name in state for name in _OPENAI)):
        activation = "quick_gelu"
    return clip_weights(state, str(path), activation, heads)


def download_clip(name: str, tag: str = "openai") -> CLIPWeights:
    """Return weights that the package open_clip knows, downloaded or from its cache.

    Args:
        name: of the architecture, such as ``ViT-B-16``.
        tag: of the weights, such as ``laion2b_s34b_b88k``.

    Raises:
        InputError: if open_clip is missing, does not know them, or cannot get them.
    """
    model = open_clip_model(name, tag)
    open_clip = require("open_clip", "clip")
    quick = (open_clip.get_pretrained_cfg(name, tag) or {}).get("quick_gelu")
    settings = open_clip.get_model_config(name) or {}
    quick = settings.get("quick_gelu", False) if quick is None else quick
    activation: Activation = "quick_gelu" if quick else "gelu"
    return clip_weights(model.state_dict(), f"open_clip's {name} ({tag})", activation, _open_clip_heads(settings))


def open_clip_model(name: str, tag: str) -> nn.Module:
    """Return a model that the package open_clip makes, with the weights of a tag.

    Raises:
        InputError: if open_clip is missing, does not know them, or cannot get them.
    """
    open_clip = require("open_clip", "clip")
    if (name, tag) not in open_clip.list_pretrained():
        tags = ", ".join(sorted(open_clip.list_pretrained_tags_by_model(name)))
        raise InputError(f"open_clip has no weights {tag} of {name}; it has {tags or 'none of that model'}")
    try:
        model: nn.Module = open_clip.create_model(name, pretrained=tag)
    # The download's errors and those of the transport under it share no base class.
    except Exception as error:
        reason = one_line(error)
        raise InputError(f"open_clip could not get the weights {tag} of {name} ({reason})") from error
    return model


def read_tensors(path: str | Path) -> dict[str, Tensor]:
    """Return the tensors of a file of CLIP by name: an archive of OpenAI, or a state dict, without ``module.``.

    Raises:
        InputError: if the file cannot be read.
    """
    return read_torchscript(path) if is_torchscript(path) else strip_prefix(read_state_dict(path), "module.")


def clip_weights(
    state: Mapping[str, Tensor],
    where: str,
    activation: Activation | None = None,
    heads: tuple[int | None, int | None] = (None, None),
) -> CLIPWeights:
    """Return the tensors of a state dict of CLIP, of OpenAI's or of transformers' names, sorted by tower.

    Args:
        state: the tensors.
        where: they came from, for messages.
        activation: inside the blocks, if it is known.
        heads: of the image and the text tower, if they are known.

    Raises:
        InputError: if there is no image tower of CLIP among them.
    """
    if any("encoder.layers." in name for name in state):
        state = from_transformers(state)
    ours = {name: value.float() for name, value in state.items() if name not in _OPENAI}
    visual = {name.removeprefix(_VISUAL): value for name, value in ours.items() if name.startswith(_VISUAL)}
    if not visual and "class_embedding" not in ours:
        raise InputError(f"{where}: not a CLIP checkpoint; one has tensors such as visual.class_embedding")
    if not visual:
        return CLIPWeights(where, ours, activation=activation, heads=heads)
    text = {name: value for name, value in ours.items() if not name.startswith(_VISUAL)}
    scale = text.pop("logit_scale", None)
    return CLIPWeights(where, visual, text, scale, activation, heads)


_LAYER = {
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "self_attn.out_proj": "attn.out_proj",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
}
_WHOLE = {
    "embeddings.class_embedding": "class_embedding",
    "embeddings.patch_embedding.weight": "conv1.weight",
    "embeddings.position_embedding.weight": "positional_embedding",
    "embeddings.token_embedding.weight": "token_embedding.weight",
    "pre_layrnorm": "ln_pre",
    "post_layernorm": "ln_post",
    "final_layer_norm": "ln_final",
}
"""{transformers' name inside a tower: CLIP's}."""


def from_transformers(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return tensors under CLIP's names that have those of transformers: query, key and value are packed.

    A tower that was saved alone has no prefix; that of an image is known by its class embedding.
    """
    alone = "visual." if "embeddings.class_embedding" in state else ""
    found: dict[str, Tensor] = {}
    packed: dict[str, dict[str, Tensor]] = {}
    for name, value in state.items():
        if name.endswith("position_ids"):
            continue
        if name in ("visual_projection.weight", "text_projection.weight"):
            found["visual.proj" if name[0] == "v" else "text_projection"] = value.T
            continue
        tower, _, inside = name.rpartition("_model.")
        prefix = {"vision": "visual.", "text": ""}.get(tower, alone)
        layer = re.fullmatch(r"encoder\.layers\.(\d+)\.(.+)\.(weight|bias)", inside)
        if layer is None:
            stem = next((old for old in _WHOLE if inside == old or inside.startswith(f"{old}.")), None)
            found[prefix + (inside if stem is None else _WHOLE[stem] + inside.removeprefix(stem))] = value
            continue
        number, part, kind = layer.groups()
        block = f"{prefix}transformer.resblocks.{number}"
        if projection := re.fullmatch(r"self_attn\.([qkv])_proj", part):
            packed.setdefault(f"{block}.attn.in_proj_{kind}", {})[projection[1]] = value
        else:
            found[f"{block}.{_LAYER.get(part, part)}.{kind}"] = value
    for name, parts in packed.items():
        if parts.keys() == set("qkv"):
            found[name] = torch.cat([parts[letter] for letter in "qkv"])
    return found


def _file(path: Path) -> Path:
    if not path.is_dir():
        return path
    found = next((path / name for name in FOLDER_FILES if (path / name).is_file()), None)
    if found is None:
        raise InputError(f"{path}: no weights in this folder; they should be {' or '.join(FOLDER_FILES)}")
    return found


def _configured(file: Path) -> tuple[Activation | None, tuple[int | None, int | None]]:
    """Return activation and heads as the configuration beside a file says them, as far as there is one."""
    beside = file.parent / "open_clip_config.json"
    if beside.is_file():
        settings = _json(beside).get("model_cfg", {})
        return "quick_gelu" if settings.get("quick_gelu") else "gelu", _open_clip_heads(settings)
    beside = file.parent / "config.json"
    settings = _json(beside) if beside.is_file() else {}
    towers = [settings.get(name) or {} for name in ("vision_config", "text_config")]
    if "hidden_act" in settings:
        towers = [settings, settings]
    if not any("model_type" in each or "hidden_act" in each for each in (settings, *towers)):
        return None, (None, None)
    known = {tower.get("hidden_act", "quick_gelu") for tower in towers}
    if len(known) > 1 or not known <= {"quick_gelu", "gelu"}:
        raise InputError(f"{beside}: hidden_act is {' and '.join(sorted(map(str, known)))}; known are quick_gelu, gelu")
    return known.pop(), (towers[0].get("num_attention_heads"), towers[1].get("num_attention_heads"))


def _open_clip_heads(settings: Mapping[str, Any]) -> tuple[int | None, int | None]:
    vision, text = settings.get("vision_cfg", {}), settings.get("text_cfg", {})
    width = vision.get("width")
    return width // vision.get("head_width", HEAD) if width else None, text.get("heads")


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: this is not JSON ({one_line(error)})") from error
    if not isinstance(content, dict):
        raise InputError(f"{path}: not the configuration of a model")
    return content


def _layers(state: Mapping[str, Tensor]) -> int:
    return max(1, len({name.split(".")[2] for name in state if name.startswith("transformer.resblocks.")}))


def _filled(network: Any, config: Any, state: Mapping[str, Tensor], where: str) -> Any:
    with torch.device("meta"):
        tower = network(config)
    fit = compare(state, {name: tensor.shape for name, tensor in tower.state_dict().items()})
    if not fit.ok:
        raise InputError(f"{where}: these tensors do not fit {network.__name__}: {fit.describe()}")
    tower.load_state_dict({name: value.clone() for name, value in state.items()}, assign=True)
    return tower.eval()
