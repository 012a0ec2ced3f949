"""Prediction: noisy images or CT scans -> denoised results."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
import torch
from torch import Tensor

from visioncore.errors import InputError
from visioncore.images import Compression, Image
from visioncore.inference.batch import Summary, process_files, progress
from visioncore.inference.image_inputs import Range
from visioncore.inference.record import open_record
from visioncore.inference.restoration import ImagePredictor, Settings, predict_images
from visioncore.inference.scan_planning import plan_scans
from visioncore.inference.tiling import Tiles

from ..data.ct import CT_SCANS, write_ct
from ..data.hounsfield import HU_MIN, PADDING, to_hu, to_unit
from ..network.fast import for_inference
from ..network.model import MULTIPLE, CLIPDenoiser
from ..network.weights import load_model
from .inputs import Noisy, as_image, as_scan
from .noise_check import is_far, warning
from .non_local_means import plain
from .result import CTPrediction, Denoised, Prediction

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["CTPrediction", "Denoised", "Prediction", "Predictor", "predict_files"]


class Predictor(ImagePredictor[Prediction]):
    """Denoises images, or CT scans, of any size; `run` takes CT as 0 for -1024 HU to 1 for 3072 HU.

    Args:
        model: the network, which is not changed, or the weights that `load_model` takes. One of three channels is for
            images, one of one channel for CT.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
        dtype: ``float32``; ``bfloat16`` or ``float16`` for more speed at a small cost in accuracy; or such a type of
            PyTorch; ``auto`` is bfloat16 on GPUs that have it and float32 elsewhere.
        strength: share of the denoised image in the result, the rest being the noisy one: 1 is all that the network
            takes away, 0 nothing.
        tiles: ``auto``, whole up to five megapixels (2 GiB), else the fewest tiles of that many; ``whole``; or (size,
            overlap). Tiles are an approximation: the network's upsampling depends on the size of what it is given, so
            they change results a little everywhere, not only where they meet.
        self_ensemble: average over the eight rotated and flipped versions, at eight times the cost.
        compile: compile the network first; for GPUs.
        batch: images, CT slices or tiles on the device at a time; fewer, of images for good, after memory ran out.
        notify: told, in one line, when the batch is halved, what is odd about a CT scan, and that weights are demo
            weights; default: a warning.

    Raises:
        InputError: if an option is not what it should be.
    """

    multiple = MULTIPLE
    least_overlap = auto_overlap = 64  # the network looks far around each pixel
    example_tiles = "512,64"
    bytes_per_pixel = 400  # of the published width, measured from 200,000 pixels on
    result = Prediction

    def __init__(
        self,
        model: CLIPDenoiser | str | Path,
        device: str | torch.device = "auto",
        *,
        strength: float = 1.0,
        tiles: Tiles | str | None = "auto",
        batch: int = 8,
        compile: bool = False,
        **settings: Unpack[Settings],
    ) -> None:
        model = load_model(model) if isinstance(model, str | Path) else model
        super().__init__(model, device, tiles=tiles, batch=batch, **settings)
        if not 0 <= strength <= 1:
            raise InputError(
                f"strength is {strength:g}; it must be from 0 (nothing is done) to 1 (all the network does)"
            )
        if compile and self.device.type == "cpu":
            raise InputError("compile is for GPUs; on a CPU torch.compile takes minutes over what the fast path does")
        self.config, self.channels, self.strength = model.config, model.config.channels, strength
        self._estimates: list[float] | None = None
        fast = for_inference(model, self.device, self.dtype)
        self.network = torch.compile(fast) if compile else fast

    def __call__(
        self,
        noisy: Noisy,
        *,
        range: Range | None = None,
        order: str | None = None,
        affine: NDArray[Any] | None = None,
    ) -> Denoised:
        """Denoise an input of the network's kind: as `volume` if it has one channel, else as `image`."""
        if self.channels == 1:
            if range is not None:
                raise InputError("range is for images; an array of CT holds Hounsfield units")
            return self.volume(noisy, order=order, affine=affine)
        if order is not None or affine is not None:
            raise InputError("order and affine are for CT, but this network takes RGB images; load weights for CT")
        return self.image(noisy, range=range)

    def settings(self) -> dict[str, Any]:
        return super().settings() | {"strength": self.strength}

    def image(self, given: Noisy, *, range: Range | None = None) -> Prediction:
        """Denoise an image, see `ImagePredictor.image`; ``notify`` is told if its noise is far from what is known."""
        result = super().image(given, range=range)
        if self._estimates is None and self.knows_one_level:
            self._compare([result.noise_sigma])
        return result

    def about(self, result: Prediction) -> dict[str, float]:
        """Return the noise of the input, estimated and as the weights know it, if they know one level."""
        if not self.knows_one_level:
            return {}
        if self._estimates is not None:
            self._estimates.append(result.noise_sigma)
        return {"noise_sigma": result.noise_sigma, "known_noise_sigma": self.config.noise_sigma}

    @property
    def knows_one_level(self) -> bool:
        """Whether the weights know independent noise of one level, and are used at all."""
        return self.config.noise_sigma > 0 < self.strength

    @contextmanager
    def summing_up(self) -> Iterator[None]:
        """Make one line of all images of a batch whose noise is far from what the weights know."""
        self._estimates = estimates = list[float]()
        try:
            yield
        finally:
            self._estimates = None
            self._compare(estimates)

    def _compare(self, sigmas: Sequence[float]) -> None:
        known = self.config.noise_sigma
        if far := [sigma for sigma in sigmas if is_far(sigma, known)]:
            self.notify(warning(far, known, len(sigmas)))

    def read(self, given: Noisy, range: Range | None = None) -> Image:
        return as_image(given, range)

    def volume(
        self,
        noisy: Noisy,
        *,
        order: str | None = None,
        affine: NDArray[Any] | None = None,
        series: str | None = None,
        show_progress: bool = False,
    ) -> CTPrediction:
        """Denoise a CT volume, slice by slice.

        What scanners mark as outside of what they see, -2000 HU and less, is air to the network and stays as it is.

        Args:
            noisy: a file or folder (see `ct.read_ct`), a `Volume`, an image of nibabel or SimpleITK, or an array, for
                which ``order`` or ``affine`` must be given (see `visioncore.medical.as_volume`); in Hounsfield units.
            order: of an array's axes, ``DHW`` for slices, rows, columns or ``WHD`` as from nibabel; ``HW`` of a slice.
            affine: of an array, as nibabel has it.
            series: which series to read from a DICOM folder of several.
            show_progress: show on a terminal how many slices are done.

        Raises:
            InputError: if it cannot be read or is no CT, an array comes without order and affine, values are not
                finite, the network is for images, or the memory does not suffice.
        """
        volume = as_scan(noisy, series, order=order, affine=affine)
        for note in volume.notes:
            self.notify(note)
        hu = np.empty_like(volume.voxels)
        with progress(len(hu) if show_progress else 0, "slices") as advance:
            start = 0
            while start < len(hu):
                slices = volume.voxels[start : start + self.batch]
                outside = slices <= PADDING
                unit = torch.from_numpy(to_unit(np.where(outside, HU_MIN, slices)))
                denoised = to_hu(self.run(unit[:, None])[:, 0].numpy())
                hu[start : start + len(slices)] = np.where(outside, slices, denoised)
                start += len(slices)
                for _ in slices:
                    advance()
        return CTPrediction(volume, hu)

    def _restored(self, images: Tensor) -> Tensor:
        if not self.strength:
            return images.to(torch.float32, copy=True)
        denoised = super()._restored(images)
        return denoised if self.strength == 1 else torch.lerp(images.float(), denoised, self.strength)

    def check(self, images: Tensor) -> None:
        if images.ndim == 4 and images.numel() and images.is_floating_point() and images.shape[1] != self.channels:
            kinds = {1: "CT", 3: "RGB images"}
            other = kinds.get(images.shape[1])
            raise InputError(
                f"images of {images.shape[1]} channels, but this network takes {self.channels}, "
                f"{kinds[self.channels]}{f'; load weights for {other}' if other else ''}"
            )
        super().check(images)


