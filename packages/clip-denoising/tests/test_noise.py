"""The kinds of noise: the published tests bit by bit, the formulas of the others, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from clip_denoising.data.noise import NOISES, TABLE, Level, Noise, as_floats, counts, parse_noise
from visioncore.errors import InputError

GREY = np.full((300, 300, 3), 0.4, np.float32)
RAMP = np.repeat(np.arange(256, dtype=np.float32)[:, None, None] / np.float32(255), 4000, axis=1)
"""(256, 4000, 1): every grey value there is, a row each."""


def refused(call: Callable[[], object]) -> str:
    with pytest.raises(InputError) as caught:
        call()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def residual(name: str, level: Level, clean: Any = GREY) -> Any:
    return Noise(name, level)(clean, np.random.RandomState(0)) - clean


def test_the_published_noise_bit_by_bit(golden: Any, make_input: Any) -> None:
    case = golden("noise")
    kinds = {"gauss_25": "gaussian:25", "spatial_gauss_55": "spatial:55", "poisson_3.5": "poisson:3.5"}
    for name in case.outputs:
        kind, _, image = name.rpartition("_")
        clean = make_input(case.about["inputs"][image]).numpy().astype(np.float32) / np.float32(255)
        noise = parse_noise(kinds[kind])
        noisy = noise(clean, np.random.RandomState(0))
        assert noisy.dtype == np.float32
        case.close(name, noisy)


def test_poisson_counts_are_the_different_values_up_to_a_power_of_two(golden: Any, make_input: Any) -> None:
    case = golden("noise")
    for image, expected in (("image0", 256), ("image1", 128)):
        clean = make_input(case.about["inputs"][image]).numpy().astype(np.float32) / np.float32(255)
        assert counts(clean)[1] == expected
    for values, expected in ((1, 1), (2, 2), (3, 4), (5, 8), (129, 256)):
        assert counts(RAMP[:values])[1] == expected


def test_the_published_table_has_eleven_columns() -> None:
    assert " ".join(map(str, TABLE)) == (
        "gaussian:15 gaussian:25 gaussian:50 spatial:40 spatial:45 spatial:50 spatial:55 "
        "poisson:2 poisson:2.5 poisson:3 poisson:3.5"
    )


@pytest.mark.parametrize("name", NOISES)
def test_every_kind_at_every_level(name: str) -> None:
    """The same from the same generator, for one channel too, of float32, and not the clean image."""
    for level in NOISES[name].levels:
        for clean in (GREY[:40, :50], GREY[:40, :50, :1], RAMP[:, :5]):
            before = clean.copy()
            noisy = Noise(name, level)(clean, np.random.RandomState(3))
            np.testing.assert_array_equal(noisy, Noise(name, level)(clean, np.random.RandomState(3)))
            assert noisy.shape == clean.shape
            assert noisy.dtype == np.float32
            assert np.isfinite(noisy).all()
            np.testing.assert_array_equal(clean, before)
            assert Noise(name, level)(clean, np.random.default_rng(3)).dtype == np.float32
        assert (Noise(name, level)(GREY, np.random.default_rng(3)) != GREY).any()
        assert parse_noise(str(Noise(name, level))) == Noise(name, level)


@pytest.mark.parametrize(
    ("name", "level", "expected"),
    [
        ("gaussian", 25.0, 25 / 255),
        ("spatial", 45.0, 15 / 255),
        ("nlf", (0.16, 0.06), np.sqrt(0.16**2 * 0.4 + 0.06**2)),
        ("nlf", (0.0, 0.03), 0.03),
        ("speckle", 0.02, 0.4 * np.sqrt(0.02)),
        ("speckle-uniform", 0.02, 0.4 * np.sqrt(0.02)),
        ("ct-gaussian", 80.3, 80.3 / 4096),
        ("ct-spatial", 240.0, 80 / 4096),
    ],
)
def test_standard_deviations_on_an_even_grey(name: str, level: Level, expected: float) -> None:
    n = residual(name, level)
    assert n.std() == pytest.approx(expected, rel=0.02)
    assert abs(n.mean()) < 0.02 * expected


def test_poisson_noise_grows_with_the_light_and_with_alpha() -> None:
    light = RAMP[20:150, 0, 0]
    np.testing.assert_allclose(residual("poisson", 1.0, RAMP)[20:150].std(axis=(1, 2)), np.sqrt(light / 256), rtol=0.1)
    ratio = residual("poisson", 2.0, RAMP)[90:130].std() / residual("poisson", 1.0, RAMP)[90:130].std()
    assert ratio == pytest.approx(2, rel=0.02)


def test_spatial_noise_is_correlated_and_its_neighbours_are_not() -> None:
    n = residual("spatial", 50.0)[..., 0]

    def correlation(shift: int) -> float:
        return float(np.corrcoef(n[:, shift:].ravel(), n[:, :-shift].ravel())[0, 1])

    assert correlation(1) == pytest.approx(2 / 3, abs=0.03)
    assert correlation(2) == pytest.approx(1 / 3, abs=0.03)
    assert abs(correlation(3)) < 0.03


def test_uniform_speckle_is_bounded_and_normal_speckle_is_not() -> None:
    assert np.abs(residual("speckle-uniform", 0.03)).max() <= 0.4 * np.sqrt(0.09) + 1e-6
    assert np.abs(residual("speckle", 0.03)).max() > 0.4 * np.sqrt(0.09)


def test_salt_and_pepper_in_equal_shares() -> None:
    noisy = Noise("salt-pepper", 0.1)(GREY, np.random.RandomState(0))
    assert set(np.unique(noisy)) == {np.float32(0), np.float32(0.4), np.float32(1)}
    assert (noisy == 0).mean() == pytest.approx(0.05, rel=0.03)
    assert (noisy == 1).mean() == pytest.approx(0.05, rel=0.03)


def test_the_mixture_adds_variances_and_ends_with_salt_and_pepper() -> None:
    noisy = Noise("mixture", 2.0)(RAMP, np.random.RandomState(0))[102, :, 0]
    inside = noisy[(noisy > 0) & (noisy < 1)]
    assert 1 - len(inside) / len(noisy) == pytest.approx(0.01, rel=0.2)
    variance = (10 / 255) ** 2 + 0.4 / 256 + 0.4**2 * 0.02
    assert inside.var() == pytest.approx(variance, rel=0.1)


@pytest.mark.parametrize("name", ["poisson", "speckle", "speckle-uniform", "mixture"])
def test_clipped_kinds(name: str) -> None:
    noisy = Noise(name, NOISES[name].levels[-1])(np.full((50, 50, 3), 0.97, np.float32), np.random.RandomState(0))
    assert noisy.min() >= 0
    assert noisy.max() == 1


@pytest.mark.parametrize("name", ["gaussian", "spatial", "nlf", "ct-gaussian", "ct-spatial"])
def test_kinds_that_are_not_clipped(name: str) -> None:
    assert Noise(name, NOISES[name].levels[-1])(GREY + np.float32(0.6), np.random.RandomState(0)).max() > 1


def test_ct_below_the_range_is_no_signal() -> None:
    clean = np.array([-0.1, 0.0], np.float32).repeat(500)[None, :, None]
    noisy = Noise("nlf", (0.2, 0.03))(clean, np.random.RandomState(0))
    assert np.std(noisy[0, :500] + 0.1) == pytest.approx(0.03, rel=0.1)


def test_unknown_names_list_the_known_ones() -> None:
    for call in (
        lambda: parse_noise("gausian:25"),
        lambda: parse_noise("gausian"),
        lambda: Noise("rain", 1),
        lambda: Noise("", 1)(GREY, np.random.RandomState(0)),
    ):
        message = refused(call)
        assert "no kind of noise; known are gaussian, spatial, poisson, nlf, speckle" in message


@pytest.mark.parametrize("text", ["gaussian", "gaussian:", "gaussian:high", "gaussian:1,2,3", "nlf:0.1,0.1,0.1"])
def test_levels_that_are_no_numbers(text: str) -> None:
    assert "noise is written as" in refused(lambda: parse_noise(text))


@pytest.mark.parametrize(
    "text",
    [
        "gaussian:-1",
        "gaussian:nan",
        "gaussian:inf",
        "gaussian:1,2",
        "nlf:0.1",
        "salt-pepper:1.5",
        "poisson:-0.1",
        "nlf:0.1,-1",
    ],
)
def test_levels_that_a_kind_cannot_have(text: str) -> None:
    assert f"no level of {text.partition(':')[0]} noise" in refused(lambda: parse_noise(text))


@pytest.mark.parametrize("text", ["gaussian:0", "salt-pepper:1", "nlf:0,0", "mixture:200"])
def test_the_outermost_levels_are_taken(text: str) -> None:
    assert str(parse_noise(text)) == text


def test_as_floats_copies_and_scales_8_bit_values_alone() -> None:
    values = np.array([0, 51, 255], np.uint8)
    np.testing.assert_allclose(as_floats(values), [0, 0.2, 1], rtol=1e-6)
    wide = np.array([-0.5, 2], np.float32)
    np.testing.assert_array_equal(as_floats(wide), wide)
    assert not np.shares_memory(as_floats(wide), wide)
    assert as_floats(wide.astype(np.float64)).dtype == as_floats(values).dtype == np.float32


def test_images_that_are_not_float32_of_three_axes() -> None:
    for clean in (GREY.astype(np.float64), (GREY * 255).astype(np.uint8), GREY[..., 0]):
        assert "must be (H, W, C) float32" in refused(
            lambda clean=clean: Noise("gaussian", 25.0)(clean, np.random.RandomState(0))  # type: ignore[misc]
        )
