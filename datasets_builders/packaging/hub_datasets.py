"""Datasets on the Hugging Face Hub: fetched from there, published to there."""

from __future__ import annotations

import re
from pathlib import Path

from ...core.errors import TpgbenchError
from ...core.weights import is_offline
from ..reading.shards import DATA_FOLDER

_REPO_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}", re.ASCII)


def is_repo_id(text: str) -> bool:
    """Whether a text can be the id of a Hub repository: ``"owner/name"``."""
    return _REPO_ID.fullmatch(text) is not None


def download(repo_id: str, into: Path) -> Path:
    """Download all files of a Hub dataset into a folder and return it.

    Raises:
        TpgbenchError: Offline, no such dataset, or no right to it.
    """
    from huggingface_hub import snapshot_download

    _refuse_offline(f"{repo_id}: cannot be downloaded", "give a folder that holds its files")
    try:
        return Path(snapshot_download(repo_id, repo_type="dataset", local_dir=into))
    except Exception as error:
        # The client raises its own, requests' and httpx's errors, by version.
        raise TpgbenchError(
            f"{repo_id}: cannot be downloaded ({_first_line(error)}); check the id and your "
            "rights to it ('hf auth login'), or give a folder that holds its files"
        ) from error


def check_push(repo_id: str) -> None:
    """Raise unless a dataset could be published as ``repo_id``: before hours of building.

    Raises:
        TpgbenchError: Not an id, offline, or no token.
    """
    from huggingface_hub import get_token

    if not is_repo_id(repo_id):
        raise TpgbenchError(f"--push-to-hub {repo_id}: is not of the form OWNER/NAME")
    _refuse_offline(f"--push-to-hub {repo_id}: cannot be reached", "leave it out")
    if get_token() is None:
        raise TpgbenchError(
            f"--push-to-hub {repo_id}: you are not logged in to the Hub; run 'hf auth login' or "
            "set HF_TOKEN"
        )


def push(folder: Path, repo_id: str) -> str:
    """Publish a packaged dataset as a private repository and return its address.

    Private, because its owner's terms may not let others see it; it can be opened up there. In
    a repository that exists the visibility stays as it is.

    Raises:
        TpgbenchError: As `check_push`, or the upload failed; the folder stays as it is.
    """
    from huggingface_hub import HfApi

    check_push(repo_id)
    api = HfApi()
    try:
        address = api.create_repo(repo_id, repo_type="dataset", private=True, exist_ok=True)
        # Shards of an earlier build would be read as rows of this one.
        api.upload_folder(
            repo_id=repo_id,
            repo_type="dataset",
            folder_path=folder,
            delete_patterns=[f"{DATA_FOLDER}/**"],
        )
    except Exception as error:
        raise TpgbenchError(
            f"{folder}: is complete, but was not published as {repo_id} ({_first_line(error)}); "
            f"try 'hf upload {repo_id} {folder} --repo-type dataset'"
        ) from error
    return str(address)


def _refuse_offline(problem: str, way_out: str) -> None:
    import huggingface_hub.constants

    if is_offline() or huggingface_hub.constants.HF_HUB_OFFLINE:
        raise TpgbenchError(
            f"{problem}: TPGBENCH_OFFLINE or HF_HUB_OFFLINE is set; unset it or {way_out}"
        )


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
