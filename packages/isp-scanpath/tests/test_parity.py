"""The golden cases of both published networks, in double precision, and every published tensor in its place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from isp_scanpath.network.actions import Actions
from isp_scanpath.network.config import VARIANTS, ChenLSTMConfig
from isp_scanpath.network.model import ISP, ChenLSTMISP, GazeformerISP
from isp_scanpath.network.positions import sine_table
from isp_scanpath.network.published import to_published
from isp_scanpath.network.published_layout import published_shapes
from isp_scanpath.network.published_settings import detect_config
from isp_scanpath.network.reference import as_reference
from visioncore.errors import InputError

Golden = Callable[[str], Any]
Layouts = dict[str, dict[str, Any]]
Fill = Callable[[Any], dict[str, Tensor]]

DEAD = {"queryfix_embed"}


def outputs_of(module: nn.Module) -> list[Any]:
    """Return a list that what a module returns is added to."""
    found: list[Any] = []
    module.register_forward_hook(lambda _, __, output: found.append(output))
    return found


@torch.no_grad()
def test_chen_lstm(golden: Golden, every_layout: Layouts, fill: Fill, make_input: Callable[[Any], Tensor]) -> None:
    case = golden("chenlstm_osie")
    model = ChenLSTMISP(ChenLSTMConfig(steps=4)).double().eval()
    model.fill_from_published(fill(every_layout["chenlstm-osie"]), "golden case")
    backbone, memory, lstm = (outputs_of(part) for part in (model.backbone, model.memory, model.lstm))
    attention = outputs_of(model.observer_attention)
    images = make_input(case.about["inputs"]["images"])
    observers = torch.tensor(case.about["inputs"]["subjects"])[:, None]
    visual = model.encode(images)
    actions = model.look(visual, observers)

    case.close("backbone", backbone[0])
    case.close("visual_feature", visual)
    case.close("subject_attention_map", attention[0].reshape(2, 1, 30, 40))
    for step in range(3):
        case.close(f"semantic_mem_{step}", memory[step].semantic[:, 0])
        case.close(f"spatial_mem_{step}", memory[step].spatial.reshape(2, 30, 40))
    case.close("lstm_h_0", lstm[0].hidden[:, 0])
    case.close("lstm_c_1", lstm[1].cell[:, 0])
    case.close("feature_0", model.head.tasks[0](lstm[0].hidden[:, 0]))
    hold_actions(case, actions)
    case.close("all_subject_action_map", actions.maps[:, 0])


@torch.no_grad()
def test_gazeformer(golden: Golden, every_layout: Layouts, fill: Fill, make_input: Callable[[Any], Tensor]) -> None:
    case = golden("gazeformer_osie")
    model = GazeformerISP("gazeformer-osie").double().eval()
    model.fill_from_published(filled_gazeformer(fill, every_layout["gazeformer-osie"], case.about["scale"]), "golden")
    decoded, task, observer = (
        outputs_of(part) for part in (model.dropout, model.task_attention, model.observer_attention)
    )
    encoder, visual, memory, third = (
        outputs_of(part) for part in (model.encoder_norm, model.visual, model.integration, model.maps[2])
    )
    features = make_input(case.about["inputs"]["features"])
    embedding = make_input(case.about["inputs"]["task_embedding"]).expand(2, -1)
    observers = torch.tensor(case.about["inputs"]["subjects"])[:, None]
    actions = model(features, observers, embedding)

    case.close("position_table", model.positions[:, None])
    case.close("encoder_output", encoder[0].transpose(0, 1))
    case.close("memory", visual[0].transpose(0, 1))
    case.close("task_attention", task[0])
    case.close("observer_attention", observer[0][:, 0].t())
    shared, spatial, direction = memory[0]
    case.close("integrated", (shared + spatial[:, 0, :, None] * direction).transpose(0, 1))
    case.close("decoder_output", decoded[0][:, 0].transpose(0, 1))
    case.close("log_attention_map_2", third[0][:, 0])
    hold_actions(case, actions)
    fast, plain = actions, as_reference(model)(features, observers, embedding)
    for name, value in plain._asdict().items():
        torch.testing.assert_close(getattr(fast, name), value, rtol=1e-10, atol=1e-10, msg=name)


def hold_actions(case: Any, actions: Actions) -> None:
    case.close("all_actions_prob", actions.probabilities[:, 0])
    case.close("actions_logits", actions.logits[:, 0])
    case.close("log_normal_mu", actions.mu[:, 0])
    case.close("log_normal_sigma2", actions.sigma2[:, 0])
    case.close("action_map", actions.action_map[:, 0])
    case.close("attention_weights", actions.weights[:, 0])


def filled_gazeformer(fill: Fill, layout: dict[str, Any], scale: dict[str, float]) -> dict[str, Tensor]:
    state = fill({name: shape for name, shape in layout.items() if name not in DEAD})
    height = layout["patchpos_embed.pos"][0] // 32
    state["patchpos_embed.pos"] = sine_table((height, 32), 512).unsqueeze(1)
    return state | {name: state[name] * factor for name, factor in scale.items()}


@pytest.mark.parametrize("variant", VARIANTS)
def test_published_layouts(every_layout: Layouts, variant: str) -> None:
    """Every published tensor has a place of its shape, and the settings are read from the shapes."""
    layout = every_layout[variant]
    with torch.device("meta"):
        model = ISP(VARIANTS[variant])
        state = {name: torch.empty(shape) for name, shape in layout.items()}
    assert type(model).__name__.lower().startswith(variant.partition("-")[0])
    assert detect_config(state, variant) == model.config
    shapes = published_shapes(model.config, model.state_dict())
    assert {name: list(shape) for name, shape in shapes.items()} == layout


@pytest.mark.parametrize(
    ("variant", "parameters"),
    [("chenlstm-osie", 68_950_000), ("chenlstm-coco-search18", 180_400_000), ("gazeformer-osie", 38_800_000)],
)
def test_parameters(variant: str, parameters: int) -> None:
    """As many as the authors' network trains; Gazeformer without what no output depends on."""
    with torch.device("meta"):
        model = ISP(variant)
    unread = 512 * (3 * 512 + 1) + 4 * (512 * 512 + 512) * 2 if variant.startswith("gazeformer") else 0
    assert sum(p.numel() for p in model.parameters()) + unread == pytest.approx(parameters, rel=2e-3)


