"""Tokens that motions are conditioned on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import pytest
import torch
from tiny import tiny_pipeline

from lvmm_motion import Predictor
from lvmm_motion.inference.embedders import Given, ImageBindTokens, OpenClipTokens, Zeros, make_embedder
from lvmm_motion.inference.region_tokens import RegionTokens
from lvmm_motion.network.config import ImageBindConfig
from lvmm_motion.network.image_bind import MEAN, STD, ImageBind
from lvmm_motion.network.image_bind_names import CONSTANTS, image_bind_name
from visioncore.errors import InputError
from visioncore.testing.photos import photo

SMALL = ImageBindConfig(64, 2, 4, 48, 2, 4, 32)
PHOTO = torch.from_numpy(photo(45, 61, seed=0)).permute(2, 0, 1)[None] / 255


@pytest.fixture
def image_bind(tmp_path: Path) -> tuple[ImageBind, Path]:
    """A small ImageBind, and its file as the authors write it, with towers that are not ours."""
    torch.manual_seed(0)
    model = ImageBind(SMALL).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    state = {image_bind_name(name): tensor for name, tensor in model.state_dict().items()}
    state |= {CONSTANTS[0]: torch.ones(77, 77), "modality_trunks.audio.blocks.0.norm_1.weight": torch.ones(4)}
    torch.save(state, tmp_path / "imagebind.pth")
    return model, tmp_path / "imagebind.pth"


def test_imagebind(image_bind: tuple[ImageBind, Path]) -> None:
    model, file = image_bind
    embedder = ImageBindTokens(file, config=SMALL)
    with torch.no_grad():
        for prompt in ("waves on a beach", None):
            ids = open_clip.tokenizer.tokenize([prompt or ""])
            torch.testing.assert_close(embedder(PHOTO, prompt), model(PHOTO, ids))
    assert not torch.equal(embedder(PHOTO, "waves"), embedder(PHOTO, "a flag"))
    assert repr(embedder) == f"imagebind, {file}"


def test_open_clip(tmp_path: Path) -> None:
    """Equal to the package's own model, on a photo that is resized as ImageBind's is."""
    torch.manual_seed(0)
    vision = {"image_size": 32, "layers": 2, "width": 128, "patch_size": 16}
    text = {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 1, "layers": 2}
    model = open_clip.CLIP(embed_dim=16, vision_cfg=vision, text_cfg=text).eval()
    torch.save(model.state_dict(), tmp_path / "open_clip_pytorch_model.bin")
    settings = '{"model_cfg": {"embed_dim": 16, "vision_cfg": %s, "text_cfg": %s}}'
    written = settings % tuple(str(each).replace("'", '"') for each in (vision, text))
    (tmp_path / "open_clip_config.json").write_text(written)
    embedder = OpenClipTokens(tmp_path)
    tokens = embedder(PHOTO, "waves on a beach")
    small = torch.nn.functional.interpolate(PHOTO, (32, 32), mode="bicubic")
    normal = (small - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]
    with torch.no_grad():
        image = model.encode_image(normal, normalize=True)
        words = model.encode_text(open_clip.tokenizer.tokenize(["waves on a beach"]), normalize=True)
        scale = model.logit_scale.exp().clamp(max=100)
    torch.testing.assert_close(tokens, torch.stack((image, scale * words), dim=1), rtol=1e-4, atol=1e-5)
    predictor = Predictor(tiny_pipeline(), "cpu")
    predictor.set_embedder("open_clip", tmp_path)
    frames = [np.asarray(predictor(photo(45, 61, seed=0), prompt, guidance=3.0)) for prompt in ("waves", "a flag")]
    assert (frames[0] != frames[1]).any()


def test_tokens_that_are_given(tmp_path: Path) -> None:
    tokens = torch.randn(3, 16)
    np.save(tmp_path / "tokens.npy", tokens.numpy())
    for embedder in (Given(tokens), Given(tokens[None]), Given(tmp_path / "tokens.npy")):
        assert torch.equal(embedder(PHOTO, None), tokens[None])
    predictor = Predictor(tiny_pipeline(), "cpu", embedder=Given(tokens))
    other = Predictor(tiny_pipeline(), "cpu", embedder=Given(-tokens))
    assert (np.asarray(predictor(photo(45, 61, seed=0))) != np.asarray(other(photo(45, 61, seed=0)))).any()
    assert predictor.recorded() != other.recorded()


def test_no_condition_is_zeros() -> None:
    assert torch.equal(Zeros(16)(PHOTO, None), torch.zeros(1, 1, 16))
    assert repr(Predictor(tiny_pipeline(), "cpu").embedder) == "zeros"


def test_what_will_not_do(tmp_path: Path, image_bind: tuple[ImageBind, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    np.save(tmp_path / "flat.npy", np.zeros(16, np.float32))
    np.save(tmp_path / "nan.npy", np.full((1, 16), np.nan, np.float32))
    (tmp_path / "text.npy").write_text("no tokens")
    monkeypatch.setenv("VISIONCORE_CACHE", str(tmp_path / "cache"))
    make: Callable[..., Any] = lambda name, file=None: make_embedder(name, file, 16, "cpu")  # noqa: E731
    for given, told in (
        (("clip",), "embedder is 'clip'; it must be one of auto, zeros, given, imagebind, open_clip"),
        (("imagebind",), "the embedder imagebind needs the file of its weights"),
        (("given",), r"the embedder given needs a \.npy file of tokens"),
        (("zeros", "a.npy"), r"a\.npy: the embedder zeros takes no file"),
        (("given", tmp_path / "flat.npy"), r"flat\.npy: \(16,\) torch\.float32; tokens must be \(n, width\)"),
        (("given", tmp_path / "nan.npy"), r"nan\.npy: tokens are not finite"),
        (("given", tmp_path / "text.npy"), r"text\.npy: cannot be read as tokens"),
        (("given", tmp_path / "none.npy"), r"none\.npy: cannot be read as tokens"),
        (("imagebind", image_bind[1]), r"imagebind\.pth: .*ImageBind"),
        (("imagebind", "imagebind-huge"), "not fetched yet; run: lvmm-motion weights get imagebind-huge"),
        (("open_clip", image_bind[1]), r"imagebind\.pth"),
    ):
        with pytest.raises(InputError, match=told):
            make(*given)
    wide = Given(torch.zeros(2, 8))
    with pytest.raises(InputError, match=r"the embedder gives \(1, 2, 8\); the denoiser takes tokens \(1, n, 16\)"):
        Predictor(tiny_pipeline(), "cpu", embedder=wide)(photo(45, 61, seed=0))


def test_region_tokens_keep_prompts_apart_from_regions() -> None:
    """A prompt has numbers of its own, and about as large a token as the regions have: else it is hardly learnt."""
    pipeline = tiny_pipeline()
    regions = pipeline.autoencoder.config.regions
    tokens = RegionTokens(pipeline.autoencoder, ["bend", "wave"], width=5 * regions + 2)
    with torch.no_grad():
        where, bend = tokens(PHOTO, "bend")[0]
        _, wave = tokens(PHOTO, "wave")[0]
        _, none = tokens(PHOTO, None)[0]
    assert not where[5 * regions :].any()
    assert not bend[: 5 * regions].any()
    assert bend[5 * regions :].tolist() == [8, 0]
    assert wave[5 * regions :].tolist() == [0, 8]
    assert not none.any()
    with pytest.raises(InputError, match="they need"):
        RegionTokens(pipeline.autoencoder, ["bend", "wave", "jump"], width=5 * regions + 2)
