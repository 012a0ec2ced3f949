"""A noisy picture or CT scan in, the same with less noise out."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from visioncore.devices import is_out_of_memory, resolve_device, resolve_dtype, with_backoff
from visioncore.errors import InputError
from visioncore.files import writable_folder
from visioncore.images import IMAGE_SUFFIXES, from_tensor, to_tensor, write_image
from visioncore.inference.batch import Summary, plan_jobs, process_files, progress
from visioncore.inference.dihedral import self_ensemble
from visioncore.inference.scan_planning import plan_scans
from visioncore.inference.tiling import run_tiled, run_whole

from ..data.ct import CT_SCANS, write_ct
from ..data.hounsfield import HU_MIN, PADDING, to_hu, to_unit
from ..network.fast import for_inference
from ..network.model import MULTIPLE, CLIPDenoiser
from .inputs import Noisy, as_picture, as_scan
from .result import CTPrediction, Denoised, Prediction

__all__ = ["CTPrediction", "Denoised", "Prediction", "Predictor", "Tiles", "parse_tiles", "predict_files"]

Tiles = tuple[int, int] | None
"""How an image is cut up: into tiles of (size, overlap), or not at all."""

LEAST_OVERLAP = 64
"""What tiles must share: the network looks far around each pixel."""


def parse_tiles(text: str) -> Tiles:
    """Return what ``whole`` or ``SIZE,OVERLAP`` stands for.

    Raises:
        InputError: if it is neither.
    """
    if text == "whole":
        return None
    size, comma, overlap = text.partition(",")
    if not (comma and size.strip().isdecimal() and overlap.strip().isdecimal()):
        raise InputError(f"tiles is {text!r}; it must be whole or SIZE,OVERLAP such as 512,64")
    return int(size), int(overlap)


class Predictor:
    """Takes noise out of pictures, or CT scans, of any size.

    Args:
        model: the network; it is not changed. One of three channels is for pictures, one of one channel for CT.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
        dtype: ``float32``; ``bfloat16`` or ``float16`` for more speed at a small cost in accuracy; ``auto`` is
            bfloat16 on GPUs that have it and float32 elsewhere.
        strength: share of the denoised picture in the result, the rest being the noisy one: 1 is all that the network
            takes away, 0 nothing.
        tiles: (size, overlap), or as text (`parse_tiles`), for images that are too large for the memory, 0.3 GB a
            megapixel on a CPU. An approximation: the network's upsampling depends on the size of what it is given, so
            tiles change results a little everywhere, not only where they meet. By default images are run whole.
        self_ensemble: average over the eight turned and mirrored versions, at eight times the cost.
        batch: images, CT slices or tiles on the device at a time; fewer, of images for good, after memory ran out.
        notify: told, in one line, when the batch is halved, and what is odd about a CT scan; default: a warning.

    Raises:
        InputError: if an option is not what it should be.
    """

    def __init__(
        self,
        model: CLIPDenoiser,
        device: str | torch.device = "auto",
        *,
        dtype: str = "float32",
        strength: float = 1.0,
        tiles: Tiles | str = None,
        self_ensemble: bool = False,
        batch: int = 8,
        notify: Callable[[str], None] = warnings.warn,
    ) -> None:
        self.device = resolve_device(device)
        self.dtype = resolve_dtype(dtype, self.device)
        self.config, self.channels = model.config, model.config.channels
        self.tiles = parse_tiles(tiles) if isinstance(tiles, str) else tiles
        self.strength, self.self_ensemble, self.batch, self.notify = strength, self_ensemble, batch, notify
        if not 0 <= strength <= 1:
            raise InputError(
                f"strength is {strength:g}; it must be from 0 (nothing is done) to 1 (all the network does)"
            )
        if batch < 1:
            raise InputError(f"batch is {batch}; at least one image must be on the device at a time")
        if self.tiles:
            size, overlap = self.tiles
            if size % MULTIPLE or not LEAST_OVERLAP <= overlap < size:
                raise InputError(
                    f"tiles are {size},{overlap}; the size must be a multiple of {MULTIPLE}, the overlap at least "
                    f"{LEAST_OVERLAP} and smaller than that"
                )
        self._fast = for_inference(model, self.device, self.dtype)

    def __call__(self, noisy: Noisy) -> Denoised:
        """Take the noise out of what the network is for: as `volume` if it has one channel, else as `picture`."""
        return self.volume(noisy) if self.channels == 1 else self.picture(noisy)

    def picture(self, noisy: Noisy) -> Prediction:
        """Take the noise out of a picture; depth, grey, alpha, profile and EXIF are kept.

        Args:
            noisy: a file, an `Image`, or an array (H, W, 3) of RGB or (H, W) of grey, uint8 or uint16.

        Raises:
            InputError: if it cannot be read or is no picture, the network is for CT, or the memory does not suffice.
        """
        image = as_picture(noisy)
        source = Path(noisy) if isinstance(noisy, str | Path) else None
        return Prediction(image, from_tensor(self.denoise(to_tensor(image)), like=image), source)

    def volume(self, noisy: Noisy, *, series: str | None = None, show_progress: bool = False) -> CTPrediction:
        """Take the noise out of a CT volume, slice by slice.

        What scanners mark as outside of what they see, -2000 HU and less, is air to the network and stays as it is.

        Args:
            noisy: a file or folder (see `ct.read_ct`), a `Volume`, or an array (H, W) or (D, H, W) of Hounsfield
                units.
            series: which series to read from a DICOM folder of several.
            show_progress: show on a terminal how many slices are done.

        Raises:
            InputError: if it cannot be read or is no CT, values are not finite, the network is for pictures, or the
                memory does not suffice.
        """
        volume = as_scan(noisy, series)
        for note in volume.notes:
            self.notify(note)
        hu = np.empty_like(volume.voxels)
        with progress(len(hu) if show_progress else 0, "slices") as advance:
            start = 0
            while start < len(hu):
                slices = volume.voxels[start : start + self.batch]
                outside = slices <= PADDING
                unit = torch.from_numpy(to_unit(np.where(outside, HU_MIN, slices)))
                denoised = to_hu(self.denoise(unit[:, None])[:, 0].numpy())
                hu[start : start + len(slices)] = np.where(outside, slices, denoised)
                start += len(slices)
                for _ in slices:
                    advance()
        return CTPrediction(volume, hu)

    def denoise(self, noisy: Tensor) -> Tensor:
        """Return images with less noise, not clamped, in float32 and on the device where they were.

        Args:
            noisy: (B, C, H, W) in floating point, of any size: RGB in [0, 1], which noise may exceed; or CT with
                -1024 to 3072 HU as 0 to 1.

        Raises:
            InputError: if it is something else, has values that are not finite, or memory does not suffice for one.
        """
        if noisy.ndim != 4 or 0 in noisy.shape or not noisy.is_floating_point():
            raise InputError(
                f"images are {tuple(noisy.shape)} {noisy.dtype}; they must be (B, {self.channels}, H, W) in floating "
                "point"
            )
        if noisy.shape[1] != self.channels:
            kinds = {1: "CT", 3: "RGB pictures"}
            other = kinds.get(noisy.shape[1])
            raise InputError(
                f"images of {noisy.shape[1]} channels, but this network takes {self.channels}, "
                f"{kinds[self.channels]}{f'; load weights for {other}' if other else ''}"
            )
        if not (finite := noisy.isfinite()).all():
            bad = finite.numel() - int(finite.sum())
            raise InputError(f"{bad} of {finite.numel()} values are NaN or infinite; give them a value")
        if not self.strength:
            return noisy.to(torch.float32, copy=True)
        noisy = noisy.float()  # not every device has float64
        denoised = self_ensemble(self._run, noisy) if self.self_ensemble else self._run(noisy)
        return denoised if self.strength == 1 else torch.lerp(noisy, denoised, self.strength)

    @torch.no_grad()
    def _run(self, noisy: Tensor) -> Tensor:
        if self.tiles:
            size, overlap = self.tiles
            return run_tiled(
                self._fast,
                noisy,
                size=size,
                overlap=overlap,
                multiple=MULTIPLE,
                batch=self.batch,
                device=self.device,
                notify=self.notify,
            ).to(noisy.device)
        pieces: list[Tensor] = []
        rest = noisy

        def run_some(count: int) -> Tensor:
            return run_whole(self._fast, rest[:count].to(self.device), MULTIPLE).to(noisy.device)

        while len(rest):
            wanted = min(self.batch, len(rest))
            try:
                piece = with_backoff(run_some, wanted, notify=self.notify)
            except InputError as error:
                if not is_out_of_memory(error):
                    raise
                raise InputError(
                    f"out of memory for {noisy.shape[-1]}x{noisy.shape[-2]} as a whole; cut it into tiles such as "
                    "512,64"
                ) from error
            if len(piece) < wanted:
                self.batch = len(piece)
            pieces.append(piece)
            rest = rest[len(piece) :]
        return torch.cat(pieces)


def predict_files(
    inputs: Sequence[str | Path],
    predictor: Predictor,
    out: str | Path,
    *,
    suffix: str = ".png",
    series: str | None = None,
    overwrite: bool = False,
    say: Callable[[str], None] = print,
) -> Summary:
    """Take the noise out of many pictures, or of many CT scans, as the network is for the one or the other.

    Results are named after their inputs; inside a folder their place is kept. What is there already and newer than its
    input is skipped. What cannot be read is reported and the others still run. Under ``accelerate launch`` or
    ``torchrun`` the processes share the work.

    Args:
        inputs: files, folders, glob patterns; of CT, see `visioncore.medical.ScanReader.find`.
        predictor: does the work.
        out: folder for the results.
        suffix: format of pictures, such as ``.png`` (keeps everything) or ``.jpg``; scans keep their own.
        series: which series to read from DICOM folders of several.
        overwrite: make results anew that are there already.
        say: told a line for each input that failed.

    Returns:
        What was done, skipped and failed; its ``exit_code`` is 1 if an input failed.

    Raises:
        InputError: if an input is missing or holds nothing of the kind, a result would be written over an input, the
            suffix is unknown, or ``out`` cannot be written.
    """
    if suffix not in IMAGE_SUFFIXES:
        raise InputError(f"suffix is {suffix!r}; it must be one of {', '.join(IMAGE_SUFFIXES)}")
    folder = writable_folder(out)
    share = partial(process_files, overwrite=overwrite, say=say)
    if predictor.channels == 3:
        try:
            pictures = plan_jobs(inputs, IMAGE_SUFFIXES, folder, lambda source: suffix)
        except InputError as error:
            if scans := [entry for entry in inputs if Path(entry).is_dir() and CT_SCANS.knows(Path(entry))]:
                raise InputError(
                    f"{scans[0]}: CT scans, but this network takes RGB pictures; load weights for CT"
                ) from error
            raise
        return share(
            pictures,
            as_picture,
            lambda image: predictor.picture(image).denoised,
            lambda image, target: write_image(target, image),
        )
    jobs = plan_scans(inputs, folder, CT_SCANS.find)
    return share(
        jobs,
        lambda source: as_scan(source, series),
        lambda volume: predictor.volume(volume, show_progress=len(jobs) == 1),
        lambda result, target: write_ct(target, result.hu, result.noisy),
    )
