"""The paper's protocols: images before and after denoising against clean ones -> tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from visioncore.errors import InputError
from visioncore.files import walk
from visioncore.images import read_image, to_tensor
from visioncore.images.photo_cache import Photos
from visioncore.inference.batch import progress
from visioncore.metrics.evaluation import check_protocols, find_results, measure_by, result_names

from ..data.ct_slices import TEST_PATIENTS, find_doses, find_full_dose, patient_of, read_slice
from ..data.datasets import Pair, clean_sets, holds_clean_sets, holds_pairs, real_sets
from ..data.hounsfield import HU_RANGE
from ..data.noise import TABLE, Noise
from ..data.patches import Patches
from .noise_power import SIDE, noise_power
from .result import Evaluation, MeasuredImage

Denoise = Callable[[Tensor], Tensor] | str | Path
"""Noisy images (B, C, H, W) float32 of any size, in [0, 1] or, as noise has it, beyond -> denoised ones, alike; or a
folder of results of any tool, see `find_denoised`."""

PROTOCOLS = ("synthetic", "real", "ct")
CT_PROTOCOLS = ("ct", "ct_3096")
"""The consistent one, and the authors' test script with its other upper bound: the paper's numbers."""
_METRICS = {"synthetic": ("colour",), "real": ("rgb",), "ct": CT_PROTOCOLS}


class Item(NamedTuple):
    """An image to be measured.

    Attributes:
        labels: its set, noise and name.
        path: the noisy image, or the clean one to which noise is added.
        load: returns ``noisy`` and ``clean``, (C, H, W) float32.
    """

    labels: dict[str, str]
    path: Path
    load: Callable[[], dict[str, Tensor]]


def evaluate(
    data: str | Path,
    denoise: Denoise,
    *,
    protocols: Sequence[str] = (),
    noises: Sequence[Noise] = (),
    patients: Sequence[str] | None = TEST_PATIENTS,
    batch: int = 1,
    denoised_by: str = "",
) -> Evaluation:
    """Measure by protocols of the paper.

    - ``synthetic``: clean photos with noise that is added here; ``colour`` PSNR and SSIM. The noise of an image comes
      from a generator that starts at 0 for each, and reaches the network as it is, neither rounded nor (by most kinds)
      clipped; the result is clamped to [0, 1] and not rounded.
    - ``real``: pairs of noisy and clean photos of 8 bit; ``rgb`` PSNR and SSIM of the result clamped and rounded to 8
      bit.
    - ``ct``: slices at quarter dose, or at full dose with noise that is added; PSNR and SSIM by `CT_PROTOCOLS`, and the
      error's mean and root mean square in HU. Nothing is clamped but by the metrics, which cut to -1024 to 3072 HU.

    Args:
        data: a folder of clean photos, of pairs as `datasets.find_pairs` takes them, or one in which published test
            sets of either lie; or the folder that `prepare` writes.
        denoise: what denoises images, of CT stored values, 0 for -1024 HU and 1 for 3072 HU; or a folder of results.
        protocols: of `PROTOCOLS`; none for those that suit the data (`suitable_protocols`).
        noises: kinds and levels; by default the eleven of the paper, for CT quarter dose.
        patients: of CT, whose slices; None for all.
        batch: how many images of one size and one after the other are denoised at once.
        denoised_by: what denoises them, for the report; by default the folder of results.

    Raises:
        InputError: if there are no such images, one cannot be read or is too small for SSIM, results are missing or of
            another size, or ``noises`` are given for real ones.
    """
    images: list[MeasuredImage] = []
    for protocol in check_protocols(protocols or suitable_protocols(data, noises), PROTOCOLS):
        if protocol == "real" and noises:
            raise InputError(f"noises are {', '.join(map(str, noises))}; real images have their own, so give none")
        images += _measure([*_items(protocol, data, noises, patients)], denoise, _METRICS[protocol], batch)
    return Evaluation(images, denoised_by or ("" if callable(denoise) else str(denoise)))


def suitable_protocols(data: str | Path, noises: Sequence[Noise] = ()) -> list[str]:
    """Return the protocols for what lies in a folder: slices of CT, pairs, test sets of clean photos, or photos."""
    folder = Path(data)
    if any(path.name.endswith("_target.npy") for _, files in walk(folder) for path in files):
        return ["ct"]
    real = not noises and holds_pairs(folder)
    return ["synthetic"] * (not real or holds_clean_sets(folder)) + ["real"] * real


def find_denoised(folder: str | Path, items: Sequence[Item]) -> list[Path]:
    """Return the result of each image in a folder that any tool may have filled.

    Results are called as their noisy images, in any format (slices of CT: npy of stored values), in the folder itself
    or in one for their noise (``gaussian-25``), for their set, or for their noise inside that of their set.

    Raises:
        InputError: if there is no such folder, a result is missing, or one would count for several images.
    """
    places: dict[str, list[str]] = {}
    for labels, path, _ in items:
        data, noise = labels["set"], labels["noise"].replace(":", "-")
        names = [path.name] if path.suffix == ".npy" else result_names(path.name)
        key = f"{data}/{noise}/{path.name}"
        places[str(path) if key in places else key] = [
            f"{place}/{name}" for place in (f"{data}/{noise}", noise, data, ".") for name in names
        ]
    return list(find_results(folder, places, "denoised image").values())


def _items(protocol: str, data: str | Path, noises: Sequence[Noise], patients: Sequence[str] | None) -> Iterator[Item]:
    """Yield the images of a protocol, in the order of the sets, and for each set in that of the noises."""
    if protocol == "ct":
        for noise in noises:
            yield from _set_items(None, str(noise), Patches(find_full_dose(data, patients), noise, read=read_slice))
        if not noises:
            yield from _set_items(None, "quarter dose", Patches(find_doses(data, patients), read=read_slice))
    elif protocol == "real":
        for name, pairs in real_sets(data).items():
            yield from _set_items(name, "real", Patches(pairs, read=Photos(cache_mb=0)))
    else:
        read = Photos()
        for name, photos in clean_sets(data).items():
            for noise in noises or TABLE:
                yield from _set_items(name, str(noise), Patches(photos, noise, read=read))


def _set_items(data: str | None, noise: str, source: Patches) -> Iterator[Item]:
    """Yield the images of a set with one noise; the set of a slice of CT is its patient."""
    for index, (entry, clean) in enumerate(zip(source.images, source.clean_files(), strict=True)):
        path = entry.noisy if isinstance(entry, Pair) else entry
        labels = {"set": patient_of(clean) if data is None else data, "noise": noise, "image": path.name}
        yield Item(labels, path, partial(source.centre, index))


def _measure(items: Sequence[Item], denoise: Denoise, protocols: Sequence[str], batch: int) -> list[MeasuredImage]:
    if batch < 1:
        raise InputError(f"batch is {batch}; it must be at least 1")
    results = None if callable(denoise) else find_denoised(denoise, items)
    measured: list[MeasuredImage] = []
    waiting: list[tuple[Item, Tensor, Tensor]] = []

    def work() -> None:
        noisy = [sample[1] for sample in waiting]
        if callable(denoise):
            denoised: Iterable[Tensor] = denoise(torch.stack(noisy)).detach().cpu()
        else:
            assert results is not None
            denoised = [_read_result(results[len(measured) + k], image) for k, image in enumerate(noisy)]
        for (item, before, clean), after in zip(waiting, list(denoised), strict=True):
            noisy_values, values = (_values(image, clean, protocols, item.path) for image in (before, after))
            power = _power(before, after, clean) if protocols == CT_PROTOCOLS else None
            measured.append(MeasuredImage(item.labels, noisy_values, values, power))
            advance()
        waiting.clear()

    with progress(len(items), "images") as advance:
        for item in items:
            sample = item.load()
            if waiting and (len(waiting) == batch or waiting[0][1].shape != sample["noisy"].shape):
                work()
            waiting.append((item, sample["noisy"], sample["clean"]))
        if waiting:
            work()
    return measured


def _read_result(path: Path, noisy: Tensor) -> Tensor:
    """Return a result (C, H, W) from a file, which must be of the size of its noisy image."""
    ct = path.suffix == ".npy"
    result = torch.from_numpy(read_slice(path)).permute(2, 0, 1) if ct else to_tensor(read_image(path))[0]
    if result.shape != noisy.shape:
        sizes = " and ".join(f"{width}x{height}" for _, height, width in (result.shape, noisy.shape))
        raise InputError(f"{path}: another size than its noisy image (width x height {sizes})")
    return result


def _values(image: Tensor, clean: Tensor, protocols: Sequence[str], path: Path) -> dict[str, float]:
    values = measure_by(protocols, image[None], clean[None], path)
    if protocols == CT_PROTOCOLS:
        error = (image.double() - clean.double()) * HU_RANGE
        values |= {"mean_error_hu": float(error.mean()), "rms_error_hu": float(error.square().mean().sqrt())}
    return values


def _power(noisy: Tensor, denoised: Tensor, clean: Tensor) -> tuple[Tensor, Tensor] | None:
    if min(clean.shape[1:]) < SIDE:
        return None
    before, after = (noise_power((image[0].double() - clean[0].double()) * HU_RANGE) for image in (noisy, denoised))
    return before, after
