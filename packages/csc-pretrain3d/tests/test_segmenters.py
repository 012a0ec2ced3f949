"""Segments made of images, in memory and as folders that data sets read."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from csc_pretrain3d.data.datasets import open_frames
from csc_pretrain3d.data.pairs import pair_frame
from csc_pretrain3d.data.segmenters import SAMSegmenter, checked, paint, slic, write_all
from csc_pretrain3d.data.synthetic import synthetic_frame
from visioncore.errors import InputError
from visioncore.testing.refusals import one_line, refusal

Image = NDArray[np.uint8]


@pytest.fixture(scope="module")
def image() -> Image:
    return synthetic_frame(0).cameras[0].image


def test_slic(image: Image) -> None:
    pytest.importorskip("skimage", reason="scikit-image is not installed")
    ids = slic(image, segments=30, sigma=1)
    assert ids.shape == image.shape[:2]
    assert ids.dtype == np.int32
    assert ids.min() == 1
    assert 10 < ids.max() < 60
    # pixels of a segment are alike: they vary less than those of the image
    inside = [image[ids == each].std(axis=0).mean() for each in range(1, ids.max() + 1)]
    assert np.mean(inside) < 0.6 * image.std(axis=(0, 1)).mean()


def test_small_masks_lie_above_large_ones() -> None:
    small, large = np.zeros((2, 6, 8), np.bool_)
    small[2:4, 2:4], large[1:5, 1:7] = True, True
    for order in ([small, large], [large, small]):
        ids = paint(order, (6, 8))
        assert np.array_equal(ids == 2, small)
        assert np.array_equal(ids > 0, large)
    many = paint([np.arange(400)[None] == each for each in range(400)], (1, 400))
    assert many.max() == len(np.unique(many)) == 400


def tiny_sam() -> Any:
    """Return a SAM of the smallest size, with random weights that give masks of all kinds."""
    modeling = pytest.importorskip("segment_anything.modeling", reason="segment-anything is not installed")
    torch.manual_seed(0)
    encoder = modeling.ImageEncoderViT(
        **{"depth": 1, "embed_dim": 32, "img_size": 64, "num_heads": 2, "out_chans": 32, "window_size": 0},
        norm_layer=partial(nn.LayerNorm, eps=1e-6),
        use_rel_pos=True,
    )
    prompts = modeling.PromptEncoder(
        embed_dim=32, image_embedding_size=(4, 4), input_image_size=(64, 64), mask_in_chans=4
    )
    decoder = modeling.MaskDecoder(
        transformer=modeling.TwoWayTransformer(depth=1, embedding_dim=32, mlp_dim=32, num_heads=2), transformer_dim=32
    )
    return modeling.Sam(encoder, prompts, decoder)


def test_sam(image: Image) -> None:
    thresholds: dict[str, Any] = {
        "pred_iou_thresh": -9.0,
        "stability_score_thresh": -9.0,
        "box_nms_thresh": 0.99,
        "points_per_side": 3,
    }
    segmenter = SAMSegmenter(tiny_sam(), **thresholds)
    masks = segmenter.generator.generate(image)
    ids = segmenter(image)
    assert ids.shape == image.shape[:2]
    assert ids.dtype == np.int32
    assert 1 <= ids.max() <= len(masks)
    assert np.array_equal(ids > 0, np.any([mask["segmentation"] for mask in masks], axis=0))


def test_other_files_are_no_sam(tmp_path: Path) -> None:
    pytest.importorskip("segment_anything", reason="segment-anything is not installed")
    torch.save({"image_encoder.pos_embed": torch.zeros(1, 64, 64, 7)}, tmp_path / "a.pth")
    assert "no checkpoint of SAM" in refusal(SAMSegmenter.from_published, tmp_path / "a.pth")


def test_any_function(image: Image) -> None:
    assert checked(lambda pixels: (pixels[:, :, 0] // 64).astype(np.uint8), image).dtype == np.int32
    for bad in (
        lambda pixels: pixels,
        lambda pixels: pixels[:, :, 0] / 255,
        lambda pixels: pixels[:, :, 0].astype(int) - 300,
    ):
        assert "it must return integers (56, 104) of 0 (none) or above" in one_line(checked, bad, image)


def test_folders_of_segments(semantickitti_tree: Path, nuscenes_tree: Path, tmp_path: Path) -> None:
    calls = []

    def halves(pixels: Image) -> NDArray[np.int32]:
        calls.append(pixels.shape)
        return (np.repeat(np.arange(1, 3), 28)[:, None] * np.ones(104)).astype(np.int32)

    for source, count in ((semantickitti_tree, 2), (nuscenes_tree, 24)):
        out = tmp_path / source.name
        frames = open_frames(source)
        with pytest.raises(InputError, match="make them first"):
            pair_frame(frames[0])
        assert write_all(frames, halves, out) == count
        assert write_all(frames, halves, out) == 0
        segmented = open_frames(source, segments=out, semantic=False)[0]
        assert not segmented.semantic
        assert len(pair_frame(segmented).pairs) == len(segmented.cameras)
        assert segmented.cameras[0].segments is not None
        np.testing.assert_array_equal(segmented.cameras[0].segments[:, 0], np.repeat([1, 2], 28))
    assert len(calls) == 26
