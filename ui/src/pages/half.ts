/* Uploads that a reload has cut, in localStorage; without it a reload begins anew. */
import type { Half } from "../widgets/space";

const KEPT = "vitrine-upload ";
const KEPT_MS = 3_600_000; // as long as the gateway keeps it

export function keyOf(base: string, place: string, file: File): string {
  return `${KEPT}${JSON.stringify([base, place, file.name, file.size, file.lastModified])}`;
}

/** Uploads of this component that a reload has interrupted. */
export function halves(base: string, place: string): Half[] {
  const found: Half[] = [];
  for (const key of keys()) {
    const kept = read(key);
    const [at, where, name, size] = JSON.parse(key.slice(KEPT.length)) as [string, string, string, number];
    if (kept && at === base && where === place) found.push({ name, size, sent: kept.sent });
  }
  return found;
}

interface Kept {
  readonly url: string;
  readonly sent: number;
  readonly at: number;
}

function keys(): string[] {
  try {
    return Object.keys(localStorage).filter((key) => key.startsWith(KEPT));
  } catch {
    return [];
  }
}

export function read(key: string): Kept | null {
  try {
    const kept = JSON.parse(localStorage.getItem(key) ?? "null") as Kept | null;
    if (kept && Date.now() - kept.at < KEPT_MS) return kept;
    localStorage.removeItem(key);
  } catch {
    // not there
  }
  return null;
}

export function keep(key: string, url: string | null, sent: number): void {
  try {
    if (url === null) localStorage.removeItem(key);
    else localStorage.setItem(key, JSON.stringify({ url, sent, at: Date.now() }));
  } catch {
    // full, or forbidden
  }
}