def predict_files(
    inputs: Sequence[str | Path],
    predictor: Predictor,
    out: str | Path,
    *,
    suffix: str = ".png",
    compression: Compression = "fast",
    series: str | None = None,
    skip_damaged: bool = False,
    baseline: bool = False,
    overwrite: bool = False,
    say: Callable[[str], None] = print,
) -> Summary:
    """Denoise many images or many CT scans, whichever the network is for.

    Args:
        inputs: files, folders, glob patterns; of CT, see `visioncore.medical.ScanReader.find`.
        predictor: does the work.
        out: folder for the results; for one input also a file, known by its suffix.
        suffix: format of images, such as ``.png`` (keeps everything) or ``.jpg``; scans keep their own.
        compression: of PNG files: ``fast``, or ``small``, which takes ten times as long or more for 5 to 8 % less.
        series: which series to read from DICOM folders of several.
        skip_damaged: go on without slices of DICOM series that are damaged; else the scan counts as failed.
        baseline: denoise images by blind non-local means as well, into ``nlm`` in the folder of the results, or beside
            a result that is a file.
        overwrite: make results anew that are there already.
        say: told a line for each input that failed, and of results that are made anew.

    Returns:
        What was done, skipped and failed, see `visioncore.inference.restoration.predict_images`.

    Raises:
        InputError: if an input is missing or holds nothing of the kind, a result would be written over an input, the
            suffix is unknown, or ``out`` cannot be written.
    """
    if predictor.channels == 3:
        try:
            with predictor.summing_up():
                return predict_images(
                    inputs,
                    predictor,
                    out,
                    suffix=suffix,
                    compression=compression,
                    videos=False,
                    also={"nlm": plain} if baseline else {},
                    overwrite=overwrite,
                    say=say,
                )
        except InputError as error:
            if scans := [entry for entry in inputs if Path(entry).is_dir() and CT_SCANS.knows(Path(entry))]:
                raise InputError(
                    f"{scans[0]}: CT scans, but this network takes RGB images; load weights for CT"
                ) from error
            raise
    if baseline:
        raise InputError("baseline is for photos; evaluate measures non-local means on CT")
    jobs = plan_scans(inputs, Path(out), CT_SCANS.find)
    record = open_record(out, jobs, predictor.recorded() | {"series": series, "skip_damaged": skip_damaged})
    return process_files(
        jobs,
        lambda source: as_scan(source, series, skip_damaged=skip_damaged),
        lambda volume: predictor.volume(volume, show_progress=len(jobs) == 1),
        lambda result, target: write_ct(target, result.hu, result.noisy),
        record=record,
        overwrite=overwrite,
        say=say,
    )
