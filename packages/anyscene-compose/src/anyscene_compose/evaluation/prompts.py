"""Prompts that place a thing in a scene; ``{name}`` stands for its name."""

from __future__ import annotations

from collections.abc import Iterable

from visioncore.errors import InputError

PLACE = "{name}"

PROMPTS = (
    "{name} on a wooden table in a sunny kitchen",
    "{name} on a beach at sunset, waves behind",
    "{name} on a rock above a misty valley",
    "{name} on a city street at night after rain",
    "{name} on snow in a quiet forest",
    "{name} on green grass under a blue sky",
    "{name} on a marble shelf in a museum",
    "{name} in a desert of red sand at noon",
)
"""Rooms and landscapes, in the light of different hours."""


def check_prompts(prompts: Iterable[str]) -> None:
    """Check that each prompt has one place for a name, and says something beside it.

    Raises:
        InputError: naming the first that does not.
    """
    for prompt in prompts:
        if prompt.count(PLACE) != 1 or not scene_of(prompt):
            raise InputError(
                f"the prompt {prompt!r} should say {PLACE} once, where the name of the foreground goes, and the scene"
            )


def prompt_of(prompt: str, name: str) -> str:
    """Return a prompt with the name of a foreground in its place."""
    return prompt.replace(PLACE, name)


def scene_of(prompt: str) -> str:
    """Return the scene of a prompt: its text without the place for a name."""
    return " ".join(prompt.replace(PLACE, " ").split()).strip(" ,")
