"""SLDDM-TPG: a semi-supervised latent diffusion model conditioned on disentangled features."""
