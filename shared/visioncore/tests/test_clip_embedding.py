"""Images and texts as CLIP's vectors: the same as open_clip's, with its own preparation of images."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image

from visioncore.backbones.clip_embedding import ClipEmbedder, architecture_name, middle_square
from visioncore.backbones.clip_transformer import CLIP_VITS

VISION = {"image_size": 48, "layers": 2, "width": 128, "patch_size": 16}
TEXT = {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 1, "layers": 2}


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    """A small CLIP of open_clip, and the folder with its file."""
    folder = tmp_path_factory.mktemp("clip")
    torch.manual_seed(0)
    model = open_clip.CLIP(embed_dim=16, vision_cfg=VISION, text_cfg=TEXT).eval()
    torch.save(model.state_dict(), folder / "open_clip_pytorch_model.bin")
    about = {"model_cfg": {"embed_dim": 16, "vision_cfg": VISION, "text_cfg": TEXT}}
    (folder / "open_clip_config.json").write_text(json.dumps(about))
    return model, folder


def test_vectors_are_those_of_open_clip(clip: tuple[Any, Path], make_photo: Callable[..., Any]) -> None:
    model, folder = clip
    embed = ClipEmbedder(folder)
    photos = [make_photo(70, 53, 0), make_photo(48, 48, 1), make_photo(50, 91, 2)]
    texts = ["a ball", "an owl on a branch, at night"]
    prepare = open_clip.image_transform(48, is_train=False, interpolation="bicubic", resize_mode="shortest")
    with torch.no_grad():
        seen = model.encode_image(torch.stack([prepare(Image.fromarray(photo)) for photo in photos]), normalize=True)
        read = model.encode_text(open_clip.tokenizer.tokenize(texts), normalize=True)
    torch.testing.assert_close(embed.images(photos), seen, atol=1e-5, rtol=0)
    torch.testing.assert_close(embed.images(photos, batch=1), embed.images(photos), atol=1e-6, rtol=0)
    torch.testing.assert_close(embed.texts(texts), read, atol=1e-5, rtol=0)


def test_the_name_tells_networks_apart(clip: tuple[Any, Path]) -> None:
    assert [architecture_name(*towers) for towers in CLIP_VITS.values()] == list(CLIP_VITS)
    assert ClipEmbedder(clip[1]).name == f"ViT-128x2-16 at 48 of {clip[1].name}"


def test_the_middle_is_kept() -> None:
    image = np.zeros((20, 60, 3), np.uint8)
    image[:, 20:40] = 200
    assert middle_square(image, 20).min() == 200
    assert middle_square(image[:, 20:40], 20).shape == (20, 20, 3)
