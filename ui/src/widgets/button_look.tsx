/* What buttons of every kind look like: how prominent, how large, with which pictogram. */
import type { Cell } from "../state/tree";
import { lazy } from "./lazy";

export const Glyph = lazy(() => import("./glyph").then((m) => m.Glyph), true);

export function lookOf(cell: Cell): string {
  const { variant = "secondary", size = "medium" } = cell.props.value as { variant?: unknown; size?: unknown };
  return `button ${String(variant)}${size === "medium" ? "" : ` ${String(size)}`}`;
}

/** The pictogram that the app wants, or the one that is usual here. */
export function Ornament({ cell }: { cell: Cell }) {
  return cell.props.value["icon"] === undefined ? null : <Glyph cell={cell} />;
}
