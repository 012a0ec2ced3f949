"""What maintainers run: finding the members, checking a release tag, checking types."""

from __future__ import annotations

from pathlib import Path

import pytest

from check_tag import check_tag
from check_tag import main as check_tag_main
from workspace import PRIVATE, ROOT, Member, members, published_members


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Make a workspace of one method and the core, both at 1.2.3."""
    (tmp_path / "pyproject.toml").write_text('[tool.uv.workspace]\nmembers = ["packages/*", "shared/core"]\n')
    for name, folder in (("a-method", "packages/a-method"), ("core", "shared/core")):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "pyproject.toml").write_text(f'[project]\nname = "{name}"\nversion = "1.2.3"\n')
        (tmp_path / folder / "CHANGELOG.md").write_text("# Changes\n\n## 1.2.3 (2026-01-01)\n\n- All.\n\n## 1.2.2\n")
    (tmp_path / "packages" / "notes").mkdir()
    return tmp_path


def test_members_are_found(repository: Path) -> None:
    assert members(repository) == [
        Member("a-method", "1.2.3", "packages/a-method"),
        Member("core", "1.2.3", "shared/core"),
    ]


def test_every_package_folder_is_a_member() -> None:
    places = [*ROOT.glob("packages/*/src"), *ROOT.glob("examples/*/src")]
    folders = {path.parent.relative_to(ROOT).as_posix() for path in places}
    assert folders | {"shared/visioncore"} == {member.folder for member in members()}
    assert all(member.name == Path(member.folder).name for member in members())


def test_examples_are_never_published() -> None:
    assert {member.folder.partition("/")[0]: member.published for member in members()} == {
        "examples": False,
        "packages": True,
        "shared": True,
    }
    assert published_members() == [member for member in members() if not member.folder.startswith("examples/")]


def test_tag_that_fits(repository: Path) -> None:
    assert check_tag("a-method-v1.2.3", repository).folder == "packages/a-method"
    assert check_tag("core-v1.2.3", repository).folder == "shared/core"


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("v1.2.3", "<package>-vX.Y.Z"),
        ("a-method-1.2.3", "<package>-vX.Y.Z"),
        ("a-method-v1.2", "<package>-vX.Y.Z"),
        ("a-method-v1.2.3\n", "<package>-vX.Y.Z"),
        ("b-method-v1.2.3", "there are a-method, core"),
        ("a-method-v1.2.4", "has version 1.2.3"),
        ("a-method-v1.2.2", "has version 1.2.3"),
    ],
)
def test_tag_that_does_not_fit(repository: Path, tag: str, expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        check_tag(tag, repository)


def test_tag_of_an_example(repository: Path) -> None:
    with (repository / "packages" / "a-method" / "pyproject.toml").open("a") as file:
        file.write(f'classifiers = ["{PRIVATE}"]\n')
    with pytest.raises(ValueError, match="packages/a-method is an example and never published"):
        check_tag("a-method-v1.2.3", repository)


def test_tag_without_changelog_section(repository: Path) -> None:
    (repository / "packages" / "a-method" / "CHANGELOG.md").write_text("# Changes\n\n## 1.2.30\n\n1.2.3\n")
    with pytest.raises(ValueError, match=r"no section '## 1\.2\.3'"):
        check_tag("a-method-v1.2.3", repository)


def test_check_tag_as_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert check_tag_main(["nonsense"]) == 1
    assert check_tag_main([]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 2
