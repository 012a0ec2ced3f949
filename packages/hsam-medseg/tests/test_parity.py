"""The golden cases of the published networks, by the published names, in float64, on both paths."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hsam_medseg import HSAM
from hsam_medseg.network.decoders import Coarse, CoarseDecoder, FineDecoder, class_prior
from hsam_medseg.network.losses import training_losses
from hsam_medseg.network.published import detect_config, fill_adapter, published_views, to_published
from hsam_medseg.network.reference import as_reference
from hsam_medseg.network.unused_tensors import unused_shapes
from hsam_medseg.network.upscaling import unnest
from visioncore.backbones.sam import read_image_encoder
from visioncore.backbones.window_attention import run_blocks

SIZES = (224, 512)

Layouts = Mapping[str, Mapping[str, Any]]
Fill = Callable[[Mapping[str, Any]], dict[str, Tensor]]
MakeInput = Callable[[Mapping[str, Any]], Tensor]


def published_model(size: int, layouts: Layouts, fill: Fill) -> HSAM:
    """Return the published ViT-B network with weights made from their names."""
    adapter = fill(layouts[f"hsam_vit_b_{size}_c8"])
    model = HSAM(detect_config(adapter, "golden case")).double().eval()
    model.fill_encoder(read_image_encoder(fill(layouts["sam_vit_b"]), "vit_b", "golden case"))
    fill_adapter(model, adapter, "golden case")
    return model


@pytest.fixture(scope="module", params=SIZES)
def published(request: pytest.FixtureRequest, layouts: Layouts, fill: Fill) -> HSAM:
    return published_model(request.param, layouts, fill)


@pytest.fixture(scope="module")
def vit_b(layouts: Layouts, fill: Fill) -> HSAM:
    return published_model(224, layouts, fill)


@pytest.fixture(scope="module", params=["plain", "fast"])
def path(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def on_path(model: HSAM, path: str) -> HSAM:
    return as_reference(model) if path == "plain" else model


def decoders(model: HSAM) -> tuple[CoarseDecoder, FineDecoder]:
    assert isinstance(model.coarse_decoder, CoarseDecoder)
    assert isinstance(model.fine_decoder, FineDecoder)
    return model.coarse_decoder, model.fine_decoder


def iou(model: HSAM, decoder: str, token: Tensor) -> Tensor:
    """Return what a head that the published code computes and nobody uses says of the masks' quality."""
    assert model.unused is not None
    head = dict(model.unused.named_buffers())
    for layer in range(3):
        name = f"{decoder}.iou_prediction_head.layers.{layer}"
        token = F.linear(token if layer == 0 else F.relu(token), head[f"{name}.weight"], head[f"{name}.bias"])
    return token


def spy(module: nn.Module, kept: dict[str, Any], name: str) -> None:
    module.register_forward_hook(lambda _, __, output: kept.update({name: output}))


@torch.no_grad()
def test_a_whole_slice_gives_the_published_numbers(
    published: HSAM, path: str, golden: Callable[[str], Any], make_input: MakeInput
) -> None:
    size = published.config.image_size
    case = golden(f"full_vit_b_{size}")
    model, kept = on_path(published, path), dict[str, Any]()
    coarse, fine = decoders(model)
    for name, module in {
        "embedding": model.encoder,
        "coarse": coarse,
        "tokens1": coarse.transformer,
        "tokens2": fine.transformer,
        "seen": fine.transformer.final_attn_token_to_image,
    }.items():
        spy(module, kept, name)
    output = model(make_input(case.about["inputs"]["image"]).repeat(1, 3, 1, 1))
    grid = model.config.grid
    case.close("image_encoder.pos_embed", model.encoder.pos_embed)
    case.close("image_encoder.blocks.2.attn.rel_pos_h", model.encoder.blocks[2].attn.rel_pos_h)
    case.close("dense_pe", model.prompt.code.transpose(1, 2).unflatten(2, (grid, grid)))
    case.close("image_embedding", kept["embedding"])
    case.close("stage1.low_res_logits", output.coarse_logits)
    case.close("stage1.mask_features", kept["coarse"].features)
    case.close("stage1.upscaled_embedding", unnest(kept["coarse"].maps, (grid, grid), 2))
    case.close("stage1.iou", iou(model, "mask_decoder", kept["tokens1"][0][:, 0]))
    case.close("stage1.masks", F.interpolate(output.coarse_logits, size=(size, size), mode="bilinear"))
    case.close("stage2.logits", output.fine_logits)
    case.close("stage2.iou", iou(model, "mask_decoder2", kept["tokens2"][0][:, 0]))
    case.close("stage2.final_token_attention", kept["seen"])
    case.close("labels_fused", output.logits.argmax(dim=1))
    case.close("labels_stage2", output.fine_logits.argmax(dim=1))


