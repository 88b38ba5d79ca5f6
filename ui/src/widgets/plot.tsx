/*
 * Lines, areas, bars and points, drawn from data. A pointer reads values, a drag zooms in, the
 * legend hides series; the keyboard can do each of these, and the numbers are there as a table.
 */
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { propsOf, valueOf } from "../state/tree";
import css from "../styles/plot.css" with { type: "text" };
import { Field } from "./field";
import { draw, type Frame, type Look } from "./plot_draw";
import { nearest, PlotReader, spanOfX, spanOfY, spanSaid, stops, valueText, within, wordsOf, zoomed, type Data, type Span } from "./plot_model";
import { idOf, useSpace, type WidgetProps } from "./space";
import { addStyle } from "./style";

addStyle(css as string);

const DRAG_LEAST = 6; // px; less is a click
const COLOURS = 8; // --plot-1 … of plot.css

export function Plot({ cell }: WidgetProps) {
  const props = propsOf(cell, "plot");
  const reader = useRef(new PlotReader());
  const value = valueOf(cell);
  const data = useMemo(
    () => reader.current.read(value, props.kind, props.axis, props.window),
    [value, props.kind, props.axis, props.window],
  );
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const shown = useMemo(() => new Set(data.series.flatMap((s, i) => (hidden.has(s.name) ? [] : [i]))), [data, hidden]);
  const toggle = (name: string) => {
    const next = new Set(hidden);
    if (!next.delete(name)) next.add(name);
    setHidden(next);
  };
  const some = data.series.some((s) => s.x.length > 0);
  return (
    <Field cell={cell} props={props} as="output" class="plot">
      {some ? <Area cell={cell} data={data} shown={shown} /> : <p class="nothing">Nothing to draw yet</p>}
      {some && data.series.length > 1 && <Legend data={data} hidden={hidden} toggle={toggle} />}
      {some && <Numbers data={data} />}
    </Field>
  );
}

