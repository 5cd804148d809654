"""Run a network with PyTorch."""

import copy
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from overtile.core import OptionError
from overtile.models import channels_last
from overtile.runners.allocator import keep_freed_memory
from overtile.runners.device import Precision
from overtile.runners.folding import fold_batch_norm
from overtile.runners.recurring import Recurring

COMPILE_AFTER = 5000
"""Batches of one shape on a GPU after which compiling the network for it, which takes up to a minute, pays."""


class TorchRunner:
    """Runs a network with PyTorch, on any device.

    The network is copied; BatchNorm is folded into the convolution before it, and channels are moved last, where
    the convolutions are fastest. On a CPU, freed memory is kept (see `keep_freed_memory`). On a GPU, images and
    logits travel through pinned memory, and in a long job the network is compiled for the size of its tiles.

    Args:
        model: maps images (batch, channel, *S) to logits (batch, class, *S').
        device: to compute on.
        precision: to multiply in, any but int8; sums and what needs the range stay in float32.
        compile_after: batches of one shape on a GPU after which the network is compiled for it.

    Raises:
        OptionError: it is asked for int8.
    """

    name = "torch"

    def __init__(
        self,
        model: nn.Module,
        *,
        device: torch.device,
        precision: Precision = "float32",
        compile_after: int = COMPILE_AFTER,
    ) -> None:
        if precision == "int8":
            raise OptionError("PyTorch computes in float32, bfloat16 or float16: for int8 see `overtile export --int8`")
        folded = fold_batch_norm(copy.deepcopy(model).eval())
        self.model = channels_last(folded.to(device))
        self.device = device
        self.precision: Precision = precision
        self._forward: Callable[[Tensor], Tensor] = self.model
        if device.type == "cuda":
            compile_ = partial(torch.compile, dynamic=False)
            self._forward = Recurring(self.model, compile_, after=compile_after)
        else:
            keep_freed_memory()

    def __call__(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        return cast(NDArray[np.float32], self.batch(image[np.newaxis])[0])

    def batch(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Logits (image, class, *S') of normalised images (image, channel, *S)."""
        batch = torch.from_numpy(np.require(images, requirements=["C", "W"]))
        with torch.inference_mode(), self._numerics():
            on_device = self._there(batch).contiguous(memory_format=torch.channels_last)
            return self._back(self._forward(on_device).float())

    @contextmanager
    def _numerics(self) -> Iterator[None]:
        """The precision: float32 means float32, also where a GPU would round factors to 10 bits (TF32)."""
        reduced = self.precision != "float32"
        with ExitStack() as stack:
            stack.enter_context(torch.autocast(self.device.type, dtype=getattr(torch, self.precision), enabled=reduced))
            if self.device.type == "cuda" and not reduced:
                cudnn = torch.backends.cudnn
                flags = cudnn.flags(
                    enabled=True, benchmark=cudnn.benchmark, deterministic=cudnn.deterministic, allow_tf32=False
                )
                stack.enter_context(flags)
            yield

    def _there(self, batch: Tensor) -> Tensor:
        """Copy to the device; PyTorch keeps the pinned memory, so that only the first batch of a size pays for it."""
        if self.device.type != "cuda":
            return batch.to(self.device)
        return batch.pin_memory().to(self.device, non_blocking=True)

    def _back(self, logits: Tensor) -> NDArray[np.float32]:
        if self.device.type != "cuda":
            return cast(NDArray[np.float32], logits.cpu().numpy())
        pinned = torch.empty_like(logits, device="cpu", pin_memory=True)
        pinned.copy_(logits, non_blocking=True)
        torch.cuda.current_stream(self.device).synchronize()
        return cast(NDArray[np.float32], pinned.numpy())
