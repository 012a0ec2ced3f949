"""Intensities become values in [0, 1]: presets, percentiles, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from hsam_medseg.data.intensity_windows import WINDOWS, Window, apply_window, parse_window
from visioncore.errors import InputError


@pytest.mark.parametrize(
    ("window", "black", "white"),
    [
        ("abdomen", -125, 275),
        ("lung", -1350, 150),
        ("brain", 0, 80),
        ("bone", -500, 1300),
        ("-10,30", -10, 30),
        (" -10 , 30 ", -10, 30),
    ],
)
def test_hounsfield_units_are_clipped_and_scaled(window: str, black: int, white: int) -> None:
    values = np.array([[-3000, black, (black + white) / 2, white, 3000]], np.int16)
    shown = apply_window(values, window)
    assert shown.dtype == np.float32
    np.testing.assert_allclose(shown, [[0, 0, 0.5, 1, 1]], atol=1e-6)


def test_mr_goes_by_the_percentiles_of_the_volume() -> None:
    values = np.random.default_rng(0).permutation(np.arange(2001)).reshape(3, 23, 29).astype(np.float32)
    shown = apply_window(values, "mr")
    np.testing.assert_allclose(shown, np.clip((values - 10) / 1980, 0, 1), atol=1e-6)


def test_range_goes_from_the_least_to_the_greatest_value() -> None:
    shown = apply_window(np.array([[-7, 13, 3]], np.int32), "range")
    np.testing.assert_allclose(shown, [[0, 1, 0.5]], atol=1e-6)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param(np.array([0, 51, 255], np.uint8), [0, 0.2, 1], id="8 bit"),
        pytest.param(np.array([0, 13107, 65535], np.uint16), [0, 0.2, 1], id="16 bit"),
        pytest.param(np.array([-0.1, 0.2, 1.3]), [0, 0.2, 1], id="fractions that overshoot a little"),
        pytest.param(np.array([0, 1], np.int64), [0, 1], id="zero and one"),
    ],
)
def test_unit_takes_fractions_of_what_the_type_holds(values: np.ndarray, expected: list[float]) -> None:
    np.testing.assert_allclose(apply_window(values, "unit"), expected, atol=1e-6)


@pytest.mark.parametrize("window", sorted(WINDOWS))
def test_a_constant_volume_is_finite(window: str) -> None:
    shown = apply_window(np.zeros((2, 3, 4), np.float32), window)
    assert shown.shape == (2, 3, 4)
    assert np.isfinite(shown).all()
    if WINDOWS[window].scale == "percentile":
        assert not apply_window(np.full((2, 3, 4), 7.0), window).any()


def test_values_are_left_alone() -> None:
    values = np.array([-1000.0, 1000.0], np.float32)
    apply_window(values, "abdomen")
    assert values.tolist() == [-1000, 1000]


def test_unit_refuses_hounsfield_units() -> None:
    with pytest.raises(InputError, match=r"-1024 to 3071.*abdomen"):
        apply_window(np.array([-1024, 3071], np.int16), "unit")


@pytest.mark.parametrize("window", ["abdomen", "lung", "brain"])
def test_hounsfield_windows_refuse_what_is_windowed_already(window: str) -> None:
    with pytest.raises(InputError, match=r"for Hounsfield units, but values are 0 to 0\.9, as if .* the window unit"):
        apply_window(np.array([0, 0.4, 0.9], np.float32), window)
    for other in (np.array([0, 1], np.int16), np.array([0, 40.5], np.float32)):
        assert np.isfinite(apply_window(other, window)).all()


@pytest.mark.parametrize("text", ["liver", "", "5", "1,2,3", "a,b", "275,-125", "3,3", "nan,1", "0,inf"])
def test_what_is_no_window_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="window is") as caught:
        parse_window(text)
    assert "\n" not in str(caught.value)


def test_a_pair_of_numbers_is_a_window() -> None:
    window, abdomen = parse_window("-125,275"), WINDOWS["abdomen"]
    assert window == Window(-125, 275)
    assert (window.low, window.high) == (abdomen.low, abdomen.high)
