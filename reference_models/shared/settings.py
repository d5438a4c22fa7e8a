"""Constants that the presets of both models share."""

from __future__ import annotations

from ..training.config import TrainingConfig

# Stable Diffusion's noise schedule, as `DDIMScheduler` takes it.
SCHEDULE = {
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.0120,
    "beta_schedule": "scaled_linear",
    "clip_sample": False,
    "set_alpha_to_one": False,
    "steps_offset": 1,
}

# Of the tiny presets, which share the architecture of their autoencoder.
LATENT_CHANNELS = 24
AUTOENCODER_TRAINING = TrainingConfig(
    steps=900, batch_size=24, learning_rate=2e-3, warmup_steps=50, precision="bf16"
)
