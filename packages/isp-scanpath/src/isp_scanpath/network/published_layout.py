"""Where the tensors of our networks are in the authors' checkpoints: name by name, some of them stacked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from .config import ChenLSTMConfig, Config, GazeformerConfig

_ATTENTION = (("features", "proj_feature"), ("guide", "proj_subject"), ("score", "attention"))
_CHEN = (
    (r"backbone\.conv\.", "resnet.0."),
    (r"backbone\.norm\.", "resnet.1."),
    *((rf"backbone\.stages\.{stage}\.", f"resnet.{stage + 4}.") for stage in range(4)),
    (r"(resnet\.\d\.\d+)\.norm", r"\1.bn"),
    (r"(resnet\.\d\.\d+)\.shortcut", r"\1.downsample"),
    (r"visual\.", "sal_conv."),
    (r"observers\.table", "subject_embedding.weight"),
    *((rf"observer_attention\.{ours}\.", f"subject_attention.{theirs}.") for ours, theirs in _ATTENTION),
    (r"integration\.(spatial|semantic)_observer\.", r"\1_subj_embed."),
    (r"integration\.(spatial|semantic)\.", r"\1_embed."),
    (r"memory\.(spatial|semantic)_entry\.", r"\1_att.\1_lists."),
    (r"memory\.(spatial|semantic)_last\.", r"\1_att.\1_cur."),
    (r"memory\.(spatial|semantic)_score\.", r"\1_att.\1_attention."),
    (r"head\.stop\.", "object_head.sal_layer_2."),
    (r"head\.maps\.", "object_head.sal_layer_3."),
    (r"head\.duration(\d)\.", r"object_head.drt_layer_\1."),
    *((rf"head\.priority\.{ours}\.", f"object_head.attention_module.{theirs}.") for ours, theirs in _ATTENTION),
)
"""How our names of ChenLSTM begin, and the published ones; one after the other."""

_GAZEFORMER = (
    (r"encoder\.(\d+)\.attention\.", r"transformer.encoder.encoder.layers.\1.self_attn."),
    (r"encoder\.(\d+)\.", r"transformer.encoder.encoder.layers.\1."),
    (r"encoder_norm\.", "transformer.encoder.encoder.norm."),
    (r"embed\.", "transformer.encoder.input_proj."),
    (r"visual\.", "transformer.encoder.img_transform."),
    (r"text\.", "transformer.encoder.text_transform."),
    (r"task_attention\.guide\.", "transformer.encoder.attention_module.proj_task."),
    *((rf"task_attention\.{ours}\.", f"transformer.encoder.attention_module.{theirs}.") for ours, theirs in _ATTENTION),
    *(
        (rf"observer_attention\.{ours}\.", f"transformer.subject_attention_module.{theirs}.")
        for ours, theirs in _ATTENTION
    ),
    *((rf"priority\.{ours}\.", f"attention_module.{theirs}.") for ours, theirs in _ATTENTION),
    (r"integration\.(spatial|semantic)_observer\.", r"transformer.integration_module.subj_\1_feature."),
    (r"integration\.(spatial|semantic)\.", r"transformer.integration_module.vision_\1_feature."),
    (r"integration\.merge\.", "transformer.integration_module.linear_layer."),
    (r"decoder\.(\d+)\.", r"transformer.decoder.decoder.layers.\1."),
    (r"decoder_norm\.", "transformer.decoder.decoder.norm."),
    (r"maps\.(\d+)\.", r"attention_map_predictors.\1."),
    (r"(.+)\.self_attention\.", r"\1.self_attn."),
    (r"(.+)\.\d+\.attention\.(?=query|key|value|out|inputs)", lambda found: _cross_attention(found[0])),
    (r"(.+)\.feed_forward\.expand\.", r"\1.linear1."),
    (r"(.+)\.feed_forward\.contract\.", r"\1.linear2."),
    (r"(.+)\.inputs\.", r"\1.in_proj_"),
    (r"(.+_attn)\.out\.", r"\1.out_proj."),
    (r"observers\.table", "subject_embed.weight"),
    (r"steps$", "querypos_embed.weight"),
    (r"stop\.", "token_predictor."),
    (r"mu\.", "generator_t_mu."),
    (r"log_sigma2\.", "generator_t_logvar."),
)
"""How our names of Gazeformer begin, and the published ones; one after the other."""

UNREAD = re.compile(
    r"queryfix_embed|patchpos_embed\.pos|transformer\.decoder\.linear\.(weight|bias)"
    r"|attention_map_predictors\.\d+\.multihead_attn\.out_proj\.(weight|bias)"
)
"""Published tensors that no output depends on, or that the network computes itself."""

_STACKED = {"lstm.from_image": "{}_x", "lstm.from_hidden": "{}_h", "lstm.from_memory": "{}"}
_GATES = ("input", "forget", "output", "memory")
_FREE_VIEWING = "performance_sal_layer"
_PROJECTIONS = ("query", "key", "value")


def _cross_attention(name: str) -> str:
    return re.sub(r"\.attention\.$", ".multihead_attn.", name)


class Place(NamedTuple):
    """A tensor of ours and its published one; where either is stacked, one of that many equal parts."""

    ours: str
    published: str
    of_ours: tuple[int, int] = (0, 1)
    of_published: tuple[int, int] = (0, 1)


def places(config: Config, names: Mapping[str, object]) -> Iterator[Place]:
    """Yield where the tensors of a network, named ``names``, are in an authors' checkpoint."""
    rules = _CHEN if isinstance(config, ChenLSTMConfig) else _GAZEFORMER
    for name in names:
        stem, _, kind = name.rpartition(".")
        if stem in _STACKED:
            count = 3 if stem == "lstm.from_memory" else 4
            for index, gate in enumerate(_GATES[:count]):
                yield Place(name, f"lstm.{_STACKED[stem].format(gate)}.{kind}", of_ours=(index, count))
        elif task := re.fullmatch(r"head\.tasks\.(\d+)", stem):
            layer = f"object_sal_layer.{config.categories[int(task[1])]}" if config.categories else _FREE_VIEWING
            yield Place(name, f"{layer}.{kind}")
        else:
            yield _renamed(name, rules)


