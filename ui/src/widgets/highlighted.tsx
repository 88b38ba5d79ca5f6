/* A text whose pieces have labels or scores: entities, parts of speech, attention. */
import { propsOf, valueOf } from "../state/tree";
import { Field } from "./field";
import { useSpace, type WidgetProps } from "./space";
import { asText } from "./textbox";
import "./text_style";

interface Span {
  readonly text: string;
  readonly label: string | null;
  readonly score: number | null;
}

/** Colours that stay apart from each other, and that text can be read on: see chat.css. */
const COLOURS = 8;

export function Highlighted({ cell }: WidgetProps) {
  const props = propsOf(cell, "highlighted");
  const { session } = useSpace();
  const spans = readSpans(valueOf(cell));
  const labels = [...new Set(spans.flatMap((s) => (s.label === null ? [] : [s.label])))];
  const colour = new Map(labels.map((label, i) => [label, i % COLOURS]));
  const chosen = cell.on["select"] !== undefined;

  const inside = (s: Span) => (
    <>
      {s.text}
      {s.label !== null && <small>{s.label}</small>}
      {s.score !== null && s.label !== null && <small class="score">{percent(s.score)}</small>}
    </>
  );
  return (
    <Field cell={cell} props={props} as="output" class="highlighted">
      {props.legend !== false && labels.length > 1 && (
        <ul class="legend" aria-label="Labels">
          {labels.map((label) => (
            <li key={label} class={`mark-${colour.get(label)}`}>{label}</li>
          ))}
        </ul>
      )}
      {spans.length === 0 ? (
        <p class="nothing">No text yet</p>
      ) : (
        <p class="marked" dir="auto" aria-live="polite">
          {spans.map((s, i) => {
            if (s.label === null && s.score === null) return s.text;
            const look =
              s.label === null
                ? { class: `mark-score${(s.score ?? 0) < 0 ? " negative" : ""}`, style: { "--share": `${Math.round(Math.min(1, Math.abs(s.score ?? 0)) * 70)}%` }, title: String(s.score) }
                : { class: `mark mark-${colour.get(s.label)}` };
            const choose = () => session.fire(cell, "select", i);
            // Not a button: that would not break between lines as a text does.
            const acts = chosen && { role: "button" as const, tabIndex: 0, onClick: choose, onKeyDown: (e: KeyboardEvent) => onPress(e, choose) };
            return (
              <mark key={i} {...look} {...acts}>
                {inside(s)}
              </mark>
            );
          })}
        </p>
      )}
    </Field>
  );
}

function readSpans(value: unknown): readonly Span[] {
  if (!Array.isArray(value)) return [];
  return value.map((raw) => {
    const { text, label, score } = (typeof raw === "object" && raw !== null ? raw : { text: raw }) as Record<string, unknown>;
    return {
      text: asText(text),
      label: typeof label === "string" && label !== "" ? label : null,
      score: typeof score === "number" && Number.isFinite(score) ? score : null,
    };
  });
}

function onPress(e: KeyboardEvent, run: () => void): void {
  if (e.key !== "Enter" && e.key !== " ") return;
  e.preventDefault();
  run();
}

function percent(score: number): string {
  return `${Math.round(score * 100)} %`;
}
