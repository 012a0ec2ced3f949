"""A picture or a video in, the same without rain out."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from torch import Tensor

from visioncore.devices import autocast, is_out_of_memory, resolve_device, resolve_dtype
from visioncore.errors import InputError
from visioncore.files import writable_folder
from visioncore.images import IMAGE_SUFFIXES, Image, from_tensor, read_image, to_tensor, write_image
from visioncore.inference.batch import Summary, plan_jobs, process_files
from visioncore.inference.dihedral import self_ensemble
from visioncore.inference.tiling import run_tiled, run_whole
from visioncore.report import figure_grid
from visioncore.video import VIDEO_SUFFIXES, Frame, probe_video, read_frames, write_video

from ..network.model import MULTIPLE, NeRDRain
from .official_windows import run_windows

if TYPE_CHECKING:
    from numpy.typing import NDArray

Tiles = Literal["official", "whole"] | tuple[int, int]
"""How an image is cut up: the authors' windows of 256 (``official``), not at all (``whole``), or (size, overlap)."""

DEFAULT_TILES: tuple[int, int] = (256, 32)
"""The default: tiles of the size that was trained on, blended without seams."""

OFFICIAL_WINDOW = 256


def parse_tiles(text: str) -> Tiles:
    """Return what ``official``, ``whole`` or ``SIZE,OVERLAP`` stands for.

    Raises:
        InputError: if it is none of these.
    """
    if text == "official":
        return "official"
    if text == "whole":
        return "whole"
    size, comma, overlap = text.partition(",")
    if not (comma and size.strip().isdecimal() and overlap.strip().isdecimal()):
        raise InputError(f"tiles is {text!r}; it must be official, whole or SIZE,OVERLAP such as 256,32")
    return int(size), int(overlap)


@dataclass(frozen=True, eq=False)
class Prediction:
    """A picture and what is left of it without the rain.

    Attributes:
        rainy: what was given.
        restored: the result, with the depth, alpha, colour profile and EXIF of what was given.
        source: the file it came from, if it came from one.
    """

    rainy: Image
    restored: Image
    source: Path | None = None

    @property
    def pixels(self) -> NDArray[np.uint8] | NDArray[np.uint16]:
        """The result as (H, W, 3) RGB in the depth of the input."""
        return self.restored.pixels

    def save(self, target: str | Path) -> Path:
        """Write the result to a file, or as ``<name of the source>.png`` into a folder, and return where it is.

        Raises:
            InputError: if that is the source itself, or cannot be written.
        """
        target = Path(target)
        if target.is_dir() or not target.suffix:
            target = target / f"{self.source.stem if self.source else 'restored'}.png"
        if self.source is not None and target.resolve() == self.source.resolve():
            raise InputError(f"{target}: this is the rainy picture itself; name another file or folder")
        write_image(target, self.restored)
        return target

    def plot(self, path: str | Path) -> None:
        """Write a figure of before and after."""
        figure_grid([("rainy", self.rainy.pixels), ("restored", self.restored.pixels)], path)


