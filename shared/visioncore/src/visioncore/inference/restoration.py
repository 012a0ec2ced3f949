"""Image in, image out: what every predictor of an image -> image network does, in tiles or whole."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Generic, TypedDict, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from ..devices import autocast, is_out_of_memory, with_backoff
from ..errors import InputError
from ..files import expand_inputs
from ..images import IMAGE_SUFFIXES, WRITTEN_SUFFIXES, Compression, Image, from_tensor, to_tensor, write_image
from ..video import H264_SUFFIXES, VIDEO_SUFFIXES, Frame, probe_video, read_frames
from .batch import Summary, process_files, progress, told
from .dihedral import self_ensemble as run_all_ways
from .image_inputs import Range, as_image
from .jobs import Job, check_one, check_results, named_file, place_inputs, plan_jobs
from .predictor import BasePredictor
from .record import open_record
from .result import ImageResult
from .tile_planning import MEMORY, plan_tiles
from .tiling import Network, Tiles, check_tiles, parse_tiles, run_tiled, run_whole
from .video_segments import Segments

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
        tiles: how images are cut up: ``auto`` (see `tile_planning`), ``whole`` (None is short for it), (size, overlap),
            or that as text.
        self_ensemble: average over the eight rotated and flipped versions, at eight times the cost.
        batch: images or tiles on the device at a time; fewer, of whole images for good, after memory ran out.
        notify: told, in one line, when the batch is halved, of a precision that is slow on the device, and that weights
            are for trying things out.

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
    auto_overlap: ClassVar[int]
    """Overlap of the tiles of ``auto``, in pixels: what its seams need, by measurement."""
    bytes_per_pixel: int
    """Bytes that the network takes for a pixel of what it is given, in float32, at most."""

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

    def about(self, result: Result) -> Mapping[str, object]:
        """Return facts about a result, for the record of a batch."""
        return {}

    def run(self, images: Tensor) -> Tensor:
        """Return restored images, not clamped, in float32 or better and on the device where they were.

        Args:
            images: (B, C, H, W), or one as (C, H, W), in floating point, RGB in [0, 1] where the network takes three
                channels, of any size; of none there are none back.

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
        if not len(images):
            return images
        return run_all_ways(self._run, images) if self.self_ensemble else self._run(images)

    def check(self, images: Tensor) -> None:
        """Check what is given to `run`.

        Raises:
            InputError: if it cannot be run.
        """
        fits = images.ndim == 4 and images.shape[1] == self.channels and 0 not in images.shape[2:]
        if not fits or not images.is_floating_point():
            raise InputError(
                f"images are {tuple(images.shape)} {images.dtype}; they must be (B, {self.channels}, H, W) in floating "
                "point"
            )
        # the least and the greatest value tell it in one pass, without a map of the image's size
        if images.numel() and not all(value.isfinite() for value in images.aminmax()):
            bad = int((~images.isfinite()).sum())
            raise InputError(f"{bad} of {images.numel()} values are NaN or infinite; give them a value")

    @property
    def precision(self) -> torch.dtype:
        """Precision of the images that the network gets."""
        return torch.float32

    def video(self, source: str | Path, target: str | Path, *, show_progress: bool = False) -> None:
        """Restore a video frame by frame; times are kept, and sound that ``target`` can hold.

        A call that was broken off leaves what it has done in a hidden folder beside ``target``, and the same call goes
        on from there, see `visioncore.inference.video_segments`.

        Args:
            source: the video.
            target: an ``.mp4``, ``.m4v``, ``.mov`` or ``.mkv`` file, written whole or not at all.
            show_progress: show on a terminal how many frames are done.

        Raises:
            InputError: if the video cannot be read or written.
        """
        source = Path(source)
        info, stat = probe_video(source), source.stat()
        identity = {"source": [str(source.resolve()), stat.st_size, stat.st_mtime_ns], **self.recorded()}
        segments = Segments(Path(target), info.rate, identity)
        done = segments.done
        if done:
            self.notify(f"{target}: {done} frames are done before; going on from there")

        def frames() -> Iterator[Frame]:
            try:
                yield from read_frames(source)
            except Exception as error:
                segments.remove()  # nothing can be made of the rest
                raise InputError(told(error, [source])) from error

        try:
            with progress(info.frames if show_progress else 0, "frames", done) as advance:

                def restored(frame: Frame) -> Frame:
                    pixels = np.asarray(self.image(Image(frame.pixels)).pixels, dtype=np.uint8)
                    advance()
                    return Frame(pixels, frame.time)

                every = frames()
                for _ in itertools.islice(every, done):
                    pass
                segments.encode(map(restored, every))
            segments.join(audio_from=source)
        except BaseException:
            if not segments.done:
                segments.remove()
            raise

    @torch.no_grad()
    def _run(self, images: Tensor) -> Tensor:
        if self.tiles == "auto":
            return self._run_planned(images)
        if not isinstance(self.tiles, tuple):
            return self._run_whole(images)
        return self._run_tiled(images, *self.tiles)

    def _run_planned(self, images: Tensor) -> Tensor:
        overlap, (height, width) = self.auto_overlap, images.shape[-2:]

        def run_tiles_of(pixels: int) -> Tensor:
            size = plan_tiles(height, width, most_pixels=pixels, overlap=overlap, multiple=self.multiple)
            if size[0] >= height and size[1] >= width:
                return self._run_whole(images)
            return self._run_tiled(images, size, overlap)

        def notify(_: str) -> None:
            self.notify(f"out of memory for {width}x{height}, going on with smaller tiles")

        most = min(MEMORY // self.bytes_per_pixel, (height + self.multiple) * (width + self.multiple))
        return with_backoff(run_tiles_of, most, (4 * overlap) ** 2, notify)

    def _run_tiled(self, images: Tensor, size: int | tuple[int, int], overlap: int) -> Tensor:
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
    compression: Compression = "fast",
    also: Mapping[str, Callable[[Image], Image]] = MappingProxyType({}),
    overwrite: bool = False,
    say: Callable[[str], None] = print,
) -> Summary:
    """Restore many images and videos.

    Results are named after their inputs (videos become ``.mp4``); inside a folder their place is kept. What was made of
    the same input with the same weights and options, as ``made.jsonl`` beside the results says, is skipped. A file that
    cannot be read is reported and the others still run; a video that was broken off goes on where it was. Under
    ``accelerate launch`` or ``torchrun`` the processes share the files.

    Args:
        inputs: files, folders, glob patterns.
        predictor: does the work.
        out: folder for the results; for one input also a file, known by its suffix.
        suffix: format of images, such as ``.png`` (keeps everything) or ``.jpg``.
        compression: of PNG files: ``fast``, or ``small``, which takes ten times as long or more for 5 to 8 % less.
        videos: whether videos in a folder are taken as well.
        also: what else to make of each image, by name: its result lies in a folder of that name beside the others, for
            a result that is a file in another whose name ends so.
        overwrite: make results anew that are there already.
        say: told a line for each file that failed, and of results that are made anew.

    Returns:
        What was done, skipped and failed; its ``exit_code`` is 1 if a file failed.

    Raises:
        InputError: if an input is missing or empty, a result would be written over an input, the suffix is unknown,
            ``out`` cannot be written, or is one file for several inputs.
    """
    if suffix not in WRITTEN_SUFFIXES:
        raise InputError(f"suffix is {suffix!r}; it must be one of {', '.join(WRITTEN_SUFFIXES)}")

    def is_video(path: Path) -> bool:
        return videos and path.suffix.lower() in VIDEO_SUFFIXES

    out, searched = Path(out), (*IMAGE_SUFFIXES, *(VIDEO_SUFFIXES if videos else ()))
    if named_file(out, searched):
        places = place_inputs(inputs, out, lambda entry: expand_inputs([entry], searched), "input")
        source = check_one(places, out, "input")
        check_results(places, [out], "input")
        written = H264_SUFFIXES if is_video(source) else WRITTEN_SUFFIXES
        if not named_file(out, written):
            raise InputError(f"{out}: {source} can be written as {', '.join(written)}")
        jobs = [Job(source, out)]
    else:
        jobs = plan_jobs(inputs, searched, out, lambda source: ".mp4" if is_video(source) else suffix)
    jobs = [
        job if is_video(job.source) else job._replace(beside=tuple(_beside(job.target, out, name) for name in also))
        for job in jobs
    ]
    check_results((job.source for job in jobs), (path for job in jobs for path in job.results), "input")
    record = open_record(out, jobs, predictor.recorded())
    further = {job.target: job.beside for job in jobs}

    def make(image: Image) -> tuple[ImageResult, list[Image]]:
        return predictor.image(image), [change(image) for change in also.values()]

    def write(made: tuple[ImageResult, list[Image]], target: Path) -> None:
        result, others = made
        for image, path in zip((*others, result.after), (*further[target], target), strict=True):
            write_image(path, image, compression)

    share = partial(process_files, record=record, overwrite=overwrite, say=say)
    films = {job.source: job for job in jobs if is_video(job.source)}
    summary = share(
        [job for job in jobs if job.source not in films],
        predictor.read,
        make,
        write,
        about=lambda made: predictor.about(made[0]),
    )
    # a video is read, worked on and written image by image, all as its work
    return summary + share(
        list(films.values()),
        lambda source: source,
        lambda source: predictor.video(source, films[source].target, show_progress=len(jobs) == 1),
        lambda _, target: None,
    )


def _beside(target: Path, out: Path, name: str) -> Path:
    return target.with_stem(f"{target.stem}_{name}") if target == out else out / name / target.relative_to(out)
