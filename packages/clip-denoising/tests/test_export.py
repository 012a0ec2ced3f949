"""Networks as files for other programs, for images of any size."""

from __future__ import annotations

import pytest

from clip_denoising import CLIPDenoiser
from visioncore.testing.suites.export import ExportSuite


class TestExport(ExportSuite):
    package = "clip_denoising"
    given = "noisy", (None, 3, None, None)
    returned = (("denoised", (None, 3, None, None)),)
    taken = ((3, 3, 32, 32), (1, 3, 96, 128), (2, 3, 32, 96))
    refused = (2, 3, 32, 40), "32"

    @pytest.fixture
    def to_export(self, tiny: CLIPDenoiser) -> CLIPDenoiser:
        return tiny
