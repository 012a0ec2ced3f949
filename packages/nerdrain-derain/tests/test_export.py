"""Networks as files for other programs."""

from __future__ import annotations

import pytest

from nerdrain_derain import NeRDRain
from visioncore.testing.suites.export import ExportSuite


class TestExport(ExportSuite):
    package = "nerdrain_derain"
    size = 32
    given = "rainy", (1, 3, 32, 32)
    returned = (("restored", (1, 3, 32, 32)),)
    taken = ((1, 3, 32, 32),)
    refused = (1, 3, 32, 48), "32"
    refusals = (
        ({"size": 40}, "size is 40; it must be a positive multiple of 16"),
        ({"size": 0}, "size is 0"),
    )

    @pytest.fixture
    def to_export(self, tiny: NeRDRain) -> NeRDRain:
        return tiny
