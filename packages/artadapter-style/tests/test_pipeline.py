"""The adapter on base models: what it changes, what it leaves alone, and beside which pipelines of diffusers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tiny_adapter import tiny_adapter
from torch import Tensor

from artadapter_style import ArtAdapter, ArtAdapterPipeline, Strengths, Style
from artadapter_style.inference.bases import open_base
from artadapter_style.inference.prompts import StyledPrompts
from visioncore.diffusion.layers import cross_attention
from visioncore.errors import InputError
from visioncore.images import Image, write_image
from visioncore.lora import inject
from visioncore.testing.photos import photo
from visioncore.testing.tiny_base import BLOCKS, tiny_components

REFERENCE, OTHER = photo(48, 64, seed=0), photo(64, 40, seed=1)
QUICK: dict[str, Any] = {"steps": 3}
SIDE = 32
"""Of images that pipelines of diffusers make here; the base's own are twice as large."""


@pytest.fixture(scope="module")
def pipe(base: Path) -> ArtAdapterPipeline:
    """A pipeline with an adapter; tests leave it as it was."""
    opened = open_base(base)
    opened.set_progress_bar_config(disable=True)
    return ArtAdapterPipeline(opened, tiny_adapter(opened), notify=lambda line: None)


def pixels(result: Any) -> NDArray[np.int64]:
    return np.asarray(result).astype(int)


def apart(one: Any, two: Any) -> float:
    """Return the mean difference of two images or of several, in grey levels."""
    return float(np.abs(pixels(one) - pixels(two)).mean())


def processors(base: Any) -> dict[str, Any]:
    return dict(base.unet.attn_processors)


class TestLoading:
    def test_the_base_is_as_it_was(self, base: Path) -> None:
        opened = open_base(base)
        before, state = processors(opened), {name: value.clone() for name, value in opened.unet.state_dict().items()}
        pipe = ArtAdapterPipeline(opened)
        plain = pipe("a cat", **QUICK).images
        pipe.load(tiny_adapter(opened))
        styled = pipe("a cat", REFERENCE, **QUICK).images
        assert processors(opened) != before
        np.testing.assert_array_equal(pipe("a cat", **QUICK).images, plain)
        pipe.unload()
        assert apart(styled, plain) > 2
        assert processors(opened) == before
        assert opened.unet.state_dict().keys() == state.keys()
        assert all(torch.equal(value, state[name]) for name, value in opened.unet.state_dict().items())
        np.testing.assert_array_equal(pipe("a cat", **QUICK).images, plain)
        with pytest.raises(InputError, match="no adapter is loaded"):
            pipe("a cat", REFERENCE)

    def test_another_adapter_takes_the_place(self, base: Path, tmp_path: Path) -> None:
        opened = open_base(base)
        tiny_adapter(opened, seed=1).save_pretrained(tmp_path / "adapter")
        before, pipe = processors(opened), ArtAdapterPipeline(opened, tiny_adapter(opened))
        first = pipe("a cat", REFERENCE, **QUICK)
        pipe.load(tmp_path / "adapter")
        assert apart(first, pipe("a cat", REFERENCE, **QUICK)) > 2
        # one that does not fit leaves it where it is
        styled = pipe("a cat", REFERENCE, **QUICK)
        with pytest.raises(InputError, match="on tokens of 48"):
            pipe.load(ArtAdapter(replace(tiny_adapter(opened).config, width=48)))
        np.testing.assert_array_equal(pipe("a cat", REFERENCE, **QUICK).images, styled.images)
        pipe.unload()
        pipe.unload()
        assert processors(opened) == before

    def test_the_same_as_the_base_alone(self, pipe: ArtAdapterPipeline) -> None:
        """Without a style, and with one of no strength, bit for bit what diffusers makes."""
        for sampler, name in (("ddim", "DDIM"), ("dpm++", "DPMSolverMultistep"), ("euler", "EulerDiscrete")):
            noise = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(5))
            theirs = diffusers.StableDiffusionPipeline(**pipe.base.components, requires_safety_checker=False)
            theirs.set_progress_bar_config(disable=True)
            theirs.scheduler = getattr(diffusers, f"{name}Scheduler").from_config(theirs.scheduler.config)
            made = theirs(
                "a cat", negative_prompt="a dog", num_inference_steps=4, latents=noise, output_type="np"
            ).images
            expected = (made * 255).round().astype(np.uint8)
            options: Any = {"negative": "a dog", "seed": 5, "sampler": sampler, "steps": 4}
            np.testing.assert_array_equal(pipe("a cat", **options).images, expected)
            np.testing.assert_array_equal(pipe("a cat", REFERENCE, scale=0, **options).images, expected)
            assert apart(pipe("a cat", REFERENCE, **options), expected) > 2

    def test_kinds_of_bases_that_do_not_fit(self, pipe: ArtAdapterPipeline, tmp_path: Path) -> None:
        adapter = pipe.adapter
        assert adapter is not None
        for settings, told in (
            ({"use_linear_projection": True}, "the base is Stable Diffusion 2.x; ArtAdapter is for"),
            (
                {
                    "addition_embed_type": "text_time",
                    "addition_time_embed_dim": 8,
                    "projection_class_embeddings_input_dim": 80,
                },
                "the base is Stable Diffusion XL; ArtAdapter is for",
            ),
            ({"cross_attention_dim": 48}, "layers of widths 32/64 on tokens of 48"),
        ):
            config: dict[str, Any] = {**pipe.base.unet.config, **settings}
            unet = diffusers.UNet2DConditionModel.from_config(config)
            parts = {**pipe.base.components, "unet": unet}
            wrong = diffusers.StableDiffusionPipeline(**parts, requires_safety_checker=False)
            before = processors(wrong)
            with pytest.raises(InputError, match=told):
                ArtAdapterPipeline(wrong, tiny_copy(adapter))
            assert processors(wrong) == before
        with pytest.raises(InputError, match="batch is 0"):
            ArtAdapterPipeline(pipe.base, batch=0)
        with pytest.raises(InputError, match="no such file or folder"):
            ArtAdapterPipeline.from_base(tmp_path / "none", device="cpu")

    def test_half_precision(self, base: Path, pipe: ArtAdapterPipeline) -> None:
        half = ArtAdapterPipeline.from_base(base, tiny_adapter(pipe.base), "cpu", "bfloat16")
        assert half.dtype == torch.bfloat16
        exact, coarse = (each("a cat", REFERENCE, **QUICK) for each in (pipe, half))
        assert 0 < apart(exact, coarse) < 12
        assert coarse.settings[0]["dtype"] == "bfloat16"


