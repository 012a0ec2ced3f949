"""What stands on diffusers: attention layers, processors, base models from folders and from one file."""

from __future__ import annotations

import importlib
import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from diffusers.models.attention_processor import AttnProcessor, AttnProcessor2_0, CustomDiffusionAttnProcessor2_0
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from visioncore.backbones.clip_tokens import clip_tokens
from visioncore.diffusion import bundled, remarks
from visioncore.diffusion.base import Kind, kind_of, load_base
from visioncore.diffusion.kept import Kept
from visioncore.diffusion.layers import attention_widths, cross_attention, group_of
from visioncore.diffusion.processors import WithKeys, install
from visioncore.diffusion.schedule import prediction_of
from visioncore.diffusion.single_file import check_kind, clip_tokenizer, components_of
from visioncore.errors import InputError
from visioncore.testing.refusals import one_line, refusal
from visioncore.testing.tiny_base import tiny_base
from visioncore.weights.fingerprint import fingerprint

UNET: dict[str, Any] = {
    "sample_size": 8,
    "block_out_channels": (8, 16),
    "layers_per_block": 1,
    "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
    "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
    "cross_attention_dim": 12,
    "attention_head_dim": 2,
    "norm_num_groups": 4,
}
VAE: dict[str, Any] = {
    "block_out_channels": (4, 8),
    "down_block_types": ("DownEncoderBlock2D",) * 2,
    "up_block_types": ("UpDecoderBlock2D",) * 2,
    "layers_per_block": 1,
    "latent_channels": 4,
    "norm_num_groups": 2,
}
TEXT: dict[str, Any] = {
    "vocab_size": 49408,
    "hidden_size": 12,
    "intermediate_size": 24,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "projection_dim": 12,
}
LARGE: dict[str, Any] = {
    **UNET,
    "use_linear_projection": True,
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 2,
    "projection_class_embeddings_input_dim": 24,
}


@pytest.fixture(scope="module")
def parts() -> dict[str, Any]:
    torch.manual_seed(0)
    return {
        "unet": UNet2DConditionModel(**UNET).eval(),
        "vae": AutoencoderKL(**VAE).eval(),
        "text_encoder": CLIPTextModel(CLIPTextConfig(**TEXT)).eval(),
    }


