"""The core's README, whose examples speak of all methods; each method's own tests run the examples of its README."""

from __future__ import annotations

from visioncore.testing.readme import ReadmeExamples
from workspace import ROOT


class TestReadme(ReadmeExamples):
    readme = ROOT / "shared/visioncore/README.md"
    # each method's tests run its demo
    shorter = (("visioncore demo", "--only hsam-medseg"),)
