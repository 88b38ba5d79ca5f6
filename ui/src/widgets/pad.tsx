/* Paper to draw on, with a hand, a mouse, a stylus or the keyboard, and the tools beside it. */
import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { MediaIcon } from "./media_icons";
import { Icon } from "./icon";
import { drawStrokes, type Point, type Stroke } from "./strokes";

/** Points of one drawing; a hand that never rests must not fill the memory. */
const POINTS_MAX = 50_000;
const KEY_STEP = 0.02;

interface PadProps {
  readonly id: string;
  readonly label: string;
  readonly strokes: readonly Stroke[];
  readonly set: (strokes: readonly Stroke[], done: boolean) => void;
  /** Width of the pen in parts of the pad's width. */
  readonly brush: number;
  readonly colours: readonly string[];
  readonly disabled: boolean;
  readonly style: Record<string, string>;
  /** Draws what lies below the strokes. */
  readonly below?: ((context: CanvasRenderingContext2D, canvas: HTMLCanvasElement) => void) | undefined;
  readonly onClear: () => void;
  readonly tools?: ComponentChildren;
}

export function Pad({ id, label, strokes, set, brush, colours, disabled, style, below, onClear, tools }: PadProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [erase, setErase] = useState(false);
  const [colour, setColour] = useState(colours[0] ?? "ink");
  const [cursor, setCursor] = useState<{ x: number; y: number; down: boolean } | null>(null);
  const open = useRef<{ pointer: number; strokes: readonly Stroke[] } | null>(null);

  useLayoutEffect(() => paint(canvas.current, strokes, below), [strokes, below]);
  useEffect(() => {
    const element = canvas.current;
    if (!element) return;
    const watch = new ResizeObserver(() => paint(element, strokes, below));
    watch.observe(element);
    return () => watch.disconnect();
  }, [strokes, below]);

  const points = strokes.reduce((sum, s) => sum + s.points.length, 0);
  const width = (pressure: number) => brush * (erase ? 2.5 : 1) * pressure;
  const at = (e: PointerEvent): Point => {
    const box = (e.currentTarget as HTMLElement).getBoundingClientRect();
    const pressure = e.pointerType === "pen" && e.pressure > 0 ? 0.35 + 1.3 * e.pressure : 1;
    return { x: (e.clientX - box.left) / box.width, y: (e.clientY - box.top) / box.height, w: width(pressure) };
  };
  const begin = (p: Point) => [...strokes, { colour, erase, points: [p] }];
  const down = (e: PointerEvent) => {
    if (disabled || open.current || e.button !== 0 || points > POINTS_MAX) return;
    (e.currentTarget as HTMLElement).setPointerCapture(e.pointerId);
    open.current = { pointer: e.pointerId, strokes: begin(at(e)) };
    set(open.current.strokes, false);
  };
  const move = (e: PointerEvent) => {
    const now = open.current;
    if (now?.pointer !== e.pointerId) return;
    const last = now.strokes.at(-1) as Stroke;
    const more = { ...last, points: [...last.points, at(e)] };
    now.strokes = [...now.strokes.slice(0, -1), more];
    set(now.strokes, false);
  };
  const up = (e: PointerEvent) => {
    const now = open.current;
    if (now?.pointer !== e.pointerId) return;
    open.current = null;
    set(now.strokes, true);
  };
  const onKey = (e: KeyboardEvent) => {
    const step = { ArrowLeft: [-KEY_STEP, 0], ArrowRight: [KEY_STEP, 0], ArrowUp: [0, -KEY_STEP], ArrowDown: [0, KEY_STEP] }[e.key];
    const now = cursor ?? { x: 0.5, y: 0.5, down: false };
    if (disabled || (!step && e.key !== " ")) return;
    e.preventDefault();
    const clamp = (v: number) => Math.min(1, Math.max(0, v));
    const next = step ? { ...now, x: clamp(now.x + (step[0] ?? 0)), y: clamp(now.y + (step[1] ?? 0)) } : { ...now, down: !now.down };
    const p = { x: next.x, y: next.y, w: width(1) };
    setCursor(next);
    if (!step) return set(next.down ? begin(p) : strokes, !next.down);
    const last = strokes.at(-1);
    if (next.down && last) set([...strokes.slice(0, -1), { ...last, points: [...last.points, p] }], false);
  };
  const undo = () => set(strokes.slice(0, -1), true);
  return (
    <div class="pad">
      <div class="pad-paper" style={style}>
        <canvas
          ref={canvas}
          id={id}
          tabIndex={disabled ? -1 : 0}
          role="img"
          aria-label={`${label}: draw here. With the keyboard: space puts the pen down and up, arrows move it.`}
          class={erase ? "erases" : ""}
          onPointerDown={down}
          onPointerMove={move}
          onPointerUp={up}
          onPointerCancel={up}
          onKeyDown={onKey}
          onBlur={() => setCursor(null)}
        />
        {cursor && (
          <i class={`pad-cursor${cursor.down ? " down" : ""}`} style={{ left: `${100 * cursor.x}%`, top: `${100 * cursor.y}%` }} />
        )}
      </div>
      {!disabled && (
        <div class="pad-tools" role="toolbar" aria-label={`Tools of ${label}`}>
          <button type="button" class="chip-button" aria-pressed={!erase} title="Pen" onClick={() => setErase(false)}>
            <MediaIcon name="pen" />
            <span class="hidden">Pen</span>
          </button>
          <button type="button" class="chip-button" aria-pressed={erase} title="Eraser" onClick={() => setErase(true)}>
            <MediaIcon name="eraser" />
            <span class="hidden">Eraser</span>
          </button>
          {colours.length > 1 &&
            colours.map((c) => (
              <button
                key={c}
                type="button"
                class="pad-colour"
                aria-pressed={colour === c && !erase}
                title={c}
                style={{ background: c }}
                onClick={() => {
                  setColour(c);
                  setErase(false);
                }}
              >
                <span class="hidden">{c}</span>
              </button>
            ))}
          <button type="button" class="chip-button" disabled={strokes.length === 0} onClick={undo}>
            <MediaIcon name="undo" /> Undo
          </button>
          <button type="button" class="chip-button" onClick={onClear}>
            <Icon name="trash" /> Clear
          </button>
          {tools}
        </div>
      )}
    </div>
  );
}

function paint(canvas: HTMLCanvasElement | null, strokes: readonly Stroke[], below: PadProps["below"]): void {
  const context = canvas?.getContext("2d");
  if (!canvas || !context) return;
  const scale = Math.min(devicePixelRatio || 1, 2);
  const [width, height] = [Math.round(canvas.clientWidth * scale), Math.round(canvas.clientHeight * scale)];
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  context.clearRect(0, 0, width, height);
  // The page's ink, in both themes; a colour that was chosen stays what it is.
  const ink = getComputedStyle(canvas).color;
  drawStrokes(context, strokes.map((s) => (s.colour === "ink" ? { ...s, colour: ink } : s)), width, height);
  if (!below) return;
  context.globalCompositeOperation = "destination-over";
  below(context, canvas);
  context.globalCompositeOperation = "source-over";
}
