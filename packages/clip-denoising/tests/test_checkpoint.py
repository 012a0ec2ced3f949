"""The authors' checkpoints: every form they come in, every way they can be wrong, and the way back; CLIP's files."""

from __future__ import annotations

import collections
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from clip_denoising import VARIANTS, CLIPDenoiser, CLIPDenoiserConfig
from clip_denoising.cli import convert, main
from clip_denoising.method import METHOD
from clip_denoising.network.published import UNUSED, published_name, read_published, to_published
from clip_denoising.network.weights import load_model
from visioncore.backbones.clip import CLIP_RESNETS, CLIPResNet, CLIPResNetConfig, tower_config, tower_state
from visioncore.errors import InputError
from visioncore.weights.fetched import file_name, find_checkpoint, folder_of
from visioncore.weights.state_dicts import write_state_dict

TINY = CLIPDenoiserConfig(width=8, blocks=(1, 2, 1, 1), keep_layer4=True)
Save = Callable[..., Path]


def make(**changes: Any) -> CLIPDenoiser:
    torch.manual_seed(3)
    return CLIPDenoiser(replace(TINY, **changes)).eval()


@pytest.fixture
def save(tmp_path: Path) -> Save:
    def write(content: Any, folder: str = "weights") -> Path:
        path = tmp_path / folder / "net_g_latest.pth"
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(content, path)
        return path

    return write


