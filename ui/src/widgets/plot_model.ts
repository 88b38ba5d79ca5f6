/*
 * What a plot shows, in numbers: its series, its axes, what of it is in sight. The value's form is
 * told in sdk-lua/vitrine/plot.lua. Knows no DOM; nothing of the value is trusted.
 */
export type Kind = "line" | "area" | "bar" | "scatter";
export type Axis = "number" | "time" | "category";

export interface Series {
  readonly name: string;
  readonly kind: Kind;
  /** Numbers, ms since 1970, or places of categories. */
  readonly x: readonly number[];
  /** NaN: nothing there. */
  readonly y: readonly number[];
}

export interface Data {
  readonly axis: Axis;
  readonly categories: readonly string[];
  readonly series: readonly Series[];
}

export interface Span {
  readonly from: number;
  readonly to: number;
}

interface Raw {
  readonly name: string;
  readonly kind: unknown;
  readonly x: unknown[];
  readonly y: unknown[];
}

const SERIES_MAX = 100;
const KINDS: ReadonlySet<unknown> = new Set(["line", "area", "bar", "scatter"]);
const DATE = /^\d{4}-\d{2}(-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?)?$/;

/** Reads one value after the other: a tail that grew is read on. */
export class PlotReader {
  #series: unknown = null;
  #tail = "";
  #raw: Raw[] = [];

  read(value: unknown, fallback: unknown, wanted: unknown, window: unknown): Data {
    const v = typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
    this.#take(v["series"], typeof v["tail"] === "string" ? v["tail"] : "");
    const last = typeof window === "number" && window >= 1 ? Math.floor(window) : Infinity;
    const raw = this.#raw.map((s) => (s.x.length > last ? { ...s, x: s.x.slice(-last), y: s.y.slice(-last) } : s));
    return scaled(raw, KINDS.has(fallback) ? (fallback as Kind) : "line", wanted);
  }

  #take(series: unknown, tail: string): void {
    if (series !== this.#series || !tail.startsWith(this.#tail)) {
      this.#raw = (Array.isArray(series) ? series : []).slice(0, SERIES_MAX).map(readSeries);
      this.#series = series;
      this.#tail = "";
    }
    for (const line of tail.slice(this.#tail.length).split("\n")) if (line !== "") this.#add(line);
    this.#tail = tail;
  }

  #add(line: string): void {
    let point: unknown = null;
    try {
      point = JSON.parse(line);
    } catch {
      return;
    }
    if (!Array.isArray(point)) return;
    const series = this.#raw[Number(point[0])];
    series?.x.push(point[1]);
    series?.y.push(point[2]);
  }
}

function readSeries(json: unknown, i: number): Raw {
  const s = typeof json === "object" && json !== null ? (json as Record<string, unknown>) : {};
  const y = Array.isArray(s["y"]) ? [...s["y"]] : [];
  const x = Array.isArray(s["x"]) ? s["x"].slice(0, y.length) : y.map((_, at) => at + 1);
  while (x.length < y.length) x.push(null);
  return { name: typeof s["name"] === "string" ? s["name"] : `Series ${i + 1}`, kind: s["kind"], x, y };
}

function scaled(raw: readonly Raw[], fallback: Kind, wanted: unknown): Data {
  const axis = axisOf(raw, wanted);
  const places = new Map<string, number>();
  const place = (v: unknown): number => {
    const name = v === null || v === undefined ? "" : String(v);
    const at = places.get(name) ?? places.size;
    places.set(name, at);
    return at;
  };
  const toX = axis === "category" ? place : axis === "time" ? timeOf : numberOf;
  const series = raw.map((s) => ({
    name: s.name,
    kind: KINDS.has(s.kind) ? (s.kind as Kind) : fallback,
    x: s.x.map(toX),
    y: s.y.map(numberOf),
  }));
  return { axis, categories: [...places.keys()], series };
}

function axisOf(raw: readonly Raw[], wanted: unknown): Axis {
  if (wanted === "number" || wanted === "time" || wanted === "category") return wanted;
  let dates = false;
  for (const s of raw) {
    for (const v of s.x) {
      if (typeof v !== "string") continue;
      if (!DATE.test(v)) return "category";
      dates = true;
    }
  }
  return dates ? "time" : "number";
}

function numberOf(v: unknown): number {
  return typeof v === "number" ? v : NaN;
}

/** Numbers below a hundred thousand million are seconds. */
function timeOf(v: unknown): number {
  if (typeof v === "number") return Math.abs(v) < 1e11 ? v * 1000 : v;
  return typeof v === "string" ? Date.parse(/[T ]\d{2}:\d{2}/.test(v) ? v.replace(" ", "T") : `${v}T00:00`.replace(/^(\d{4}-\d{2})T/, "$1-01T")) : NaN;
}

