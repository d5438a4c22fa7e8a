"""`run.json` of earlier schema versions."""

from __future__ import annotations

import json

import pytest
import tpgbench
from tpgbench.benchmark.run.identity import RunRecord

# As tpgbench wrote it before there was --data-seed.
VERSION_1 = """{
  "schema_version": 1,
  "identity": {
    "task": "tpg",
    "model": "crop",
    "model_version": 1,
    "options": {"side": 0.5},
    "weights": {},
    "dataset": "ctp-synth",
    "dataset_fingerprint": "5d1c",
    "split": "test",
    "size": 64,
    "fit": "pad",
    "seed": 7,
    "precision": "fp32"
  },
  "dataset_location": "ctp-synth",
  "dataset_config": null,
  "weights_location": null,
  "limit": 3,
  "images": null,
  "sessions": [
    {
      "started": "2026-01-02T03:04:05+00:00",
      "command": ["tpgbench", "run", "--model", "crop"],
      "batch_size": 4,
      "device": "cpu",
      "environment": {"tpgbench": "0.1.0"}
    }
  ]
}
"""


@pytest.mark.parametrize("seed", [None, 5])
def test_a_record_of_version_1_is_read_and_written_as_version_3(tmp_path, seed):
    path = tmp_path / "run.json"
    stored = json.loads(VERSION_1)
    if seed is not None:  # the last of version 1 had it already
        stored["dataset_seed"] = seed
    path.write_text(json.dumps(stored))
    record = RunRecord.read(path)
    assert record.dataset_seed == (seed or 0)
    assert record.dataset_ref.seed == (seed or 0)
    assert record.identity.options == {"side": 0.5}
    assert record.sessions[0].command[-1] == "crop"
    record.write(path)
    wanted = stored | {
        "schema_version": 3,
        "dataset_seed": seed or 0,
        "dataset_masks": "given",
    }
    assert json.loads(path.read_text()) == wanted


def test_a_run_of_version_1_resumes_and_is_scored(tmp_path):
    given = {"model": "crop", "dataset": "ctp-synth", "size": 64, "limit": 2}
    made = tpgbench.generate(**given, out=tmp_path / "run")
    path = tmp_path / "run" / "run.json"
    record = json.loads(path.read_text())
    assert record.pop("dataset_seed") == 0
    assert record.pop("dataset_masks") == "given"
    path.write_text(json.dumps(record | {"schema_version": 1}))
    again = tpgbench.generate(**given | {"limit": 3}, out=tmp_path / "run")
    assert again.path == made.path
    assert tpgbench.score(tmp_path / "run", metrics=["mse"]).result.samples.ok == 3
    stored = json.loads(path.read_text())
    assert (stored["schema_version"], stored["dataset_seed"]) == (3, 0)
    assert len(stored["sessions"]) == 2
