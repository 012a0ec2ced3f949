"""The network: made of CLIP's weights, saved whole or in part, loaded, with other labels and another corpus."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from alt_action import ALT, ALTConfig, load_model
from alt_action.method import METHOD
from alt_action.network.adapter import VideoAdapter
from alt_action.network.config import VARIANTS
from alt_action.network.corpus import corpus_digest, embed_labels
from alt_action.network.example import facts
from alt_action.network.published import to_published
from alt_action.network.text import CLIPTextEncoder
from visioncore.backbones.clip_files import read_clip
from visioncore.backbones.clip_transformer import CLIPText, CLIPTextConfig, CLIPViT, CLIPViTConfig
from visioncore.commands.description import measure
from visioncore.testing.refusals import one_line
from visioncore.weights.state_dicts import read_state_dict, write_state_dict

TOWER = CLIPViTConfig(32, 3, 4, 8, 32, 24)
"""16 patches."""
LABELS = ("juggling balls", "riding a bike", "brushing teeth")


def tiny_config(**settings: Any) -> ALTConfig:
    """Return the settings of a network that takes no time."""
    sizes: dict[str, Any] = {"merged": 2, "frames": 4, "heads": 4, "top": 3, "layers": 2, "places": 4, "entities": 7}
    return ALTConfig(TOWER, **sizes | settings)


@pytest.fixture
def tiny() -> Callable[..., ALT]:
    """Makes a network that takes no time, with random weights."""

    def make(**settings: Any) -> ALT:
        torch.manual_seed(0)
        return ALT(tiny_config(**settings)).eval()

    return make


@dataclass(frozen=True)
class Words:
    """A corpus of words."""

    units: tuple[str, ...]

    @property
    def texts(self) -> tuple[str, ...]:
        return tuple(f"{unit}: a thing" for unit in self.units)


def encode(texts: Sequence[str]) -> Tensor:
    """Return a vector (24) for each text that follows from its letters alone."""
    generators = (torch.Generator().manual_seed(zlib.crc32(text.encode())) for text in texts)
    return torch.stack([torch.randn(24, generator=generator) for generator in generators])


def write_clip(folder: Path, seed: int = 0) -> Path:
    """Write the weights of a CLIP whose image tower is tiny, as state dict with a configuration beside it."""
    torch.manual_seed(seed)
    visual, text = CLIPViT(TOWER), CLIPText(CLIPTextConfig(32, 1, 4, embed_dim=24))
    state = {f"visual.{name}": value for name, value in visual.state_dict().items()} | text.state_dict()
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(state | {"logit_scale": torch.tensor(3.0)}, folder / "clip.pt")
    heads = '"vision_cfg": {"width": 32, "head_width": 8}, "text_cfg": {"heads": 4}'
    (folder / "open_clip_config.json").write_text(f'{{"model_cfg": {{"quick_gelu": true, {heads}}}}}')
    return folder / "clip.pt"


WORDS = Words(("ball", "bike", "toothbrush", "hand"))
Make = Callable[..., ALT]


def clips(model: ALT, videos: int = 2, frames: int = 4) -> torch.Tensor:
    return torch.randn(videos, frames, 3, TOWER.image_size, TOWER.image_size)


def same(one: ALT, other: ALT) -> bool:
    frames = clips(one)
    with torch.no_grad():
        return one.config == other.config and torch.equal(one.scores(one(frames)), other.scores(other(frames)))


@pytest.fixture
def trained(tmp_path: Path) -> ALT:
    """A network from CLIP's file with a corpus and labels, as after training."""
    settings: dict[str, Any] = {"merged": 2, "frames": 4, "heads": 4, "top": 3, "layers": 2, "places": 4}
    return ALT.from_clip(write_clip(tmp_path / "clip"), WORDS, LABELS, encode=encode, **settings)


def test_saved_and_loaded(trained: ALT, tmp_path: Path) -> None:
    trained.save_pretrained(tmp_path / "whole")
    trained.save_file(tmp_path / "one.safetensors")
    assert trained.config.units == WORDS.units
    for source in ("whole", "one.safetensors", "whole/model.safetensors"):
        loaded = load_model(tmp_path / source)
        assert not loaded.training
        assert same(loaded, trained), source
    assert set(json.loads((tmp_path / "whole" / "config.json").read_text())) >= {"units", "labels", "digest"}


def test_labels_are_embedded_as_plain_words(trained: ALT) -> None:
    trained.set_labels(["ApplyEyeMakeup", "brush_hair"], encode)
    named = trained.label_features
    trained.set_labels(["apply eye makeup", "brush hair"], encode)
    assert torch.equal(named, trained.label_features)


