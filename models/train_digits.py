"""Trains models/tiny-digits: a small ViT that reads one drawn digit, the classifier of templates/draw.

Every sample is drawn by digit_strokes.py and then, in every epoch anew, turned, moved, bent, thickened, made coarse, or
turned dark on light; nothing is downloaded, and no drawing of a person is used.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import time

import numpy as np
import torch
from torch.nn import functional
from transformers import ViTConfig, ViTForImageClassification, ViTImageProcessor

import digit_strokes
from common import ema_update, file_sizes, fresh_folder, learning_rate

HERE = pathlib.Path(__file__).resolve().parent
OUT = HERE / "tiny-digits"
SIDE = 28


def draw(n: int, seed: int, shake: float = .045, thick: tuple[float, float] = (.7, 2.2)) -> tuple[torch.Tensor, torch.Tensor]:
    """n drawings, light on dark, from 0 to 1."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 10, n)
    drawn = np.empty((n, 1, SIDE, SIDE), np.float32)
    for i, digit in enumerate(labels):
        line = digit_strokes.LINE * rng.uniform(*thick)
        strokes = digit_strokes.write(int(digit), rng, shake)
        drawn[i, 0] = digit_strokes.grid(strokes, SIDE, line).reshape(SIDE, SIDE) / 255
    return torch.from_numpy(drawn), torch.from_numpy(labels)


def drawings(args) -> tuple[torch.Tensor, torch.Tensor]:
    """Those to train on: three of four by a steady hand, one by a shaky one."""
    if args.drawings and args.drawings.exists():
        return tuple(torch.load(args.drawings))
    x, y = draw(args.samples, args.seed)
    sx, sy = draw(args.samples // 3, args.seed + 1, shake=.07)
    both = torch.cat([x, sx]), torch.cat([y, sy])
    if args.drawings:
        torch.save(both, args.drawings)
    return both


def bend(x: torch.Tensor) -> torch.Tensor:
    """Turned, stretched, slanted, moved, and bent a little."""
    n = len(x)
    turn, slant = torch.randn(n) * .13, torch.randn(n) * .12
    wide, high = torch.empty(n).uniform_(.85, 1.3), torch.empty(n).uniform_(.9, 1.25)
    matrix = torch.zeros(n, 2, 3)
    matrix[:, 0, 0], matrix[:, 0, 1] = wide * turn.cos(), slant - turn.sin()
    matrix[:, 1, 0], matrix[:, 1, 1] = turn.sin(), high * turn.cos()
    matrix[:, :, 2] = torch.randn(n, 2) * .08
    where = functional.affine_grid(matrix, list(x.shape), align_corners=False)
    waves = functional.interpolate(torch.randn(n, 2, 5, 5) * .045, size=(SIDE, SIDE), mode="bicubic")
    return functional.grid_sample(x, where + waves.permute(0, 2, 3, 1), align_corners=False)


def spoil(x: torch.Tensor) -> torch.Tensor:
    """Some are made coarse, as small scans are, or faint, and some are dark on light."""
    n = len(x)
    pick = torch.rand(n)
    for side, low, high in ((7, 0, .08), (8, .08, .2), (10, .2, .3), (14, .3, .4)):
        rows = (pick >= low) & (pick < high)
        if rows.any():
            small = functional.interpolate(x[rows], size=(side, side), mode="area" if side < 10 else "bilinear")
            x[rows] = functional.interpolate(small, size=(SIDE, SIDE), mode="bilinear").clamp(0, 1)
    x = (x * torch.empty(n, 1, 1, 1).uniform_(.7, 1.3) + torch.randn(n, 1, SIDE, SIDE) * torch.rand(n, 1, 1, 1) * .06).clamp(0, 1)
    turned = (torch.rand(n) < .3).float().view(n, 1, 1, 1)
    return x * (1 - turned) + (1 - x) * turned


def pixels(x: torch.Tensor) -> torch.Tensor:
    """As the image processor gives them: three equal channels from -1 to 1."""
    return (x * 2 - 1).expand(-1, 3, -1, -1)


def build_model() -> ViTForImageClassification:
    names = {i: str(i) for i in range(10)}
    return ViTForImageClassification(ViTConfig(
        image_size=SIDE, patch_size=4, num_channels=3, hidden_size=64, num_hidden_layers=4, num_attention_heads=4,
        intermediate_size=128, hidden_act="gelu", layer_norm_eps=1e-6, hidden_dropout_prob=.05,
        attention_probs_dropout_prob=0, id2label=names, label2id={v: k for k, v in names.items()}))


@torch.no_grad()
def accuracy(model: ViTForImageClassification, x: torch.Tensor, y: torch.Tensor) -> float:
    model.eval()
    right = sum(int((model(pixel_values=pixels(x[at:at + 256])).logits.argmax(-1) == y[at:at + 256]).sum())
                for at in range(0, len(x), 256))
    return round(right / len(x), 4)


def train(args) -> tuple[ViTForImageClassification, float]:
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    started = time.time()
    x, y = drawings(args)
    tx, ty = draw(1000, args.seed + 2)
    print(f"{len(x)} drawn, {time.time() - started:.0f} s", flush=True)
    model = build_model().train()
    average = {k: v.clone() for k, v in model.state_dict().items()}
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.rate, weight_decay=.05, betas=(.9, .98))
    for step in range(args.steps):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, args.steps, args.rate, warmup=150)
        rows = torch.randint(0, len(x), (args.batch,))
        logits = model(pixel_values=pixels(spoil(bend(x[rows])))).logits
        loss = functional.cross_entropy(logits, y[rows], label_smoothing=.05)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        ema_update(average, model, min(.995, step / (step + 10)))
        if step % 250 == 249:
            print(f"step {step + 1} loss {loss.item():.4f} fresh drawings {accuracy(model, tx, ty)} "
                  f"{time.time() - started:.0f} s", flush=True)
            model.train()
    model.load_state_dict(average)
    return model.eval(), time.time() - started


def save(model: ViTForImageClassification, seconds: float, args) -> None:
    fresh_folder(OUT)
    ViTImageProcessor(size={"height": SIDE, "width": SIDE}, resample=2, image_mean=[.5] * 3, image_std=[.5] * 3,
                      ).save_pretrained(OUT)
    model.half().save_pretrained(OUT)
    facts = {"seed": args.seed, "steps": args.steps, "batch": args.batch, "seconds": round(seconds),
             "drawings": args.samples + args.samples // 3, "parameters": sum(p.numel() for p in model.parameters())}
    (OUT / "training.json").write_text(json.dumps(facts, indent=2) + "\n")
    print(facts, file_sizes(OUT))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=18_000)
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rate", type=float, default=1.5e-3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--drawings", type=pathlib.Path, help="a file that keeps the drawings from one run to the next")
    parser.add_argument("--seed", type=int, default=7)
    args = parser.parse_args()
    model, seconds = train(args)
    save(model, seconds, args)


if __name__ == "__main__":
    main()
