/* Pictures in a grid. One opens large; arrow keys, and a finger on its sides, go on from there. */
import { useEffect, useRef, useState } from "preact/hooks";
import { propsOf, valueOf } from "../state/tree";
import css from "../styles/gallery.css" with { type: "text" };
import { addressOf } from "./address";
import { Field } from "./field";
import { Icon } from "./icon";
import { useSpace, type WidgetProps } from "./space";
import { addStyle } from "./style";

addStyle(css as string);

interface Picture {
  readonly source: string;
  readonly caption: string;
  readonly name: string;
}

export function Gallery({ cell }: WidgetProps) {
  const props = propsOf(cell, "gallery");
  const { base, session } = useSpace();
  const [open, setOpen] = useState<number | null>(null);
  const pictures = picturesOf(valueOf(cell), base);
  const columns = typeof props.columns === "number" ? Math.max(1, Math.min(12, props.columns)) : 0;
  const style: Record<string, string> = {};
  if (columns) style["gridTemplateColumns"] = `repeat(${columns}, minmax(0, 1fr))`;
  if (typeof props.height === "number") style["maxHeight"] = `${props.height}px`;
  const show = (at: number) => {
    setOpen(at);
    session.fire(cell, "select", { index: at });
  };
  return (
    <Field cell={cell} props={props} as="output" class="gallery">
      {pictures.length === 0 ? (
        <p class="nothing">
          <Icon name="image" />
          No pictures yet
        </p>
      ) : (
        <ul class="gallery-grid" role="list" aria-label={props.label ?? "Pictures"} style={style}>
          {pictures.map((p, i) => (
            <li key={p.source}>
              <button type="button" class="gallery-item" aria-current={props.selected === i + 1} onClick={() => show(i)}>
                <img src={p.source} alt={p.caption || p.name} loading="lazy" />
              </button>
              {p.caption && <p aria-hidden="true">{p.caption}</p>}
            </li>
          ))}
        </ul>
      )}
      {open !== null && pictures[open] && <Large pictures={pictures} at={open} go={show} close={() => setOpen(null)} />}
    </Field>
  );
}

interface LargeProps {
  readonly pictures: readonly Picture[];
  readonly at: number;
  go(at: number): void;
  close(): void;
}

function Large({ pictures, at, go, close }: LargeProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  const picture = pictures[at];
  if (!picture) return null;
  const step = (by: number) => go((at + by + pictures.length) % pictures.length);
  const onKeyDown = (e: KeyboardEvent) => {
    if (e.key !== "ArrowLeft" && e.key !== "ArrowRight") return;
    e.preventDefault();
    step(e.key === "ArrowLeft" ? -1 : 1);
  };
  return (
    <dialog ref={dialog} class="gallery-large" aria-label={picture.caption || picture.name} onClose={close} onKeyDown={onKeyDown}>
      <img src={picture.source} alt={picture.caption || picture.name} />
      <div class="gallery-bar">
        <p aria-live="polite">
          <span>{picture.caption}</span> <small>{`${at + 1} of ${pictures.length}`}</small>
        </p>
        {pictures.length > 1 && (
          <>
            <button type="button" class="chip-button" onClick={() => step(-1)}>
              <Icon name="chevron" class="turned" />
              <span class="hidden">Previous picture</span>
            </button>
            <button type="button" class="chip-button" onClick={() => step(1)}>
              <Icon name="chevron" />
              <span class="hidden">Next picture</span>
            </button>
          </>
        )}
        <a class="chip-button" href={picture.source} download={picture.name}>
          <Icon name="download" />
          <span class="hidden">Download</span>
        </a>
        <button type="button" class="chip-button" onClick={() => dialog.current?.close()}>
          <Icon name="close" />
          <span class="hidden">Close</span>
        </button>
      </div>
    </dialog>
  );
}

function picturesOf(value: unknown, base: string): Picture[] {
  if (!Array.isArray(value)) return [];
  const pictures: Picture[] = [];
  for (const item of value.slice(0, 1000) as unknown[]) {
    const source = addressOf(item, base);
    if (source === null) continue;
    const { caption, name } = (typeof item === "object" && item !== null ? item : {}) as Record<string, unknown>;
    pictures.push({
      source,
      caption: typeof caption === "string" ? caption : "",
      name: typeof name === "string" && name !== "" ? name : "picture",
    });
  }
  return pictures;
}
