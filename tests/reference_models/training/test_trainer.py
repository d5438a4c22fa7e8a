"""The trainer: what it learns, that nothing disturbs it, and what it refuses."""

from __future__ import annotations

import io
import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest
import torch
from commands import run_python
from places import HELPERS
from rich.console import Console
from torch import nn
from tpgbench.core.errors import TpgbenchError
from tpgbench.reference_models.training import progress
from tpgbench.reference_models.training.folder import TrainingFolder, read_curve
from tpgbench.reference_models.training.objective import ParameterGroup
from tpgbench.reference_models.training.trainer import train
from training_toy import Points, Regression, config, equal, flat, weights

TOY = HELPERS / "training_toy.py"
# Sessions of the toy run one after another in this process; OpenMP would not be as exact.
ONE_THREAD = {"OMP_NUM_THREADS": "1"}


def trained(folder: Path, objective: Regression | None = None, **changes):
    objective = Regression() if objective is None else objective
    batches = Points(changes.get("batch_size", 8))
    summary = train(objective, batches, config(**changes), folder, console=Console(quiet=True))
    return objective, summary


def toy(*arguments: str) -> dict:
    run = run_python(TOY, *arguments, timeout=300, **ONE_THREAD)
    return json.loads(run.stdout)


def test_it_learns_and_leaves_a_curve_and_pictures(tmp_path):
    before = Regression().eval().validate()["error"]
    objective, summary = trained(
        tmp_path,
        steps=200,
        learning_rate=0.05,
        validate_every=50,
        preview_every=100,
        tracker="tensorboard",
    )
    assert summary.finished
    assert (summary.steps, summary.samples) == (200, 1600)
    assert summary.validation["error"] < 0.3 * before
    assert objective.validate() == summary.validation  # so it holds the averaged weights
    assert not objective.training
    curve = read_curve(tmp_path / "curve.jsonl")
    assert [point.step for point in curve] == sorted({*range(20, 201, 20), 50, 150})
    assert [point.step for point in curve if point.validation] == [50, 100, 150, 200]
    assert curve[-1].losses == summary.losses
    assert sorted(path.name for path in (tmp_path / "previews").iterdir()) == [
        "0000100.png",
        "0000200.png",
    ]
    assert list((tmp_path / "logs").rglob("events.out.tfevents*"))


def test_killed_and_resumed_it_is_the_same(tmp_path):
    assert toy("kill", str(tmp_path), "6") == {"kills": 6, "different": []}


def test_two_processes_are_one_with_the_double_batch(tmp_path):
    result = toy("processes", str(tmp_path))
    assert max(result["apart"]) < 1e-6
    one, first, second = result["facts"]
    assert first == second
    assert first["samples"] == one["samples"]
    assert first["losses"] == pytest.approx(one["losses"], rel=1e-5)


# On a CPU, accelerate starts several processes with MPI alone; on GPUs it does what torchrun does.
@pytest.mark.slow
@pytest.mark.parametrize(
    ("launcher", "ranks"),
    [
        (["accelerate.commands.launch", "--cpu", "--num_processes", "1"], 1),
        (["torch.distributed.run", "--standalone", "--nproc-per-node", "2"], 2),
    ],
)
def test_launchers_start_it(tmp_path, launcher, ranks):
    variables = ONE_THREAD | {"ACCELERATE_USE_CPU": "true"}
    run_python("-m", *launcher, TOY, "train", tmp_path, timeout=300, **variables)
    objective, _ = trained(tmp_path / "one", Regression(noisy=False))
    for rank in range(ranks):
        found = torch.load(tmp_path / f"weights-{rank}.pt", weights_only=True)
        for name, value in weights(objective).items():
            torch.testing.assert_close(found[name], value, rtol=0, atol=1e-6)


class Interrupted(Regression):
    """Ctrl-C in the midst of a step."""

    def __init__(self, step: int) -> None:
        super().__init__()
        self.left = step

    def forward(self, batch, generator):
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGINT)
        return super().forward(batch, generator)


def test_interrupted_it_saves_and_goes_on(tmp_path):
    with pytest.raises(KeyboardInterrupt, match="after step 7; the same command"):
        trained(tmp_path / "a", Interrupted(7))
    assert torch.load(tmp_path / "a" / "state.pt", weights_only=True)["step"] == 7
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    resumed, _ = trained(tmp_path / "a")
    calm, _ = trained(tmp_path / "b")
    assert equal(weights(resumed), weights(calm))


def test_more_minutes_and_more_steps_go_on(tmp_path):
    constant = {"schedule": "constant", "warmup_steps": 5}
    _, summary = trained(tmp_path / "a", max_minutes=1e-6, validate_every=1000, **constant)
    assert not summary.finished
    assert summary.steps == 1
    assert summary.validation
    _, summary = trained(tmp_path / "a", max_minutes=5, steps=20, **constant)
    assert summary.finished
    more, again = trained(tmp_path / "a", **constant)
    assert again.seconds > summary.seconds
    calm, _ = trained(tmp_path / "b", **constant)
    assert equal(weights(more), weights(calm))


