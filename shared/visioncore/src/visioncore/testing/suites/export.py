"""Networks as files for other programs, the same in every method: the numbers agree, and nothing else is touched."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.export import ExportedProgram

from ...commands.export import export
from ...commands.networks import tensors_of
from ...errors import InputError
from .base import Suite

Shape = tuple[int | None, ...]
"""Sizes of a tensor; None for one that is free."""


class ExportSuite(Suite):
    """The tests of ``export``; expects a fixture ``to_export``, a small network with every kind of layer.

    It is exported once, for exporters take seconds for every hundred operations.
    """

    size: ClassVar[int | None] = None
    """Side of the images, where the files are for one size alone."""
    given: ClassVar[tuple[str, Shape]]
    """Name and shape of what the ONNX file takes."""
    returned: ClassVar[tuple[tuple[str, Shape], ...]]
    """Names and shapes of what it returns."""
    taken: ClassVar[tuple[tuple[int, ...], ...]]
    """Shapes of images that both files take."""
    refused: ClassVar[tuple[tuple[int, ...], str] | None] = None
    """Shape of images that the pt2 file refuses, and what its message names."""
    tolerance: ClassVar[float] = 1e-4
    """Largest difference of outputs from the network's."""
    refusals: ClassVar[tuple[tuple[Mapping[str, Any], str], ...]] = ()
    """Options that this method refuses, and what is said of them."""

    def run_network(self, model: Any, images: Tensor) -> Sequence[Tensor]:
        """Run a network on images and return its outputs in the order of ``returned``."""
        return tensors_of(model(images))

    def check_program(self, program: ExportedProgram, model: Any) -> None:
        """Check further what the pt2 file of a network holds."""

    @property
    def method(self) -> Any:
        """The record of the method."""
        return self.module("method").METHOD

    def test_files_run_without_the_package_and_leave_the_model_as_it_was(
        self, to_export: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder
    ) -> None:
        import onnxruntime

        model = copy.deepcopy(to_export).double().train()
        onnx, pt2 = (tmp_path / "out" / f"model.{name}" for name in ("onnx", "pt2"))
        errors = export(self.method, model, tmp_path / "out", formats=["onnx", "pt2"], size=self.size)
        assert list(errors) == sorted((tmp_path / "out").iterdir()) == [onnx, pt2]
        assert all(0 <= error < 1e-4 for error in errors.values())
        assert capfd.readouterr() == ("", "")
        assert [str(warning.message) for warning in recwarn if "torch" in warning.filename] == []
        assert model.training
        assert next(model.parameters()).dtype == torch.float64

        session = onnxruntime.InferenceSession(onnx, providers=["CPUExecutionProvider"])
        assert shapes(session.get_inputs()) == (self.given,)
        assert shapes(session.get_outputs()) == self.returned
        program = torch.export.load(pt2)
        loaded = program.module()
        for shape in self.taken:
            images = torch.rand(shape)
            with torch.no_grad():
                expected = self.run_network(to_export, images)
                found = tensors_of(loaded(images))
            for other in (session.run(None, {self.given[0]: images.numpy()}), found):
                for output, wanted in zip(other, expected, strict=True):
                    np.testing.assert_allclose(output, wanted.numpy(), rtol=1e-5, atol=self.tolerance)
        if self.refused:
            with pytest.raises(Exception, match=self.refused[1]):
                loaded(torch.rand(self.refused[0]))
        self.check_program(program, model)

    def test_what_cannot_be_exported_is_told_first(self, to_export: Any, tmp_path: Path) -> None:
        formats = {"formats": ["onnx", "tflite"]}, "format is 'tflite'; it must be one of onnx, pt2"
        for options, told in (formats, *self.refusals):
            with pytest.raises(InputError, match=told):
                export(self.method, to_export, tmp_path / "out", **options)
        assert not (tmp_path / "out").exists()


def shapes(values: Sequence[Any]) -> tuple[tuple[str, Shape], ...]:
    """Return the names and shapes that an ONNX file gives."""
    return tuple(
        (value.name, tuple(size if isinstance(size, int) else None for size in value.shape)) for value in values
    )
