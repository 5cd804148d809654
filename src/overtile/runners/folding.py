"""BatchNorm folded into the convolution before it."""

from itertools import pairwise

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


def fold_batch_norm(model: nn.Module) -> nn.Module:
    """Fold each BatchNorm that directly follows a convolution in an nn.Sequential into that convolution.

    The result is the same up to the order of floating-point operations, with one pass less over every map.
    """
    for module in model.modules():
        if not isinstance(module, nn.Sequential):
            continue
        children = list(module)
        for i, (first, second) in enumerate(pairwise(children)):
            if isinstance(first, nn.Conv2d | nn.Conv3d) and isinstance(second, nn.BatchNorm2d | nn.BatchNorm3d):
                module[i] = fuse_conv_bn_eval(first, second)
                module[i + 1] = nn.Identity()
    return model
