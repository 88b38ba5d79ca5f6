/* A picture: shown, or chosen, dropped, pasted, taken with the camera or drawn by the visitor. */
import { useRef, useState } from "preact/hooks";
import { propsOf, valueOf } from "../state/tree";
import { addressOf } from "./address";
import { Camera } from "./camera";
import { Drawing } from "./drawing";
import { Field } from "./field";
import { Icon } from "./icon";
import { MediaIcon } from "./media_icons";
import { pngSize, PIXELS_MAX } from "./media_rules";
import { PictureEdit } from "./picture_edit";
import { useSending } from "./sending";
import { idOf, useSpace, type FileValue, type WidgetProps } from "./space";

export function Image({ cell }: WidgetProps) {
  const props = propsOf(cell, "image");
  const { base } = useSpace();
  const value = valueOf(cell);
  const source = addressOf(value, base);
  const size: Record<string, string> = props.height ? { height: `${props.height}px` } : {};
  const takes = props.interactive !== false && (props.upload || props.webcam || props.sketch);
  if (takes) {
    return (
      <Field cell={cell} props={props} as="group">
        {props.sketch ? <Drawing cell={cell} source={source} /> : <Taking cell={cell} source={source} size={size} />}
      </Field>
    );
  }
  const alt = props.alt ?? props.label ?? "";
  return (
    <Field cell={cell} props={props} as="output" aside={source && <Look source={source} alt={alt} name={nameOf(value)} />}>
      <figure class="picture" style={size}>
        {source ? (
          <Picture key={source} source={source} alt={alt} />
        ) : (
          <figcaption class="nothing">
            <Icon name="image" />
            No picture yet
          </figcaption>
        )}
      </figure>
    </Field>
  );
}

function nameOf(value: unknown): string {
  const name = typeof value === "object" && value !== null ? (value as Partial<FileValue>).name : undefined;
  return typeof name === "string" && name !== "" ? name : "picture";
}

export function Picture({ source, alt }: { source: string; alt: string }) {
  const [failed, setFailed] = useState(false);
  if (failed) return <figcaption class="nothing">This picture cannot be shown</figcaption>;
  return <img src={source} alt={alt} onError={() => setFailed(true)} />;
}

/** Larger, and down to one's own machine. */
function Look({ source, alt, name }: { source: string; alt: string; name: string }) {
  const dialog = useRef<HTMLDialogElement>(null);
  return (
    <span class="media-look">
      <button type="button" class="chip-button quiet" title="Larger" onClick={() => dialog.current?.showModal()}>
        <MediaIcon name="zoom" />
        <span class="hidden">Larger</span>
      </button>
      <a class="chip-button quiet" href={source} download={name} title="Download">
        <Icon name="download" />
        <span class="hidden">Download</span>
      </a>
      <dialog ref={dialog} class="zoomed" aria-label={alt || name} onClick={() => dialog.current?.close()}>
        <img src={source} alt={alt} loading="lazy" />
        <button type="button" class="button secondary small">
          Close
        </button>
      </dialog>
    </span>
  );
}

interface TakingProps {
  readonly cell: WidgetProps["cell"];
  readonly source: string | null;
  readonly size: Record<string, string>;
}

/** Chosen, dropped, pasted or taken. */
function Taking({ cell, source, size }: TakingProps) {
  const props = propsOf(cell, "image");
  const { sending, send, clear, refuse } = useSending(cell);
  const [camera, setCamera] = useState(false);
  const [edited, setEdited] = useState<File | null>(null);
  const [over, setOver] = useState(false);
  const input = useRef<HTMLInputElement>(null);

  const take = async (file: File | null | undefined) => {
    setOver(false);
    if (!file || sending) return;
    const size = pngSize(new Uint8Array(await file.slice(0, 32).arrayBuffer()));
    if (size && size[0] * size[1] > PIXELS_MAX) {
      return refuse(`“${file.name}” has ${size[0]} × ${size[1]} pixels; at most ${PIXELS_MAX / 1e6} million are taken.`);
    }
    if (props.edit) setEdited(file);
    else send(file);
  };
  if (camera) return <Camera take={(f) => void take(f)} fail={refuse} close={() => setCamera(false)} />;
  if (edited) return <PictureEdit file={edited} send={send} fail={refuse} close={() => setEdited(null)} />;
  const shown = sending?.preview ?? source;
  return (
    <>
      <div
        class={`upload${over ? " over" : ""}${shown ? " full" : ""}`}
        style={size}
        onDragOver={(e) => {
          e.preventDefault();
          setOver(true);
        }}
        onDragLeave={() => setOver(false)}
        onDrop={(e) => {
          e.preventDefault();
          void take(e.dataTransfer?.files[0]);
        }}
        onPaste={(e) => void take([...(e.clipboardData?.files ?? [])].find((f) => f.type.startsWith("image/")))}
      >
        {shown ? (
          <Picture key={shown} source={shown} alt={props.alt ?? sending?.name ?? "your picture"} />
        ) : (
          <span class="upload-hint">
            <Icon name="image" />
            <span>
              <b>Choose a picture</b>
              <br />
              or drop or paste one here
            </span>
          </span>
        )}
        <input
          ref={input}
          id={idOf(cell)}
          type="file"
          accept="image/*"
          aria-label={shown ? "Choose another picture" : "Choose a picture"}
          disabled={sending !== null}
          onChange={(e) => {
            void take(e.currentTarget.files?.[0]);
            e.currentTarget.value = "";
          }}
        />
        {sending && <progress value={sending.fraction} max={1} aria-label={`Uploading ${sending.name}`} />}
        {source && !sending && (
          <button
            type="button"
            class="chip-button upload-clear"
            onClick={() => {
              clear();
              input.current?.focus();
            }}
          >
            <Icon name="close" /> Remove
          </button>
        )}
      </div>
      {props.webcam && (
        <div class="media-actions">
          <button type="button" class="chip-button" disabled={sending !== null} onClick={() => setCamera(true)}>
            <MediaIcon name="camera" /> Use the camera
          </button>
        </div>
      )}
    </>
  );
}
