"""Image in, image out: what every predictor of an image -> image network does, in tiles or whole."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Generic, TypedDict, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from ..devices import autocast, is_out_of_memory, with_backoff
from ..errors import InputError
from ..files import writable_folder
from ..images import IMAGE_SUFFIXES, Image, from_tensor, to_tensor, write_image
from ..video import VIDEO_SUFFIXES, Frame, probe_video, read_frames, write_video
from .batch import Summary, plan_jobs, process_files
from .dihedral import self_ensemble as run_all_ways
from .image_inputs import Range, as_image
from .predictor import BasePredictor
from .result import ImageResult
from .tiling import Network, Tiles, check_tiles, parse_tiles, run_tiled, run_whole

Result = TypeVar("Result", bound=ImageResult)


class Settings(TypedDict, total=False):
    """Arguments that every subclass of `ImagePredictor` hands on."""

    dtype: str | torch.dtype
    self_ensemble: bool
    notify: Callable[[str], None]


class ImagePredictor(BasePredictor, Generic[Result]):
    """Restores images of any size; a subclass says which network does it and what the result is called.

    Args:
        model: the network.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
        dtype: ``float32``, ``bfloat16``, ``float16`` or ``auto``, see `visioncore.devices.resolve_dtype`.
        tiles: how images are cut up: ``whole`` (None is short for it), (size, overlap), or that as text.
        self_ensemble: average over the eight rotated and flipped versions, at eight times the cost.
        batch: images or tiles on the device at a time; fewer, of whole images for good, after memory ran out.
        notify: told, in one line, when the batch is halved, and that weights are for trying things out.

    Attributes:
        network: images (B, C, H, W) on the device -> the same shape; set by the subclass.

    Raises:
        InputError: if an option is not what it should be.
    """

    multiple: ClassVar[int]
    """The sides of an image that the network gets are multiples of this."""
    least_overlap: ClassVar[int] = 0
    """Least overlap of tiles, in pixels."""
    other_tiles: ClassVar[tuple[str, ...]] = ()
    """Names of ways to cut up images that this network alone knows."""
    example_tiles: ClassVar[str] = "256,32"
    """Tiles that messages advise."""

    channels = 3
    network: Network
    result: type[Result]

    def __init__(
        self,
        model: nn.Module,
        device: str | torch.device = "auto",
        *,
        dtype: str | torch.dtype = "float32",
        tiles: Tiles | str | None = "whole",
        self_ensemble: bool = False,
        batch: int = 1,
        notify: Callable[[str], None] = warnings.warn,
    ) -> None:
        super().__init__(model, device, dtype=dtype, batch=batch, self_ensemble=self_ensemble, notify=notify)
        self.tiles = parse_tiles(tiles, self.other_tiles, self.example_tiles)
        check_tiles(self.tiles, self.multiple, self.least_overlap)

    def settings(self) -> dict[str, Any]:
        return super().settings() | {"tiles": self.tiles}

    def image(self, given: Any, *, range: Range | None = None) -> Result:
        """Restore an image; depth, grey, alpha, profile and EXIF are kept.

        Args:
            given: a file, an `Image`, an image of Pillow, or an array (H, W, 3) of RGB or (H, W) of grey, with or
                without alpha.
            range: which values of an array are black and white, such as (0, 1); the result then has 16 bit. By default
                an array is uint8 or uint16.

        Raises:
            InputError: if it cannot be read or is no image, or memory does not suffice.
        """
        image = self.read(given, range)
        source = Path(given) if isinstance(given, str | Path) else None
        return self.result(image, from_tensor(self.run(to_tensor(image)), like=image), source)

    def read(self, given: Any, range: Range | None = None) -> Image:
        """Convert the input of `image` to an `Image`."""
        return as_image(given, range)

    def run(self, images: Tensor) -> Tensor:
        """Return restored images, not clamped, in float32 or better and on the device where they were.

        Args:
            images: (B, C, H, W), or one as (C, H, W), in floating point, RGB in [0, 1] where the network takes three
                channels, of any size.

        Raises:
            InputError: if they are something else, have values that are not finite, or memory does not suffice for one.
        """
        if images.ndim == 3:
            return self.run(images[None])[0]
        self.check(images)
        self.tell_notice()
        return self._restored(images)

    def _restored(self, images: Tensor) -> Tensor:
        images = images.to(self.precision)  # first, for not every device has float64
        return run_all_ways(self._run, images) if self.self_ensemble else self._run(images)

    def check(self, images: Tensor) -> None:
        """Check what is given to `run`.

        Raises:
            InputError: if it cannot be run.
        """
        if images.ndim != 4 or images.shape[1] != self.channels or 0 in images.shape or not images.is_floating_point():
            raise InputError(
                f"images are {tuple(images.shape)} {images.dtype}; they must be (B, {self.channels}, H, W) in floating "
                "point"
            )
        if not (finite := images.isfinite()).all():
            bad = finite.numel() - int(finite.sum())
            raise InputError(f"{bad} of {finite.numel()} values are NaN or infinite; give them a value")

    @property
    def precision(self) -> torch.dtype:
        """Precision of the images that the network gets."""
        return torch.float32

    def video(self, source: str | Path, target: str | Path) -> None:
        """Restore a video frame by frame; times are kept, and sound that ``target`` can hold.

        Args:
            source: the video.
            target: an ``.mp4``, ``.m4v``, ``.mov`` or ``.mkv`` file, written whole or not at all.

        Raises:
            InputError: if the video cannot be read or written.
        """
        rate = probe_video(source).rate
        frames = (
            Frame(np.asarray(self.image(Image(pixels)).pixels, dtype=np.uint8), time)
            for pixels, time in read_frames(source)
        )
        write_video(target, frames, rate, audio_from=source)

    @torch.no_grad()
    def _run(self, images: Tensor) -> Tensor:
        if not isinstance(self.tiles, tuple):
            return self._run_whole(images)
        size, overlap = self.tiles
        return run_tiled(
            self.network,
            images,
            size=size,
            overlap=overlap,
            multiple=self.multiple,
            batch=self.batch,
            device=self.device,
            notify=self.notify,
        ).to(images.device)

    def _run_whole(self, images: Tensor) -> Tensor:
        pieces: list[Tensor] = []
        rest = images

        def run_some(count: int) -> Tensor:
            return run_whole(self.network, rest[:count].to(self.device), self.multiple).to(images.device)

        while len(rest):
            wanted = min(self.batch, len(rest))
            try:
                piece = with_backoff(run_some, wanted, notify=self.notify)
            except InputError as error:
                if not is_out_of_memory(error):
                    raise
                raise InputError(
                    f"out of memory for {images.shape[-1]}x{images.shape[-2]} as a whole; cut it into tiles such as "
                    f"{self.example_tiles}"
                ) from error
            if len(piece) < wanted:
                self.batch = len(piece)
            pieces.append(piece)
            rest = rest[len(piece) :]
        return torch.cat(pieces)


def in_precision(network: Network, device: torch.device, dtype: torch.dtype) -> Network:
    """Return a network under autocast, whose output is in float32 or better."""

    def run(images: Tensor) -> Tensor:
        with autocast(device, dtype):
            output = network(images)
        return output.to(torch.promote_types(output.dtype, torch.float32))

    return run


def predict_images(
    inputs: Sequence[str | Path],
    predictor: ImagePredictor[Any],
    out: str | Path,
    *,
    suffix: str = ".png",
    videos: bool = True,
    overwrite: bool = False,
    say: Callable[[str], None] = print,
) -> Summary:
    """Restore many images and videos.

    Results are named after their inputs (videos become ``.mp4``); inside a folder their place is kept. What is there
    already and newer than its input is skipped. A file that cannot be read is reported and the others still run. Under
    ``accelerate launch`` or ``torchrun`` the processes share the files.

    Args:
        inputs: files, folders, glob patterns.
        predictor: does the work.
        out: folder for the results.
        suffix: format of images, such as ``.png`` (keeps everything) or ``.jpg``.
        videos: whether videos in a folder are taken as well.
        overwrite: make results anew that are there already.
        say: told a line for each file that failed.

    Returns:
        What was done, skipped and failed; its ``exit_code`` is 1 if a file failed.

    Raises:
        InputError: if an input is missing or empty, a result would be written over an input, the suffix is unknown, or
            ``out`` cannot be written.
    """
    if suffix not in IMAGE_SUFFIXES:
        raise InputError(f"suffix is {suffix!r}; it must be one of {', '.join(IMAGE_SUFFIXES)}")

    def is_video(path: Path) -> bool:
        return videos and path.suffix.lower() in VIDEO_SUFFIXES

    jobs = plan_jobs(
        inputs,
        (*IMAGE_SUFFIXES, *(VIDEO_SUFFIXES if videos else ())),
        writable_folder(out),
        lambda source: ".mp4" if is_video(source) else suffix,
    )
    share = partial(process_files, overwrite=overwrite, say=say)
    films = {job.source: job for job in jobs if is_video(job.source)}
    summary = share(
        [job for job in jobs if job.source not in films],
        predictor.read,
        lambda image: predictor.image(image).after,
        lambda image, target: write_image(target, image),
    )
    # a video is read, worked on and written image by image, all as its work
    return summary + share(
        list(films.values()),
        lambda source: source,
        lambda source: predictor.video(*films[source]),
        lambda _, target: None,
    )
