/* A plot on a canvas. Takes numbers and colours, and leaves everything else to plot.tsx. */
import { gapOf, logTicksOf, ticksOf, timeTicksOf, type Data, type Series, type Span, type Tick } from "./plot_model";

export interface Look {
  readonly ink: string;
  readonly muted: string;
  readonly line: string;
  readonly surface: string;
  readonly series: readonly string[];
  readonly font: string;
}

export interface Scene {
  readonly data: Data;
  readonly shown: ReadonlySet<number>;
  readonly x: Span;
  readonly y: Span;
  readonly log: boolean;
  readonly xLabel: string;
  readonly yLabel: string;
  /** CSS pixels of the whole canvas. */
  readonly width: number;
  readonly height: number;
  /** CSS pixels across a point. */
  readonly dot: number;
  /** x of the points that are pointed at; null: none. */
  readonly at: number | null;
  readonly points: readonly number[];
  /** What is being chosen. */
  readonly chosen: Span | null;
}

/** Where the drawing is on the canvas, and how to get there and back. */
export interface Frame {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
  toX(v: number): number;
  toY(v: number): number;
  fromX(px: number): number;
}

const TICK_GAP = 8;

function yTicks(s: Scene, height: number): Tick[] {
  const count = Math.max(2, Math.floor(height / 48));
  return s.log ? logTicksOf(s.y, count) : ticksOf(s.y, count);
}

export function frameOf(ctx: CanvasRenderingContext2D, s: Scene, look: Look): Frame {
  const top = 10;
  const bottom = s.xLabel ? 46 : 28;
  const height = Math.max(20, s.height - top - bottom);
  ctx.font = look.font;
  const widest = Math.max(0, ...yTicks(s, height).map((t) => ctx.measureText(t.text).width));
  const left = Math.ceil(widest) + TICK_GAP + (s.yLabel ? 26 : 6);
  const width = Math.max(20, s.width - left - 12);
  const low = s.log ? Math.log10(s.y.from) : s.y.from;
  const high = s.log ? Math.log10(s.y.to) : s.y.to;
  return {
    left,
    top,
    width,
    height,
    toX: (v) => left + ((v - s.x.from) / (s.x.to - s.x.from)) * width,
    toY: (v) => top + height - (((s.log ? Math.log10(v) : v) - low) / (high - low)) * height,
    fromX: (px) => s.x.from + ((px - left) / width) * (s.x.to - s.x.from),
  };
}

export function draw(ctx: CanvasRenderingContext2D, s: Scene, look: Look): Frame {
  const f = frameOf(ctx, s, look);
  ctx.clearRect(0, 0, s.width, s.height);
  drawAxes(ctx, s, f, look);
  ctx.save();
  ctx.beginPath();
  ctx.rect(f.left - 1, f.top - 4, f.width + 2, f.height + 5);
  ctx.clip();
  const bars = s.data.series.map((series, i) => (series.kind === "bar" && s.shown.has(i) ? i : -1)).filter((i) => i >= 0);
  s.data.series.forEach((series, i) => {
    if (!s.shown.has(i)) return;
    const colour = look.series[i % look.series.length] ?? look.ink;
    if (series.kind === "bar") drawBars(ctx, s, f, series, bars.indexOf(i), bars.length, colour);
    else if (series.kind === "scatter") drawDots(ctx, s, f, series, colour);
    else drawLine(ctx, s, f, series, colour);
  });
  drawPointed(ctx, s, f, look);
  ctx.restore();
  return f;
}

function xTicks(ctx: CanvasRenderingContext2D, s: Scene, f: Frame): Tick[] {
  if (s.data.axis === "time") return timeTicksOf(s.x, Math.max(2, Math.floor(f.width / 90)));
  if (s.data.axis === "number") return ticksOf(s.x, Math.max(2, Math.floor(f.width / 80)));
  const all = s.data.categories.map((text, at) => ({ at, text: clip(ctx, text, 120) })).filter((t) => t.at >= s.x.from && t.at <= s.x.to);
  const widest = Math.max(1, ...all.map((t) => ctx.measureText(t.text).width + 12));
  const every = Math.max(1, Math.ceil((all.length * widest) / f.width));
  return all.filter((_, i) => i % every === 0);
}

