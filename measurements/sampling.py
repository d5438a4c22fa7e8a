"""Sampling speed of SLDDM: the embedded checkpoint, and the paper's size beside Stable Diffusion.

    python measurements/sampling.py [--size-512] [--steps 50] [--batch 4] [--compile]

The embedded checkpoint runs on the GPU if there is one, else on the CPU. The paper's size has
random weights, which does not change the time, and takes turns with the StableDiffusionPipeline of
diffusers at the same number of steps. On a CPU this takes long, so it is done only with --size-512,
with few steps.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
import tpgbench
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from setting import describe_machine
from tpgbench.benchmark.fit import fit_sample
from tpgbench.reference_models.slddm.conditioner import Conditioner
from tpgbench.reference_models.slddm.ldn import LDN
from tpgbench.reference_models.slddm.model import SLDDM, SLDDMConfig
from tpgbench.reference_models.slddm.pipeline import SLDDMPipeline
from tpgbench.reference_models.slddm.presets import SD15
from tpgbench.reference_models.slddm.unet import SLDDMUNet
from transformers import CLIPTextConfig, CLIPTextModel, CLIPVisionConfig, CLIPVisionModel

_SCHEDULER = SD15.networks.scheduler


def machine(device: str) -> str:
    """Return one line about the machine."""
    gpu = f"{torch.cuda.get_device_name()}, " if device.startswith("cuda") else ""
    threads = torch.get_num_threads()
    return f"{gpu}{describe_machine()}, {threads} threads, torch {torch.__version__}"


def seconds(calls: Mapping[str, Callable[[], Any]], rounds: int, device: str) -> dict[str, float]:
    """Return the median seconds of each call; they take turns, after one round to warm up."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds + 1):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            if device.startswith("cuda"):
                torch.cuda.synchronize()
            times[name].append(time.perf_counter() - start)
    return {name: statistics.median(taken[1:]) for name, taken in times.items()}


def peak_memory(device: str) -> str:
    """Return the peak memory so far, of the GPU or of the process."""
    if device.startswith("cuda"):
        return f"{torch.cuda.max_memory_allocated() / 2**30:.2f} GiB"
    return f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB"


def tiny(device: str, rounds: int) -> None:
    """Print images per second of the embedded checkpoint, by steps and batch size."""
    dataset = tpgbench.load_dataset("ctp-synth", "test")
    samples = [fit_sample(dataset[index], size=128) for index in range(16)]
    for steps in (1, 4, 10, 50):
        for batch in (1, 16):
            model = SLDDM(SLDDMConfig(steps=steps))
            model.load(device, "fp32", None)
            generate = partial(model.generate, samples[:batch], list(range(batch)))
            took = seconds({"tiny": generate}, rounds, device)["tiny"]
            print(
                f"tiny, 128 px, {steps} steps, batch {batch}: {batch / took:.2f} images/s, "
                f"peak {peak_memory(device)}"
            )


def full_size(
    device: str, dtype: torch.dtype, *, steps: int, batch: int, rounds: int, compiled: bool
) -> None:
    """Print the speed of the paper's size beside Stable Diffusion, random weights, 512 px."""
    with torch.device(device):
        torch.set_default_dtype(dtype)
        vae = AutoencoderKL(
            block_out_channels=(128, 256, 512, 512),
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            layers_per_block=2,
            latent_channels=4,
        )
        base = UNet2DConditionModel(cross_attention_dim=768, attention_head_dim=8, sample_size=64)
        ours = SLDDMPipeline(
            vae=vae,
            unet=SLDDMUNet(one_token_contexts=True),
            ldn=LDN(),
            conditioner=Conditioner(),
            image_encoder=CLIPVisionModel(
                CLIPVisionConfig(
                    hidden_size=1024,
                    intermediate_size=4096,
                    num_hidden_layers=24,
                    num_attention_heads=16,
                    patch_size=14,
                )
            ),
            scheduler=DDIMScheduler(**_SCHEDULER),
        )
        text = CLIPTextModel(
            CLIPTextConfig(
                hidden_size=768,
                intermediate_size=3072,
                num_hidden_layers=12,
                num_attention_heads=12,
            )
        )
        torch.set_default_dtype(torch.float32)
    theirs = StableDiffusionPipeline(
        vae=vae,
        text_encoder=text,
        tokenizer=None,
        unet=base,
        scheduler=DDIMScheduler(**_SCHEDULER),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    for pipeline in (ours, theirs):
        pipeline.set_progress_bar_config(disable=True)
        for part in pipeline.components.values():
            if isinstance(part, torch.nn.Module):
                part.eval()
        pipeline.unet.to(memory_format=torch.channels_last)
        if compiled:
            pipeline.unet.compile()
    garment = torch.rand(batch, 3, 512, 512, device=device, dtype=dtype) * 2 - 1
    mask = torch.ones(batch, 1, 512, 512, device=device, dtype=dtype)
    prompt = torch.randn(batch, 77, 768, device=device, dtype=dtype)
    contestants = {
        "slddm": lambda: ours(garment, mask, num_inference_steps=steps, output_type="pt"),
        "StableDiffusionPipeline": lambda: theirs(
            prompt_embeds=prompt, guidance_scale=1.0, num_inference_steps=steps, output_type="pt"
        ),
    }
    took = seconds(contestants, rounds, device)
    for name, one in took.items():
        print(
            f"512 px, {steps} steps, batch {batch}, {str(dtype)[6:]}, {name}: "
            f"{batch / one:.3f} images/s"
        )
    ratio = took["slddm"] / took["StableDiffusionPipeline"]
    print(f"slddm takes {ratio:.2f} of StableDiffusionPipeline's time; peak {peak_memory(device)}")


def main() -> None:
    """Print what this machine can run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size-512", action="store_true", help="the paper's size on a CPU too")
    parser.add_argument("--steps", type=int, default=None, help="of the paper's size")
    parser.add_argument("--batch", type=int, default=None)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--skip-tiny", action="store_true")
    given = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    print(machine(device))
    if not given.skip_tiny:
        tiny(device, given.rounds)
    if device == "cuda":
        full_size(
            device,
            torch.bfloat16,
            steps=given.steps or 50,
            batch=given.batch or 4,
            rounds=given.rounds,
            compiled=given.compile,
        )
    elif given.size_512:
        full_size(
            device,
            torch.float32,
            steps=given.steps or 2,
            batch=given.batch or 1,
            rounds=1,
            compiled=given.compile,
        )
    else:
        print("the paper's size: no GPU here; --size-512 runs it on the CPU, at 2 steps")


if __name__ == "__main__":
    main()
