"""Scenes around a foreground: what equals the base bit for bit, what stays of the foreground, what each part does."""

from __future__ import annotations

import itertools
import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from cutouts_on_disk import cut_out
from tiny_injector import tiny_injector
from torch import Tensor

from anyscene_compose import AnyScene, Canvas, Element
from anyscene_compose.inference.foreground import Foreground
from anyscene_compose.inference.generation import Generation
from anyscene_compose.inference.prompts import encode
from anyscene_compose.inference.words import named_tokens, spans_of, without_names
from visioncore.diffusion.base import Kind, load_base
from visioncore.diffusion.latents import decode
from visioncore.diffusion.samplers import make_scheduler
from visioncore.errors import InputError
from visioncore.testing.tiny_base import tiny_base, tiny_components

KINDS: tuple[Kind, ...] = ("sd1", "sd2", "sdxl")
PROMPT = "a red cat with a dog"
QUICK: dict[str, Any] = {"steps": 3}
OFF: dict[str, Any] = {"layout": False, "tau": 0}


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> dict[Kind, Path]:
    """The folders of tiny bases of all kinds."""
    folder = tmp_path_factory.mktemp("bases")
    return {kind: tiny_base(folder / kind, kind=kind) for kind in KINDS}


@pytest.fixture(scope="module")
def scene(bases: dict[Kind, Path]) -> AnyScene:
    """A pipeline with an injector whose foreground shows; tests leave it as it is."""
    base = load_base(bases["sd1"])
    return AnyScene(base, tiny_injector(base), notify=lambda line: None)


def canvas(*words: str, seed: int = 0, side: int = 40) -> Canvas:
    """Return a canvas with a disc in its middle."""
    return Canvas(64, 64).place(cut_out(side, seed=seed), box=(12, 12, 52, 52), words=words)


def large(*words: str) -> Canvas:
    """Return a canvas with a disc that is wide enough to be held inside of a band."""
    return Canvas(64, 64).place(cut_out(64, radius=30), words=words)


def apart(one: Any, other: Any) -> float:
    return float(np.abs(np.asarray(one).astype(float) - np.asarray(other)).mean())


def plain(folder: Path, seed: int, sampler: Any, guidance: float = 7.5, negative: str | None = None) -> Any:
    """Return the image (64, 64, 3) that the base's own pipeline makes."""
    base = load_base(folder)
    base.scheduler = make_scheduler(sampler, base.scheduler)
    base.set_progress_bar_config(disable=True)
    made = base(
        PROMPT,
        negative_prompt=negative,
        num_inference_steps=3,
        guidance_scale=guidance,
        height=64,
        width=64,
        latents=torch.randn((1, 4, 8, 8), generator=torch.Generator().manual_seed(seed)),
        output_type="np",
    )
    return np.rint(made.images[0] * 255).astype(np.uint8)


