"""What is asked of the Hugging Face hub."""

from __future__ import annotations

import json
from fnmatch import fnmatch

import huggingface_hub
import pytest
from tpgbench.core import hub
from tpgbench.core.errors import TpgbenchError

# As the repository of Stable Diffusion 1.5 lists them.
PIPELINE = {
    "model_index.json": json.dumps({"_class_name": "X", "unet": ["d", "U"], "vae": ["d", "V"]}),
    "README.md": "",
    "unet/config.json": "{}",
    "unet/diffusion_pytorch_model.bin": "",
    "unet/diffusion_pytorch_model.fp16.safetensors": "",
    "unet/diffusion_pytorch_model.non_ema.safetensors": "",
    "unet/diffusion_pytorch_model.safetensors": "",
    "v1-5-pruned-emaonly.safetensors": "",
    "vae/config.json": "{}",
    "vae/diffusion_pytorch_model.safetensors": "",
}
ADAPTER = {"adapter.json": "{}", "pytorch_lora_weights.safetensors": ""}


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A hub with one repository, whose files lie in the folder once they are asked for."""
    files = dict(PIPELINE)

    def snapshot_download(name, *, allow_patterns, ignore_patterns, local_files_only, **_):
        assert not local_files_only, name
        for file, text in files.items():
            wanted = any(fnmatch(file, pattern) for pattern in allow_patterns)
            if wanted and not any(fnmatch(file, pattern) for pattern in ignore_patterns):
                (tmp_path / file).parent.mkdir(exist_ok=True)
                (tmp_path / file).write_text(text)
        return str(tmp_path)

    monkeypatch.delenv("TPGBENCH_OFFLINE", raising=False)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    hub._snapshot.cache_clear()
    yield files
    hub._snapshot.cache_clear()


def listing(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_of_a_pipeline_each_weight_is_asked_for_once(repository):
    assert listing(hub.get_pipeline_folder("someone/sd")) == {
        "model_index.json",
        "unet/config.json",
        "unet/diffusion_pytorch_model.safetensors",
        "vae/config.json",
        "vae/diffusion_pytorch_model.safetensors",
    }


def test_of_a_part_nothing_else_is_asked_for(repository):
    assert listing(hub.get_pipeline_folder("someone/sd", "vae")) == {
        "vae/config.json",
        "vae/diffusion_pytorch_model.safetensors",
    }


def test_what_is_no_pipeline_is_asked_for_whole(repository):
    repository.clear()
    repository.update(ADAPTER)
    assert listing(hub.get_pipeline_folder("someone/lora")) == set(ADAPTER)


def test_a_folder_is_never_asked_for(tmp_path, monkeypatch):
    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda *_, **__: pytest.fail("asked"))
    assert hub.get_pipeline_folder(str(tmp_path)) == tmp_path
    assert hub.get_pipeline_folder(str(tmp_path), "vae") == tmp_path


@pytest.mark.parametrize("part", [None, "vae"])
def test_offline_it_is_one_line_and_nothing_is_downloaded(part, monkeypatch, tmp_path):
    monkeypatch.setenv("TPGBENCH_OFFLINE", "1")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(TpgbenchError, match="give a folder, or a repository's id") as caught:
        hub.get_pipeline_folder("someone/nothing-of-this-name", part)
    assert "\n" not in str(caught.value)
