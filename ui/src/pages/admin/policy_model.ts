/* What a plan says, in words. Knows no DOM. */
import { computeWords } from "../../widgets/price_words";

interface Tier {
  readonly name: string;
  readonly secondsPerDay: number;
  readonly weight: number;
  readonly concurrent: number;
  readonly secondsPerCall: number;
  readonly memoryMib: number;
  /** That it is in; "": what no pool was given. */
  readonly pool: string;
  readonly poolPercent: number;
  readonly poolBorrows: boolean;
}

interface Flavour {
  readonly name: string;
  readonly class: string;
  readonly pool: string;
  readonly device: string;
}

/** A Space that would have another flavour, or one that says something else. */
export interface Move {
  readonly space: string;
  readonly from: Flavour;
  readonly to: Flavour;
}

export interface PlanRow {
  readonly account: string;
  readonly change: "gains" | "loses" | "mixed";
  readonly from: Tier;
  readonly to: Tier;
  readonly secondsUsed: number;
  readonly over: boolean;
}

export interface Plan {
  readonly gains: number;
  readonly loses: number;
  readonly mixed: number;
  readonly same: number;
  /** Of those, who have used more already than they would then have. */
  readonly over: number;
  readonly rows: readonly PlanRow[];
  readonly moves: readonly Move[];
}

const count = (n: number, one: string, many: string) => `${n} ${n === 1 ? one : many}`;

export function planSummary(plan: Plan): string {
  const parts = [
    plan.gains > 0 && count(plan.gains, "account gains", "accounts gain"),
    plan.loses > 0 && count(plan.loses, "loses", "lose"),
    plan.mixed > 0 && count(plan.mixed, "gains some and loses some", "gain some and lose some"),
  ].filter((p) => p !== false);
  const moves = plan.moves.length > 0 ? ` ${count(plan.moves.length, "Space runs", "Spaces run")} on other hardware.` : "";
  if (parts.length === 0) return moves ? `Nobody gains or loses.${moves}` : "Well formed. It changes nothing for anybody.";
  const over = plan.over > 0 ? ` ${count(plan.over, "is", "are")} over it at once.` : "";
  return `${parts.join(", ")}; ${plan.same} stay${plan.same === 1 ? "s" : ""} as before.${over}${moves}`;
}

const FIELDS: readonly (readonly [keyof Tier, (value: number) => string])[] = [
  ["secondsPerDay", (v) => `${computeWords(v * 1000)} a day`],
  ["weight", (v) => `weight ${v}`],
  ["concurrent", (v) => `${v} at once`],
  ["secondsPerCall", (v) => `${computeWords(v * 1000)} a call`],
  ["memoryMib", (v) => `${v} MiB on the device`],
];

const poolWords = (t: Tier) => `${t.pool ? `pool ${t.pool}` : "no pool"} (${t.poolPercent} %${t.poolBorrows ? "" : ", borrows nothing"})`;

const orAny = (name: string) => name || "any";

/** "cpu-large to cpu-basic: box large to small" */
export function moveWords({ from, to }: Move): string {
  const changes = [
    from.class !== to.class && `box ${from.class} to ${to.class}`,
    from.pool !== to.pool && `pool ${orAny(from.pool)} to ${orAny(to.pool)}`,
    from.device !== to.device && `models on ${orAny(from.device)} to ${orAny(to.device)}`,
  ].filter((c) => c !== false);
  const names = from.name === to.name ? from.name : `${from.name} to ${to.name}`;
  return changes.length > 0 ? `${names}: ${changes.join(", ")}` : names;
}

/** "visitor to member: 10 min a day to 4 h a day, 2 at once to 32 at once" */
export function changeWords({ from, to }: PlanRow): string {
  const tiers = from.name === to.name ? `tier ${from.name}` : `${from.name} to ${to.name}`;
  const changes = FIELDS.flatMap(([field, say]) => {
    const [a, b] = [Number(from[field]), Number(to[field])];
    return a === b ? [] : [`${say(a)} to ${say(b)}`];
  });
  if (poolWords(from) !== poolWords(to)) changes.push(`${poolWords(from)} to ${poolWords(to)}`);
  return changes.length > 0 ? `${tiers}: ${changes.join(", ")}` : tiers;
}

/** Below the list of versions, newest first: that there are older ones than it shows; "": there are none. */
export function restWords(versions: readonly { readonly version: number }[]): string {
  const oldest = versions.at(-1)?.version ?? 1;
  return oldest > 1 ? `The newest ${versions.length}. Those before ${oldest}: vitrine policy show --version N.` : "";
}