class Predictor:
    """Removes rain from pictures of any size.

    Args:
        model: the network; it is moved to the device.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
        dtype: ``float32``; ``bfloat16`` or ``float16`` for more speed at a small cost in accuracy; ``auto`` is
            bfloat16 on GPUs that have it and float32 elsewhere.
        tiles: how images are cut up, see `Tiles`, or that as text (`parse_tiles`). Statistics of attention are taken
            over a tile, so results depend on it a little; the numbers of the paper need ``official``. A picture no
            larger than a tile is run whole, and for ``official`` so is one with a side under 256, which the authors'
            code cannot take.
        batch: tiles on the device at a time; halved when memory runs out.
        self_ensemble: average over the eight turned and mirrored versions, at eight times the cost.
        compile: compile the network for the tile size first (pays off for many tiles).
        notify: told, in one line, when the batch is halved; default: a warning.

    Raises:
        InputError: if the device, the precision, the tiles or the batch are not what they should be.
    """

    def __init__(
        self,
        model: NeRDRain,
        device: str | torch.device = "auto",
        *,
        dtype: str = "float32",
        tiles: Tiles | str = DEFAULT_TILES,
        batch: int = 1,
        self_ensemble: bool = False,
        compile: bool = False,
        notify: Callable[[str], None] = warnings.warn,
    ) -> None:
        self.device = resolve_device(device)
        self.dtype = resolve_dtype(dtype, self.device)
        self.model = model.to(self.device).eval()
        self.tiles = parse_tiles(tiles if isinstance(tiles, str) else ",".join(map(str, tiles)))
        self.batch, self.self_ensemble, self.notify = batch, self_ensemble, notify
        self._weights_dtype = next(model.parameters()).dtype
        self._forward = torch.compile(self.model) if compile else self.model
        if isinstance(self.tiles, tuple):
            size, overlap = self.tiles
            if size < MULTIPLE or size % MULTIPLE or not 0 <= overlap < size:
                raise InputError(
                    f"tiles are {size},{overlap}; the size must be a positive multiple of {MULTIPLE}, the overlap "
                    "smaller than that"
                )
        if batch < 1:
            raise InputError(f"batch is {batch}; at least one tile must be on the device at a time")

    def __call__(self, picture: str | Path | Image | NDArray[np.uint8] | NDArray[np.uint16]) -> Prediction:
        """Remove the rain from a picture.

        Args:
            picture: a file, an `Image`, or an array (H, W, 3) of RGB, 8 or 16 bit.

        Raises:
            InputError: if it cannot be read or is no picture.
        """
        if isinstance(picture, str | Path):
            return self._predict(read_image(picture), Path(picture))
        if isinstance(picture, Image):
            return self._predict(picture)
        pixels: Any = np.asarray(picture)
        if np.issubdtype(pixels.dtype, np.floating):
            raise InputError(
                f"an array of {pixels.dtype} may mean any range; give uint8 or uint16 (H, W, 3), or a tensor "
                "(B, 3, H, W) with values in [0, 1] to restore()"
            )
        return self._predict(Image(pixels))

    def restore(self, image: Tensor) -> Tensor:
        """Return images without rain, not clamped, on the device where they were.

        Args:
            image: (B, 3, H, W) in floating point with values in [0, 1], of any size.

        Raises:
            InputError: if it is something else, or memory does not suffice for a single tile.
        """
        if image.ndim != 4 or image.shape[1] != 3 or 0 in image.shape or not image.is_floating_point():
            raise InputError(
                f"images are {tuple(image.shape)} {image.dtype}; they must be (B, 3, H, W) in floating point"
            )
        return self_ensemble(self._restore, image) if self.self_ensemble else self._restore(image)

    def video(self, source: str | Path, target: str | Path) -> None:
        """Remove the rain from a video frame by frame; times are kept, and sound that ``target`` can hold.

        Args:
            source: the video.
            target: an ``.mp4``, ``.m4v``, ``.mov`` or ``.mkv`` file, written whole or not at all.

        Raises:
            InputError: if the video cannot be read or written.
        """
        rate = probe_video(source).rate
        frames = (
            Frame(np.asarray(self._predict(Image(pixels)).pixels, dtype=np.uint8), time)
            for pixels, time in read_frames(source)
        )
        write_video(target, frames, rate, audio_from=source)

    def _predict(self, image: Image, source: Path | None = None) -> Prediction:
        return Prediction(image, from_tensor(self.restore(to_tensor(image)), like=image), source)

    @torch.no_grad()
    def _restore(self, image: Tensor) -> Tensor:
        shortest = min(image.shape[-2:])
        if self.tiles == "official" and shortest >= OFFICIAL_WINDOW:
            return run_windows(
                self._network, image, size=OFFICIAL_WINDOW, batch=self.batch, device=self.device, notify=self.notify
            )
        if isinstance(self.tiles, tuple):
            size, overlap = self.tiles
            return run_tiled(
                self._network,
                image,
                size=size,
                overlap=overlap,
                multiple=MULTIPLE,
                batch=self.batch,
                device=self.device,
                notify=self.notify,
            ).to(image.device)
        try:
            return run_whole(self._network, image.to(self.device), MULTIPLE).to(image.device)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            raise InputError(
                f"out of memory for {image.shape[-1]}x{image.shape[-2]} as a whole; cut it into tiles such as 256,32"
            ) from error

    def _network(self, image: Tensor) -> Tensor:
        with autocast(self.device, self.dtype):
            restored: Tensor = self._forward(image.to(self._weights_dtype))
        return restored.to(torch.promote_types(image.dtype, torch.float32))


def predict_files(
    inputs: Sequence[str | Path],
    predictor: Predictor,
    out: str | Path,
    *,
    suffix: str = ".png",
    overwrite: bool = False,
    say: Callable[[str], None] = print,
) -> Summary:
    """Remove the rain from many pictures and videos.

    Results are named after their inputs (videos become ``.mp4``); inside a folder their place is kept. What is there
    already and newer than its input is skipped. A file that cannot be read is reported and the others still run. Under
    ``accelerate launch`` or ``torchrun`` the processes share the files.

    Args:
        inputs: files, folders, glob patterns.
        predictor: does the work.
        out: folder for the results.
        suffix: format of pictures, such as ``.png`` (keeps everything) or ``.jpg``.
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
    jobs = plan_jobs(
        inputs,
        (*IMAGE_SUFFIXES, *VIDEO_SUFFIXES),
        writable_folder(out),
        lambda source: ".mp4" if _is_video(source) else suffix,
    )
    pictures = [job for job in jobs if not _is_video(job.source)]
    videos = {job.source: job for job in jobs if _is_video(job.source)}
    share = partial(process_files, overwrite=overwrite, say=say)
    return share(
        pictures, read_image, lambda image: predictor(image).restored, lambda image, target: write_image(target, image)
    ) + share(
        # a video is read, worked on and written picture by picture, all as its work
        list(videos.values()),
        lambda source: source,
        lambda source: predictor.video(*videos[source]),
        lambda _, target: None,
    )


def _is_video(path: Path) -> bool:
    return path.suffix.lower() in VIDEO_SUFFIXES