@pytest.fixture(scope="module")
def folder(parts: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base in diffusers' layout."""
    folder = tmp_path_factory.mktemp("base")
    StableDiffusionPipeline(
        **parts,
        tokenizer=clip_tokenizer(),
        scheduler=DDIMScheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).save_pretrained(folder)
    return folder


class TestLayers:
    def test_those_that_attend_to_the_prompt(self, parts: dict[str, Any]) -> None:
        unet = parts["unet"]
        widths = attention_widths(unet)
        assert widths == {
            "down_blocks.0.attentions.0.transformer_blocks.0.attn2": 8,
            "mid_block.attentions.0.transformer_blocks.0.attn2": 16,
            "up_blocks.1.attentions.0.transformer_blocks.0.attn2": 8,
            "up_blocks.1.attentions.1.transformer_blocks.0.attn2": 8,
        }
        assert all(unet.get_submodule(path) is layer for path, layer in cross_attention(unet).items())
        assert [group_of(path) for path in widths] == ["down", "mid", "up", "up"]

    def test_what_is_no_unet(self, parts: dict[str, Any]) -> None:
        assert "AutoencoderKL has no cross-attention layers" in one_line(cross_attention, parts["vae"])
        assert "encoder.layers: no layer of a U-Net" in one_line(group_of, "encoder.layers")

    def test_generations(self) -> None:
        for config, kind in (
            (UNET, "sd1"),
            ({**UNET, "use_linear_projection": True}, "sd2"),
            ({**UNET, "cross_attention_dim": 1024}, "sd2"),
            (LARGE, "sdxl"),
        ):
            with torch.device("meta"):
                assert kind_of(UNet2DConditionModel(**config)) == kind


class TestProcessors:
    class Counting:
        def __init__(self, before: Any) -> None:
            self.before, self.calls = before, 0

        def __call__(self, attn: Any, hidden_states: Tensor, **given: Any) -> Tensor:
            self.calls += 1
            out: Tensor = self.before(attn, hidden_states, **given)
            return out

    @torch.no_grad()
    def test_on_and_off(self) -> None:
        torch.manual_seed(0)
        unet = UNet2DConditionModel(**UNET).eval()
        given = torch.randn(1, 4, 8, 8), 5, torch.randn(1, 7, 12)
        first, *others = cross_attention(unet)
        cross_attention(unet)[others[0]].set_processor(AttnProcessor())
        with_weights = CustomDiffusionAttnProcessor2_0(hidden_size=8, cross_attention_dim=12)
        cross_attention(unet)[others[1]].set_processor(with_weights)
        state, before = unet.state_dict(), dict(unet.attn_processors)
        installed = install(unet, [first, *others[:2]], lambda path, processor: self.Counting(processor))
        assert installed.in_place
        assert set(installed.processors) == {first, *others[:2]}
        assert unet.state_dict().keys() < state.keys()
        unet(*given)
        assert [each.calls for each in installed.processors.values()] == [1, 1, 1]  # type: ignore[attr-defined]
        installed.uninstall()
        assert not installed.in_place
        assert dict(unet.attn_processors) == before
        again = unet.state_dict()
        assert again.keys() == state.keys()
        assert all(torch.equal(tensor, state[name]) for name, tensor in again.items())

    def test_what_came_later_is_left(self) -> None:
        unet = UNet2DConditionModel(**UNET)
        installed = install(unet, cross_attention(unet), lambda path, processor: self.Counting(processor))
        first, *others = cross_attention(unet).values()
        later = AttnProcessor()
        first.set_processor(later)
        assert not installed.in_place
        installed.uninstall()
        assert first.processor is later
        assert all(type(layer.processor) is AttnProcessor2_0 for layer in others)

    def test_keys_that_are_given(self, parts: dict[str, Any]) -> None:
        layer = next(iter(cross_attention(parts["unet"]).values()))
        hidden, prompt = torch.randn(1, 5, 8), torch.randn(1, 7, 12)
        for processor in (AttnProcessor2_0(), AttnProcessor()):
            with torch.no_grad():
                given = WithKeys(layer, layer.to_k(prompt), layer.to_v(prompt))
                assert not given.asked
                found = processor(given, hidden, torch.randn(1, 7, 12))
                torch.testing.assert_close(found, processor(layer, hidden, prompt))
            assert given.asked


class TestKept:
    def made(self) -> tuple[Callable[..., int], list[int]]:
        """Finds a value for a tensor, which is the number of its making; and the list of these."""
        kept = Kept()
        made: list[int] = []

        def make() -> int:
            made.append(len(made))
            return made[-1]

        return lambda name, source: kept.find(name, source, make), made

    @torch.no_grad()
    def test_found_once_for_a_tensor(self) -> None:
        find, made = self.made()
        one, other = torch.zeros(3), torch.zeros(3)
        assert [find("a", one), find("a", one), find("b", one)] == [0, 0, 1]
        # another one with the same numbers, and back
        assert [find("a", other), find("a", other), find("a", one)] == [2, 2, 3]
        assert len(made) == 4

    @torch.no_grad()
    def test_made_anew_for_a_changed_tensor(self) -> None:
        find, _ = self.made()
        one = torch.zeros(3)
        before = find("a", one)
        one.add_(1)
        assert find("a", one) != before
        with torch.inference_mode():
            born = torch.zeros(3)
            assert find("a", born) == find("a", born)

    def test_made_anew_while_gradients_are_recorded(self) -> None:
        find, _ = self.made()
        one = torch.zeros(3)
        assert find("a", one) != find("a", one)
        with torch.no_grad():
            assert find("a", one) == find("a", one)


class TestFolders:
    def test_a_base(self, parts: dict[str, Any], folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
        pipeline = load_base(folder)
        assert capfd.readouterr() == ("", "")
        assert type(pipeline) is StableDiffusionPipeline
        assert pipeline.safety_checker is None
        for name, part in parts.items():
            found = getattr(pipeline, name)
            assert not found.training
            assert all(torch.equal(found.state_dict()[key], value) for key, value in part.state_dict().items())
        half = load_base(folder, torch.bfloat16)
        assert {p.dtype for name in parts for p in getattr(half, name).parameters()} == {torch.bfloat16}

    def test_a_base_is_the_same_wherever_it_lies(self, folder: Path, copy: Path) -> None:
        bases = [load_base(where) for where in (folder, copy)]
        assert bases[0].unet.config["_name_or_path"] != bases[1].unet.config["_name_or_path"]
        assert fingerprint(bases[0].unet) == fingerprint(bases[1].unet)

    @pytest.mark.parametrize("kind", ["sd1", "sd2", "sdxl"])
    def test_tiny_ones_of_all_generations(self, kind: Kind, tmp_path: Path) -> None:
        base = load_base(tiny_base(tmp_path / "base", kind=kind))
        assert kind_of(base.unet) == kind
        assert base.scheduler.config.prediction_type == ("v_prediction" if kind == "sd2" else "epsilon")
        images = base("a cat", height=64, width=64, num_inference_steps=1, output_type="np").images
        assert images.shape == (1, 64, 64, 3)

    def test_a_large_one(self, parts: dict[str, Any], tmp_path: Path) -> None:
        config = CLIPTextConfig(**TEXT)
        StableDiffusionXLPipeline(
            vae=parts["vae"],
            text_encoder=parts["text_encoder"],
            text_encoder_2=CLIPTextModelWithProjection(config),
            tokenizer=clip_tokenizer(),
            tokenizer_2=clip_tokenizer(),
            unet=UNet2DConditionModel(**LARGE),
            scheduler=DDIMScheduler(),
        ).save_pretrained(tmp_path)
        assert kind_of(load_base(tmp_path).unet) == "sdxl"

    @pytest.fixture
    def copy(self, folder: Path, tmp_path: Path) -> Path:
        return Path(shutil.copytree(folder, tmp_path / "copy"))

    def test_what_is_no_base(self, copy: Path) -> None:
        assert "no such file or folder; give a base model on the disk" in refusal(load_base, copy / "nowhere")
        assert "no model_index.json in it" in refusal(load_base, copy / "unet")
        index = copy / "model_index.json"
        about = json.loads(index.read_text())
        for name in ("StableDiffusion3Pipeline", "FluxPipeline"):
            index.write_text(json.dumps({**about, "_class_name": name}))
            assert f"holds a {name}; a base is Stable Diffusion 1.x, 2.x or XL" in refusal(load_base, copy)
        for text in ("{", "[]", "{}", '"' * 9):
            index.write_text(text)
            assert "model_index.json: cannot be read" in refusal(load_base, copy)

    def test_a_pipeline_of_another_task_is_taken_apart(self, copy: Path) -> None:
        index = copy / "model_index.json"
        about = json.loads(index.read_text())
        index.write_text(json.dumps({**about, "_class_name": "StableDiffusionImg2ImgPipeline"}))
        assert type(load_base(copy)) is StableDiffusionPipeline

    def test_damage(self, copy: Path) -> None:
        weights = copy / "unet" / "diffusion_pytorch_model.safetensors"
        weights.write_bytes(weights.read_bytes()[:-50])
        assert "the base model is incomplete or damaged" in refusal(load_base, copy)
        shutil.rmtree(copy / "unet")
        assert "the base model is incomplete or damaged" in refusal(load_base, copy)

    def test_an_inpainting_base(self, copy: Path) -> None:
        UNet2DConditionModel(**{**UNET, "in_channels": 9}).save_pretrained(copy / "unet")
        assert "takes 9 channels, as for inpainting; a base takes 4" in refusal(load_base, copy)
        assert load_base(copy, channels=(4, 9)).unet.config.in_channels == 9


RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
OUTSIDE = {
    "conv_in": "input_blocks.0.0",
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
    "mid_block.resnets.0": "middle_block.0",
    "mid_block.attentions.0": "middle_block.1",
    "mid_block.resnets.1": "middle_block.2",
    "down_blocks.0.resnets.0": "input_blocks.1.0",
    "down_blocks.0.attentions.0": "input_blocks.1.1",
    "down_blocks.0.downsamplers.0.conv": "input_blocks.2.0.op",
    "down_blocks.1.resnets.0": "input_blocks.3.0",
    "up_blocks.0.resnets.0": "output_blocks.0.0",
    "up_blocks.0.resnets.1": "output_blocks.1.0",
    "up_blocks.0.upsamplers.0.conv": "output_blocks.1.1.conv",
    "up_blocks.1.resnets.0": "output_blocks.2.0",
    "up_blocks.1.attentions.0": "output_blocks.2.1",
    "up_blocks.1.resnets.1": "output_blocks.3.0",
    "up_blocks.1.attentions.1": "output_blocks.3.1",
}
IN_VAE = {
    "mid_block.resnets.0": "mid.block_1",
    "mid_block.attentions.0": "mid.attn_1",
    "mid_block.resnets.1": "mid.block_2",
    "conv_norm_out": "norm_out",
    "down_blocks.0.resnets.0": "down.0.block.0",
    "down_blocks.0.downsamplers.0": "down.0.downsample",
    "down_blocks.1.resnets.0": "down.1.block.0",
    "up_blocks.0.resnets.0": "up.1.block.0",
    "up_blocks.0.resnets.1": "up.1.block.1",
    "up_blocks.0.upsamplers.0": "up.1.upsample",
    "up_blocks.1.resnets.0": "up.0.block.0",
    "up_blocks.1.resnets.1": "up.0.block.1",
}
ATTENTION = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}


def renamed(name: str, names: Mapping[str, str], inside: Mapping[str, str]) -> str:
    """A name in diffusers -> that in one file, by the part of it that names a block, and that inside the block."""
    for theirs in sorted(names, key=len, reverse=True):
        if name.startswith(f"{theirs}."):
            rest = name.removeprefix(f"{theirs}.")
            part = next((part for part in inside if rest.startswith(f"{part}.")), None)
            return f"{names[theirs]}.{rest if part is None else rest.replace(part, inside[part], 1)}"
    return name


def in_one_file(parts: dict[str, Any]) -> dict[str, Tensor]:
    """The tensors of a base as they lie in one file."""
    state = {
        f"model.diffusion_model.{renamed(name, OUTSIDE, RESNET)}": tensor
        for name, tensor in parts["unet"].state_dict().items()
    }
    for name, tensor in parts["vae"].state_dict().items():
        side, _, rest = name.partition(".")
        if side in ("encoder", "decoder"):
            rest = renamed(rest, IN_VAE, {**ATTENTION, "conv_shortcut": "nin_shortcut"})
            tensor = tensor[:, :, None, None] if ".attn_1." in f".{rest}" and tensor.ndim == 2 else tensor
        state[f"first_stage_model.{side}.{rest}"] = tensor
    for name, tensor in parts["text_encoder"].state_dict().items():
        state[f"cond_stage_model.transformer.text_model.{name.removeprefix('text_model.')}"] = tensor
    state["cond_stage_model.transformer.text_model.embeddings.position_ids"] = torch.arange(77)[None]
    return {name: tensor.contiguous() for name, tensor in state.items()}


class TestOneFile:
    def test_the_networks(self, parts: dict[str, Any]) -> None:
        found = components_of(Path("model.safetensors"), in_one_file(parts), CONFIGS)
        for name, part in parts.items():
            state = found[name].state_dict()
            assert state.keys() == part.state_dict().keys()
            assert all(torch.equal(state[key], value) for key, value in part.state_dict().items()), name

    @pytest.mark.parametrize("channels", [4, 9])
    def test_a_file_is_a_pipeline(
        self, parts: dict[str, Any], channels: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Of a width of 768, by which Stable Diffusion 1.x is known; also one for inpainting, where that is wanted."""
        wide = {"unet": {**UNET, "cross_attention_dim": 768}, "text_encoder": {**TEXT, "hidden_size": 768}}
        wide["text_encoder"]["vocab_size"] = 8
        monkeypatch.setattr("visioncore.diffusion.single_file.CONFIGS", {**CONFIGS, **wide})
        unet = UNet2DConditionModel(**wide["unet"], in_channels=channels)
        text_encoder = CLIPTextModel(CLIPTextConfig(**wide["text_encoder"]))
        path = tmp_path / "model.safetensors"
        save_file(in_one_file({**parts, "unet": unet, "text_encoder": text_encoder}), path)
        loaded = load_base(path, torch.bfloat16, channels=(4, 9))
        assert type(loaded) is StableDiffusionPipeline
        assert (loaded.safety_checker, loaded.tokenizer.model_max_length) == (None, 77)
        assert (loaded.unet.config.in_channels, loaded.unet.dtype) == (channels, torch.bfloat16)
        assert torch.equal(loaded.unet.conv_in.weight, unet.conv_in.weight.bfloat16())
        assert prediction_of(loaded.scheduler) == "epsilon"
        if channels == 9:
            assert "takes 9 channels, as for inpainting; a base takes 4" in refusal(load_base, path)

    def test_tensors_that_lack(self, parts: dict[str, Any]) -> None:
        for name in (
            "model.diffusion_model.out.2.weight",
            "cond_stage_model.transformer.text_model.final_layer_norm.bias",
        ):
            state = in_one_file(parts)
            del state[name]
            told = one_line(components_of, Path("model.ckpt"), state, CONFIGS)
            assert told.startswith("model.ckpt: these weights do not fit")

    def test_which_files_are_refused(self, parts: dict[str, Any], tmp_path: Path) -> None:
        state = in_one_file(parts)
        path = tmp_path / "model.safetensors"
        save_file({"wheel.weight": torch.zeros(1)}, path)
        assert "not a checkpoint of Stable Diffusion; its tensors begin with model.diffusion_model." in refusal(
            load_base, path
        )
        save_file(state, path)
        assert "a checkpoint of Stable Diffusion 2.x or XL; of one file only 1.x is read" in refusal(load_base, path)
        key = "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight"
        first = "model.diffusion_model.input_blocks.0.0.weight"
        assert check_kind(path, {key: torch.zeros(320, 768), first: torch.zeros(320, 4, 3, 3)}) == 4
        inpainting = {key: torch.zeros(320, 768), first: torch.zeros(320, 9, 3, 3)}
        with pytest.raises(InputError, match="takes 9 channels, as for inpainting; a base takes 4"):
            check_kind(path, inpainting)
        assert check_kind(path, inpainting, (4, 9)) == 9
        with pytest.raises(InputError, match="its first layer is missing"):
            check_kind(path, {key: torch.zeros(320, 768)})

    def test_nothing_in_a_file_is_run(self, tmp_path: Path) -> None:
        class Harmful:
            def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
                return Path.touch, (tmp_path / "run",)

        torch.save({"state_dict": {}, "callbacks": Harmful()}, tmp_path / "model.ckpt")
        assert "holds pickled objects" in refusal(load_base, tmp_path / "model.ckpt")
        assert not (tmp_path / "run").exists()

    def test_the_tokeniser_is_clips(self) -> None:
        tokenizer = clip_tokenizer()
        texts = ["a painting of a cat", "", "Two dogs, 3 boats; l'été!", "xylophonist " * 60]
        found = tokenizer(texts, padding="max_length", truncation=True, return_tensors="pt").input_ids
        assert found.shape == (4, 77)
        # open_clip pads with zeros
        expected = clip_tokens(texts)
        assert torch.equal(found, torch.where(expected == 0, 49407, expected))

    def test_it_is_as_large_as_published(self) -> None:
        from visioncore.diffusion.single_file import CONFIGS as PUBLISHED

        with torch.device("meta"):
            made: dict[str, nn.Module] = {
                "unet": UNet2DConditionModel(**PUBLISHED["unet"]),
                "vae": AutoencoderKL(**PUBLISHED["vae"]),
                "text_encoder": CLIPTextModel(CLIPTextConfig(**PUBLISHED["text_encoder"])),
            }
        counts = {name: sum(p.numel() for p in part.parameters()) for name, part in made.items()}
        assert counts == {"unet": 859_520_964, "vae": 83_653_863, "text_encoder": 123_060_480}
        assert kind_of(made["unet"]) == "sd1"


CONFIGS = {"unet": UNET, "vae": VAE, "text_encoder": TEXT}


def test_the_bundled_base_is_meant_unless_another_one_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder of results that is called demo too is no base."""
    opened: list[Path] = []
    monkeypatch.setattr(bundled, "load_base", lambda source, *_: opened.append(Path(source)))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "demo").mkdir()
    bundled.open_bundled("visioncore", "demo")
    assert opened[-1].parts[-3:] == ("visioncore", "assets", "base")
    (tmp_path / "demo" / "model_index.json").write_text("{}")
    bundled.open_bundled("visioncore", "demo")
    assert opened[-1] == Path("demo")


def test_pipelines_are_imported_without_remarks(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """As transformers remarks on torchvision where that is not there."""
    logging = importlib.import_module("transformers.utils.logging")

    class Library:
        def __getattr__(self, name: str) -> str:
            logging.get_logger("transformers.models").warning(f"{name} wants torchvision")
            said.append(logging.get_verbosity())
            return name

    said: list[int] = []
    monkeypatch.setattr(remarks, "require", lambda name, extra: Library())
    before = logging.get_verbosity()
    assert remarks.pipeline_class("Pipeline") == "Pipeline"
    assert said == [logging.ERROR]
    assert logging.get_verbosity() == before
    assert "torchvision" not in capfd.readouterr().err
