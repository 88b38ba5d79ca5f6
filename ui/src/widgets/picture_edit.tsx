/* A picture before it is sent: turned by quarters, and cut to what matters. */
import { useEffect, useRef, useState } from "preact/hooks";
import { MediaIcon } from "./media_icons";
import { cutOf, type Cut } from "./media_rules";

interface EditProps {
  readonly file: File;
  readonly send: (file: File) => void;
  readonly fail: (words: string) => void;
  readonly close: () => void;
}

/** Sides of what is sent; a telephone's picture has more, and no model looks at it. */
const SIDE_MAX = 4096;

export function PictureEdit({ file, send, fail, close }: EditProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [picture, setPicture] = useState<ImageBitmap | null>(null);
  const [quarters, setQuarters] = useState(0);
  const [cut, setCut] = useState<Cut | null>(null);
  const from = useRef<readonly [number, number] | null>(null);

  useEffect(() => {
    let bitmap: ImageBitmap | null = null;
    createImageBitmap(file).then(
      (made) => {
        bitmap = made;
        setPicture(made);
      },
      () => {
        fail(`“${file.name}” is not a picture that this browser can show.`);
        close();
      },
    );
    return () => bitmap?.close();
  }, [file]);
  useEffect(() => {
    if (canvas.current && picture) drawTurned(canvas.current, picture, quarters);
  }, [picture, quarters]);

  const turn = (by: number) => {
    setQuarters((quarters + by + 4) % 4);
    setCut(null);
  };
  const at = (e: PointerEvent): readonly [number, number] => {
    const box = (e.currentTarget as HTMLElement).getBoundingClientRect();
    return [(e.clientX - box.left) / box.width, (e.clientY - box.top) / box.height];
  };
  const square = () => {
    const shown = canvas.current;
    if (!shown) return;
    const side = Math.min(shown.width, shown.height);
    const [w, h] = [side / shown.width, side / shown.height];
    setCut({ x: (1 - w) / 2, y: (1 - h) / 2, width: w, height: h });
  };
  const finish = () => {
    if (!canvas.current) return;
    if (quarters === 0 && !cut) {
      send(file);
      close();
      return;
    }
    cutOut(canvas.current, cut).toBlob((blob) => {
      if (blob) send(new File([blob], file.name.replace(/\.\w+$/, "") + ".png", { type: "image/png" }));
      close();
    }, "image/png");
  };
  return (
    <div class="picture-edit" role="group" aria-label="Turn and cut the picture">
      <div
        class="edit-stage"
        onPointerDown={(e) => {
          (e.currentTarget as HTMLElement).setPointerCapture(e.pointerId);
          from.current = at(e);
          setCut(null);
        }}
        onPointerMove={(e) => from.current && setCut(cutOf(from.current, at(e)))}
        onPointerUp={() => (from.current = null)}
      >
        <canvas ref={canvas} aria-label={file.name} role="img" />
        {cut && <i class="edit-cut" style={{ left: pc(cut.x), top: pc(cut.y), width: pc(cut.width), height: pc(cut.height) }} />}
      </div>
      <div class="media-actions">
        <button type="button" class="chip-button" onClick={() => turn(-1)}>
          <MediaIcon name="turn" /> Turn left
        </button>
        <button type="button" class="chip-button" onClick={() => turn(1)}>
          <span class="mirrored">
            <MediaIcon name="turn" />
          </span>{" "}
          Turn right
        </button>
        <button type="button" class="chip-button" onClick={square}>
          <MediaIcon name="crop" /> Square
        </button>
        <button type="button" class="chip-button" disabled={!cut} onClick={() => setCut(null)}>
          <MediaIcon name="whole" /> Whole
        </button>
        <span class="media-space" />
        <button type="button" class="button secondary small" onClick={close}>
          Cancel
        </button>
        <button type="button" class="button primary small" disabled={!picture} onClick={finish}>
          Use it
        </button>
      </div>
    </div>
  );
}

function pc(part: number): string {
  return `${100 * part}%`;
}

function drawTurned(canvas: HTMLCanvasElement, picture: ImageBitmap, quarters: number): void {
  const scale = Math.min(1, SIDE_MAX / Math.max(picture.width, picture.height));
  const [w, h] = [Math.round(picture.width * scale), Math.round(picture.height * scale)];
  const [width, height] = quarters % 2 ? [h, w] : [w, h];
  const context = canvas.getContext("2d");
  Object.assign(canvas, { width, height });
  if (!context) return;
  context.translate(width / 2, height / 2);
  context.rotate((quarters * Math.PI) / 2);
  context.drawImage(picture, -w / 2, -h / 2, w, h);
  context.setTransform(1, 0, 0, 1, 0, 0);
}

function cutOut(from: HTMLCanvasElement, cut: Cut | null): HTMLCanvasElement {
  if (!cut) return from;
  const to = document.createElement("canvas");
  const [x, y] = [Math.round(cut.x * from.width), Math.round(cut.y * from.height)];
  Object.assign(to, { width: Math.max(1, Math.round(cut.width * from.width)), height: Math.max(1, Math.round(cut.height * from.height)) });
  to.getContext("2d")?.drawImage(from, x, y, to.width, to.height, 0, 0, to.width, to.height);
  return to;
}
