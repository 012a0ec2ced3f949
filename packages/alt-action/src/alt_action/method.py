"""The record of this method."""

from __future__ import annotations

from visioncore.methods import Checkpoint, Method, Network, Sample
from visioncore.panels import VIDEOS, Option, Panel

PACKAGE = __name__.rpartition(".")[0]
"""Under which name this package was imported; another one where its folder was copied into a larger package."""

_CLIP = (  # name here, the file's own, digest
    ("clip-vit-b-32", "ViT-B-32", "40d365715913c9da98579312b702a82c18be219cc2a73407c4526f58eba950af"),
    ("clip-vit-b-16", "ViT-B-16", "5806e77cd80f8b59890b7e101eabd078d9fb84e6937f9e85e4ecb61988df416f"),
    ("clip-vit-l-14", "ViT-L-14", "b8cca3fd41ae0c99ba7e8951adf17d267cdb84cd88be6f7c2e0eca1737a03836"),
    ("clip-vit-l-14-336", "ViT-L-14-336px", "3035c92b350959924f9f00213499208652fc7ea050643e8b385c2dac08641f02"),
)

_CHECKPOINTS = tuple(
    Checkpoint(
        name=name,
        what=f"OpenAI's CLIP {file}, to recognise labels of your own without training, and to train from",
        address=f"https://openaipublic.azureedge.net/clip/models/{digest}/{file}.pt",
        licence="MIT",
        terms="keep the copyright notice and the licence text with copies",
        sha256=digest,
        option="clip",
        reads="network.published:read_towers",
        alone=True,
    )
    for name, file, digest in _CLIP
)

METHOD = Method(
    name="alt-action",
    module=PACKAGE,
    title="ALT",
    task="recognise actions in video by the entities that take part",
    paper="Align before Adapt: Leveraging Entity-to-Region Alignments for Generalizable Video Action Recognition",
    authors="Yifei Chen, Dapeng Chen, Ruijin Liu, Sai Zhou, Wenyuan Xue, Wei Peng",
    venue="CVPR 2024",
    arxiv="2311.15619",
    citation="""@inproceedings{chen2024align,
  title = {Align before Adapt: Leveraging Entity-to-Region Alignments for Generalizable Video Action Recognition},
  author = {Chen, Yifei and Chen, Dapeng and Liu, Ruijin and Zhou, Sai and Xue, Wenyuan and Peng, Wei},
  booktitle = {IEEE/CVF Conference on Computer Vision and Pattern Recognition (CVPR)},
  pages = {18688--18698},
  year = {2024}
}""",
    licence="Apache-2.0 (this package and its demo weights)",
    weights=(
        "the authors publish neither code nor weights; it stands on CLIP's weights, which the command weights lists "
        "and fetches"
    ),
    demo=f"{PACKAGE}.demo:demo",
    demo_shows="Recognise the actions of drawn people and name the parts of their bodies.",
    demo_data="drawn people and 40 clips of five real ones",
    network=Network(
        model="network.model:ALT",
        config="network.config:VARIANTS.get",
        variants=("vit-b-16", "vit-b-32", "vit-l-14", "vit-l-14-336"),
        inputs="network.example:example_inputs",
        outputs=("video",),
        exported="network.exported:exported",
        facts="network.example:facts",
        unseen=("units", "digest", "labels", "templates", "clip", "clip_digest", "text_digest"),
        compiles_on_cpu=False,
    ),
    sample=Sample("assets/samples/clip.mp4", "data.clips:read_clip"),
    checkpoints=_CHECKPOINTS,
    hub_task="video-classification",
    panel=Panel(
        verb="Recognise actions",
        takes="a video",
        kinds=VIDEOS,
        shows=("*.png", "*_action.mp4", "*.json"),
        options=(
            Option("views", low=1, high=8),
            Option("crops"),
            Option("window", label="window in seconds", low=0, high=60, step=0.5),
            Option("stride", label="stride in seconds", low=0, high=60, step=0.5),
        ),
        always=("--annotate",),
        hint="The bundled weights know twelve actions of one person, such as waving or squatting.",
    ),
)

__version__ = METHOD.version
