"""What the tests share: tiny networks, a rendered person before a camera, rendered drivers laid out as IVGaze."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from gazedptr_gaze import Camera, GazeConfig
from gazedptr_gaze.data.face_renderer import Look, Pose, render_face
from gazedptr_gaze.data.head_mesh import procedural_head
from gazedptr_gaze.data.head_pose import FACE
from gazedptr_gaze.data.procedural_drivers import procedural_drivers
from gazedptr_gaze.data.rotations import to_matrices
from gazedptr_gaze.inference.faces import Face
from gazedptr_gaze.network.weights import AnyGaze


@pytest.fixture
def drivers(tmp_path: Path) -> Path:
    """A data set of three folds of six images of 64x64, to be changed at will."""
    return Path(shutil.copytree(procedural_drivers(64), tmp_path / "drivers"))


def tiny_config(variant: str = "gazeptr", **settings: Any) -> GazeConfig:
    """Return the settings of a network that takes no time."""
    sizes = {"widths": (8, 8, 16, 16), "blocks": (1, 1, 1, 1), "dim": 16, "heads": 2, "layers": 2, "feed_forward": 32}
    return GazeConfig(variant, **sizes, n_freqs=4, image_size=32, **settings)  # type: ignore[arg-type]


@pytest.fixture
def tiny() -> Callable[..., Any]:
    """Makes a network of a variant that takes no time, with random weights."""

    def make(variant: str = "gazeptr", **settings: Any) -> Any:
        torch.manual_seed(0)
        return AnyGaze(tiny_config(variant, **settings)).eval()

    return make


@pytest.fixture(scope="session")
def tiny_weights(saved: Callable[[Any], Path]) -> Path:
    """The folder of a tiny network, saved."""
    torch.manual_seed(0)
    return saved(AnyGaze(tiny_config()))


@dataclass(frozen=True)
class Person:
    """Somebody before a camera, whose landmarks are those of the generic face.

    Attributes:
        camera: sees them, 160x120.
        rotation: (3, 3) of the head.
        centre: (3,) of the face in mm.
    """

    camera: Camera
    rotation: NDArray[np.float64]
    centre: NDArray[np.float64]

    @property
    def face(self) -> Face:
        """The face as a finder would find it that errs nowhere."""
        pixels = (FACE @ self.rotation.T + self.centre) @ self.camera.matrix.T
        return Face(pixels[:, :2] / pixels[:, 2:], 0.9)

    def find(self, image: NDArray[np.uint8]) -> list[Face]:
        """Return the face, whatever the image."""
        return [self.face]

    def photo(self, seed: int = 0) -> NDArray[np.uint8]:
        """Return a rendered image (120, 160, 3) of this person, who looks somewhere."""
        key = self.rotation.tobytes(), self.centre.tobytes(), seed
        if key not in _RENDERED:
            rng = np.random.default_rng(seed)
            pose = Pose(self.rotation, self.centre, self.centre + rng.normal(0, [200, 100, 20]) - [0, 0, 500])
            look = Look(skin=tuple(rng.uniform(0.3, 0.9, 3)))
            image, _ = render_face(procedural_head(8), pose, look, self.camera.matrix, (160, 120))
            _RENDERED[key] = (255 * image).round().astype(np.uint8)
        return _RENDERED[key].copy()


_RENDERED: dict[tuple[bytes, bytes, int], NDArray[np.uint8]] = {}
"""Photos that were rendered before."""


def person_at(turn: tuple[float, float, float], centre: tuple[float, float, float]) -> Person:
    """Return a person whose head is turned by a rotation vector."""
    matrix = np.array([[200.0, 0, 79.5], [0, 200, 59.5], [0, 0, 1]])
    return Person(Camera(matrix, np.zeros(0), (160, 120)), to_matrices(turn), np.array(centre, dtype=np.float64))


@pytest.fixture
def person() -> Person:
    """A person in the middle of the image."""
    return person_at((0.1, -0.2, 0.05), (20, -10, 500))


@pytest.fixture
def people() -> Callable[..., Person]:
    """Makes people before the same camera."""
    return person_at


@pytest.fixture
def known_face(person: Person, monkeypatch: pytest.MonkeyPatch) -> Person:
    """Let the default finder know where the face of the person is, and return the person."""
    monkeypatch.setattr("gazedptr_gaze.inference.finders.FaceMeshFinder", lambda: person.find)
    return person