@torch.no_grad()
def test_folded_and_fast_agree_with_plain(published: HSAM, make_input: MakeInput) -> None:
    size = published.config.image_size
    count = 2 if size == min(SIZES) else 1
    images = make_input({"tag": "slices", "generator": "uniform_input", "shape": (count, 1, size, size)})
    images = images.repeat(1, 3, 1, 1)
    expected = as_reference(published)(images)
    for model in (published, published.fold()):
        for found, wanted in zip(model(images), expected, strict=True):
            assert float((found - wanted).abs().max()) < 1e-10
    published.unfold()


def test_the_loss_and_its_gradients_are_the_published_ones(
    vit_b: HSAM, path: str, golden: Callable[[str], Any], make_input: MakeInput
) -> None:
    case = golden("full_vit_b_224")
    model = on_path(vit_b, path)
    labels = {"tag": "slice-224-labels", "generator": "integer_input", "low": 0, "high": 9, "shape": (1, 56, 56)}
    low = make_input(labels)
    label = low.repeat_interleave(4, dim=1).repeat_interleave(4, dim=2)
    model.zero_grad()
    output = model(make_input(case.about["inputs"]["image"]).repeat(1, 3, 1, 1))
    loss = sum(training_losses(output, label, low, epoch=0).values(), torch.zeros(()))
    expected = case.about["outputs"]["loss_total"]
    assert loss.item() == pytest.approx(expected["value"], rel=expected["rtol"])
    loss.backward()
    parameters = dict(model.named_parameters())
    gradients = published_views({name: p.grad for name, p in parameters.items() if p.grad is not None})
    assert gradients.keys() == published_views(parameters).keys()
    norms, without = case.about["gradient_norms"], unused_shapes(model.config)
    assert sum(name in gradients for name in norms["values"]) > len(norms["values"]) / 2
    for name, norm in norms["values"].items():
        # what has no effect is published with a gradient of zero, and here is no parameter
        assert (name in gradients, name in without) == (norm > 0, norm == 0), name
        if norm:
            assert float(gradients[name].norm()) == pytest.approx(norm, rel=norms["rtol"]), name


