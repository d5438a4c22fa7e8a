"""One of two gloo processes, of which only the first has images; prints what `compute` gives."""

from __future__ import annotations

import datetime
import sys

import numpy as np
import torch
import torch.distributed
from tpgbench.metrics import torch_metric

RANK, FOLDER = int(sys.argv[1]), sys.argv[2]


def batch(count):
    images = [
        np.random.default_rng(seed).integers(0, 256, (32, 40, 3), dtype=np.uint8)
        for seed in range(3)
    ]
    return torch.from_numpy(np.stack(images)[:count]).permute(0, 3, 1, 2)


torch.distributed.init_process_group(
    "gloo",
    init_method=f"file://{FOLDER}/meet",
    rank=RANK,
    world_size=2,
    timeout=datetime.timedelta(seconds=120),
)
for name in ("ssim", "fid", "retrieval_colour"):
    for gives_empty_batches in (False, True):
        metric = torch_metric(name)()
        count = 3 if RANK == 0 else 0
        if RANK == 0 or gives_empty_batches:
            outputs = batch(count)
            if name == "retrieval_colour":
                mask = torch.ones(count, 32, 40, dtype=torch.bool)
                metric.update(preds=outputs, garment=outputs, mask=mask)
            else:
                metric.update(preds=outputs, target=255 - outputs)
        print(float(metric.compute()))
torch.distributed.destroy_process_group()