@pytest.mark.parametrize("family", ["tiny_chen", "tiny_gazeformer"])
def test_there_and_back(request: pytest.FixtureRequest, family: str) -> None:
    model = request.getfixturevalue(family)
    published = to_published(model)
    again = type(model)(model.config)
    again.fill_from_published({f"{name}": tensor for name, tensor in published.items()}, "published")
    for name, tensor in model.state_dict().items():
        assert torch.equal(again.state_dict()[name], tensor), name
    name = next(iter(published))
    with pytest.raises(InputError, match=r"here.pth.*1 missing.*1 unexpected"):
        again.fill_from_published({("left over" if n == name else n): t for n, t in published.items()}, "here.pth")


@pytest.mark.parametrize("variant", ["chenlstm-coco-search18", "gazeformer-osie-asd"])
def test_published_file(every_layout: Layouts, tmp_path: Path, variant: str) -> None:
    layout = every_layout[variant]
    state = {f"module.{name}": torch.tensor(0.5).expand(shape) for name, shape in layout.items()}
    if "gazeformer" in variant:
        state["module.patchpos_embed.pos"] = sine_table((24, 32), 512).unsqueeze(1)
    path = tmp_path / "checkpoint.pth"
    torch.save({"model": state, "optimizer": {}}, path)
    model = ISP.from_published(path)
    assert model.config == VARIANTS[variant]
    assert all((tensor == 0.5).all() for name, tensor in model.named_parameters())
    assert not model.training
    assert sum(tensor.numel() for tensor in model.state_dict().values()) < 190e6
    other = GazeformerISP if isinstance(model, ChenLSTMISP) else ChenLSTMISP
    with pytest.raises(InputError, match=rf"{type(model).__name__}, not of {other.__name__}"):
        other.from_published(path)


