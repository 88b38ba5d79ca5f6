/* Does something, and can be told to stop while it does. */
import { Icon } from "./icon";
import { propsOf } from "../state/tree";
import { useBusy, useSpace, idOf, type WidgetProps } from "./space";
import { asText } from "./textbox";

export function Button({ cell }: WidgetProps) {
  const props = propsOf(cell, "button");
  const { session } = useSpace();
  const busy = useBusy(cell);
  const dead = props.interactive === false || !cell.on["click"];
  return (
    <div class={busy ? "action busy" : "action"}>
      <button
        type="button"
        id={idOf(cell)}
        class={`button ${props.variant ?? "secondary"}`}
        disabled={dead}
        aria-disabled={busy}
        aria-busy={busy}
        title={props.info}
        onClick={() => !busy && session.fire(cell, "click")}
      >
        <span class="spinner" aria-hidden="true" />
        <span>{asText(props.value) || props.label || "Run"}</span>
      </button>
      {busy && (
        <button type="button" class="button stop late" title="Stop" onClick={() => session.cancel(cell.n)}>
          <Icon name="stop" />
          <span class="hidden">Stop</span>
        </button>
      )}
    </div>
  );
}
