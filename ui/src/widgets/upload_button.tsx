/* A button that takes files. The list of them is ui.file's; this one only says what it has. */
import { useRef, useState } from "preact/hooks";
import { propsOf, valueOf } from "../state/tree";
import { lookOf, Ornament } from "./button_look";
import { refusal } from "./file_rules";
import { Icon } from "./icon";
import { idOf, useBusy, useSpace, type FileValue, type WidgetProps } from "./space";

export function UploadButton({ cell }: WidgetProps) {
  const props = propsOf(cell, "upload_button");
  const space = useSpace();
  const input = useRef<HTMLInputElement>(null);
  const [sending, setSending] = useState<{ name: string; fraction: number; stop: AbortController } | null>(null);
  const busy = useBusy(cell) || sending !== null;

  const take = async (chosen: readonly File[]) => {
    const { session } = space;
    const refused = chosen.map((f) => refusal(f, props.types, props.max_size)).find((why) => why !== null);
    if (refused) return session.page.invalid(cell.n, refused);
    const stop = new AbortController();
    const values: FileValue[] = [];
    try {
      for (const file of chosen) {
        setSending({ name: file.name, fraction: 0, stop });
        values.push(
          await space.upload(cell, file, ({ sent, total }) => setSending({ name: file.name, fraction: total ? sent / total : 0, stop }), stop.signal),
        );
      }
      session.setValue(cell, props.multiple ? values : (values[0] ?? null));
      session.fire(cell, "upload");
    } catch (error) {
      if (!stop.signal.aborted) session.page.invalid(cell.n, error instanceof Error ? error.message : String(error));
    } finally {
      setSending(null);
    }
  };
  return (
    <div class={busy ? "action busy" : "action"}>
      <input
        ref={input}
        type="file"
        class="hidden"
        tabIndex={-1}
        aria-hidden="true"
        multiple={props.multiple === true}
        {...(typeof props.types === "string" ? { accept: props.types } : {})}
        onChange={(e) => {
          const files = [...(e.currentTarget.files ?? [])].slice(0, props.multiple ? (props.max_files ?? 16) : 1);
          e.currentTarget.value = "";
          if (files.length > 0) void take(files);
        }}
      />
      <button
        type="button"
        id={idOf(cell)}
        class={lookOf(cell)}
        disabled={props.interactive === false}
        aria-disabled={busy}
        aria-busy={busy}
        title={props.info}
        onClick={() => !busy && input.current?.click()}
      >
        <span class="spinner" aria-hidden="true" />
        {props.icon === undefined ? <Icon name="arrow_up" /> : <Ornament cell={cell} />}
        <span>{sending ? `${Math.floor(sending.fraction * 100)} %` : props.label || "Upload"}</span>
      </button>
      {sending && (
        <button type="button" class="button stop late" title="Stop" onClick={() => sending.stop.abort("cancel")}>
          <Icon name="stop" />
          <span class="hidden">Stop sending {sending.name}</span>
        </button>
      )}
      <span class="hidden" role="status">
        {held(valueOf(cell))}
      </span>
    </div>
  );
}

/** What it has, for who does not see what the app makes of it. */
function held(value: unknown): string {
  const files = (Array.isArray(value) ? value : value ? [value] : []) as readonly (FileValue | null)[];
  return files.length === 0 ? "" : `Sent: ${files.map((f) => String(f?.name ?? "")).join(", ")}`;
}
