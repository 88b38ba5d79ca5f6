/* A place for a sound or a film: chosen or dropped, and on its way. */
import { useState } from "preact/hooks";
import type { Cell } from "../state/tree";
import { Icon } from "./icon";
import type { Sending } from "./sending";
import { idOf } from "./space";

interface DropProps {
  readonly cell: Cell;
  readonly kind: "audio" | "video";
  readonly words: string;
  readonly sending: Sending | null;
  readonly take: (file: File) => void;
}

export function MediaDrop({ cell, kind, words, sending, take }: DropProps) {
  const [over, setOver] = useState(false);
  const put = (file: File | null | undefined) => {
    setOver(false);
    if (file && !sending) take(file);
  };
  return (
    <div
      class={`upload media-drop${over ? " over" : ""}`}
      onDragOver={(e) => {
        e.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(e) => {
        e.preventDefault();
        put(e.dataTransfer?.files[0]);
      }}
    >
      <span class="upload-hint">
        <Icon name="arrow_up" />
        <span>
          <b>{sending ? sending.name : words}</b>
          <br />
          {sending ? "is on its way" : "or drop one here"}
        </span>
      </span>
      <input
        id={idOf(cell)}
        type="file"
        accept={`${kind}/*`}
        aria-label={words}
        disabled={sending !== null}
        onChange={(e) => {
          put(e.currentTarget.files?.[0]);
          e.currentTarget.value = "";
        }}
      />
      {sending && <progress value={sending.fraction} max={1} aria-label={`Uploading ${sending.name}`} />}
    </div>
  );
}
