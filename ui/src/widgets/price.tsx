/* What a click takes of the visitor's compute, before it is made, and how much is left. */
import { EVENT_CLICK, type WireCost } from "proto";
import type { Cell } from "../state/tree";
import type { NodeId } from "../wire/messages";
import { computeWords, LITTLE_MS } from "./price_words";
import { useSpace } from "./space";

const NAMED_MAX = 3;

interface Price {
  readonly node: NodeId;
  readonly kind: number;
  readonly ms: number;
}

/** The handlers that cost something; what is no such row is left out. */
export function pricesOf(cost: WireCost | null): readonly Price[] {
  if (!cost || !Array.isArray(cost.handlers)) return [];
  return cost.handlers.flatMap((row: unknown) => {
    if (!Array.isArray(row)) return [];
    const [node, kind, ms] = row as readonly unknown[];
    return typeof node === "number" && typeof kind === "number" && typeof ms === "number"
      ? [{ node: node as NodeId, kind, ms }]
      : [];
  });
}

/** Said before the click: what is left is known, and is less than this takes. */
export const isTooDear = (ms: number, cost: WireCost | null): boolean => cost?.left_ms !== undefined && Boolean(cost.day_ms) && ms > cost.left_ms;

const about = (ms: number) => (ms < LITTLE_MS ? computeWords(ms) : `about ${computeWords(ms)}`);

/** For a button's title: what a click on it takes; undefined where nothing is known. */
export function useClickPrice(cell: Cell): string | undefined {
  const cost = useSpace().session.cost.value;
  const price = pricesOf(cost).find((p) => p.node === cell.n && p.kind === EVENT_CLICK);
  return price && `Takes ${about(price.ms)} of your compute${isTooDear(price.ms, cost) ? ", more than is left" : ""}`;
}

/** One line under the app, where something of it is known to cost. */
export function PriceLine() {
  const { session } = useSpace();
  const cost = session.cost.value;
  const tree = session.page.tree.value;
  const prices = tree ? pricesOf(cost).filter((p) => tree.cells.has(p.node)) : [];
  if (!cost || !tree || prices.length === 0) return null;
  const none = cost.left_ms === 0 && cost.words !== undefined;
  return (
    <p class={none ? "price none" : "price"} title={none ? undefined : cost.words}>
      {none ? cost.words : unbroken(`${takeWords(prices, tree.cells)}${prices.every((p) => isTooDear(p.ms, cost)) ? ", more than is left" : ""}${leftWords(cost)}`)}
    </p>
  );
}

/** A number stays with its unit where a line ends. */
const unbroken = (words: string) => words.replace(/(\d) (?=(?:s|min|h)\b)/g, "$1\u00a0");

function takeWords(prices: readonly Price[], cells: ReadonlyMap<NodeId, Cell>): string {
  const dearest = [...prices].sort((a, b) => b.ms - a.ms);
  const [first] = dearest;
  if (!first) return "";
  if (dearest.length === 1 || first.ms < LITTLE_MS) return `A run takes ${about(first.ms)} of compute`;
  const named = dearest.slice(0, NAMED_MAX).map((p) => `${nameOf(cells.get(p.node))} ${about(p.ms)}`);
  return `Compute it takes: ${named.join(", ")}${dearest.length > NAMED_MAX ? ", others less" : ""}`;
}

function nameOf(cell: Cell | undefined): string {
  const { label, value } = cell?.props.value ?? {};
  if (cell?.type === "button" && typeof value === "string" && value) return `“${value}”`;
  return typeof label === "string" && label ? `“${label}”` : "a run";
}

function leftWords(cost: WireCost): string {
  if (cost.left_ms === undefined || !cost.day_ms) return "";
  const more = cost.left_ms > cost.day_ms; // credits
  return ` · ${computeWords(cost.left_ms)} ${more ? "" : `of ${computeWords(cost.day_ms)} `}left for you today`;
}
