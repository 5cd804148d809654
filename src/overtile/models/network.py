"""The network that every architecture is: head(decoder(encoder(image)))."""

from jaxtyping import Float
from torch import Tensor, nn

from overtile.core.errors import ShapeError
from overtile.models.heads import Guided, Output
from overtile.models.sizes import AnySize, ValidSizes


class SegmentationNet(nn.Module):
    """Logits (batch, num_classes, *S') from an image batch (batch, in_channels, *S).

    With padded convolutions S' = S for any S of at least one pixel: the image is continued with zeros to a multiple of
    the stride inside. With valid convolutions S' is smaller and S must be one of `sizes`. In training mode, a network
    with deep supervision returns the logits of all heads.

    Attributes:
        in_channels: of the image.
        num_classes: channels of the logits.
    """

    def __init__(
        self,
        encoder: nn.Module,
        decoder: nn.Module,
        head: nn.Module,
        *,
        sizes: AnySize | ValidSizes,
        channels: tuple[int, int],
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.head = head
        self.sizes = sizes
        self.in_channels, self.num_classes = channels
        initialize(self)

    def forward(self, image: Float[Tensor, "batch channels *space"]) -> Output:
        if image.shape[1] != self.in_channels:
            raise ShapeError(
                f"the network expected images (batch, {self.in_channels}, *size), got {tuple(image.shape)}: choose its "
                "channels, or build it with another in_channels"
            )
        fitted = self.sizes.fit(image)
        output: Output = self.head(self.decoder(self.encoder(fitted)), every=self.training)
        return output if fitted is image else _crop(output, image)


def _crop(output: Output, image: Tensor) -> Output:
    if isinstance(output, Tensor):
        return _crop_far_end(output, image)
    if isinstance(output, Guided):
        return Guided(tuple(_crop_far_end(logits, image) for logits in output.logits), output.guidance)
    return tuple(_crop_far_end(logits, image) for logits in output)


def _crop_far_end(logits: Tensor, image: Tensor) -> Tensor:
    for axis in range(2, image.ndim):
        logits = logits.narrow(axis, 0, image.shape[axis])
    return logits


def initialize(model: nn.Module) -> None:
    """He initialisation: weights from N(0, 2 / N) with N incoming nodes, biases 0 (Ronneberger et al. 2015, Sec. 3).

    N is 9 * 64 for a 3x3 convolution of 64 channels. For a transposed convolution it is counted as in the authors'
    release: weights per input channel.
    """
    for module in model.modules():
        if isinstance(module, nn.modules.conv._ConvNd):
            nn.init.kaiming_normal_(module.weight, mode="fan_in", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
