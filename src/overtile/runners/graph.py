"""A network as an ONNX graph, which other runtimes read."""

import copy
import io
import warnings
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from overtile.core import OptionError
from overtile.models.network import SegmentationNet
from overtile.models.sizes import AnySize, ValidSizes
from overtile.runners.folding import fold_batch_norm

OPSET = 18
"""OpenVINO reads the logarithm of a sum of exponentials wrongly in the graphs of earlier versions."""
INPUT, OUTPUT = "image", "logits"

Sizes = AnySize | ValidSizes
Run = Callable[[NDArray[np.float32]], NDArray[np.float32]]


def sizes_of(model: nn.Module) -> Sizes:
    """The sizes that a network, or each member of an ensemble, computes with.

    Raises:
        OptionError: it is none of this project's.
    """
    network = next((m for m in model.modules() if isinstance(m, SegmentationNet)), None)
    if network is None:
        raise OptionError(
            f"expected a network that overtile.models.build makes, got {type(model).__name__}: use --runner torch"
        )
    return network.sizes


def to_onnx(model: nn.Module) -> bytes:
    """The network as an ONNX graph from "image" (batch, channel, *S) to "logits" (batch, class, *S').

    Batch and S are left open. For padded networks S must be a multiple of the stride, see `fitted`: the graph holds the
    convolutions, not the way in which an odd image is continued.

    It is made by tracing. The exporter of newer PyTorch, by torch.export, gives the same graph after 4 to 44 seconds
    instead of 0.2 to 1.4 and needs another package.

    Raises:
        OptionError: the network is none of this project's.
    """
    sizes = sizes_of(model)
    network = fold_batch_norm(copy.deepcopy(model).cpu().float().eval())
    conv = next(m for m in network.modules() if isinstance(m, nn.Conv2d | nn.Conv3d))
    axes = "zyx"[-len(conv.kernel_size) :]
    smallest, step = grid_of(sizes)
    small = [smallest + steps * step for steps in range(1, 1 + len(axes))]  # unlike, and no map has a single pixel
    example = torch.zeros(2, conv.in_channels, *small)
    open_axes = {0: "batch", **dict(enumerate(axes, start=2))}
    buffer = io.BytesIO()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # of branches on sizes, which `sizes` fixes, and of the exporter's age
        torch.onnx.export(
            network,
            (example,),
            buffer,  # type: ignore[arg-type]  # said to be a path, but without dynamo any file will do
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_axes={INPUT: open_axes, OUTPUT: open_axes},
            opset_version=OPSET,
            dynamo=False,
        )
    return buffer.getvalue()


def fitted(sizes: Sizes, images: NDArray[np.float32], run: Run) -> NDArray[np.float32]:
    """Logits of images of any size by a graph that takes some: padded networks see zeros beyond the far ends.

    Args:
        sizes: that the graph takes.
        images: (image, channel, *S).
        run: the graph.
    """
    batch = sizes.fit(torch.from_numpy(np.require(images, requirements=["C", "W"]))).numpy()
    logits = run(batch)
    if isinstance(sizes, ValidSizes):
        return logits
    return logits[(slice(None), slice(None), *(slice(0, n) for n in images.shape[2:]))]


def grid_of(sizes: Sizes) -> tuple[int, int]:
    """The smallest size that a graph takes, and the step to the next.

    >>> grid_of(AnySize(16)), grid_of(ValidSizes(188, 16))
    ((16, 16), (188, 16))
    """
    if isinstance(sizes, ValidSizes):
        return sizes.smallest, sizes.step
    return -(-sizes.smallest // sizes.multiple) * sizes.multiple, sizes.multiple