def test_not_a_published_file(tmp_path: Path, tiny_gazeformer: GazeformerISP) -> None:
    path = tmp_path / "other.pth"
    torch.save({"weight": torch.zeros(2)}, path)
    with pytest.raises(InputError, match=r"other.pth: not a checkpoint of ISP.*lstm.input_x.weight.*1 tensors"):
        ISP.from_published(path)
    with pytest.raises(InputError, match=r"has 12 tokens; known are 768"):
        detect_config(to_published(tiny_gazeformer), "tiny")


def test_another_sine_table(tiny_gazeformer: GazeformerISP) -> None:
    state = to_published(tiny_gazeformer)
    state["patchpos_embed.pos"] = state["patchpos_embed.pos"] + 0.01
    with pytest.raises(InputError, match=r"patchpos_embed.pos is not the sine table"):
        tiny_gazeformer.fill_from_published(state, "here")


@torch.no_grad()
@pytest.mark.parametrize("count", [1, 3])
def test_fast_path_is_the_reference(tiny_chen: ChenLSTMISP, tiny_gazeformer: GazeformerISP, count: int) -> None:
    """For ragged tasks, guidance, several observers of an image, the mean observer and vectors."""
    generator = torch.Generator().manual_seed(0)
    tasks, guidance = torch.tensor([1, 0]), torch.rand(2, 9, 12, generator=generator).double()
    images = torch.randn(2, 3, 72, 96, generator=generator).double()
    features = torch.randn(2, 12, 10, generator=generator).double()
    text = torch.randn(2, 7, generator=generator).double()
    indices = torch.tensor([[0, 3, -1], [2, 1, 1]])[:, :count]
    for model, inputs in (
        (tiny_chen.double(), (images, indices, guidance, tasks)),
        (tiny_chen, (images, torch.randn(2, count, 5, generator=generator).double(), None, tasks)),
        (tiny_gazeformer.double(), (features, indices, text)),
    ):
        with_larger_weights(model)
        fast, plain = model(*inputs), as_reference(model)(*inputs)
        assert float(plain.weights.std()) > 1e-3, "observers or maps do not count"
        for name, value in plain._asdict().items():
            torch.testing.assert_close(getattr(fast, name), value, rtol=1e-10, atol=1e-10, msg=name)


def with_larger_weights(model: nn.Module) -> None:
    """Draw layers that start near zero anew, so that what goes through them counts."""
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear | nn.Conv2d) and not name.startswith("backbone"):
            nn.init.normal_(module.weight, std=module.weight[0].numel() ** -0.5)
            if module.bias is not None:
                nn.init.normal_(module.bias, std=0.3)


def test_gradients_are_those_of_the_reference(tiny_chen: ChenLSTMISP, tiny_gazeformer: GazeformerISP) -> None:
    observers = torch.tensor([[0, 3]])
    images, features = torch.rand(1, 3, 72, 96).double(), torch.rand(1, 12, 10).double()
    for model, inputs in (
        (tiny_chen.double(), (images, observers, None, torch.tensor([1]))),
        (tiny_gazeformer.double(), (features, observers, torch.rand(1, 7).double())),
    ):
        with_larger_weights(model)
        reference = as_reference(model)
        for network in (model, reference):
            actions = network(*inputs)
            (actions.logits.log_softmax(-1)[..., ::3].sum() + actions.mu.sum() + actions.sigma2.sum()).backward()
        for (name, found), expected in zip(model.named_parameters(), reference.parameters(), strict=True):
            if expected.grad is None:
                assert name.startswith("head.tasks"), name
            else:
                torch.testing.assert_close(found.grad, expected.grad, rtol=1e-8, atol=1e-9, msg=name)
