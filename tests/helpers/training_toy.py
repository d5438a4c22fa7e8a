"""A training small enough for tests, and what they do to it in processes of their own.

Run as a script:

    python training_toy.py train FOLDER          one training, also under `accelerate launch`
    python training_toy.py kill FOLDER KILLS     killed at random moments and resumed
    python training_toy.py processes FOLDER      two processes

Processes are forked from this one, which has imported everything: a start takes no time.
"""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator  # noqa: F401 (imported here, so that a fork need not)
from commands import fork
from torch import Tensor, nn
from tpgbench.reference_models.training.config import TrainingConfig
from tpgbench.reference_models.training.folder import read_curve
from tpgbench.reference_models.training.objective import Batches, Objective
from tpgbench.reference_models.training.trainer import train


class Regression(Objective):
    """Fits a parabola; with ``noisy`` through all that makes a resume hard."""

    def __init__(self, width: int = 8, *, noisy: bool = True, seconds: float = 0.0) -> None:
        super().__init__()
        torch.manual_seed(0)
        extra = [nn.BatchNorm1d(width), nn.Dropout(0.1)] if noisy else []
        self.network = nn.Sequential(nn.Linear(2, width), *extra, nn.Tanh(), nn.Linear(width, 1))
        self.frozen = nn.Linear(2, 2).requires_grad_(False)
        self.noisy = noisy
        self.seconds = seconds

    def forward(self, batch: Mapping[str, Tensor], generator: torch.Generator) -> dict[str, Tensor]:
        time.sleep(self.seconds)
        x = batch["x"]
        if self.noisy:
            x = x + 0.01 * torch.randn(x.shape, generator=generator)
        error = self.network(x) - batch["y"]
        return {"square": error.square().mean(), "absolute": 0.1 * error.abs().mean()}

    def preview(self, batch: Mapping[str, Tensor]) -> Tensor | None:
        picture = self.network(batch["x"]).detach().sigmoid().mul(255).to(torch.uint8)
        return picture.expand(3, -1, -1)

    def validate(self) -> dict[str, float]:
        x, y = points(torch.Generator().manual_seed(99), 64)
        return {"error": float((self.network(x) - y).square().mean().detach())}


class Points(Batches):
    """Points of a parabola: those of a step are the same however many processes share them."""

    def __init__(self, total: int = 8) -> None:
        self.total = total

    def take(self, step: int, rank: int, ranks: int) -> dict[str, Tensor]:
        x, y = points(torch.Generator().manual_seed(step), self.total)
        return {"x": x[rank::ranks], "y": y[rank::ranks]}


def points(generator: torch.Generator, count: int) -> tuple[Tensor, Tensor]:
    x = torch.rand(count, 2, generator=generator) * 2 - 1
    return x, x.square().sum(dim=1, keepdim=True)


def config(**changes: Any) -> TrainingConfig:
    settings = {"steps": 40, "batch_size": 8, "learning_rate": 0.02, "tracker": None}
    return TrainingConfig.model_validate(settings | changes)


def weights(objective: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in objective.state_dict().items()}


def equal(first: Mapping[str, Tensor], second: Mapping[str, Tensor]) -> bool:
    return first.keys() == second.keys() and all(
        torch.equal(value, second[name]) for name, value in first.items()
    )


def kill(folder: Path, kills: int) -> dict[str, Any]:
    """Kill trainings and resume them; compare each with one that nothing disturbed."""
    settings = config(
        steps=60, checkpoint_every=2, log_every=5, preview_every=10, validate_every=10
    )

    def work(out: Path) -> None:
        objective = Regression(seconds=0.003)
        train(objective, Points(), settings, out)
        torch.save(weights(objective), out / "weights.pt")

    calm = folder / "calm"
    assert wait(fork(work, calm)) == 0
    moments, done, different = random.Random(0), 0, []
    while done < kills:
        out = folder / f"killed-{done}"
        for _ in range(2):
            child = fork(work, out)
            while not (out / "state.pt").exists():
                time.sleep(0.001)
            time.sleep(moments.uniform(0, 0.15))
            if os.waitpid(child, os.WNOHANG)[0]:
                break  # it had ended already: that is no kill
            os.kill(child, signal.SIGKILL)
            wait(child)
            done += 1
        same = wait(fork(work, out)) == 0 and all(
            equal(flat(calm / name), flat(out / name)) for name in ("weights.pt", "state.pt")
        )
        curves = [
            [point.model_dump(exclude={"seconds", "losses", "gradient_norm"}) for point in curve]
            for curve in (read_curve(calm / "curve.jsonl"), read_curve(out / "curve.jsonl"))
        ]
        if not same or curves[0] != curves[1]:
            different.append(out.name)
    return {"kills": done, "different": different}


def flat(path: Path) -> dict[str, Tensor]:
    """All tensors of a file, by their place in it."""
    found: dict[str, Tensor] = {}

    def visit(value: Any, name: str) -> None:
        if isinstance(value, Tensor):
            found[name] = value
        elif isinstance(value, Mapping):
            for key, inner in value.items():
                visit(inner, f"{name}.{key}")
        elif isinstance(value, list):
            for place, inner in enumerate(value):
                visit(inner, f"{name}.{place}")

    visit(torch.load(path, weights_only=True), path.name)
    return found


def processes(folder: Path) -> dict[str, Any]:
    """Train in two processes and in one, on the same samples; return how far they are apart."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    settings = config(batch_size=4, accumulation=2, validate_every=10, log_every=10)

    def work(out: Path, rank: str = "") -> None:
        if rank:
            os.environ |= {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": "2"}
            os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
            os.environ["ACCELERATE_USE_CPU"] = "true"
        objective = Regression(noisy=False)
        summary = train(objective, Points(), settings, out)
        facts = {"samples": summary.samples, "losses": summary.losses}
        (folder / f"{out.name}{rank}.json").write_text(json.dumps(facts))
        torch.save(weights(objective), folder / f"{out.name}{rank}.pt")

    children = [fork(work, folder / "two", rank) for rank in "01"]
    assert [wait(child) for child in children] == [0, 0]
    settings = settings.model_copy(update={"batch_size": 8})
    assert wait(fork(work, folder / "one")) == 0
    one, *two = (flat(folder / f"{name}.pt") for name in ("one", "two0", "two1"))
    apart = [
        max(
            float((value - other[name.replace("one", stem)]).abs().max())
            for name, value in one.items()
        )
        for stem, other in zip(("two0", "two1"), two, strict=True)
    ]
    facts = [json.loads((folder / f"{name}.json").read_text()) for name in ("one", "two0", "two1")]
    return {"apart": apart, "facts": facts}


def wait(child: int) -> int:
    return os.waitpid(child, 0)[1]


if __name__ == "__main__":
    task, out = sys.argv[1], Path(sys.argv[2])
    if task == "train":
        objective = Regression(noisy=False)
        train(objective, Points(), config(batch_size=4), out)
        torch.save(weights(objective), out / f"weights-{os.environ.get('RANK', '0')}.pt")
    else:
        print(json.dumps(kill(out, int(sys.argv[3])) if task == "kill" else processes(out)))
