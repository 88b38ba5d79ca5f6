/*
 * Gives the visitor a file: the one it has, or the one that its handler makes. A click that has a
 * handler waits for its end; what the button then holds is fetched.
 */
import { useEffect, useRef } from "preact/hooks";
import { propsOf } from "../state/tree";
import { lookOf, Ornament } from "./button_look";
import { Icon } from "./icon";
import { addressOf } from "./address";
import { idOf, useBusy, useSpace, type FileValue, type WidgetProps } from "./space";

export function DownloadButton({ cell }: WidgetProps) {
  const props = propsOf(cell, "download_button");
  const { session, base } = useSpace();
  const busy = useBusy(cell);
  const clicked = useRef(false);
  const file = (props.value ?? null) as FileValue | null;
  const address = addressOf(file, base);
  const name = typeof file?.name === "string" ? file.name : "";
  const makes = cell.on["click"] !== undefined;

  useEffect(() => {
    if (busy || !clicked.current) return;
    clicked.current = false;
    if (address && !session.page.failures.peek().has(cell.n)) fetchAs(address, name);
  }, [busy]);

  const onClick = () => {
    if (busy) return;
    if (!makes) return address ? fetchAs(address, name) : undefined;
    clicked.current = session.fire(cell, "click");
  };
  return (
    <div class={busy ? "action busy" : "action"}>
      <button
        type="button"
        id={idOf(cell)}
        class={lookOf(cell)}
        disabled={props.interactive === false || (!makes && !address)}
        aria-disabled={busy}
        aria-busy={busy}
        title={props.info}
        onClick={onClick}
      >
        <span class="spinner" aria-hidden="true" />
        {props.icon === undefined ? <Icon name="download" /> : <Ornament cell={cell} />}
        <span>{props.label || "Download"}</span>
      </button>
    </div>
  );
}

function fetchAs(address: string, name: string): void {
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
}
