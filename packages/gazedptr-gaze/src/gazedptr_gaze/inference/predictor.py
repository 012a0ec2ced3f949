"""Prediction: camera image -> where the faces in it look."""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from visioncore.devices import with_backoff
from visioncore.errors import InputError
from visioncore.inference.image_inputs import GivenImage, Range, as_image
from visioncore.inference.predictor import BasePredictor

from ..data.camera import Camera, read_camera
from ..data.conventions import official_angles, official_vectors
from ..data.pixels import eight_bits, resized
from ..network.config import ZoneHead
from ..network.fast import for_inference
from ..network.model import GazeNetwork
from ..network.output import GazeOutput
from ..network.weights import load_model
from .bias import GazeBias, read_bias
from .crops import checked_crops, checked_origins, checked_rotations
from .faces import FaceFinder, by_size, checked_faces
from .finders import MESH, face_finder
from .landmark_file import LandmarkFile
from .result import GazeResult
from .seen_face import SeenFace, see_face
from .zones import Zones, read_zones

__all__ = ["GazeResult", "Predictor"]


class Predictor(BasePredictor):
    """Finds faces in camera images and says where they look.

    Args:
        model: the weights that `load_model` takes, or one of the three networks; later changes of its weights are not
            seen.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
        dtype: ``float32``; ``bfloat16`` or ``float16`` for more speed at a small cost in accuracy; ``auto`` is bfloat16
            on GPUs that have it and float32 elsewhere.
        batch: faces on the device at a time; halved, for good, when memory runs out.
        camera: its calibration, a file of OpenCV (YAML or JSON) or a `Camera`; by default one that sees 60 degrees
            across the longer side of an image is guessed, which is told once.
        faces: a face finder, see `FaceFinder`, or what stands for one, see `finders.face_finder`.
        all_faces: predict the gazes of all faces; else of the largest alone.
        zone_head: whose zone counts: 1 image, 2 projected points, 3 both; by default what the weights say.
        calibration: of the person, a file of ``calibrate`` or a `GazeBias`; vectors, not angles, are corrected by it.
        cabin: the user's own zones, a file of `zones.read_zones` or such zones.
        notify: told in one line each that the camera is guessed or scaled, that crops are resized, that the batch is
            halved, and that weights are demo weights; default: a warning.

    Raises:
        InputError: if an option is not what it should be, or the camera or the finder cannot be read.
    """

    def __init__(
        self,
        model: GazeNetwork | str | Path,
        device: str | torch.device = "auto",
        *,
        dtype: str | torch.dtype = "float32",
        batch: int = 8,
        camera: Camera | str | Path | None = None,
        faces: FaceFinder | LandmarkFile | str | Path = MESH,
        all_faces: bool = False,
        zone_head: ZoneHead | None = None,
        calibration: GazeBias | str | Path | None = None,
        cabin: Zones | str | Path | None = None,
        notify: Callable[[str], None] = warnings.warn,
    ) -> None:
        model = load_model(model) if isinstance(model, str | Path) else model
        super().__init__(model, device, dtype=dtype, batch=batch, notify=notify)
        if zone_head not in (None, 1, 2, 3):
            raise InputError(f"zone_head is {zone_head}; it must be 1, 2 or 3")
        self.config = model.config
        self.zone_head = zone_head or model.config.zone_head
        self.all_faces = all_faces
        self.network: Callable[..., GazeOutput] = for_inference(model, self.device, self.dtype)
        self.camera = read_camera(camera) if isinstance(camera, str | Path) else camera
        self.calibration = read_bias(calibration) if isinstance(calibration, str | Path) else calibration
        self.cabin = read_zones(cabin) if isinstance(cabin, str | Path) else cabin
        self._faces = faces
        if faces != MESH:
            # the networks of that one may be missing where crops are ready
            self._faces = self.finder
        self._given = {"camera": _described(camera), "faces": _described(faces)}
        self._cameras: dict[tuple[int, int], Camera] = {}
        self._resized = set[str]()

    @property
    def finder(self) -> FaceFinder | LandmarkFile:
        """The finder of faces.

        Raises:
            InputError: if the networks of ``mesh`` are not installed.
        """
        if isinstance(self._faces, str | Path):
            self._faces = face_finder(self._faces)
        return self._faces

    def settings(self) -> dict[str, Any]:
        known = super().settings()
        del known["self_ensemble"]
        return known | self._given | {"all_faces": self.all_faces, "zone_head": self.zone_head}

    def recorded(self) -> dict[str, Any]:
        camera = self.camera and [self.camera.matrix.tolist(), self.camera.distortion.tolist(), self.camera.size]
        finder = self._faces
        return super().recorded() | {
            "camera": camera,
            "faces": finder.digest if isinstance(finder, LandmarkFile) else self._given["faces"],
            "calibration": self.calibration and [self.calibration.yaw, self.calibration.pitch],
            "cabin": self.cabin and f"{zlib.crc32(repr(self.cabin).encode()):08x}",
        }

    def __call__(self, image: GivenImage, *, range: Range | None = None) -> GazeResult:
        """Return the gaze of the largest face of an image, or of all, the largest first.

        Args:
            image: a file, an `Image`, an image of Pillow, or an array (H, W, 3) of RGB or (H, W) of grey, as infrared
                cameras give it. Of 16-bit values the lowest 10, 12, 14 or 16 bits count, whichever hold them all.
            range: which values of an array are black and white, see `as_image`.

        Raises:
            InputError: if it cannot be read or is no image, the camera does not fit its size, or the network's output
                is not finite. An image without a face is no error: its result is empty and says so.
        """
        source = Path(image) if isinstance(image, str | Path) else None
        (result,) = self.frames([eight_bits(as_image(image, range))], source)
        return self.personal(result)

    def personal(self, result: GazeResult) -> GazeResult:
        """Return a result with vectors that are corrected by the calibration, and with zones of the user's own cabin.

        Raises:
            InputError: if the zones need gaze origins, and the faces have none.
        """
        vectors = result.vectors
        if vectors is None or not len(result):
            return result
        if self.calibration is not None:
            vectors = official_vectors(self.calibration.apply(official_angles(vectors)))
            result = replace(result, vectors=vectors)
        if self.cabin is not None:
            ids, probabilities = self.cabin.of(vectors, result.origins)
            names = tuple(self.cabin.names[zone] for zone in ids)
            result = replace(result, cabin_zones=names, cabin_probabilities=tuple(probabilities.tolist()))
        return result

    def frames(
        self, images: Sequence[NDArray[np.uint8]], source: Path | None = None, numbers: Sequence[int] = (0,)
    ) -> list[GazeResult]:
        """Return the results of several images, whose faces go through the network together, before `personal`.

        Args:
            images: (H, W, 3) uint8 RGB.
            source: the file that they are from.
            numbers: of the frames in it.

        Raises:
            InputError: as when called.
        """
        self.tell_notice()
        found = [self._find(image, source, number) for image, number in zip(images, numbers, strict=True)]
        seen = [each for faces, _ in found for each in faces]
        out = self._outputs_of(seen)
        results, first = [], 0
        for image, (faces, notes) in zip(images, found, strict=True):
            part = slice(first, first := first + len(faces))
            rotations = np.array([each.virtual.rotation for each in faces]).reshape(-1, 3, 3)
            results.append(
                self._result(
                    GazeOutput(out.gaze[part], *(None if value is None else value[:, part] for value in out[1:])),
                    rotations,
                    np.array([each.normalised for each in faces], np.uint8).reshape(
                        -1, *(self.config.image_size,) * 2, 3
                    ),
                    faces=tuple(faces),
                    ids=tuple(range(len(faces))),
                    image=image,
                    notes=tuple(notes),
                    source=source,
                )
            )
        return results

    def crops(
        self,
        normalised: NDArray[np.uint8],
        original: NDArray[np.uint8] | None = None,
        rotations: ArrayLike | None = None,
        origins: ArrayLike | None = None,
    ) -> GazeResult:
        """Return the gazes of ready crops, as data sets have them.

        Args:
            normalised: (B, S, S, 3) uint8 RGB, the faces as virtual cameras see them; resized, as in training, if S is
                not the size that the network was trained on.
            original: (B, S, S, 3) uint8 RGB, the same faces in the view of the camera; for networks of two streams.
            rotations: from the frame of the camera to those of the virtual ones, (B, 3) rotation vectors or (B, 3, 3)
                matrices; networks of two streams need them, and without them the result has no vectors.
            origins: (B, 3) where the gazes start, in mm in the frame of the camera; for zones.

        Raises:
            InputError: if something is missing or of another shape, or the network's output is not finite.
        """
        self.tell_notice()
        faces = checked_crops("normalised", normalised)
        count = len(faces)
        matrices = None if rotations is None else checked_rotations(rotations, count)
        inputs = [self._ready("normalised", faces)]
        if self.config.variant != "gazeptr":
            if original is None or matrices is None:
                raise InputError(f"{self.title} needs original crops and rotations beside the normalised ones")
            others = checked_crops("original", original, count)
            back = np.asarray(np.linalg.inv(matrices), dtype=np.float64)
            inputs += [self._ready("original", others), _single(back[:, :, 2])]
            if self.config.variant == "gazedptr_v2" and origins is not None:
                inputs += [_single(back), _single(checked_origins(origins, count))]
        return self._result(self.outputs(*inputs), matrices, faces, ids=tuple(range(count)))

    def _ready(self, name: str, crops: NDArray[np.uint8]) -> Tensor:
        """Return crops as the network takes them, at the size that it was trained on; tell once if that is another."""
        size, side = self.config.image_size, crops.shape[1]
        if side == size:
            return _tensor(crops)
        if name not in self._resized:
            self._resized.add(name)
            self.notify(
                f"{name} crops of {side}x{side} pixels are resized to {size}x{size}, for which the network was trained"
            )
        return _tensor(np.array([resized(crop, size) for crop in crops], np.uint8).reshape(-1, size, size, 3))

    def outputs(self, *inputs: Tensor) -> GazeOutput:
        """Return the outputs of the network on the CPU, for any number of faces, `batch` of them at a time.

        Args:
            inputs: tensors as the network's ``forward`` takes them, in its order.

        Raises:
            InputError: if a shape is another, the output is not finite, or memory does not suffice for one face.
        """
        count = len(inputs[0])

        def run(size: int) -> GazeOutput:
            self.batch = size
            parts = [
                self.network(*(each[start : start + size].to(self.device) for each in inputs))
                # of no face there is one empty part
                for start in range(0, count, size) or (0,)
            ]
            return _joined(parts)

        with torch.inference_mode():
            out = with_backoff(run, self.batch, notify=self.notify)
        if not out.gaze.isfinite().all():
            raise InputError(
                "the network's output is not finite; use weights that are, or a higher precision (float32)"
            )
        return out

    def run(self, *inputs: Tensor) -> Tensor:
        """Return gazes (B, 2), yaw and pitch in radians: those of `outputs`; inputs of one face may lack the batch."""
        if inputs[0].ndim == 3:
            return self.run(*(each[None] for each in inputs))[0]
        return self.outputs(*inputs).gaze

    def _find(self, image: NDArray[np.uint8], source: Path | None, number: int) -> tuple[list[SeenFace], list[str]]:
        """Return the faces of an image, and notes on those that cannot be used."""
        camera = self._camera_of(image, source)
        finder = self.finder
        found = by_size(finder.of(source, number) if isinstance(finder, LandmarkFile) else checked_faces(finder(image)))
        if not self.all_faces:
            # another one, if this cannot be used, would be somebody else
            found = found[:1]
        where = source or "the image"
        notes = [] if found else [f"{where}: no face found"]
        if not found and isinstance(finder, LandmarkFile):
            notes[0] += f"; {finder.path} has no landmarks under its name"
        undistorted = np.asarray(camera.undistort(image), np.uint8) if found else image
        seen: list[SeenFace] = []
        for face in found:
            try:
                seen.append(see_face(image, undistorted, face, camera, self.config.image_size))
            except InputError as error:
                notes.append(f"{where}: a face is left out: {error}")
            else:
                if seen[-1].cut:
                    notes.append(f"{where}: a face lies at the border of the image; what is beyond it is black")
        return seen, notes

    def _camera_of(self, image: NDArray[np.uint8], source: Path | None) -> Camera:
        """Return the camera for images of this size, and tell once if it is scaled or guessed."""
        height, width = image.shape[:2]
        if (known := self._cameras.get((width, height))) is not None:
            return known
        if self.camera is None:
            camera = Camera.guess(width, height)
            if not self._cameras:
                self.notify(
                    f"no camera calibration is given: a focal length of {camera.matrix[0, 0]:.0f} pixels is guessed "
                    f"for {width}x{height} (60 degrees across the longer side), so distances and vectors are rough"
                )
        else:
            camera = self.camera.for_size(width, height, str(source or "the image"))
            if camera is not self.camera and self.camera.size:
                known_size = "x".join(map(str, self.camera.size))
                self.notify(f"the camera was calibrated on {known_size}; it is scaled to {width}x{height}")
        self._cameras[width, height] = camera
        return camera

    def _outputs_of(self, seen: Sequence[SeenFace]) -> GazeOutput:
        size = self.config.image_size

        def images(name: str) -> Tensor:
            return _tensor(np.array([getattr(each, name) for each in seen], np.uint8).reshape(-1, size, size, 3))

        inputs = [images("normalised")]
        if self.config.variant != "gazeptr":
            back = np.array([each.virtual.to_camera for each in seen]).reshape(-1, 3, 3)
            inputs += [images("original"), _single(back[:, :, 2])]
            if self.config.variant == "gazedptr_v2":
                inputs += [_single(back), _single(np.array([each.pose.centre for each in seen]).reshape(-1, 3))]
        return self.outputs(*inputs)

    def _result(
        self, out: GazeOutput, rotations: NDArray[np.float64] | None, crops: NDArray[np.uint8], **more: Any
    ) -> GazeResult:
        gaze = out.gaze.numpy()
        vectors = None if rotations is None else np.einsum("bji,bj->bi", rotations, official_vectors(gaze))
        zones = probabilities = None
        if out.zone_logits is not None:
            likely, chosen = out.zone_logits[self.zone_head - 1].double().softmax(dim=-1).max(dim=-1)
            zones, probabilities = chosen.numpy(), likely.numpy()
        return GazeResult(
            gaze.astype(np.float32), vectors, zones, probabilities, crops, zone_count=self.config.zones, **more
        )


def _tensor(images: NDArray[np.uint8]) -> Tensor:
    """Return RGB images (B, H, W, 3) as the networks take them: (B, 3, H, W) in [0, 1], blue first."""
    return torch.from_numpy(images[..., ::-1].transpose(0, 3, 1, 2).astype(np.float32)).div_(255)


def _single(array: NDArray[np.float64]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))


def _joined(parts: Sequence[GazeOutput]) -> GazeOutput:
    """Return the outputs for parts of a batch as those for all of it, on the CPU."""
    more: list[Tensor | None] = []
    for values in zip(*(part[1:] for part in parts), strict=True):
        # what comes of several heads has the batch on its second axis
        there = [value.cpu() for value in values if value is not None]
        more.append(torch.cat(there, dim=1) if there else None)
    return GazeOutput(torch.cat([part.gaze.cpu() for part in parts]), *more)


def _described(given: object) -> str | None:
    """Return an argument as the record of a result holds it."""
    if given is None or isinstance(given, str):
        return given
    return str(given) if isinstance(given, Path) else type(given).__name__
