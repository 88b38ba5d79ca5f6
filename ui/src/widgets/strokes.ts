/*
 * Lines that a hand drew, and the small gray grid that a classifier gets of them. No DOM: models are
 * trained on grids made by the same rules (models/draw_strokes.py).
 */

export interface Point {
  /** Parts of the pad's side. */
  readonly x: number;
  readonly y: number;
  /** Width of the line here, in parts of the side. */
  readonly w: number;
}

export interface Stroke {
  readonly colour: string;
  readonly erase: boolean;
  readonly points: readonly Point[];
}

interface Box {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** A sign fills this part of the grid's side, and its line is this part of it wide: as in MNIST. */
const FILLS = 20 / 28;
const LINE = 2.4 / 28;

function boxOf(strokes: readonly Stroke[]): Box | null {
  const points = strokes.filter((s) => !s.erase).flatMap((s) => s.points);
  if (points.length === 0) return null;
  return {
    left: Math.min(...points.map((p) => p.x)),
    right: Math.max(...points.map((p) => p.x)),
    top: Math.min(...points.map((p) => p.y)),
    bottom: Math.max(...points.map((p) => p.y)),
  };
}

function distance(x: number, y: number, a: Point, b: Point): number {
  const [dx, dy] = [b.x - a.x, b.y - a.y];
  const long = dx * dx + dy * dy;
  const t = long === 0 ? 0 : Math.min(1, Math.max(0, ((x - a.x) * dx + (y - a.y) * dy) / long));
  return Math.hypot(x - a.x - t * dx, y - a.y - t * dy);
}

/** How much of a pixel a line covers, 0 to 1. */
function cover(x: number, y: number, points: readonly Point[], width: number): number {
  let least = Infinity;
  for (let i = 0; i < points.length; i++) {
    least = Math.min(least, distance(x, y, points[Math.max(0, i - 1)] as Point, points[i] as Point));
  }
  return Math.min(1, Math.max(0, width / 2 - least + 0.5));
}

/**
 * The drawing as side × side pixels from 0 (paper) to 255 (ink), row by row: brought to the same size,
 * in the middle, with a line of the same width, however it was drawn. Null: there is no ink.
 */
export function toGrid(strokes: readonly Stroke[], side: number): number[] | null {
  const box = boxOf(strokes);
  if (!box) return null;
  const scale = (FILLS * side) / Math.max(box.right - box.left, box.bottom - box.top, 0.05);
  const [midX, midY] = [(box.left + box.right) / 2, (box.top + box.bottom) / 2];
  const placed = strokes.map((s) => ({
    erase: s.erase,
    width: s.erase ? (s.points[0]?.w ?? 0) * scale : LINE * side,
    points: s.points.map((p) => ({ x: (p.x - midX) * scale + side / 2, y: (p.y - midY) * scale + side / 2, w: 0 })),
  }));
  const pixels = new Array<number>(side * side).fill(0);
  for (let i = 0; i < pixels.length; i++) {
    const [x, y] = [(i % side) + 0.5, Math.floor(i / side) + 0.5];
    let ink = 0;
    for (const s of placed) {
      const here = cover(x, y, s.points, s.width);
      ink = s.erase ? Math.min(ink, 1 - here) : Math.max(ink, here);
    }
    pixels[i] = Math.round(255 * ink);
  }
  return pixels.some((p) => p > 0) ? pixels : null;
}

/** A grid as it came from elsewhere; null: it is none. */
export function readGrid(value: unknown): { readonly side: number; readonly pixels: readonly number[] } | null {
  if (typeof value !== "object" || value === null) return null;
  const { width, height, pixels } = value as Record<string, unknown>;
  if (typeof width !== "number" || width !== height || !Number.isInteger(width) || width < 1 || width > 128) return null;
  if (!Array.isArray(pixels) || pixels.length !== width * width) return null;
  return { side: width, pixels: pixels.map((p) => (typeof p === "number" ? Math.min(255, Math.max(0, Math.round(p))) : 0)) };
}

/** What of a 2D context is needed; the tests have one of their own. */
export interface Ink {
  beginPath(): void;
  moveTo(x: number, y: number): void;
  lineTo(x: number, y: number): void;
  stroke(): void;
  lineWidth: number;
  lineCap: CanvasLineCap;
  lineJoin: CanvasLineJoin;
  strokeStyle: unknown;
  globalCompositeOperation: GlobalCompositeOperation;
}

/** Draws on a canvas of these pixels; a point's width goes with the canvas's width. */
export function drawStrokes(ink: Ink, strokes: readonly Stroke[], width: number, height: number): void {
  ink.lineCap = "round";
  ink.lineJoin = "round";
  for (const s of strokes) {
    ink.globalCompositeOperation = s.erase ? "destination-out" : "source-over";
    ink.strokeStyle = s.erase ? "#000" : s.colour;
    // Each piece of its own width: a stylus presses harder here and softer there.
    for (let i = 0; i < s.points.length; i++) {
      const [from, to] = [s.points[Math.max(0, i - 1)] as Point, s.points[i] as Point];
      ink.beginPath();
      ink.lineWidth = Math.max(1, to.w * width);
      ink.moveTo(from.x * width, from.y * height);
      ink.lineTo(to.x * width + (i === 0 ? 0.01 : 0), to.y * height);
      ink.stroke();
    }
  }
  ink.globalCompositeOperation = "source-over";
}
