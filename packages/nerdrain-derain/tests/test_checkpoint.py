"""The authors' checkpoints: every form they come in, every way they can be wrong, and the way back."""

from __future__ import annotations

import collections
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from nerdrain_derain import VARIANTS, NeRDRain, load_model
from nerdrain_derain.cli import convert, main
from nerdrain_derain.network.published import detect_variant, to_published
from visioncore.errors import InputError
from visioncore.weights.state_dicts import write_state_dict

Layouts = Mapping[str, Mapping[str, Any]]
SMALL = "nerd-rain-s"


@pytest.fixture(scope="module")
def model() -> NeRDRain:
    torch.manual_seed(3)
    return NeRDRain(VARIANTS[SMALL]).eval()


@pytest.fixture(scope="module")
def published(model: NeRDRain) -> dict[str, Tensor]:
    return to_published(model)


@pytest.fixture
def save(tmp_path: Path) -> Callable[[Any], Path]:
    def write(content: Any) -> Path:
        torch.save(content, tmp_path / "model.pth")
        return tmp_path / "model.pth"

    return write


def same(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def refused(path: Path, **options: Any) -> str:
    with pytest.raises(InputError) as caught:
        NeRDRain.from_published(path, **options)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    return message


# what is read


@pytest.mark.parametrize("prefixed", ["none", "all", "some"])
def test_names_with_and_without_module(
    model: NeRDRain, published: dict[str, Tensor], save: Callable[[Any], Path], prefixed: str
) -> None:
    state = collections.OrderedDict(
        (f"module.{name}" if prefixed == "all" or (prefixed == "some" and number % 2) else name, tensor)
        for number, (name, tensor) in enumerate(published.items())
    )
    moments = {0: {"step": torch.tensor(3.0), "exp_avg": torch.zeros(5), "exp_avg_sq": torch.zeros(5)}}
    path = save({"epoch": 2871, "state_dict": state, "optimizer": {"state": moments, "param_groups": [{"lr": 1e-4}]}})
    loaded = NeRDRain.from_published(path)
    assert loaded.config == VARIANTS[SMALL]
    assert not loaded.training
    assert same(loaded.state_dict(), model.state_dict())


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_variant_is_found(layouts: Layouts, variant: str) -> None:
    state = {name: torch.empty(shape, device="meta") for name, shape in layouts[variant].items()}
    assert detect_variant(state, "file") == variant


def test_the_cnn_variant_goes_there_and_back(save: Callable[[Any], Path]) -> None:
    torch.manual_seed(0)
    model = NeRDRain(VARIANTS["nerd-rain-mprnet"])
    state = to_published(model)
    assert len(state) == 389
    loaded = NeRDRain.from_published(save({"state_dict": state}))
    assert loaded.config.block == "cab"
    assert same(to_published(loaded), state)
    slopes = [name for name in state if name.endswith("body.1.weight")]
    assert len(slopes) == 60
    state[slopes[7]] = state[slopes[7]] + 1
    path = save({"state_dict": state})
    assert f"{slopes[7]} and {slopes[0]} differ" in refused(path)


def test_there_and_back_bit_for_bit(
    model: NeRDRain, published: dict[str, Tensor], save: Callable[[Any], Path], tmp_path: Path
) -> None:
    path = save({"state_dict": published})
    convert(path, tmp_path / "converted")
    assert (tmp_path / "converted" / "config.json").is_file()
    back = load_model(tmp_path / "converted")
    assert same(back.state_dict(), load_model(path).state_dict())
    assert same(to_published(back), published)


def test_load_model_takes_whatever_holds_weights(
    model: NeRDRain, published: dict[str, Tensor], save: Callable[[Any], Path], tiny_weights: Path, tmp_path: Path
) -> None:
    write_state_dict(tmp_path / "published.safetensors", published)
    model.save_file(tmp_path / "ours.safetensors")
    for weights in (save(published), tmp_path / "published.safetensors", tmp_path / "ours.safetensors"):
        assert same(load_model(weights).state_dict(), model.state_dict())
    assert load_model(str(tiny_weights)).config.dim == 8
    with pytest.raises(InputError, match="no such file or folder"):
        load_model(tmp_path / "none")


# what is refused


def test_a_fetched_checkpoint_is_taken_by_its_name(
    model: NeRDRain,
    published: dict[str, Tensor],
    save: Callable[[Any], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    run_program: Callable[..., Any],
) -> None:
    monkeypatch.setenv("VISIONCORE_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    file = save({"state_dict": published})
    with pytest.raises(InputError, match="rain200l-s: not fetched yet; run: nerdrain-derain weights get rain200l-s"):
        load_model("rain200l-s")
    assert run_program(main, "weights", "get", "rain200l-s", "--file", file)[0] == 0
    assert same(load_model("rain200l-s").state_dict(), model.state_dict())
    code, _, complaints = run_program(main, "weights", "get", "rain200l", "--file", file)
    assert code == 2
    assert "this is a checkpoint of nerd-rain-s, not of nerd-rain" in complaints


def test_another_variant_than_wanted(published: dict[str, Tensor], save: Callable[[Any], Path]) -> None:
    message = refused(save({"state_dict": published}), variant="nerd-rain")
    assert message.endswith("this is a checkpoint of nerd-rain-s, not of nerd-rain")


def test_a_size_that_was_never_published(save: Callable[[Any], Path]) -> None:
    message = refused(save({"patch_embed_max.proj.weight": torch.zeros(40, 3, 3, 3)}))
    assert (
        "no published variant has 40 channels with transformer blocks; known are nerd-rain (48, transformer)" in message
    )


def test_missing_unexpected_and_misshapen_tensors_are_named(
    published: dict[str, Tensor], save: Callable[[Any], Path]
) -> None:
    state = dict(published)
    del state["BF1.query_conv.bias"]
    state["extra.weight"] = torch.zeros(1)
    state["latent_mid1.2.attn.temperature"] = torch.zeros(4)
    message = refused(save({"state_dict": state}))
    assert "1 missing (BF1.query_conv.bias)" in message
    assert "1 unexpected (extra.weight)" in message
    assert "latent_mid1.2.attn.temperature is 4, not 4x1x1" in message


@pytest.mark.parametrize("content", [{"conv.weight": torch.zeros(1)}, {"patch_embed_max.proj.weight": torch.zeros(3)}])
def test_weights_of_another_method(content: dict[str, Tensor], save: Callable[[Any], Path]) -> None:
    message = refused(save(content))
    assert "not a NeRD-Rain checkpoint" in message
    assert f"1 tensors, the first is {next(iter(content))}" in message


def test_a_truncated_file(published: dict[str, Tensor], save: Callable[[Any], Path]) -> None:
    path = save({"state_dict": published})
    path.write_bytes(path.read_bytes()[:100_000])
    assert "truncated" in refused(path)


def test_converting_to_a_place_that_cannot_be_written(
    published: dict[str, Tensor], save: Callable[[Any], Path], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match=r"file: .*could not be written"):
        convert(save({"state_dict": published}), tmp_path / "file")
    assert (tmp_path / "file").read_text() == "in the way"
