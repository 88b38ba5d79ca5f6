/* What the administrators' first page says of numbers, and its charts. Knows no DOM. */
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