def tiny_copy(adapter: ArtAdapter) -> ArtAdapter:
    """Return an adapter of the same settings."""
    return ArtAdapter(adapter.config)


class TestImages:
    def test_a_seed_gives_the_same_image_in_any_batch(self, base: Path, pipe: ArtAdapterPipeline) -> None:
        prompts = ["a cat", "a dog", "a house"]
        alone = np.concatenate([pipe(prompt, REFERENCE, seed=[3, 8], **QUICK).images for prompt in prompts])
        assert len({image.tobytes() for image in alone}) == 6
        for batch in (2, 4, 6):
            many = ArtAdapterPipeline(open_base(base), tiny_adapter(pipe.base), batch=batch)
            assert np.abs(pixels(many(prompts, REFERENCE, seed=[3, 8], **QUICK)) - alone).max() <= 1, batch
        np.testing.assert_array_equal(pipe("a dog", REFERENCE, seed=7, images=2, **QUICK).images[1:], alone[3:4])

    def test_less_memory_less_batch(
        self, pipe: ArtAdapterPipeline, base: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        told: list[str] = []
        small = ArtAdapterPipeline(open_base(base), tiny_adapter(pipe.base), batch=4, notify=told.append)
        forward = small.base.unet.forward

        def limited(sample: Tensor, *more: Any, **options: Any) -> Any:
            if len(sample) > 4:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return forward(sample, *more, **options)

        monkeypatch.setattr(small.base.unet, "forward", limited)
        made = small("a cat", REFERENCE, images=3, **QUICK)
        assert told[0] == "out of memory at size 3, going on with 1"
        np.testing.assert_array_equal(made.images, pipe("a cat", REFERENCE, images=3, **QUICK).images)

    @pytest.mark.parametrize("size", [(64, 64), (61, 83), (8, 40), (72, 9)])
    def test_any_size(self, pipe: ArtAdapterPipeline, size: tuple[int, int]) -> None:
        result = pipe("a cat", REFERENCE, size=size, **QUICK)
        assert result.images.shape == (1, *size, 3)
        assert result.images.dtype == np.uint8
        assert result.settings[0]["size"] == list(size)

    def test_a_size_is_part_of_the_next_multiple(self, pipe: ArtAdapterPipeline) -> None:
        odd, even = (pipe("a cat", REFERENCE, size=size, **QUICK).images for size in ((57, 60), (64, 64)))
        np.testing.assert_array_equal(odd[0], even[0, :57, :60])

    def test_guidance_of_two_strengths(self, pipe: ArtAdapterPipeline) -> None:
        """Where both are alike it is the one guidance; without that of the style, the plain prompt."""
        one, both, plain_prompt = (
            pipe("a cat", REFERENCE, guidance=4, style_guidance=style, **QUICK) for style in (None, 4, 0)
        )
        assert apart(one, both) < 0.5
        assert apart(plain_prompt, pipe("a cat", guidance=4, **QUICK)) < 0.5
        strong = pipe("a cat", REFERENCE, guidance=4, style_guidance=8, **QUICK)
        assert apart(strong, one) > 1
        assert strong.settings[0]["style_guidance"] == 8

    def test_no_guidance_needs_no_negative_prompt(self, pipe: ArtAdapterPipeline) -> None:
        first, second = (pipe("a cat", REFERENCE, guidance=1, negative=text, **QUICK) for text in ("", "a dog"))
        np.testing.assert_array_equal(first.images, second.images)
        guided = [pipe("a cat", REFERENCE, negative=text, **QUICK) for text in ("", "a dog")]
        assert apart(*guided) > 1

    def test_steps_are_told(self, pipe: ArtAdapterPipeline) -> None:
        told: list[tuple[int, int, tuple[int, ...]]] = []
        pipe("a cat", REFERENCE, steps=3, callback=lambda n, of, latents: told.append((n, of, tuple(latents.shape))))
        assert told == [(number, 3, (1, 4, 8, 8)) for number in (1, 2, 3)]

    def test_settings_of_each_image(self, pipe: ArtAdapterPipeline, base: Path) -> None:
        result = pipe(["a cat", "a dog"], REFERENCE, images=2, scale={"low": 0.5}, negative="red", **QUICK)
        assert [(each["prompt"], each["seed"]) for each in result.settings] == [
            *(("a cat", 0), ("a cat", 1), ("a dog", 0), ("a dog", 1))
        ]
        first = result.settings[0]
        assert first["strengths"] == {"low": 0.5}
        assert (first["negative"], first["sampler"], first["steps"], first["guidance"]) == ("red", "dpm++", 3, 7.5)
        again = ArtAdapterPipeline.from_base(base, tiny_adapter(pipe.base), "cpu")
        for name in ("adapter", "base", "style"):
            assert again("", REFERENCE, **QUICK).settings[0][name] == first[name], name
        changed = ArtAdapterPipeline(open_base(base), tiny_adapter(pipe.base, seed=1))
        with torch.no_grad():
            next(changed.base.unet.parameters()).add_(1e-3)
        others = changed("", OTHER, **QUICK).settings[0]
        for name in ("adapter", "base", "style"):
            assert others[name] != first[name], name

    def test_in_little_memory(self, base: Path, pipe: ArtAdapterPipeline) -> None:
        opened = open_base(base)
        small = ArtAdapterPipeline(opened, tiny_adapter(opened), low_memory=True)
        before, seen = processors(opened), set[str]()
        hook = opened.unet.register_forward_hook(
            lambda *_: seen.update(type(each).__name__ for each in processors(opened).values())
        )
        made = small("a cat", REFERENCE, **QUICK)
        hook.remove()
        assert seen == {"SlicedAttnProcessor", "ExplicitAttention"}
        assert processors(opened) == before
        assert not opened.vae.use_tiling
        assert apart(made, pipe("a cat", REFERENCE, **QUICK)) < 1


class TestStrengths:
    def test_strengths_of_levels_and_layers(self, pipe: ArtAdapterPipeline) -> None:
        def made(scale: Any) -> Any:
            return pipe("a cat", REFERENCE, scale=scale, **QUICK)

        whole = made(1)
        np.testing.assert_array_equal(made(Strengths()).images, whole.images)
        np.testing.assert_array_equal(made({"low": 1, "mid": 1, "high": 1}).images, whole.images)
        for level in ("low", "mid", "high"):
            assert apart(made({level: 0}), whole) > 0.2, level
        for group in ("down", "mid", "up"):
            assert apart(made(Strengths(groups={group: 0})), whole) > 0.2, group
        assert apart(made(1.5), whole) > 0.2

    def test_a_level_without_strength_is_off(self, pipe: ArtAdapterPipeline) -> None:
        """Its keys and values are left out; the words are read beside its tokens still."""
        style = pipe.style(REFERENCE)
        assert style is not None
        off = pipe.prompt_embeds("a cat", style)
        with pipe.acting(off, {"high": 0}, guided=False) as acting:
            assert acting is not None
            noise = torch.zeros(1, 4, 8, 8)
            predicted = pipe.base.unet(noise, 5, encoder_hidden_states=off.prompt_embeds).sample
            changed = off.prompt_embeds.clone()
            changed[:, 7:10] = 1e3
            assert torch.equal(pipe.base.unet(noise, 5, encoder_hidden_states=changed).sample, predicted)

    def test_the_style_acts_in_some_of_the_steps(self, pipe: ArtAdapterPipeline) -> None:
        latents: list[list[Tensor]] = []
        for steps in ((0.0, 1.0), (0.0, 0.5), (0.5, 1.0)):
            seen: list[Tensor] = []
            scale = Strengths(steps=steps)
            pipe("a cat", REFERENCE, scale=scale, steps=4, callback=lambda *told, seen=seen: seen.append(told[2]))
            latents.append(seen)
        whole, first, last = latents
        assert torch.equal(whole[1], first[1])
        assert not torch.equal(whole[2], first[2])
        assert not torch.equal(whole[0], last[0])
        assert not torch.equal(first[3], last[3])

    @pytest.mark.parametrize(
        ("scale", "told"),
        [
            (-0.1, "the strength of low is -0.1; it must be from 0 to 10"),
            (10.5, "the strength of low is 10.5"),
            (float("nan"), "the strength of low is nan"),
            ({"high": 11}, "the strength of high is 11"),
            ({"colour": 1}, "no level is called 'colour'; they are low, mid, high"),
            (lambda: Strengths(groups={"middle": 1}), "no layers are called 'middle'; they are down, mid, up"),
            (lambda: Strengths(groups={"up": -1}), "the strength of the layers up is -1"),
            (lambda: Strengths(steps=(0.5, 0.5)), "steps are from 0.5 to 0.5"),
        ],
    )
    def test_outside_of_their_range(self, pipe: ArtAdapterPipeline, scale: Any, told: str) -> None:
        with pytest.raises(InputError, match=told):
            pipe("a cat", REFERENCE, scale=scale() if callable(scale) else scale, **QUICK)

    @pytest.mark.parametrize(
        ("options", "told"),
        [
            ({"steps": 0}, "steps is 0; it must be from 1 to 999"),
            ({"sampler": "pndm"}, r"unknown sampler 'pndm'; known are ddim, dpm\+\+, euler"),
            ({"guidance": -1}, "guidance is -1; it must be from 0 to 100"),
            ({"style_guidance": 101}, "style_guidance is 101"),
            ({"size": (0, 64)}, "height is 0; it must be from 8 to 8192 pixels"),
            ({"size": (64, 9000)}, "width is 9000"),
            ({"seed": -1}, "seed is -1; it must be from 0"),
            ({"images": 0}, "images must be at least 1"),
            ({"images": -2}, "images must be at least 1"),
            ({"negative": "\udcff"}, r"the text '\\udcff' has bytes that are no UTF-8"),
            ({"seed": [1, 2], "images": 3}, "2 seeds for 3 images"),
            ({"strength": 0.5}, "strength is for an image that is changed"),
            ({"mask": REFERENCE}, "a mask is for an image that is changed"),
            ({"image": OTHER, "strength": 0}, "strength is 0; it must be above 0"),
            ({"image": OTHER, "mask": REFERENCE}, "the mask has 64 x 48 pixels and the image 40 x 64"),
            ({"image": OTHER, "mask": np.zeros((64, 40), np.uint8)}, "the mask is black everywhere"),
        ],
    )
    def test_options_that_will_not_do(self, pipe: ArtAdapterPipeline, options: dict[str, Any], told: str) -> None:
        with pytest.raises(InputError, match=told):
            pipe("a cat", REFERENCE, **options)

    def test_prompts_that_will_not_do(self, pipe: ArtAdapterPipeline) -> None:
        for call in (pipe, pipe.prompt_embeds):
            with pytest.raises(InputError, match="no prompt is given"):
                call([], REFERENCE)
            with pytest.raises(InputError, match="no UTF-8"):
                call(["a cat", "a \udcff"], REFERENCE)


class TestChangedImages:
    def test_how_far_an_image_is_changed(self, pipe: ArtAdapterPipeline) -> None:
        photo_64 = photo(64, 64, seed=3)
        little, more = (
            pipe("a cat", REFERENCE, image=photo_64, strength=strength, steps=10) for strength in (0.1, 0.9)
        )
        unchanged = pipe.base.vae.decode(
            pipe.base.vae.encode(as_input(photo_64)).latent_dist.mode(), return_dict=False
        )[0]
        rebuilt = ((unchanged / 2 + 0.5).clamp(0, 1) * 255).permute(0, 2, 3, 1).detach().numpy()
        assert apart(little, rebuilt) < apart(more, rebuilt)
        assert little.settings[0]["strength"] == 0.1
        assert len(little.settings[0]["image"]) == 12

    @pytest.mark.parametrize("sampler", ["ddim", "dpm++", "euler"])
    def test_as_diffusers_changes_images(self, pipe: ArtAdapterPipeline, sampler: Any) -> None:
        theirs = other_pipeline(pipe, diffusers.StableDiffusionImg2ImgPipeline)
        theirs.scheduler = {
            "ddim": diffusers.DDIMScheduler,
            "dpm++": diffusers.DPMSolverMultistepScheduler,
            "euler": diffusers.EulerDiscreteScheduler,
        }[sampler].from_config(theirs.scheduler.config)
        image = photo(64, 64, seed=3)
        # as latents, which diffusers takes as they are: it draws what the encoder leaves open
        clean = pipe.base.vae.encode(as_input(image)).latent_dist.mode() * pipe.base.vae.config.scaling_factor
        made = theirs(
            "a cat",
            image=clean.detach(),
            strength=0.5,
            num_inference_steps=6,
            generator=torch.Generator().manual_seed(2),
            output_type="np",
        ).images
        ours = pipe("a cat", image=image, strength=0.5, steps=6, seed=2, sampler=sampler)
        assert np.abs(pixels(ours) - (made * 255).round()).max() <= 1

    def test_what_is_black_in_a_mask_stays_bit_by_bit(self, pipe: ArtAdapterPipeline) -> None:
        image, mask = photo(50, 61, seed=3), np.zeros((50, 61), np.uint8)
        mask[20:, 30:] = 255
        made = pipe(["a cat", "a dog"], REFERENCE, image=image, mask=mask, **QUICK).images
        for each in made:
            np.testing.assert_array_equal(each[mask == 0], image[mask == 0])
            assert apart(each[mask > 0], image[mask > 0]) > 5
        assert apart(*made) > 0.2
        whole = pipe("a cat", REFERENCE, image=image, mask=np.full_like(mask, 255), strength=1.0, **QUICK)
        plain = pipe("a cat", REFERENCE, size=(50, 61), **QUICK)
        np.testing.assert_array_equal(whole.images, plain.images)

    def test_size_and_kind_of_the_image(self, pipe: ArtAdapterPipeline, tmp_path: Path) -> None:
        write_image(tmp_path / "grey.png", Image(photo(40, 40, seed=1), grey=True))
        assert pipe("", image=tmp_path / "grey.png", **QUICK).images.shape == (1, 40, 40, 3)
        assert pipe("", image=tmp_path / "grey.png", size=(64, 48), **QUICK).images.shape == (1, 64, 48, 3)

    def test_an_inpainting_model(self, pipe: ArtAdapterPipeline, tmp_path: Path) -> None:
        """Its U-Net takes mask and image beside the latents."""
        torch.manual_seed(0)
        unet = diffusers.UNet2DConditionModel.from_config({**pipe.base.unet.config, "in_channels": 9}).eval()
        parts = {**pipe.base.components, "unet": unet}
        base = diffusers.StableDiffusionInpaintPipeline(**parts, requires_safety_checker=False)
        base.save_pretrained(tmp_path / "base")
        inpainting = ArtAdapterPipeline.from_base(tmp_path / "base", tiny_adapter(base), "cpu")
        unet = inpainting.base.unet
        image, mask = photo(64, 64, seed=3), np.zeros((64, 64), np.uint8)
        for given in (None, image):
            for call in (inpainting, inpainting.check):
                with pytest.raises(InputError, match="the base is an inpainting model; give it an image and a mask"):
                    call("a cat", image=given)
        mask[32:] = 255
        seen: list[Tensor] = []
        unet.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
        made = inpainting("a cat", REFERENCE, image=image, mask=mask, **QUICK).images
        np.testing.assert_array_equal(made[0, :32], image[:32])
        assert {tuple(each.shape) for each in seen} == {(2, 9, 8, 8)}
        expected = base.prepare_mask_latents(
            torch.from_numpy(mask)[None, None] / 255,
            as_input(image) * (torch.from_numpy(mask)[None, None] < 128),
            1, 64, 64, torch.float32, torch.device("cpu"), None, False,
        )  # fmt: skip
        torch.testing.assert_close(seen[0][:1, 4:5], expected[0], rtol=0, atol=0)


def as_input(image: NDArray[np.uint8]) -> Tensor:
    """Return an image as the auto-encoder takes it."""
    return torch.from_numpy(image).permute(2, 0, 1)[None].float() / 127.5 - 1


def other_pipeline(pipe: ArtAdapterPipeline, kind: Any, **further: Any) -> Any:
    """Return another pipeline of diffusers on the components of a base."""
    parts = {name: part for name, part in pipe.base.components.items() if name != "image_encoder"}
    made = kind(**parts, **further, requires_safety_checker=False)
    made.set_progress_bar_config(disable=True)
    return made


class TestBesideDiffusers:
    """Pipelines of diffusers on the same U-Net: plain outside of `acting`, with style inside, and plain again."""

    def check(self, pipe: ArtAdapterPipeline, run: Any) -> None:
        """Check a function of embedded prompts that returns an image."""
        plain, styled = pipe.prompt_embeds("a cat"), pipe.prompt_embeds("a cat", REFERENCE)
        before = run(plain)
        with pipe.acting(styled):
            with_style = run(styled)
            np.testing.assert_array_equal(run(styled), with_style)
        with pipe.acting(plain):
            np.testing.assert_array_equal(run(plain), before)
        with pipe.acting(styled, 0.3):
            weaker = run(styled)
        np.testing.assert_array_equal(run(plain), before)
        assert apart(with_style, before) > 2
        assert apart(weaker, with_style) > 0.2
        adapter, handle = pipe.adapter, pipe.base.unet
        assert adapter is not None
        pipe.unload()
        np.testing.assert_array_equal(run(plain), before)
        pipe.load(adapter)
        assert handle is pipe.base.unet

    def options(self, given: StyledPrompts, **more: Any) -> dict[str, Any]:
        generator = torch.Generator().manual_seed(0)
        return {**given.embeds, "num_inference_steps": 3, "generator": generator, "output_type": "np", **more}

    def image_of(self, made: Any) -> NDArray[np.float64]:
        return made.images[0] * 255

    def test_text_to_image(self, pipe: ArtAdapterPipeline) -> None:
        theirs = other_pipeline(pipe, diffusers.StableDiffusionPipeline)
        self.check(pipe, lambda given: self.image_of(theirs(**self.options(given))))
        styled = pipe.prompt_embeds(["a cat", "a dog"], REFERENCE)
        with pipe.acting(styled):
            several = theirs(**self.options(styled, num_images_per_prompt=2)).images
        assert len({image.tobytes() for image in several}) == 4

    def test_without_guidance(self, pipe: ArtAdapterPipeline) -> None:
        theirs = other_pipeline(pipe, diffusers.StableDiffusionPipeline)
        styled = pipe.prompt_embeds("a cat", REFERENCE)
        with pipe.acting(styled, guided=False):
            made = self.image_of(theirs(**self.options(styled, guidance_scale=1.0)))
        assert apart(made, self.image_of(theirs(**self.options(pipe.prompt_embeds("a cat"), guidance_scale=1.0)))) > 2
        with pipe.acting(styled), pytest.raises(InputError, match="a batch of 1 came to the U-Net, and 2 parts"):
            theirs(**self.options(styled, guidance_scale=1.0))

    def test_the_same_as_ours(self, pipe: ArtAdapterPipeline) -> None:
        theirs = other_pipeline(pipe, diffusers.StableDiffusionPipeline)
        styled = pipe.prompt_embeds("a cat", [REFERENCE, OTHER], weights=[3, 1], negative="a dog")
        with pipe.acting(styled, {"low": 0.5}) as acting:
            assert acting is not None
            made = theirs(**self.options(styled)).images
        ours = pipe(
            *("a cat", [REFERENCE, OTHER]),
            weights=[3, 1],
            negative="a dog",
            scale={"low": 0.5},
            sampler="ddim",
            **QUICK,
        )
        assert np.abs(pixels(ours) - (made * 255).round()).max() <= 1

    def test_image_to_image(self, pipe: ArtAdapterPipeline) -> None:
        theirs = other_pipeline(pipe, diffusers.StableDiffusionImg2ImgPipeline)
        image = as_input(photo(SIDE, SIDE, seed=3))
        self.check(pipe, lambda given: self.image_of(theirs(**self.options(given, image=image, strength=0.9))))

    def test_inpainting(self, pipe: ArtAdapterPipeline) -> None:
        theirs = other_pipeline(pipe, diffusers.StableDiffusionInpaintPipeline)
        mask = torch.zeros(1, 1, SIDE, SIDE)
        mask[..., 16:] = 1
        more: dict[str, Any] = {"image": as_input(photo(SIDE, SIDE, seed=3)), "mask_image": mask}
        more |= {"height": SIDE, "width": SIDE, "strength": 1.0}
        self.check(pipe, lambda given: self.image_of(theirs(**self.options(given, **more))))

    def test_controlnet(self, pipe: ArtAdapterPipeline) -> None:
        torch.manual_seed(0)
        control = diffusers.ControlNetModel.from_unet(pipe.base.unet, conditioning_channels=3).eval()
        assert not [each for each in control.attn_processors.values() if type(each).__name__ == "ExplicitAttention"]
        # they begin at zero, so that training begins with the base alone
        for convolution in (*control.controlnet_down_blocks, control.controlnet_cond_embedding.conv_out):
            torch.nn.init.normal_(convolution.weight, std=0.1)
        theirs = other_pipeline(pipe, diffusers.StableDiffusionControlNetPipeline, controlnet=control)
        edges = torch.rand(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1))

        def run(given: StyledPrompts, image: Tensor = edges) -> NDArray[np.float64]:
            return self.image_of(theirs(**self.options(given, image=image, height=SIDE, width=SIDE)))

        self.check(pipe, run)
        styled = pipe.prompt_embeds("a cat", REFERENCE)
        with pipe.acting(styled):
            # a little: what it has not learnt to see fades on its way
            assert apart(run(styled), run(styled, torch.zeros_like(edges))) > 1e-4

    def test_t2i_adapter(self, pipe: ArtAdapterPipeline) -> None:
        torch.manual_seed(0)
        structure = diffusers.T2IAdapter(channels=list(BLOCKS), num_res_blocks=1, downscale_factor=8).eval()
        theirs = other_pipeline(pipe, diffusers.StableDiffusionAdapterPipeline, adapter=structure)
        sketch = torch.rand(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1))

        def run(given: StyledPrompts, image: Tensor = sketch) -> NDArray[np.float64]:
            return self.image_of(theirs(**self.options(given, image=image, height=SIDE, width=SIDE)))

        self.check(pipe, run)
        styled = pipe.prompt_embeds("a cat", REFERENCE)
        with pipe.acting(styled):
            assert apart(run(styled), run(styled, 1 - sketch)) > 0.2

    def test_lora_of_plain_layers(self, base: Path) -> None:
        """Low-rank additions to the layers, before the adapter is loaded or after."""
        results = []
        for first in (True, False):
            opened = open_base(base)
            adapter = tiny_adapter(opened)
            pipe = ArtAdapterPipeline(opened, None if first else adapter)
            plain = pipe("a cat", **QUICK)
            inject(opened.unet, [name for name, _ in opened.unet.named_modules() if name.endswith(("to_q", "to_v"))], 2)
            torch.manual_seed(3)
            with torch.no_grad():
                for name, parameter in opened.unet.named_parameters():
                    if ".up." in name or ".down." in name:
                        parameter.normal_(std=0.3)
            if first:
                pipe.load(adapter)
            tuned, styled = pipe("a cat", **QUICK), pipe("a cat", REFERENCE, **QUICK)
            assert apart(tuned, plain) > 2
            assert apart(styled, tuned) > 2
            results.append(styled.images)
            pipe.unload()
            np.testing.assert_array_equal(pipe("a cat", **QUICK).images, tuned.images)
        np.testing.assert_array_equal(results[0], results[1])

    def test_lora_of_diffusers(self, base: Path) -> None:
        pytest.importorskip("peft")
        opened = open_base(base)
        pipe = ArtAdapterPipeline(opened, tiny_adapter(opened))
        plain, styled = pipe("a cat", **QUICK), pipe("a cat", REFERENCE, **QUICK)
        generator, state = torch.Generator().manual_seed(3), dict[str, Tensor]()
        for path, layer in cross_attention(opened.unet).items():
            for name in ("to_q", "to_k", "to_v"):
                out, into = layer.get_submodule(name).weight.shape
                prefix = f"unet.{path}.{name}"
                state[f"{prefix}.lora_A.weight"] = torch.randn(2, into, generator=generator) * 0.5
                state[f"{prefix}.lora_B.weight"] = torch.randn(out, 2, generator=generator) * 0.5
        opened.load_lora_weights(state)
        assert apart(pipe("a cat", **QUICK), plain) > 1
        assert apart(pipe("a cat", REFERENCE, **QUICK), styled) > 1
        opened.unload_lora_weights()
        np.testing.assert_array_equal(pipe("a cat", REFERENCE, **QUICK).images, styled.images)

    def test_ip_adapter_put_on_later_is_told(self, base: Path) -> None:
        opened = open_base(base)
        pipe = ArtAdapterPipeline(opened, tiny_adapter(opened))
        opened.unet.set_attn_processor(diffusers.models.attention_processor.AttnProcessor())
        with pytest.raises(InputError, match="processors were replaced since; install the adapter after that"):
            pipe("a cat", REFERENCE, **QUICK)


