"""Camera response curves: light to recorded brightness and back, by look-up in tables."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from visioncore.errors import InputError, damage

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Table = NDArray[np.float32]
    Doubles = NDArray[np.float64]

FORWARD_FILE, INVERSE_FILE = "201_CRF_data.mat", "dorfCurvesInv.mat"
"""The published curves of 201 real cameras, from the repository of CBDNet (GuoShi28/CBDNet, Apache-2.0)."""
SAMPLES = 1024
"""Of a curve."""


@dataclass(frozen=True, eq=False)
class ResponseCurves:
    """Response curves of N cameras, (N, samples) float32 in [0, 1] each.

    Attributes:
        light: where the responses are sampled, evenly.
        brightness: what the cameras make of that light.
        inverse_brightness: where the inverse responses are sampled, evenly.
        inverse_light: the light behind that brightness.
        name: where the curves are from.

    Raises:
        InputError: if the tables differ in shape or are not what they should be.
    """

    light: Table = field(repr=False)
    brightness: Table = field(repr=False)
    inverse_brightness: Table = field(repr=False)
    inverse_light: Table = field(repr=False)
    name: str

    def __post_init__(self) -> None:
        shape = self.light.shape
        for what in ("light", "brightness", "inverse_brightness", "inverse_light"):
            table = getattr(self, what)
            if table.ndim != 2 or table.shape != shape or table.shape[0] < 1 or table.shape[1] < 3:
                raise InputError(f"{self.name}: {what} is {table.shape}; all four tables must be (cameras, samples)")
            if not (np.isfinite(table).all() and (table >= 0).all() and (table <= 1).all()):
                raise InputError(f"{self.name}: {what} has values outside 0 to 1")
        for what in ("light", "inverse_brightness"):
            even = np.linspace(0, 1, shape[1])
            if np.abs(getattr(self, what) - even).max() > 0.25 * even[1]:
                raise InputError(f"{self.name}: {what} is not sampled evenly from 0 to 1")

    def __len__(self) -> int:
        """Return the number of cameras."""
        return len(self.light)

    def respond(self, light: Doubles, camera: int) -> Doubles:
        """Return the brightness that a camera records for light of any shape in [0, 1]."""
        return look_up(light, self.light[camera], self.brightness[camera])

    def invert(self, brightness: Doubles, camera: int) -> Doubles:
        """Return the light for which a camera records a brightness of any shape in [0, 1]."""
        return look_up(brightness, self.inverse_brightness[camera], self.inverse_light[camera])


def look_up(values: Doubles, grid: Table, curve: Table) -> Doubles:
    """Return the curve at the sample of the grid that is nearest to each value, as published.

    Halfway between two samples the upper one is taken; the first sample never is, the second stands for all below.

    Args:
        values: of any shape, float64 in [0, 1].
        grid: (samples,) float32, all but evenly from 0 to 1, as in `ResponseCurves`.
        curve: (samples,) float32.

    Returns:
        float64 of the shape of ``values``.
    """
    samples = grid.astype(np.float64)
    borders = np.concatenate([[-np.inf, -np.inf], (samples[1:-1] + samples[2:]) / 2, [np.inf]])
    # as the grid is all but even, the nearest sample is this one or a neighbour: quicker to correct than to search
    nearest = np.rint(values * (len(grid) - 1)).astype(np.intp)
    nearest += values >= borders[1:][nearest]
    nearest -= values < borders[nearest]
    return curve.astype(np.float64)[nearest]


def read_curves(folder: str | Path) -> ResponseCurves:
    """Read the published curves.

    Args:
        folder: where `FORWARD_FILE` and `INVERSE_FILE` lie.

    Raises:
        InputError: if one is missing, damaged, or holds no such curves.
    """
    folder = Path(folder)
    forward = _read_mat(folder / FORWARD_FILE, ("I", "B"))
    inverse = _read_mat(folder / INVERSE_FILE, ("invB", "invI"))
    return ResponseCurves(*forward, *inverse, name=str(folder))


def _read_mat(path: Path, names: tuple[str, str]) -> tuple[Table, Table]:
    from scipy.io import loadmat

    if not path.is_file():
        raise InputError(
            f"{path}: no such file; {FORWARD_FILE} and {INVERSE_FILE} come from the repository of CBDNet, "
            "github.com/GuoShi28/CBDNet"
        )
    with damage(path, "not a MATLAB file, or damaged"):
        content = loadmat(path)
    missing = [name for name in names if name not in content]
    if missing:
        raise InputError(f"{path}: no table {' and '.join(missing)} in it; it must have {' and '.join(names)}")
    return tuple(np.asarray(content[name], np.float32) for name in names)  # type: ignore[return-value]


def smooth_curves() -> ResponseCurves:
    """Return 201 synthetic curves, of no real camera, for use where the published ones are not at hand.

    Powers from 1 / 1.6 to 1 / 2.8, as many cameras come close to, bent towards an S by 0 to 0.6. Training on them is
    like the published one, not the same.
    """
    x = np.linspace(0, 1, SAMPLES)
    powers, bends = (each.ravel() for each in np.meshgrid(np.linspace(1.6, 2.8, 67), [0.0, 0.3, 0.6]))
    # finer than the tables, so that the steep foot of a curve is inverted as exactly as the rest
    fine = np.linspace(0, 1, 16 * SAMPLES) ** 3
    forward = [_smooth(x, power, bend) for power, bend in zip(powers, bends, strict=True)]
    inverse = [np.interp(x, _smooth(fine, power, bend), fine) for power, bend in zip(powers, bends, strict=True)]
    grid = np.tile(x.astype(np.float32), (len(powers), 1))
    brightness, light = np.asarray(forward, np.float32), np.asarray(inverse, np.float32)
    return ResponseCurves(grid, brightness, grid, light, name="smooth curves, made up")


def _smooth(light: Doubles, power: float, bend: float) -> Doubles:
    gamma = light ** (1 / power)
    return (1 - bend) * gamma + bend * gamma**2 * (3 - 2 * gamma)
