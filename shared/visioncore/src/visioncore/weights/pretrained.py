"""Models as a folder (config.json + model.safetensors) or as one file: save, load, share on the Hugging Face Hub."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from ..configs import from_plain, read_text, shown, to_plain
from ..devices import resolve_device
from ..errors import InputError, one_line
from ..files import check_regular, whole_folder, write_text
from .card import CARD_FILE, Card
from .extent import shapes_of
from .model_card import model_card
from .places import CONFIG_FILE, HUB_ID, WEIGHTS_FILE
from .state_dicts import check_fit, load_into, read_metadata, read_state_dict, write_state_dict

FORMAT = 1
"""Version of config.json, stored in it as ``visioncore``."""


class Pretrained(nn.Module):
    """Base of models that are saved and loaded with their configuration.

    A subclass names its configuration, a frozen dataclass, in ``config_class``, takes one as its only necessary
    argument, and keeps it as ``config``. The fields are what recipes allow: numbers, text, truth values, Literals,
    tuples, Optionals, paths and dataclasses of these; none is called ``model`` or ``visioncore``. Where the authors
    publish weights, it has a classmethod ``from_published(path, ...)`` that reads them.
    """

    config_class: ClassVar[type[Any]]
    from_published: ClassVar[Callable[..., Self]]
    config: Any
    notice: str = ""
    """A line that a predictor tells its user of these weights; it is not saved."""
    for_inference_only: bool = False
    """Whether layers were folded, replaced or lowered in precision for inference, so that it is not to be saved."""

    def save_pretrained(self, folder: str | Path, *, card: Card | None = None) -> None:
        """Write config.json and model.safetensors to ``folder``, and card.json where there is a card.

        The files are written whole under another name first. A new folder appears with all in it; in one that is
        there already they then take their places one after the other, and other files stay, but for the card of other
        weights. An error while they are written leaves what was there as it was.

        Args:
            folder: where to.
            card: what is to be known of these weights.

        Raises:
            InputError: if the folder is a file or cannot be written, with the system's reason; or if the network was
                prepared for inference.
        """
        with whole_folder(Path(folder)) as temporary:
            write_text(temporary / CONFIG_FILE, self._config_json(indent=2) + "\n")
            write_state_dict(temporary / WEIGHTS_FILE, self.state_dict(), {"format": "pt"})
            if card is not None:
                card.save(temporary)
        if card is None:
            (Path(folder) / CARD_FILE).unlink(missing_ok=True)

    def save_file(self, path: str | Path) -> None:
        """Write weights and configuration to one safetensors file, whole or not at all.

        Raises:
            InputError: if the system refuses the write, with its reason; or if the network was prepared for inference.
        """
        write_state_dict(path, self.state_dict(), {"format": "pt", "config": self._config_json()})

    @classmethod
    def from_pretrained(
        cls,
        source: str | Path,
        *,
        revision: str | None = None,
        device: str | torch.device = "cpu",
        token: str | bool | None = None,
        cache_dir: str | Path | None = None,
        local_files_only: bool = False,
        **companions: Any,
    ) -> Self:
        """Return the model that ``save_pretrained`` or ``save_file`` wrote, in eval mode.

        Args:
            source: a folder, a single file, or an id ``owner/name`` on the Hugging Face Hub; what exists on the disk
                comes first.
            revision: branch, tag or commit on the Hub (default: its main branch).
            device: where the model goes; "auto" takes the best there is.
            token: access token for the Hub (default: the one stored on this machine; False: none).
            cache_dir: where downloads are kept (default: the Hub's own cache).
            local_files_only: take from the Hub's cache only, ask no network.
            companions: what the network needs beside its own file, see `_completed`.

        Raises:
            InputError: if the source or a file of it is missing or damaged, the configuration is of another model or
                version or has an unknown field, the weights do not fit, or the Hub cannot be reached.
        """
        path = Path(source)
        if path.is_file():
            text = read_metadata(path).get("config")
            if text is None:
                raise InputError(f"{path}: holds weights without a configuration, so no model can be built from it")
            return cls._load(text, str(path), path, device, **companions)
        if not path.is_dir():
            path = _download(str(source), revision, token, cache_dir, local_files_only)
        config = path / CONFIG_FILE
        if not config.exists():
            raise InputError(f"{source}: no {CONFIG_FILE} in this folder; save_pretrained writes one")
        check_regular(config)
        text = read_text(config)
        return cls._load(text, str(config), path / WEIGHTS_FILE, device, **companions)

    def push_to_hub(
        self, repo_id: str, *, private: bool = False, token: str | None = None, card: Card | None = None
    ) -> str:
        """Upload the model to the Hugging Face Hub and return its address; a missing model card is added.

        Args:
            repo_id: ``owner/name``; made if it does not exist.
            private: whether a new repository is private.
            token: access token with the right to write (default: the one stored on this machine).
            card: what is to be known of the weights; it goes along, and into the model card.

        Raises:
            InputError: if the Hub cannot be reached or refuses, with its reason.
        """
        from huggingface_hub import HfApi

        api = HfApi(token=token)
        with tempfile.TemporaryDirectory() as folder, _hub_errors(f"{repo_id}: not uploaded to the Hugging Face Hub"):
            self.save_pretrained(folder, card=card)
            api.create_repo(repo_id, private=private, exist_ok=True)
            if not api.file_exists(repo_id, "README.md"):
                write_text(Path(folder) / "README.md", model_card(type(self), repo_id, card))
            api.upload_folder(repo_id=repo_id, folder_path=folder, commit_message=f"Upload {type(self).__name__}")
        return f"{api.endpoint}/{repo_id}"

    def _config_json(self, indent: int | None = None) -> str:
        if self.for_inference_only:
            raise InputError(
                f"this {type(self).__name__} was prepared for inference and cannot be saved; save the one that the "
                "predictor was made of, or that load_model returns"
            )
        head = {"model": type(self).__name__, "visioncore": FORMAT}
        return json.dumps({**head, **to_plain(self.config)}, indent=indent)

    @classmethod
    def _load(cls, text: str, where: str, weights: Path, device: str | torch.device, **companions: Any) -> Self:
        place = resolve_device(device)
        config = cls._read_config(text, where)
        state = cls._completed(config, read_state_dict(weights), str(weights), **companions)
        check_fit(cls.__name__, state, shapes_of(lambda: cls(config), state, where), where=str(weights))
        model = cls(config)
        load_into(model, state, where=str(weights))
        return model.to(place).eval()

    @classmethod
    def _completed(cls, config: Any, state: dict[str, Tensor], where: str) -> dict[str, Tensor]:
        """Return the tensors of a file with those that lie elsewhere; a subclass may take further arguments for them.

        Raises:
            InputError: if they cannot be had, or the file's own contradict the configuration.
        """
        return state

    @classmethod
    def _read_config(cls, text: str, where: str) -> Any:
        try:
            values = json.loads(text, object_pairs_hook=_each_once)
        except InputError as error:
            raise InputError(f"{where}: {error}") from error
        except (ValueError, RecursionError) as error:
            raise InputError(f"{where}: this is not JSON ({one_line(error)})") from error
        if not isinstance(values, dict) or not {"model", "visioncore"} <= values.keys():
            raise InputError(f"{where}: not a configuration of {cls.__name__} (save_pretrained writes one)")
        name, version = values.pop("model"), values.pop("visioncore")
        if name != cls.__name__:
            called = shown(name).strip("'")
            raise InputError(f"{where}: describes the model {called}, not {cls.__name__}; load it with {called}")
        if version != FORMAT or isinstance(version, bool):
            raise InputError(
                f"{where}: has format {shown(version)}, this visioncore reads format {FORMAT}; update visioncore"
            )
        return from_plain(cls.config_class, values, where)


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the fields of a JSON object, or raise for one given twice, of which only the last would count."""
    values = dict(pairs)
    if len(values) < len(pairs):
        name = next(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
        raise InputError(f"{one_line(name, 100)} is there twice; each only once")
    return values


def _download(
    repo_id: str, revision: str | None, token: str | bool | None, cache_dir: str | Path | None, local_files_only: bool
) -> Path:
    """Return the folder in the Hub's cache that holds both files of one revision."""
    if not HUB_ID.fullmatch(repo_id):
        raise InputError(f"{repo_id}: no such file or folder (and no id on the Hugging Face Hub: those are owner/name)")
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

    named = f"{repo_id} at {revision}" if revision else repo_id
    with _hub_errors(f"{named}: no such file or folder here, and not to be had as an id on the Hugging Face Hub"):
        try:
            folder = snapshot_download(
                repo_id,
                revision=revision,
                token=token,
                cache_dir=cache_dir,
                local_files_only=local_files_only,
                allow_patterns=[CONFIG_FILE, WEIGHTS_FILE, CARD_FILE],
            )
        except GatedRepoError as error:
            raise InputError(f"{repo_id}: its owners ask whoever loads it to accept terms on its page first") from error
        except RepositoryNotFoundError as error:
            raise InputError(
                f"{repo_id}: no such file or folder here, and on the Hugging Face Hub no such repository, or a private "
                "one: for that, log in (hf auth login) or give a token that may read it"
            ) from error
        except RevisionNotFoundError as error:
            raise InputError(f"{repo_id}: has no branch, tag or commit {revision} on the Hugging Face Hub") from error
    for name in (CONFIG_FILE, WEIGHTS_FILE):
        if not (Path(folder) / name).exists():
            raise InputError(f"{named}: the repository has no {name}, which push_to_hub writes")
    return Path(folder)


@contextmanager
def _hub_errors(what: str) -> Iterator[None]:
    try:
        yield
    except InputError:
        raise
    # The client's errors and those of the transport under it share no base class.
    except Exception as error:
        raise InputError(f"{what} ({one_line(error)})") from error