/** From the least to the greatest x; null: there is no point at all. */
export function spanOfX(data: Data, shown: ReadonlySet<number>): Span | null {
  const span = extent(data.series.filter((_, i) => shown.has(i)).map((s) => s.x));
  if (!span) return null;
  const bars = data.series.some((s, i) => shown.has(i) && s.kind === "bar");
  if (data.axis === "category") return { from: span.from - 0.5, to: span.to + 0.5 };
  if (bars) {
    const half = gapOf(data, shown) / 2;
    return { from: span.from - half, to: span.to + half };
  }
  if (span.from === span.to) return { from: span.from - 0.5, to: span.to + 0.5 };
  const dots = data.series.some((s, i) => shown.has(i) && s.kind === "scatter");
  const air = dots ? (span.to - span.from) * 0.03 : 0;
  return { from: span.from - air, to: span.to + air };
}

/** What of y is between two x, with a little air; from 0 where there are bars or areas. */
export function spanOfY(data: Data, shown: ReadonlySet<number>, x: Span, log: boolean): Span {
  const found: number[][] = [];
  let grounded = false;
  data.series.forEach((s, i) => {
    if (!shown.has(i)) return;
    grounded ||= s.kind === "bar" || s.kind === "area";
    found.push(s.y.filter((v, at) => (!log || v > 0) && (s.x[at] ?? NaN) >= x.from && (s.x[at] ?? NaN) <= x.to));
  });
  const span = extent(found) ?? (log ? { from: 1, to: 10 } : { from: 0, to: 1 });
  if (log) return { from: span.from / 1.15, to: span.to * 1.15 };
  const from = grounded ? Math.min(0, span.from) : span.from;
  const to = grounded ? Math.max(0, span.to) : span.to;
  const air = to === from ? Math.abs(to) * 0.1 || 1 : (to - from) * 0.06;
  return { from: grounded && from === 0 ? 0 : from - air, to: grounded && to === 0 ? 0 : to + air };
}

/** {from, to} as an app says it; null: it says nothing. */
export function spanSaid(v: unknown): Span | null {
  if (!Array.isArray(v) || v.length !== 2) return null;
  const [from, to]: unknown[] = v;
  const fine = typeof from === "number" && typeof to === "number" && to > from && Number.isFinite(to - from);
  return fine ? { from, to } : null;
}

function extent(lists: readonly (readonly number[])[]): Span | null {
  let from = Infinity;
  let to = -Infinity;
  for (const list of lists) {
    for (const v of list) {
      if (v < from) from = v;
      if (v > to) to = v;
    }
  }
  return from <= to ? { from, to } : null;
}

/** The least distance between two x of one series. */
export function gapOf(data: Data, shown: ReadonlySet<number>): number {
  if (data.axis === "category") return 1;
  let gap = Infinity;
  data.series.forEach((s, i) => {
    if (!shown.has(i)) return;
    const sorted = [...s.x].filter(Number.isFinite).sort((a, b) => a - b);
    for (let k = 1; k < sorted.length; k++) {
      const d = (sorted[k] ?? 0) - (sorted[k - 1] ?? 0);
      if (d > 0 && d < gap) gap = d;
    }
  });
  return gap === Infinity ? 1 : gap;
}

export interface Tick {
  readonly at: number;
  readonly text: string;
}

/** Round numbers, about `count` of them. */
export function ticksOf(span: Span, count: number): Tick[] {
  const width = span.to - span.from;
  if (!(width > 0) || !Number.isFinite(width)) return [];
  const rough = width / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5, 10].find((m) => m * power >= rough) ?? 10) * power;
  const ticks: Tick[] = [];
  for (let k = Math.ceil(span.from / step); k * step <= span.to && ticks.length < 100; k++) {
    ticks.push({ at: k * step, text: numberText(k * step, step) });
  }
  return ticks;
}

