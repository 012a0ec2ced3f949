"""The behaviour of a Predictor and its results in Python and in notebooks, the same in every method."""

from __future__ import annotations

import io
import sys
from importlib.metadata import version
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from ...errors import InputError
from ...methods import Images
from ...weights.loading import bundled_model
from .base import Suite


class PythonSuite(Suite):
    """The tests of ``Predictor``; expects a fixture ``tiny_weights``, the folder of a network that takes no time."""

    def make_array(self) -> Any:
        """Return a small valid input in memory."""
        raise NotImplementedError

    @pytest.fixture
    def predictor(self, tiny_weights: Path) -> Any:
        """A predictor of the small network."""
        return self.public.Predictor(tiny_weights, "cpu", notify=lambda line: None)

    @pytest.fixture
    def result(self, predictor: Any) -> Any:
        """A result of the small network."""
        return predictor(self.make_array())

    def test_a_predictor_loads_weights_by_itself(self, tiny_weights: Path, result: Any) -> None:
        model = self.public.load_model(tiny_weights)
        for weights in (model, str(tiny_weights)):
            other = self.public.Predictor(weights, "cpu", notify=lambda line: None)(self.make_array())
            np.testing.assert_array_equal(np.asarray(other), np.asarray(result))
        with pytest.raises(InputError, match="no such file or folder"):
            self.public.Predictor("none", "cpu")

    def test_predictor_and_result_are_one_short_line(self, predictor: Any, result: Any, tiny_weights: Path) -> None:
        assert type(self.public.load_model(tiny_weights)).__name__ in repr(predictor)
        for shown in (predictor, result):
            text = repr(shown)
            assert text.startswith(f"{type(shown).__name__}(")
            assert len(text) < 200
            assert "\n" not in text

    def test_a_result_is_a_figure_of_no_window(self, result: Any, tmp_path: Path) -> None:
        from matplotlib.figure import Figure
        from PIL import Image

        figure = result.plot()
        assert isinstance(figure, Figure)
        assert isinstance(result.plot(tmp_path / "new" / "figure.png"), Figure)
        with (
            Image.open(tmp_path / "new" / "figure.png") as written,
            Image.open(io.BytesIO(result._repr_png_())) as shown,
        ):
            assert shown.format == "PNG"
            assert 100 < shown.width < written.width <= 2000
        assert result.plot()._repr_png_() == result._repr_png_()
        pyplot = sys.modules.get("matplotlib.pyplot")
        assert pyplot is None or pyplot.get_fignums() == []

    def test_a_result_is_an_array(self, result: Any) -> None:
        array = np.asarray(result)
        assert array.size > 1
        assert np.shares_memory(array, np.asarray(result))
        assert not np.shares_memory(array, result.__array__(copy=True))
        as_float = np.asarray(result, dtype=np.float64)
        np.testing.assert_array_equal(as_float, array)
        assert as_float.dtype == np.float64
        if np.lib.NumpyVersion(np.__version__) >= "2.0.0":
            with pytest.raises(ValueError, match="copy"):
                result.__array__(np.float64, copy=False)

    def test_a_result_is_shown_in_a_notebook(self, result: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        published: list[tuple[Any, ...]] = []
        shell = SimpleNamespace(
            kernel=None,
            display_formatter=SimpleNamespace(format=lambda figure: ({"image/png": figure._repr_png_()}, {})),
            display_pub=SimpleNamespace(publish=lambda *told: published.append(told)),
        )
        expected = result._repr_png_()  # the first canvas of a process asks which IPython there is
        notebook = ModuleType("IPython")
        vars(notebook).update(get_ipython=lambda: shell)
        monkeypatch.setitem(sys.modules, "IPython", notebook)
        result.show()
        assert published == [({"image/png": expected}, {})]

    @pytest.mark.parametrize("viewer", [True, False])
    def test_a_result_is_shown_in_a_window(self, result: Any, monkeypatch: pytest.MonkeyPatch, viewer: bool) -> None:
        shown: list[Any] = []

        def show(image: Any) -> bool:
            shown.append(image)
            return viewer

        monkeypatch.setattr("PIL.ImageShow.show", show)
        if viewer:
            result.show()
        else:
            with pytest.raises(InputError, match=r"plot\(path\)"):
                result.show()
        assert shown[0].width > 100

    def test_precisions_are_named_or_types_of_pytorch(self, tiny_weights: Path) -> None:
        model = self.public.load_model(tiny_weights)
        for precision in ("bfloat16", torch.bfloat16):
            assert self.public.Predictor(model, "cpu", dtype=precision).dtype == torch.bfloat16
        with pytest.raises(InputError, match="known are auto, float32"):
            self.public.Predictor(model, "cpu", dtype=torch.int8)

    def test_run_takes_one_tensor_or_several(self, predictor: Any, tiny_weights: Path) -> None:
        method = self.module("method").METHOD
        config = self.public.load_model(tiny_weights).config
        inputs = method.network.inputs
        if isinstance(inputs, Images):
            images = torch.rand(1, getattr(config, "channels", 3), 32, 32)
        else:
            images = next(iter(method.load(inputs)(config).values()))[:1]
        several, one = predictor.run(images), predictor.run(images[0])
        assert several.shape[0] == 1
        assert torch.equal(one, several[0])

    def test_demo_weights_say_once_that_they_are(self) -> None:
        method, told = self.module("method").METHOD, list[str]()
        predictor = self.public.Predictor("demo", "cpu", notify=told.append)
        assert told == []
        results = [predictor(self.make_array()) for _ in range(2)]
        assert [line for line in told if "demo weights" in line] == [method.demo_notice]
        told.clear()
        silent = self.public.Predictor(bundled_model(method), "cpu", notify=told.append)(self.make_array())
        assert not [line for line in told if "demo weights" in line]
        np.testing.assert_array_equal(np.asarray(silent), np.asarray(results[1]))

    def test_the_package_knows_its_version(self) -> None:
        assert self.public.__version__ == version(self.module("method").METHOD.name)
