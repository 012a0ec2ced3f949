"""The authors' files: read into the network, written again as they were, and files that will not do."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from hsam_medseg import HSAM, HSAMConfig, Preprocessing, load_model
from hsam_medseg.cli import main
from hsam_medseg.method import METHOD
from hsam_medseg.network.published import detect_config, read_encoder, read_published, to_published
from hsam_medseg.network.unused_tensors import unused_shapes
from visioncore.errors import InputError
from visioncore.weights.fetched import file_name, find_checkpoint, folder_of

SamFile = Callable[[str], Path]
CONFIG = HSAMConfig(classes=("atrium",), lora_rank=3, keep_unused=True)
AS_PUBLISHED = Preprocessing(window="abdomen", orientation="stored", input_size=224)


def random_network(config: HSAMConfig) -> HSAM:
    """Return a network in which every tensor is random, also those without effect."""
    torch.manual_seed(4)
    model = HSAM(config).eval()
    for tensor in model.state_dict().values():
        nn.init.normal_(tensor, std=0.05)
    model.load_state_dict(model.state_dict())
    return model


@pytest.fixture
def sam(sam_file: SamFile) -> Path:
    return sam_file("vit_b")


@pytest.fixture
def network(sam: Path) -> HSAM:
    """A network whose image encoder is as small as SAM's is for the test."""
    return random_network(CONFIG)


@pytest.fixture
def adapter(network: HSAM, tmp_path: Path) -> Path:
    torch.save(to_published(network), tmp_path / "adapter.pth")
    return tmp_path / "adapter.pth"


def changed(path: Path, change: Callable[[dict[str, Tensor]], object]) -> Path:
    state = torch.load(path)
    change(state)
    torch.save(state, path.with_name("changed.pth"))
    return path.with_name("changed.pth")


def equal(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


# there and back


def test_a_published_network_is_read_with_sams_file_beside_it(network: HSAM, adapter: Path, sam: Path) -> None:
    model = HSAM.from_published(adapter, sam=sam)
    assert not model.training
    expected = replace(CONFIG, classes=("class 1",), preprocessing=AS_PUBLISHED)
    assert model.config == expected
    encoder = HSAM.from_sam(expected, sam).state_dict()
    ours, wanted = model.state_dict(), network.state_dict()
    additions = [name for name in ours if ".qkv.down." in name or ".qkv.up." in name]
    assert len(additions) == 8
    for name, tensor in ours.items():
        source = encoder if name.startswith("encoder.") and name not in additions else wanted
        assert torch.equal(tensor, source[name]), name
    network.load_state_dict(ours)
    with torch.no_grad():
        images = torch.rand(1, 3, 224, 224)
        assert torch.equal(model(images).logits, network(images).logits)


@pytest.mark.parametrize("folded", [False, True])
def test_what_was_read_is_written_again_as_it_was(adapter: Path, sam: Path, tmp_path: Path, folded: bool) -> None:
    model = HSAM.from_published(adapter, sam=sam)
    model = model.fold() if folded else model
    assert equal(to_published(model), torch.load(adapter))
    model.save_pretrained(tmp_path / "folder")
    assert equal(to_published(HSAM.from_pretrained(tmp_path / "folder")), torch.load(adapter))


def test_what_is_written_is_a_copy(network: HSAM) -> None:
    written = to_published(network)
    kept = copy.deepcopy(written)
    for tensor in network.state_dict().values():
        tensor.zero_()
    assert equal(written, kept)


def test_what_is_not_kept_is_written_as_zeros(network: HSAM) -> None:
    slim = HSAM(replace(CONFIG, keep_unused=False))
    state = network.state_dict()
    slim.load_state_dict({name: state[name] for name in slim.state_dict()})
    whole, written = to_published(network), to_published(slim)
    without_effect = set(unused_shapes(CONFIG))
    assert len(without_effect) > 50
    assert {name: tensor.shape for name, tensor in written.items()} == {n: t.shape for n, t in whole.items()}
    for name, tensor in written.items():
        if name.replace("prompt_encoder2.", "prompt_encoder.") in without_effect:
            assert not tensor.any(), name
        else:
            assert torch.equal(tensor, whole[name]), name


def test_classes_of_synapse_have_their_names(sam: Path) -> None:
    eight = HSAMConfig(lora_rank=1)
    found = detect_config(to_published(HSAM(eight)), "file")
    assert found.classes == eight.classes
    assert found.classes[4] == "liver"


def test_files_of_several_gpus_and_parameters(adapter: Path, sam: Path) -> None:
    def parallel(state: dict[str, Tensor]) -> None:
        for name in list(state):
            state[f"module.{name}"] = nn.Parameter(state.pop(name))

    there = HSAM.from_published(changed(adapter, parallel), sam=sam)
    assert equal(to_published(there), torch.load(adapter))


# networks that have no published form


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"image_size": 256}, "image_size is 256; the authors' code loads 224 and 512 only"),
        ({"gate": "working"}, "gate is working; the authors' code would compute other masks with these weights"),
        (
            {"decoder": "coarse"},
            "a network with the backbone vit_b, rank 1 and the decoder coarse has no published form",
        ),
        ({"lora_rank": 0}, "a network with the backbone vit_b, rank 0 and the decoder hierarchical has no published"),
        ({"backbone": "vit_micro"}, "a network with the backbone vit_micro, rank 1"),
    ],
    ids=str,
)
def test_networks_without_a_published_form(changes: dict[str, Any], told: str) -> None:
    with torch.device("meta"):
        model = HSAM(replace(HSAMConfig(lora_rank=1), **changes))
    with pytest.raises(InputError) as caught:
        to_published(model)
    assert str(caught.value).startswith(told)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("size", [224, 512])
