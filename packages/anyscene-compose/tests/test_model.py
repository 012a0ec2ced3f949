"""The injector on tiny bases: the base itself at first and where it does not act, and the layout held where it does."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from tiny_injector import tiny_injector
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from anyscene_compose import Injector, Layout
from anyscene_compose.network.attention import InjectedAttention
from visioncore.diffusion.base import Kind
from visioncore.diffusion.layers import cross_attention
from visioncore.errors import InputError

LEFT, BELOW = 0, 1
"""The two elements."""
NAME, OTHER = 3, 5
"""The token that names the left one, and one that names none."""
KINDS: tuple[Kind, ...] = ("sd1", "sd2", "sdxl")
ACTING = (False, True)
"""Of a guided batch, the prompts have the foreground."""


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Tiny pipelines, which tests leave as they were."""
    from visioncore.testing.tiny_base import tiny_components

    return {kind: tiny_components(tmp_path_factory.mktemp(kind), kind=kind) for kind in KINDS}


@pytest.fixture(scope="module")
def base(bases: dict[str, Any]) -> Any:
    return bases["sd1"]


@pytest.fixture(scope="module")
def injector(base: Any) -> Injector:
    made: Injector = tiny_injector(base)
    return made


@pytest.fixture
def handle(injector: Injector, base: Any) -> Iterator[Any]:
    handle = injector.install(base.unet)
    yield handle
    handle.uninstall()