class TestExactness:
    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("trained", [False, True])
    def test_the_initial_injector_changes_nothing(self, bases: dict[Kind, Path], kind: Kind, trained: bool) -> None:
        """With layout and anchoring off it is the base bit for bit; one that has learnt something is not."""
        base = load_base(bases[kind])
        made = AnyScene(base, tiny_injector(base, trained=trained)).compose(
            canvas("red cat"), PROMPT, seeds=5, harmony=0, **OFF, **QUICK
        )
        expected = plain(bases[kind], 5, "dpm++")
        if trained:
            assert apart(made.scenes[0], expected) > 0.5
        else:
            np.testing.assert_array_equal(made.scenes[0], expected)
            around = cut_out()[..., 3] == 0
            np.testing.assert_array_equal(made.images[0, 12:52, 12:52][around], expected[12:52, 12:52][around])

    @pytest.mark.parametrize(
        ("sampler", "guidance", "negative"), [("ddim", 7.5, ""), ("euler", 5, "a boat"), ("dpm++", 1, "")]
    )
    def test_in_every_way_of_sampling(
        self, bases: dict[Kind, Path], sampler: Any, guidance: float, negative: str
    ) -> None:
        base = load_base(bases["sd1"])
        for injector in (None, tiny_injector(base, trained=False)):
            made = AnyScene(base, injector).compose(
                canvas(), PROMPT, negative, seeds=2, sampler=sampler, guidance=guidance, **OFF, **QUICK
            )
            expected = plain(bases["sd1"], 2, sampler, guidance, negative or None)
            np.testing.assert_array_equal(made.scenes[0], expected)

    def test_both_routes_off_are_the_base(self, scene: AnyScene, bases: dict[Kind, Path]) -> None:
        made = scene.compose(canvas(), PROMPT, seeds=5, scale=0, **OFF, **QUICK)
        np.testing.assert_array_equal(made.scenes[0], plain(bases["sd1"], 5, "dpm++"))

    @pytest.mark.parametrize("kind", KINDS)
    def test_without_harmony_the_foreground_stays_bit_for_bit(self, bases: dict[Kind, Path], kind: Kind) -> None:
        base = load_base(bases[kind])
        made = AnyScene(base, tiny_injector(base)).compose(canvas("red cat"), PROMPT, harmony=0, **QUICK)
        cut = cut_out()
        solid, there = cut[..., 3] == 255, (slice(12, 52), slice(12, 52))
        np.testing.assert_array_equal(made.images[0][there][solid], cut[..., :3][solid])
        outside = made.foreground.alpha == 0
        np.testing.assert_array_equal(made.images[0][outside], made.scenes[0][outside])
        assert apart(made.scenes[0][there][solid], cut[..., :3][solid]) > 1

    def test_sixteen_bit_stay(self, scene: AnyScene) -> None:
        deep = cut_out().astype(np.uint16) * 257
        deep[..., :3] -= deep[..., :3] % 7
        made = scene.compose(Canvas(64, 64).place(deep, box=(12, 12, 52, 52)), PROMPT, harmony=0, **QUICK)
        assert made.images.dtype == made.scenes.dtype == np.uint16
        solid = deep[..., 3] == 65535
        np.testing.assert_array_equal(made.images[0, 12:52, 12:52][solid], deep[..., :3][solid])
        assert len(np.unique(made.scenes % 257)) > 10

    def test_a_batch_of_seeds_equals_single_runs(self, bases: dict[Kind, Path], scene: AnyScene) -> None:
        alone = np.concatenate([scene.compose(canvas("cat"), PROMPT, seeds=seed, **QUICK).images for seed in (3, 8, 4)])
        assert len({image.tobytes() for image in alone}) == 3
        for batch in (1, 2, 3):
            base = load_base(bases["sd1"])
            many = AnyScene(base, tiny_injector(base), batch=batch).compose(
                canvas("cat"), PROMPT, seeds=[3, 8, 4], **QUICK
            )
            # products of matrices of another size may round otherwise
            assert np.abs(many.images.astype(int) - alone).max() <= (0 if batch == 1 else 1), batch
        assert [settings["seed"] for settings in many.settings] == [3, 8, 4]
        of_numpy: dict[str, Any] = {"seeds": np.array([3, 8]), "scale": np.float32(1)}
        numbers = scene.compose(canvas("cat"), PROMPT, **of_numpy, **QUICK)
        np.testing.assert_array_equal(numbers.images, alone[:2])
        assert json.dumps(numbers.settings)

    def test_elements_in_any_order_of_drawing(self, scene: AnyScene) -> None:
        places = [
            {
                "given": cut_out(24, radius=11, seed=n),
                "box": (6 + 9 * n, 8 + 7 * n, 30 + 9 * n, 32 + 7 * n),
                "words": [w],
            }
            for n, w in enumerate(("red cat", "dog", "with"))
        ]
        made = []
        for several in itertools.permutations(places):
            drawn = Canvas(64, 64)
            for place in several:
                drawn.place(**place)
            made.append(scene.compose(drawn, PROMPT, **QUICK))
        assert len(made) == 6
        for each in made[1:]:
            np.testing.assert_array_equal(each.images, made[0].images)
            assert each.settings == made[0].settings