def test_both_published_sizes_are_written(size: int) -> None:
    with torch.device("meta"):
        model = HSAM(HSAMConfig(image_size=size, keep_unused=True))
    model.state_dict = lambda: {"unused.mask_decoder2.norm1.weight": torch.ones(3)}  # type: ignore[method-assign,assignment]
    assert to_published(model)["mask_decoder2.norm1.weight"].tolist() == [1, 1, 1]


# files that will not do


def refused(adapter: Path, sam: Path | None) -> str:
    with pytest.raises(InputError) as caught:
        HSAM.from_published(adapter, sam=sam)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_sams_file_is_missing_or_of_another_backbone(adapter: Path, sam: Path, sam_file: SamFile) -> None:
    source = "github.com/facebookresearch/segment-anything"
    named = f"vit_b needs sam_vit_b_01ec64.pth, which {source} links to and hsam-medseg weights get sam-vit-b fetches"
    named += ", for --sam sam-vit-b"
    assert refused(adapter, None) == f"no SAM checkpoint was given; {named}"
    none = adapter.with_name("none.pth")
    assert refused(adapter, none) == f"{none}: no such file; {named}"
    vit_l = sam_file("vit_l")
    wrong = f"{vit_l}: holds SAM's vit_l; vit_b needs sam_vit_b_01ec64.pth ({source})"
    assert refused(adapter, vit_l) == wrong
    assert refused(adapter, adapter).startswith(f"{adapter}: no SAM checkpoint (it has no image_encoder.pos_embed)")


