"""No reader lets another exception out than one line of error, whatever bytes it gets."""

from __future__ import annotations

from pathlib import Path

import pytest

from visioncore.errors import InputError
from visioncore.testing.fuzzing import Sample, damaged, fuzz
from visioncore.testing.samples import make_samples

ROUNDS, SECONDS = 40, 6


@pytest.mark.filterwarnings("ignore")
def test_every_reader_takes_any_bytes(tmp_path: Path) -> None:
    samples = make_samples(tmp_path / "valid")
    for sample in samples:
        sample.read(sample.path)
    found = list(fuzz(samples, tmp_path / "damaged", SECONDS, most=ROUNDS))
    assert not found, "\n\n".join(map(str, found))


def test_the_same_seed_does_the_same_damage() -> None:
    content = bytes(range(256)) * 4
    assert damaged(content, 7) == damaged(content, 7)
    assert len({damaged(content, seed) for seed in range(100)}) > 95


@pytest.mark.parametrize(
    ("error", "found"),
    [
        (InputError("a.bin: damaged"), None),
        (InputError("a.bin:\ndamaged"), "not one line"),
        (InputError("a.bin: set weights_only to False"), "advice"),
        (OverflowError("too large"), "OverflowError: too large"),
    ],
)
def test_what_is_found(tmp_path: Path, error: Exception, found: str | None) -> None:
    path = tmp_path / "valid" / "a.bin"
    path.parent.mkdir()
    path.write_bytes(bytes(100))

    def read(_: Path) -> None:
        raise error

    findings = list(fuzz([Sample(path, read, "read")], tmp_path / "copies", 5, most=1))
    assert len(findings) == (found is not None)
    assert found is None or found in str(findings[0])


def test_a_reader_that_writes_is_found(tmp_path: Path) -> None:
    path = tmp_path / "valid" / "a.bin"
    path.parent.mkdir()
    path.write_bytes(bytes(100))
    sample = Sample(path, lambda copy: copy.write_bytes(b"changed"), "read")
    assert "the file was changed" in str(next(fuzz([sample], tmp_path / "copies", 5)))