class TestParts:
    def test_each_part_shows(self, scene: AnyScene) -> None:
        def made(**options: Any) -> Any:
            return scene.compose(large("red cat"), PROMPT, **QUICK, **options).scenes

        whole = made()
        np.testing.assert_array_equal(made(scale={"spatial": 1, "semantic": 1}), whole)
        parts: dict[str, dict[str, Any]] = {
            "spatial": {"scale": {"spatial": 0}},
            "semantic": {"scale": {"semantic": 0}},
            "layout": {"layout": False},
            "anchoring": {"tau": 0},
            "part of the steps": {"tau": 0.4},
            "band": {"band": 0},
        }
        for name, options in parts.items():
            assert apart(made(**options), whole) > 0.05, name

    def test_the_foreground_reaches_the_scene(self, scene: AnyScene) -> None:
        """What is around it depends on it by the injector, without any latents being held."""
        outside = canvas().composite().alpha == 0
        for scale in ({"spatial": 0, "semantic": 1}, {"spatial": 1, "semantic": 0}):
            one, other = (
                scene.compose(canvas(seed=seed), PROMPT, scale=scale, **OFF, **QUICK).scenes[0] for seed in (0, 5)
            )
            assert apart(one[outside], other[outside]) > 0.1, scale

    def test_latents_are_held_until_tau(self, scene: AnyScene) -> None:
        """After the last step inside it they are those of the foreground; beyond it and in the band they are free."""
        seen: list[Tensor] = []
        foreground = large()
        for tau in (1, 0.5):
            scene.compose(foreground, PROMPT, tau=tau, steps=4, callback=lambda n, of, x: seen.append(x.clone()))
        held, free = seen[3], seen[7]
        shown = Foreground.of(foreground.composite(), scene.device)
        inside = shown.inside(scene.base.vae, band=1).expand_as(held)
        assert 4 <= inside[0, 0].sum() < 30
        clean = shown.latents(scene.base.vae)
        assert torch.equal(held[inside], clean[inside])
        assert not torch.equal(held[~inside], clean[~inside])
        assert not torch.equal(free[inside], clean[inside])
        assert torch.equal(seen[5], seen[1])

    def test_without_an_injector(self, bases: dict[Kind, Path]) -> None:
        scene = AnyScene.from_base(bases["sd1"], device="cpu")
        made = scene.compose(large("cat"), PROMPT, **QUICK)
        assert made.settings[0]["injector"] is None
        assert apart(made.scenes, scene.compose(large("cat"), PROMPT, tau=0, **QUICK).scenes) > 0.1

    def test_edges_alone(self, bases: dict[Kind, Path]) -> None:
        """The form that it is compared with reads the prompt, and sees edges only."""
        base = load_base(bases["sd1"])
        rival = AnyScene(base, tiny_injector(base, form="canny"))
        one, other, without = (
            rival.compose(Canvas(64, 64).place(cut_out(64, radius=radius)), PROMPT, scale=scale, **OFF, **QUICK).scenes
            for radius, scale in ((30, 9), (10, 9), (30, 0))
        )
        assert not np.array_equal(one, other)
        assert apart(one, without) > 0.05

    def test_on_and_off(self, bases: dict[Kind, Path]) -> None:
        base = load_base(bases["sd1"])
        before = base.unet.attn_processors
        scene = AnyScene(base, tiny_injector(base))
        scene.load(tiny_injector(base, seed=1))
        with_it = scene.compose(canvas(), PROMPT, **QUICK)
        scene.unload()
        assert {name: type(each) for name, each in base.unet.attn_processors.items()} == {
            name: type(each) for name, each in before.items()
        }
        assert apart(with_it.scenes, scene.compose(canvas(), PROMPT, **QUICK).scenes) > 0.05


