"""The result: where the faces of an image look, to be saved and looked at."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from visioncore.errors import InputError
from visioncore.inference.result import BaseResult, result_path
from visioncore.report import figure_grid

from ..data.zones import COARSE_ZONES, FINE_ZONES, coarse_of_fine
from .drawing import draw_gaze
from .records import FrameGaze, write_records
from .seen_face import SeenFace

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False, repr=False)
class GazeResult(BaseResult):
    """The gazes of B faces.

    Attributes:
        gaze: (B, 2) yaw and pitch in radians, `official` convention, in the frame of the normalised camera: as the
            network gives them.
        vectors: (B, 3) unit vectors in the frame of the camera (x right, y down, z forward); None for ready crops whose
            rotation was not given.
        zones: (B,) fine zones, 0 to 121 of IVGaze; None where the network has none, or no origin was given.
        zone_probabilities: (B,) of these zones.
        cabin_zones: (B,) names of the zones of the user's own cabin; empty where it is not given.
        cabin_probabilities: (B,) of these zones.
        faces: the faces that were found in an image; none for ready crops.
        ids: (B,) of the faces; in a video a face keeps its id.
        image: (H, W, 3) uint8 RGB that they were found in; None for ready crops.
        crops: (B, S, S, 3) uint8 RGB, the normalised images.
        notes: what a user should know, such as that no face was found, in one line each.
        source: the file it came from, if it came from one.
        zone_count: how many fine zones the network has.
    """

    gaze: NDArray[np.float32]
    vectors: Floats | None
    zones: NDArray[np.int64] | None
    zone_probabilities: Floats | None
    crops: NDArray[np.uint8]
    faces: tuple[SeenFace, ...] = ()
    ids: tuple[int, ...] = ()
    image: NDArray[np.uint8] | None = None
    notes: tuple[str, ...] = field(default=())
    source: Path | None = None
    cabin_zones: tuple[str, ...] = ()
    cabin_probabilities: tuple[float, ...] = ()
    zone_count: int = FINE_ZONES

    def __len__(self) -> int:
        return len(self.gaze)

    @property
    def values(self) -> NDArray[Any]:
        """The gazes (B, 2)."""
        return self.gaze

    @property
    def scores(self) -> Floats:
        """(B,): how sure the finder is of each face, from 0 to 1."""
        return np.array([seen.face.score for seen in self.faces], dtype=np.float64)

    @property
    def boxes(self) -> Floats:
        """(B, 4): x0, y0, x1, y1 of the faces in pixels."""
        return np.array([seen.box for seen in self.faces], dtype=np.float64).reshape(-1, 4)

    @property
    def origins(self) -> Floats:
        """(B, 3): where the gazes start, the centres of the faces, in mm in the frame of the camera."""
        return np.array([seen.pose.centre for seen in self.faces], dtype=np.float64).reshape(-1, 3)

    @property
    def heads(self) -> Floats:
        """(B, 3): yaw, pitch and roll of the heads in degrees, in the frame of the camera."""
        return np.array([seen.pose.angles for seen in self.faces], dtype=np.float64).reshape(-1, 3)

    @property
    def regions(self) -> list[str] | None:
        """Names of the coarse zones that the fine ones belong to; None as `region_ids`."""
        ids = self.region_ids
        return None if ids is None else [COARSE_ZONES[region] for region in ids]

    @property
    def looked_at(self) -> list[str]:
        """Zones that are looked at, (B,): of the own cabin if it is given, else `regions`, or the fine ones' numbers.

        Without zones they are empty.
        """
        numbers = [""] * len(self) if self.zones is None else [f"zone {zone}" for zone in self.zones]
        return [*self.cabin_zones] or self.regions or numbers

    @property
    def region_ids(self) -> list[int] | None:
        """Coarse zones, 0 to 9; None for a network without zones, or with other zones than IVGaze's."""
        if self.zones is None or self.zone_count != FINE_ZONES:
            return None
        return [int(zone) for zone in coarse_of_fine()[self.zones]]

    def __str__(self) -> str:
        if not len(self):
            return "no face"
        shown = [
            " ".join(filter(None, (f"yaw {yaw:+.1f}, pitch {pitch:+.1f} degrees", zone)))
            for (yaw, pitch), zone in zip(np.degrees(self.gaze[:2]), self.looked_at, strict=False)
        ]
        more = f"; {len(self) - 2} more" if len(self) > 2 else ""
        return f"{'; '.join(shown)}{more}"

    def records(self, frame: int = 0, time: float = 0.0, source: str = "") -> list[FrameGaze]:
        """Return a record for each face, or one that says that there is none.

        Args:
            frame: number of the image in its video.
            time: of it, in seconds.
            source: its file; by default what the result came from.
        """
        name = source or (self.source.name if self.source else "image")
        if not len(self):
            return [FrameGaze(name, frame, time)]
        regions = self.region_ids
        return [
            FrameGaze(
                name,
                frame,
                time,
                self.ids[number] if self.ids else number,
                **self._face(number),
                yaw=float(self.gaze[number, 0]),
                pitch=float(self.gaze[number, 1]),
                vector=None if self.vectors is None else tuple(self.vectors[number].tolist()),
                zone=None if self.zones is None else int(self.zones[number]),
                zone_probability=None if self.zone_probabilities is None else float(self.zone_probabilities[number]),
                region=None if regions is None else regions[number],
                cabin_zone=self.cabin_zones[number] if self.cabin_zones else None,
                cabin_probability=self.cabin_probabilities[number] if self.cabin_zones else None,
            )
            for number in range(len(self))
        ]

    def _face(self, number: int) -> dict[str, Any]:
        """Return the fields of a record that tell of the face in the image; a ready crop has none."""
        if not self.faces:
            return {}
        seen = self.faces[number]
        return {
            "box": seen.box,
            "score": float(np.clip(seen.face.score, 0, 1)),
            "origin": tuple(seen.pose.centre.tolist()),
            "head": tuple(seen.pose.angles.tolist()),
        }

    def save(self, target: str | Path) -> Path:
        """Write the records to a ``.csv`` or ``.jsonl`` file, or as ``<name of the source>.csv`` into a folder.

        Raises:
            InputError: if that is the source itself, or cannot be written.
        """
        name = f"{self.source.stem if self.source else 'gaze'}.csv"
        path = result_path(target, name, self.source, "image")
        write_records(path, self.records())
        return path

    def drawn(self) -> NDArray[np.uint8]:
        """Return the image (H, W, 3) with boxes, arrows and zones drawn on it.

        Raises:
            InputError: if it came from ready crops.
        """
        if self.image is None:
            raise InputError("this result came from ready crops, so there is no image to draw on")
        image = self.image.copy()
        zones, vectors = self.looked_at, self.vectors
        for number, seen in enumerate(self.faces):
            if vectors is not None:
                draw_gaze(image, seen, vectors[number], np.degrees(self.gaze[number]), zones[number])
        return image

    def plot(self, path: str | Path | None = None) -> Figure:
        """Draw the image with its gazes, or the ready crops; write the figure to ``path`` if given, and return it."""
        if self.image is not None:
            return figure_grid([(str(self), self.drawn())], path, columns=1)
        panels = [
            (f"yaw {yaw:+.1f}, pitch {pitch:+.1f}", crop)
            for (yaw, pitch), crop in zip(np.degrees(self.gaze[:16]), self.crops, strict=False)
        ]
        return figure_grid(panels, path)