def drawn(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def masks() -> Tensor:
    """Of an image of 80 x 64 with latents of 10 x 8: one element at the left, one below, which overlap."""
    masks = torch.zeros(2, 64, 80)
    masks[LEFT, 20:60, 10:30] = 1
    masks[BELOW, 50:, 25:78] = 0.5
    return masks


@pytest.fixture(scope="module")
def named() -> Tensor:
    named = torch.zeros(2, 77, dtype=torch.bool)
    named[LEFT, NAME] = True
    return named


@pytest.fixture(scope="module")
def tokens(injector: Injector) -> Tensor:
    with torch.no_grad():
        return injector.tokens(drawn(2, 4, 30, 20).sigmoid())


@pytest.fixture(scope="module")
def condition() -> Tensor:
    return drawn(1, 5, 64, 80, seed=2).sigmoid()


@pytest.fixture(scope="module")
def latents() -> Tensor:
    return drawn(2, 4, 8, 10, seed=3)


@pytest.fixture(scope="module")
def prompts() -> Tensor:
    """Of a guided batch of one image."""
    return drawn(2, 77, 32, seed=4)


@torch.no_grad()
def run(base: Any, latents: Tensor, prompts: Tensor, **options: Any) -> Tensor:
    """The U-Net on latents for each part of the prompts."""
    if base.unet.config.addition_embed_type:
        pooled, sizes = drawn(len(prompts), 32, seed=9), torch.tensor([[64.0, 80, 0, 0, 64, 80]])
        options["added_cond_kwargs"] = {"text_embeds": pooled, "time_ids": sizes.expand(len(prompts), -1)}
    x = latents.repeat(len(prompts) // len(latents), 1, 1, 1)
    found: Tensor = base.unet(x, 500, prompts, **options).sample
    return found


class TestStart:
    @pytest.mark.parametrize("kind", KINDS)
    def test_it_begins_as_the_base(
        self, bases: dict[str, Any], kind: Kind, masks: Tensor, condition: Tensor, latents: Tensor
    ) -> None:
        base, one = bases[kind], latents[:1]
        prompts = drawn(2, 77, base.unet.config.cross_attention_dim, seed=4)
        expected = run(base, one, prompts)
        injector = tiny_injector(base, trained=False)
        tokens = injector.tokens(drawn(2, 4, 30, 20).sigmoid()).detach()
        assert tokens.abs().max() > 0.1
        handle = injector.install(base.unet)
        with handle.acting(Layout(masks), tokens, parts=ACTING), torch.no_grad():
            residuals = injector.residuals(one, 500, condition, tokens, parts=2)
            assert torch.equal(run(base, one, prompts, **residuals), expected)
        handle.uninstall()
        # each zero that holds it back, alone
        path = next(iter(injector.projections))
        for name in (
            "control.controlnet_mid_block.bias",
            "control.controlnet_down_blocks.0.bias",
            f"{path}.processor.to_v.weight",
        ):
            other = copy.deepcopy(injector)
            with torch.no_grad():
                other.get_parameter(name).add_(0.1)
            handle = other.install(base.unet)
            with handle.acting(Layout(masks), tokens, parts=ACTING), torch.no_grad():
                residuals = other.residuals(one, 500, condition, tokens, parts=2)
                assert not torch.equal(run(base, one, prompts, **residuals), expected)
            handle.uninstall()

    def test_its_way_down_and_its_keys_are_the_bases(self, base: Any) -> None:
        injector = tiny_injector(base, trained=False)
        theirs = base.unet.state_dict()
        copied = {
            name: tensor for name, tensor in injector.control.state_dict().items() if not name.startswith("controlnet_")
        }
        assert copied
        assert all(torch.equal(theirs[name], tensor) for name, tensor in copied.items())
        for path, projections in injector.projections.items():
            assert torch.equal(projections.to_k.weight, theirs[f"{path}.to_k.weight"])

    def test_both_routes_change_the_image(
        self, base: Any, injector: Injector, handle: Any, masks: Tensor, tokens: Tensor, condition: Tensor,
        latents: Tensor, prompts: Tensor,
    ) -> None:  # fmt: skip
        one, layout = latents[:1], Layout(masks)
        expected = run(base, one, prompts)
        with torch.no_grad():
            residuals = injector.residuals(one, 500, condition, tokens, parts=2)
        seen = [run(base, one, prompts, **residuals)]
        with handle.acting(layout, tokens, parts=ACTING):
            seen += [run(base, one, prompts), run(base, one, prompts, **residuals)]
        with handle.acting(layout, tokens, parts=ACTING, scale=0.0):
            assert torch.equal(run(base, one, prompts), expected)
        for number, found in enumerate(seen):
            assert all(not torch.allclose(found, other, atol=1e-3) for other in (expected, *seen[:number]))
        assert torch.equal(run(base, one, prompts), expected)
        assert injector.residuals(one, 500, condition, tokens, parts=2, scale=0.0) == {}


class TestLayout:
    def test_what_places_see(self, masks: Tensor, named: Tensor) -> None:
        sight = Layout(masks, named).at(8, 10)
        inside = torch.zeros(8, 10, 2, dtype=torch.bool)
        inside[2:8, 1:4, LEFT] = True
        inside[6:8, 3:10, BELOW] = True
        assert torch.equal(sight.elements[0].unflatten(0, (8, 10)), inside)
        assert sight.text is not None
        assert torch.equal(sight.text[0, :, NAME], sight.elements[0, :, LEFT])
        others = [token for token in range(77) if token != NAME]
        assert sight.text[0][:, others].all()

    def test_a_token_for_two_elements_is_seen_in_both(self, masks: Tensor, named: Tensor) -> None:
        named = named.clone()
        named[BELOW, NAME] = True
        sight = Layout(masks, named).at(8, 10)
        assert sight.text is not None
        assert torch.equal(sight.text[0, :, NAME], sight.elements[0].any(dim=1))

    def test_resolutions_round_as_the_unet_does(self) -> None:
        masks = torch.zeros(1, 8 * 11, 8 * 5)
        masks[:, -1, -1] = 1 / 255
        layout = Layout(masks)
        for height, width in ((11, 5), (6, 3), (3, 2), (2, 1)):
            seen = layout.of_places(height * width).elements
            # any cover counts
            assert seen[0, :, 0].nonzero().tolist() == [[height * width - 1]]
        with pytest.raises(InputError, match="maps of 40 places, which latents of 5x11 do not have"):
            layout.of_places(40)

    def test_an_element_is_seen_from_inside_alone(
        self, base: Any, handle: Any, masks: Tensor, tokens: Tensor, prompts: Tensor
    ) -> None:
        """In a layer by itself: in the U-Net, self-attention and convolutions carry it on."""
        other = tokens.clone()
        other[LEFT] += 1
        with handle.acting(Layout(masks), tokens, parts=ACTING):
            before = self.attend(base, prompts)
        with handle.acting(Layout(masks), other, parts=ACTING):
            after = self.attend(base, prompts)
        changed = (after != before).any(dim=2)
        assert not changed[0].any()
        inside = Layout(masks).at(8, 10).elements[0, :, LEFT]
        assert torch.equal(changed[1], inside)

    def test_its_name_is_hidden_outside_alone(
        self, base: Any, handle: Any, masks: Tensor, named: Tensor, tokens: Tensor, prompts: Tensor
    ) -> None:
        inside = Layout(masks).at(8, 10).elements[0, :, LEFT]
        for token, seen in ((NAME, inside), (OTHER, torch.ones_like(inside))):
            other = prompts.clone()
            other[:, token] += 1
            with handle.acting(Layout(masks, named), tokens, parts=ACTING):
                changed = (self.attend(base, other) != self.attend(base, prompts)).any(dim=2)
            assert changed[0].all()
            assert torch.equal(changed[1], seen)

    def test_a_place_that_sees_no_element_gets_nothing_of_them(
        self, base: Any, handle: Any, masks: Tensor, tokens: Tensor, prompts: Tensor
    ) -> None:
        expected = self.attend(base, prompts)
        with handle.acting(Layout(masks), tokens, parts=ACTING):
            found = self.attend(base, prompts)
        outside = ~Layout(masks).at(8, 10).elements[0].any(dim=1)
        assert torch.equal(found[1][outside], expected[1][outside])
        assert not (found[1][~outside] == expected[1][~outside]).all(dim=1).any()
        assert torch.equal(found[0], expected[0])
        with handle.acting(Layout(0 * masks), tokens, parts=ACTING):
            assert torch.equal(self.attend(base, prompts), expected)

    @torch.no_grad()
    def attend(self, base: Any, prompts: Tensor) -> Tensor:
        """The output of the first cross-attention layer, (2, 80, width)."""
        layer: Any = cross_attention(base.unet)["down_blocks.0.attentions.0.transformer_blocks.0.attn2"]
        found: Tensor = layer(drawn(2, 80, 32, seed=8), encoder_hidden_states=prompts)
        return found

    @pytest.mark.parametrize(
        ("given", "told"),
        [
            ({"masks": torch.zeros(64, 80)}, "masks are (64, 80)"),
            ({"masks": torch.zeros(1, 60, 80)}, "masks are of 80x60; sides must be multiples of 8"),
            ({"masks": torch.zeros(2, 64, 80), "named": torch.zeros(1, 77).bool()}, "for 2 elements"),
            ({"masks": torch.zeros(2, 64, 80), "named": torch.zeros(2, 77)}, "it must be truth values"),
            ({"masks": torch.zeros(1, 64, 80), "named": torch.ones(1, 77).bool()}, "at least the first one must stay"),
        ],
    )
    def test_layouts_that_cannot_be(self, given: dict[str, Any], told: str) -> None:
        with pytest.raises(InputError, match=re.escape(told)):
            Layout(**given)


class TestRuns:
    @torch.no_grad()
    def test_one_pass_serves_both_halves(
        self, base: Any, injector: Injector, tokens: Tensor, condition: Tensor, latents: Tensor
    ) -> None:
        prompts = drawn(4, 77, 32, seed=5)
        once = injector.residuals(latents, 500, condition, tokens, parts=2)
        twice = injector.residuals(torch.cat((latents, latents)), 500, condition, tokens)
        assert len(once["mid_block_additional_residual"]) == 4
        for one, other in zip(self.maps(once), self.maps(twice), strict=True):
            torch.testing.assert_close(one, other, atol=1e-5, rtol=0)
        torch.testing.assert_close(
            run(base, latents, prompts, **once), run(base, latents, prompts, **twice), atol=1e-5, rtol=0
        )

    def maps(self, options: dict[str, Any]) -> list[Tensor]:
        return [*options["down_block_additional_residuals"], options["mid_block_additional_residual"]]

    @torch.no_grad()
    def test_the_condition_is_embedded_once(
        self, injector: Injector, tokens: Tensor, condition: Tensor, latents: Tensor
    ) -> None:
        expected = injector.residuals(latents, 500, condition, tokens)
        embedded = injector.embed(condition)
        for one, other in zip(
            self.maps(injector.residuals(latents, 500, embedded, tokens)), self.maps(expected), strict=True
        ):
            assert torch.equal(one, other)
        changed = injector.residuals(latents, 500, 1 - condition, tokens)
        assert not torch.allclose(self.maps(changed)[-1], self.maps(expected)[-1])

    @torch.no_grad()
    def test_a_batch_of_seeds_is_single_runs(
        self, base: Any, injector: Injector, handle: Any, masks: Tensor, named: Tensor, tokens: Tensor,
        condition: Tensor, latents: Tensor, prompts: Tensor,
    ) -> None:  # fmt: skip
        layout = Layout(masks, named)
        with handle.acting(layout, tokens, parts=ACTING):
            residuals = injector.residuals(latents, 500, condition, tokens, parts=2)
            found = run(base, latents, prompts.repeat_interleave(2, dim=0), **residuals)
        for number in range(2):
            one = latents[number : number + 1]
            with handle.acting(layout, tokens, parts=ACTING):
                residuals = injector.residuals(one, 500, condition, tokens, parts=2)
                expected = run(base, one, prompts, **residuals)
            torch.testing.assert_close(found[number::2], expected, atol=1e-5, rtol=0)

    @torch.no_grad()
    def test_one_run_takes_batches_of_any_size(
        self, base: Any, handle: Any, masks: Tensor, named: Tensor, tokens: Tensor, latents: Tensor, prompts: Tensor
    ) -> None:
        with handle.acting(Layout(masks, named), tokens, parts=ACTING):
            both = run(base, latents, prompts.repeat_interleave(2, dim=0))
            one = run(base, latents[:1], prompts)
        torch.testing.assert_close(both[::2], one, atol=1e-5, rtol=0)

    @torch.no_grad()
    def test_images_of_their_own_are_single_runs(
        self, base: Any, injector: Injector, handle: Any, masks: Tensor, named: Tensor, tokens: Tensor,
        latents: Tensor,
    ) -> None:  # fmt: skip
        """As in training: the second image has one element, its other one is not there."""
        conditions, prompts = drawn(2, 5, 64, 80, seed=6).sigmoid(), drawn(2, 77, 32, seed=7)
        both = Layout(
            torch.stack((masks, torch.stack((masks[BELOW], 0 * masks[LEFT])))), torch.stack((named, named.roll(1, 1)))
        )
        assert both.present.tolist() == [[True, True], [True, False]]
        each = torch.stack((tokens, tokens.flip(0)))
        with handle.acting(both, each):
            residuals = injector.residuals(latents, 500, conditions, each, present=both.present)
            found = run(base, latents, prompts, **residuals)
        singles = ((Layout(masks, named), tokens), (Layout(masks[BELOW:], named.roll(1, 1)[:1]), tokens[BELOW:]))
        for number, (layout, own) in enumerate(singles):
            part = slice(number, number + 1)
            with handle.acting(layout, own):
                residuals = injector.residuals(latents[part], 500, conditions[part], own)
                expected = run(base, latents[part], prompts[part], **residuals)
            torch.testing.assert_close(found[part], expected, atol=1e-5, rtol=0)

    @torch.no_grad()
    def test_without_any_element_only_the_condition_counts(
        self, injector: Injector, tokens: Tensor, condition: Tensor, latents: Tensor
    ) -> None:
        none = torch.zeros(1, 2, dtype=torch.bool)
        found = injector.residuals(latents, 500, condition, tokens, present=none)
        again = injector.residuals(latents, 500, condition, 2 * tokens, present=none)
        for one, other in zip(self.maps(found), self.maps(again), strict=True):
            assert torch.equal(one, other)
            assert one.isfinite().all()

    def test_keys_and_masks_are_found_once(
        self, base: Any, injector: Injector, handle: Any, masks: Tensor, named: Tensor, tokens: Tensor,
        latents: Tensor, prompts: Tensor, monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        found: list[str] = []

        def counted(owner: type, name: str) -> None:
            original = getattr(owner, name)

            def call(*given: Any) -> Any:
                found.append(name)
                return original(*given)

            monkeypatch.setattr(owner, name, call)

        counted(InjectedAttention, "_project")
        counted(Layout, "_find")
        with handle.acting(Layout(masks, named), tokens, parts=ACTING):
            first = [run(base, latents[:1], prompts) for _ in range(3)]
        # latents of 8 x 10, and the middle of 4 x 5
        assert found.count("_find") == 2
        assert found.count("_project") == len(injector.projections)
        assert torch.equal(first[0], first[2])
        with handle.acting(Layout(masks, named), tokens, parts=ACTING):
            run(base, latents[:1], prompts)
            other = run(base, latents[:1], 2 * prompts)
        with handle.acting(Layout(masks, named), tokens, parts=ACTING):
            assert torch.equal(run(base, latents[:1], 2 * prompts), other)

    def test_attention_stays_fused(
        self, base: Any, injector: Injector, handle: Any, masks: Tensor, named: Tensor, tokens: Tensor,
        condition: Tensor, latents: Tensor, prompts: Tensor,
    ) -> None:  # fmt: skip
        layout, backends = Layout(masks, named), [SDPBackend.FLASH_ATTENTION]
        with torch.no_grad(), sdpa_kernel(backends), handle.acting(layout, tokens, parts=ACTING):
            residuals = injector.residuals(latents[:1], 500, condition, tokens, parts=2)
            fused = run(base, latents[:1], prompts, **residuals)
        with torch.no_grad(), sdpa_kernel([SDPBackend.MATH]), handle.acting(layout, tokens, parts=ACTING):
            torch.testing.assert_close(run(base, latents[:1], prompts, **residuals), fused, atol=1e-5, rtol=0)

    @torch.no_grad()
    def test_half_precision_of_the_base_alone(
        self, base: Any, injector: Injector, masks: Tensor, named: Tensor, tokens: Tensor, condition: Tensor,
        latents: Tensor, prompts: Tensor,
    ) -> None:  # fmt: skip
        found = []
        for dtype in (torch.float32, torch.bfloat16):
            unet, x = copy.deepcopy(base.unet).to(dtype), latents[:1].to(dtype)
            handle = injector.install(unet)
            with handle.acting(Layout(masks, named), tokens, parts=ACTING):
                residuals = injector.residuals(x, 500, condition, tokens, parts=2)
                assert residuals["mid_block_additional_residual"].dtype == dtype
                found.append(unet(x.repeat(2, 1, 1, 1), 500, prompts.to(dtype), **residuals).sample)
        assert found[1].dtype == torch.bfloat16
        torch.testing.assert_close(found[1].float(), found[0], atol=0.1, rtol=0)

    @pytest.mark.parametrize(
        ("given", "told"),
        [
            ({"parts": ()}, "parts is empty"),
            ({"scale": -1.0}, "scale is -1.0"),
            ({"scale": float("nan")}, "scale is nan"),
        ],
    )
    def test_wrong_plans(self, handle: Any, masks: Tensor, tokens: Tensor, given: Any, told: str) -> None:
        with pytest.raises(InputError, match=told), handle.acting(Layout(masks), tokens, **given):
            pass

    def test_what_does_not_go_together(
        self, base: Any, injector: Injector, handle: Any, masks: Tensor, tokens: Tensor, condition: Tensor,
        latents: Tensor, prompts: Tensor,
    ) -> None:  # fmt: skip
        layout = Layout(masks)
        with pytest.raises(InputError, match="they must be of as many elements"), handle.acting(layout, tokens[:1]):
            pass
        three = Layout(masks.expand(3, -1, -1, -1))
        with (
            pytest.raises(InputError, match="of 2 images and masks of 3"),
            handle.acting(three, tokens.expand(2, -1, -1, -1)),
        ):
            pass
        with handle.acting(layout, tokens, parts=(True, False, True)), pytest.raises(InputError, match="3 parts were"):
            run(base, latents[:1], prompts)
        with handle.acting(three, tokens), pytest.raises(InputError, match="1 parts were announced of 3 images"):
            run(base, latents[:1], prompts)
        with handle.acting(layout, tokens), pytest.raises(InputError, match="latents of 10x8 do not have"):
            run(base, latents[..., :8], prompts)
        with pytest.raises(InputError, match="a condition for 10x8; the condition must have 8 times the sides"):
            injector.residuals(latents[..., :8], 500, condition, tokens)
        with pytest.raises(InputError, match=r"the condition is \(1, 4, 64, 80\); it must be \(B, 5, H, W\)"):
            injector.residuals(latents, 500, condition[:, :4], tokens)
        with pytest.raises(InputError, match="scale is -1"):
            injector.residuals(latents, 500, condition, tokens, scale=-1)
        # after an error nothing acts
        assert run(base, latents[:1], prompts).isfinite().all()
