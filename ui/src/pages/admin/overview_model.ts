/* What the administrator's page says of numbers: charts, and how long the disk will last. Knows no DOM. */
export interface Series {
  readonly name: string;
  readonly unit: string;
  readonly words: string;
  /** One for each step; null where nothing was measured. */
  readonly values: readonly (number | null)[];
}

export interface History {
  /** Seconds since 1970 of the first step. */
  readonly start: number;
  /** Seconds. */
  readonly step: number;
  readonly series: readonly Series[];
}

const DAY = 86_400;
/** Fewer points than this say nothing about a pace. */
const PACE_LEAST = 12;

/** Units per second that a series changes, by least squares; null: too little was measured. */
export function pace(values: readonly (number | null)[], step: number): number | null {
  const points = values.flatMap((v, i) => (v === null ? [] : [[i * step, v] as const]));
  if (points.length < PACE_LEAST) return null;
  const meanX = points.reduce((sum, [x]) => sum + x, 0) / points.length;
  const meanY = points.reduce((sum, [, y]) => sum + y, 0) / points.length;
  let above = 0;
  let below = 0;
  for (const [x, y] of points) {
    above += (x - meanX) * (y - meanY);
    below += (x - meanX) ** 2;
  }
  return below === 0 ? null : above / below;
}

/** How long it takes until no more is left than what is kept back; perSecond: null where nobody knows. */
export function lastsWords(free: number, reserve: number, perSecond: number | null): string {
  if (perSecond === null) return "How long it lasts shows in an hour.";
  if (perSecond >= 0) return "It does not fill up.";
  const seconds = Math.max(0, free - reserve) / -perSecond;
  if (seconds > 3 * 365 * DAY) return "At this pace it lasts for years.";
  const days = seconds / DAY;
  if (days >= 60) return `At this pace it lasts ${Math.round(days / 30.4)} months.`;
  if (days >= 2) return `At this pace it lasts ${Math.round(days)} days.`;
  if (seconds >= 5400) return `At this pace it is full in ${Math.round(seconds / 3600)} hours.`;
  return "At this pace it is full within about an hour.";
}

export function valueWords(value: number, unit: string): string {
  if (unit === "share") return `${Math.round(value * 100)} %`;
  if (unit === "B") {
    const steps = ["B", "KiB", "MiB", "GiB", "TiB"];
    const at = value < 1 ? 0 : Math.min(steps.length - 1, Math.floor(Math.log2(value) / 10));
    return `${short(value / 1024 ** at)} ${steps[at]}`;
  }
  return unit === "/s" ? `${short(value)}/s` : short(value);
}

function short(n: number): string {
  if (n === 0 || n >= 100) return String(Math.round(n));
  return n >= 1 ? n.toFixed(1).replace(/\.0$/, "") : String(Number(n.toPrecision(2)));
}

/** Where a chart of that size has its line: each run of measured steps one path; y from 0 up. */
export function runs(values: readonly (number | null)[], width: number, height: number, top: number): readonly string[] {
  const made: string[] = [];
  let run = "";
  // A single point has no length, and is not seen without one.
  const end = () => {
    if (run) made.push(run.includes("L") ? run : `${run}h.01`);
    run = "";
  };
  values.forEach((v, i) => {
    if (v === null) return end();
    const x = values.length < 2 ? width : (i / (values.length - 1)) * width;
    const y = height - (top > 0 ? Math.min(1, v / top) : 0) * height;
    run += `${run ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`;
  });
  end();
  return made;
}

export interface Summary {
  readonly now: number | null;
  readonly most: number;
}

export function summary(values: readonly (number | null)[]): Summary {
  const known = values.filter((v): v is number => v !== null);
  return { now: known[known.length - 1] ?? null, most: known.reduce((a, b) => Math.max(a, b), 0) };
}
