"""A released README leads into the repository, and a pyproject.toml says where that is; nothing of it is committed."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from addresses import absolute, main
from workspace import ROOT, Member, members

ADDRESS, TAG = "https://example.org/vision", "a-method-v1.2.3"


def test_links_and_images_become_absolute() -> None:
    text = "![an image](docs/demo.jpg) [page](docs/page.md#here) [up](#install) [paper](https://example.org)\n"
    assert absolute(text, "packages/a-method", ADDRESS, TAG) == (
        f"![an image]({ADDRESS}/raw/{TAG}/packages/a-method/docs/demo.jpg) "
        f"[page]({ADDRESS}/blob/{TAG}/packages/a-method/docs/page.md#here) [up](#install) [paper](https://example.org)\n"
    )


@pytest.mark.parametrize("code", ["```python\nnames[0](x)\n```\n", "`names[0](x)` is code\n"])
def test_code_stays_as_it_is(code: str) -> None:
    assert absolute(f"{code}[a](b.md)\n", "f", ADDRESS, TAG) == f"{code}[a]({ADDRESS}/blob/{TAG}/f/b.md)\n"


def test_a_package_gets_its_addresses(repository: Path) -> None:
    folder = repository / "packages" / "a-method"
    (folder / "README.md").write_text("![an image](docs/demo.jpg)\n", encoding="utf-8")
    arguments = ["a-method", "--address", f"{ADDRESS}/", "--tag", TAG]
    assert main(arguments, repository) == 0
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["urls"]["Source"] == f"{ADDRESS}/tree/{TAG}/packages/a-method"
    assert f"]({ADDRESS}/raw/" in (folder / "README.md").read_text(encoding="utf-8")
    assert main(arguments, repository) == 2


@pytest.mark.parametrize(
    ("name", "address", "expected"),
    [("other", ADDRESS, "no package 'other'"), ("a-method", "example.org", "must begin with https://")],
)
def test_bad_input_changes_nothing(
    name: str, address: str, expected: str, repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = repository / "packages" / "a-method" / "pyproject.toml"
    before = project.read_text(encoding="utf-8")
    assert main([name, "--address", address, "--tag", TAG], repository) == 2
    assert expected in capsys.readouterr().err
    assert project.read_text(encoding="utf-8") == before


@pytest.mark.parametrize("member", members(), ids=lambda member: member.name)
def test_every_readme_would_lead_somewhere(member: Member) -> None:
    readme = (ROOT / member.folder / "README.md").read_text(encoding="utf-8")
    text = absolute(readme, "f", ADDRESS, TAG)
    assert re.findall(r"!\[[^\]]*\]\((?!https://)[^)]*\)", text) == []
    assert len(text.splitlines()) == len(readme.splitlines())