def test_the_adapter_alone(trained: ALT, tmp_path: Path) -> None:
    trained.save_pretrained(tmp_path / "adapter", adapter_only=True)
    state = read_state_dict(tmp_path / "adapter" / "model.safetensors")
    assert not any(name.startswith("visual.") for name in state)
    assert trained.config.clip_digest == ""
    clip = tmp_path / "clip" / "clip.pt"
    for loaded in (ALT.from_pretrained(tmp_path / "adapter", clip=clip), load_model(tmp_path / "adapter", clip=clip)):
        loaded.config = replace(loaded.config, clip_digest="")
        assert same(loaded, trained)
    assert "holds the adapter alone; give the CLIP" in one_line(load_model, tmp_path / "adapter")
    other = write_clip(tmp_path / "other", seed=1)
    message = one_line(ALT.from_pretrained, tmp_path / "adapter", clip=other)
    assert message.startswith(f"{other}: another CLIP than")


def test_an_adapter_names_the_weights_it_stands_on(
    trained: ALT, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VISIONCORE_CACHE", str(tmp_path / "cache"))
    trained.config = replace(trained.config, clip="clip-vit-b-16")
    trained.save_pretrained(tmp_path / "adapter", adapter_only=True)
    told = one_line(load_model, tmp_path / "adapter")
    assert told == "clip-vit-b-16: not fetched yet; run: alt-action weights get clip-vit-b-16"
    place = tmp_path / "cache" / "weights" / "alt-action" / "clip-vit-b-16"
    write_clip(place).rename(place / "ViT-B-16.pt")
    loaded = load_model(tmp_path / "adapter")
    assert all(torch.equal(value, loaded.state_dict()[name]) for name, value in trained.state_dict().items())


def test_clip_s_file_is_the_mean_of_frames(tmp_path: Path) -> None:
    path = write_clip(tmp_path)
    model = load_model(path)
    frames = clips(model)
    assert (model.config.entities, model.config.tower) == (0, TOWER)
    assert model.logit_scale.item() == pytest.approx(3)
    unmerged = ALT.from_clip(path, merged=0)
    each = torch.nn.functional.normalize(read_clip(path).vit()(frames.flatten(0, 1)), dim=-1).unflatten(0, (2, 4))
    torch.testing.assert_close(unmerged(frames), torch.nn.functional.normalize(each.mean(dim=1), dim=-1))
    seen = model.watch(model.regions(frames))
    assert seen.entity.eq(-1).all()
    assert (seen.mass.shape, seen.asked.shape) == ((2, 4, 0), (2, 4, model.config.top))
    theirs = read_state_dict(path)
    assert all(torch.equal(theirs[name], value) for name, value in to_published(model).items())


def test_other_sizes_of_frames(tmp_path: Path) -> None:
    path = write_clip(tmp_path)
    model = ALT.from_clip(path, WORDS, encode=encode, image_size=48)
    assert model.config.tower.patches == 36
    assert model(torch.randn(1, 2, 3, 48, 48)).shape == (1, 24)


def test_the_text_tower_makes_the_vectors(tmp_path: Path) -> None:
    pytest.importorskip("open_clip", reason="open_clip is not installed")
    path = write_clip(tmp_path)
    model = ALT.from_clip(path, WORDS, LABELS, templates=("{label}", "a clip of {label}"))
    encoder = CLIPTextEncoder.from_clip(path)
    vectors = torch.nn.functional.normalize(encoder(WORDS.texts), dim=-1)
    torch.testing.assert_close(model.entities, vectors)
    one, two = (
        torch.nn.functional.normalize(encoder([form.format(LABELS[1])]), dim=-1) for form in ("{}", "a clip of {}")
    )
    mean = torch.nn.functional.normalize(one + two, dim=-1)
    torch.testing.assert_close(model.label_features[1:2], mean)
    small = CLIPTextEncoder(encoder.tower, batch=1)
    torch.testing.assert_close(small(WORDS.texts), encoder(WORDS.texts))


def test_another_corpus_and_other_labels(tiny: Make) -> None:
    model = tiny()
    frames = clips(model)
    with torch.no_grad():
        regions = model.regions(frames)
        model.set_corpus(WORDS, encode)
        first = model.watch(regions)
        order = [2, 0, 3, 1]
        model.set_corpus(Words(tuple(WORDS.units[i] for i in order)), encode)
        second = model.watch(regions)
    assert model.config.digest == corpus_digest(model.config.units, model.entities)
    torch.testing.assert_close(first.video, second.video)
    assert torch.equal(torch.tensor(order)[second.entity], first.entity)
    assert torch.equal(second.mass, first.mass[..., order])
    model.set_labels(LABELS, encode, ["doing {label}"])
    expected = embed_labels(encode, LABELS, ["doing {label}"])
    torch.testing.assert_close(model.scores(first.video), model.scores(first.video, expected))
    assert (model.config.labels, model.config.templates) == (LABELS, ("doing {label}",))


def test_videos_alone_are_as_in_a_batch(tiny: Make) -> None:
    model = tiny()
    frames = clips(model, videos=3)
    with torch.no_grad():
        whole, alone = model(frames), torch.cat([model(one[None]) for one in frames])
    torch.testing.assert_close(whole, alone, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_regions_divide_the_frame(tiny: Make) -> None:
    model = tiny(merged=(0, 3, 5))
    regions = model.regions(clips(model))
    assert regions.tokens.shape == (2, 4, 1 + model.config.regions, 32)
    assert model.config.regions == 8
    assert regions.size.sum(dim=-1).eq(17).all()
    counts = torch.nn.functional.one_hot(regions.source, 9).sum(dim=-2)
    assert torch.equal(counts, regions.size)
    assert regions.source[..., 0].eq(0).all()
    assert regions.size[..., 0].eq(1).all()
    same = model.regions(torch.full((1, 3, 32, 32), 0.5))
    assert torch.equal(same.source, model.regions(torch.full((2, 3, 32, 32), 0.5)).source[:1])


@pytest.mark.parametrize(("width", "shared"), [(64, 32), (128, 384), (768, 512)])
def test_a_new_adapter_has_a_say_at_any_width(width: int, shared: int) -> None:
    """Next to the mean of the frames, which has a length of at most 1: less would hardly learn, more drown it."""
    torch.manual_seed(0)
    tower = CLIPViTConfig(width=width, layers=1, heads=1, patch=16, image_size=32, embed_dim=shared)
    adapter = VideoAdapter(ALTConfig(tower, layers=1, heads=4, merged=0))
    queries = torch.nn.functional.normalize(torch.randn(3, 2, 4, shared), dim=-1)
    added = adapter(
        queries, torch.full((3, 2, 4), 0.25), torch.randn(3, 2, 5, width), torch.ones(3, 2, 5, dtype=torch.int64)
    )
    assert 0.4 < float(added.detach().norm(dim=-1).mean()) < 3


def test_merging_never_takes_more_than_half(tiny: Make) -> None:
    assert tiny_config(merged=100).merges() == [8, 4, 2]
    assert tiny_config(merged=100).regions == 2
    assert tiny(merged=100)(clips(tiny())).shape == (2, 24)


@pytest.mark.parametrize("queries", ["entities", "regions"])
def test_one_step_of_training(tiny: Make, queries: Any) -> None:
    model = tiny(queries=queries, temperature=50.0).train()
    frames, probe = clips(model), torch.randn(2, 24)
    found = [(model(frames, torch.Generator().manual_seed(seed)) * probe).sum() for seed in (0, 0, 1)]
    assert found[0] == found[1] != found[2]
    found[0].backward()
    missing = [name for name, parameter in model.named_parameters() if parameter.grad is None]
    assert missing == ["logit_scale"]
    # the way over the assignment alone reaches the tower
    regions = model.regions(frames)
    features = regions.features.detach().requires_grad_()
    (model.watch(regions._replace(tokens=regions.tokens.detach(), features=features)).video * probe).sum().backward()
    assert features.grad is not None
    assert features.grad[:, :, 1:].abs().max() > 0


def test_similarities_stay_precise_under_autocast(tiny: Make) -> None:
    model = tiny()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        regions = model.regions(clips(model))
        assert regions.features.dtype == torch.float32
        assert model.scores(model.watch(regions).video, torch.eye(24)).dtype == torch.float32


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"frames": 0}, "frames is 0; it must be at least 1"),
        ({"entities": -1}, "entities is -1; it must be at least 0"),
        ({"entities": 5000}, "entities is 5000; it must be at most 4000"),
        ({"merged": (1, 2)}, "merged has 2 numbers; it must be one, or one for each block of the tower, 3"),
        ({"merged": -1}, "merged is -1; it must be at least 0"),
        ({"heads": 5}, "heads is 5; the tower's width, 32, must be a multiple of it"),
        ({"temperature": 0.0}, "temperature is 0.0; it must be above 0"),
        ({"units": ("ball",)}, "there are 1 units; there must be none, or entities, 7"),
        ({"labels": ("run", "run")}, "a label is there twice; each only once"),
        ({"templates": ("a video",)}, "templates are ('a video',); there must be at least one, and {label} in each"),
        ({"queries": "all"}, "queries is 'all'; it must be entities or regions"),
    ],
)
def test_settings_that_are_wrong(settings: dict[str, Any], told: str) -> None:
    assert one_line(tiny_config, **settings) == told


