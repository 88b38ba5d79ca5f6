/* A picture: shown, or chosen, dropped or pasted by the visitor. */
import { useEffect, useRef, useState } from "preact/hooks";
import { propsOf, valueOf, type Cell } from "../state/tree";
import { addressOf } from "./address";
import { Field } from "./field";
import { Icon } from "./icon";
import type { Sent } from "../wire/tus";
import { idOf, useSpace, type Space, type WidgetProps } from "./space";

export function Image({ cell }: WidgetProps) {
  const props = propsOf(cell, "image");
  const space = useSpace();
  const source = addressOf(valueOf(cell), space.base);
  const size: Record<string, string> = props.height ? { height: `${props.height}px` } : {};
  if (props.upload && props.interactive !== false) {
    return (
      <Field cell={cell} props={props} as="group">
        <Upload cell={cell} source={source} size={size} alt={props.alt ?? ""} />
      </Field>
    );
  }
  return (
    <Field cell={cell} props={props} as="output">
      <figure class="picture" style={size}>
        {source ? (
          <Picture key={source} source={source} alt={props.alt ?? props.label ?? ""} />
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

function Picture({ source, alt }: { source: string; alt: string }) {
  const [failed, setFailed] = useState(false);
  if (failed) return <figcaption class="nothing">This picture cannot be shown</figcaption>;
  return <img src={source} alt={alt} onError={() => setFailed(true)} />;
}

interface Sending {
  readonly name: string;
  readonly preview: string;
  readonly fraction: number;
}

function Upload({ cell, source, size, alt }: { cell: Cell; source: string | null; size: Record<string, string>; alt: string }) {
  const space = useSpace();
  const [sending, setSending] = useState<Sending | null>(null);
  const [over, setOver] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => () => void (sending && URL.revokeObjectURL(sending.preview)), [sending?.preview]);

  const take = (file: File | null | undefined) => {
    setOver(false);
    if (file && !sending) void send(space, cell, file, setSending);
  };
  const clear = () => {
    space.session.setValue(cell, null);
    space.session.fire(cell, "clear");
    space.session.fire(cell, "change");
    input.current?.focus();
  };
  const shown = sending?.preview ?? source;
  return (
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
        take(e.dataTransfer?.files[0]);
      }}
      onPaste={(e) => take([...(e.clipboardData?.files ?? [])].find((f) => f.type.startsWith("image/")))}
    >
      {shown ? (
        <Picture key={shown} source={shown} alt={alt || sending?.name || "your picture"} />
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
          take(e.currentTarget.files?.[0]);
          e.currentTarget.value = "";
        }}
      />
      {sending && (
        <progress value={sending.fraction} max={1} aria-label={`Uploading ${sending.name}`} />
      )}
      {source && !sending && (
        <button type="button" class="chip-button upload-clear" onClick={clear}>
          <Icon name="close" /> Remove
        </button>
      )}
    </div>
  );
}

async function send(space: Space, cell: Cell, file: File, show: (sending: Sending | null) => void): Promise<void> {
  const { session } = space;
  const preview = URL.createObjectURL(file);
  const step = ({ sent, total }: Sent) => show({ name: file.name, preview, fraction: total ? sent / total : 0 });
  step({ sent: 0, total: file.size, waiting: false });
  session.page.forgive(cell.n);
  try {
    const value = await space.upload(cell, file, step, new AbortController().signal);
    session.setValue(cell, value);
    session.fire(cell, "upload");
    session.fire(cell, "change");
  } catch (error) {
    session.page.invalid(cell.n, error instanceof Error ? error.message : String(error));
  } finally {
    show(null);
  }
}
