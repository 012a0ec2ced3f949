"""The losses, held to the golden case of the published ones, with their gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from isp_scanpath.inference.sampling import decode
from isp_scanpath.network.actions import Actions
from isp_scanpath.network.losses import (
    Sampled,
    Targets,
    harmonic_mean,
    negative_log_likelihoods,
    policy_gradient_loss,
    supervised_losses,
)
from isp_scanpath.network.scanpaths import Frame
from visioncore.testing.deterministic import uniform_input

MakeInput = Callable[[Any], Tensor]


def inputs_of(case: Any, make_input: MakeInput) -> tuple[Actions, dict[str, Tensor]]:
    made = {name: make_input(spec) for name, spec in case.about["inputs"].items() if name != "masks"}
    logits, mu, log_sigma2 = (made[name].clone().requires_grad_() for name in ("logits", "mu", "log_sigma2"))
    made |= {"logits": logits, "mu": mu, "log_sigma2": log_sigma2}
    none = torch.zeros(0)
    return Actions(logits, mu, log_sigma2.exp(), none, none, none), made


def test_supervised(golden: Callable[[str], Any], make_input: MakeInput) -> None:
    case = golden("losses")
    actions, made = inputs_of(case, make_input)
    steps, lengths = torch.arange(16), made["lengths"][:, None]
    inside, room = steps < lengths, steps <= lengths
    case.close("lengths", made["lengths"])
    targets = Targets(
        torch.where(inside, made["cells"], 0),
        torch.where(inside, 0.05 + made["durations"], 0.0),
        room.double(),
        inside.double(),
    )
    terms = supervised_losses(actions, targets)
    case.close("cross_entropy", terms["action"])
    case.close("lognormal_nll", terms["duration"])
    sum(terms.values()).backward()  # type: ignore[union-attr]
    for name in ("logits", "mu", "log_sigma2"):
        case.close(f"grad_{name}", made[name].grad)


def test_policy_gradient(golden: Callable[[str], Any], make_input: MakeInput) -> None:
    case = golden("losses")
    actions, made = inputs_of(case, make_input)
    cells = made["actions"].clone()
    cells[..., 14][torch.from_numpy(uniform_input("isp/loss/a/stop", (5, 3)) < 0.6)] = 0
    durations = (made["eps"] * actions.sigma2 + actions.mu).exp().detach()
    sampled = Sampled(cells, durations)
    case.close("rl_action_masks", sampled.action_mask)
    case.close("rl_duration_masks", sampled.duration_mask)
    action, duration = negative_log_likelihoods(actions, sampled)
    case.close("rl_neg_log_actions", action)
    case.close("rl_neg_log_durations", duration)
    rewards = harmonic_mean(*made["rewards"].unbind(-1))
    case.close("rl_advantage", rewards - rewards.mean(dim=0))
    loss = policy_gradient_loss(actions, sampled, rewards)
    case.close("rl_loss", loss)
    loss.backward()
    case.close("rl_grad_logits", made["logits"].grad)
    case.close("rl_grad_mu", made["mu"].grad)
    case.close("decoded_first_sample", decode(sampled, (30, 40), Frame(320, 240)).to_list()[0])


def test_harmonic_mean_of_nothing() -> None:
    found = harmonic_mean(torch.tensor([0.0, 0.0, 1.0]), torch.tensor([0.0, 1.0, 0.5]))
    assert found.tolist() == pytest.approx([0, 0, 2 / 3])
