"""The record of this method."""

from __future__ import annotations

from visioncore.methods import Images, Method, Network, Sample
from visioncore.panels import PHOTOS, Option, Panel

PACKAGE = __name__.rpartition(".")[0]
"""Under which name this package was imported; another one where its folder was copied into a larger package."""

METHOD = Method(
    name="brighter-photo",
    module=PACKAGE,
    title="Bright-er",
    task="make dim photos bright again",
    paper="One Gain for Each Colour",
    authors="Ann Author, Bob Author",
    venue="CVPR 2024",
    arxiv="",
    citation="""@inproceedings{author2024brighter,
  title = {One Gain for Each Colour},
  author = {Ann Author and Bob Author},
  booktitle = {CVPR 2024}
}""",
    licence="Apache-2.0 (this package and its demo weights)",
    weights="nowhere: this method is made up",
    demo=f"{PACKAGE}.demo:demo",
    demo_shows="Make the bundled dim photo bright and measure the gain.",
    demo_data="made-up photos",
    network=Network(
        model="network.model:Brighter",
        config="network.config:VARIANTS.get",
        variants=("rgb",),
        inputs=Images("dim", multiple=1),
        outputs=("bright",),
    ),
    panel=Panel(
        verb="Brighten a photo",
        takes="a photo",
        kinds=PHOTOS,
        options=(Option("self_ensemble", label="eight versions averaged"),),
        compares=True,
    ),
    sample=Sample("assets/samples/input/colours.png"),
    hub_task="image-to-image",
)

__version__ = METHOD.version
