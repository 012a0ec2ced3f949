"""The camera pipeline: every published step, the look-up bit by bit, and what is drawn for each photo."""

from __future__ import annotations

import pickle
import random
import time
from collections import Counter
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from scipy.io import savemat

from clip_denoising.data.bayer import PATTERNS, demosaic, mosaic
from clip_denoising.data.camera import Camera, CameraNoise, add_raw_noise, camera_matrix, from_camera, to_camera
from clip_denoising.data.camera_response import (
    FORWARD_FILE,
    INVERSE_FILE,
    ResponseCurves,
    look_up,
    read_curves,
    smooth_curves,
)
from visioncore.errors import InputError

GRID = np.linspace(0, 1, 1024).astype(np.float32)
ROWS = np.tile(GRID, (201, 1))


def powers() -> ResponseCurves:
    """The curves of the golden case."""
    exact = ROWS.astype(np.float64)
    return ResponseCurves(
        ROWS, (exact ** (1 / 2.2)).astype(np.float32), ROWS, (exact**2.2).astype(np.float32), "power curves"
    )


CURVES = powers()
SMOOTH = smooth_curves()


@pytest.fixture(scope="module")
def case(golden: Any) -> Any:
    return golden("camera_pipeline")


@pytest.fixture(scope="module")
def image(case: Any, make_input: Any) -> Any:
    return make_input(case.about["inputs"]["image"]).numpy() / 255.0


def official_draws(case: Any) -> tuple[Camera, np.random.RandomState]:
    """Draw as published, from Python's and NumPy's generators, and check what the case says was drawn."""
    seed, drawn = case.about["config"]["seed"], case.about["config"]["drawn"]
    python, numpy = random.Random(seed), np.random.RandomState(seed)
    curve = python.randint(0, 200)
    weights = numpy.random_sample((1, 4))[0]
    pattern = PATTERNS[python.randint(0, 3)]
    red, blue = python.uniform(0.75, 1), python.uniform(0.75, 1)
    assert (pattern, red, blue) == (drawn["pattern"], drawn["fr"], drawn["fb"])
    matrix = camera_matrix(weights)
    before = np.reshape(drawn["xyz2cam"], (3, 3))
    np.testing.assert_allclose(matrix, before / before.sum(axis=1, keepdims=True), rtol=1e-12)
    return Camera(CURVES, curve, matrix, pattern, red, blue), numpy


def test_every_published_step(case: Any, image: Any) -> None:
    case.close("icrf", CURVES.invert(image, 0))
    case.close("crf", CURVES.respond(image, 0))
    matrix = camera_matrix(np.array([0.0, 1.0, 0.0, 0.0]))
    case.close("cam", to_camera(image, matrix))
    case.close("back", from_camera(image, matrix))
    for pattern in PATTERNS:
        picked = mosaic(image, pattern)
        case.close(f"mosaic_{pattern}", picked)
        case.close(f"demosaic_{pattern}", np.clip(demosaic(picked, pattern), 0, 1))
    noisy = add_raw_noise(mosaic(image, "GRBG"), 0.04, 0.03, np.random.RandomState(7))
    case.close("pg_noise", noisy)


def test_the_published_pipeline_with_and_without_noise(case: Any, image: Any) -> None:
    camera, rng = official_draws(case)
    case.close("srgb_gt", camera.develop(camera.expose(image)))
    case.close("srgb_noisy", camera.shoot(image, rng))


def official_look_up(value: float, grid: Any, curve: Any) -> float:
    """The published rule, a value at a time."""
    for b in range(1, len(grid)):
        if grid[b] >= value:
            if b > 1 and value - float(grid[b - 1]) < float(grid[b]) - value:
                b -= 1
            return float(curve[b])
    raise AssertionError(value)


