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
