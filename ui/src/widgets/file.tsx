/* Files: chosen or dropped by the visitor and sent one after the other, or there to download. */
import { useEffect, useRef, useState } from "preact/hooks";
import { propsOf, valueOf, type Cell } from "../state/tree";
import type { Sent } from "../wire/tus";
import { addressOf } from "./address";
import { Field } from "./field";
import { listed, refusal, sizeWords } from "./file_rules";
import { Icon } from "./icon";
import { idOf, useSpace, type FileValue, type Space, type WidgetProps } from "./space";

export function File({ cell }: WidgetProps) {
  const props = propsOf(cell, "file");
  const input = props.interactive !== false;
  return (
    <Field cell={cell} props={props} as={input ? "group" : "output"}>
      {input ? <Input cell={cell} /> : <Output cell={cell} />}
    </Field>
  );
}

/** A value as a list, whatever the app made of it. */
function filesOf(value: unknown): FileValue[] {
  const list = Array.isArray(value) ? value : value ? [value] : [];
  return list.filter((v): v is FileValue => typeof (v as FileValue | null)?.file === "string");
}

function Output({ cell }: { cell: Cell }) {
  const { base } = useSpace();
  const files = filesOf(valueOf(cell));
  if (files.length === 0) {
    return (
      <p class="nothing">
        <Icon name="file" />
        No file yet
      </p>
    );
  }
  return (
    <ul class="files">
      {files.map((f) => (
        <li key={f.file}>
          <a class="file file-link" href={addressOf(f, base) ?? "#"} download={f.name}>
            <Icon name="download" />
            <span class="file-name" title={f.name}>{f.name || "file"}</span>
            <span class="file-about">{sizeWords(Number(f.size) || 0)}</span>
          </a>
        </li>
      ))}
    </ul>
  );
}

/* --- sending --- */

interface Job {
  readonly id: number;
  readonly file: globalThis.File;
  readonly stop: AbortController;
  readonly sent: Sent | null; // null: it waits for those before it
  readonly error: string | null;
  readonly refused: boolean; // by this page, so that trying again means nothing
}

/** The queue of one component: one file at a time, and one event when all have arrived. */
function useQueue(cell: Cell, space: Space) {
  const [jobs, setJobs] = useState<readonly Job[]>([]);
  const now = useRef({ cell, jobs, running: false, arrived: false });
  now.current.cell = cell;

  const set = (next: readonly Job[]) => {
    now.current.jobs = next;
    setJobs(next);
  };
  const change = (id: number, part: Partial<Job>) => set(now.current.jobs.map((j) => (j.id === id ? { ...j, ...part } : j)));
  const drop = (id: number) => set(now.current.jobs.filter((j) => j.id !== id));

  const run = async () => {
    if (now.current.running) return;
    now.current.running = true;
    for (;;) {
      const job = now.current.jobs.find((j) => j.error === null);
      if (!job) break;
      change(job.id, { sent: { sent: 0, total: job.file.size, waiting: false } });
      try {
        const value = await space.upload(now.current.cell, job.file, (sent) => change(job.id, { sent }), job.stop.signal);
        drop(job.id);
        add(space, now.current.cell, value);
        now.current.arrived = true;
      } catch (error) {
        if (job.stop.signal.aborted) drop(job.id);
        else change(job.id, { sent: null, error: error instanceof Error ? error.message : String(error) });
      }
    }
    now.current.running = false;
    if (now.current.arrived) fire(space, now.current.cell, "upload");
    now.current.arrived = false;
  };

  useEffect(() => () => now.current.jobs.forEach((j) => j.stop.abort("leave")), []);
  return {
    jobs,
    put(files: readonly globalThis.File[], why: (file: globalThis.File) => string | null) {
      const added = files.map((file) => ({ id: counter++, file, stop: new AbortController(), sent: null, error: why(file), refused: why(file) !== null }));
      set([...now.current.jobs.filter((j) => j.error === null), ...added]);
      void run();
    },
    cancel(job: Job) {
      job.stop.abort("cancel");
      drop(job.id);
    },
    retry(job: Job) {
      change(job.id, { error: null });
      void run();
    },
  };
}

let counter = 0;

function add(space: Space, cell: Cell, value: FileValue) {
  const several = propsOf(cell, "file").multiple;
  space.session.setValue(cell, several ? [...filesOf(valueOf(cell)), value] : value);
}

function fire(space: Space, cell: Cell, name: "upload" | "clear") {
  space.session.fire(cell, name);
  space.session.fire(cell, "change");
}