def test_a_finished_training_is_only_read(tmp_path):
    first, summary = trained(tmp_path)
    again, repeated = trained(tmp_path)
    assert equal(weights(first), weights(again))
    assert (repeated.steps, repeated.losses) == (summary.steps, summary.losses)


class Careless(Regression):
    """Draws, and lets batch statistics change, where it is looked at."""

    def preview(self, batch):
        self.network.train()
        self.network(torch.rand(8, 2))
        return super().preview(batch)

    def validate(self):
        self.network.train()
        return {"error": float(self.network(torch.randn(8, 2)).mean())}


def test_looking_changes_nothing(tmp_path):
    looked_at, _ = trained(tmp_path / "a", Careless(), preview_every=1, validate_every=1)
    alone, _ = trained(tmp_path / "b")
    assert equal(weights(looked_at), weights(alone))


class Halves(Points):
    """The batches of `Points`, in two parts each."""

    def take(self, step, rank, ranks):
        whole = super().take(step // 2, rank, ranks)
        return {name: value.chunk(2)[step % 2] for name, value in whole.items()}


def test_accumulation_is_a_larger_batch(tmp_path):
    parts, whole = Regression(noisy=False), Regression(noisy=False)
    summary = train(parts, Halves(), config(batch_size=4, accumulation=2), tmp_path / "a")
    _, expected = trained(tmp_path / "b", whole)
    for name, value in weights(parts).items():
        torch.testing.assert_close(value, weights(whole)[name], rtol=0, atol=1e-6)
    assert summary.samples == expected.samples
    assert summary.losses == pytest.approx(expected.losses, rel=1e-5)


class Recorded(Regression):
    """Notes its weights before each step."""

    def __init__(self) -> None:
        super().__init__(noisy=False)
        self.seen: list[torch.Tensor] = []

    def forward(self, batch, generator):
        self.seen.append(self.network[0].weight.detach().clone())
        return super().forward(batch, generator)


def test_the_result_is_the_moving_average(tmp_path):
    objective, _ = trained(tmp_path, Recorded(), ema_decay=0.5)
    last = torch.load(tmp_path / "state.pt", weights_only=True)["objective"]["network.0.weight"]
    average = objective.seen[0]
    for step, value in enumerate([*objective.seen[1:], last]):
        decay = min(0.5, (1 + step) / (10 + step)) if step else 0.0
        average = decay * average + (1 - decay) * value
    torch.testing.assert_close(objective.network[0].weight.detach(), average)
    assert not torch.equal(average, last)


def test_the_learning_rate_rises_and_falls():
    settings = config(steps=11, learning_rate=1.0, warmup_steps=2, final_learning_rate=0.2)
    group, constant = ParameterGroup(()), ParameterGroup((), lr_factor=10, constant_lr=True)
    rates = [settings.learning_rate_at(step, group) for step in range(11)]
    assert rates[:3] == [0.5, 1.0, 1.0]
    assert rates[6] == pytest.approx(0.6)
    assert rates[10] == pytest.approx(0.2)
    assert [settings.learning_rate_at(step, constant) for step in (0, 1, 10)] == [5, 10, 10]


class Grouped(Regression):
    """Its last layer learns in its own way."""

    def parameter_groups(self):
        first, last = self.network[0], self.network[-1]
        return [
            ParameterGroup(tuple(first.parameters())),
            ParameterGroup(tuple(last.parameters()), constant_lr=True, weight_decay=0.0),
        ]


def test_parameter_groups_reach_the_optimiser(tmp_path):
    trained(tmp_path, Grouped(noisy=False))
    state = torch.load(tmp_path / "state.pt", weights_only=True)
    first, last = state["optimizer"]["param_groups"]
    assert (first["lr"], first["weight_decay"]) == (0.0, 0.01)
    assert (last["lr"], last["weight_decay"]) == (0.02, 0.0)
    with pytest.raises(ValueError, match="not all parameters"):
        trained(tmp_path / "noisy", Grouped())  # its BatchNorm is in no group


class Failing(Regression):
    """Fails in one of several ways at its eighth step."""

    def __init__(self, way: str) -> None:
        super().__init__()
        self.way, self.left = way, 8

    def forward(self, batch, generator):
        losses = super().forward(batch, generator)
        self.left -= 1
        if self.left:
            return losses
        if self.way == "loss":
            return losses | {"absolute": losses["absolute"] * torch.nan}
        if self.way == "gradient":
            return losses | {"square": losses["square"] + (losses["square"] * 0).sqrt()}
        if self.way == "device":
            raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9")


@pytest.mark.parametrize(
    ("way", "message"),
    [
        ("loss", "step 8: the loss 'absolute' is not finite"),
        ("gradient", "step 8: the gradient is not finite"),
        ("device", "out of memory: lower batch_size .* size of the images, or give precision"),
        ("machine", "out of memory: lower batch_size"),
    ],
)
def test_what_goes_wrong_is_named_and_the_last_state_kept(tmp_path, way, message):
    with pytest.raises(TpgbenchError, match=message):
        trained(tmp_path, Failing(way), checkpoint_every=3)
    assert torch.load(tmp_path / "state.pt", weights_only=True)["step"] == 6


def test_a_second_process_is_kept_out(tmp_path):
    with TrainingFolder(tmp_path).locked(), pytest.raises(TpgbenchError, match="another process"):
        trained(tmp_path)


class Weighted(Regression):
    """With a loss weight that its state must know of."""

    def identity(self):
        return {"losses": {"square": 2.0}}


@pytest.mark.parametrize("where", [".", "training"])
def test_a_packaged_dataset_is_no_place_for_a_training(tmp_path, where):
    for name in ("build.json", "manifest.parquet"):
        (tmp_path / name).write_text("{}")
    with pytest.raises(TpgbenchError, match=r"state\.pt: lies within the packaged dataset .*, whi"):
        trained(tmp_path / where)
    assert {path.name for path in tmp_path.iterdir()} == {"build.json", "manifest.parquet"}


def test_the_state_of_another_training_is_refused(tmp_path):
    trained(tmp_path, steps=4)
    before = (tmp_path / "state.pt").read_bytes()
    for difference, changes in (
        ("config.learning_rate was 0.02 and is 0.5", {"learning_rate": 0.5, "steps": 4}),
        ("config.steps was 4 and is 8", {"steps": 8}),  # the cosine knows where it ends
        (r"objective.losses was null and is \{.square.: 2.0", {"objective": Weighted()}),
        (r"shape of network.0.bias was \[8\] and is \[9\]", {"objective": Regression(width=9)}),
    ):
        with pytest.raises(TpgbenchError, match=difference):
            trained(tmp_path, **{"steps": 4, **changes})
    assert (tmp_path / "state.pt").read_bytes() == before


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 torn", b"\x80\x02}q\x00."])
def test_a_damaged_state_is_refused(tmp_path, damage):
    (tmp_path / "state.pt").write_bytes(damage)
    with pytest.raises(TpgbenchError, match="state.pt: not a complete state of a training"):
        trained(tmp_path)


