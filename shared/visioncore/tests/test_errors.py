"""Names in messages: the first few, and how many more."""

from __future__ import annotations

from visioncore.errors import some


def test_the_first_few_names_and_how_many_more() -> None:
    assert some([]) == ""
    assert some(name for name in "abc") == "a, b, c"
    assert some("abcdefgh") == "a, b, c, d, e, f, g, h"
    assert some("abcdefghij") == "a, b, c, d, e, f, g, h and 2 more"
    assert some("abc", 1) == "a and 2 more"
    assert some("abcdefghij", None).endswith("h, i, j")
