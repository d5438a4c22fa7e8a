"""One of two gloo processes, each with its share of five batches; prints what `compute` gives."""

from __future__ import annotations

import sys

import torch
import torch.distributed
from tpgbench.metrics import FID, PSNR, SSIM

RANK, FOLDER = int(sys.argv[1]), sys.argv[2]


def batch(seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (4, 3, 24, 24), dtype=torch.uint8, generator=generator)


torch.distributed.init_process_group(
    "gloo", init_method=f"file://{FOLDER}/meet", rank=RANK, world_size=2
)
metrics = {"psnr": PSNR(), "ssim": SSIM(), "fid": FID()}
for name, metric in metrics.items():
    for seed in range(5):  # three batches here, two there
        if seed % 2 == RANK:
            count = 1 if name == "fid" else 4
            metric.update(preds=batch(seed)[:count], target=batch(100 + seed)[:count])
    value = float(metric.compute())
    with metric.sync_context():
        count = metric.value().n
    print(name, value, count)
torch.distributed.destroy_process_group()