@pytest.mark.parametrize("which", ["respond", "invert"])
@pytest.mark.parametrize("curves", [CURVES, SMOOTH], ids=["powers", "smooth"])
def test_the_look_up_is_bit_equal_to_the_published_rule(curves: ResponseCurves, which: str) -> None:
    exact = GRID.astype(np.float64)
    ties = (exact[1:] + exact[:-1]) / 2
    near = np.concatenate(
        [np.nextafter(ties, 0), np.nextafter(ties, 1), np.nextafter(exact, 0), np.nextafter(exact, 1)]
    )
    rng = np.random.default_rng(0)
    values = np.concatenate(
        [np.arange(256) / 255, rng.choice(exact, 200), ties, rng.choice(near, 500), rng.random(300), [0.0, 1.0]]
    ).clip(0, 1)
    for camera in (0, 77):
        grid, curve = (
            (curves.light[camera], curves.brightness[camera])
            if which == "respond"
            else (curves.inverse_brightness[camera], curves.inverse_light[camera])
        )
        found = getattr(curves, which)(values, camera)
        assert found.dtype == np.float64
        np.testing.assert_array_equal(found, [official_look_up(value, grid, curve) for value in values])


def test_the_look_up_on_a_grid_that_is_not_quite_even() -> None:
    rng = np.random.default_rng(0)
    grid = (np.linspace(0, 1, 64) + rng.uniform(-0.2, 0.2, 64) / 63 * (np.arange(64) % 63 > 0)).astype(np.float32)
    values = rng.random(2000) * float(grid[-1])
    curve = rng.random(64).astype(np.float32)
    expected = [official_look_up(value, grid, curve) for value in values]
    np.testing.assert_array_equal(look_up(values, grid, curve), expected)


def test_the_look_up_never_takes_the_first_sample_and_goes_up_at_ties() -> None:
    numbers = np.arange(1024, dtype=np.float32)
    halfway = (float(GRID[500]) + float(GRID[501])) / 2
    values = np.array([0.0, 1e-9, halfway, np.nextafter(halfway, 0), 1.0])
    assert look_up(values, GRID, numbers).tolist() == [1, 1, 501, 500, 1023]


def test_mosaics_pick_and_demosaicing_keeps_what_was_picked() -> None:
    image = np.random.default_rng(0).random((9, 7, 3))
    for pattern in PATTERNS:
        picked = mosaic(image, pattern)
        for number, colour in enumerate(pattern):
            row, column = divmod(number, 2)
            channel = "RGB".index(colour)
            np.testing.assert_array_equal(picked[row::2, column::2], image[row::2, column::2, channel])
            again = demosaic(picked, pattern)[row::2, column::2, channel]
            np.testing.assert_array_equal(again, picked[row::2, column::2])
        flat = demosaic(np.full((6, 6), 0.3), pattern)
        np.testing.assert_allclose(flat, 0.3, atol=1e-15)


def test_made_up_curves_are_curves() -> None:
    assert len(SMOOTH) == 201
    assert "made up" in SMOOTH.name
    values = np.linspace(0, 1, 500)
    for camera in range(0, 201, 20):
        light = SMOOTH.invert(values, camera)
        assert (np.diff(SMOOTH.brightness[camera]) > 0).all()
        assert (np.diff(light) >= 0).all()
        assert light[-1] == 1
        np.testing.assert_allclose(SMOOTH.respond(light, camera)[50:], values[50:], atol=0.02)
    assert len({tuple(row) for row in SMOOTH.brightness[:, ::100].tolist()}) == 201


def test_published_curves_are_read(tmp_path: Path) -> None:
    savemat(tmp_path / FORWARD_FILE, {"I": CURVES.light, "B": CURVES.brightness})
    savemat(tmp_path / INVERSE_FILE, {"invB": CURVES.inverse_brightness, "invI": CURVES.inverse_light})
    curves = read_curves(tmp_path)
    assert curves.name == str(tmp_path)
    for name in ("light", "brightness", "inverse_brightness", "inverse_light"):
        np.testing.assert_array_equal(getattr(curves, name), getattr(CURVES, name))


