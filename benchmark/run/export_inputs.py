"""What the harness gives a model, as files: for programs that are not called from Python."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from ...core.errors import TpgbenchError
from ...core.files import write_atomic
from ...core.folders import new_folder
from ...core.images import Image, Mask, png_bytes
from ...core.outcome import Outcome
from ...core.progress import progress
from ...datasets_builders.reference import DatasetRef
from ..fit import check_fit, fit_inputs
from ..sample import Sample
from ..tasks import get_task
from .identity import sample_seed
from .run import list_samples

MANIFEST = "manifest.jsonl"


@dataclass(frozen=True)
class ExportOutcome(Outcome):
    """What `tpgbench.export_inputs` wrote.

    Attributes:
        path: The folder.
        samples: How many samples are in it.
        problems: One line for each sample that could not be read.
    """

    path: Path
    samples: int
    problems: tuple[str, ...] = ()


def input_name(sample_id: str) -> str:
    """Return the name of a sample's files: it tells a program nothing of where they are from."""
    return hashlib.sha256(sample_id.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def export_inputs(
    reference: DatasetRef,
    out: Path,
    *,
    limit: int | None = None,
    fit: str | None = None,
    seed: int = 0,
    show_progress: bool = False,
) -> ExportOutcome:
    """Write the inputs of each sample; the ground truth is never written.

    ``out`` then holds ``garment/NAME.png`` and ``mask/NAME.png`` (white on the garment), or for the
    task ``mannequin`` ``condition/NAME.png`` where there is one, and ``manifest.jsonl``, whose
    lines have ``name``, ``sample_id``, the files, ``caption``, ``seed``, ``track`` and ``output``.
    A program should write its image to that ``output``; ``tpgbench score OUT --manifest
    OUT/manifest.jsonl --dataset ...`` takes it from there.

    Args:
        reference: The dataset.
        out: The folder to make; it appears only when it is complete.
        limit: Only the first ``limit`` samples.
        fit: How photos are framed; None for the dataset's own.
        seed: Seed of the run, from which each sample's follows.
        show_progress: Show progress on stderr.

    Raises:
        TpgbenchError: Wrong dataset or fit, or the folder is there already.
    """
    dataset = reference.open()
    task = get_task(dataset.task)
    size, fit = reference.size or dataset.size, fit or dataset.fit
    check_fit(fit, size, task)
    ids = list_samples(dataset, limit)
    location = Path(reference.location)
    problems = []
    lines = []
    with (
        new_folder(out, outside=location if location.is_dir() else None) as staging,
        progress("export", len(ids), show=show_progress) as advance,
    ):
        for index, sample_id in enumerate(ids):
            try:
                sample = fit_inputs(dataset[index], size=size, fit=fit, track=dataset.track)
            except TpgbenchError as error:
                problems.append(f"{sample_id}: {error}")
                advance(1)
                continue
            name = input_name(sample_id)
            line: dict[str, object] = {"name": name, "sample_id": sample_id}
            images: dict[str, Image | Mask | None] = (
                {"garment": sample.garment, "mask": sample.mask}
                if isinstance(sample, Sample)
                else {"condition": sample.condition, "mask": sample.mask}
            )
            for folder, image in images.items():
                file = f"{folder}/{name}.png"
                line[folder] = None if image is None else file
                if image is not None:
                    write_atomic(staging.folder / file, png_bytes(image), durable=False)
            line["caption"] = sample.caption
            line["seed"] = sample_seed(seed, sample_id)
            if isinstance(sample, Sample):
                line["track"] = sample.track
            line["output"] = f"outputs/{name}.png"
            lines.append(json.dumps(line, ensure_ascii=False))
            advance(1)
        if not lines:
            raise TpgbenchError(f"{dataset.name}: no sample can be read; the first: {problems[0]}")
        text = "".join(f"{line}\n" for line in lines)
        write_atomic(staging.folder / MANIFEST, text.encode("utf-8", "surrogatepass"))
        (staging.folder / "outputs").mkdir()
    return ExportOutcome(out, len(lines), tuple(problems))
