/* Text and files as one message: chosen, dropped or pasted files go up while the text is written. */
import { useEffect, useRef, useState } from "preact/hooks";
import { propsOf, valueOf, type Cell } from "../state/tree";
import { addressOf } from "./address";
import { Field, useControl } from "./field";
import { refusal, sizeWords } from "./file_rules";
import { Icon } from "./icon";
import { readMultimodal, useUploads, type Upload } from "./multimodal_files";
import { Area, Count, Send } from "./textbox";
import { useBusy, useSpace, type FileValue, type WidgetProps } from "./space";

export function Multimodal({ cell }: WidgetProps) {
  const props = propsOf(cell, "multimodal");
  const { session } = useSpace();
  const value = readMultimodal(valueOf(cell));
  const busy = useBusy(cell);
  const control = useControl(cell, props);
  const uploads = useUploads(cell);
  const input = useRef<HTMLInputElement>(null);
  const [over, setOver] = useState(0);
  const most = props.max_files ?? 8;
  const fixed = props.interactive === false;
  const sending = uploads.list.some((u) => u.error === null);
  const empty = value.text.trim() === "" && value.files.length === 0;

  const set = (text: string) => {
    session.setValue(cell, { text, files: readMultimodal(valueOf(cell)).files });
    session.fire(cell, "input");
  };
  const take = (files: readonly File[]) => {
    if (fixed || files.length === 0) return;
    const room = most - value.files.length - uploads.list.length;
    uploads.put(files, (file, i) => (i >= room ? `At most ${most} files are taken.` : refusal(file, props.types, props.max_size)));
  };
  const submit = () => {
    if (busy || sending || empty) return;
    session.fire(cell, "submit");
  };
  const attributes = {
    ...control,
    class: "input",
    dir: "auto",
    value: value.text,
    placeholder: props.placeholder ?? "",
    readOnly: fixed,
    onInput: (e: Event) => set((e.currentTarget as HTMLTextAreaElement).value),
    onPaste: (e: ClipboardEvent) => {
      const files = [...(e.clipboardData?.files ?? [])];
      if (files.length === 0) return;
      e.preventDefault();
      take(files);
    },
  };
  return (
    <Field cell={cell} props={props} class={`composer multimodal${over > 0 ? " over" : ""}`}>
      <div
        class="multimodal-box"
        onDragEnter={(e) => {
          e.preventDefault();
          setOver((n) => n + 1);
        }}
        onDragOver={(e) => e.preventDefault()}
        onDragLeave={() => setOver((n) => Math.max(0, n - 1))}
        onDrop={(e) => {
          e.preventDefault();
          setOver(0);
          take([...(e.dataTransfer?.files ?? [])]);
        }}
      >
        <Chosen cell={cell} files={value.files} uploads={uploads.list} drop={uploads.drop} fixed={fixed} />
        <Area attributes={attributes} text={value.text} lines={1} maxLines={12} enterSends submit={submit} />
        {most > 0 && !fixed && (
          <button type="button" class="attach" aria-label="Add files" title="Add files" onClick={() => input.current?.click()}>
            <Icon name="clip" />
          </button>
        )}
        <input
          ref={input}
          class="hidden"
          type="file"
          tabIndex={-1}
          aria-hidden="true"
          multiple={most > 1}
          {...(props.types ? { accept: props.types } : {})}
          onChange={(e) => {
            take([...(e.currentTarget.files ?? [])]);
            e.currentTarget.value = "";
          }}
        />
        {!fixed && <Send cell={cell} busy={busy} empty={empty || sending} submit={submit} />}
      </div>
      <Count text={value.text} max={props.max_length ?? 100_000} />
    </Field>
  );
}

interface ChosenProps {
  cell: Cell;
  files: readonly FileValue[];
  uploads: readonly Upload[];
  drop: (upload: Upload) => void;
  fixed: boolean;
}

function Chosen({ cell, files, uploads, drop, fixed }: ChosenProps) {
  const { session } = useSpace();
  if (files.length === 0 && uploads.length === 0) return null;
  const remove = (file: FileValue) => {
    const now = readMultimodal(valueOf(cell));
    session.setValue(cell, { text: now.text, files: now.files.filter((f) => f.file !== file.file) });
    session.fire(cell, "change");
  };
  return (
    <ul class="chosen-files" aria-label="Files of this message">
      {files.map((f) => (
        <li key={f.file} class="chosen-file">
          <Thumb file={f} />
          <span class="file-name" title={f.name}>{f.name || "file"}</span>
          {!fixed && <Remove words={`Remove ${f.name}`} run={() => remove(f)} />}
        </li>
      ))}
      {uploads.map((u) => (
        <li key={`u${u.id}`} class={`chosen-file${u.error ? " failed" : ""}`} role={u.error ? "alert" : undefined}>
          <Icon name={u.error ? "alert" : "arrow_up"} />
          <span class="file-name" title={u.error ?? u.name}>
            {u.name}
            {u.error && <small>{u.error}</small>}
          </span>
          {!u.error && <progress value={u.fraction} max={1} aria-label={`Uploading ${u.name}, ${sizeWords(u.size)}`} />}
          <Remove words={`${u.error ? "Dismiss" : "Cancel"} ${u.name}`} run={() => drop(u)} />
        </li>
      ))}
    </ul>
  );
}

function Remove({ words, run }: { words: string; run: () => void }) {
  return (
    <button type="button" class="chip-button quiet" aria-label={words} onClick={run}>
      <Icon name="close" />
    </button>
  );
}

function Thumb({ file }: { file: FileValue }) {
  const { base } = useSpace();
  const [broken, setBroken] = useState(false);
  useEffect(() => setBroken(false), [file.file]);
  const source = addressOf(file, base);
  if (!source || broken || !String(file.type).startsWith("image/")) return <Icon name="file" />;
  return <img src={source} alt="" onError={() => setBroken(true)} />;
}
