"""What the two training scripts share."""

from __future__ import annotations

import math
import pathlib

import torch


def learning_rate(step: int, steps: int, peak: float, warmup: int) -> float:
    """Linear warm-up, then a cosine down to nothing."""
    if step < warmup:
        return peak * (step + 1) / warmup
    return peak * 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))


def ema_update(average: dict[str, torch.Tensor], model: torch.nn.Module, decay: float) -> None:
    """Running average of the weights; it ends a little better than the last step's weights."""
    with torch.no_grad():
        for name, value in model.state_dict().items():
            if value.is_floating_point():
                average[name].lerp_(value, 1 - decay)


def fresh_folder(path: pathlib.Path) -> None:
    """Empties the model folder but for its card."""
    path.mkdir(exist_ok=True)
    for file in path.iterdir():
        if file.name != "README.md":
            file.unlink()


def file_sizes(path: pathlib.Path) -> dict[str, int]:
    return {f.name: f.stat().st_size for f in sorted(path.iterdir())}
