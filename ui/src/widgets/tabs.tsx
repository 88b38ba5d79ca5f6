/*
 * Tabs, as the ARIA practices have them: one of the row is in the tab order, arrows go along it and
 * open. A panel is made when it is first opened and then kept, hidden, with what widgets hold in it.
 */
import { useEffect, useRef } from "preact/hooks";
import { propsOf, valueOf, type Cell } from "../state/tree";
import { Nodes } from "./node";
import { idOf, useSpace, type WidgetProps } from "./space";

export function Tabs({ cell }: WidgetProps) {
  const props = propsOf(cell, "tabs");
  const { session } = useSpace();
  const made = useRef(new Set<string>());
  const row = useRef<HTMLDivElement>(null);
  const shown = cell.children.filter((tab) => propsOf(tab, "tab").visible !== false);
  const value = valueOf(cell);
  const open = shown.find((tab) => nameOf(tab) === value) ?? shown[0];
  if (open) made.current.add(open.key);

  useEffect(() => {
    const tab = row.current?.querySelector<HTMLElement>('[aria-selected="true"]');
    const bar = row.current;
    if (!tab || !bar) return;
    bar.scrollLeft = Math.min(Math.max(bar.scrollLeft, tab.offsetLeft + tab.offsetWidth - bar.clientWidth + 32), Math.max(0, tab.offsetLeft - 32));
  }, [open?.key]);

  const show = (tab: Cell | undefined, focus = false) => {
    if (!tab || props.interactive === false) return;
    if (focus) document.getElementById(`${idOf(tab)}-tab`)?.focus();
    if (tab === open) return;
    session.setValue(cell, nameOf(tab));
    session.fire(cell, "change");
    session.fire(tab, "select");
  };
  const onKeyDown = (e: KeyboardEvent) => {
    const at = shown.indexOf(open as Cell);
    const to = STEPS[e.key]?.(at, shown.length);
    if (to === undefined || e.ctrlKey || e.altKey || e.metaKey) return;
    e.preventDefault();
    show(shown[to], true);
  };
  return (
    <div class="tabs">
      <div class="tab-row" role="tablist" aria-label={props.label ?? "Tabs"} ref={row} onKeyDown={onKeyDown}>
        {shown.map((tab) => (
          <button
            key={tab.key}
            type="button"
            role="tab"
            class="tab"
            id={`${idOf(tab)}-tab`}
            aria-selected={tab === open}
            aria-controls={`${idOf(tab)}-panel`}
            tabIndex={tab === open ? 0 : -1}
            disabled={props.interactive === false || propsOf(tab, "tab").interactive === false}
            onClick={() => show(tab)}
          >
            {labelOf(tab)}
          </button>
        ))}
      </div>
      {shown.map((tab) => (
        <div
          key={tab.key}
          class="tab-panel"
          role="tabpanel"
          id={`${idOf(tab)}-panel`}
          aria-labelledby={`${idOf(tab)}-tab`}
          hidden={tab !== open}
        >
          {made.current.has(tab.key) && <Nodes cells={tab.children} />}
        </div>
      ))}
    </div>
  );
}

/** Where a key leads from a place in a row of n. */
const STEPS: Readonly<Record<string, (at: number, n: number) => number>> = {
  ArrowRight: (at, n) => (at + 1) % n,
  ArrowLeft: (at, n) => (at + n - 1) % n,
  Home: () => 0,
  End: (_, n) => n - 1,
};

function nameOf(tab: Cell): string {
  const { name, label } = propsOf(tab, "tab");
  return name ?? label ?? "";
}

function labelOf(tab: Cell): string {
  const { name, label } = propsOf(tab, "tab");
  return label || name || "";
}
