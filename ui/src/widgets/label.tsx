/* A class with its confidences as bars. */
import { propsOf, valueOf } from "../state/tree";
import { Field } from "./field";
import { useWaiting, type WidgetProps } from "./space";

interface Verdict {
  readonly label: string;
  readonly confidences: readonly { readonly label: string; readonly confidence: number }[];
}

export function Label({ cell }: WidgetProps) {
  const props = propsOf(cell, "label");
  const verdict = readVerdict(valueOf(cell));
  const waits = useWaiting(cell);
  return (
    <Field cell={cell} props={props} as="output" class="verdict">
      <div aria-live="polite" aria-busy={waits}>
        {verdict ? <Bars verdict={verdict} top={props.top ?? 5} /> : <p class="nothing">No result yet</p>}
      </div>
    </Field>
  );
}

function Bars({ verdict, top }: { verdict: Verdict; top: number }) {
  return (
    <>
      <p class="verdict-top">{verdict.label}</p>
      <ul class="bars">
        {verdict.confidences.slice(0, top).map((c) => (
          <li key={c.label} class={c.label === verdict.label ? "first" : ""}>
            <span class="bar-label">{c.label}</span>
            <span class="bar-percent">{percent(c.confidence)}</span>
            <span class="bar" aria-hidden="true">
              <span style={{ width: `${100 * c.confidence}%` }} />
            </span>
          </li>
        ))}
      </ul>
    </>
  );
}

function percent(confidence: number): string {
  const p = 100 * confidence;
  return `${p >= 99.95 || p < 0.05 ? Math.round(p) : p.toFixed(1)} %`;
}

function readVerdict(value: unknown): Verdict | null {
  if (typeof value === "string" || typeof value === "number") return { label: String(value), confidences: [] };
  if (typeof value !== "object" || value === null) return null;
  const { label, confidences } = value as Record<string, unknown>;
  const rows = Array.isArray(confidences) ? confidences.map(readRow).filter((r) => r !== null) : [];
  rows.sort((a, b) => b.confidence - a.confidence);
  const name = label ?? rows[0]?.label;
  return name === undefined || name === null ? null : { label: String(name), confidences: rows };
}

function readRow(row: unknown): Verdict["confidences"][number] | null {
  if (typeof row !== "object" || row === null) return null;
  const { label, confidence } = row as Record<string, unknown>;
  if (typeof confidence !== "number" || !Number.isFinite(confidence)) return null;
  return { label: String(label), confidence: Math.min(1, Math.max(0, confidence)) };
}
