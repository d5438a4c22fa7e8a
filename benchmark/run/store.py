"""A run directory: its files and its lock, readable after any crash."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from ...core.errors import TpgbenchError
from ...core.files import explain_os_errors, locked_folder, write_atomic
from ...core.images import DAMAGE, open_picture
from .filenames import safe_stem
from .identity import RunRecord
from .results import Result, read_document


class RunStore:
    """Reads and writes the files of one run directory.

    Everything that writes happens under `locked`; reading needs no lock, because each file
    appears whole.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.record_path = path / "run.json"
        self.result_path = path / "result.json"
        self.scores_path = path / "scores.parquet"
        self.journal_path = path / "scores.jsonl"
        self.report_path = path / "report.html"
        self.failures_path = path / "failures.json"
        self.generations = path / "generations"
        self.evidence = path / "evidence"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes out while the block runs, and remove what dead ones left.

        Raises:
            TpgbenchError: Another process uses this folder, or it cannot be written.
        """
        busy = "another process is using this run; wait for it, or give another --out"
        with locked_folder(self.path, busy, sweep=(self.path, self.generations, self.evidence)):
            yield

    def clear(self) -> None:
        """Remove everything that a run wrote here, and nothing else."""
        with explain_os_errors(self.path):
            for folder in (self.generations, self.evidence):
                if folder.is_dir():
                    shutil.rmtree(folder)
            for path in (
                self.journal_path,
                self.scores_path,
                self.result_path,
                self.report_path,
                self.failures_path,
                self.record_path,
            ):
                path.unlink(missing_ok=True)

    def is_foreign(self) -> bool:
        """Return whether the folder holds files but no run."""
        return (
            self.path.is_dir()
            and not self.record_path.exists()
            and any(not entry.name.startswith(".") for entry in self.path.iterdir())
        )

    def read_record(self) -> RunRecord:
        """Read `run.json`."""
        return read_document(self.record_path, RunRecord)

    def write_record(self, record: RunRecord) -> None:
        """Write `run.json`."""
        record.write(self.record_path)

    def read_result(self) -> Result:
        """Read `result.json`."""
        return read_document(self.result_path, Result)

    def image_path(self, sample_id: str) -> Path:
        """Return where the image of a sample is or will be."""
        return self.generations / f"{safe_stem(sample_id)}.png"

    def has_image(self, sample_id: str) -> bool:
        """Return whether a sample's image is complete.

        A machine that died while it wrote may leave an empty or torn file under the final name;
        the checksums inside the PNG show it.
        """
        try:
            with self.image_path(sample_id).open("rb") as stream:
                open_picture(stream).verify()
        except DAMAGE:
            return False
        return True

    def write_png(self, sample_id: str, content: bytes) -> None:
        """Write one image, atomically; torn files after a power cut show in `has_image`."""
        write_atomic(self.image_path(sample_id), content, durable=False)

    def read_failures(self) -> dict[str, str]:
        """Return the error by id of the samples whose generation failed."""
        if not self.failures_path.exists():
            return {}
        try:
            content = json.loads(self.failures_path.read_text(encoding="utf-8"))
            return {str(key): str(value) for key, value in content.items()}
        except (OSError, ValueError, AttributeError, RecursionError) as error:
            raise TpgbenchError(
                f"{self.failures_path}: cannot be read ({error}); remove it and run again"
            ) from error

    def write_failures(self, failures: Mapping[str, str]) -> None:
        """Write the failures, or remove the file when there are none."""
        if failures:
            text = json.dumps(dict(sorted(failures.items())), indent=2, ensure_ascii=True)
            write_atomic(self.failures_path, (text + "\n").encode())
        else:
            with explain_os_errors(self.failures_path):
                self.failures_path.unlink(missing_ok=True)