def test_curves_that_are_missing_or_others_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"201_CRF_data\.mat: no such file; .*CBDNet"):
        read_curves(tmp_path)
    (tmp_path / FORWARD_FILE).write_bytes(b"not a table at all, but rather more than 128 bytes of text " * 5)
    with pytest.raises(InputError, match="not a MATLAB file, or damaged"):
        read_curves(tmp_path)
    savemat(tmp_path / FORWARD_FILE, {"I": CURVES.light})
    with pytest.raises(InputError, match="no table B in it; it must have I and B"):
        read_curves(tmp_path)
    savemat(tmp_path / FORWARD_FILE, {"I": CURVES.light, "B": CURVES.brightness[:, :3]})
    savemat(tmp_path / INVERSE_FILE, {"invB": CURVES.inverse_brightness, "invI": CURVES.inverse_light})
    with pytest.raises(InputError, match=r"brightness is \(201, 3\); all four tables must be"):
        read_curves(tmp_path)
    savemat(tmp_path / FORWARD_FILE, {"I": CURVES.light, "B": CURVES.brightness * 2})
    with pytest.raises(InputError, match="brightness has values outside 0 to 1"):
        read_curves(tmp_path)
    savemat(tmp_path / FORWARD_FILE, {"I": CURVES.light**2, "B": CURVES.brightness})
    with pytest.raises(InputError, match="light is not sampled evenly"):
        read_curves(tmp_path)


def test_noisy_photos_are_in_8_bit_steps_and_follow_their_generator() -> None:
    noise = CameraNoise(SMOOTH)
    clean = np.random.default_rng(1).random((40, 30, 3), np.float32)
    noisy = noise(clean, np.random.default_rng(5))
    assert noisy.shape == clean.shape
    assert noisy.dtype == np.float32
    assert noisy.min() >= 0
    assert noisy.max() <= 1
    np.testing.assert_array_equal(noisy, np.rint(noisy.astype(np.float64) * 255).astype(np.float32) / np.float32(255))
    again = pickle.loads(pickle.dumps(noise))
    np.testing.assert_array_equal(again(clean, np.random.default_rng(5)), noisy)
    assert (noise(clean, np.random.default_rng(6)) != noisy).any()
    assert noise(clean, np.random.RandomState(5)).dtype == np.float32
    assert noise(clean[:1, :1], np.random.default_rng(0)).shape == (1, 1, 3)


def test_cameras_are_drawn_from_their_ranges() -> None:
    rng = np.random.default_rng(0)
    fixed = [CameraNoise(CURVES).draw(rng) for _ in range(400)]
    assert all((camera.signal, camera.constant) == (0.04, 0.03) for camera in fixed)
    assert set(Counter(camera.pattern for camera in fixed)) == set(PATTERNS)
    assert all(0.75 <= gain <= 1 for camera in fixed for gain in (camera.red, camera.blue))
    assert min(camera.curve for camera in fixed) < 10
    assert 190 < max(camera.curve for camera in fixed) <= 200
    for camera in fixed[:20]:
        np.testing.assert_allclose(camera.matrix.sum(axis=1), 1)
    blind = [CameraNoise(CURVES, blind=True).draw(rng) for _ in range(400)]
    for name, most in (("signal", 0.16), ("constant", 0.06)):
        levels = np.array([getattr(camera, name) for camera in blind])
        assert levels.min() >= 1e-4
        assert levels.max() <= most
        assert np.median(levels) == pytest.approx(np.sqrt(1e-4 * most), rel=0.6)


def test_fifty_photos_a_minute_with_much_to_spare() -> None:
    """A sixteenth of 480 x 480 pixels, and a tenth of the time that such a photo may take, for the sake of machines
    with other things to do."""
    noise, clean = CameraNoise(SMOOTH), np.random.default_rng(1).random((120, 120, 3), np.float32)
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        start = time.process_time()
        for seed in range(4):
            noise(clean, np.random.default_rng(seed))
        assert (time.process_time() - start) / 4 < 1.2 / 16
    finally:
        cv2.setNumThreads(before)
