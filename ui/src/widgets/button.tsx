/* Does something, and can be told to stop while it does; or leads somewhere. */
import { Icon } from "./icon";
import { propsOf } from "../state/tree";
import { lookOf, Ornament } from "./button_look";
import { httpLink } from "./link";
import { useBusy, useSpace, idOf, type WidgetProps } from "./space";
import { useClickPrice } from "./price";
import { asText } from "./textbox";

export function Button({ cell }: WidgetProps) {
  const props = propsOf(cell, "button");
  const { session } = useSpace();
  const busy = useBusy(cell);
  const price = useClickPrice(cell);
  // Unless its handler says otherwise, a second click while it runs is a mistake.
  const waits = busy && (cell.on["click"]?.trigger ?? "once") === "once";
  const link = httpLink(props.link);
  const words = (
    <>
      <Ornament cell={cell} />
      <span>{asText(props.value) || props.label || "Run"}</span>
    </>
  );
  if (link && props.interactive !== false) {
    return (
      <div class="action">
        <a
          id={idOf(cell)}
          class={lookOf(cell)}
          href={link}
          target="_blank"
          rel="noopener noreferrer"
          title={props.info}
          onClick={() => session.fire(cell, "click")}
        >
          {words}
          <span class="hidden">, opens in a new tab</span>
        </a>
      </div>
    );
  }
  const dead = props.interactive === false || !cell.on["click"];
  return (
    <div class={busy ? "action busy" : "action"}>
      <button
        type="button"
        id={idOf(cell)}
        class={lookOf(cell)}
        disabled={dead}
        aria-disabled={waits}
        aria-busy={busy}
        title={[props.info, price].filter(Boolean).join(" · ") || undefined}
        onClick={() => !waits && session.fire(cell, "click")}
      >
        <span class="spinner" aria-hidden="true" />
        {words}
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
