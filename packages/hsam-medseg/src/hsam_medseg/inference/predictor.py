"""Prediction: scans -> segmented organs."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import torch
from torch import Tensor

from visioncore.devices import resolve_device
from visioncore.errors import InputError
from visioncore.inference.batch import Summary, process_files, progress
from visioncore.inference.predictor import BasePredictor
from visioncore.inference.record import open_record
from visioncore.inference.scan_planning import plan_scans
from visioncore.medical import Volume, as_volume
from visioncore.weights.fingerprint import fingerprint

from ..data.datasets import Case, read_scan
from ..data.intensity_windows import parse_window, scaled
from ..data.merging import merge_classes, parse_merging
from ..data.scans import SCANS, read_volume
from ..network.fast import for_inference
from ..network.model import HSAM
from ..network.weights import check_members, load_members
from .channel_files import first_channels, jobs_of_channels, look_like_channels
from .dicom_seg import check_source, libraries, write_dicom_seg
from .organ_table import check_table, write_table
from .result import DICOM_SEG, PREVIEW, PROBABILITIES, REPORT, RTSTRUCT, Segmentation, beside, labels_suffix
from .rtstruct import contouring, write_rtstruct
from .slice_by_slice import SliceSegmenter, Stage, slices_at_a_time
from .tidying import choose_organs, keep_labels, keep_largest
from .work_ahead import Steps, exhausted

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .slice_by_slice import Labels

MOST_SMOOTH = 10.0
"""Slices; beyond them little is left of what lies on one alone."""

__all__ = ["Predictor", "Segmentation", "Stage", "predict_files"]


class Predictor(BasePredictor):
    """Segments organs in scans of any size.

    Args:
        model: the weights that `load_members` takes, or the network: it is moved to the device, put into evaluation
            mode and folded (`HSAM.unfold` takes that back); a copy of it runs in half precision. Or several networks:
            the mean of their probabilities decides.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
        dtype: ``float32``; ``bfloat16`` or ``float16`` for more speed at a small cost in accuracy; or such a type of
            PyTorch; ``auto`` is bfloat16 on GPUs that have it and float32 elsewhere.
        batch: slices on the device at a time; halved, for good, when memory runs out. ``auto``: eight, but on a CPU
            only as many as have together the pixels of eight at 224.
        stage: whose logits decide, see `Stage`.
        input_size: side in pixels to which slices are resized before the network's own size; by default what the
            weights expect. The network's own size means that they go there directly.
        window: intensities that become 0 and 1, a name in `windows.WINDOWS` or ``LOW,HIGH``; by default what the
            weights expect.
        self_ensemble: average over the eight rotated and flipped versions of each slice, at eight times the cost; not
            published.
        compile: compile the network first (pays off for many slices).
        organs: names of the classes that stay, under their own labels; what is another is background. None named: all.
        largest_component: keep of every organ its largest connected piece alone; voxels that share a face, an edge or a
            corner are connected.
        smooth: smooth probabilities from slice to slice by a Gaussian of this standard deviation in slices; 0 for not.
        merge: classes that become one, each as ``kidney=left kidney+right kidney``; the merged ones are numbered anew.
            What else is asked for, such as largest pieces, is done before.
        notify: told, in one line, when the batch is halved, of a scan in which nothing was found, and that weights are
            demo weights; default: a warning.

    Raises:
        InputError: if an option is not what it should be, there is no such organ, or ``fine`` is asked of a network
            without second decoder.
    """

    def __init__(
        self,
        model: HSAM | str | Path | Sequence[HSAM],
        device: str | torch.device = "auto",
        *,
        dtype: str | torch.dtype = "float32",
        batch: int | Literal["auto"] = "auto",
        stage: Stage = "fused",
        input_size: int | None = None,
        window: str | None = None,
        self_ensemble: bool = False,
        compile: bool = False,
        organs: Sequence[str] = (),
        largest_component: bool = False,
        smooth: float = 0.0,
        merge: Sequence[str] = (),
        notify: Callable[[str], None] = warnings.warn,
    ) -> None:
        members = load_members(model) if isinstance(model, str | Path) else model
        model, *others = members if isinstance(members, Sequence) else [members]
        check_members([model, *others])
        if batch == "auto":
            batch = slices_at_a_time(resolve_device(device), model.config.image_size)
        super().__init__(model, device, dtype=dtype, batch=batch, self_ensemble=self_ensemble, notify=notify)
        if stage not in get_args(Stage):
            raise InputError(f"stage is {stage!r}; it must be {' or '.join(get_args(Stage))}")
        for each in (model, *others):
            if stage == "fine" and each.config.decoder != "hierarchical":
                raise InputError(f"stage is fine, but this network ({each.config.decoder}) has one decoder; use fused")
        self.members = 1 + len(others)
        self.weights = "+".join([self.weights, *map(fingerprint, others)])
        if not 0 <= smooth <= MOST_SMOOTH:
            raise InputError(f"smooth is {smooth:g}; it must be a number of slices from 0 to {MOST_SMOOTH:g}")
        self.organs = choose_organs(model.config.classes, organs)
        self.largest_component, self.smooth = largest_component, smooth
        self.merge = tuple(merge)
        self.merging = merge_classes(model.config.classes, parse_merging(merge))
        expected = model.config.preprocessing
        self.preprocessing = replace(
            expected,
            input_size=expected.input_size if input_size is None else input_size,
            window=expected.window if window is None else window,
        )
        self.window = parse_window(self.preprocessing.window)
        self.model = for_inference(model, self.device, self.dtype)
        self.segmenter = SliceSegmenter(
            self.model,
            self.device,
            self.dtype,
            batch=batch,
            stage=stage,
            input_size=self.preprocessing.input_size,
            self_ensemble=self_ensemble,
            compile=compile,
            smooth=smooth,
            notify=notify,
            others=[for_inference(other, self.device, self.dtype) for other in others],
        )

    def settings(self) -> dict[str, Any]:
        return super().settings() | {
            "stage": self.segmenter.stage,
            "window": self.preprocessing.window,
            "input_size": self.preprocessing.input_size,
            "organs": self.organs,
            "largest_component": self.largest_component,
            "smooth": self.smooth,
            **({"merge": self.merge} if self.merge else {}),
        }

    def __call__(
        self,
        scan: Any,
        *,
        order: str | None = None,
        affine: NDArray[Any] | None = None,
        probabilities: bool = False,
        show_progress: bool = False,
    ) -> Segmentation:
        """Segment a scan.

        Args:
            scan: a file or folder, see `scans.read_volume`; a `Volume`; an image of nibabel or SimpleITK; or an array,
                for which ``order`` or ``affine`` must be given, see `visioncore.medical.as_volume`. Values are in the
                unit of the window, such as Hounsfield units.
            order: of an array's axes, ``DHW`` for slices, rows, columns or ``WHD`` as from nibabel. An array that says
                no more lies as it is taken to: in the orientation that the weights expect.
            affine: of an array, as nibabel has it.
            probabilities: keep those of all classes, which takes two bytes for every voxel and class.
            show_progress: show on a terminal how many slices are done.

        Raises:
            InputError: if the scan cannot be read, is no volume, is an array without order and affine, or holds values
                that are not finite or that the window is not for; if the memory does not suffice for a single slice; or
                if the network's output is not finite.
        """
        if isinstance(scan, str | Path):
            volume = read_volume(scan)
        else:
            volume = as_volume(scan, order=order, affine=affine)
            for note in () if volume is scan else volume.notes:
                self.notify(note)
        steps = self.steps(volume, probabilities=probabilities)
        _, total = next(steps)
        with progress(total, "slices") if show_progress else nullcontext(lambda: None) as advance:
            return exhausted(steps, advance)

    def steps(self, volume: Volume, *, probabilities: bool = False) -> Steps[Segmentation]:
        """Return, in steps, what a call returns, for who shows how many slices are done or stops in between.

        Raises:
            InputError: as when called.
        """
        volume.check_finite()
        self.tell_notice()
        seen = volume.oriented(self.preprocessing.orientation)
        try:
            low, high = self.window.bounds(seen.voxels)
        except InputError as error:
            raise InputError(f"{volume.source or 'the scan'}: {error}") from error
        labels, likely = yield from self.segmenter(
            seen.voxels, partial(scaled, low=low, high=high), probabilities=probabilities
        )
        labels = self._tidy(labels)

        def back(voxels: NDArray[Any]) -> NDArray[Any]:
            return seen.with_voxels(voxels).oriented(volume.orientation).voxels

        if likely is not None and seen is not volume:
            # in the memory where they are, for it may be most of what there is
            stored = likely.reshape(len(likely), *volume.voxels.shape[:3])
            for place, channel in zip(stored, likely, strict=True):
                place[...] = back(channel)
            likely = stored
        result = Segmentation(
            scan=volume,
            labels=volume.with_voxels(back(labels)),
            classes=self.merging.classes,
            preprocessing=self.preprocessing,
            intensities=(low, high),
            stage=self.segmenter.stage,
            probabilities=likely,
            notice=self.notice,
            organs=self.chosen,
        )
        if result.note:
            self.notify(result.note)
        return result

    def segment(self, slices: NDArray[np.float32]) -> Labels:
        """Segment slices that are oriented and windowed already; labels are (D, H, W), of no slices none.

        Args:
            slices: (D, H, W), or (D, H, W, 3) for RGB, float32 with values in [0, 1].

        Raises:
            InputError: as when called.
        """
        if not np.issubdtype(slices.dtype, np.floating):
            raise InputError(f"slices are of {slices.dtype}; they must be floats with values in [0, 1]")
        if not len(slices):
            return np.empty(slices.shape[:3], np.uint8)
        volume = Volume(slices)
        volume.check_finite()
        self.tell_notice()
        labels, _ = exhausted(self.segmenter(volume.voxels, lambda piece: piece))
        return self._tidy(labels)

    @property
    def chosen(self) -> tuple[str, ...]:
        """The classes that were asked for, under their merged names."""
        classes = self.model.config.classes
        kept = {self.merging.classes[self.merging.table[1 + classes.index(name)] - 1] for name in self.organs}
        return tuple(name for name in self.merging.classes if name in kept)

    def _tidy(self, labels: Labels) -> Labels:
        """Leave out of labels what was not asked for, and merge classes."""
        classes = self.model.config.classes
        if self.organs != classes:
            keep_labels(labels, [classes.index(name) + 1 for name in self.organs])
        if self.largest_component:
            keep_largest(labels)
        return self.merging.apply(labels) if self.merge else labels

    def run(self, images: Tensor) -> Tensor:
        """Return the final logits, (B, K, S, S) in float32 or better, on the device where the images were.

        Args:
            images: (B, 3, S, S), or one as (3, S, S), in floating point with values in [0, 1], S the image size of the
                network; of no image the result is empty.

        Raises:
            InputError: if they are something else, or memory does not suffice for a single slice.
        """
        if images.ndim == 3:
            return self.run(images[None])[0]
        side = self.model.config.image_size
        if images.shape[1:] != (3, side, side) or not images.is_floating_point():
            raise InputError(
                f"images are {tuple(images.shape)} {images.dtype}; they must be (B, 3, {side}, {side}) of floats"
            )
        if not len(images):
            return images.new_empty(0, self.model.config.channels, side, side, dtype=torch.float32)
        self.tell_notice()
        return self.segmenter.run(images)


def predict_files(
    inputs: Sequence[str | Path],
    predictor: Predictor,
    out: str | Path,
    *,
    probabilities: bool = False,
    preview: bool = True,
    dicom_seg: bool = False,
    rtstruct: bool = False,
    table: str | Path | None = None,
    channels: bool = False,
    series: str | None = None,
    skip_damaged: bool = False,
    overwrite: bool = False,
    say: Callable[[str], None] = print,
) -> Summary:
    """Segment many scans.

    For each there are ``<name>.nii.gz`` (labels; of MetaImage, NRRD and pairs in their own format), ``<name>.json``
    (volumes of organs and how they were found), and what else is asked for; inside a folder their place is kept. What
    was made of the same scan with the same weights and options, as ``made.jsonl`` beside the results says, is skipped.
    A scan that cannot be read is reported and the others still run. Under ``accelerate launch`` or ``torchrun`` the
    processes share the scans.

    Args:
        inputs: files, folders, glob patterns, see `visioncore.medical.ScanReader.find`.
        predictor: does the work.
        out: folder for the results; for one scan also a ``.nii.gz`` file for its labels.
        probabilities: write ``<name>_probabilities.nii.gz`` too, (columns, rows, slices, K).
        preview: write ``<name>.png`` too, a image of three planes.
        dicom_seg: write ``<name>.dcm`` too, DICOM-SEG; for scans that are DICOM.
        rtstruct: write ``<name>_rtstruct.dcm`` too, contours as an RT structure set; for scans that are DICOM.
        table: write a CSV file too, with size and mean intensity of every organ of all scans, also of those that were
            skipped; of several processes each writes one, named after it.
        channels: ``p_0000.nii.gz``, ``p_0001.nii.gz`` and ``p_0002.nii.gz`` are the channels of one scan, whose results
            are called ``p``, as nnU-Net has it; without this each is a scan of its own.
        series: which series to read from DICOM folders of several.
        skip_damaged: go on without slices of DICOM series that are damaged; else the scan counts as failed.
        overwrite: make results anew that are there already.
        say: told a line for each scan that failed, and of results that are made anew.

    Returns:
        What was done, skipped and failed; its ``exit_code`` is 1 if a scan failed.

    Raises:
        InputError: if an input is missing or holds no scan, a result would be written over an input or another result,
            ``out`` or the table cannot be written, or what DICOM-SEG or contours need is not installed.
    """
    table_path = None if table is None else check_table(Path(table))
    if dicom_seg:
        libraries()  # told now, not of each scan when the work is done
    if rtstruct:
        contouring()
    wanted = {REPORT: True, PROBABILITIES: probabilities, PREVIEW: preview, DICOM_SEG: dicom_seg, RTSTRUCT: rtstruct}
    others = [ending for ending, asked in wanted.items() if asked]
    if probabilities and predictor.merge:
        raise InputError("probabilities are those of the network's own classes; leave out merge or probabilities")
    cases: dict[Path, Case] = {}
    find = (lambda entry: first_channels(SCANS.find(entry))) if channels else SCANS.find
    jobs = plan_scans(inputs, Path(out), find, lambda source: (labels_suffix(source), *others))
    if channels:
        jobs, cases = jobs_of_channels(jobs, Path(out))
    elif hint := look_like_channels(job.source for job in jobs):
        say(hint)
    record = open_record(out, jobs, predictor.recorded() | {"series": series, "skip_damaged": skip_damaged})
    targets = {job.source: job.target for job in jobs}

    def read(source: Path) -> tuple[Path, Volume]:
        if source in cases and cases[source].channels:
            volume = read_scan(cases[source])
        else:
            volume = read_volume(source, series=series, skip_damaged=skip_damaged)
        if dicom_seg:
            check_source(volume)  # before the work, not after it
        if rtstruct:
            check_source(volume, "an RT structure set", "--rtstruct")
        return targets[source], volume

    def work(task: tuple[Path, Volume]) -> Segmentation:
        target, scan = task
        result = predictor(scan, probabilities=probabilities, show_progress=len(jobs) == 1)
        result.save_probabilities(target)
        # written at once: those of several scans that wait to be written would take too much memory
        return replace(result, probabilities=None)

    def write(result: Segmentation, target: Path) -> None:
        if dicom_seg:
            write_dicom_seg(beside(target, DICOM_SEG), result.labels, result.scan, result.classes, result.organs)
        if rtstruct:
            write_rtstruct(beside(target, RTSTRUCT), result.labels, result.scan, result.classes, result.organs)
        if preview:
            result.save_preview(target)
        result.save(target)

    summary = process_files(
        jobs,
        read,
        work,
        write,
        record=record,
        overwrite=overwrite,
        say=say,
    )
    if table_path is not None:
        made = {*summary.done, *summary.skipped}
        write_table(table_path, [beside(job.target, REPORT) for job in jobs if job.target in made])
    return summary
