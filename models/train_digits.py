"""Trains templates/draw's classifier of drawn digits, a network of one hidden layer, and writes it as Lua.

Every sample is drawn by digit_strokes.py; nothing is downloaded. numpy only; under a minute on one CPU core.
"""

from __future__ import annotations

import argparse
import base64
import json
import pathlib
import time

import numpy as np

import digit_strokes

SIDE, HIDDEN = 16, 72


def samples(n: int, seed: int, shake: float = .045) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 10, n)
    drawn = np.empty((n, SIDE * SIDE), np.float32)
    for i, digit in enumerate(labels):
        # A little more or less than the pad makes, so that the network does not lean on it.
        line = digit_strokes.LINE * rng.uniform(.85, 1.2)
        drawn[i] = digit_strokes.grid(digit_strokes.write(int(digit), rng, shake), SIDE, line) / 255
    return drawn, labels


def forward(x: np.ndarray, net: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    hidden = np.maximum(x @ net["w1"] + net["b1"], 0)
    scores = hidden @ net["w2"] + net["b2"]
    e = np.exp(scores - scores.max(1, keepdims=True))
    return hidden, e / e.sum(1, keepdims=True)


def train(x: np.ndarray, y: np.ndarray, epochs: int, seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    net = {"w1": rng.normal(0, (2 / x.shape[1]) ** .5, (x.shape[1], HIDDEN)), "b1": np.zeros(HIDDEN),
           "w2": rng.normal(0, (2 / HIDDEN) ** .5, (HIDDEN, 10)), "b2": np.zeros(10)}
    m, v = ({k: np.zeros_like(p) for k, p in net.items()} for _ in range(2))
    step, total = 0, epochs * (len(x) // 128)
    for _ in range(epochs):
        order = rng.permutation(len(x))
        for at in range(0, len(x) - 127, 128):
            rows = order[at:at + 128]
            seen = x[rows] * (rng.random((128, x.shape[1])) > .08)
            hidden, p = forward(seen, net)
            off = p
            off[np.arange(128), y[rows]] -= 1
            off /= 128
            back = (off @ net["w2"].T) * (hidden > 0)
            grads = {"w1": seen.T @ back, "b1": back.sum(0), "w2": hidden.T @ off, "b2": off.sum(0)}
            step += 1
            rate = 2e-3 * (1 - step / total) + 1e-5
            for k, g in grads.items():
                g = g + (1e-4 * net[k] if k[0] == "w" else 0)
                m[k] = .9 * m[k] + .1 * g
                v[k] = .999 * v[k] + .001 * g * g
                net[k] = net[k] - rate * (m[k] / (1 - .9 ** step)) / ((v[k] / (1 - .999 ** step)) ** .5 + 1e-8)
    return net


def eighth(net: dict[str, np.ndarray]) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """Weights as whole numbers of 8 bits, with one step each."""
    steps = {k: float(np.abs(p).max() / 127) for k, p in net.items()}
    return {k: np.clip(np.round(p / steps[k]), -127, 127).astype(np.int8) for k, p in net.items()}, steps


def accuracy(x: np.ndarray, y: np.ndarray, net: dict[str, np.ndarray]) -> float:
    return float((forward(x, net)[1].argmax(1) == y).mean())


def lua(whole: dict[str, np.ndarray], steps: dict[str, float]) -> str:
    lines = ["-- Made by models/train_digits.py: the weights of a network of one hidden layer, 8 bits each, in base64.",
             f"return {{ side = {SIDE}, hidden = {HIDDEN},"]
    for name in ("w1", "b1", "w2", "b2"):
        # Row by row of what a unit reads, so that the app walks through them in order.
        array = whole[name].T if name[0] == "w" else whole[name]
        text = base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()
        rows = "\n".join(text[i:i + 96] for i in range(0, len(text), 96))
        lines.append(f"  {name} = {{ step = {steps[name]:.9g}, bytes = [[\n{rows}]] }},")
    return "\n".join(lines) + "\n}\n"


def held_out(n: int, seed: int) -> str:
    """Drawings that training has not seen, for the template's test: 16 shades, one hexadecimal digit each."""
    x, y = samples(n, seed)
    lines = [f'  {{ {d}, "{"".join(f"{int(p):x}" for p in np.round(row * 15))}" }},' for row, d in zip(x, y)]
    return "-- Made by models/train_digits.py: digits that training has not seen.\nreturn {\n" + "\n".join(lines) + "\n}\n"


def main() -> None:
    here = pathlib.Path(__file__).resolve().parent
    args = argparse.ArgumentParser()
    args.add_argument("--out", type=pathlib.Path, default=here.parent / "templates/draw")
    args.add_argument("--samples", type=int, default=12_000)
    args.add_argument("--epochs", type=int, default=30)
    a = args.parse_args()
    began = time.time()
    x, y = samples(a.samples, 1)
    net = train(x, y, a.epochs, 2)
    whole, steps = eighth(net)
    small = {k: whole[k] * steps[k] for k in whole}
    tx, ty = samples(1500, 3)
    wx, wy = samples(1500, 4, shake=.07)
    figures = {"test": accuracy(tx, ty, small), "test of a shakier hand": accuracy(wx, wy, small),
               "before rounding to 8 bits": accuracy(tx, ty, net), "seconds": round(time.time() - began)}
    (a.out / "weights.lua").write_text(lua(whole, steps))
    (a.out / "held_out.lua").write_text(held_out(200, 5))
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
