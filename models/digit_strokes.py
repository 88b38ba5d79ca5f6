"""Digits as a hand draws them: lines through points, bent, slanted and shaken, on the small gray grid of ui.sketch.

The grid is made by the rules of ui/src/widgets/strokes.ts: the drawing is brought to the same size, put in the middle,
and drawn with a line of the same width; a pixel is as dark as the line covers it.
"""

from __future__ import annotations

import numpy as np

FILLS = 20 / 28
LINE = 2.4 / 28

# Strokes through these points, x to the right and y down, from 0 to 1; several ways to write each digit.
DIGITS: dict[int, list[list[list[tuple[float, float]]]]] = {
    0: [
        [[(.5, 0), (.15, .2), (.1, .6), (.35, 1), (.7, .95), (.9, .55), (.8, .15), (.5, 0)]],
        [[(.55, .02), (.2, .1), (.05, .5), (.2, .9), (.5, 1), (.8, .9), (.95, .5), (.8, .1), (.45, .02)]],
        [[(.7, .1), (.4, 0), (.1, .3), (.1, .75), (.4, 1), (.8, .85), (.9, .4), (.65, .05), (.5, .08)]],
    ],
    1: [
        [[(.5, 0), (.5, .5), (.5, 1)]],
        [[(.25, .3), (.55, 0), (.55, .5), (.55, 1)]],
        [[(.3, .22), (.5, 0), (.5, .5), (.5, 1)], [(.25, 1), (.5, 1), (.75, 1)]],
        [[(.6, 0), (.5, .5), (.4, 1)]],
        [[(.1, .45), (.55, 0), (.55, .5), (.55, 1)]],
    ],
    2: [
        [[(.1, .25), (.3, .02), (.7, .02), (.85, .3), (.55, .65), (.1, 1), (.1, 1), (.5, 1), (.95, 1)]],
        [[(.15, .2), (.45, 0), (.8, .15), (.75, .45), (.4, .75), (.1, .95), (.3, .85), (.6, .95), (.95, .95)]],
        [[(.1, .15), (.5, 0), (.85, .2), (.6, .6), (.2, .95), (.1, .85), (.3, .8), (.6, .98), (.9, .85)]],
    ],
    3: [
        [[(.1, .15), (.4, 0), (.8, .1), (.8, .35), (.4, .48), (.4, .48), (.85, .6), (.85, .88), (.45, 1), (.1, .88)]],
        [[(.1, .05), (.5, .02), (.85, .05), (.85, .05), (.45, .42), (.45, .42), (.85, .6), (.8, .9), (.4, 1), (.08, .88)]],
        [[(.15, .1), (.55, 0), (.75, .2), (.6, .42), (.35, .47), (.65, .5), (.85, .7), (.7, .95), (.35, 1), (.1, .9)]],
    ],
    4: [
        [[(.3, 0), (.2, .3), (.1, .6), (.1, .6), (.5, .6), (.95, .6)], [(.7, .25), (.7, .6), (.7, 1)]],
        [[(.65, 0), (.35, .35), (.05, .68), (.05, .68), (.5, .68), (.95, .68)], [(.65, 0), (.65, .5), (.65, 1)]],
        [[(.2, 0), (.18, .25), (.25, .48), (.5, .52), (.8, .45)], [(.8, 0), (.8, .5), (.78, 1)]],
        [[(.7, 1), (.7, .5), (.7, 0), (.7, 0), (.35, .35), (.05, .65), (.05, .65), (.5, .65), (.95, .65)]],
    ],
    5: [
        [[(.85, .02), (.5, .02), (.2, .02), (.2, .02), (.17, .25), (.15, .45), (.15, .45), (.55, .38), (.88, .6), (.8, .9), (.4, 1), (.1, .9)]],
        [[(.2, .05), (.2, .25), (.2, .42), (.2, .42), (.6, .4), (.85, .65), (.7, .95), (.3, 1), (.1, .92)], [(.2, .05), (.5, .03), (.9, .02)]],
        [[(.9, 0), (.5, .05), (.25, .08), (.25, .08), (.15, .4), (.15, .45), (.5, .42), (.8, .55), (.8, .85), (.5, 1), (.1, .95)]],
    ],
    6: [
        [[(.75, .02), (.4, .2), (.15, .55), (.2, .9), (.5, 1), (.8, .88), (.8, .62), (.5, .52), (.2, .68)]],
        [[(.6, 0), (.3, .3), (.12, .7), (.3, .98), (.65, .98), (.85, .75), (.65, .55), (.35, .6), (.18, .8)]],
        [[(.85, .1), (.5, .02), (.2, .3), (.1, .7), (.35, 1), (.75, .95), (.85, .7), (.6, .5), (.3, .55), (.12, .75)]],
    ],
    7: [
        [[(.1, .03), (.5, .02), (.9, .03), (.9, .03), (.6, .5), (.4, 1)]],
        [[(.1, .05), (.5, .03), (.9, .03), (.9, .03), (.6, .45), (.45, 1)], [(.3, .5), (.55, .5), (.8, .5)]],
        [[(.1, .18), (.12, .03), (.12, .03), (.5, .02), (.88, .05), (.88, .05), (.65, .4), (.55, 1)]],
        [[(.05, .1), (.4, .06), (.9, 0), (.9, 0), (.75, .4), (.3, 1)]],
    ],
    8: [
        [[(.8, .12), (.5, 0), (.2, .15), (.3, .4), (.7, .58), (.85, .82), (.5, 1), (.15, .82), (.3, .58), (.7, .4), (.82, .18), (.75, .08)]],
        [[(.5, .47), (.2, .3), (.25, .05), (.5, 0), (.78, .08), (.78, .32), (.5, .47), (.5, .47), (.15, .65), (.2, .92), (.5, 1), (.82, .9), (.85, .65), (.5, .47)]],
        [[(.5, 0), (.2, .1), (.2, .35), (.5, .48), (.8, .35), (.8, .1), (.5, 0)], [(.5, .48), (.15, .65), (.15, .9), (.5, 1), (.85, .9), (.85, .65), (.5, .48)]],
    ],
    9: [
        [[(.82, .25), (.6, .02), (.25, .1), (.15, .35), (.4, .52), (.75, .42), (.85, .2), (.85, .2), (.8, .6), (.7, 1)]],
        [[(.8, .3), (.55, .5), (.2, .42), (.15, .15), (.45, 0), (.8, .12), (.82, .5), (.65, .9), (.25, .98)]],
        [[(.75, .1), (.4, 0), (.15, .2), (.25, .45), (.6, .45), (.8, .15), (.8, .15), (.8, .55), (.8, 1)]],
    ],
}