def test_what_does_not_fit(tiny: Make, tmp_path: Path) -> None:
    model = tiny()
    assert "frames are (3, 32, 32); they must be (B, T, 3, S, S)" in one_line(model.regions, torch.rand(3, 32, 32))
    assert "images are (2, 3, 16, 16); they must be (B, 3, 32, 32)" in one_line(model, torch.rand(1, 2, 3, 16, 16))
    one = model.regions(torch.rand(1, 3, 32, 32))
    assert "region features are (1, 11, 24); they must be (B, T, 1 + n, D)" in one_line(model.watch, one)
    assert "labels are (0, 24); they must be (C, 24), C at least 1" in one_line(model.scores, torch.rand(1, 24))
    assert "labels are (2, 9); they must be (C, 24)" in one_line(model.scores, torch.rand(1, 24), torch.rand(2, 9))
    assert "corpus: 'a' is there twice" in one_line(model.set_corpus, Words(("a", "b", "a")), encode)
    assert "corpus: vectors have length 5" in one_line(model.set_corpus, WORDS, lambda t: torch.rand(len(t), 5))
    assert "'ball: a thing': the text encoder returned a vector without a direction" in one_line(
        model.set_corpus, WORDS, lambda texts: torch.zeros(len(texts), 24)
    )
    assert "there is no text to embed" in one_line(model.set_labels, [], encode)
    assert model.config == tiny_config()