def test_the_state_is_without_what_is_frozen(tmp_path):
    trained(tmp_path, steps=2)
    names = flat(tmp_path / "state.pt")
    assert "state.pt.objective.network.1.running_mean" in names
    assert not [name for name in names if "frozen" in name]


class Watched(Regression):
    """Notes in which precision it computes."""

    def forward(self, batch, generator):
        self.computed = self.network[0](batch["x"]).dtype
        return super().forward(batch, generator)


def test_bfloat16_computes_and_float32_remembers(tmp_path):
    objective, summary = trained(tmp_path / "a", Watched(), precision="bf16")
    assert objective.computed == torch.bfloat16
    assert all(value.dtype in (torch.float32, torch.int64) for value in weights(objective).values())
    assert summary.losses["square"] > 0
    # Afterwards, and in a later training of the same process, precision is as asked.
    assert objective.network[0](torch.ones(1, 2)).dtype == torch.float32
    objective(Points().take(0, 0, 1), torch.Generator())
    assert objective.computed == torch.float32
    trained(tmp_path / "b", objective)
    assert objective.computed == torch.float32


class Pictures(Regression):
    """Holds a convolution's weight."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(4, 4, 3).requires_grad_(False)


def test_convolutions_are_channels_last(tmp_path):
    objective, _ = trained(tmp_path, Pictures(), steps=1)
    assert objective.convolution.weight.is_contiguous(memory_format=torch.channels_last)


def test_what_is_not_installed_is_named(tmp_path, monkeypatch):
    with pytest.raises(TpgbenchError, match="unknown tracker 'tensorbord': did you mean 'tensorb"):
        trained(tmp_path, tracker="tensorbord")
    monkeypatch.setattr("accelerate.tracking.get_available_trackers", list)
    with pytest.raises(TpgbenchError, match=r"tensorboard is not installed: pip install 'tpgbenc"):
        trained(tmp_path, tracker="tensorboard")
    monkeypatch.setitem(sys.modules, "accelerate", None)
    with pytest.raises(TpgbenchError, match=r"needs accelerate: pip install 'tpgbench\[train\]'"):
        trained(tmp_path)


@pytest.mark.parametrize("terminal", [False, True])
def test_progress_shows_loss_speed_and_time_left(tmp_path, terminal):
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=terminal, width=120)
    train(Regression(), Points(), config(), tmp_path, console=console)
    text = stream.getvalue()
    assert "40/40" in text
    assert "samples/s, 0:00:00 left" in text
    assert "loss 0." in text
    if not terminal:
        assert text.count("\n") == 1  # one line in ten seconds, and the last


@pytest.mark.parametrize("slow", [False, True])
def test_a_long_wait_for_the_first_rows_is_explained(tmp_path, monkeypatch, slow):
    monkeypatch.setattr(progress, "_SECONDS_OF_SILENCE", 0.2 if slow else 60.0)

    class Rendered(Points):
        def take(self, step, rank, ranks):
            if slow and step == 0:
                time.sleep(0.6)
            return super().take(step, rank, ranks)

    stream = io.StringIO()
    train(Regression(), Rendered(), config(), tmp_path, console=Console(file=stream, width=120))
    assert stream.getvalue().count("waiting for the first rows") == slow