class TestSafetyChecker:
    @pytest.fixture
    def strict(self, tmp_path: Path) -> Any:
        """A base whose checker flags every image."""
        opened = tiny_components(tmp_path, safety_checker=True)
        with torch.no_grad():
            opened.safety_checker.concept_embeds_weights.fill_(-2)
        return opened

    def test_it_is_kept_and_acts(self, strict: Any, tmp_path: Path) -> None:
        strict.save_pretrained(tmp_path / "strict")
        told: list[str] = []
        adapter = tiny_adapter(strict)
        pipe = ArtAdapterPipeline.from_base(tmp_path / "strict", adapter, "cpu", notify=told.append)
        checker = pipe.base.safety_checker
        assert checker is not None
        result = pipe("a cat", REFERENCE, images=2, **QUICK)
        assert pipe.base.safety_checker is checker
        assert result.flagged == (True, True)
        assert not result.images.any()
        assert told == [f"the base model's safety checker made the image of seed {seed} black" for seed in (0, 1)]
        assert result.settings[0]["flagged"] is True

    def test_what_is_not_flagged_stays(self, strict: Any, pipe: ArtAdapterPipeline) -> None:
        with torch.no_grad():
            strict.safety_checker.concept_embeds_weights.fill_(2)
        result = ArtAdapterPipeline(strict, tiny_adapter(strict))("a cat", REFERENCE, **QUICK)
        assert result.flagged == (False,)
        np.testing.assert_array_equal(result.images, pipe("a cat", REFERENCE, **QUICK).images)


