/* A picture that the visitor draws, on paper or on what is there; it is sent when it is done. */
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { propsOf, type Cell } from "../state/tree";
import { Pad } from "./pad";
import { useSending } from "./sending";
import { idOf } from "./space";
import type { Stroke } from "./strokes";

const COLOURS = ["black", "crimson", "darkorange", "seagreen", "royalblue", "purple", "white"];
const PAPER = "white";

export function Drawing({ cell, source }: { cell: Cell; source: string | null }) {
  const props = propsOf(cell, "image");
  const { sending, send, clear } = useSending(cell);
  const [strokes, setStrokes] = useState<readonly Stroke[]>([]);
  const [ground, setGround] = useState<HTMLImageElement | null>(null);
  const frame = useRef<HTMLDivElement>(null);

  useEffect(() => {
    setGround(null);
    if (!source) return;
    const image = new globalThis.Image();
    image.onload = () => {
      setGround(image);
      setStrokes([]); // they are part of what has come back
    };
    image.src = source;
    return () => (image.onload = null);
  }, [source]);
  const below = useCallback(
    (context: CanvasRenderingContext2D, canvas: HTMLCanvasElement) => {
      if (ground) {
        const scale = Math.min(canvas.width / ground.naturalWidth, canvas.height / ground.naturalHeight);
        const [w, h] = [ground.naturalWidth * scale, ground.naturalHeight * scale];
        context.drawImage(ground, (canvas.width - w) / 2, (canvas.height - h) / 2, w, h);
      }
      context.fillStyle = PAPER;
      context.fillRect(0, 0, canvas.width, canvas.height);
    },
    [ground],
  );
  const finish = () =>
    frame.current?.querySelector("canvas")?.toBlob((blob) => {
      if (blob) send(new File([blob], "drawing.png", { type: "image/png" }));
    }, "image/png");
  return (
    <div ref={frame}>
      <Pad
        id={idOf(cell)}
        label={props.label ?? "Drawing"}
        strokes={strokes}
        set={(next) => setStrokes(next)}
        brush={0.012}
        colours={COLOURS}
        disabled={sending !== null}
        style={{ height: `${props.height ?? 320}px` }}
        below={below}
        onClear={() => {
          setStrokes([]);
          if (source) clear();
        }}
        tools={
          <button type="button" class="button primary small media-end" disabled={strokes.length === 0} onClick={finish}>
            Use the drawing
          </button>
        }
      />
      {sending && <progress value={sending.fraction} max={1} aria-label="Uploading the drawing" />}
    </div>
  );
}
