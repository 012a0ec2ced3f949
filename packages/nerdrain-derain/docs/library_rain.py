"""Rain of other libraries on photos, as pairs, to measure what networks do to rain that ours did not train them on.

    pip install albumentations==2.0.8       # or kornia==0.9.0; or imgaug==0.4.0 "numpy<1.24";
                                            # or straug==0.1.2 "setuptools<70", which wants ImageMagick
    python docs/library_rain.py --library albumentations --photos CBSD68 --out kinds/

A folder for each kind, with ``input`` and ``target``. Needs nothing but the library, OpenCV and NumPy, so that it runs
in an environment of its own: these libraries want other versions of NumPy than this project. Left out is what a library
does to a photo besides its rain: darkening, and blur of the whole.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

SEED = 11
PHOTO = Callable[[Any], Any]


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--library", choices=list(LIBRARIES), required=True)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--every", type=int, default=1, help="take each so-many-th photo only")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args(arguments)
    for kind, rain in LIBRARIES[given.library]().items():
        for path in sorted(given.photos.glob("*.png"))[:: given.every]:
            clean = cv2.imread(str(path), cv2.IMREAD_COLOR)
            for role, pixels in (("input", rain(clean)), ("target", clean)):
                folder = given.out / f"{given.library}-{kind}" / role
                folder.mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(folder / path.name), pixels)


def albumentations() -> dict[str, PHOTO]:
    """Return rain of `albumentations.RandomRain`: its preset kinds, on which nothing but streaks is drawn."""
    import albumentations as library

    def of(kind: str) -> PHOTO:
        rain = library.RandomRain(rain_type=kind, brightness_coefficient=1.0, blur_value=1, p=1.0)
        pipeline = library.Compose([rain], seed=SEED)
        return lambda photo: pipeline(image=photo)["image"]

    return {kind: of(kind) for kind in ("drizzle", "heavy", "torrential")}


def kornia() -> dict[str, PHOTO]:
    """Return rain of `kornia.augmentation.RandomRain`: as many drops as its default, and four times as many."""
    import torch
    from kornia.augmentation import RandomRain

    def of(times: int) -> PHOTO:
        rain = RandomRain(number_of_drops=(1000 * times, 2000 * times), p=1.0)
        torch.manual_seed(SEED)

        def fall(photo: Any) -> Any:
            image = torch.from_numpy(photo).permute(2, 0, 1)[None].float() / 255
            return np.rint(rain(image)[0].permute(1, 2, 0).numpy() * 255).astype(np.uint8)

        return fall

    return {"default": of(1), "heavy": of(4)}


def imgaug() -> dict[str, PHOTO]:
    """Return rain of `imgaug.augmenters.Rain`: its default, and twice to three times as many layers."""
    import imgaug.augmenters as library

    def of(layers: tuple[int, int]) -> PHOTO:
        rain = library.Rain(nb_iterations=layers, seed=SEED)
        return lambda photo: rain(image=photo)

    return {"default": of((1, 3)), "heavy": of((4, 6))}


def straug() -> dict[str, PHOTO]:
    """Return rain of `straug.weather.Rain`: once, which is sparse on photos, and twenty times over each other."""
    from PIL import Image
    from straug.weather import Rain

    def of(times: int) -> PHOTO:
        rain = Rain(rng=np.random.default_rng(SEED))

        def fall(photo: Any) -> Any:
            image = Image.fromarray(photo)  # the light of its streaks is grey, so the order of channels is no matter
            for _ in range(times):
                image = rain(image, mag=1)
            return np.asarray(image)

        return fall

    return {"once": of(1), "twenty": of(20)}


LIBRARIES: dict[str, Callable[[], dict[str, PHOTO]]] = {
    "albumentations": albumentations,
    "kornia": kornia,
    "imgaug": imgaug,
    "straug": straug,
}


if __name__ == "__main__":
    main()