class TestNumbers:
    def test_latents_that_are_not_finite_name_seed_and_step(self, base: Path) -> None:
        opened = open_base(base)
        pipe = ArtAdapterPipeline(opened, tiny_adapter(opened), batch=2)
        forward, calls = opened.unet.forward, [0]

        def overflowing(sample: Tensor, *more: Any, **options: Any) -> Any:
            (predicted,) = forward(sample, *more, **options)
            calls[0] += 1
            if calls[0] == 2:
                predicted = predicted.clone()
                predicted[3] = float("inf")  # the styled half of the second image
            return (predicted,)

        opened.unet.forward = overflowing
        with pytest.raises(InputError, match=r"latents of seed 12 are not finite after step 2 of 5; use a higher prec"):
            pipe("a cat", REFERENCE, seed=[11, 12], steps=5)

    def test_an_auto_encoder_that_overflows(self, base: Path) -> None:
        opened = open_base(base)
        with torch.no_grad():
            opened.vae.decoder.conv_out.bias.fill_(float("nan"))
        with pytest.raises(InputError, match="the decoded image is not finite; the auto-encoder overflows"):
            ArtAdapterPipeline(opened)("a cat", **QUICK)


class TestStyles:
    def test_several_references(self, pipe: ArtAdapterPipeline) -> None:
        """Order and repetition do not matter, weights do."""

        def made(*given: Any, **more: Any) -> Any:
            options: dict[str, Any] = {**more, **QUICK}
            return pipe("a cat", *given, **options).images

        one, two = made(REFERENCE), made(OTHER)
        assert apart(one, two) > 0.5
        np.testing.assert_array_equal(made([REFERENCE, REFERENCE]), one)
        np.testing.assert_array_equal(made([REFERENCE, OTHER]), made([OTHER, REFERENCE]))
        np.testing.assert_array_equal(made([REFERENCE, OTHER], weights=[1, 0]), one)
        between = made([REFERENCE, OTHER], weights=[3, 1])
        assert apart(between, one) > 0.05
        assert apart(between, two) > 0.05
        for weights, told in (([1], "1 weights for 2"), ([0, 0], "weights are 0, 0"), ([-1, 2], "weights are -1, 2")):
            with pytest.raises(InputError, match=told):
                made([REFERENCE, OTHER], weights=weights)
        with pytest.raises(InputError, match="weights are for references of a style, and there are none"):
            pipe("a cat", weights=[1])

    def test_levels_of_different_styles(self, pipe: ArtAdapterPipeline) -> None:
        def made(style: Any = None, **mix: Any) -> Any:
            return pipe("a cat", style, mix=mix, **QUICK)

        one, two = made(REFERENCE).images, made(OTHER).images
        np.testing.assert_array_equal(made(low=REFERENCE, mid=REFERENCE, high=REFERENCE).images, one)
        np.testing.assert_array_equal(made(REFERENCE, high=REFERENCE).images, one)
        mixed = made(REFERENCE, high=OTHER)
        assert 0 < apart(mixed, one) < apart(two, one) * 3
        assert mixed.settings[0]["style"].keys() == {"low", "mid", "high"}
        assert len(mixed.references) == 1 or len(mixed.references) == 2
        np.testing.assert_array_equal(made(low=REFERENCE, mid=REFERENCE, high=OTHER).images, mixed.images)
        alone = made(low=REFERENCE)
        assert alone.settings[0]["style"].keys() == {"low"}
        assert apart(alone, one) > 0.2
        with pytest.raises(InputError, match="no level is called 'colour'"):
            made(colour=REFERENCE)

    def test_a_level_from_a_style_that_lacks_it(self, pipe: ArtAdapterPipeline, tmp_path: Path) -> None:
        read = pipe.style(REFERENCE)
        assert read is not None
        read.style.only(["low"]).save(tmp_path / "brushwork.safetensors")
        with pytest.raises(InputError, match=r"brushwork\.safetensors: has no high level, which it is given for"):
            pipe("a cat", REFERENCE, mix={"high": tmp_path / "brushwork.safetensors"})

    def test_style_files(self, pipe: ArtAdapterPipeline, base: Path, tmp_path: Path) -> None:
        read = pipe.style(REFERENCE)
        assert read is not None
        read.style.save(tmp_path / "ink.safetensors")
        assert (tmp_path / "ink.safetensors").stat().st_size < 10_000
        expected = pipe("a cat", REFERENCE, **QUICK).images
        for style in (tmp_path / "ink.safetensors", str(tmp_path / "ink.safetensors"), read.style, read):
            np.testing.assert_array_equal(pipe("a cat", style, **QUICK).images, expected)
        others = ArtAdapterPipeline(open_base(base), tiny_adapter(pipe.base, seed=1))
        for style in (tmp_path / "ink.safetensors", read.style):
            with pytest.raises(InputError, match="made with another adapter or base"):
                others("a cat", style)
        (tmp_path / "no.safetensors").write_bytes(b"something else")
        with pytest.raises(InputError, match=r"no\.safetensors"):
            pipe("a cat", tmp_path / "no.safetensors")

    def test_an_empty_style(self, pipe: ArtAdapterPipeline) -> None:
        with pytest.raises(InputError, match="a style of no references"):
            pipe("a cat", [])
        plain = pipe("a cat", **QUICK)
        np.testing.assert_array_equal(pipe("a cat", Style({}), **QUICK).images, plain.images)
        assert plain.settings[0]["style"] is None