class TestRunning:
    def test_any_canvas(self, scene: AnyScene) -> None:
        for width, height in ((64, 64), (104, 40), (8, 72)):
            made = scene.compose(Canvas(width, height).place(cut_out()), PROMPT, steps=1)
            assert made.images.shape == (1, height, width, 3)
            assert made.settings[0]["size"] == [height, width]

    def test_an_element_alone(self, scene: AnyScene) -> None:
        made = scene.compose(cut_out(), PROMPT, steps=1)
        assert made.images.shape == (1, 64, 64, 3)
        rows = np.flatnonzero(made.foreground.alpha.any(axis=1))
        assert 13 <= rows[0] < rows[-1] <= 50

    def test_in_little_memory(self, bases: dict[Kind, Path], scene: AnyScene) -> None:
        base = load_base(bases["sd1"])
        small = AnyScene(base, tiny_injector(base), low_memory=True)
        processors = {name: type(each) for name, each in base.unet.attn_processors.items()}
        made = small.compose(canvas("cat"), PROMPT, **QUICK)
        assert apart(made, scene.compose(canvas("cat"), PROMPT, **QUICK)) < 1
        assert {name: type(each) for name, each in base.unet.attn_processors.items()} == processors
        assert not base.vae.use_tiling

    @pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
    def test_half_precision(
        self,
        bases: dict[Kind, Path],
        scene: AnyScene,
        dtype: str,
        caplog: pytest.LogCaptureFixture,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(logging.getLogger("diffusers"), "propagate", True)
        injector = tiny_injector(load_base(bases["sd1"]))
        half = AnyScene.from_base(bases["sd1"], injector, "cpu", dtype)
        assert next(injector.parameters()).dtype == torch.float32
        coarse, exact = (each.compose(canvas("cat"), PROMPT, **QUICK) for each in (half, scene))
        assert 0 < apart(coarse.scenes, exact.scenes) < 12
        assert "cannot run" not in caplog.text
        assert coarse.settings[0]["dtype"] == dtype
        assert coarse.settings[0]["injector"] == exact.settings[0]["injector"]

    def test_less_memory_less_batch(self, bases: dict[Kind, Path], monkeypatch: pytest.MonkeyPatch) -> None:
        base, told = load_base(bases["sd1"]), list[str]()
        scene = AnyScene(base, tiny_injector(base), batch=4, notify=told.append)
        forward = base.unet.forward

        def limited(sample: Tensor, *more: Any, **options: Any) -> Any:
            if len(sample) > 4:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return forward(sample, *more, **options)

        monkeypatch.setattr(base.unet, "forward", limited)
        assert len(scene.compose(canvas(), PROMPT, seeds=[1, 2, 3], **QUICK)) == 3
        assert told == ["out of memory at size 3, going on with 1"]
        assert scene.batch == 1

    def test_the_safety_checker_acts(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        base, told = load_base(tiny_base(tmp_path / "base", safety_checker=True)), list[str]()

        def flag(images: Any, clip_input: Any) -> Any:
            return [image * 0 if number == 1 else image for number, image in enumerate(images)], [False, True]

        monkeypatch.setattr(base.safety_checker, "forward", flag)
        made = AnyScene(base, notify=told.append).compose(canvas(), PROMPT, seeds=[1, 2], **QUICK)
        assert made.flagged == (False, True)
        assert made.images[0].any()
        assert not made.images[1].any()
        assert told == ["the base model's safety checker made the image of seed 2 black"]

    def test_settings(self, scene: AnyScene) -> None:
        drawn = canvas("red cat").place(cut_out(seed=4), box=(0, 0, 20, 20), rotation=30, order=2, name="dog")
        settings = scene.compose(drawn, PROMPT, "a boat", seeds=[7], scale={"semantic": 0.5}, harmony=0.25, **QUICK)
        told = settings.settings[0]
        expected = {
            **{"prompt": PROMPT, "negative": "a boat", "seed": 7, "steps": 3, "sampler": "dpm++", "guidance": 7.5},
            **{"spatial": 1.0, "semantic": 0.5, "layout": True, "tau": 0.8, "band": 1, "harmony": 0.25},
            **{"levels": 4, "keep_low": 2, "dtype": "float32"},
        }
        assert {name: told[name] for name in expected} == expected
        first, second = told["elements"]
        assert (first["box"], first["words"]) == ([12, 12, 52, 52], ["red cat"])
        assert (second["rotation"], second["order"], second["name"]) == (30, 2, "dog")
        assert first["image"] != second["image"]


class TestBadInput:
    @pytest.mark.parametrize(
        ("options", "told"),
        [
            ({"steps": 0}, "steps is 0"),
            ({"sampler": "none"}, "unknown sampler 'none'"),
            ({"guidance": -1}, "guidance is -1"),
            ({"scale": {"text": 1}}, "scale names text; routes are spatial and semantic"),
            ({"scale": -1}, "the spatial scale is -1; it must be at least 0"),
            ({"tau": 1.5}, "tau is 1.5"),
            ({"band": -1}, "band is -1"),
            ({"harmony": 2}, "harmony is 2"),
            ({"seeds": []}, "no image is asked for"),
            ({"seeds": 1.5}, r"seeds are 1\.5; they must be whole numbers"),
        ],
    )
    def test_settings_outside_of_their_range(self, scene: AnyScene, options: dict[str, Any], told: str) -> None:
        with pytest.raises(InputError, match=told):
            scene.compose(canvas(), PROMPT, **options)
        with pytest.raises(InputError, match=told):
            scene.check(PROMPT, **options)

    def test_a_prompt_without_the_words(self, scene: AnyScene) -> None:
        drawn = Canvas(64, 64).place(cut_out(), name="mug", words=["blue mug"])
        told = "element 'mug': the prompt 'a red cat with a dog' does not contain 'blue mug', which should mean it"
        with pytest.raises(InputError, match=told):
            scene.compose(drawn, PROMPT, **QUICK)

    @pytest.mark.parametrize("kind", ["sd1", "sdxl"])
    def test_a_base_without_a_text_encoder(self, kind: Kind, tmp_path: Path) -> None:
        base = tiny_components(tmp_path, kind=kind)
        name = "text_encoder_2" if kind == "sdxl" else "text_encoder"
        setattr(base, name, None)
        with pytest.raises(InputError, match=f"the base has no {name}, so no prompt can be read"):
            AnyScene(base)

    def test_a_base_of_another_kind(self, bases: dict[Kind, Path]) -> None:
        injector = tiny_injector(load_base(bases["sd1"]))
        base = load_base(bases["sdxl"])
        before = {name: type(each) for name, each in base.unet.attn_processors.items()}
        with pytest.raises(InputError, match="this injector is for one with"):
            AnyScene(base, injector)
        assert {name: type(each) for name, each in base.unet.attn_processors.items()} == before

    def test_numbers_that_are_not_finite(self, bases: dict[Kind, Path]) -> None:
        base = load_base(bases["sd1"])
        injector = tiny_injector(base)
        with torch.no_grad():
            next(injector.parameters()).fill_(float("nan"))
        with pytest.raises(InputError, match="the latents of seed 0 are not finite after step 1 of 3"):
            AnyScene(base, injector).compose(canvas(), PROMPT, **QUICK)

    def test_a_batch_of_none(self, scene: AnyScene) -> None:
        with pytest.raises(InputError, match="batch is 0"):
            AnyScene(scene.base, batch=0)


class TestWords:
    def spans(self, prompt: str, **named: Any) -> list[str]:
        told: list[str] = []
        found = [prompt[a:b] for a, b in spans_of(prompt, Element(cut_out(), **named), told.append)]
        return found + [f"told: {line}" for line in told]

    def test_whole_words_wherever_they_stand(self) -> None:
        assert self.spans("A Cat, a catalogue and a cat", words=["cat"]) == ["Cat", "cat"]
        assert self.spans("a red  mug", words=["red mug"]) == ["red  mug"]
        assert self.spans("a red mug on a table", words=["mug", "table"]) == ["mug", "table"]
        assert self.spans("a red mug", words=[(3, 4), (6, 9)]) == ["red", "mug"]
        assert self.spans("naïve café", words=["café"]) == ["café"]

    def test_a_name_is_looked_for(self) -> None:
        assert self.spans("a red mug", name="mug") == ["mug"]
        assert self.spans("a red mug", name="mug", words=["red"]) == ["red"]
        assert self.spans("a table", name="mug")[0].startswith("told: the prompt does not name 'mug'")
        assert self.spans("a table") == []

    @pytest.mark.parametrize(
        ("prompt", "words", "tokens"),
        [
            ("a cat", ["cat"], [2]),
            ("a cat", ["a cat"], [1, 2]),
            ("cat of a cat", ["cat"], [1, 4]),
            # letters that are no words of this tokeniser
            ("a xy cat", ["cat"], [4]),
            ("a cat, a dog", ["dog"], [5]),
        ],
    )
    def test_tokens(self, scene: AnyScene, prompt: str, words: list[str], tokens: list[int]) -> None:
        named = named_tokens(scene.base.tokenizer, prompt, [Element(cut_out(), words=words)], print)
        assert named is not None
        assert named.shape == (1, 77)
        assert named[0].nonzero().flatten().tolist() == tokens
        ids = scene.base.tokenizer(prompt).input_ids
        back = scene.base.tokenizer.decode([ids[place] for place in tokens]).split()
        assert back == " ".join(words * (len(back) // len(words[0].split()))).split()

    def test_elsewhere_a_prompt_is_read_without_the_names(self, scene: AnyScene) -> None:
        elements = [Element(cut_out(), words=["cat"])]
        assert without_names("A cat with a red Cat on the sea", elements) == "with a red on the sea"
        assert without_names("the sea", [Element(cut_out())]) == "the sea"
        both = [Element(cut_out(), words=words) for words in (["red mug"], ["mug"], ["mug", "a red"])]
        assert without_names("a red mug on a big table", both) == "on a big table"
        assert without_names("two mug on a table", [both[1]] * 2) == "two on a table"
        request = scene._request(canvas("cat"), "a cat with a dog", "blue")
        whole = Generation(scene.base, scene.injector, scene._handle, request, print)
        first, behind = whole.prompts.embeds.split(77, dim=1)
        told: dict[str, Any] = {"guided": True, "notify": print, "size": (64, 64)}
        assert torch.equal(first, encode(scene.base, "a cat with a dog", "blue", **told).embeds)
        assert torch.equal(behind, encode(scene.base, "with a dog", "blue", **told).embeds)
        assert whole.layout.named is not None
        assert whole.layout.named[0, 0].tolist() == [True] * 77 + [False] * 77
        two = canvas("cat").place(cut_out(), box=(0, 0, 12, 12))
        request = scene._request(two, "a cat with a dog", "")
        named = Generation(scene.base, scene.injector, scene._handle, request, print).layout.named
        assert named is not None
        assert named.any(dim=2).tolist() == [[False, True]], "an element without a name sees no names of others"
        plain = Generation(scene.base, scene.injector, scene._handle, scene._request(canvas(), "a cat", ""), print)
        assert plain.prompts.embeds.shape[1] == 77

    def test_words_that_the_base_does_not_read(self, scene: AnyScene) -> None:
        long = "a cat with a house " * 20
        with pytest.raises(InputError, match="behind the 75 tokens that the base reads"):
            named_tokens(scene.base.tokenizer, f"{long} and a dog", [Element(cut_out(), words=["dog"])], print)
        with pytest.raises(InputError, match="letters 3 to 99 of a prompt of 5"):
            self.spans("a cat", words=[(3, 99)])

    def test_long_prompts_are_told(self, bases: dict[Kind, Path], capfd: pytest.CaptureFixture[str]) -> None:
        told: list[str] = []
        AnyScene(load_base(bases["sd1"]), notify=told.append).compose(canvas(), "a cat " * 38 + "red dog", steps=1)
        cut = ["a prompt is too long, there is room for 75 tokens; what is cut off: cat red dog"]
        assert told == cut
        told.clear()
        base = load_base(bases["sd1"])
        scene = AnyScene(base, tiny_injector(base), notify=told.append)
        scene.compose(canvas("blue house"), "blue house " + "a cat " * 37 + "red dog", steps=1)
        assert [line.rpartition(": ")[2] for line in told] == ["cat red dog"], "once, and not of the rest of a prompt"
        assert "truncated" not in capfd.readouterr().err


def test_decoding_is_the_last_of_it(scene: AnyScene) -> None:
    last: list[Tensor] = []
    made = scene.compose(canvas(), PROMPT, callback=lambda n, of, x: last.append(x), **QUICK)
    image = decode(scene.base.vae, last[-1])[0].permute(1, 2, 0).detach().numpy()
    np.testing.assert_array_equal(made.scenes[0], np.rint(image * 255).astype(np.uint8))


def test_injectors_are_saved_and_loaded_again(scene: AnyScene, bases: dict[Kind, Path], tmp_path: Path) -> None:
    scene.save_pretrained(tmp_path / "injector")
    again = AnyScene.from_pretrained(tmp_path / "injector", bases["sd1"], "cpu")
    assert again.recorded() == scene.recorded()
    with pytest.raises(InputError, match="there is no injector to save"):
        AnyScene(load_base(bases["sd1"])).save_pretrained(tmp_path / "none")
    (tmp_path / "theirs.pth").write_bytes(b"")
    with pytest.raises(InputError, match=r"theirs\.pth"):
        AnyScene.from_published(tmp_path / "theirs.pth")