export function logTicksOf(span: Span, count: number): Tick[] {
  const first = Math.floor(Math.log10(span.from));
  const last = Math.ceil(Math.log10(span.to));
  const every = Math.max(1, Math.ceil((last - first) / Math.max(1, count)));
  const parts = last - first <= 2 ? [1, 2, 5] : [1];
  const ticks: Tick[] = [];
  for (let e = first; e <= last; e += every) {
    for (const m of parts) {
      const at = m * 10 ** e;
      if (at >= span.from && at <= span.to) ticks.push({ at, text: numberText(at, at) });
    }
  }
  return ticks;
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const STEPS = [
  1, 5, 10, 50, 100, 500, SECOND, 2 * SECOND, 5 * SECOND, 10 * SECOND, 30 * SECOND, MINUTE, 2 * MINUTE, 5 * MINUTE,
  10 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY, 14 * DAY,
] as const;
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** In the visitor's own time zone. */
export function timeTicksOf(span: Span, count: number): Tick[] {
  const rough = (span.to - span.from) / Math.max(1, count);
  if (!(rough > 0) || Math.abs(span.from) > 8.64e15 || Math.abs(span.to) > 8.64e15) return [];
  const step = STEPS.find((s) => s >= rough);
  if (step === undefined) return monthTicks(span, rough);
  const zone = new Date(span.from).getTimezoneOffset() * MINUTE;
  const ticks: Tick[] = [];
  for (let k = Math.ceil((span.from - zone) / step); k * step + zone <= span.to && ticks.length < 100; k++) {
    const at = k * step + zone;
    ticks.push({ at, text: timeText(at, step) });
  }
  return ticks;
}

function monthTicks(span: Span, rough: number): Tick[] {
  const months = Math.max(1, Math.ceil(rough / (30 * DAY)));
  const step = [1, 2, 3, 6, 12, 24, 60, 120, 600].find((m) => m >= months) ?? Math.ceil(months / 1200) * 1200;
  const begin = new Date(span.from);
  const ticks: Tick[] = [];
  for (let m = Math.floor((begin.getFullYear() * 12 + begin.getMonth()) / step) * step; ticks.length < 100; m += step) {
    const at = new Date(Math.floor(m / 12), m % 12, 1).getTime();
    if (!(at <= span.to)) break;
    const year = String(Math.floor(m / 12));
    if (at >= span.from) ticks.push({ at, text: step % 12 === 0 ? year : m % 12 === 0 ? year : (MONTHS[m % 12] ?? "") });
  }
  return ticks;
}

const two = (n: number) => String(n).padStart(2, "0");

/** Only as much of a moment as steps of that size tell apart. */
export function timeText(ms: number, step: number): string {
  const d = new Date(ms);
  if (Number.isNaN(d.getTime())) return "";
  if (step >= DAY) return `${d.getDate()} ${MONTHS[d.getMonth()] ?? ""}`;
  const clock = `${two(d.getHours())}:${two(d.getMinutes())}`;
  if (step >= MINUTE) return clock;
  return step >= SECOND ? `${clock}:${two(d.getSeconds())}` : `${two(d.getSeconds())}.${String(d.getMilliseconds()).padStart(3, "0")}`;
}

export function numberText(v: number, step: number): string {
  if (v === 0) return "0";
  const size = Math.abs(v);
  if (size >= 1e15 || (size < 1e-6 && Math.abs(step) < 1e-6)) return v.toExponential(1).replace("e+", "e");
  for (const [unit, sign] of [[1e12, "T"], [1e9, "G"], [1e6, "M"]] as const) {
    if (size >= unit && Math.abs(step) >= unit / 1000) return `${trim(v / unit, step / unit)}${sign}`;
  }
  return trim(v, step);
}

function trim(v: number, step: number): string {
  const digits = Math.min(9, Math.max(0, -Math.floor(Math.log10(Math.abs(step)) + 1e-9)));
  const text = v.toFixed(digits);
  return Math.abs(v) >= 10_000 ? Number(text).toLocaleString("en-US", { maximumFractionDigits: digits }) : text;
}

/** An x, or a y, in words of its own. */
export function wordsOf(data: Data, v: number): string {
  if (data.axis === "category") return data.categories[v] ?? "";
  if (data.axis === "number") return valueText(v);
  const d = new Date(v);
  if (Number.isNaN(d.getTime())) return "";
  const day = `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}`;
  const rest = v % 1000 ? `.${String(d.getMilliseconds()).padStart(3, "0")}` : "";
  const clock = `${two(d.getHours())}:${two(d.getMinutes())}${d.getSeconds() || rest ? `:${two(d.getSeconds())}${rest}` : ""}`;
  return clock === "00:00" ? day : `${day} ${clock}`;
}

export function valueText(v: number): string {
  return Number.isFinite(v) ? String(Number(v.toPrecision(6))) : "–";
}

/** Of each series in sight, the point nearest to an x; -1: it has none. */
export function nearest(data: Data, shown: ReadonlySet<number>, x: number, span: Span): number[] {
  return data.series.map((s, i) => {
    let best = -1;
    let least = Infinity;
    if (shown.has(i)) {
      s.x.forEach((v, at) => {
        const d = Math.abs(v - x);
        if (d < least && v >= span.from && v <= span.to && Number.isFinite(s.y[at] ?? NaN)) [best, least] = [at, d];
      });
    }
    return best;
  });
}

/** Every x in sight, once, in order: where the arrow keys stop. */
export function stops(data: Data, shown: ReadonlySet<number>, span: Span): number[] {
  const all = new Set<number>();
  data.series.forEach((s, i) => {
    if (shown.has(i)) for (const v of s.x) if (v >= span.from && v <= span.to) all.add(v);
  });
  return [...all].sort((a, b) => a - b);
}

/** A part of a span: by `by` times its width around `around`, moved by `move` times it. */
export function zoomed(span: Span, by: number, around: number, move = 0): Span {
  const shift = (span.to - span.from) * move;
  return { from: around - (around - span.from) * by + shift, to: around + (span.to - around) * by + shift };
}

/** Inside the whole, as wide as it is. */
export function within(span: Span, whole: Span): Span | null {
  const width = span.to - span.from;
  if (!(width > 0) || width >= (whole.to - whole.from) * 0.999) return null;
  const from = Math.max(whole.from, Math.min(whole.to - width, span.from));
  return { from, to: from + width };
}
