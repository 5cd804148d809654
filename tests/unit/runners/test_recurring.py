import torch
from torch import Tensor

from overtile.runners.recurring import Forward, Recurring


def test_only_the_first_shape_that_recurs_is_compiled():
    compiled: list[Forward] = []

    def compile_(forward: Forward) -> Forward:
        compiled.append(forward)
        return lambda images: forward(images) + 10

    def forward(images: Tensor) -> Tensor:
        return images * 2

    run = Recurring(forward, compile_, after=2)
    edge, tile = torch.ones(1, 3), torch.ones(1, 5)
    assert [float(run(part)[0, 0]) for part in (edge, tile, tile, tile, tile)] == [2, 2, 2, 12, 12]
    assert [float(run(edge)[0, 0]) for _ in range(5)] == [2] * 5
    assert len(compiled) == 1
