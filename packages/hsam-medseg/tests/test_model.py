"""The network: sizes and classes, folding, saving, decoders and the gate, what is trained, what is refused."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hsam_medseg import HSAM, HSAMConfig, Output, Preprocessing
from hsam_medseg.network.decoders import Coarse, CoarseDecoder, FineDecoder
from hsam_medseg.network.gate import ClassBalancedGate, attention_heads, noise_levels
from hsam_medseg.network.position import EmptyPrompt
from hsam_medseg.network.reference import as_reference
from hsam_medseg.network.sam_decoder import SAMDecoder
from hsam_medseg.network.two_way_transformer import TwoWayBlock
from visioncore.errors import InputError

SamFile = Callable[[str], Path]


def images(config: HSAMConfig, count: int = 2) -> Tensor:
    size = config.image_size
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(3))


def build(config: HSAMConfig, **changes: Any) -> HSAM:
    """Return a network, its additions no longer zero."""
    torch.manual_seed(2)
    model = HSAM(replace(config, **changes)).eval()
    for name, parameter in model.named_parameters():
        if ".up." in name:
            nn.init.normal_(parameter, std=0.3)
    return model


def same(first: Output, second: Output) -> bool:
    fine = first.fine_logits is second.fine_logits is None or torch.equal(
        torch.as_tensor(first.fine_logits), torch.as_tensor(second.fine_logits)
    )
    return fine and torch.equal(first.coarse_logits, second.coarse_logits)


# what comes out


@pytest.mark.parametrize(("size", "classes"), [(16, 1), (48, 3), (112, 8), (80, 13)])
@torch.no_grad()
def test_any_size_divisible_by_16_and_any_number_of_classes(tiny: HSAM, size: int, classes: int) -> None:
    model = build(tiny.config, image_size=size, classes=tuple(f"organ {n}" for n in range(classes))).double()
    output = model(images(model.config).double())
    assert output.coarse_logits.shape == (2, classes + 1, size // 4, size // 4)
    assert output.fine_logits.shape == output.logits.shape == (2, classes + 1, size, size)
    for found, wanted in zip(output, as_reference(model)(images(model.config).double()), strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-10, atol=1e-10)


@torch.no_grad()
def test_both_decoders_are_fused_by_their_mean(tiny: HSAM) -> None:
    output = tiny(images(tiny.config))
    upsampled = F.interpolate(output.coarse_logits, scale_factor=4, mode="bilinear")
    torch.testing.assert_close(output.logits, (upsampled + output.fine_logits) / 2)
    torch.testing.assert_close(output._replace(fine_logits=None).logits, upsampled)


@torch.no_grad()
def test_slices_do_not_depend_on_each_other(tiny: HSAM) -> None:
    batch = images(tiny.config, 3)
    torch.testing.assert_close(tiny(batch).logits[1:2], tiny(batch[1:2]).logits, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("shape", [(1, 3, 48, 64), (1, 1, 64, 64), (3, 64, 64)])
def test_images_of_another_shape(tiny: HSAM, shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError) as caught:
        tiny(torch.zeros(shape))
    assert str(caught.value) == f"images are {shape}; they must be (B, 3, 64, 64)"


@torch.no_grad()
def test_half_precision_stays_close(tiny: HSAM) -> None:
    batch = images(tiny.config)
    expected = tiny(batch).logits
    with torch.autocast("cpu", torch.bfloat16):
        cast = tiny(batch)
    assert cast.coarse_logits.dtype == cast.fine_logits.dtype == torch.float32
    whole = copy.deepcopy(tiny).to(torch.bfloat16)(batch.bfloat16()).logits
    for found in (cast.logits, whole):
        assert float((found - expected).norm() / expected.norm()) < 0.1


# folding and saving


@torch.no_grad()
def test_folding_is_exact_and_unfolding_brings_every_bit_back(tiny: HSAM) -> None:
    model = build(tiny.config).double()
    batch = images(model.config).double()
    before, state = model(batch), copy.deepcopy(model.state_dict())
    weights = {name: parameter.clone() for name, parameter in model.named_parameters()}
    changed = build(tiny.config, lora_rank=0).double()
    changed.load_state_dict({name: state[name] for name in changed.state_dict()})
    assert not torch.allclose(changed(batch).logits, before.logits)  # the additions matter
    folded = model.fold()(batch)
    torch.testing.assert_close(folded.logits, before.logits, rtol=1e-12, atol=1e-12)
    assert not torch.equal(model.encoder.blocks[0].attn.qkv.weight, weights["encoder.blocks.0.attn.qkv.weight"])
    model.unfold()
    assert all(torch.equal(parameter, weights[name]) for name, parameter in model.named_parameters())
    assert same(model(batch), before)


@pytest.mark.parametrize("folded", [False, True])
@pytest.mark.parametrize("decoder", ["hierarchical", "coarse", "sam"])
@torch.no_grad()
def test_what_is_saved_comes_back(tiny: HSAM, tmp_path: Path, folded: bool, decoder: str) -> None:
    processing = Preprocessing(window="-100,300", orientation="RAS", input_size=40)
    model = build(tiny.config, decoder=decoder, preprocessing=processing, classes=("left lung", "tumour"))
    expected = model(images(model.config))
    if folded:
        model.fold()
    model.save_pretrained(tmp_path / "folder")
    model.save_file(tmp_path / "one.safetensors")
    for source in (tmp_path / "folder", tmp_path / "one.safetensors"):
        again = HSAM.from_pretrained(source)
        assert again.config == model.config
        assert not again.training
        assert same(again(images(model.config)), expected)


def test_the_position_code_belongs_to_the_weights_that_are_loaded(tiny: HSAM) -> None:
    other = EmptyPrompt(32, 4)
    assert not torch.equal(other.code, tiny.prompt.code)
    other.load_state_dict(tiny.prompt.state_dict())
    assert torch.equal(other.code, tiny.prompt.code)
    assert "code" not in other.state_dict()
    double = EmptyPrompt(32, 4).double()
    double.load_state_dict(tiny.prompt.state_dict())
    assert double.code.dtype == torch.float64
    x, y = 2 * 2.5 / 4 - 1, 2 * 1.5 / 4 - 1  # the third column of the second row of 4 x 4
    angles = 2 * torch.pi * (torch.tensor([[x, y]]).double() @ double.frequencies)
    torch.testing.assert_close(double.code[0, 6], torch.cat((angles.sin(), angles.cos()), dim=-1)[0])


# training


def trained(model: HSAM) -> set[str]:
    return {name.split(".")[0] for name, parameter in model.named_parameters() if parameter.requires_grad}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"keep_unused": True},
        {"gate": "working"},
        {"decoder": "coarse"},
        {"decoder": "sam"},
        {"lora_rank": 0, "train_encoder": True, "image_size": 96},
    ],
    ids=str,
)
def test_every_trained_weight_gets_a_gradient(tiny: HSAM, changes: dict[str, Any]) -> None:
    model = build(tiny.config, **changes).train()
    output = model(images(model.config))
    (output.coarse_logits.square().mean() + output.logits.square().mean()).backward()  # several processes rely on it
    without = [name for name, p in model.named_parameters() if p.requires_grad and p.grad is None]
    assert without == []
    assert {"prompt", "coarse_decoder", "encoder"} <= trained(model)


def test_the_encoder_is_frozen_but_for_its_additions(tiny: HSAM) -> None:
    names = {name for name, parameter in tiny.encoder.named_parameters() if parameter.requires_grad}
    assert names == {
        f"blocks.{n}.attn.qkv.{kind}.{part}" for n in range(4) for kind in ("down", "up") for part in (0, 1)
    }
    assert build(tiny.config, lora_rank=0).encoder.pos_embed.requires_grad is False
    start = HSAM(replace(tiny.config, lora_rank=0, train_encoder=True))
    assert all(parameter.requires_grad for parameter in start.encoder.parameters())
    assert start.encoder.pos_embed.detach().std().item() == pytest.approx(0.02, rel=0.1)


def test_as_much_is_trained_as_published() -> None:
    for config, published in (
        (HSAMConfig(image_size=512, keep_unused=True), 24_003_536),
        (HSAMConfig("vit_l", keep_unused=True), 12_827_204),
        (HSAMConfig(image_size=512, classes=("atrium",), keep_unused=True), 21_146_731),
        (HSAMConfig(keep_unused=True), 12_520_004),
    ):
        with torch.device("meta"):
            model = HSAM(config)
        assert model.unused is not None
        ours = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
        # what has no effect is held, but not trained
        assert ours + sum(tensor.numel() for tensor in model.unused.buffers()) == published


@torch.no_grad()
def test_there_is_noise_in_training_only_and_for_the_second_decoder_only(tiny: HSAM) -> None:
    batch = images(tiny.config)
    assert same(tiny(batch), tiny(batch))
    evaluated = tiny(batch)
    tiny.train()
    first, second = tiny(batch), tiny(batch)
    assert torch.equal(first.coarse_logits, second.coarse_logits)
    assert torch.equal(first.coarse_logits, evaluated.coarse_logits)
    assert not torch.allclose(first.fine_logits, second.fine_logits)
    torch.manual_seed(5)
    third = tiny(batch)
    torch.manual_seed(5)
    assert same(tiny(batch), third)


@torch.no_grad()
def test_the_noise_is_as_strong_as_published() -> None:
    from hsam_medseg.network.decoders import training_noise

    torch.manual_seed(0)
    embedding = torch.zeros(2, 8, 64, 64)
    embedding[0, 0, 0, 0], embedding[1, 0, 0, 0] = -1, 4  # the range is that of the whole batch
    noise = training_noise(embedding) - embedding
    assert float(noise.std()) == pytest.approx(0.2 * 5, rel=0.02)
    assert float(noise.mean()) == pytest.approx(0, abs=0.02)


@pytest.mark.parametrize(("masked", "share"), [(False, 0.0), (True, 0.2)])
@torch.no_grad()
def test_the_second_decoder_drops_a_share_of_what_tokens_gather(masked: bool, share: float) -> None:
    torch.manual_seed(0)
    block = TwoWayBlock(64, 16, first=False, masked=masked).train()
    tokens, image, kept = torch.rand(2, 50, 64), torch.rand(2, 9, 64), dict[str, Tensor]()
    block.cross_attn_token_to_image.register_forward_hook(lambda _, __, seen: kept.update(seen=seen))
    block.norm2.register_forward_pre_hook(lambda _, given: kept.update(added=given[0] - tokens))
    block(tokens, image, tokens, image, torch.rand(2, 50, 9) if masked else None)
    dropped = kept["added"] == 0
    assert float(dropped.float().mean()) == pytest.approx(share, abs=0.02)
    torch.testing.assert_close(kept["added"], kept["seen"] / (1 - share) * ~dropped, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_the_gate_drops_a_tenth_of_its_noisy_features() -> None:
    torch.manual_seed(0)
    gate, kept = ClassBalancedGate(9, 64).train(), dict[str, Tensor]()
    gate.self_attn.register_forward_pre_hook(lambda _, given: kept.update(features=given[0]))
    gate(torch.ones(20, 9, 64), torch.rand(20, 9, 64).softmax(dim=1))
    assert float((kept["features"] == 0).float().mean()) == pytest.approx(0.1, abs=0.02)


def test_recomputing_changes_no_gradient(tiny: HSAM) -> None:
    batch, gradients = images(tiny.config, 1), []
    for on in (False, True):
        model = copy.deepcopy(tiny).recompute(on).train()
        assert model.encoder.recompute is on
        torch.manual_seed(0)
        model(batch).logits.square().sum().backward()
        gradients.append([p.grad for p in model.parameters() if p.requires_grad])
    for found, wanted in zip(*gradients, strict=True):
        assert found is not None
        assert wanted is not None
        assert torch.equal(found, wanted)


# decoders and the gate


@pytest.mark.parametrize(("decoder", "kind"), [("coarse", CoarseDecoder), ("sam", SAMDecoder)])
@torch.no_grad()
def test_a_single_decoder(tiny: HSAM, decoder: str, kind: type) -> None:
    model = build(tiny.config, decoder=decoder)
    assert isinstance(model.coarse_decoder, kind)
    output = model(images(model.config))
    assert output.fine_logits is None
    assert output.coarse_logits.shape == (2, 3, 16, 16)
    torch.testing.assert_close(output.logits, F.interpolate(output.coarse_logits, scale_factor=4, mode="bilinear"))


@torch.no_grad()
def test_the_coarse_decoder_is_the_first_of_both(tiny: HSAM) -> None:
    alone = HSAM(replace(tiny.config, decoder="coarse")).eval()
    state = tiny.state_dict()
    alone.load_state_dict({name: state[name] for name in alone.state_dict()})
    batch = images(tiny.config)
    assert torch.equal(alone(batch).coarse_logits, tiny(batch).coarse_logits)


@torch.no_grad()
def test_the_sam_decoder_is_that_of_the_package(tiny: HSAM) -> None:
    model = build(tiny.config, decoder="sam")
    assert isinstance(model.coarse_decoder, SAMDecoder)
    theirs: Any = model.coarse_decoder.decoder
    embedding = model.encode(images(model.config))
    code = model.prompt.code.transpose(1, 2).unflatten(2, (4, 4))
    dense = model.prompt.no_mask_embed[None, :, None, None].expand(1, -1, 4, 4)
    sparse = torch.zeros(1, 0, 32)
    for one, found in zip(embedding, model.decode(embedding).coarse_logits, strict=True):
        logits, _ = theirs.predict_masks(one[None], code, sparse, dense)
        torch.testing.assert_close(found, logits[0], rtol=1e-4, atol=1e-4)


def gated_parts(count: int = 3) -> tuple[ClassBalancedGate, Tensor, Tensor]:
    torch.manual_seed(0)
    gate = ClassBalancedGate(count, 16).eval()
    return gate, torch.randn(2, count, 16), torch.randn(2, count, 16).softmax(dim=1)


@torch.no_grad()
def test_the_gate_has_a_mean_of_one_and_differs_from_place_to_place() -> None:
    gate, features, prior = gated_parts()
    weights = gate(features, prior)
    assert weights.shape == (2, 16)
    torch.testing.assert_close(weights.mean(dim=1), torch.ones(2))
    assert float(weights.min()) >= 0
    assert float(weights.std(dim=1).min()) > 0.01


@torch.no_grad()
def test_a_gate_of_one_everywhere_is_the_released_one(tiny: HSAM) -> None:
    working = build(tiny.config, gate="working")
    assert isinstance(working.fine_decoder, FineDecoder)
    released = HSAM(tiny.config).eval()
    state = working.state_dict()
    released.load_state_dict({name: state[name] for name in released.state_dict()})
    assert set(state) - set(released.state_dict()) == {name for name in state if name.startswith("fine_decoder.gate.")}
    batch = images(tiny.config)
    through, without = working(batch), released(batch)
    assert torch.equal(through.coarse_logits, without.coarse_logits)
    assert not torch.allclose(through.fine_logits, without.fine_logits)
    gate = working.fine_decoder.gate
    assert gate is not None
    nn.init.constant_(gate.med_sel[0].weight, 0)  # type: ignore[arg-type]
    torch.testing.assert_close(working(batch).fine_logits, without.fine_logits)


def test_a_released_gate_doubles_the_embedding(tiny: HSAM) -> None:
    fine = tiny.fine_decoder
    assert isinstance(fine, FineDecoder)
    given: list[Tensor] = []
    fine.transformer.register_forward_pre_hook(lambda _, arguments: given.append(arguments[1]))
    image, code = torch.randn(1, 16, 32), tiny.prompt.code
    with torch.no_grad():
        fine(image, code, Coarse(torch.zeros(1, 3, 16, 16), torch.zeros(1, 3, 16), torch.zeros(1, 256, 4)))
    assert torch.equal(given[0], 2 * image)


def test_rare_classes_get_more_noise() -> None:
    prior = torch.zeros(1, 9, 4)
    prior[:, torch.tensor([4, 0, 8, 2, 6, 1, 3, 5, 7])] = torch.linspace(0.01, 0.3, 9)[None, :, None]
    levels = noise_levels(prior)
    assert float(levels[4]) == pytest.approx(0.35)  # the rarest
    assert float(levels[8]) == pytest.approx(0.3)
    assert levels[5].item() == levels[7].item() == 0  # the most frequent
    assert noise_levels(prior[:, :2]).tolist() == pytest.approx([0.35, 0])
    gate, features, prior = gated_parts()
    gate.train()
    assert not torch.allclose(gate(features, prior), gate(features, prior))


def test_attention_heads_of_the_gate_are_the_published_ones() -> None:
    assert (attention_heads(196), attention_heads(1024), attention_heads(9), attention_heads(1)) == (7, 8, 3, 1)


# weights of SAM


def test_training_starts_from_what_the_authors_take_from_sam(sam_file: SamFile) -> None:
    path = sam_file("vit_b")
    theirs = torch.load(path)
    config = HSAMConfig(image_size=64, classes=("one", "two", "three"), keep_unused=True)
    model = HSAM.from_sam(config, path)
    ours = model.state_dict()
    for name, tensor in theirs.items():
        encoder = name.replace("image_encoder", "encoder")
        decoder = name.replace("mask_decoder", "coarse_decoder")
        if encoder in ours and ours[encoder].shape == tensor.shape:
            assert torch.equal(ours[encoder], tensor), name
        if name.startswith(("mask_decoder.transformer", "mask_decoder.output_upscaling")):
            assert torch.equal(ours[decoder], tensor), name
    assert ours["encoder.pos_embed"].shape == (1, 4, 4, 24)
    assert torch.equal(ours["coarse_decoder.iou_token"], theirs["mask_decoder.iou_token.weight"])
    assert torch.equal(ours["prompt.no_mask_embed"], theirs["prompt_encoder.no_mask_embed.weight"][0])
    gaussian = theirs["prompt_encoder.pe_layer.positional_encoding_gaussian_matrix"]
    assert torch.equal(ours["prompt.frequencies"], gaussian)
    assert torch.equal(
        ours["unused.prompt_encoder.point_embeddings.3.weight"], theirs["prompt_encoder.point_embeddings.3.weight"]
    )
    # as many mask tokens as SAM's, and yet not SAM's
    assert not torch.equal(ours["coarse_decoder.mask_tokens"], theirs["mask_decoder.mask_tokens.weight"])
    first = theirs["mask_decoder.output_hypernetworks_mlps.0.layers.0.weight"]
    assert not torch.equal(ours["coarse_decoder.hypernetworks.weights.0"][0], first)
    second = ours["fine_decoder.transformer.layers.0.self_attn.q_proj.weight"]
    assert not torch.equal(second, theirs["mask_decoder.transformer.layers.0.self_attn.q_proj.weight"])
    # the constants that follow from the weights did follow
    fresh = EmptyPrompt(256, 4)
    fresh.load_state_dict(model.prompt.state_dict())
    assert torch.equal(model.prompt.code, fresh.code)


def test_the_sam_decoder_starts_from_sam_as_well(sam_file: SamFile) -> None:
    path = sam_file("vit_b")
    theirs = torch.load(path)
    ours = HSAM.from_sam(HSAMConfig(image_size=64, classes=("one",), decoder="sam"), path).state_dict()
    for name in ("transformer.layers.1.mlp.lin1.weight", "iou_token.weight", "output_upscaling.0.weight"):
        assert torch.equal(ours[f"coarse_decoder.decoder.{name}"], theirs[f"mask_decoder.{name}"])


@pytest.mark.parametrize("backbone", ["vit_b", "vit_l"])
@torch.no_grad()
def test_sam_at_its_own_size_and_resized(sam_file: SamFile, backbone: Any) -> None:
    model = HSAM.from_sam(HSAMConfig(backbone, 112, ("one",)), sam_file(backbone)).eval()
    assert model(images(model.config, 1)).logits.shape == (1, 2, 112, 112)


def test_weights_that_will_not_do(sam_file: SamFile, tmp_path: Path) -> None:
    vit_b = sam_file("vit_b")
    source = "github.com/facebookresearch/segment-anything"
    for backbone, path, told in (
        ("vit_l", vit_b, f"{vit_b}: holds SAM's vit_b; vit_l needs sam_vit_l_0b3195.pth ({source})"),
        (
            "vit_h",
            None,
            f"no SAM checkpoint was given; vit_h needs sam_vit_h_4b8939.pth, which {source} links to",
        ),
        (
            "vit_b",
            tmp_path / "none.pth",
            f"{tmp_path / 'none.pth'}: no such file; vit_b needs sam_vit_b_01ec64.pth, which {source} links to",
        ),
        ("vit_micro", vit_b, "vit_micro is no backbone of SAM's, so there is no checkpoint to start from"),
    ):
        with pytest.raises(InputError) as caught:
            HSAM.from_sam(HSAMConfig(backbone, 64, ("one",)), path)  # type: ignore[arg-type]
        assert str(caught.value).startswith(told)
        assert "\n" not in str(caught.value)


# settings


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"image_size": 100}, "image_size is 100; it must be a positive multiple of 16"),
        ({"image_size": 0}, "image_size is 0; it must be a positive multiple of 16"),
        ({"classes": ()}, "classes are none; at least one printable name, each only once"),
        ({"classes": ("liver", "liver")}, "classes are 'liver', 'liver'; at least one printable name, each only once"),
        ({"lora_rank": -1}, "lora_rank is -1; it must be at least 0"),
        ({"train_encoder": True}, "lora_rank is 2; where train_encoder is true it must be 0"),
        ({"decoder_width": 24}, "decoder_width is 24; it must be a positive multiple of 16"),
        ({"backbone": "vit_b"}, "decoder_width is 32; with vit_b it must be 256"),
        ({"backbone": "vit_g"}, "backbone is 'vit_g'; it must be vit_b or vit_l or vit_h or vit_micro"),
        ({"decoder": "fine"}, "decoder is 'fine'; it must be hierarchical or coarse or sam"),
        ({"gate": "working", "decoder": "coarse"}, "gate is working; it belongs to the hierarchical decoder"),
    ],
    ids=str,
)
def test_settings_that_are_wrong(tiny: HSAM, changes: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError) as caught:
        replace(tiny.config, **changes)
    assert str(caught.value).startswith(told)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("orientation", ["LP", "LPSS", "LRS", "lps", "XYZ", "", "LPQ"])
def test_orientations_that_are_wrong(orientation: str) -> None:
    with pytest.raises(InputError, match="it must be stored, or one letter each of L/R, P/A and S/I"):
        Preprocessing(orientation=orientation)


def test_orientations_that_are_right() -> None:
    assert [Preprocessing(orientation=code).orientation for code in ("stored", "LPS", "IAR")] == [
        "stored",
        "LPS",
        "IAR",
    ]
    with pytest.raises(InputError, match="input_size is 0"):
        Preprocessing(input_size=0)
