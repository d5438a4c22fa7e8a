"""Opening the source that the user gives: a folder, an archive or a Hub dataset."""

from __future__ import annotations

from pathlib import Path

from ...core.errors import TpgbenchError
from ..packaging import archives, hub_datasets
from ..reading.sources import SourceFolder


def open_source(
    given: str | Path, scratch: Path, *, hub_allowed: bool = False, advice: str = ""
) -> SourceFolder:
    """Open the owner's files, which may be a folder, an archive or a Hub dataset.

    An archive is unpacked; if all that it holds lies in one folder, that is the source.

    Args:
        given: A folder, an archive as downloaded, or the id of a Hub dataset.
        scratch: An empty folder for what must be unpacked or downloaded first.
        hub_allowed: Whether an id is downloaded.
        advice: Where the owner gives the files out, for the error.

    Raises:
        TpgbenchError: It is not there, cannot be downloaded, or is an archive that is damaged or
            not to be trusted; see `archives.unpack`.
    """
    path = Path(given)
    if path.is_file() and archives.is_archive(path):
        archives.unpack(path, scratch)
        return SourceFolder(archives.single_folder(scratch), str(given))
    if path.is_file():
        raise TpgbenchError(
            f"{given}: is neither a folder nor an archive ({', '.join(archives.SUFFIXES)})"
        )
    if not path.exists() and hub_allowed and hub_datasets.is_repo_id(str(given)):
        return SourceFolder(hub_datasets.download(str(given), scratch), str(given))
    if not path.exists():
        raise TpgbenchError(f"{given}: no such folder or archive; {advice or 'give one'}")
    return SourceFolder(path)
