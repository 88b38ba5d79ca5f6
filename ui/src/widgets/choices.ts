/* Choices come as strings or as {label, value}. */
import type { Choice } from "proto";

export interface Option {
  readonly label: string;
  readonly value: string;
}

export function options(choices: unknown): readonly Option[] {
  if (!Array.isArray(choices)) return [];
  return (choices as readonly Choice[]).map((c) =>
    typeof c === "object" && c !== null
      ? { label: String(c.label ?? c.value), value: String(c.value ?? c.label) }
      : { label: String(c), value: String(c) },
  );
}

/** A value as a set of chosen ones, whatever it is. */
export function chosenOf(value: unknown): ReadonlySet<string> {
  return new Set(Array.isArray(value) ? value.filter((v): v is string => typeof v === "string") : []);
}
