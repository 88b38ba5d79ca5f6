/* Amounts of compute for people. */
export const LITTLE_MS = 100; // less than that nobody needs to weigh

/** "under 0.1 s", "2.4 s", "34 s", "14 min", "4 h". */
export function computeWords(ms: number): string {
  const s = ms / 1000;
  if (ms < LITTLE_MS) return "under 0.1 s";
  if (s < 9.95) return `${Number(s.toFixed(1))} s`;
  if (s < 120) return `${Math.round(s)} s`;
  if (s < 7200) return `${Math.floor(s / 60)} min`;
  return `${Math.floor(s / 3600)} h`;
}
