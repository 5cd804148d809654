"""One image in the ways of benchmarks/prediction.py, on a GPU: from samples in main memory to logits in main memory."""

from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from gpu_bench import Bench, Row, Rows, model_file, mosaic
from overtile.bundle import load as load_bundle
from overtile.workflows.model import load
from prediction import difference

WINDOWS = 4
"""Windows that MONAI computes at once."""

Run = Callable[[], np.ndarray]
Way = Callable[[Bench, int], Run]
"""Sets up with the width of a network, and gives what is timed; that gives logits (class, y, x)."""


def comparisons(bench: Bench) -> Rows:
    """Every way with every network."""
    return {
        f"width {width}, {name}": partial(compared, bench, width, name)
        for width in bench.sizes.trained
        for name in WAYS
    }


def compared(bench: Bench, width: int, name: str) -> Row:
    """One way: what it takes, and how far its logits are from those of the first way."""
    run, found = WAYS[name](bench, width), list[np.ndarray]()
    held = bench.peak_gib(lambda: found.append(run()))
    seconds = bench.median(run)
    other, reference = bench.references.setdefault(width, (name, found[0]))
    return {
        "seconds": seconds,
        "megapixels_per_s": bench.sizes.compared_px**2 / seconds / 1e6,
        "peak_gib": held,
        **difference(found[0], reference),
        "compared_with": other,
    }


def whole(*, tf32: bool) -> Way:
    """The whole image in one pass of plain PyTorch."""

    def set_up(bench: Bench, width: int) -> Run:
        network, batch = prepared(bench, width)
        return lambda: once(network, batch, bench.device, tf32=tf32)

    return set_up


def once(network: nn.Module, batch: Tensor, device: torch.device, *, tf32: bool) -> np.ndarray:
    """Logits of one pass; without `tf32` convolutions in float32 round nothing."""
    with torch.inference_mode(), torch.backends.cudnn.flags(enabled=True, allow_tf32=tf32):
        return on_host(network(batch.to(device)))


def monai(overlap: float, mode: str, precision: str = "float32") -> Way:
    """MONAI's sliding window."""

    def set_up(bench: Bench, width: int) -> Run:
        from monai.inferers import sliding_window_inference

        network, batch = prepared(bench, width)
        window, dtype = (bench.sizes.window,) * 2, getattr(torch, precision)

        def run() -> np.ndarray:
            with torch.inference_mode(), torch.autocast(bench.device.type, dtype, enabled=precision != "float32"):
                image = batch.to(bench.device)
                return on_host(sliding_window_inference(image, window, WINDOWS, network, overlap=overlap, mode=mode))

        return run

    return set_up


def nnunet(*, mirroring: bool) -> Way:
    """nnU-Net's predictor, which computes in float16 on a GPU and in float32 on a CPU."""

    def set_up(bench: Bench, width: int) -> Run:
        from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

        network, batch = prepared(bench, width)
        predictor = nnUNetPredictor(
            tile_step_size=0.5, use_gaussian=True, use_mirroring=mirroring, device=bench.device, verbose=False,
            perform_everything_on_device=bench.device.type == "cuda", allow_tqdm=False,
        )  # fmt: skip
        predictor.network = network
        predictor.configuration_manager = SimpleNamespace(patch_size=[bench.sizes.window] * 2)
        predictor.label_manager = SimpleNamespace(num_segmentation_heads=2)
        predictor.allowed_mirroring_axes = (0, 1) if mirroring else None
        return lambda: on_host(predictor.predict_sliding_window_return_logits(batch[0][:, None]).movedim(1, 0))

    return set_up


def overtile(precision: Any) -> Way:
    """overtile, tile by tile."""

    def set_up(bench: Bench, width: int) -> Run:
        model = load(model_file(bench, width), device=str(bench.device), runner="torch", precision=precision)
        return partial(model.logits, mosaic(bench.sizes.compared_px))

    return set_up


WAYS: dict[str, Way] = {
    "whole image, float32": whole(tf32=False),
    "overtile float32": overtile("float32"),
    "overtile float16": overtile("float16"),
    "overtile bfloat16": overtile("bfloat16"),
    "whole image, float32 with TF32": whole(tf32=True),
    "MONAI 0.25 constant": monai(0.25, "constant"),
    "MONAI 0.25 constant, bfloat16 autocast": monai(0.25, "constant", "bfloat16"),
    "MONAI 0.5 gaussian": monai(0.5, "gaussian"),
    "nnU-Net 0.5": nnunet(mirroring=False),
    "nnU-Net 0.5 mirrored": nnunet(mirroring=True),
}
"""The first is what the others are compared with; should it not fit, the second is."""


def prepared(bench: Bench, width: int) -> tuple[nn.Module, Tensor]:
    """The network on the device, and the normalised image (1, channel, y, x) in main memory."""
    bundle, image = load_bundle(model_file(bench, width)), mosaic(bench.sizes.compared_px)
    return bundle.model.to(bench.device), torch.from_numpy(bundle.manifest.normalization(image))[None]


def on_host(logits: Tensor) -> np.ndarray:
    """The first of a batch."""
    return logits[0].float().cpu().numpy()
