"""Grey-value variation of normalised images.

All operations are written for images normalised to about zero mean and unit standard deviation: amounts are in units of
that standard deviation. Every sample draws its own amounts, or every channel where `per_channel` is set.
"""

from dataclasses import dataclass
from math import ceil, log

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class Intensity:
    """Ranges that grey-value changes are drawn from; the default changes nothing.

    Attributes:
        brightness: added value, uniform within plus and minus this.
        contrast: factor about the mean of the patch, log-uniform between the two; both positive.
        gamma: exponent of the grey values, mapped to 0..1 by the patch's minimum and maximum and mapped back after,
            log-uniform between the two; both positive.
        noise_sd: standard deviation of Gaussian noise, uniform from 0 to this.
        blur_sigma_px: standard deviation of a Gaussian blur, uniform from 0 to this.
        sharpen: amount a of the unsharp mask x + a (x - blur(x)) with a blur of 1 px, uniform from 0 to this.
        invert: probability that grey values are mirrored about the mean of the patch.
        per_channel: whether channels vary independently (stains, fluorophores) or together (grey and RGB images).
        probability: probability of each change, drawn for each one separately.
    """

    brightness: float = 0.0
    contrast: tuple[float, float] = (1.0, 1.0)
    gamma: tuple[float, float] = (1.0, 1.0)
    noise_sd: float = 0.0
    blur_sigma_px: float = 0.0
    sharpen: float = 0.0
    invert: float = 0.0
    per_channel: bool = False
    probability: float = 1.0


class _Draws:
    """Random amounts of shape (B, C, 1, 1), each neutral with probability 1 - `probability`."""

    def __init__(self, intensity: Intensity, image: Tensor, generator: torch.Generator) -> None:
        batch, channels = image.shape[:2]
        self.shape = (batch, channels if intensity.per_channel else 1, 1, 1)
        self.probability = intensity.probability
        self.generator = generator
        self.device = image.device

    def uniform(self, low: float, high: float, *, neutral: float = 0.0) -> Tensor:
        amount = low + (high - low) * self._rand()
        return torch.where(self._rand() < self.probability, amount, neutral).to(self.device)

    def log_uniform(self, bounds: tuple[float, float]) -> Tensor:
        return self.uniform(log(bounds[0]), log(bounds[1])).exp()

    def happens(self, probability: float) -> Tensor:
        return (self._rand() < probability).to(self.device)

    def noise(self, shape: torch.Size) -> Tensor:
        """Unit Gaussian noise, made on the image's device from a seed that the generator draws."""
        seed = torch.randint(2**62, (), generator=self.generator, device=self.generator.device)
        on_device = torch.Generator(self.device).manual_seed(int(seed))
        return torch.randn(shape, generator=on_device, device=self.device)

    def _rand(self) -> Tensor:
        return torch.rand(self.shape, generator=self.generator, device=self.generator.device)


def vary(
    intensity: Intensity, image: Float[Tensor, "batch channel y x"], *, generator: torch.Generator
) -> Float[Tensor, "batch channel y x"]:
    """Vary the grey values: blur or sharpen, gamma, contrast with inversion and brightness, noise, in this order.

    Args:
        intensity: the ranges.
        image: normalised images; left as it is.
        generator: source of randomness.

    >>> image = torch.tensor([[[[1.0, 3.0]]]])
    >>> vary(Intensity(contrast=(2.0, 2.0)), image, generator=torch.Generator())
    tensor([[[[0., 4.]]]])
    """
    draws = _Draws(intensity, image, generator)
    x = image.float()
    if intensity.blur_sigma_px:
        x = gaussian_blur(x, draws.uniform(0.0, intensity.blur_sigma_px), radius=ceil(3 * intensity.blur_sigma_px))
    if intensity.sharpen:
        smooth = gaussian_blur(x, torch.ones(1, 1, 1, 1, device=x.device), radius=3)
        x = torch.addcmul(x, draws.uniform(0.0, intensity.sharpen), x - smooth)
    if intensity.gamma != (1.0, 1.0):
        x = apply_gamma(x, draws.log_uniform(intensity.gamma))
    if intensity.brightness or intensity.contrast != (1.0, 1.0) or intensity.invert:
        factor = draws.log_uniform(intensity.contrast)
        factor = torch.where(draws.happens(intensity.invert), -factor, factor)
        mean = x.mean(dim=(2, 3), keepdim=True)
        offset = mean * (1 - factor) + draws.uniform(-intensity.brightness, intensity.brightness)
        x = torch.addcmul(offset, x, factor)
    if intensity.noise_sd:
        x = torch.addcmul(x, draws.uniform(0.0, intensity.noise_sd), draws.noise(x.shape))
    return x.to(image.dtype)


def apply_gamma(
    image: Float[Tensor, "batch channel y x"], gamma: Float[Tensor, "#batch #channel 1 1"]
) -> Float[Tensor, "batch channel y x"]:
    """Raise grey values to a power within each channel's own range.

    y = low + (high - low) ((x - low) / (high - low))^gamma, with low and high the extremes of the channel; a constant
    channel stays as it is.

    >>> apply_gamma(torch.tensor([[[[0.0, 2.0, 4.0]]]]), torch.full((1, 1, 1, 1), 2.0))
    tensor([[[[0., 1., 4.]]]])
    """
    low, high = image.aminmax(dim=2, keepdim=True)
    low, high = low.amin(dim=3, keepdim=True), high.amax(dim=3, keepdim=True)
    span = high - low
    unit = (image - low) / torch.where(span > 0, span, 1)
    return torch.addcmul(low, span, unit.pow(gamma))


def gaussian_blur(
    image: Float[Tensor, "batch channel y x"], sigma_px: Float[Tensor, "#batch #channel 1 1"], *, radius: int
) -> Float[Tensor, "batch channel y x"]:
    """Gaussian blur with its own standard deviation per sample and channel; the border is repeated.

    A sum of shifted images: on a CPU many times faster than a grouped convolution with a kernel per sample.

    Args:
        image: any values.
        sigma_px: standard deviation; 0 leaves a sample as it is.
        radius: pixels of the kernel on each side of its centre.

    >>> gaussian_blur(torch.tensor([[[[0.0, 1.0, 0.0]]]]), torch.zeros(1, 1, 1, 1), radius=1)
    tensor([[[[0., 1., 0.]]]])
    """
    offsets = torch.arange(-radius, radius + 1, device=image.device)
    kernel = torch.exp(-(offsets**2) / (2 * sigma_px.clamp(min=1e-3) ** 2))
    kernel = kernel / kernel.sum(dim=-1, keepdim=True)
    for axis, pad in ((3, (radius, radius, 0, 0)), (2, (0, 0, radius, radius))):
        padded, n = F.pad(image, pad, mode="replicate"), image.shape[axis]
        image = padded.narrow(axis, 0, n) * kernel[..., :1]
        for k in range(1, 2 * radius + 1):
            image = image.addcmul_(padded.narrow(axis, k, n), kernel[..., k : k + 1])
    return image
