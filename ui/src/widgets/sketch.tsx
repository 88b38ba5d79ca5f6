/* A pad for a sign; the app gets it small and gray after each line. */
import { useCallback, useRef, useState } from "preact/hooks";
import { propsOf, valueOf } from "../state/tree";
import { Field } from "./field";
import { Pad } from "./pad";
import { idOf, useSpace, type WidgetProps } from "./space";
import { readGrid, toGrid, type Stroke } from "./strokes";

interface Grid {
  readonly width: number;
  readonly height: number;
  readonly pixels: readonly number[];
}

const NONE: readonly Stroke[] = [];

/** The state's copy of a value is another object. */
function isSame(a: Grid | null, value: unknown): boolean {
  const b = readGrid(value);
  return a === null || b === null ? a === b : a.width === b.side && a.pixels.every((p, i) => p === b.pixels[i]);
}

export function Sketch({ cell }: WidgetProps) {
  const props = propsOf(cell, "sketch");
  const { session } = useSpace();
  const [strokes, setStrokes] = useState<readonly Stroke[]>([]);
  /** What the strokes became; undefined while a line is being drawn. */
  const sent = useRef<Grid | null | undefined>(undefined);
  const side = props.grid ?? 28;
  const value = valueOf(cell) ?? null;
  // The app has cleared or changed it, or the page was loaded anew: what it says is what is seen.
  const own = strokes.length > 0 && (sent.current === undefined || isSame(sent.current, value));
  const grid = own ? null : readGrid(value);
  const below = useCallback(
    (context: CanvasRenderingContext2D, canvas: HTMLCanvasElement) => {
      const small = document.createElement("canvas");
      const dots = small.getContext("2d");
      if (!grid || !dots) return;
      Object.assign(small, { width: grid.side, height: grid.side });
      dots.fillStyle = getComputedStyle(canvas).color;
      grid.pixels.forEach((p, i) => {
        dots.globalAlpha = p / 255;
        dots.fillRect(i % grid.side, Math.floor(i / grid.side), 1, 1);
      });
      context.imageSmoothingEnabled = false;
      context.drawImage(small, 0, 0, canvas.width, canvas.height);
    },
    [value, own],
  );

  const tell = (next: readonly Stroke[]) => {
    const pixels = toGrid(next, side);
    const now = pixels && { width: side, height: side, pixels };
    sent.current = now;
    session.setValue(cell, now);
    session.fire(cell, "change");
  };
  const set = (next: readonly Stroke[], done: boolean) => {
    setStrokes(next);
    if (done) tell(next);
    else sent.current = undefined;
  };
  const clear = () => {
    setStrokes([]);
    sent.current = undefined;
    session.setValue(cell, null);
    session.fire(cell, "clear");
    session.fire(cell, "change");
  };
  return (
    <Field cell={cell} props={props} as="group">
      <Pad
        id={idOf(cell)}
        label={props.label ?? "Drawing"}
        strokes={own ? strokes : NONE}
        set={set}
        brush={(props.brush ?? 7) / 100}
        colours={["ink"]}
        disabled={props.interactive === false}
        style={{ width: `min(100%, ${props.height ?? 280}px)`, aspectRatio: "1" }}
        below={grid ? below : undefined}
        onClear={clear}
      />
    </Field>
  );
}
