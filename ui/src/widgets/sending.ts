/* One file of a component: on its way, there with its events, taken away again. */
import { useEffect, useRef, useState } from "preact/hooks";
import type { Cell } from "../state/tree";
import type { Sent } from "../wire/tus";
import { useSpace } from "./space";

export interface Sending {
  readonly name: string;
  /** Of the file itself, to be seen before it has arrived. */
  readonly preview: string;
  readonly fraction: number;
}

export function useSending(cell: Cell) {
  const space = useSpace();
  const [sending, setSending] = useState<Sending | null>(null);
  const now = useRef<AbortController | null>(null);
  useEffect(() => () => now.current?.abort("leave"), []);

  const send = async (file: File): Promise<void> => {
    if (now.current) return;
    const stop = new AbortController();
    const preview = URL.createObjectURL(file);
    const step = ({ sent, total }: Sent) => setSending({ name: file.name, preview, fraction: total ? sent / total : 0 });
    now.current = stop;
    step({ sent: 0, total: file.size, waiting: false });
    space.session.page.forgive(cell.n);
    try {
      space.session.setValue(cell, await space.upload(cell, file, step, stop.signal));
      space.session.fire(cell, "upload");
      space.session.fire(cell, "change");
    } catch (error) {
      if (!stop.signal.aborted) space.session.page.invalid(cell.n, error instanceof Error ? error.message : String(error));
    } finally {
      now.current = null;
      setSending(null);
      URL.revokeObjectURL(preview);
    }
  };
  const clear = () => {
    space.session.setValue(cell, null);
    space.session.fire(cell, "clear");
    space.session.fire(cell, "change");
  };
  /** Words below the component: what cannot be taken. */
  const refuse = (words: string) => space.session.page.invalid(cell.n, words);
  return { sending, send: (file: File) => void send(file), clear, refuse };
}
