#!/usr/bin/env bash
# Eyekit looks at x alone for what comes before and after a word. In text of several lines a reader who goes on to the next line
# thus never leaves the last word of a line "to the right": its go-past time runs on to the end of the text, or to a fixation
# further right. A look back from a line to the end of the one above is no regression, and the way forth again is one.
#
#   3 lines of 4 words, each read once, in order, for 200 ms
#   go-past time    200 200 200 1800    200 200 200 1000    200 200 200 200    (200 throughout by the order of the words)
#   the same, with a look back from the 5th word at the 4th, after which reading goes on with the 5th
#   regressions     none at the 4th word, one at the 5th    (one and none by the order of the words)
#
# Seen with eyekit 0.7.1, which needs the Cairo library. Count by the order of the words, which is that of text_block.words().
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet eyekit==0.7.1 cairocffi==1.7.1
cd "$folder"
venv/bin/python - 2> /dev/null <<'PY'
from importlib.metadata import version

from eyekit import FixationSequence, TextBlock
from eyekit.measure import go_past_duration, number_of_regressions_in

LINES = ["seven white birds again", "under those green trees", "never found their nests"]
text = TextBlock(LINES, position=(100, 300), font_face="Courier New", font_size=36, line_height=72)
words = list(text.words())
assert [word.text for word in words] == " ".join(LINES).split()


def fixations(order):
    return FixationSequence([[*words[n].center, 250 * at, 250 * at + 200] for at, n in enumerate(order)])


def by_order(order, n):
    """Go-past time of word n and the regressions into it, by the words' order."""
    first = order.index(n)
    later = [at for at in range(first, len(order)) if order[at] > n]
    back = [at for at in range(first + 1, len(order)) if order[at] == n and order[at - 1] > n]
    return 200 * ((later[0] if later else len(order)) - first), len(back)


print("eyekit", version("eyekit"))
plain = list(range(12))
times = [go_past_duration(word, fixations(plain)) for word in words]
expected = [by_order(plain, n)[0] for n in plain]
print("go-past times:", times, "by order:", expected)
assert expected == [200] * 12
assert times == [200, 200, 200, 1800, 200, 200, 200, 1000, 200, 200, 200, 200], "go-past times are others now"
order = [0, 1, 2, 3, 4, 3, *range(4, 12)]
counts = [number_of_regressions_in(word, fixations(order)) for word in words]
expected = [by_order(order, n)[1] for n in plain]
print("regressions:", counts, "by order:", expected)
assert expected == [0, 0, 0, 1] + [0] * 8
assert counts == [0, 0, 0, 0, 1] + [0] * 7, "regressions are counted otherwise now"
PY