def test_fetched_files_are_taken_by_their_names(
    adapter: Path, sam: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_program: Callable[..., Any]
) -> None:
    monkeypatch.setenv("VISIONCORE_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    assert refused(adapter, Path("sam-vit-b")) == "sam-vit-b: not fetched yet; run: hsam-medseg weights get sam-vit-b"
    code, _, complaints = run_program(main, "weights", "get", "sam-vit-b", "--file", sam)
    assert code == 2
    assert "bytes long, but should be 375,042,383" in complaints
    known = find_checkpoint(METHOD, "sam-vit-b")
    assert known is not None
    place = folder_of(METHOD, known) / file_name(known)
    place.parent.mkdir(parents=True)
    shutil.copy(sam, place)
    assert read_encoder("sam-vit-b", "vit_b").keys() == read_encoder(sam, "vit_b").keys()
    assert HSAM.from_sam(replace(CONFIG, keep_unused=False), "sam-vit-b").config.backbone == "vit_b"
    assert run_program(main, "weights", "get", "synapse-10", "--file", adapter)[0] == 0
    expected = HSAM.from_published(adapter, sam=sam)
    assert equal(load_model("synapse-10").state_dict(), expected.state_dict())
    assert run_program(main, "info", "--weights", "synapse-10")[0] == 0


def test_an_adapter_of_vit_b_is_not_one_of_vit_l(network: HSAM, sam: Path) -> None:
    state = to_published(network)
    assert detect_config(state, "file").backbone == "vit_b"
    # one more block, as vit_l has here; and then a number that no encoder has
    for index in (4, 5):
        state[f"w_a_{index:03d}"] = state["w_a_000"]
    assert detect_config(state, "file").backbone == "vit_l"
    del state["w_a_005"]
    with pytest.raises(
        InputError, match=r"file: has 5 additions w_a_\*; known are 4 \(vit_b\), 6 \(vit_l\), 64 \(vit_h\)"
    ):
        detect_config(state, "file")


def test_other_files_in_the_adapters_place(adapter: Path, sam: Path) -> None:
    assert refused(sam, sam) == f"{sam}: this is SAM's own checkpoint; give the adapter here and this file as sam"
    torch.save({"weight": torch.zeros(1)}, adapter)
    told = refused(adapter, sam)
    assert told.startswith(f"{adapter}: not an H-SAM checkpoint: it has no mask_decoder.mask_tokens.weight")
    assert told.endswith("(it has 1 tensors, the first is weight)")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda s: s.pop("w_b_003"), "these tensors do not fit: 1 missing (w_b_003)"),
        (lambda s: s.update(sa_q_a_000=torch.zeros(1)), "these tensors do not fit: 1 unexpected (sa_q_a_000)"),
        (
            lambda s: s.update({"w_b_003": torch.zeros(24, 4)}),
            "these tensors do not fit: 1 misshapen (w_b_003 is 24x4, not 24x3)",
        ),
        (
            lambda s: s.update({"prompt_encoder2.no_mask_embed.weight": torch.zeros(1, 256)}),
            "prompt_encoder2.no_mask_embed.weight and prompt_encoder.no_mask_embed.weight differ; the network has one "
            "tensor for both",
        ),
    ],
    ids=["missing", "unexpected", "misshapen", "two prompts"],
)
def test_adapters_that_do_not_fit(adapter: Path, sam: Path, change: Callable[[Any], object], told: str) -> None:
    path = changed(adapter, change)
    assert refused(path, sam) == f"{path}: {told}"


# where weights come from


def test_an_adapter_becomes_a_folder_that_needs_nothing_else(adapter: Path, sam: Path, tmp_path: Path) -> None:
    published = load_model(adapter, sam=sam)
    processing = Preprocessing(window="mr", orientation="LPS")
    model = HSAM.from_published(adapter, sam=sam, preprocessing=processing)
    model.save_pretrained(tmp_path / "out")
    again = load_model(tmp_path / "out")
    assert again.config == model.config == replace(published.config, preprocessing=processing)
    assert equal(again.state_dict(), published.state_dict())
    assert load_model(tmp_path / "out" / "model.safetensors").config == model.config
    assert HSAM.from_published(adapter, sam=sam).config == published.config


def test_one_file_holds_weights_and_settings(tiny: HSAM, tmp_path: Path) -> None:
    tiny.save_file(tmp_path / "one.safetensors")
    assert load_model(tmp_path / "one.safetensors").config == tiny.config


def test_weights_that_are_not_there(tmp_path: Path, adapter: Path) -> None:
    with pytest.raises(InputError, match="no such file or folder"):
        load_model(tmp_path / "none.pth")
    with pytest.raises(InputError, match="no SAM checkpoint was given; vit_b needs"):
        load_model(adapter)
    assert read_published(adapter).where == str(adapter)
