/* The files of a message on their way up, one after the other. */
import { useEffect, useRef, useState } from "preact/hooks";
import { valueOf, type Cell } from "../state/tree";
import { useSpace, type FileValue } from "./space";

export interface MessageValue {
  readonly text: string;
  readonly files: readonly FileValue[];
}

export interface Upload {
  readonly id: number;
  readonly name: string;
  readonly size: number;
  readonly fraction: number;
  /** Null: it goes on. */
  readonly error: string | null;
  readonly file: File;
  readonly stop: AbortController;
}

export function readMultimodal(value: unknown): MessageValue {
  if (typeof value === "string") return { text: value, files: [] };
  const { text, files } = (typeof value === "object" && value !== null ? value : {}) as Record<string, unknown>;
  const list = Array.isArray(files) ? files : [];
  return {
    text: typeof text === "string" ? text : "",
    files: list.filter((f): f is FileValue => typeof (f as FileValue | null)?.file === "string"),
  };
}

let counter = 0;

export function useUploads(cell: Cell) {
  const space = useSpace();
  const [list, setList] = useState<readonly Upload[]>([]);
  const now = useRef({ cell, list, running: false });
  now.current.cell = cell;

  const set = (next: readonly Upload[]) => {
    now.current.list = next;
    setList(next);
  };
  const change = (id: number, part: Partial<Upload>) => set(now.current.list.map((u) => (u.id === id ? { ...u, ...part } : u)));
  const forget = (id: number) => set(now.current.list.filter((u) => u.id !== id));

  const run = async () => {
    if (now.current.running) return;
    now.current.running = true;
    for (;;) {
      const upload = now.current.list.find((u) => u.error === null);
      if (!upload) break;
      try {
        const step = (s: { sent: number; total: number }) => change(upload.id, { fraction: s.total ? s.sent / s.total : 0 });
        const value = await space.upload(now.current.cell, upload.file, step, upload.stop.signal);
        forget(upload.id);
        const message = readMultimodal(valueOf(now.current.cell));
        space.session.setValue(now.current.cell, { text: message.text, files: [...message.files, value] });
        space.session.fire(now.current.cell, "change");
      } catch (error) {
        if (upload.stop.signal.aborted) forget(upload.id);
        else change(upload.id, { error: error instanceof Error ? error.message : String(error) });
      }
    }
    now.current.running = false;
  };
  useEffect(() => () => now.current.list.forEach((u) => u.stop.abort("leave")), []);
  return {
    list,
    put(files: readonly File[], why: (file: File, i: number) => string | null) {
      const added = files.map((file, i) => ({
        id: counter++,
        name: file.name,
        size: file.size,
        fraction: 0,
        error: why(file, i),
        file,
        stop: new AbortController(),
      }));
      set([...now.current.list.filter((u) => u.error === null), ...added]);
      void run();
    },
    drop(upload: Upload) {
      upload.stop.abort("cancel");
      forget(upload.id);
    },
  };
}
