/* The header of a safetensors file. */
import type { Tensors } from "./repo";

export interface Tensor {
  readonly name: string;
  readonly type: string;
  readonly shape: readonly number[];
}

/** The tensors of a header, in the order of their names; what is none of them is left out. */
export function readHeader(json: unknown): readonly Tensor[] {
  if (typeof json !== "object" || json === null) return [];
  return Object.entries(json as Record<string, unknown>)
    .flatMap(([name, value]) => {
      const { dtype, shape } = (typeof value === "object" && value !== null ? value : {}) as Record<string, unknown>;
      if (name === "__metadata__" || typeof dtype !== "string" || !Array.isArray(shape) || !shape.every((n) => Number.isSafeInteger(n))) return [];
      return [{ name, type: dtype, shape: shape as number[] }];
    })
    .sort((a, b) => a.name.localeCompare(b.name, "en", { numeric: true }));
}

export function sizeOf({ shape }: Tensor): number {
  return shape.reduce((n, m) => n * m, 1);
}

export function summary(tensors: readonly Tensor[]): Tensors {
  const types = new Map<string, number>();
  for (const tensor of tensors) types.set(tensor.type, (types.get(tensor.type) ?? 0) + sizeOf(tensor));
  const list = [...types].sort((a, b) => b[1] - a[1]);
  return { types: list, total: list.reduce((n, [, m]) => n + m, 0), tensors: tensors.length };
}
