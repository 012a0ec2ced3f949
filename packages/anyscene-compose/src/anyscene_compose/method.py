"""The record of this method."""

from __future__ import annotations

from visioncore.methods import Checkpoint, Method, Network, Sample
from visioncore.panels import Option, Panel

PACKAGE = __name__.rpartition(".")[0]
"""Under which name this package was imported; another one where its folder was copied into a larger package."""

_CLIP = "b8cca3fd41ae0c99ba7e8951adf17d267cdb84cd88be6f7c2e0eca1737a03836"

_CHECKPOINTS = (
    Checkpoint(
        name="clip-vit-l-14",
        what="OpenAI's CLIP ViT-L-14, whose image tower sees the elements of a foreground",
        address=f"https://openaipublic.azureedge.net/clip/models/{_CLIP}/ViT-L-14.pt",
        licence="MIT",
        terms="keep the copyright notice and the licence text with copies",
        sha256=_CLIP,
        option="clip",
        reads="network.published:read_clip_vit",
    ),
)

METHOD = Method(
    name="anyscene-compose",
    module=PACKAGE,
    title="AnyScene",
    task="a new scene around a foreground that stays exactly as it is",
    paper="AnyScene: Customized Image Synthesis with Composited Foreground",
    authors="Ruidong Chen, Lanjun Wang, Weizhi Nie, Yongdong Zhang, An-An Liu",
    venue="CVPR 2024",
    arxiv="",
    citation=(
        "@inproceedings{chen2024anyscene,\n"
        "  title = {AnyScene: Customized Image Synthesis with Composited Foreground},\n"
        "  author = {Ruidong Chen and Lanjun Wang and Weizhi Nie and Yongdong Zhang and An-An Liu},\n"
        "  booktitle = {CVPR 2024}\n"
        "}"
    ),
    licence="Apache-2.0 (this package and its demo weights)",
    weights=(
        "none: the authors published neither code nor weights; training starts from a Stable Diffusion 1.x, 2.x or XL "
        "(under the licence of each) and OpenAI's CLIP ViT-L-14 (MIT), which the command weights fetches"
    ),
    demo=f"{PACKAGE}.demo:demo",
    demo_shows="Make scenes around drawings of things, beside plain paste and inpainting.",
    demo_data="small drawings of things in scenes that are made up",
    network=Network(
        model="network.model:Injector",
        config="network.config:VARIANTS.get",
        variants=("sd15", "sd21", "sdxl", "sd15-canny"),
        inputs="network.examples:inputs",
        outputs=("tokens", "mid", *(f"down_{number}" for number in range(12))),
        exported="network.examples:exported",
        facts="network.examples:facts",
    ),
    sample=Sample("assets/samples/rocket.png", options={"steps": 1}),
    checkpoints=_CHECKPOINTS,
    hub_task="image-to-image",
    panel=Panel(
        verb="Compose a scene",
        takes="a cut-out: an image with a transparent background",
        kinds=(".png", ".webp", ".tif", ".tiff"),
        options=(
            Option("prompt", example="a {name} on a blue background"),
            Option("steps", low=5, high=50, example=20),
            Option("guidance", low=1, high=15, step=0.5, example=3.0),
            Option("harmony", low=0, high=1),
            Option("seeds", values=(0, 1, 2, 3, 4, 5)),
            Option("negative"),
            Option("rotation", label="rotation in degrees", low=-180, high=180, step=5),
            Option("spatial", label="strength of shape", low=0, high=2),
            Option("semantic", label="strength of meaning", low=0, high=2),
            Option("layout", label="keep it to its place"),
        ),
        hint="The bundled model draws 64 x 64 icons; with Stable Diffusion the command makes photos.",
    ),
)

__version__ = METHOD.version
