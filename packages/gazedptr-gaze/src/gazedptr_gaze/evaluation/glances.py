"""Glances of a drive, from records with times: how long and how often which zone was looked at.

The terms are those of ISO 15007: a glance is gaze that stays within one zone, and lasts from the moment at which gaze
moves towards the zone to the moment at which it moves away from it. Frames are samples: each stands for the time until
the next one, the last of a source for the usual time between two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from visioncore.errors import InputError

from ..data.zones import COARSE_ZONES
from ..inference.cabin import ELSEWHERE
from ..inference.records import NO_FACE, FrameGaze

ROAD = (COARSE_ZONES[8], COARSE_ZONES[9])
"""Zones through which the road ahead is seen: both sides of the windshield."""
PAUSE = 3
"""Usual times between two frames, after which frames are missing: that time has no data."""
SAME_MOMENT = 1e-6
"""Seconds by which times that are the same may differ after arithmetic."""


@dataclass(frozen=True)
class GlanceOptions:
    """How frames become glances.

    Attributes:
        road: names of the zones that count as eyes on the road; all others, elsewhere too, are off it.
        shortest: seconds that a glance lasts at least; shorter stays are the way to the next glance and count for it.
        bridged: seconds without data, such as a blink, up to which a glance at the same zone goes on, and up to which
            two at different zones follow each other. Anything longer is a break.
        face: id of the driver's face.

    Raises:
        InputError: if there is no zone for the road, or a time is negative.
    """

    road: tuple[str, ...] = ROAD
    shortest: float = 0.12
    bridged: float = 0.3
    face: int = 0

    def __post_init__(self) -> None:
        if not self.road:
            raise InputError("no zone counts as the road; name one or several")
        for name in ("shortest", "bridged"):
            if not 0 <= getattr(self, name) <= 10:
                raise InputError(f"{name} is {getattr(self, name):g}; it should be 0 to 10 seconds")


@dataclass(frozen=True)
class Glance:
    """A glance.

    Attributes:
        source: file that it is in.
        zone: name of the zone.
        start: seconds since the beginning of the source.
        end: seconds; that of the last frame includes the time until the next.
    """

    source: str
    zone: str
    start: float
    end: float

    @property
    def duration(self) -> float:
        """Return the seconds it lasts."""
        return self.end - self.start


@dataclass(frozen=True)
class Drive:
    """Glances of one or several sources.

    Attributes:
        glances: in order of source and time.
        names: zones that there are, looked at or not.
        options: by which they were found.
        spans: {source: its first time and the end of its last frame}, seconds.
        frames: number of them.
        without_face: frames in which the driver's face was not found.
        without_zone: further frames, with the face but without a zone.
    """

    glances: tuple[Glance, ...]
    names: tuple[str, ...]
    options: GlanceOptions
    spans: Mapping[str, tuple[float, float]]
    frames: int
    without_face: int
    without_zone: int

    @property
    def seconds(self) -> float:
        """Return the time of all sources."""
        return sum(end - start for start, end in self.spans.values())

    @property
    def glance_seconds(self) -> float:
        """Return the time of all glances; the rest of ``seconds`` has no data, or stays too short for a glance."""
        return sum(glance.duration for glance in self.glances)

    def is_road(self, glance: Glance) -> bool:
        """Return whether a glance is at the road."""
        return glance.zone in self.options.road

    def off_road(self) -> list[Glance]:
        """Return the times off the road: glances at other zones that follow each other without a break, as one."""
        found: list[Glance] = []
        before: Glance | None = None
        for glance in self.glances:
            if not self.is_road(glance):
                if before and not self.is_road(before) and _follows(before, glance, self.options.bridged):
                    found[-1] = Glance(glance.source, glance.zone, found[-1].start, glance.end)
                else:
                    found.append(glance)
            before = glance
        return found

    def transitions(self) -> NDArray[np.int64]:
        """Return how often gaze went from each zone (rows) to each other, (names, names); not across breaks."""
        counts = np.zeros((len(self.names), len(self.names)), dtype=np.int64)
        for before, after in pairwise(self.glances):
            if before.zone != after.zone and _follows(before, after, self.options.bridged):
                counts[self.names.index(before.zone), self.names.index(after.zone)] += 1
        return counts


def find_glances(
    records: Sequence[FrameGaze], options: GlanceOptions | None = None, names: Sequence[str] = ()
) -> Drive:
    """Return the glances in records.

    Zones are those of the user's own cabin if records have any, else the coarse zones.

    Args:
        records: of all frames, those without a face too.
        options: by default `GlanceOptions`.
        names: zones of the user's own cabin; by default those that are in the records.

    Raises:
        InputError: if no record has a zone or is of the driver's face, a zone of the road is unknown, two records of
            the face are of one frame, or times of a source do not increase from frame to frame.
    """
    options = options or GlanceOptions()
    own = any(record.cabin_zone is not None for record in records)
    if not own and all(record.region is None for record in records):
        raise InputError(
            "no record has a zone of the car; predict with weights that name IVGaze's, or give the zones of a cabin"
        )
    if options.face not in (known := sorted({record.face for record in records} - {NO_FACE})):
        raise InputError(f"no record is of face {options.face}; there are {', '.join(map(str, known))}")
    if own:
        seen = sorted({record.cabin_zone for record in records if record.cabin_zone is not None} - set(names))
        names = tuple(dict.fromkeys((ELSEWHERE, *names, *seen)))
    else:
        names = COARSE_ZONES
    if unknown := [zone for zone in options.road if zone not in names]:
        raise InputError(f"no zone {unknown[0]!r}, which should count as the road; there are {', '.join(names)}")
    glances: list[Glance] = []
    spans, counts = {}, np.zeros(3, dtype=np.int64)
    sources: dict[str, list[FrameGaze]] = {}
    for record in records:
        sources.setdefault(record.source, []).append(record)
    for source, lines in sources.items():
        frames = driver_frames(source, lines, options.face)
        zones = [_zone(record, own) for record in frames]
        times = np.array([record.time for record in frames])
        ends = _ends(source, times)
        faces = np.array([record.face == options.face for record in frames])
        counts += (len(frames), (~faces).sum(), sum(zone is None for zone in zones) - (~faces).sum())
        spans[source] = (float(times[0]), float(ends[-1]))
        glances += _segmented(source, zones, times, ends, options)
    total, faceless, zoneless = map(int, counts)
    return Drive(tuple(glances), tuple(names), options, spans, total, faceless, zoneless)


def driver_frames(source: str, records: Sequence[FrameGaze], face: int) -> list[FrameGaze]:
    """Return one record for each frame of a source in order: that of the driver's face, or one without a face.

    Raises:
        InputError: if two records of the face are of one frame.
    """
    found: dict[int, FrameGaze] = {}
    for record in records:
        if record.face == face and record.frame in found and found[record.frame].face == face:
            raise InputError(f"{source}: face {face} is twice in frame {record.frame}; each face is once in a frame")
        if record.face == face or record.frame not in found:
            none = FrameGaze(source, record.frame, record.time, NO_FACE)
            found[record.frame] = record if record.face == face else none
    return [found[frame] for frame in sorted(found)]


def _zone(record: FrameGaze, own: bool) -> str | None:
    if own:
        return record.cabin_zone
    return None if record.region is None else COARSE_ZONES[record.region]


def _ends(source: str, times: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return until when each frame counts: the next one, or the usual time if that is far away."""
    if len(times) < 2:
        raise InputError(f"{source}: a single frame; glances need the frames of a video, with their times")
    steps = np.diff(times)
    if (steps <= 0).any():
        at = int((steps <= 0).argmax())
        raise InputError(
            f"{source}: time goes from {times[at]:g} to {times[at + 1]:g} s; it should grow with the frames"
        )
    usual = float(np.median(steps))
    return times + np.append(np.where(steps > PAUSE * usual, usual, steps), usual)