function Area({ cell, data, shown }: WidgetProps & { data: Data; shown: ReadonlySet<number> }) {
  const props = propsOf(cell, "plot");
  const { session } = useSpace();
  const box = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const frame = useRef<Frame | null>(null);
  const drag = useRef<number | null>(null);
  const [zoom, setZoom] = useState<Span | null>(null);
  const [at, setAt] = useState<number | null>(null);
  const [chosen, setChosen] = useState<Span | null>(null);
  const [said, setSaid] = useState("");
  const width = useWidth(box);
  const theme = useThemeChange();
  const height = typeof props.height === "number" ? Math.max(120, Math.min(2000, props.height)) : 300;
  const log = props.log === true;

  const whole = (data.axis === "number" ? spanSaid(props.x_range) : null) ?? spanOfX(data, shown) ?? { from: 0, to: 1 };
  const x = (zoom && within(zoom, whole)) ?? whole;
  const rangeY = spanSaid(props.y_range);
  const y = useMemo(() => (rangeY && !(log && rangeY.from <= 0) ? rangeY : spanOfY(data, shown, x, log)), [data, shown, x.from, x.to, log, rangeY?.from, rangeY?.to]);
  const points = at === null ? [] : nearest(data, shown, at, x);
  const snapped = points.reduce<number | null>((best, p, i) => {
    const v = data.series[i]?.x[p];
    return v !== undefined && (best === null || Math.abs(v - (at ?? 0)) < Math.abs(best - (at ?? 0))) ? v : best;
  }, null);
  const together = points.map((p, i) => (data.series[i]?.x[p] === snapped ? p : -1));

  useLayoutEffect(() => {
    const ctx = canvas.current?.getContext("2d");
    if (!ctx || !canvas.current || width === 0) return;
    const ratio = Math.min(3, window.devicePixelRatio || 1);
    canvas.current.width = Math.round(width * ratio);
    canvas.current.height = Math.round(height * ratio);
    ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
    const labels = { xLabel: props.x_label ?? "", yLabel: props.y_label ?? "" };
    frame.current = draw(ctx, { data, shown, x, y, log, ...labels, width, height, dot: dotSize(props.dot_size), at: snapped, points: together, chosen }, lookOf(canvas.current));
  });

  const go = (next: Span | null) => setZoom(next && within(next, whole));
  const choose = (span: Span) => {
    go(span);
    session.fire(cell, "select", inAppsWords(data, span));
  };
  const onKeyDown = (e: KeyboardEvent) => {
    const all = stops(data, shown, x);
    const step = e.key === "ArrowRight" ? 1 : e.key === "ArrowLeft" ? -1 : 0;
    if (step !== 0 && e.shiftKey) go(zoomed(x, 1, (x.from + x.to) / 2, step * 0.2));
    else if (step !== 0) {
      const now = snapped === null ? -1 : all.indexOf(snapped);
      const next = all[now < 0 ? (step > 0 ? 0 : all.length - 1) : Math.max(0, Math.min(all.length - 1, now + step))];
      if (next === undefined) return;
      setAt(next);
      setSaid(tipWords(data, nearest(data, shown, next, x), next));
    } else if (e.key === "+" || e.key === "=") go(zoomed(x, 0.5, snapped ?? (x.from + x.to) / 2));
    else if (e.key === "-") go(zoomed(x, 2, (x.from + x.to) / 2));
    else if (e.key === "Escape" || e.key === "0") {
      go(null);
      setAt(null);
    } else return;
    e.preventDefault();
  };
  const xOf = (e: PointerEvent): number => {
    const left = box.current?.getBoundingClientRect().left ?? 0;
    return frame.current?.fromX(e.clientX - left) ?? 0;
  };
  const clamp = (v: number) => Math.max(x.from, Math.min(x.to, v));

  return (
    <div class="plot-frame">
      <div
        ref={box}
        class="plot-area"
        tabIndex={0}
        role="application"
        aria-roledescription="plot"
        aria-label={`${props.label ?? "Plot"}: ${summary(data)}`}
        style={{ height: `${height}px` }}
        onKeyDown={onKeyDown}
        onDblClick={() => go(null)}
        onPointerDown={(e) => {
          if (e.button !== 0 || e.pointerType === "touch") return;
          drag.current = xOf(e);
          e.currentTarget.setPointerCapture(e.pointerId);
        }}
        onPointerMove={(e) => {
          const v = xOf(e);
          setAt(v >= x.from && v <= x.to ? v : null);
          if (drag.current !== null) setChosen({ from: clamp(drag.current), to: clamp(v) });
        }}
        onPointerUp={(e) => {
          const f = frame.current;
          const begin = drag.current;
          drag.current = null;
          setChosen(null);
          if (begin === null || !f) return;
          const [a, b] = [clamp(begin), clamp(xOf(e))];
          if (Math.abs(f.toX(a) - f.toX(b)) >= DRAG_LEAST) choose({ from: Math.min(a, b), to: Math.max(a, b) });
        }}
        onPointerLeave={() => setAt(null)}
        onBlur={() => setAt(null)}
        data-theme-seen={theme}
      >
        <canvas ref={canvas} aria-hidden="true" />
        {snapped !== null && frame.current && <Tip data={data} points={together} at={snapped} left={frame.current.toX(snapped)} width={width} />}
      </div>
      <p class="hidden" aria-live="polite" id={`${idOf(cell)}-said`}>
        {said}
      </p>
      {zoom && x !== whole && (
        <button type="button" class="chip-button plot-reset" onClick={() => go(null)}>
          Show all
        </button>
      )}
    </div>
  );
}

function Tip({ data, points, at, left, width }: { data: Data; points: readonly number[]; at: number; left: number; width: number }) {
  const side = left > width / 2 ? { right: `${width - left + 12}px` } : { left: `${left + 12}px` };
  return (
    <div class="plot-tip" style={side} aria-hidden="true">
      <p>{wordsOf(data, at)}</p>
      {points.map((p, i) => {
        const s = data.series[i];
        return p < 0 || !s ? null : (
          <p key={i}>
            <i class={`plot-key c${(i % COLOURS) + 1}`} />
            <span>{s.name}</span>
            <b>{valueText(s.y[p] ?? NaN)}</b>
          </p>
        );
      })}
    </div>
  );
}

