"""The losses: the golden case term by term, and what they must not do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from nerdrain_derain import Restored
from nerdrain_derain.network.losses import (
    WEIGHTS,
    charbonnier,
    edge,
    frequency,
    gaussian_pyramid,
    laplacian,
    training_losses,
)

MakeInput = Callable[[Mapping[str, Any]], Tensor]


@pytest.fixture
def case(golden: Callable[[str], Any]) -> Any:
    return golden("losses")


@pytest.fixture
def restored(case: Any, make_input: MakeInput) -> Restored:
    tensors = [make_input(case.about["inputs"][f"restored[{number}]"]) for number in (0, 1, 2, 3, 5)]
    return Restored(*tensors)


@pytest.fixture
def clean(case: Any, make_input: MakeInput) -> Tensor:
    return make_input(case.about["inputs"]["target"])


def test_pyramid_and_laplacian(case: Any, clean: Tensor) -> None:
    full, half, quarter = gaussian_pyramid(clean)
    assert full is clean
    case.close("pyramid_half", half)
    case.close("pyramid_quarter", quarter)
    case.close("laplacian_of_target", laplacian(clean))


@pytest.mark.parametrize(
    ("name", "term"),
    [("charbonnier_per_scale", charbonnier), ("edge_per_scale", edge), ("fft_per_scale", frequency)],
)
def test_every_term_at_every_scale(
    case: Any, restored: Restored, clean: Tensor, name: str, term: Callable[[Tensor, Tensor], Tensor]
) -> None:
    outputs = (restored.full, restored.half, restored.quarter)
    values = [term(output, target) for output, target in zip(outputs, gaussian_pyramid(clean), strict=True)]
    case.close(name, torch.stack(values))


def test_terms_and_total(case: Any, restored: Restored, clean: Tensor) -> None:
    terms = training_losses(restored, clean)
    stored = {
        "charbonnier": case.outputs["charbonnier_per_scale"],
        "frequency": case.outputs["fft_per_scale"],
        "edge": case.outputs["edge_per_scale"],
        "inr": case.outputs["l1_inr"],
    }
    for name, values in stored.items():
        np.testing.assert_allclose(terms[name], WEIGHTS[name] * values.sum(), rtol=1e-10, err_msg=name)
    case.close("total", torch.stack(list(terms.values())).sum())


@pytest.mark.parametrize(("half", "quarter"), [(False, True), (False, False)])
def test_a_network_without_first_estimates_has_no_term_for_them(
    restored: Restored, clean: Tensor, half: bool, quarter: bool
) -> None:
    fewer = restored._replace(first_half=None, first_quarter=restored.first_quarter if quarter else None)
    terms, whole = training_losses(fewer, clean), training_losses(restored, clean)
    assert ("inr" in terms) == quarter
    if quarter:
        assert terms["inr"] < whole["inr"]
    assert terms["charbonnier"] == whole["charbonnier"]


def test_the_clean_image_costs_next_to_nothing(clean: Tensor) -> None:
    full, half, quarter = gaussian_pyramid(clean)
    terms = training_losses(Restored(full, half, quarter, half, quarter), clean)
    assert terms["frequency"] == 0
    assert terms["inr"] == 0
    assert float(terms["charbonnier"]) == pytest.approx(3 * 1e-3)
    assert float(terms["edge"]) == pytest.approx(0.05 * 3 * 1e-3)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_outputs_are_measured_in_float32(restored: Restored, clean: Tensor, dtype: torch.dtype) -> None:
    lowered = [None if output is None else output.to(dtype) for output in restored]
    target = clean.to(dtype)
    with torch.autocast("cpu", torch.bfloat16):
        terms = training_losses(Restored(*lowered), target)  # type: ignore[arg-type]
    exact = training_losses(Restored(*(o if o is None else o.double() for o in lowered)), target.double())  # type: ignore[arg-type]
    for name, term in terms.items():
        assert term.dtype == torch.float32
        np.testing.assert_allclose(term, exact[name], rtol=1e-5, err_msg=name)


def test_gradients_are_finite_where_output_and_target_agree(clean: Tensor) -> None:
    outputs = [level.clone().requires_grad_() for level in gaussian_pyramid(clean)]
    full, half, quarter = outputs
    torch.stack(list(training_losses(Restored(full, half, quarter, half, quarter), clean).values())).sum().backward()
    assert all(output.grad is not None and output.grad.isfinite().all() for output in outputs)
