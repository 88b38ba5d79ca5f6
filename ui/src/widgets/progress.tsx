/* How far a handler is. */
import { readProgress, type Progress as State } from "../state/page";
import { propsOf, valueOf } from "../state/tree";
import type { WidgetProps } from "./space";

export function Progress({ cell }: WidgetProps) {
  const props = propsOf(cell, "progress");
  const state = readProgress(valueOf(cell));
  return state && <ProgressBar state={state} label={props.label ?? "Progress"} />;
}

export function ProgressBar({ state, label }: { state: State; label: string }) {
  const { fraction, message } = state;
  return (
    <div class="progress">
      <div class="progress-words">
        <span>{message || label}</span>
        {fraction !== null && <span class="bar-percent">{Math.round(100 * fraction)} %</span>}
      </div>
      {fraction === null ? (
        <progress aria-label={message || label} />
      ) : (
        <progress aria-label={message || label} value={fraction} max={1} />
      )}
    </div>
  );
}