function clip(ctx: CanvasRenderingContext2D, text: string, width: number): string {
  if (ctx.measureText(text).width <= width) return text;
  let n = Math.min(text.length, 40);
  while (n > 1 && ctx.measureText(`${text.slice(0, n)}…`).width > width) n--;
  return `${text.slice(0, n)}…`;
}

function drawAxes(ctx: CanvasRenderingContext2D, s: Scene, f: Frame, look: Look): void {
  ctx.font = look.font;
  ctx.fillStyle = look.muted;
  ctx.strokeStyle = look.line;
  ctx.lineWidth = 1;
  ctx.textBaseline = "middle";
  ctx.textAlign = "right";
  for (const t of yTicks(s, f.height)) {
    const y = Math.round(f.toY(t.at)) + 0.5;
    line(ctx, f.left, y, f.left + f.width, y);
    ctx.fillText(t.text, f.left - TICK_GAP, y);
  }
  ctx.textBaseline = "top";
  for (const t of xTicks(ctx, s, f)) {
    const half = ctx.measureText(t.text).width / 2;
    const x = Math.max(f.left + half - 4, Math.min(s.width - half - 2, f.toX(t.at)));
    ctx.textAlign = "center";
    ctx.fillText(t.text, x, f.top + f.height + 8);
  }
  if (s.xLabel) ctx.fillText(clip(ctx, s.xLabel, f.width), f.left + f.width / 2, s.height - 16);
  if (!s.yLabel) return;
  ctx.save();
  ctx.translate(4, f.top + f.height / 2);
  ctx.rotate(-Math.PI / 2);
  ctx.textAlign = "center";
  ctx.fillText(clip(ctx, s.yLabel, f.height), 0, 0);
  ctx.restore();
}

function line(ctx: CanvasRenderingContext2D, x1: number, y1: number, x2: number, y2: number): void {
  ctx.beginPath();
  ctx.moveTo(x1, y1);
  ctx.lineTo(x2, y2);
  ctx.stroke();
}

function drawLine(ctx: CanvasRenderingContext2D, s: Scene, f: Frame, series: Series, colour: string): void {
  const runs = runsOf(s, f, series);
  ctx.strokeStyle = ctx.fillStyle = colour;
  ctx.lineWidth = 2;
  ctx.lineJoin = "round";
  for (const run of runs) {
    if (series.kind === "area") fillBelow(ctx, s, f, run);
    ctx.beginPath();
    run.forEach(([x, y], i) => (i === 0 ? ctx.moveTo(x, y) : ctx.lineTo(x, y)));
    ctx.stroke();
    const [only] = run;
    if (run.length === 1 && only) dot(ctx, only[0], only[1], 3);
  }
}

type Point = readonly [x: number, y: number];

/** Stretches without gaps; where many points share a pixel, only their first, least, greatest and last. */
function runsOf(s: Scene, f: Frame, series: Series): Point[][] {
  const runs: Point[][] = [];
  let run: Point[] = [];
  let column = NaN; // the pixel that these points share
  let points: Point[] = [];
  const flush = () => {
    run.push(...thinned(points));
    points = [];
    column = NaN;
  };
  for (let i = 0; i < series.x.length; i++) {
    const v = series.y[i] ?? NaN;
    const x = f.toX(series.x[i] ?? NaN);
    const y = v > 0 || !s.log ? f.toY(v) : NaN;
    if (!Number.isFinite(x) || !Number.isFinite(y)) {
      flush();
      if (run.length > 0) runs.push(run);
      run = [];
      continue;
    }
    const px = Math.round(x);
    if (column !== px) flush();
    column = px;
    points.push([x, y]);
  }
  flush();
  if (run.length > 0) runs.push(run);
  return runs;
}

function thinned(points: Point[]): Point[] {
  if (points.length <= 4) return points;
  const least = points.reduce((a, b) => (b[1] < a[1] ? b : a));
  const most = points.reduce((a, b) => (b[1] > a[1] ? b : a));
  return [points[0], least, most, points[points.length - 1]].filter((p): p is Point => p !== undefined);
}

