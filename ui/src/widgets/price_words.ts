/* Amounts of compute for people. */
export const LITTLE_MS = 100; // less than that nobody needs to weigh

/** "under 0.1 s", "2.4 s", "34 s", "9 min 58 s", "3 h 59 min": so exact that a click can be seen to count. */
export function computeWords(ms: number): string {
  const s = ms / 1000;
  if (ms < LITTLE_MS) return "under 0.1 s";
  if (s < 9.95) return `${Number(s.toFixed(1))} s`;
  if (s < 120) return `${Math.round(s)} s`;
  return s < 7200 ? pair(Math.floor(s), 60, "min", "s") : pair(Math.floor(s / 60), 60, "h", "min");
}

function pair(n: number, of: number, large: string, small: string): string {
  const rest = n % of;
  return `${Math.floor(n / of)} ${large}${rest ? ` ${rest} ${small}` : ""}`;
}
