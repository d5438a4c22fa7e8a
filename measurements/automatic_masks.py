"""How well automatic masks agree with known ones: on ctp-synth, and on a folder of photos.

    python measurements/automatic_masks.py --limit 200
    python measurements/automatic_masks.py --photos cloth --masks cloth-mask

ctp-synth's photos show people, which a plain background cannot tell from their garments: there it
counts that they are doubted. Photos of one's own should be product shots.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tpgbench
from tpgbench.core.errors import TpgbenchError
from tpgbench.core.images import Image, Mask, read_image
from tpgbench.core.masks import read_mask
from tpgbench.core.picture_files import list_pictures, split_suffix
from tpgbench.datasets_builders.masks.find import get_masker

Known = tuple[str, Image, Mask]  # a group, a photo and its mask


def main() -> None:
    """Print a table: a line for each severity, or one for a folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--limit", type=int, default=200)
    parser.add_argument("--masker", default="auto")
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--masks", type=Path)
    given = parser.parse_args()
    masker = get_masker(given.masker)
    if masker is None:
        parser.error("--masker: auto, or a segmentation model")
    known = folder(given.photos, given.masks) if given.photos else synthetic(given.limit)
    groups: dict[str, list[tuple[float, bool]]] = {}
    for group, photo, mask in known:
        try:
            found = masker.find(photo)
            doubted, made = found.doubt is not None, found.mask
        except TpgbenchError:
            doubted, made = True, np.zeros_like(mask)
        overlap = float((made & mask).sum() / (made | mask).sum())
        groups.setdefault(group, []).append((overlap, doubted))
    print("| photos | n | IoU, mean | 5 % quantile | doubted | IoU of the others |")
    print("|---|---|---|---|---|---|")
    for group, scores in sorted(groups.items()):
        overlaps = np.array([one for one, _ in scores])
        sure = [one for one, doubted in scores if not doubted]
        kept = f"{np.mean(sure):.3f}" if sure else "-"
        low = np.quantile(overlaps, 0.05)
        cells = [group, len(scores), f"{overlaps.mean():.3f}", f"{low:.3f}"]
        print("| " + " | ".join(map(str, [*cells, len(scores) - len(sure), kept])) + " |")


def synthetic(limit: int) -> Iterator[Known]:
    """Yield test photos of ctp-synth by severity."""
    dataset = tpgbench.load_dataset("ctp-synth", "test")
    for index in range(len(dataset.sample_ids(limit))):
        row = dataset[index]
        yield f"severity {row.meta['severity']}", row.garment, row.mask


def folder(photos: Path, masks: Path) -> Iterator[Known]:
    """Yield the photos of a folder that have a mask of the same name in another."""
    mask_files, mask_names = list_pictures(masks)
    by_stem = {split_suffix(name)[0]: mask_files.path(name) for name in mask_names.names}
    files, names = list_pictures(photos)
    for name in names.names:
        path = by_stem.get(split_suffix(name)[0])
        if path is not None:
            yield photos.name, read_image(files.path(name), name), read_mask(path, name)


if __name__ == "__main__":
    main()