function fillBelow(ctx: CanvasRenderingContext2D, s: Scene, f: Frame, run: readonly Point[]): void {
  const [first, last] = [run[0], run[run.length - 1]];
  if (!first || !last) return;
  const ground = s.log ? f.top + f.height : f.toY(Math.max(s.y.from, Math.min(s.y.to, 0)));
  ctx.globalAlpha = 0.18;
  ctx.beginPath();
  ctx.moveTo(first[0], ground);
  for (const [x, y] of run) ctx.lineTo(x, y);
  ctx.lineTo(last[0], ground);
  ctx.fill();
  ctx.globalAlpha = 1;
}

function drawDots(ctx: CanvasRenderingContext2D, s: Scene, f: Frame, series: Series, colour: string): void {
  ctx.fillStyle = colour;
  ctx.globalAlpha = series.x.length > 400 ? 0.45 : 0.75;
  const r = series.x.length > 2000 ? Math.min(2, s.dot / 2) : s.dot / 2;
  series.x.forEach((x, i) => {
    const y = series.y[i] ?? NaN;
    if (x >= s.x.from && x <= s.x.to && (!s.log || y > 0)) dot(ctx, f.toX(x), f.toY(y), r);
  });
  ctx.globalAlpha = 1;
}

function dot(ctx: CanvasRenderingContext2D, x: number, y: number, r: number): void {
  if (!Number.isFinite(x) || !Number.isFinite(y)) return;
  ctx.beginPath();
  ctx.arc(x, y, r, 0, 2 * Math.PI);
  ctx.fill();
}

function drawBars(ctx: CanvasRenderingContext2D, s: Scene, f: Frame, series: Series, at: number, of: number, colour: string): void {
  const slot = Math.min(0.8 * Math.abs(f.toX(s.x.from + gapOf(s.data, s.shown)) - f.toX(s.x.from)), 80 * of);
  const width = Math.max(1, slot / of);
  const ground = s.log ? f.top + f.height : f.toY(Math.max(s.y.from, Math.min(s.y.to, 0)));
  ctx.fillStyle = colour;
  series.x.forEach((x, i) => {
    const v = series.y[i] ?? NaN;
    const y = v > 0 || !s.log ? f.toY(v) : NaN;
    if (!Number.isFinite(y)) return;
    const left = f.toX(x) - slot / 2 + at * width;
    const r = Math.min(4, width / 3, Math.abs(ground - y));
    ctx.beginPath();
    ctx.roundRect(left + (of > 1 ? 1 : 0), Math.min(y, ground), Math.max(1, width - (of > 1 ? 2 : 0)), Math.abs(ground - y), y < ground ? [r, r, 0, 0] : [0, 0, r, r]);
    ctx.fill();
  });
}

function drawPointed(ctx: CanvasRenderingContext2D, s: Scene, f: Frame, look: Look): void {
  if (s.chosen) {
    ctx.fillStyle = look.ink;
    ctx.globalAlpha = 0.1;
    const [a, b] = [f.toX(s.chosen.from), f.toX(s.chosen.to)];
    ctx.fillRect(Math.min(a, b), f.top, Math.abs(b - a), f.height);
    ctx.globalAlpha = 1;
  }
  if (s.at === null) return;
  ctx.strokeStyle = look.muted;
  ctx.lineWidth = 1;
  const x = Math.round(f.toX(s.at)) + 0.5;
  line(ctx, x, f.top, x, f.top + f.height);
  s.points.forEach((at, i) => {
    const series = s.data.series[i];
    if (at < 0 || !series || series.kind === "bar") return;
    const [px, py] = [f.toX(series.x[at] ?? NaN), f.toY(series.y[at] ?? NaN)];
    ctx.fillStyle = look.surface;
    dot(ctx, px, py, 5.5);
    ctx.fillStyle = look.series[i % look.series.length] ?? look.ink;
    dot(ctx, px, py, 4);
  });
}
