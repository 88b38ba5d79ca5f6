/* Which files a component takes, and how their sizes are said. */

/** In the units that file managers use. */
export function sizeWords(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  const units = ["kB", "MB", "GB", "TB"];
  let value = bytes / 1000;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${value.toFixed(value < 99.5 && unit > 0 ? 1 : 0).replace(/\.0$/, "")} ${units[unit]}`;
}

/** ".csv,image/*" as it is read. */
export function listed(types: string): string {
  return String(types).split(/[,\s]+/).filter(Boolean).join(", ");
}

/** types: endings and media types, as in ".csv,image/*". The SDK decides; this spares the sending. */
export function isOf(types: string | undefined, name: string, type: string): boolean {
  const wanted = String(types ?? "").toLowerCase().split(/[,\s]+/).filter(Boolean);
  return (
    wanted.length === 0 ||
    wanted.some((w) => (w.startsWith(".") ? name.toLowerCase().endsWith(w) : w.endsWith("/*") ? type.startsWith(w.slice(0, -1)) : type === w))
  );
}

/** Why this one is not sent, in words; null: it is. */
export function refusal(file: { name: string; type: string; size: number }, types: string | undefined, max: number | undefined): string | null {
  // Browsers leave the type out where the system knows none; the ending may still fit.
  if (!isOf(types, file.name, file.type)) return `This is none of ${listed(types!)}.`;
  if (max !== undefined && file.size > max) return `This has ${sizeWords(file.size)}; at most ${sizeWords(max)} are taken.`;
  return null;
}
