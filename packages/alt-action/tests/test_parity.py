"""The golden cases, in double precision, on all paths; everything else rests on them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from alt_action import ALT, ALTConfig
from alt_action.network.alignment import (
    count_patches,
    largest_entities,
    similarities,
    soft_assignment,
    straight_through,
)
from alt_action.network.config import VARIANTS
from alt_action.network.fast import for_inference
from alt_action.network.losses import training_losses
from alt_action.network.merging import match, merge_sizes, merge_source, merge_tokens
from alt_action.network.output import Regions
from alt_action.network.reference import as_reference, merged
from visioncore.backbones.clip_files import clip_weights
from visioncore.backbones.clip_transformer import CLIP_VITS, CLIPText, CLIPViT, CLIPViTConfig

Golden = Callable[[str], Any]
Make = Callable[[Any], Tensor]
CPU = torch.device("cpu")


def paths(model: ALT) -> list[Any]:
    """Return a network on all its paths."""
    return [model, as_reference(model), for_inference(model, CPU, torch.float64)]


@pytest.fixture
def tower(golden: Golden, fill: Callable[..., Any]) -> Callable[[int], ALT]:
    """Makes the network in float64 with the golden tower, for a number of tokens to merge."""
    about = golden("region_tower").about
    weights = clip_weights(fill(about["layout"]["tensors"]), "golden", "quick_gelu", (about["config"]["heads"], None))

    def make(r: int) -> ALT:
        config = about["config"]
        shape = CLIPViTConfig(
            config["width"], config["layers"], config["heads"], config["patch"], config["image"][0], config["embed_dim"]
        )
        torch.manual_seed(0)
        model = ALT(ALTConfig(shape, merged=r, heads=4, entities=17, top=4, layers=2)).double().eval()
        model.visual.load_state_dict({name: value.double() for name, value in weights.visual.items()})
        # exactly the golden numbers, which the file reader makes float32 of
        published = fill(about["layout"]["tensors"])
        model.visual.load_state_dict({name.removeprefix("visual."): value for name, value in published.items()})
        return model

    return make


@torch.no_grad()
def test_region_tower(tower: Callable[[int], ALT], golden: Golden, make_input: Make) -> None:
    case = golden("region_tower")
    frames = make_input(case.about["inputs"]["image"])
    for network in paths(model := tower(case.about["config"]["r"])):
        found = network.regions(frames)
        case.close("tokens", found.tokens)
        case.close("features", found.tokens @ model.visual.proj)
        case.close("size", found.size)
        held = F.one_hot(found.source, found.size.shape[1]).transpose(1, 2)
        case.close("source", held)
        unit = F.normalize(torch.from_numpy(case.outputs["features"]), dim=-1)
        torch.testing.assert_close(found.features, unit, rtol=1e-7, atol=1e-9)


@torch.no_grad()
def test_without_merging(tower: Callable[[int], ALT], golden: Golden, make_input: Make) -> None:
    case, model = golden("region_tower"), tower(0)
    frames = make_input(case.about["inputs"]["image"])
    for network in paths(model):
        case.close("features_r0", network.regions(frames).tokens @ model.visual.proj)
    visual, found = model.visual, model.regions(frames)
    assert isinstance(visual, CLIPViT)
    plain = visual(frames)
    tokens = visual.ln_post(visual.transformer(visual.embed(frames)))
    assert torch.equal(found.tokens @ visual.proj, tokens @ visual.proj)
    torch.testing.assert_close(F.normalize(plain, dim=-1), found.features[:, 0], rtol=1e-12, atol=1e-12)


@torch.no_grad()
def test_no_merging_is_open_clip(golden: Golden, fill: Callable[..., Any], make_input: Make, tower: Any) -> None:
    theirs_of = pytest.importorskip("open_clip.transformer", reason="open_clip is not installed")
    case, model = golden("region_tower"), tower(0)
    config = model.config.tower
    theirs = theirs_of.VisionTransformer(
        config.image_size, config.patch, config.width, config.layers, config.heads, 4.0, output_dim=config.embed_dim,
        act_layer=theirs_of.QuickGELU,
    ).double().eval()  # fmt: skip
    theirs.load_state_dict(model.visual.state_dict())
    frames = make_input(case.about["inputs"]["image"])
    expected = F.normalize(theirs(frames), dim=-1)
    for network in paths(model):
        torch.testing.assert_close(network.regions(frames).features[:, 0], expected, rtol=0, atol=1e-10)


def test_token_merging(golden: Golden, make_input: Make) -> None:
    case = golden("token_merging")
    given = {name: make_input(spec) for name, spec in case.about["inputs"].items()}
    x, size = given["x"], torch.ones(2, 21, dtype=torch.int64)
    source = torch.arange(21).expand(2, 21)
    for name, r in (("first", 4), ("second", 5)):
        merge = match(given["metric1" if name == "first" else "metric2"], r)
        x, source = merge_tokens(x, size, merge), merge_source(source, merge)
        size = merge_sizes(size, merge)
        case.close(f"x_{name}", x)
        case.close(f"size_{name}", size)
    case.close("source_second", F.one_hot(source, 12).transpose(1, 2))


def test_equal_tokens_merge_in_order() -> None:
    merge = match(torch.ones(2, 9, 4), 3)
    assert merge.moved.tolist() == [[1, 2, 3]] * 2
    assert merge.target.tolist() == [[0, 0, 0]] * 2
    assert merge.kept.tolist() == [[0, 4]] * 2
    _, groups = merged(torch.ones(9, 4), [[i] for i in range(9)], torch.ones(9, 4), 3)
    assert groups == [[0], [8], [1, 2, 4, 6], [3], [5], [7]]


def test_token_merging_step_by_step(golden: Golden, make_input: Make) -> None:
    case = golden("token_merging")
    given = {name: make_input(spec) for name, spec in case.about["inputs"].items()}
    found: list[Tensor] = []
    for sequence in range(2):
        x, groups = merged(given["x"][sequence], [[i] for i in range(21)], given["metric1"][sequence], 4)
        found.append(merged(x, groups, given["metric2"][sequence], 5)[0])
    case.close("x_second", torch.stack(found))


def test_entity_alignment(golden: Golden, make_input: Make) -> None:
    case = golden("entity_alignment")
    given = {name: make_input(spec) for name, spec in case.about["inputs"].items()}
    features, entities = (F.normalize(given[name], dim=-1) for name in ("features", "entities"))
    logits = similarities(features, entities).requires_grad_()
    soft = soft_assignment(logits, given["u"], 1.0)
    index = soft.argmax(dim=-1)
    aligned = straight_through(index, soft, entities)
    (aligned * given["probe"]).sum().backward()
    case.close("soft", soft)
    case.close("index", index)
    case.close("aligned", aligned)
    case.close("grad_logits", logits.grad)
    chosen = logits.argmax(dim=-1)
    patches = count_patches(chosen, given["size"], len(entities))
    case.close("eval_index", chosen)
    case.close("eval_mass", patches.double() / given["size"].sum(dim=-1, keepdim=True))
    case.close("top_entities", largest_entities(patches, 4))


@torch.no_grad()
def test_entities_of_videos(tower: Callable[[int], ALT], golden: Golden, make_input: Make) -> None:
    """The same case through the whole network, regions given."""
    case, model = golden("entity_alignment"), tower(3)
    given = {name: make_input(spec) for name, spec in case.about["inputs"].items()}
    model.config = replace(model.config, tower=replace(model.config.tower, embed_dim=12))
    whole = ALT(model.config).double().eval()
    whole.entities = F.normalize(given["entities"], dim=-1)
    first = torch.ones(1, 3, 1, 12, dtype=torch.float64)
    features = torch.cat([first, F.normalize(given["features"], dim=-1)[None]], dim=2)
    size = torch.cat([torch.ones(1, 3, 1, dtype=torch.int64), given["size"][None]], dim=2)
    # all frames of a network have the same number of patches, those of the case do not
    for t in range(3):
        regions = Regions(torch.randn(1, 1, 12, 32, dtype=torch.float64), features[:, [t]], size[:, [t]], size[:, [t]])
        for network in paths(whole):
            found = network.watch(regions)
            assert torch.equal(found.entity[0, 0], torch.from_numpy(case.outputs["eval_index"][t]))
            assert torch.equal(found.asked[0, 0], torch.from_numpy(case.outputs["top_entities"][t]))
            torch.testing.assert_close(found.mass[0, 0], torch.from_numpy(case.outputs["eval_mass"][t]))


def test_scores(golden: Golden, make_input: Make) -> None:
    case = golden("scores_and_sampling")
    given = {name: make_input(spec) for name, spec in case.about["inputs"].items()}
    model = ALT(ALTConfig(CLIPViTConfig(32, 1, 4, 4, 8, 16), heads=4, layers=1)).double()
    torch.nn.init.constant_(model.logit_scale, math.log(10))
    video, text = (F.normalize(given[name], dim=-1) for name in ("video", "text"))
    logits = model.scores(video, text)
    case.close("logits", logits)
    case.close("mean_logits", logits.mean(dim=1))
    case.close("smoothed_cross_entropy", training_losses(logits[:, 0], given["label"])["cross_entropy"])
    one_hot = F.one_hot(given["label"], 12).double()
    case.close("smoothed_cross_entropy", training_losses(logits[:, 0], one_hot)["cross_entropy"])


@torch.no_grad()
@pytest.mark.parametrize("queries", ["entities", "regions"])
@pytest.mark.parametrize("frames", [1, 3])
def test_all_paths_are_one(tower: Callable[[int], ALT], queries: Any, frames: int) -> None:
    base = tower(3)
    model = ALT(replace(base.config, queries=queries, places=3, top=14)).double().eval()
    model.load_state_dict(base.state_dict() | {n: t for n, t in model.state_dict().items() if n.startswith("adapter.")})
    # of the size of trained weights, so that every part shows
    for parameter in model.adapter.parameters():
        parameter.mul_(8) if parameter.ndim > 1 else parameter.add_(0.3 * torch.randn_like(parameter))
    clips = torch.randn(2, frames, 3, 20, 20, dtype=torch.float64)
    expected = as_reference(model).watch(as_reference(model).regions(clips))
    assert (expected.asked == -1).any()  # of some frames more are asked for than there are
    for network in paths(model):
        found = network.watch(network.regions(clips))
        for value, wanted in zip(found, expected, strict=True):
            torch.testing.assert_close(value, wanted, rtol=1e-9, atol=1e-10)
        torch.testing.assert_close(network(clips), expected.video, rtol=1e-9, atol=1e-10)
    single = for_inference(model, CPU, torch.float32)
    torch.testing.assert_close(single(clips.float()), expected.video.float(), rtol=1e-3, atol=1e-4)


@torch.no_grad()
def test_gamma_0_is_clip_averaged_over_the_frames(tower: Callable[[int], ALT]) -> None:
    model = tower(3)
    torch.nn.init.zeros_(model.adapter.gamma)
    clips = torch.randn(2, 3, 3, 20, 20, dtype=torch.float64)
    features = model.regions(clips).features[:, :, 0]
    expected = F.normalize(features.mean(dim=1), dim=-1)
    assert torch.equal(model(clips), expected)
    bare = ALT(replace(model.config, entities=0)).double().eval()
    bare.visual = model.visual
    for network in paths(bare):
        torch.testing.assert_close(network(clips), expected, rtol=1e-12, atol=1e-12)
    unmerged = tower(0)
    torch.nn.init.zeros_(unmerged.adapter.gamma)
    each = F.normalize(unmerged.visual(clips.flatten(0, 1)), dim=-1).unflatten(0, (2, 3))
    torch.testing.assert_close(unmerged(clips), F.normalize(each.mean(dim=1), dim=-1), rtol=1e-12, atol=1e-12)


def test_every_published_tensor_has_its_place(layouts: dict[str, Any]) -> None:
    for name in ("ViT-B-16", "ViT-L-14", "ViT-L-14-336"):
        layout = layouts[f"openai-clip-{name.lower()}"]
        text = CLIP_VITS[name][1]
        with torch.device("meta"):
            model, words = ALT(VARIANTS[name.lower()]), CLIPText(text)
        ours = {n: list(t.shape) for n, t in model.state_dict().items() if n.startswith("visual.")}
        ours |= {n: list(t.shape) for n, t in words.state_dict().items()} | {"logit_scale": []}
        assert ours == {
            n: s for n, s in layout.items() if n not in ("input_resolution", "context_length", "vocab_size")
        }