def same(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def silent(line: str) -> None:
    raise AssertionError(f"nothing was to be told: {line}")


def refused(path: Path, **options: Any) -> str:
    with pytest.raises(InputError) as caught:
        CLIPDenoiser.from_published(path, say=lambda line: None, **options)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    return message


# what is read


@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("channels", [1, 3])
def test_published_files(save: Save, prefix: str, channels: int) -> None:
    model = make(channels=channels)
    state = collections.OrderedDict((prefix + name, value) for name, value in to_published(model).items())
    path = save({"params": state}, "sRGB")
    loaded = CLIPDenoiser.from_published(path, say=silent)
    wanted = VARIANTS["ldct" if channels == 1 else "srgb"]
    assert loaded.config == replace(wanted, width=8, blocks=(1, 2, 1, 1))
    assert not loaded.training
    assert not any("layer4" in name for name in loaded.state_dict())
    used = {name: value for name, value in model.state_dict().items() if "layer4" not in name}
    assert same(loaded.state_dict(), used)
    whole = CLIPDenoiser.from_published(path, keep_layer4=True)
    assert same(whole.state_dict(), model.state_dict())


@pytest.mark.parametrize(
    ("folder", "variant"),
    [
        ("pretrained_models/synthetic", "synthetic"),
        ("pretrained_models/sRGB", "srgb"),
        ("CLIPDenoising_SyntheticDenoising_GaussianSigma15/models", "synthetic"),
        ("CLIPDenoising_sRGBDenoising_FixedPoissonGaussian/models", "srgb"),
        ("synthetic/of/my/own/sRGB", "srgb"),
    ],
)
def test_folders_say_which_rgb_network_it_is(save: Save, folder: str, variant: str) -> None:
    path = save({"params": to_published(make())}, folder)
    published = read_published(path)
    assert published.config.noise == VARIANTS[variant].noise
    assert published.config.aug_level == VARIANTS[variant].aug_level
    assert not published.doubt


@pytest.mark.parametrize("folder", ["weights", "synthetic/far/above/the/file", "both_sRGB_and_synthetic"])
def test_what_a_file_does_not_say_is_said(save: Save, folder: str) -> None:
    path = save({"params": to_published(make())}, folder)
    told: list[str] = []
    loaded = CLIPDenoiser.from_published(path, say=told.append)
    assert told == [f"{path}: an RGB network, but nothing says which; name its variant, synthetic or srgb, if you know"]
    assert "the file does not say which" in loaded.config.noise
    with pytest.warns(UserWarning, match="nothing says which"):
        CLIPDenoiser.from_published(path)
    named = CLIPDenoiser.from_published(path, "srgb", say=silent)
    assert named.config.noise == VARIANTS["srgb"].noise


def test_the_ct_network_is_known_by_its_tensors(save: Save) -> None:
    path = save({"params": to_published(make(channels=1))}, "sRGB")
    assert CLIPDenoiser.from_published(path, say=silent).config.noise == VARIANTS["ldct"].noise


# what is refused


def test_rgb_is_not_taken_for_ct_nor_ct_for_rgb(save: Save) -> None:
    message = refused(save({"params": to_published(make())}), variant="ldct")
    assert "a network for RGB photos (it lacks first.weight); ldct is the CT network" in message
    assert "CLIPDenoising_LDCTDenoising_GaussianSigma5" in message
    message = refused(save({"params": to_published(make(channels=1))}), variant="synthetic")
    assert "a network for CT (it has first.weight); synthetic is an RGB network" in message
    with pytest.raises(InputError, match="lowdose: no published variant"):
        CLIPDenoiser.from_published(save({"params": to_published(make())}), "lowdose")


def test_files_of_something_else(save: Save) -> None:
    tower = {f"visual.{name}": value for name, value in make().encoder.state_dict().items()}
    assert "not a checkpoint of CLIPDenoising: it has no encoder.conv3.weight" in refused(save(tower))
    assert "no tensors by name" in refused(save({"epoch": 3, "iter": 92000, "optimizers": [], "schedulers": []}))


def test_a_file_of_ours_is_told_as_such(tmp_path: Path) -> None:
    make().save_pretrained(tmp_path / "ours")
    told = refused(tmp_path / "ours" / "model.safetensors")
    assert told.endswith("not a checkpoint of the authors but one of ours; load_model reads it as it is")


def test_clip_s_own_file_is_not_asked_for(tmp_path: Path) -> None:
    import zipfile

    path = tmp_path / "RN50.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("RN50/data.pkl", b"")
        archive.writestr("RN50/constants.pkl", b"")
    assert "looks like CLIP's own file; a denoiser is net_g_latest.pth" in refused(path)


def test_tensors_that_do_not_fit(save: Save) -> None:
    state = to_published(make())
    without = {name: value for name, value in state.items() if name != "up_path.2.conv_block.block.2.weight"}
    assert "up_path.2.conv_block.block.2.weight" in refused(save({"params": without}))
    assert "encoder.attnpool.c_proj.bias" in refused(
        save({"params": {**state, "encoder.attnpool.c_proj.bias": torch.zeros(2)}})
    )
    assert "last.weight" in refused(save({"params": {**state, "last.weight": torch.zeros(3, 8, 5, 5)}}))
    stage = {name: value for name, value in state.items() if not name.startswith("encoder.layer3.")}
    assert "encoder.layer3.0.conv1.weight" in refused(save({"params": stage}))
    few = {name: value for name, value in state.items() if not name.startswith(UNUSED)}
    assert CLIPDenoiser.from_published(save({"params": few}, "sRGB")).config.blocks == (1, 2, 1, 1)
    assert UNUSED in refused(save({"params": few}), keep_layer4=True)


# and back


@pytest.mark.parametrize("channels", [1, 3])
def test_there_and_back_bit_for_bit(save: Save, tmp_path: Path, channels: int) -> None:
    state = to_published(make(channels=channels))
    path = save({"params": state}, "synthetic")
    whole = CLIPDenoiser.from_published(path, keep_layer4=True)
    assert same(to_published(whole), state)
    convert(path, tmp_path / "converted")
    converted, back = CLIPDenoiser.from_published(path), load_model(tmp_path / "converted")
    assert back.config == converted.config
    assert same(back.state_dict(), converted.state_dict())
    assert same(load_model(path).state_dict(), converted.state_dict())


def test_what_was_dropped_is_taken_from_clip(save: Save, tmp_path: Path) -> None:
    model = make()
    state = to_published(model)
    loaded = CLIPDenoiser.from_published(save({"params": state}, "sRGB"))
    with pytest.raises(InputError, match=r"need the tensors encoder\.layer4\.\*.*give CLIP's file"):
        to_published(loaded)
    write_state_dict(tmp_path / "clip.safetensors", model.encoder.state_dict())
    assert same(to_published(loaded, tmp_path / "clip.safetensors"), state)
    write_state_dict(tmp_path / "other.safetensors", CLIPResNet(CLIPResNetConfig(10, (1, 2, 1, 1))).state_dict())
    with pytest.raises(InputError, match="a tower of another shape than the model's"):
        to_published(loaded, tmp_path / "other.safetensors")


def test_names() -> None:
    assert published_name("adapter.weight") == "first.weight"
    assert published_name("decoder.blocks.4.conv1.weight") == "up_path.4.conv_block.block.0.weight"
    assert published_name("decoder.blocks.0.conv2.weight") == "up_path.0.conv_block.block.2.weight"
    assert published_name("decoder.last.weight") == "last.weight"
    assert published_name("encoder.layer1.0.conv1.weight") == "encoder.layer1.0.conv1.weight"


# CLIP


def test_every_tensor_of_clip_s_tower_has_its_place(layouts: Mapping[str, Mapping[str, Any]]) -> None:
    with torch.device("meta"):
        layout = {name: torch.empty(shape) for name, shape in layouts["clip_rn50_visual"].items()}
        expected = CLIPResNet(CLIP_RESNETS["RN50"]).state_dict()
    shapes = {name.removeprefix("visual."): value.shape for name, value in layout.items() if "attnpool" not in name}
    assert shapes == {name: value.shape for name, value in expected.items()}
    assert tower_config(expected, "RN50") == CLIPResNetConfig(64, (3, 4, 6, 3))
    assert tower_state(layout, "RN50").keys() == expected.keys()


@pytest.mark.parametrize("keep_layer4", [False, True])
def test_the_encoder_comes_from_clip(tmp_path: Path, keep_layer4: bool) -> None:
    tower = make().encoder.state_dict()
    torch.save({f"visual.{name}": value for name, value in tower.items()}, tmp_path / "clip.pt")
    torch.manual_seed(0)
    model = CLIPDenoiser.from_clip(replace(TINY, keep_layer4=keep_layer4), tmp_path / "clip.pt")
    kept = {name: value for name, value in tower.items() if keep_layer4 or not name.startswith("layer4.")}
    assert same(model.encoder.state_dict(), kept)
    assert not any(parameter.requires_grad for parameter in model.encoder.parameters())


def test_fetched_files_are_taken_by_their_names(
    save: Save, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_program: Callable[..., Any]
) -> None:
    monkeypatch.setenv("VISIONCORE_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="clip-rn50: not fetched yet; run: clip-denoising weights get clip-rn50"):
        CLIPDenoiser.from_clip(TINY, "clip-rn50")
    known = find_checkpoint(METHOD, "clip-rn50")
    assert known is not None
    place = folder_of(METHOD, known) / file_name(known)
    place.parent.mkdir(parents=True)
    tower = make().encoder.state_dict()
    torch.save({f"visual.{name}": value for name, value in tower.items()}, place)
    assert CLIPDenoiser.from_clip(TINY, "clip-rn50").config == TINY
    file = save({"params": to_published(make())})
    for variant in ("synthetic", "srgb"):
        name = f"published-{variant}"
        assert run_program(main, "weights", "get", name, "--file", file)[::2] == (0, "")
        assert load_model(name).config.noise == VARIANTS[variant].noise
    assert run_program(main, "weights", "get", "published-ldct", "--file", file)[0] == 2


def test_a_tower_of_another_shape_is_refused(tmp_path: Path) -> None:
    torch.save(make().encoder.state_dict(), tmp_path / "clip.pt")
    for changes, wanted in (
        ({"width": 10}, "width 10 with 1, 2, 1, 1"),
        ({"blocks": (1, 2, 3, 1)}, "8 with 1, 2, 3, 1"),
    ):
        with pytest.raises(InputError) as caught:
            CLIPDenoiser.from_clip(replace(TINY, **changes), tmp_path / "clip.pt")
        assert "clip.pt: a tower of width 8 with 1, 2, 1, 1 blocks, but the network wants one of" in str(caught.value)
        assert f"{wanted}; set its width and blocks to the tower's" in str(caught.value)
    other_end = CLIPDenoiser.from_clip(replace(TINY, blocks=(1, 2, 1, 3), keep_layer4=False), tmp_path / "clip.pt")
    assert other_end.config.blocks == (1, 2, 1, 3)  # of a stage that is left out
    with pytest.raises(InputError, match=r"clip\.pt: .*layer4\.1"):
        CLIPDenoiser.from_clip(replace(TINY, blocks=(1, 2, 1, 3)), tmp_path / "clip.pt")


def test_open_clip_is_asked_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    tower = make().encoder.state_dict()
    asked = []

    def download(name: str, tag: str) -> dict[str, Tensor]:
        asked.append((name, tag))
        return dict(tower)

    monkeypatch.setattr("clip_denoising.network.model.download_clip_resnet", download)
    model = CLIPDenoiser.from_clip(TINY, "openai")
    assert same(model.encoder.state_dict(), tower)
    with pytest.raises(InputError, match="but the network wants one of width 64 with 3, 4, 23, 3"):
        CLIPDenoiser.from_clip(CLIPDenoiserConfig(blocks=(3, 4, 23, 3)), "openai")
    assert asked == [("RN50", "openai"), ("RN101", "openai")]