def _segmented(
    source: str,
    zones: Sequence[str | None],
    times: NDArray[np.float64],
    ends: NDArray[np.float64],
    options: GlanceOptions,
) -> list[Glance]:
    """Return the glances of one source."""
    stays: list[Glance] = []
    for zone, start, end in zip(zones, times.tolist(), ends.tolist(), strict=True):
        if zone is not None:
            _append(stays, Glance(source, zone, start, end), options.bridged)
    glances: list[Glance] = []
    start = None
    for i, stay in enumerate(stays):
        begun = stay.start if start is None else start
        start = None
        if stay.duration >= options.shortest:
            _append(glances, Glance(source, stay.zone, begun, stay.end), options.bridged)
        elif i + 1 < len(stays) and _follows(stay, stays[i + 1], 0):
            start = begun
        elif glances and _follows(glances[-1], Glance(source, stay.zone, begun, stay.end), 0):
            # nothing follows that gaze could have been on its way to
            glances[-1] = Glance(source, glances[-1].zone, glances[-1].start, stay.end)
    return glances


def _append(glances: list[Glance], new: Glance, bridged: float) -> None:
    """Add a glance, or let the last one go on if it is at the same zone."""
    last = glances[-1] if glances else None
    if last is not None and last.zone == new.zone and _follows(last, new, bridged):
        glances[-1] = Glance(last.source, last.zone, last.start, new.end)
    else:
        glances.append(new)


def _follows(before: Glance, after: Glance, bridged: float) -> bool:
    """Return whether a glance comes after another without a break."""
    return before.source == after.source and after.start - before.end <= bridged + SAME_MOMENT
