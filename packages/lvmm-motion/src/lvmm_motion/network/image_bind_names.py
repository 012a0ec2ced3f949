"""Names of ImageBind's tensors, as in its published file; those of its other towers are left out."""

from __future__ import annotations

import re

_RULES = (
    (r"image\.cls_token", "modality_preprocessors.vision.cls_token"),
    (r"image\.patches\.", "modality_preprocessors.vision.rgbt_stem.proj.1."),
    (r"image\.pos_embed", "modality_preprocessors.vision.pos_embedding_helper.pos_embed"),
    (r"image\.first_norm\.", "modality_trunks.vision.pre_transformer_layer.0."),
    (r"image\.last_norm\.", "modality_heads.vision.0."),
    (r"image\.out\.", "modality_heads.vision.2."),
    (r"text\.(pos_embed|token_embedding)", r"modality_preprocessors.text.\1"),
    (r"text\.last_norm\.", "modality_heads.text.proj.0."),
    (r"text\.out\.", "modality_heads.text.proj.1."),
    (r"text\.log_logit_scale", "modality_postprocessors.text.1.log_logit_scale"),
    (r"image\.blocks\.", "modality_trunks.vision.blocks."),
    (r"text\.blocks\.", "modality_trunks.text.blocks."),
)
CONSTANTS = ("modality_preprocessors.text.mask",)
"""Tensors of the file that the network knows by itself: the causal mask."""


def image_bind_name(name: str) -> str:
    """Return the published name of a tensor."""
    for ours, theirs in _RULES:
        name, found = re.subn(rf"^{ours}", theirs, name)
        if found:
            break
    return re.sub(r"\.(fc\d\.)", r".mlp.\1", name.replace(".in_proj.", ".in_proj_"))
