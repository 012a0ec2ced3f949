"""What methods that generate have in common: settings in PNG files, seeds, batches, the loop over steps."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

from visioncore.devices import in_batches
from visioncore.diffusion.latents import own_size, seeds_of
from visioncore.diffusion.sampling import check_guidance, sample
from visioncore.errors import InputError
from visioncore.images import Image, read_image, write_image
from visioncore.images.png_settings import read_settings, write_png
from visioncore.inference.generated import Generated, check_png
from visioncore.testing.photos import photo
from visioncore.testing.refusals import refusal


class TestSettings:
    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    def test_any_text(self, dtype: Any, tmp_path: Path) -> None:
        settings = {"prompt": "Кот, 猫, \udce9 and “quotes”\n" * 500, "seed": 2**62, "none": None}
        pixels = photo(8, 9, seed=0).astype(dtype) * (np.iinfo(dtype).max // 255)
        write_png(tmp_path / "new" / "a.png", pixels, settings, "method")
        assert read_settings(tmp_path / "new" / "a.png", "method") == settings
        read = read_image(tmp_path / "new" / "a.png").pixels
        assert read.dtype == dtype
        np.testing.assert_array_equal(read, pixels)

    def test_files_without(self, tmp_path: Path) -> None:
        write_image(tmp_path / "plain.png", Image(photo(8, 9, seed=0)))
        write_image(tmp_path / "photo.jpg", Image(photo(8, 9, seed=0)))
        write_png(tmp_path / "other.png", photo(8, 9), {}, "other")
        for name, told in (
            ("plain.png", "holds no settings; it was not made by method"),
            ("photo.jpg", "no PNG file"),
            ("none.png", "none.png"),
            ("other.png", "holds no settings"),
        ):
            assert told in str(refusal(partial(read_settings, name="method"), tmp_path / name))


class TestSeeds:
    def test_of_images(self) -> None:
        assert seeds_of(3, 2) == [3, 4]
        assert seeds_of(3, None) == [3]
        assert seeds_of([5, 1], None) == [5, 1]
        numbers: Any = np.arange(3, 5)
        for given, images in ((numbers[0], 2), (numbers, None)):
            assert [type(seed) for seed in seeds_of(given, images)] == [int, int]
            assert seeds_of(given, images) == [3, 4]
        for seed, images, told in (
            (3, 0, "no image is asked for"),
            ([1, 2], 3, "2 seeds for 3 images"),
            (-1, None, "seed is -1"),
        ):
            with pytest.raises(InputError, match=told):
                seeds_of(seed, images)

    def test_size_of_a_base(self) -> None:
        vae = SimpleNamespace(config=SimpleNamespace(block_out_channels=(4, 4, 4, 4)))
        for size, own in ((64, (512, 512)), ((60, 80), (480, 640))):
            unet = SimpleNamespace(config=SimpleNamespace(sample_size=size))
            assert own_size(SimpleNamespace(unet=unet, vae=vae)) == own


def test_batches_get_smaller() -> None:
    told: list[str] = []

    def run(items: Any) -> list[int]:
        if len(items) > 2:
            raise MemoryError
        return list(items)

    made, batch = in_batches(run, range(7), 5, told.append)
    assert (made, batch) == ([[0, 1], [2, 3], [4, 5], [6]], 2)
    assert len(told) == 1
    assert in_batches(run, range(3), 2, told.append) == ([[0, 1], [2]], 2)


@dataclass(frozen=True, eq=False, repr=False)
class Made(Generated):
    method: ClassVar[str] = "method"
    made_of: ClassVar[str] = "cut-out"


def test_results_are_numbered(tmp_path: Path) -> None:
    settings = tuple({"prompt": "a cat", "seed": seed} for seed in (3, 4))
    result = Made(np.stack([photo(8, 9, seed) for seed in (3, 4)]), settings, tmp_path / "mug.png")
    assert result.save(tmp_path / "out") == tmp_path / "out"
    assert read_settings(tmp_path / "out" / "mug-1.png", "method")["seed"] == 4
    with pytest.raises(InputError, match="this is the cut-out itself"):
        Made(result.images[:1], settings[:1], tmp_path / "mug.png").save(tmp_path / "mug.png")
    with pytest.raises(InputError, match=r"x\.jpg: images are written as \.png"):
        check_png(tmp_path / "x.jpg")


class Halves:
    """A scheduler that takes half of the prediction."""

    init_noise_sigma = 2.0

    def set_timesteps(self, steps: int, device: Any) -> None:
        self.timesteps = torch.arange(steps, 0, -1)

    def scale_model_input(self, latents: Any, t: Any) -> Any:
        return latents

    def add_noise(self, clean: Any, noise: Any, t: Any) -> Any:
        return clean + noise * t

    def step(self, predicted: Any, t: Any, latents: Any, return_dict: bool) -> Any:
        return (latents - predicted / 2,)


class TestSteps:
    def test_the_way(self) -> None:
        noise, seen, told = torch.ones(1, 1, 1, 1), list[float](), list[int]()

        def predict(x: Any, t: Any, progress: float) -> Any:
            seen.append(progress)
            return x

        def after(latents: Any, step: int, timesteps: Any) -> Any:
            return latents + (10 if step == len(timesteps) - 1 else 0)

        made = sample(
            Halves(), noise, predict, seeds=[0], steps=4, after=after, callback=lambda n, of, _: told.append(n)
        )
        assert float(made) == 2 / 2**4 + 10
        assert (seen, told) == ([0, 0.25, 0.5, 0.75], [1, 2, 3, 4])
        half = sample(Halves(), noise, predict, seeds=[0], steps=4, strength=0.5, clean=5 * noise)
        assert float(half) == (5 + 2) / 2**2

    def test_what_is_not_finite(self) -> None:
        noise = torch.ones(2, 1, 1, 1)

        def predict(x: Any, t: Any, progress: float) -> Any:
            return torch.where(torch.tensor([True, progress < 0.5])[:, None, None, None], x, float("nan"))

        with pytest.raises(InputError, match="the latents of seed 8 are not finite after step 3 of 4"):
            sample(Halves(), noise, predict, seeds=[7, 8], steps=4)

    def test_guidance(self) -> None:
        check_guidance(guidance=0, style_guidance=None)
        with pytest.raises(InputError, match="style_guidance is 101; it must be from 0 to 100"):
            check_guidance(guidance=7, style_guidance=101)
