/*
 * What folds away or stands over the page. Its children are made when it is first opened and then
 * kept, with what widgets hold in them. Whether it is open is a value: a reload finds it.
 */
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { propsOf, valueOf, type Cell } from "../state/tree";
import { Icon } from "./icon";
import { Nodes } from "./node";
import { idOf, useSpace, type WidgetProps } from "./space";

function Made({ open, cell }: { open: boolean; cell: Cell }) {
  const made = useRef(false);
  made.current ||= open;
  return made.current ? <Nodes cells={cell.children} /> : null;
}

export function Accordion({ cell }: WidgetProps) {
  const props = propsOf(cell, "accordion");
  const { session } = useSpace();
  const id = idOf(cell);
  const open = valueOf(cell) !== false;
  return (
    <div class={open ? "accordion open" : "accordion"}>
      <button
        type="button"
        class="accordion-head"
        id={`${id}-head`}
        aria-expanded={open}
        aria-controls={`${id}-body`}
        disabled={props.interactive === false}
        onClick={() => {
          session.setValue(cell, !open);
          session.fire(cell, "change");
        }}
      >
        <Icon name="chevron" />
        <span>{props.label || "More"}</span>
        {props.info && <span class="accordion-info">{props.info}</span>}
      </button>
      <div class="accordion-body" id={`${id}-body`} role="group" aria-labelledby={`${id}-head`} hidden={!open}>
        <Made open={open} cell={cell} />
      </div>
    </div>
  );
}

const WIDE = "(min-width: 900px)";

/** Is there room beside the page? */
function useWide(): boolean {
  const query = typeof matchMedia === "function" ? matchMedia(WIDE) : null;
  const [wide, setWide] = useState(query?.matches ?? true);
  useEffect(() => {
    const told = () => setWide(query?.matches ?? true);
    query?.addEventListener("change", told);
    return () => query?.removeEventListener("change", told);
  }, []);
  return wide;
}

export function Sidebar({ cell }: WidgetProps) {
  const props = propsOf(cell, "sidebar");
  const { session } = useSpace();
  const wide = useWide();
  const [peek, setPeek] = useState(false);
  const toggle = useRef<HTMLButtonElement>(null);
  const side = props.position === "right" ? "right" : "left";
  const width = typeof props.width === "number" ? props.width : 280;
  const open = wide ? valueOf(cell) !== false : peek;
  const name = props.label || "Sidebar";
  const id = idOf(cell);

  // The page makes room: its stylesheet reads this.
  useLayoutEffect(() => {
    document.documentElement.style.setProperty(`--sidebar-${side}`, `${width}px`);
    return () => document.documentElement.style.removeProperty(`--sidebar-${side}`);
  }, [side, width]);

  const turn = (to: boolean) => {
    if (!wide) return setPeek(to);
    session.setValue(cell, to);
    session.fire(cell, "change");
  };
  return (
    <div
      class={`sidebar-frame ${side}${open ? " open" : ""}${wide ? " wide" : ""}`}
      style={{ "--width": `${width}px` }}
      onKeyDown={(e) => {
        if (e.key !== "Escape" || wide || !open) return;
        turn(false);
        toggle.current?.focus();
      }}
    >
      {!wide && open && <div class="sidebar-shade" onClick={() => turn(false)} />}
      <button
        ref={toggle}
        type="button"
        class="icon-button sidebar-toggle"
        aria-expanded={open}
        aria-controls={`${id}-body`}
        aria-label={`${open ? "Hide" : "Show"}: ${name}`}
        onClick={() => turn(!open)}
      >
        <Icon name={open ? "close" : "menu"} />
      </button>
      <aside class="sidebar" id={`${id}-body`} aria-label={name} hidden={!open}>
        {props.label && <p class="sidebar-title">{props.label}</p>}
        <Made open={open} cell={cell} />
      </aside>
    </div>
  );
}

export function Modal({ cell }: WidgetProps) {
  const props = propsOf(cell, "modal");
  const { session } = useSpace();
  const dialog = useRef<HTMLDialogElement>(null);
  const id = idOf(cell);
  const open = valueOf(cell) === true;
  const fixed = props.interactive === false;

  // The browser's own modal keeps the focus inside, and gives it back.
  useLayoutEffect(() => {
    const box = dialog.current;
    if (!box || box.open === open) return;
    if (open) box.showModal();
    else box.close();
  }, [open]);

  const shut = () => {
    if (fixed) return;
    session.setValue(cell, false);
    session.fire(cell, "close");
  };
  return (
    <dialog
      ref={dialog}
      class={`modal ${props.size ?? "medium"}`}
      aria-labelledby={`${id}-label`}
      onCancel={(e) => {
        e.preventDefault();
        shut();
      }}
      onMouseDown={(e) => e.target === e.currentTarget && shut()}
    >
      <div class="modal-body">
        <div class="modal-head">
          <h2 class="modal-title" id={`${id}-label`}>
            {props.label || "Dialog"}
          </h2>
          {!fixed && (
            <button type="button" class="icon-button" aria-label="Close" onClick={shut}>
              <Icon name="close" />
            </button>
          )}
        </div>
        {props.info && <p class="field-info">{props.info}</p>}
        <Made open={open} cell={cell} />
      </div>
    </dialog>
  );
}
