/* Times and sizes in words. */
const STEPS: readonly (readonly [limit: number, per: number, unit: Intl.RelativeTimeFormatUnit])[] = [
  [60, 1, "second"],
  [3600, 60, "minute"],
  [86_400, 3600, "hour"],
  [30 * 86_400, 86_400, "day"],
  [365 * 86_400, 30 * 86_400, "month"],
  [Infinity, 365 * 86_400, "year"],
];

/** "3 minutes ago"; empty for what is no time. */
export function agoWords(time: string | undefined, now = Date.now()): string {
  const then = Date.parse(time ?? "");
  if (Number.isNaN(then)) return "";
  const seconds = Math.round((now - then) / 1000);
  if (Math.abs(seconds) < 10) return "just now";
  for (const [limit, per, unit] of STEPS) {
    if (Math.abs(seconds) < limit) return relative.format(-Math.round(seconds / per), unit);
  }
  return "";
}

const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

export function fullTime(time: string | undefined): string {
  const then = Date.parse(time ?? "");
  return Number.isNaN(then) ? "" : new Date(then).toLocaleString();
}

/** "14:03:22" of an ISO time. */
export function clockWords(time: string | undefined): string {
  const then = Date.parse(time ?? "");
  return Number.isNaN(then) ? "" : new Date(then).toLocaleTimeString([], { hour12: false });
}

export function msWords(ms: number): string {
  if (ms < 10) return `${Math.round(ms * 10) / 10} ms`;
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

/** "12.3 MB"; as disks count, by thousands. */
export function bytesWords(bytes: number): string {
  if (bytes < 1000) return bytes === 1 ? "1 byte" : `${bytes} bytes`;
  return `${scaled(bytes, ["kB", "MB", "GB", "TB", "PB"])}`;
}

/** "1.24 B": of parameters, of likes. */
export function countWords(n: number): string {
  return n < 1000 ? String(n) : scaled(n, ["k", "M", "B", "T"]);
}

function scaled(n: number, units: readonly string[]): string {
  let value = n;
  let unit = -1;
  // What would be rounded to a thousand is one of the next unit.
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${value < 9.995 ? value.toFixed(2) : value < 99.95 ? value.toFixed(1) : Math.round(value)} ${units[unit] ?? ""}`.trim();
}
