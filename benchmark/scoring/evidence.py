"""`evidence/`: what led to the scores of metrics that say so, one file per metric."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from ...core.files import TEMPORARY_PREFIX, explain_os_errors, write_atomic
from ...metrics.value import Score
from ..run.filenames import safe_stem


def write_evidence(
    folder: Path,
    scores: Mapping[str, Sequence[tuple[str, Score]]],
    keep: Collection[str] = (),
) -> None:
    """Write the evidence of each metric that has any, and remove the files of others.

    A line is a sample: ``sample_id``, ``values`` (null where a value is missing), ``evidence``.

    Args:
        folder: The run's folder of evidence; the run is locked.
        scores: By the metric's key its samples' ids and scores, in the dataset's order.
        keep: Keys of metrics that were not scored now and whose files stay.

    Raises:
        TpgbenchError: The disk is full or refuses.
    """
    wanted = {
        f"{safe_stem(key)}.jsonl": samples
        for key, samples in scores.items()
        if any(score.evidence is not None for _, score in samples)
    }
    staying = {*wanted, *(f"{safe_stem(key)}.jsonl" for key in keep)}
    with explain_os_errors(folder):
        for path in folder.iterdir() if folder.is_dir() else ():
            stale = path.suffix == ".jsonl" and path.name not in staying
            if stale or path.name.startswith(TEMPORARY_PREFIX):
                path.unlink()
        if folder.is_dir() and not wanted and not any(folder.iterdir()):
            folder.rmdir()
    for name, samples in wanted.items():
        lines = [_line(sample_id, score) for sample_id, score in samples]
        write_atomic(folder / name, "".join(lines).encode())


def _line(sample_id: str, score: Score) -> str:
    values = {name: None if math.isnan(one) else one for name, one in score.values.items()}
    line = {"sample_id": sample_id, "values": values, "evidence": score.evidence}
    return json.dumps(line, ensure_ascii=True) + "\n"