function Legend({ data, hidden, toggle }: { data: Data; hidden: ReadonlySet<string>; toggle: (name: string) => void }) {
  return (
    <div class="plot-legend">
      {data.series.map((s, i) => (
        <button key={i} type="button" class="chip-button" aria-pressed={!hidden.has(s.name)} onClick={() => toggle(s.name)}>
          <i class={`plot-key c${(i % COLOURS) + 1}`} />
          <span>{s.name}</span>
        </button>
      ))}
    </div>
  );
}

const ROWS_SHOWN = 200;

/** The same for who does not see it, and for who wants the number. */
function Numbers({ data }: { data: Data }) {
  const [open, setOpen] = useState(false);
  return (
    <details class="plot-numbers" open={open} onToggle={(e) => setOpen(e.currentTarget.open)}>
      <summary>Data</summary>
      {open && <NumbersTable data={data} />}
    </details>
  );
}

function NumbersTable({ data }: { data: Data }) {
  const all = new Set(data.series.map((_, i) => i));
  const xs = stops(data, all, { from: -Infinity, to: Infinity });
  const rows = xs.slice(-ROWS_SHOWN);
  const places = data.series.map((s) => new Map(s.x.map((x, i) => [x, i])));
  return (
    <div class="table-scroll" tabIndex={0}>
      <table>
        <thead>
          <tr>
            <th scope="col">{data.axis === "time" ? "Time" : "x"}</th>
            {data.series.map((s, i) => (
              <th key={i} scope="col">
                {s.name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((x) => (
            <tr key={x}>
              <th scope="row">{wordsOf(data, x)}</th>
              {data.series.map((s, i) => (
                <td key={i}>{valueText(s.y[places[i]?.get(x) ?? -1] ?? NaN)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {xs.length > rows.length && <p class="nothing">The last {rows.length} of {xs.length}</p>}
    </div>
  );
}

function dotSize(said: unknown): number {
  return typeof said === "number" ? Math.max(1, Math.min(100, said)) : 7;
}

/** What a screen reader is told of the picture. */
function summary(data: Data): string {
  const named = data.series.slice(0, 5).map((s) => `${s.name} (${s.kind}, ${s.x.length} points)`);
  const more = data.series.length > 5 ? `, ${data.series.length - 5} more` : "";
  return `${named.join(", ")}${more}. Arrow keys read values, plus and minus zoom.`;
}

function tipWords(data: Data, points: readonly number[], at: number): string {
  const values = points.flatMap((p, i) => {
    const s = data.series[i];
    return s && p >= 0 && s.x[p] === at ? [`${s.name} ${valueText(s.y[p] ?? NaN)}`] : [];
  });
  return `${wordsOf(data, at)}: ${values.join(", ")}`;
}

/** Seconds for times, places from 1 for categories. */
function inAppsWords(data: Data, { from, to }: Span): { from: number; to: number } {
  if (data.axis === "time") return { from: from / 1000, to: to / 1000 };
  if (data.axis === "category") return { from: Math.max(1, Math.ceil(from) + 1), to: Math.max(1, Math.floor(to) + 1) };
  return { from, to };
}

function useWidth(box: { readonly current: HTMLElement | null }): number {
  const [width, setWidth] = useState(0);
  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return;
    setWidth(element.clientWidth);
    const observer = new ResizeObserver(() => setWidth(element.clientWidth));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return width;
}

/** Colours of a canvas do not follow the theme by themselves. */
function useThemeChange(): number {
  const [count, setCount] = useState(0);
  useEffect(() => {
    const changed = () => setCount((n) => n + 1);
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const observer = new MutationObserver(changed);
    observer.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme", "style", "class"] });
    dark.addEventListener("change", changed);
    return () => {
      observer.disconnect();
      dark.removeEventListener("change", changed);
    };
  }, []);
  return count;
}

function lookOf(element: HTMLElement): Look {
  const style = getComputedStyle(element);
  const read = (name: string) => style.getPropertyValue(name).trim() || style.color;
  const series: string[] = [];
  for (let i = 1; i <= COLOURS; i++) series.push(read(`--plot-${i}`));
  return {
    ink: read("--ink"),
    muted: read("--muted"),
    line: read("--line"),
    surface: read("--surface"),
    series,
    font: `12px ${style.fontFamily}`,
  };
}
