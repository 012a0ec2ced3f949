"""Give a package the addresses of its repository before it is built for an index.

What is committed names no address: links and images of a README are relative, which holds in every clone but not on the
page of an index. The workflow behind a release knows where it runs, and calls this in its own checkout:

    python tools/addresses.py nerdrain-derain --address https://... --tag nerdrain-derain-v1.2.3
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from urllib.parse import urlsplit

from workspace import ROOT, members

_LINK = re.compile(r"(?P<before>(?P<image>!?)\[[^\]]*\]\()(?P<target>[^)\s]+)\)")
_CODE = re.compile(r"(^```.*?^```$|`[^`\n]*`)", re.MULTILINE | re.DOTALL)


def absolute(text: str, folder: str, address: str, tag: str) -> str:
    """Return a Markdown text whose relative links lead into the repository.

    Args:
        text: what stands in the file.
        folder: where the file lies, from the root of the repository.
        address: of the repository.
        tag: of the release.
    """

    def whole(link: re.Match[str]) -> str:
        target = link["target"]
        if urlsplit(target).scheme or target.startswith("#"):
            return link[0]
        view = "raw" if link["image"] else "blob"
        return f"{link['before']}{address}/{view}/{tag}/{folder}/{target})"

    # every other part is code, which stays as it is
    parts = _CODE.split(text)
    return "".join(part if number % 2 else _LINK.sub(whole, part) for number, part in enumerate(parts))


def urls(folder: str, address: str, tag: str) -> str:
    """Return the table of addresses for a pyproject.toml."""
    place = f"{address}/blob/{tag}/{folder}"
    return (
        "\n[project.urls]\n"
        f'Source = "{address}/tree/{tag}/{folder}"\n'
        f'Changelog = "{place}/CHANGELOG.md"\n'
        f'Documentation = "{place}/README.md"\n'
        f'Issues = "{address}/issues"\n'
    )


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    """Change README.md and pyproject.toml of a package; return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("name", help="name of the package")
    parser.add_argument("--address", required=True, help="https address of the repository")
    parser.add_argument("--tag", required=True, help="tag of the release")
    given = parser.parse_args(arguments)
    found = [member for member in members(root) if member.name == given.name]
    address = given.address.rstrip("/")
    wrong = None
    if not found:
        wrong = f"there is no package {given.name!r}"
    elif urlsplit(address).scheme != "https" or not urlsplit(address).netloc:
        wrong = f"--address is {given.address!r}; it must begin with https://"
    elif "[project.urls]" in (root / found[0].folder / "pyproject.toml").read_text(encoding="utf-8"):
        wrong = f"{found[0].folder}/pyproject.toml has its addresses already"
    if wrong:
        sys.stderr.write(f"error: {wrong}\n")
        return 2
    folder = found[0].folder
    readme, project = root / folder / "README.md", root / folder / "pyproject.toml"
    readme.write_text(absolute(readme.read_text(encoding="utf-8"), folder, address, given.tag), encoding="utf-8")
    project.write_text(project.read_text(encoding="utf-8") + urls(folder, address, given.tag), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
