"""From camera images to gazes: geometry, kinds of images, faces, cameras, results, and the command predict."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from gazedptr_gaze import Camera, GazeOutput, Predictor
from gazedptr_gaze.data.conventions import official_angles
from gazedptr_gaze.data.head_pose import FACE, FACE_AND_NOSE, FIVE_POINTS, HeadPose, head_pose
from gazedptr_gaze.data.ivgaze import read_face
from gazedptr_gaze.data.normalisation import normalise
from gazedptr_gaze.data.rotations import to_matrices
from gazedptr_gaze.data.zones import COARSE_ZONES, coarse_of_fine
from gazedptr_gaze.inference.bias import GazeBias
from gazedptr_gaze.inference.faces import Face
from gazedptr_gaze.inference.records import read_records
from visioncore.errors import InputError
from visioncore.images import Image, write_image

PACKAGE = "gazedptr_gaze"
CAMERA = Path(__file__).parent / "data" / "camera.yml"


@pytest.fixture
def looker(tiny: Callable[..., Any]) -> Callable[..., Predictor]:
    """Makes predictors of tiny networks for the camera and the finder of a person."""

    def make(person: Any, variant: str = "gazeptr", **settings: Any) -> Predictor:
        settings = {"camera": person.camera, "faces": person.find, "notify": lambda line: None} | settings
        return Predictor(tiny(variant), "cpu", **settings)

    return make


@pytest.mark.parametrize(
    ("turn", "centre"),
    [((0, 0, 0), (0, 0, 600)), ((0.2, -0.5, 0.1), (40, -30, 450)), ((-0.3, 0.6, -0.2), (-60, 40, 700))],
)
def test_true_angles_become_the_true_vector(
    turn: tuple[float, ...], centre: tuple[float, ...], people: Any, looker: Any
) -> None:
    """A network that errs nowhere: its angles in the normalised camera are the true direction in the real one."""
    person = people(turn, centre)
    truth = np.array([-0.4, 0.25, -0.8])
    truth /= np.linalg.norm(truth)
    predictor, seen = looker(person, "gazedptr_v2"), []

    def network(normalised: Any, original: Any, axis: Any, to_camera: Any, origin: Any) -> GazeOutput:
        seen.append((to_camera, origin, axis))
        rotation = np.linalg.inv(to_camera[0].double().numpy())
        return GazeOutput(torch.from_numpy(official_angles(rotation @ truth))[None])

    predictor.network = network
    result = predictor(person.photo())
    np.testing.assert_allclose(result.vectors, truth[None], atol=1e-6)
    (to_camera, origin, axis), expected = seen[0], normalise(person.camera.matrix, person.centre, person.rotation)
    np.testing.assert_allclose(to_camera[0], expected.to_camera, atol=1e-4)
    assert torch.equal(axis, to_camera[:, :, 2])
    np.testing.assert_allclose(origin[0], person.centre, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(result.origins[0], person.centre, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(result.heads, [head_pose(person.face.landmarks, person.camera).angles], atol=1e-9)
    np.testing.assert_allclose(result.gaze, official_angles(expected.gaze(truth))[None], atol=1e-3)


@pytest.mark.parametrize(
    ("turn", "angles"),
    [((0, -0.3, 0), (0.3, 0, 0)), ((0.2, 0, 0), (0, 0.2, 0)), ((0, 0, 0.4), (0, 0, 0.4)), ((0, 0, 0), (0, 0, 0))],
)
def test_angles_of_a_head(turn: tuple[float, ...], angles: tuple[float, ...]) -> None:
    """Yaw + where the face looks to the right of the image, pitch + down, roll + clockwise."""
    pose = HeadPose(to_matrices(turn), np.array([0, 0, 500.0]), 0.0)
    np.testing.assert_allclose(pose.angles, np.degrees(angles), atol=1e-9)


def test_what_the_networks_see(person: Any, looker: Any) -> None:
    """Blue first, in [0, 1], the face in the middle, at the network's own size."""
    predictor = looker(person, "gazedptr")
    seen: list[torch.Tensor] = []

    def network(*inputs: Any) -> GazeOutput:
        seen.extend(inputs)
        return GazeOutput(torch.zeros(len(inputs[0]), 2))

    predictor.network = network
    photo = person.photo()
    result = predictor(photo)
    normalised, original, axis = seen
    assert normalised.shape == original.shape == (1, 3, 32, 32)
    (face,) = result.faces
    warped = cv2.warpPerspective(
        cv2.GaussianBlur(photo, (0, 0), 0.4 * _coarser(face.virtual)), face.virtual.warp, (32, 32)
    )
    np.testing.assert_allclose(255 * normalised[0].permute(1, 2, 0), warped[..., ::-1], atol=1)
    x0, y0, x1, y1 = face.box
    middle = person.face.landmarks.min(axis=0) + np.ptp(person.face.landmarks, axis=0) / 2
    np.testing.assert_allclose([(x0 + x1) / 2, (y0 + y1) / 2], middle)
    assert x1 - x0 == pytest.approx(1.3 * person.face.extent)
    np.testing.assert_array_equal(255 * original[0].permute(1, 2, 0), face.original[..., ::-1])
    np.testing.assert_allclose(axis[0], face.virtual.axis, atol=1e-6)


