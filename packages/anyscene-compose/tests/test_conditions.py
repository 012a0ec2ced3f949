"""The foreground as the network is shown it, and its latents, held in place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_injector import SMALL, write_clip
from torch import Tensor

from anyscene_compose import Injector
from anyscene_compose.network.anchoring import Anchor, inner_mask
from anyscene_compose.network.conditions import condition_of, edges, extend_colours
from anyscene_compose.network.encoder import CELLS, ClipPatches, PixelPatches, square_crops
from anyscene_compose.network.published import read_clip_vit
from visioncore.diffusion.samplers import SAMPLERS, Sampler, make_scheduler
from visioncore.errors import InputError


def composite(height: int = 40, width: int = 56) -> Tensor:
    """Straight RGBA (1, 4, H, W): a red square with a blue one in it; hidden colours are green."""
    image = torch.zeros(1, 4, height, width)
    image[:, 1] = 1
    image[:, :3, 8:32, 8:40] = torch.tensor([1.0, 0, 0])[:, None, None]
    image[:, :3, 16:24, 20:28] = torch.tensor([0.0, 0, 1])[:, None, None]
    image[:, 3, 8:32, 8:40] = 1
    image[:, 3, 8:32, 36:40] = 0.5
    return image


class TestConditions:
    def test_channels(self) -> None:
        image = composite()
        found = condition_of(image)
        assert found.shape == (1, 5, 40, 56)
        torch.testing.assert_close(found[:, :3], image[:, :3] * image[:, 3:])
        assert torch.equal(found[:, 3:4], image[:, 3:])
        assert not found[:, 4][image[:, 3] == 0].any()
        assert set(found[:, 4].unique().tolist()) == {0, 1}
        # around the inner square, and nothing in the middle of either
        assert found[0, 4, 15:25, 19:28].any(dim=0).all()
        assert not found[0, 4, 18:22, 22:26].any()

    def test_hidden_colours_do_not_show(self) -> None:
        image = composite()
        other = image.clone()
        other[:, :3] = torch.where(image[:, 3:] > 0, image[:, :3], 0.3)
        for make in (condition_of, extend_colours, edges):
            assert torch.equal(make(image), make(other))

    def test_edges_are_on_grey(self) -> None:
        grey = composite()
        grey[:, :3] = 0.5
        assert not edges(grey).any()
        assert edges(composite()).any()

    def test_colours_go_on_beyond_the_edge(self) -> None:
        image = composite(41, 57)
        found = extend_colours(image)
        solid = image[0, 3] == 1
        assert torch.equal(found[0, :, solid], image[0, :3, solid])
        # around the red square all is red, nothing black or green
        for place in ((0, 0), (7, 20), (20, 3), (35, 50), (40, 56)):
            red, green, blue = found[0, :, place[0], place[1]].tolist()
            assert red > 0.8
            assert green < 1e-6
            assert blue < 0.2
        soft = found[0, 0, 8:32, 36:40]
        assert soft.min() > 0.9
        torch.testing.assert_close(extend_colours(torch.zeros(1, 4, 5, 9)), torch.full((1, 3, 5, 9), 0.5))

    def test_other_shapes(self) -> None:
        for make in (condition_of, extend_colours, edges):
            with pytest.raises(InputError, match=r"the composite is \(1, 3, 8, 8\); it must be \(B, 4, H, W\): RGBA"):
                make(torch.rand(1, 3, 8, 8))


class TestEncoder:
    def test_crops_are_not_stretched(self) -> None:
        crop = torch.ones(4, 16, 64)
        crop[:3] = 0.2
        found = square_crops([crop, torch.ones(4, 5, 5)], 32)
        assert found.shape == (2, 4, 32, 32)
        rows = found[0, 3].mean(dim=1)
        assert rows[12:20].min() > 0.85
        assert rows[:11].max() == rows[21:].max() == 0
        torch.testing.assert_close(found[0, :3], 0.2 * found[0, 3:].expand(3, -1, -1), atol=1e-6, rtol=0)
        assert found[1].min() == 1

    def test_hidden_colours_do_not_show(self) -> None:
        crop = composite()[0]
        other = crop.clone()
        other[:3] = torch.where(crop[3:] > 0, crop[:3], 0.9)
        assert torch.equal(PixelPatches()([crop]), PixelPatches()([other]))

    def test_patches_say_what_and_where(self) -> None:
        crop = torch.zeros(4, 32, 32)
        crop[0, 4:8, 8:12] = crop[3, 4:8, 8:12] = 1
        found = PixelPatches()(crop[None])
        assert found.shape == (1, 64, 80)
        row, column = 1, 2
        filled = found[0, row * CELLS + column]
        channels = filled[:64].unflatten(0, (4, 16))
        assert channels.mean(dim=1).tolist() == [1, -1, -1, 1]
        assert filled[64:].nonzero()[:, 0].tolist() == [row, CELLS + column]
        # the rest is grey
        assert found[0, 0, :48].eq(0).all()
        assert found[0, 0, 48:64].eq(-1).all()

    def test_tokens_are_of_each_element_alone(self, base: Path) -> None:
        injector = made(base)
        crops = torch.rand(3, 4, 20, 30)
        found = injector.tokens(crops)
        assert found.shape == (3, 4, 32)
        torch.testing.assert_close(injector.tokens(crops[1:2]), found[1:2])
        assert torch.equal(injector.resampler(injector.features(crops)), found)
        assert not torch.allclose(found[0], found[1], atol=1e-3)
        several = [torch.rand(4, 5, 9), crops[2]]
        torch.testing.assert_close(injector.tokens(several)[1:], found[2:])
        unfit: list[list[Tensor]] = [[torch.rand(3, 8, 8)], []]
        for wrong in unfit:
            with pytest.raises(InputError, match=r"crops are .*; each must be"):
                injector.tokens(wrong)

    def test_clip_sees_patches(self, base: Path, tmp_path: Path) -> None:
        file = write_clip(tmp_path / "clip")
        injector = made(base, encoder="clip", clip=file)
        assert injector.config.features == 64
        crops = torch.rand(2, 4, 20, 30)
        found = injector.tokens(crops)
        assert found.shape == (2, 4, 32)
        tower = read_clip_vit(file)
        assert injector.features(crops).shape == (2, tower.config.patches, 64)
        # the tower is no part of the injector
        assert not any("tower" in name or "visual" in name for name in injector.state_dict())
        injector.save_pretrained(tmp_path / "saved")
        again = Injector.from_pretrained(tmp_path / "saved")
        with pytest.raises(InputError, match="CLIP's weights are missing"):
            again.tokens(crops)
        assert torch.equal(again.use_clip(file).tokens(crops), found)
        with pytest.raises(InputError, match="an image tower of width 128; this injector is for 64"):
            again.use_clip(write_clip(tmp_path / "other", width=128))
        with pytest.raises(InputError, match="this injector needs no CLIP"):
            made(base).use_clip(file)
        with pytest.raises(InputError, match="clip is missing"):
            made(base, encoder="clip")

    def test_clip_is_as_prepared_for_it(self, tmp_path: Path) -> None:
        file = write_clip(tmp_path / "clip")
        crop = torch.ones(1, 4, 32, 32)
        crop[:, :3] = torch.tensor([0.48145466, 0.4578275, 0.40821073])[:, None, None]
        tower = read_clip_vit(file)
        with torch.no_grad():
            expected = tower.transformer(tower.embed(torch.zeros(1, 3, 32, 32)))[:, 1:]
        torch.testing.assert_close(ClipPatches(file)(crop), expected, atol=1e-5, rtol=0)


def made(base: Path, **settings: Any) -> Injector:
    from visioncore.diffusion.base import load_base

    torch.manual_seed(0)
    return Injector.for_base(load_base(base), **(SMALL | settings))


class TestAnchoring:
    def test_what_is_held(self) -> None:
        alpha = torch.zeros(1, 1, 64, 80)
        alpha[..., 8:48, 0:40] = 1
        alpha[..., 8:16, 0:40] = 0.9
        whole = inner_mask(alpha, 8, band=0)[0, 0]
        assert whole.nonzero().tolist() == [[row, column] for row in range(2, 6) for column in range(5)]
        # the edge of the image is no boundary
        held = inner_mask(alpha, 8)[0, 0]
        assert held.nonzero().tolist() == [[row, column] for row in range(3, 5) for column in range(4)]
        assert not inner_mask(alpha, 8, band=2).any()
        assert inner_mask(torch.ones(1, 1, 16, 16), 8, band=3).all()
        with pytest.raises(InputError, match="band is -1"):
            inner_mask(alpha, 8, band=-1)

    @pytest.mark.filterwarnings("ignore:__array__ implementation")
    @pytest.mark.parametrize("sampler", SAMPLERS)
    def test_it_is_at_the_noise_of_the_next_step_and_always_the_same(self, base: Path, sampler: Sampler) -> None:
        from visioncore.diffusion.base import load_base

        torch.manual_seed(0)
        scheduler = make_scheduler(sampler, load_base(base).scheduler)
        scheduler.set_timesteps(5)
        clean, noise = torch.randn(1, 4, 8, 8), torch.randn(2, 4, 8, 8)
        inside = torch.zeros(1, 1, 8, 8, dtype=torch.bool)
        inside[..., 2:5, 3:6] = True
        anchor = Anchor(clean, inside, noise, scheduler, tau=0.8)
        latents = noise * scheduler.init_noise_sigma
        held = inside.expand_as(latents)
        for step, t in enumerate(scheduler.timesteps):
            scheduler.scale_model_input(latents, t)
            stepped = scheduler.step(torch.randn_like(latents), t, latents, return_dict=False)[0]
            latents = anchor(stepped, step, scheduler.timesteps)
            assert torch.equal(latents[~held], stepped[~held])
            if step == 4:
                assert torch.equal(latents, stepped)
                break
            bar = scheduler.alphas_cumprod[int(scheduler.timesteps[step + 1])]
            if sampler == "euler":
                expected = clean + noise * scheduler.sigmas[step + 1]
            else:
                expected = bar.sqrt() * clean + (1 - bar).sqrt() * noise
            torch.testing.assert_close(latents[held], expected.expand_as(latents)[held], atol=1e-4, rtol=1e-4)

    @pytest.mark.parametrize(("tau", "count"), [(0.0, 0), (0.1, 1), (0.3, 3), (0.55, 6), (0.8, 8), (1.0, 10)])
    def test_share_of_the_steps(self, base: Path, tau: float, count: int) -> None:
        from visioncore.diffusion.base import load_base

        scheduler = make_scheduler("ddim", load_base(base).scheduler)
        scheduler.set_timesteps(10)
        clean, noise, latents = torch.randn(3, 1, 4, 8, 8)
        anchor = Anchor(clean, torch.ones(1, 1, 8, 8, dtype=torch.bool), noise, scheduler, tau)
        found = [anchor(latents, step, scheduler.timesteps) for step in range(10)]
        assert [not torch.equal(each, latents) for each in found] == [True] * count + [False] * (10 - count)
        if tau == 1:
            assert torch.equal(found[-1], clean)

    def test_shares_that_cannot_be(self) -> None:
        latents, inside = torch.zeros(1, 4, 8, 8), torch.ones(1, 1, 8, 8, dtype=torch.bool)
        with pytest.raises(InputError, match=r"tau is 1\.5; it must be from 0, never, to 1, after every step"):
            Anchor(latents, inside, latents, None, 1.5)