def _renamed(name: str, rules: object) -> Place:
    published = name
    for ours, theirs in rules:  # type: ignore[attr-defined]
        published = re.sub(rf"^{ours}", theirs, published)
    projection = re.fullmatch(r"(.+\.multihead_attn)\.(query|key|value)\.(weight|bias)", published)
    if projection is None:
        return Place(name, published)
    stem, which, kind = projection.groups()
    return Place(name, f"{stem}.in_proj_{kind}", of_published=(_PROJECTIONS.index(which), 3))


def published_shapes(config: Config, own: Mapping[str, Tensor]) -> dict[str, torch.Size]:
    """Return the shape of every published tensor by its name, also of those that no output depends on.

    Args:
        config: the network's settings.
        own: the network's tensors, for their names and shapes.
    """
    shapes = {}
    for ours, published, (_, of_ours), (_, of_published) in places(config, own):
        shape = own[ours].shape
        shapes[published] = torch.Size((shape[0] // of_ours * of_published, *shape[1:])) if shape else shape
    if isinstance(config, GazeformerConfig):
        c, (height, width) = config.channels, config.grid
        shapes["queryfix_embed"] = torch.Size((16 * height, 16 * width, c))
        shapes["patchpos_embed.pos"] = torch.Size((height * width, 1, c))
        shapes["transformer.decoder.linear.weight"] = torch.Size((c, 3 * c))
        shapes["transformer.decoder.linear.bias"] = torch.Size((c,))
        for index in range(config.action_maps):
            stem = f"attention_map_predictors.{index}.multihead_attn.out_proj"
            shapes |= {f"{stem}.weight": torch.Size((c, c)), f"{stem}.bias": torch.Size((c,))}
    return shapes
