"""The autoencoder of the tiny presets, which computes at the resolution of the latents."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.autoencoders.vae import DecoderOutput, DiagonalGaussianDistribution
from diffusers.models.modeling_outputs import AutoencoderKLOutput
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn
from torch.nn import functional

from ...core.errors import TpgbenchError


class PatchAutoencoder(ModelMixin, ConfigMixin):  # type: ignore[misc]  # diffusers' own clash
    """Maps image patches to latents and back, with the interface of diffusers' ``AutoencoderKL``.

    A strided convolution brings the image to the latents' resolution and a transposed convolution
    brings it back. Both overlap neighbouring patches, so that no seams show; all other layers are
    between them. The decoder is therefore cheap enough to run with gradients in every training
    step of a diffusion model, on a CPU.

    A normalisation without learned scale gives latents mean 0 and variance 1 per channel over the
    training images. The posterior is a Gaussian of constant width.

    It is initialised as a discrete cosine transform of patches that keeps the strongest
    coefficients, which are nearly the principal components.

    Args:
        latent_channels: Channels of a latent.
        width: Channels of the hidden maps, at least ``latent_channels``.
        encoder_blocks: Residual blocks between the image and the latent.
        decoder_blocks: Residual blocks between the latent and the image.
        patch_size: Pixels per latent along a side; even.
        latent_noise: Standard deviation of the posterior; the decoder is trained on samples of
            it, which makes it smooth.
        scaling_factor: Multiplies latents before diffusion, as in diffusers.
        block_out_channels: Not used here; diffusers' pipelines derive the patch size from its
            length, as 2 ** (length - 1).
    """

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(
        self,
        *,
        latent_channels: int = 24,
        width: int = 128,
        encoder_blocks: int = 1,
        decoder_blocks: int = 2,
        patch_size: int = 8,
        latent_noise: float = 0.05,
        scaling_factor: float = 1.0,
        block_out_channels: Sequence[int] = (128, 128, 128, 128),
    ) -> None:
        super().__init__()
        self._patch_size = patch_size
        self._latent_noise = latent_noise
        kernel, overlap = 2 * patch_size, patch_size // 2
        self.analysis = nn.Conv2d(3, width, kernel, stride=patch_size, padding=overlap)
        self.encoder = nn.Sequential(*(_Block(width) for _ in range(encoder_blocks)))
        self.to_latent = nn.Conv2d(width, latent_channels, 1)
        self.normalise = nn.BatchNorm2d(latent_channels, affine=False, momentum=0.01)
        self.from_latent = nn.Conv2d(latent_channels, width, 3, padding=1)
        self.decoder = nn.Sequential(*(_Block(width) for _ in range(decoder_blocks)))
        self.synthesis = nn.ConvTranspose2d(width, 3, kernel, stride=patch_size, padding=overlap)
        self._start_as_cosine_transform(latent_channels)

    def encode(self, x: Tensor) -> AutoencoderKLOutput:
        """Return the posterior of images.

        Args:
            x: (B, 3, H, W) in [-1, 1]; sides divisible by the patch size.

        Returns:
            ``latent_dist`` with ``mode()`` and ``sample(generator)``, both
            (B, latent_channels, H / patch_size, W / patch_size).

        Raises:
            TpgbenchError: A side is not divisible by the patch size.
        """
        patch = self._patch_size
        if x.shape[-2] % patch or x.shape[-1] % patch:
            raise TpgbenchError(
                f"images of {x.shape[-1]} x {x.shape[-2]} px cannot be encoded: choose a size "
                f"divisible by {patch}"
            )
        latent = self.normalise(self.to_latent(self.encoder(self.analysis(x))))
        log_variance = torch.full_like(latent, 2 * math.log(self._latent_noise))
        moments = torch.cat([latent, log_variance], dim=1)
        return AutoencoderKLOutput(latent_dist=DiagonalGaussianDistribution(moments))

    def decode(
        self, z: Tensor, return_dict: bool = True, generator: torch.Generator | None = None
    ) -> Any:  # DecoderOutput, or a tuple
        """Return the images of latents.

        Args:
            z: (B, latent_channels, h, w), not scaled.
            return_dict: Whether to return an object with ``sample`` or a tuple.
            generator: Not used: decoding is deterministic.

        Returns:
            ``sample``, (B, 3, h * patch_size, w * patch_size), about in [-1, 1], not clipped.
        """
        images: Tensor = self.synthesis(self.decoder(self.from_latent(z)))
        return DecoderOutput(sample=images) if return_dict else (images,)

    def _start_as_cosine_transform(self, kept: int) -> None:
        basis, deviations = _cosine_basis(self._patch_size)
        margin = self._patch_size // 2
        inner = slice(margin, margin + self._patch_size)
        with torch.no_grad():
            for weight in (self.analysis.weight, self.synthesis.weight):
                weight[:kept] = 0
                weight[:kept, :, inner, inner] = basis[:kept].to(weight)
            nn.init.dirac_(self.to_latent.weight)
            nn.init.dirac_(self.from_latent.weight)
            self.from_latent.weight.mul_(deviations[:kept, None, None].to(self.from_latent.weight))


def _cosine_basis(size: int) -> tuple[Tensor, Tensor]:
    """Return an orthonormal basis of colour patches, by decreasing standard deviation.

    The deviations are modelled: power falls with the square of the frequency, and the two colour
    differences have a tenth of the power of grey.

    Returns:
        The basis, (3 * size * size, 3, size, size), and the deviations, (3 * size * size,), for
        values in [-1, 1].
    """
    frequency = torch.arange(size)
    cosines = torch.cos(math.pi / size * frequency[:, None] * (torch.arange(size) + 0.5))
    cosines = functional.normalize(cosines, dim=1)
    colours = functional.normalize(torch.tensor([[1.0, 1, 1], [1, -1, 0], [1, 1, -2]]), dim=1)
    basis = torch.einsum("ac,uy,vx->auvcyx", colours, cosines, cosines)
    radius = frequency[:, None] ** 2 + frequency**2
    power = torch.tensor([3.0, 0.3, 0.3])[:, None, None] / (0.1 + radius)
    order = power.flatten().argsort(descending=True, stable=True)
    return basis.reshape(-1, 3, size, size)[order], power.flatten()[order].sqrt()


class _Block(nn.Module):
    """A residual bottleneck that starts as the identity."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.spatial = nn.Conv2d(width, width // 2, 3, padding=1)
        self.pointwise = nn.Conv2d(width // 2, width, 1)
        nn.init.zeros_(self.pointwise.weight)

    def forward(self, x: Tensor) -> Tensor:
        hidden: Tensor = self.spatial(functional.silu(x))
        update: Tensor = self.pointwise(functional.silu(hidden))
        return x + update