@torch.no_grad()
def test_parts(vit_b: HSAM, path: str, golden: Callable[[str], Any], make_input: MakeInput, fill: Fill) -> None:
    case = golden("parts")
    given = {name: make_input(spec) for name, spec in case.about["inputs"].items()}
    model = on_path(vit_b, path)
    coarse, fine = decoders(model)
    prior = given["prior-logits"].softmax(dim=1).flatten(2)
    tokens, image = given["tokens"], given["image-tokens"]
    layers: Any = fine.transformer.layers
    case.close("masked_attention.token_to_image", layers[0].cross_attn_token_to_image(tokens, image, image, prior))
    case.close(
        "masked_attention.image_to_token",
        layers[1].cross_attn_image_to_token(image, tokens, tokens, prior.transpose(1, 2)),
    )
    for stage, decoder, queries, weights in (
        (1, coarse, given["tokens-10"], None),
        (2, fine, tokens, prior),
    ):
        code = given["token-pe"][:, : queries.shape[1]]
        for layer in (0, 1):
            after = decoder.transformer.layers[layer](queries, image, code, given["image-pe"], weights)
            for kind, value in zip(("queries", "keys"), after, strict=True):
                case.close(f"two_way_block.stage{stage}.layer{layer}.{kind}", value)
    positions = (given["embedding"] + given["dense-prompt"]).flatten(2).transpose(1, 2)
    code = given["dense-pe"].flatten(2).transpose(1, 2)
    kept: dict[str, Any] = {}
    spy(coarse.transformer, kept, "tokens1")
    spy(fine.transformer, kept, "tokens2")
    spy(fine.transformer.final_attn_token_to_image, kept, "seen")
    first: Coarse = coarse(positions, code)
    case.close("decoder1.low_res_logits", first.logits)
    case.close("decoder1.iou", iou(model, "mask_decoder", kept["tokens1"][0][:, 0]))
    case.close("decoder1.mask_features", first.features)
    case.close("decoder1.upscaled_embedding", unnest(first.maps, (14, 14), 2))
    case.close("prior_logits_from_decoder1", F.interpolate(first.logits, size=(14, 14), mode="bilinear"))
    middle = F.interpolate(first.logits, size=(14, 14), mode="bilinear").softmax(dim=1).flatten(2)
    torch.testing.assert_close(class_prior(first.logits), middle)
    case.close("decoder2.logits", fine(positions, code, first))
    case.close("decoder2.iou", iou(model, "mask_decoder2", kept["tokens2"][0][:, 0]))
    case.close("decoder2.final_token_attention", kept["seen"])
    maps = given["skip-in"].flatten(2).transpose(1, 2)
    case.close("decoder2.skip_connect", unnest(fine.skip_connect(maps), (6, 5), 2))
    blocks = model.encoder.blocks
    run = (lambda block, x: block(x)) if path == "plain" else (lambda block, x: run_blocks([block], x))
    case.close("encoder_block0.windowed_with_padding", run(blocks[0], given["block-in-20x17"]))
    tables = fill({f"image_encoder.blocks.2.attn.rel_pos_{axis}": (27, 64) for axis in "hw"})
    block = copy.deepcopy(blocks[2])
    block.attn.load_state_dict({name.rpartition(".")[2]: value for name, value in tables.items()}, strict=False)
    case.close("encoder_block2.global_14x14", run(block, given["block-in-14x14"]))


def test_the_published_layout_comes_back_as_it_was(layouts: Layouts, fill: Fill) -> None:
    for variant in ("hsam_vit_b_224_c8", "hsam_vit_b_512_c1"):
        adapter = {name: tensor.float() for name, tensor in fill(layouts[variant]).items()}
        with torch.device("meta"):
            model = HSAM(detect_config(adapter, variant))
        model = model.to_empty(device="cpu")
        fill_adapter(model, adapter, variant)
        written = to_published(model)
        assert written.keys() == adapter.keys()
        assert all(torch.equal(written[name], adapter[name]) for name in adapter)


@pytest.mark.parametrize(
    ("variant", "backbone", "size", "classes", "parameters"),
    [
        ("hsam_vit_b_224_c8", "vit_b", 224, 8, 99_144_516),
        ("hsam_vit_b_512_c8", "vit_b", 512, 8, 111_282_384),
        ("hsam_vit_l_224_c8", "vit_l", 224, 8, 317_060_676),
        ("hsam_vit_b_512_c1", "vit_b", 512, 1, 108_425_579),
    ],
)
def test_every_published_layout_is_recognised(
    layouts: Layouts, variant: str, backbone: str, size: int, classes: int, parameters: int
) -> None:
    with torch.device("meta"):
        adapter = {name: torch.empty(tuple(shape)) for name, shape in layouts[variant].items()}
        config = detect_config(adapter, variant)
        model = HSAM(config)
    assert (config.backbone, config.image_size, len(config.classes), config.lora_rank) == (backbone, size, classes, 5)
    state = model.state_dict()
    assert {name: list(view.shape) for name, view in published_views(state).items()} == layouts[variant]
    # the frequencies of the position code are no parameter
    assert sum(tensor.numel() for tensor in state.values()) - model.prompt.frequencies.numel() == parameters
