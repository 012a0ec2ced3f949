"""Blending alone: a foreground put into a scene of any size, in its light, without a network."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from visioncore.errors import InputError
from visioncore.images import IMAGE_SUFFIXES, read_image
from visioncore.inference.batch import Summary, process_files
from visioncore.inference.generated import SUFFIX
from visioncore.inference.image_inputs import GivenImage, as_image
from visioncore.inference.jobs import check_results, named_file, plan_results
from visioncore.inference.record import open_record
from visioncore.inference.result import ImageResult
from visioncore.inference.run_record import write_run

from ..method import METHOD
from .blending import Blending, blend_as_shown
from .canvas import check_place, composited, put
from .cutouts import Cutting, named_as, stamp
from .elements import GivenElement, as_element
from .light import lit

ENDINGS = (SUFFIX, ".tif", ".tiff")
"""Of files that are written: those that keep 16 bit."""


class Relit(ImageResult):
    """A scene, ``before`` without the foreground and ``after`` with it."""

    names: ClassVar[tuple[str, str]] = ("scene", "relit")


def relight(
    foreground: GivenElement,
    scene: GivenImage,
    box: Sequence[float] | None = None,
    rotation: float = 0,
    *,
    harmony: float = 0.5,
    levels: int | None = None,
    keep_low: int = 2,
) -> Relit:
    """Put a foreground into a scene, in its light and in its own depth.

    Args:
        foreground: an `Element`, or what it takes.
        scene: of any size; its alpha is dropped. Light is read from it around the foreground, see `light.lit`.
        box: left, top, right, bottom in the scene; default: the scene itself for a foreground of its size, else the
            middle of it.
        rotation: in degrees, against the clock.
        harmony: 0 keeps the foreground's pixels bit for bit, 1 takes all of the light.
        levels: as of `blend`.
        keep_low: as of `blend`.

    Raises:
        InputError: if something given is not what it should be.
    """
    behind = replace(as_image(scene), alpha=None)
    composite = composited(
        [put(as_element(foreground), (behind.height, behind.width), box, rotation)], (behind.height, behind.width)
    )
    share, settings = composite.masks[0], Blending(harmony, levels, keep_low)
    shown = lit(composite.pixels, behind.pixels, share) if harmony else None
    pixels = blend_as_shown(composite.pixels, behind.pixels, share, settings, shown)
    source = composite.placed[0].element.source
    return Relit(behind, replace(behind, pixels=pixels, grey=False), source)


def relight_files(
    inputs: Sequence[str | Path],
    scene: str | Path,
    out: str | Path,
    *,
    cutting: Cutting | None = None,
    options: Mapping[str, Any] | None = None,
    recorded: Mapping[str, Any] | None = None,
    overwrite: bool = False,
    say: Callable[[str], None] = print,
) -> Summary:
    """Put each of many foregrounds into a scene; see `compose_files` for what is skipped and reported.

    What is transparent around them is cut away first, but for those of the scene's size.

    Args:
        inputs: cut-outs or photos: files, folders, glob patterns.
        scene: an image, or a folder of images that are named as the inputs.
        out: folder for the results; for one input also a PNG or TIFF file.
        cutting: how files become elements.
        options: further arguments of `relight`.
        recorded: further values that results depend on.
        overwrite: make results anew that are there already.
        say: told a line for each file that failed, and of results that are made anew.

    Raises:
        InputError: as `compose_files`, or if the scene is missing.
    """
    out, scene, cutting, options = Path(out), Path(scene), cutting or Cutting(), dict(options or {})
    Blending(**{name: options[name] for name in ("harmony", "levels", "keep_low") if name in options})
    check_place(options.get("box"), options.get("rotation", 0))
    if named_file(out, IMAGE_SUFFIXES) and not named_file(out, ENDINGS):
        raise InputError(f"{out}: images are written as {', '.join(ENDINGS)}; name such a file, or a folder")
    jobs = plan_results(inputs, IMAGE_SUFFIXES, out, ENDINGS, "cut-out")
    if not scene.exists():
        raise InputError(f"{scene}: no such file or folder; name the scene")
    needed = [file for job in jobs for file in (_scene_of(scene, job.source), cutting.mask_of(job.source)) if file]
    check_results(needed, [job.target for job in jobs], "file")
    settings = {"scene": stamp(scene), "version": METHOD.version} | options | dict(recorded or {})
    record = open_record(out, jobs, settings)

    def work(source: Path) -> Relit:
        found = _scene_of(scene, source)
        if found is None:
            raise InputError(f"{source}: no scene of that name in {scene}; name it {source.stem}.png")
        element, behind = cutting.read(source), read_image(found)
        if element.size != (behind.height, behind.width):
            element = element.trimmed()
        return relight(element, behind, **options)

    def write(made: Relit, target: Path) -> None:
        made.save(target)

    summary = process_files(jobs, lambda source: source, work, write, record=record, overwrite=overwrite, say=say)
    if record is not None:
        write_run(METHOD, out, settings, summary)
    return summary


def _scene_of(scene: Path, source: Path) -> Path | None:
    """Return the scene for a cut-out, if there is one."""
    return named_as(source, scene) if scene.is_dir() else scene