function Input({ cell }: { cell: Cell }) {
  const space = useSpace();
  const props = propsOf(cell, "file");
  const queue = useQueue(cell, space);
  const [over, setOver] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  const files = filesOf(valueOf(cell));
  const most = props.multiple ? (props.max_files ?? 16) : 1;
  const busy = queue.jobs.filter((j) => j.error === null).length;
  const room = props.multiple ? most - files.length - busy : 1 - busy;
  const halves = space.halves(cell).filter((h) => !queue.jobs.some((j) => j.file.name === h.name && j.file.size === h.size));

  const take = (chosen: FileList | null | undefined) => {
    const list = [...(chosen ?? [])];
    setOver(false);
    if (list.length === 0) return;
    space.session.page.forgive(cell.n);
    queue.put(props.multiple ? list : list.slice(0, 1), (file) =>
      list.indexOf(file) >= room
        ? props.multiple ? `At most ${most} files are taken.` : "Another file is on its way."
        : refusal(file, props.types, props.max_size),
    );
  };
  const remove = (file: FileValue) => {
    const left = files.filter((f) => f.file !== file.file);
    space.session.setValue(cell, props.multiple && left.length > 0 ? left : null);
    if (left.length === 0) fire(space, cell, "clear");
    else space.session.fire(cell, "change");
    input.current?.focus();
  };
  return (
    <div class="file-input">
      {(files.length > 0 || queue.jobs.length > 0) && (
        <ul class="files">
          {files.map((f) => (
            <li key={f.file} class="file">
              <Icon name="check" />
              <span class="file-name" title={f.name}>{f.name}</span>
              <span class="file-about">{sizeWords(Number(f.size) || 0)}</span>
              <button type="button" class="chip-button quiet" aria-label={`Remove ${f.name}`} onClick={() => remove(f)}>
                <Icon name="close" />
              </button>
            </li>
          ))}
          {queue.jobs.map((j) => (
            <Sending key={j.id} job={j} cancel={() => queue.cancel(j)} retry={() => queue.retry(j)} />
          ))}
        </ul>
      )}
      {halves.map((h) => (
        <p key={`${h.name} ${h.size}`} class="note" role="status">
          <b>{h.name}</b> was sent to {percent(h.sent, h.size)}. Choose it again to go on.
        </p>
      ))}
      {room > 0 && (
        <div
          class={`upload file-drop${over ? " over" : ""}`}
          onDragOver={(e) => {
            e.preventDefault();
            setOver(true);
          }}
          onDragLeave={() => setOver(false)}
          onDrop={(e) => {
            e.preventDefault();
            take(e.dataTransfer?.files);
          }}
        >
          <span class="upload-hint">
            <Icon name="arrow_up" />
            <span>
              <b>{words(props.multiple === true, files.length)}</b> or drop {props.multiple ? "them" : "it"} here
              <Limits types={props.types} max={props.max_size} />
            </span>
          </span>
          <input
            ref={input}
            id={idOf(cell)}
            type="file"
            multiple={props.multiple === true}
            {...(props.types ? { accept: String(props.types) } : {})}
            aria-label={words(props.multiple === true, files.length)}
            onChange={(e) => {
              take(e.currentTarget.files);
              e.currentTarget.value = "";
            }}
          />
        </div>
      )}
    </div>
  );
}

function words(multiple: boolean, there: number): string {
  if (multiple) return there > 0 ? "Choose more files" : "Choose files";
  return there > 0 ? "Choose another file" : "Choose a file";
}

function Limits({ types, max }: { types: string | undefined; max: number | undefined }) {
  const said = [types && listed(types), max && `up to ${sizeWords(max)}`].filter(Boolean);
  return <small>{said.join(" · ")}</small>;
}

function percent(sent: number, total: number): string {
  return `${total > 0 ? Math.floor((100 * sent) / total) : 0} %`;
}

function Sending({ job, cancel, retry }: { job: Job; cancel: () => void; retry: () => void }) {
  const { file, sent, error } = job;
  return (
    <li class={`file${error ? " failed" : ""}`}>
      <Icon name={error ? "alert" : "arrow_up"} />
      <span class="file-name" title={file.name}>{file.name}</span>
      <span class="file-about">
        {error ? sizeWords(file.size) : !sent ? "Waiting" : `${percent(sent.sent, sent.total)} of ${sizeWords(sent.total)}`}
      </span>
      <button type="button" class="chip-button quiet" aria-label={`${error ? "Dismiss" : "Cancel"} ${file.name}`} onClick={cancel}>
        <Icon name="close" />
      </button>
      {sent && !error && <progress value={sent.total ? sent.sent / sent.total : 0} max={1} aria-label={`Uploading ${file.name}`} />}
      {sent?.waiting && (
        <p class="file-words" role="status">
          The connection is away. It goes on by itself.
        </p>
      )}
      {error && (
        <p class="file-words" role="alert">
          {error}{" "}
          {!job.refused && (
            <button type="button" class="link-button" onClick={retry}>
              Try again
            </button>
          )}
        </p>
      )}
    </li>
  );
}