def smooth(points: np.ndarray, steps: int = 4) -> np.ndarray:
    """A curve through the points (Catmull-Rom); a point given twice is a corner."""
    padded = np.vstack([2 * points[0] - points[1], points, 2 * points[-1] - points[-2]])
    out = []
    for i in range(1, len(padded) - 2):
        p0, p1, p2, p3 = padded[i - 1:i + 3]
        if np.allclose(p1, p2):
            continue
        if np.allclose(p0, p1):
            p0 = 2 * p1 - p2
        if np.allclose(p3, p2):
            p3 = 2 * p2 - p1
        for t in np.arange(steps) / steps:
            out.append(.5 * (2 * p1 + (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t * t
                             + (3 * p1 - p0 - 3 * p2 + p3) * t ** 3))
    out.append(points[-1])
    return np.array(out)


def write(digit: int, rng: np.random.Generator, shake: float = .045) -> list[np.ndarray]:
    """One digit as this hand writes it today."""
    strokes = DIGITS[digit][rng.integers(len(DIGITS[digit]))]
    wide = rng.uniform(.45, 1.1)
    turn, slant = rng.normal(0, .12), rng.normal(0, .16)
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) @ np.array([[wide, slant], [0, 1]])
    written = []
    for stroke in strokes:
        points = np.array(stroke)
        moved = rng.normal(0, shake, points.shape)
        corner = np.all(points[1:] == points[:-1], axis=1)
        moved[1:][corner] = moved[:-1][corner]
        points = points + moved + rng.normal(0, .02, 2)
        points = points + .05 * np.sin(3 * points[:, ::-1] + rng.uniform(0, 6, 2))
        written.append(smooth(points) @ matrix.T)
    return written


def grid(strokes: list[np.ndarray], side: int, line: float = LINE, fills: float = FILLS) -> np.ndarray:
    """The strokes as side × side pixels from 0 to 255: toGrid of ui/src/widgets/strokes.ts."""
    points = np.vstack(strokes)
    low, high = points.min(0), points.max(0)
    scale = fills * side / max((high - low).max(), .05)
    ys, xs = np.mgrid[0:side, 0:side] + .5
    at = np.stack([xs.ravel(), ys.ravel()], 1)[:, None, :]
    least = np.full(side * side, np.inf)
    for stroke in strokes:
        p = (stroke - (low + high) / 2) * scale + side / 2
        a, b = (p[:-1], p[1:]) if len(p) > 1 else (p, p)
        d = b - a
        t = np.clip(((at - a) * d).sum(2) / np.maximum((d * d).sum(1), 1e-12), 0, 1)
        least = np.minimum(least, np.linalg.norm(at - a - t[..., None] * d, axis=2).min(1))
    return np.round(255 * np.clip(line * side / 2 - least + .5, 0, 1))