def test_a_corpus_of_one_entity(tiny: Make) -> None:
    model = tiny()
    model.set_corpus(Words(("ball",)), encode)
    found = model.watch(model.regions(clips(model)))
    assert found.mass.eq(1).all()
    assert found.asked.tolist() == [[[0, -1, -1]] * 4] * 2
    assert found.video.isfinite().all()


def test_entities_that_are_not_those_of_the_configuration(trained: ALT, tmp_path: Path) -> None:
    trained.save_pretrained(tmp_path / "model")
    path = tmp_path / "model" / "model.safetensors"
    state = read_state_dict(path)
    write_state_dict(path, state | {"entities": state["entities"].flip(0)})
    assert "the entities are not those that config.json names" in one_line(load_model, tmp_path / "model")


def test_the_file_of_another_tower(tmp_path: Path) -> None:
    path = tmp_path / "resnet.pt"
    torch.save({"visual.layer1.0.conv1.weight": torch.zeros(2, 2, 1, 1), "visual.conv1.weight": torch.zeros(2)}, path)
    assert one_line(load_model, path) == (
        f"{path}: does not say which activation it has; lay open_clip_config.json or config.json beside it, or give "
        "quick_gelu (weights of OpenAI) or gelu"
    )
    assert one_line(ALT.from_clip, path, activation="gelu") == (
        f"{path}: holds a ResNet image tower of CLIP, not one on patches"
    )


def test_the_published_totals() -> None:
    """328 and 4947 GFLOPs for three views, 134.4 million parameters; the adapter is sized to them."""
    for name, frames, parameters, operations in (
        ("vit-b-16", 8, 136_063_233, 343.3),
        ("vit-l-14", 32, 392_742_657, 4952.0),
    ):
        size = measure(METHOD, replace(VARIANTS[name], frames=frames))
        assert size.parameters == parameters
        assert 3 * size.multiply_accumulates / 1e9 == pytest.approx(operations, abs=0.05)
    assert VARIANTS["vit-b-16"].regions == 100
    assert VARIANTS["vit-l-14"].regions == 64
    assert VARIANTS["vit-l-14-336"].regions == 384


def test_what_info_says(tiny: Make) -> None:
    said = facts(tiny().config)
    assert said["regions"] == "10 of 16 patches; 2 tokens merged in each block"
    assert said["entities"] == "7; the 3 largest of each frame ask"
    assert facts(tiny_config(queries="regions"))["entities"] == "7; those of all regions ask"
    assert facts(tiny_config(entities=0))["entities"] == "none: videos are the mean of their frames"