def _coarser(virtual: Any) -> float:
    back = np.linalg.inv(virtual.warp)
    factor = float(np.linalg.norm(back[:2, 0] / back[2, 2]))
    return factor if factor > 1.2 else 1e-6


def test_kinds_of_images(person: Any, looker: Any, tmp_path: Path) -> None:
    """Grey, 16 bit, and the 10 or 12 bit that infrared cameras put into 16, are all the same image."""
    from PIL import Image as Pillow

    grey = person.photo()[..., 1]
    predictor = looker(person)
    expected = predictor(np.repeat(grey[..., None], 3, axis=2))
    write_image(tmp_path / "a.png", Image(np.repeat(grey[..., None], 3, axis=2).astype(np.uint16) * 257, grey=True))
    highest = int(grey.max())
    for given in (
        grey,
        Pillow.fromarray(grey),
        str(tmp_path / "a.png"),
        grey.astype(np.uint16) * 257,
        ((grey.astype(np.uint32) * 1023 + 127) // 255).astype(np.uint16),
        ((grey.astype(np.uint32) * 4095 + 127) // 255).astype(np.uint16),
    ):
        result = predictor(given)
        np.testing.assert_allclose(result.crops.astype(int), expected.crops, atol=1)
        np.testing.assert_allclose(result.gaze, expected.gaze, atol=1e-2)
    assert highest > 128
    assert predictor(str(tmp_path / "a.png")).source == tmp_path / "a.png"
    scaled = predictor(grey.astype(np.float64) / 255, range=(0, 1))
    np.testing.assert_allclose(scaled.crops.astype(int), expected.crops, atol=1)


def test_the_largest_face_or_all(people: Any, looker: Any) -> None:
    small, large = people((0, 0, 0), (-90, 0, 800)), people((0, 0.2, 0), (80, 0, 500))

    def find(image: Any) -> list[Face]:
        return [small.face, large.face]

    photo = large.photo()
    one = looker(large, faces=find)(photo)
    both = looker(large, faces=find, all_faces=True, batch=1)(photo)
    assert (len(one), one.ids) == (1, (0,))
    assert (len(both), both.ids) == (2, (0, 1))
    np.testing.assert_allclose(both.origins, [large.centre, small.centre], rtol=2e-3, atol=0.5)
    np.testing.assert_allclose(both.gaze[:1], one.gaze, atol=1e-6)
    alone = looker(small)(photo)
    np.testing.assert_allclose(both.vectors[1], alone.vectors[0], atol=1e-6)
    assert [record.face for record in both.records()] == [0, 1]


def test_several_frames_go_through_the_network_at_once(people: Any, looker: Any) -> None:
    persons = [people((0, 0.1 * k, 0), (20 * k, 0, 500)) for k in range(3)]
    photos = [person.photo(seed) for seed, person in enumerate(persons)]
    found = iter([[persons[0].face], [], [persons[1].face, persons[2].face]])
    predictor = looker(persons[0], faces=lambda image: next(found), all_faces=True)
    network, sizes = predictor.network, []

    def counted(*inputs: Any) -> Any:
        sizes.append(len(inputs[0]))
        return network(*inputs)

    predictor.network = counted
    results = predictor.frames(photos, numbers=range(3))
    assert (sizes, [len(result) for result in results]) == ([3], [1, 0, 2])
    np.testing.assert_allclose(results[0].gaze, looker(persons[0])(photos[0]).gaze, atol=1e-6)
    assert results[1].notes == ("the image: no face found",)


def test_no_face_is_an_empty_result_that_says_so(person: Any, looker: Any, tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", Image(person.photo()))
    result = looker(person, "gazedptr_v2", faces=lambda image: [])(tmp_path / "a.png")
    assert result.notes == (f"{tmp_path / 'a.png'}: no face found",)
    assert result.gaze.shape == (0, 2)
    assert result.vectors.shape == (0, 3)
    assert str(result) == "no face"
    np.testing.assert_array_equal(result.drawn(), person.photo())
    (record,) = result.records()
    assert (record.source, record.face, record.yaw) == ("a.png", -1, None)


def test_a_face_at_the_border(people: Any, looker: Any) -> None:
    person = people((0, 0, 0), (190, 0, 500))
    result = looker(person)(person.photo())
    assert result.notes == ("the image: a face lies at the border of the image; what is beyond it is black",)
    assert not result.faces[0].original[:, -4:].any()
    outside = people((0, 0, 0), (900, 0, 500))
    result = looker(outside)(outside.photo())
    assert len(result) == 0
    assert "a face is left out: the face lies outside of the image" in result.notes[0]


def test_a_face_behind_the_camera_is_left_out(person: Any, people: Any, looker: Any) -> None:
    """The largest is not replaced by somebody else; beside it all others stay."""
    swapped = replace(person.face, landmarks=person.face.landmarks[[3, 2, 1, 0, 5, 4]])
    other = people((0, 0, 0), (-90, 0, 800))

    def find(image: Any) -> list[Face]:
        return [other.face, swapped]

    for all_faces, count in ((False, 0), (True, 1)):
        result = looker(person, faces=find, all_faces=all_faces)(person.photo())
        assert len(result) == count
        assert "a face is left out: no head pose has the face before the camera" in result.notes[0]


def test_what_a_finder_of_the_users_own_returns(person: Any, looker: Any) -> None:
    for found, told in (
        ([1], "the face finder returned a list with int; it must be a list of Face"),
        (np.zeros((6, 2)), "the face finder returned ndarray; it must be a list of Face"),
        (None, "the face finder returned NoneType"),
    ):
        with pytest.raises(InputError, match=told):
            looker(person, faces=lambda image, found=found: found)(person.photo())
    face = Face(np.zeros((6, 3)), 1.0)
    result = looker(person, faces=lambda image: [face])(person.photo())
    assert "a face is left out: landmarks have shape (6, 3)" in result.notes[0]


def test_other_points_of_a_face(person: Any, looker: Any) -> None:
    """Five points, or seven, give the pose that six do; the crop goes by the corners of eyes and mouth."""
    expected = looker(person)(person.photo())
    for model in (FACE_AND_NOSE, FIVE_POINTS):
        pixels = (model @ person.rotation.T + person.centre) @ person.camera.matrix.T
        face = Face(pixels[:, :2] / pixels[:, 2:], 1.0, model=model)
        result = looker(person, faces=lambda image, face=face: [face])(person.photo())
        np.testing.assert_allclose(result.origins, expected.origins, atol=0.05)
        np.testing.assert_allclose(result.heads, expected.heads, atol=0.05)
        np.testing.assert_allclose(result.boxes, expected.boxes, atol=0.05)


def test_a_camera_that_is_guessed_is_told_once(person: Any, looker: Any) -> None:
    told: list[str] = []
    predictor = looker(person, camera=None, notify=told.append)
    predictor(person.photo())
    predictor(person.photo()[:, :140])
    assert len(told) == 1
    assert told[0].startswith("no camera calibration is given: a focal length of 139 pixels is guessed for 160x120")


def test_a_camera_of_another_size(person: Any, looker: Any) -> None:
    """Of the same shape it is scaled, which is told; of another it is refused."""
    told: list[str] = []
    twice = Camera(np.array([[400.0, 0, 159.5], [0, 400, 119.5], [0, 0, 1]]), np.zeros(0), (320, 240))
    predictor = looker(person, camera=twice, notify=told.append)
    result = predictor(person.photo())
    predictor(person.photo())
    assert told == ["the camera was calibrated on 320x240; it is scaled to 160x120"]
    np.testing.assert_allclose(result.origins[0], person.centre, rtol=1e-3)
    with pytest.raises(InputError, match="the image is 160x100, but the camera was calibrated on 320x240"):
        predictor(person.photo()[:100])


def test_a_lens_that_distorts(person: Any, looker: Any) -> None:
    """Head pose, and the direction of the virtual camera, are those without distortion."""
    bent = Camera(person.camera.matrix, np.array([-0.3, 0.1, 0, 0, 0]), (160, 120))
    pixels = cv2.projectPoints(head_points(person), np.zeros(3), np.zeros(3), bent.matrix, bent.distortion)[0][:, 0]
    assert np.abs(pixels - person.face.landmarks).max() > 0.05
    seen = []
    for camera, landmarks in ((person.camera, person.face.landmarks), (bent, pixels)):
        predictor = looker(person, camera=camera, faces=lambda image, points=landmarks: [Face(points, 1.0)])
        seen.append(predictor(person.photo()))
    np.testing.assert_allclose(seen[1].origins, seen[0].origins, atol=0.05)
    np.testing.assert_allclose(seen[1].faces[0].virtual.warp, seen[0].faces[0].virtual.warp, atol=1e-2)
    undistorted = bent.undistort(person.photo())
    np.testing.assert_array_equal(seen[1].crops[0], seen[1].faces[0].virtual.face(undistorted))


def head_points(person: Any) -> NDArray[np.float64]:
    """Return the landmarks (6, 3) of a person in the frame of the camera."""
    return np.asarray(FACE @ person.rotation.T + person.centre)


def test_zones(person: Any, looker: Any) -> None:
    """Each head has zones of its own; the coarse ones follow."""
    photo, found = person.photo(), []
    logits = torch.randn(3, 1, 122, generator=torch.Generator().manual_seed(1))
    for head in (None, 1, 2, 3):
        predictor = looker(person, "gazedptr_v2", zone_head=head)
        predictor.network = lambda *inputs: GazeOutput(torch.zeros(1, 2), logits)
        result = predictor(photo)
        found.append(int(result.zones[0]))
        of_head = logits[(head or 2) - 1, 0].double().softmax(0)
        assert found[-1] == int(of_head.argmax())
        assert result.zone_probabilities[0] == pytest.approx(float(of_head.max()))
        coarse = int(coarse_of_fine()[found[-1]])
        assert result.region_ids == [coarse]
        assert result.regions == [COARSE_ZONES[coarse]]
        assert COARSE_ZONES[coarse] in str(result)
        (record,) = result.records()
        assert (record.zone, record.region) == (found[-1], coarse)
    assert found[0] == found[2]
    assert len(set(found[1:])) == 3
    with pytest.raises(InputError, match="zone_head is 4"):
        looker(person, "gazedptr_v2", zone_head=4)
    assert looker(person, "gazedptr")(photo).zones is None


@pytest.mark.parametrize("count", [30, 200])
def test_regions_are_those_of_the_published_zones_alone(
    count: int, person: Any, tiny: Callable[..., Any], tmp_path: Path
) -> None:
    """Nobody says which region a zone of another cabin belongs to, so the zone is given and no region is made up."""
    write_image(tmp_path / "a.png", Image(person.photo()))
    found = set()
    for zone in (1, 5, count - 1):
        network = tiny("gazedptr_v2", zones=count)
        with torch.no_grad():
            network.zones.heads[1].bias[zone] += 1e3
        predictor = Predictor(network, "cpu", camera=person.camera, faces=person.find, notify=lambda line: None)
        result = predictor(tmp_path / "a.png")
        assert result.zones is not None
        assert result.zones.tolist() == [zone]
        assert (result.regions, result.region_ids) == (None, None)
        assert f"zone {zone}" in str(result)
        result.save(tmp_path / "gaze.csv")
        (record,) = read_records(tmp_path / "gaze.csv")
        assert (record.zone, record.region) == (zone, None)
        assert record.zone_probability == pytest.approx(1)
        assert (
            predictor.crops(result.crops, result.faces[0].original[None], [np.zeros(3)], result.origins).regions is None
        )
        found.add(record.zone)
    assert len(found) == 3


def test_calibration_and_cabin(
    run: Any, person: Any, looker: Any, tiny_weights: Path, tmp_path: Path, known_face: Any
) -> None:
    """A bias moves vectors but not angles; zones of the own cabin are those that the corrected gazes meet."""
    photo, plain = person.photo(), looker(person)(person.photo())
    GazeBias(0.1, -0.05, 9, 0, 4.0, 1.0).save(tmp_path / "bias.json")
    corrected = looker(person, calibration=tmp_path / "bias.json")(photo)
    np.testing.assert_array_equal(corrected.gaze, plain.gaze)
    moved = official_angles(corrected.vectors) - official_angles(plain.vectors)
    np.testing.assert_allclose(moved, [[0.1, -0.05]], atol=1e-9)
    met = plain.origins[0] + 300 * corrected.vectors[0]
    corners = [(met + shift).tolist() for shift in ([-9, -9, 0], [9, -9, 0], [9, 9, 0])]
    (tmp_path / "cabin.yaml").write_text(json.dumps({"zones": {"my mirror": {"rectangle": corners}}}))
    both = looker(person, calibration=tmp_path / "bias.json", cabin=tmp_path / "cabin.yaml")
    result = both(photo)
    assert (result.cabin_zones, result.cabin_probabilities) == (("my mirror",), (1.0,))
    assert "my mirror" in str(result)
    assert looker(person, cabin=tmp_path / "cabin.yaml")(photo).cabin_zones == ("elsewhere",)
    known = [looker(person, **given).recorded() for given in ({}, {"calibration": tmp_path / "bias.json"})]
    assert len({str(each) for each in (*known, both.recorded())}) == 3
    write_image(tmp_path / "a.png", Image(photo))
    words = ("predict", tmp_path / "a.png", "--weights", tiny_weights, "--out", tmp_path / "out", "--camera", CAMERA)
    code, _, told = run(*words, "--calibration", tmp_path / "bias.json", "--cabin", tmp_path / "cabin.yaml")
    assert code == 0, told
    (record,) = read_records(tmp_path / "out" / "a.csv")
    assert record.cabin_zone in ("my mirror", "elsewhere")
    code, _, told = run(*words, "--cabin", tmp_path / "none.txt")
    assert (code, told.count("\n")) == (2, 1)


@pytest.mark.parametrize("variant", ["gazeptr", "gazedptr", "gazedptr_v2"])
def test_ready_crops(variant: str, person: Any, looker: Any, tmp_path: Path) -> None:
    """Crops, rotations and origins as a data set has them give what the image gives that they are from."""
    predictor = looker(person, variant)
    whole = predictor(person.photo())
    (face,) = whole.faces
    rotation = face.virtual.head(np.eye(3))
    result = predictor.crops(whole.crops, face.original[None], [rotation], whole.origins)
    np.testing.assert_allclose(result.gaze, whole.gaze, atol=1e-5)
    np.testing.assert_allclose(result.vectors, whole.vectors, atol=1e-5)
    assert (result.zones is None) == (variant != "gazedptr_v2")
    by_matrix = predictor.crops(whole.crops, face.original[None], to_matrices(rotation)[None])
    np.testing.assert_allclose(by_matrix.gaze, result.gaze, atol=1e-6)
    assert by_matrix.zones is None
    result.plot(tmp_path / "crops.png")
    assert result.save(tmp_path) == tmp_path / "gaze.csv"
    (record,) = read_records(tmp_path / "gaze.csv")
    assert (record.box, record.origin) == (None, None)
    assert record.yaw == pytest.approx(result.gaze[0, 0])
    with pytest.raises(InputError, match="ready crops, so there is no image"):
        result.drawn()
    empty = predictor.crops(whole.crops[:0], face.original[None][:0], np.zeros((0, 3)))
    assert empty.gaze.shape == (0, 2)


def test_crops_of_another_size_are_resized_as_in_training(person: Any, looker: Any, tmp_path: Path) -> None:
    rng, told = np.random.default_rng(0), list[str]()
    crops = rng.integers(0, 256, (2, 60, 60, 3)).astype(np.uint8)
    predictor = looker(person, "gazedptr", notify=told.append)
    read = []
    for number, crop in enumerate(crops):
        write_image(tmp_path / f"{number}.png", Image(crop))
        read.append(read_face(tmp_path / f"{number}.png", 32).permute(1, 2, 0).numpy()[..., ::-1])
    ready = np.stack(read)
    expected = predictor.crops(ready, ready, np.zeros((2, 3)))
    assert told == []
    for _ in range(2):
        found = predictor.crops(crops, ready, np.zeros((2, 3)))
    np.testing.assert_array_equal(found.gaze, expected.gaze)
    assert told == ["normalised crops of 60x60 pixels are resized to 32x32, for which the network was trained"]


def test_crops_that_will_not_do(person: Any, looker: Any) -> None:
    crops = np.zeros((2, 32, 32, 3), np.uint8)
    single, dual, zoned = (looker(person, variant) for variant in ("gazeptr", "gazedptr", "gazedptr_v2"))
    assert single.crops(crops).vectors is None
    for call, told in (
        (lambda: single.crops(crops[0]), r"normalised is \(32, 32, 3\) uint8; it must be \(B, S, S, 3\)"),
        (lambda: single.crops(crops / 255), "float64; it must be"),
        (lambda: single.crops(crops, rotations=np.zeros((3, 3))), r"rotations have shape \(3, 3\)"),
        (lambda: dual.crops(crops), "GazeDPTR needs original crops and rotations"),
        (
            lambda: dual.crops(crops, crops[:1], np.zeros((2, 3))),
            "original holds 1 images, normalised 2; give as",
        ),
        (lambda: single.crops(crops[:, :20]), r"normalised is \(2, 20, 32, 3\) uint8; it must be \(B, S, S, 3\)"),
        (lambda: single.crops(crops[:, :0, :0]), r"normalised is \(2, 0, 0, 3\) uint8"),
        (lambda: dual.crops(crops, crops[:, 2:], np.zeros((2, 3))), r"original is \(2, 30, 32, 3\) uint8"),
        (lambda: single.crops(crops, rotations=[[0, 0, 0], [0, np.nan, 0]]), "rotation 1 is no rotation"),
        (lambda: single.crops(crops, rotations=[np.eye(3), np.diag([1, 1, -1])]), "rotation 1 is no rotation"),
        (lambda: single.crops(crops, rotations=[2 * np.eye(3), np.eye(3)]), "rotation 0 is no rotation"),
        (lambda: zoned.crops(crops, crops, np.zeros((2, 3)), np.zeros(3)), r"origins have shape \(3,\)"),
        (lambda: zoned.crops(crops, crops, np.zeros((2, 3)), np.full((2, 3), np.inf)), r"must be \(2, 3\), finite"),
    ):
        with pytest.raises(InputError, match=told):
            call()  # type: ignore[no-untyped-call]


def test_a_result_is_saved_and_drawn(person: Any, looker: Any, tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", Image(person.photo()))
    result = looker(person)(tmp_path / "a.png")
    assert result.save(tmp_path / "out") == tmp_path / "out" / "a.csv"
    (record,) = read_records(tmp_path / "out" / "a.csv")
    assert (record.source, record.frame, record.face) == ("a.png", 0, 0)
    assert record.score == 0.9
    assert record.vector == pytest.approx(result.vectors[0])
    assert record.head == pytest.approx(result.heads[0])
    with pytest.raises(InputError, match="this is the image itself"):
        result.save(tmp_path / "a.png")
    yaw, pitch = np.degrees(result.gaze[0])
    assert str(result) == f"yaw {yaw:+.1f}, pitch {pitch:+.1f} degrees"
    drawn, photo = result.drawn(), person.photo()
    red = (drawn[..., 0] > 200) & (drawn[..., 1] < 120) & (drawn != photo).any(axis=2)
    rows, columns = np.nonzero(red)
    start = person.face.landmarks.mean(axis=0)
    along = np.array([columns.mean(), rows.mean()]) - start
    assert along @ result.vectors[0, :2] > 0
    np.testing.assert_array_equal(photo, result.image)


def test_options_of_the_command(run: Any, person: Any, tiny_weights: Path, tmp_path: Path, known_face: Any) -> None:
    write_image(tmp_path / "a.png", Image(person.photo()))
    words = ("predict", tmp_path / "a.png", "--weights", tiny_weights, "--out", tmp_path / "out")
    code, _, complaints = run(*words, "--suffix", ".jsonl", "--no-annotate")
    assert code == 0
    assert re.fullmatch("no camera calibration is given: .*\n", complaints)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.jsonl", "made.jsonl", "run.json"]
    (record,) = read_records(tmp_path / "out" / "a.jsonl")
    assert record.source == "a.png"
    for more, told in (
        (("--stride", 0), "stride is 0"),
        (("--smoothing", -1), "smoothing is -1"),
        (("--live", 0), "give inputs or --live, not both"),
        (("--faces", "nobody"), "nobody: no face finder; known are mesh, yunet, face-landmarker"),
        (("--faces", "yunet.onnx"), "yunet.onnx: no such file"),
        (("--camera", "none.yml"), "none.yml: cannot be read"),
    ):
        code, _, complaints = run(*words, *more)
        assert (code, complaints.count("\n")) == (2, 1), complaints
        assert told in complaints


def test_a_camera_that_does_not_fit_fails_its_image(
    run: Any, person: Any, tiny_weights: Path, tmp_path: Path, known_face: Any
) -> None:
    write_image(tmp_path / "a.png", Image(person.photo()[:100]))
    words = ("predict", tmp_path / "a.png", "--weights", tiny_weights, "--out", tmp_path / "out", "--camera", CAMERA)
    code, _, complaints = run(*words)
    told = f"failed: {tmp_path / 'a.png'}: the image is 160x100, but the camera was calibrated on 160x120\n"
    assert (code, complaints) == (1, told)


def test_no_face_is_told_and_written(run: Any, person: Any, tiny_weights: Path, tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", Image(person.photo()))
    (tmp_path / "landmarks.json").write_text("{}")
    words = ("predict", tmp_path / "a.png", "--weights", tiny_weights, "--out", tmp_path / "out", "--camera", CAMERA)
    code, _, complaints = run(*words, "--faces", tmp_path / "landmarks.json")
    told = f"{tmp_path / 'a.png'}: no face found; {tmp_path / 'landmarks.json'} has no landmarks under its name\n"
    assert (code, complaints) == (0, told)
    (record,) = read_records(tmp_path / "out" / "a.csv")
    assert record.face == -1
