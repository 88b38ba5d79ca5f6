/* Sound: recorded, chosen or dropped by the visitor, or made by the app and played. */
import { useState } from "preact/hooks";
import { propsOf, valueOf, type Cell } from "../state/tree";
import { addressOf } from "./address";
import { Field } from "./field";
import { Icon } from "./icon";
import { MediaDrop } from "./media_drop";
import { Player } from "./player";
import { Recorder } from "./recorder";
import { useSending } from "./sending";
import { useSpace, type WidgetProps } from "./space";
import { StreamPlayer } from "./stream_player";

export function Audio({ cell }: WidgetProps) {
  const props = propsOf(cell, "audio");
  const takes = props.interactive !== false && (props.upload || props.microphone);
  return (
    <Field cell={cell} props={props} as={takes ? "group" : "output"}>
      {takes ? <Taking cell={cell} /> : <Sound cell={cell} empty="No sound yet" />}
    </Field>
  );
}

function Sound({ cell, empty }: { cell: Cell; empty?: string }) {
  const props = propsOf(cell, "audio");
  const { base } = useSpace();
  const value = valueOf(cell);
  const label = props.label ?? "the sound";
  const record = typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  if (Array.isArray(record["parts"]) && record["parts"].length > 0) {
    const parts = record["parts"].map((p) => addressOf(p, base)).filter((p) => p !== null);
    return <StreamPlayer parts={parts} first={record["parts"][0]} cell={cell} label={label} autoplay={props.autoplay === true} />;
  }
  const source = addressOf(value, base);
  if (source) {
    return <Player key={source} source={source} name={String(record["name"] ?? "sound")} label={label} autoplay={props.autoplay === true} />;
  }
  return empty ? (
    <p class="nothing">
      <Icon name="file" />
      {empty}
    </p>
  ) : null;
}

function Taking({ cell }: { cell: Cell }) {
  const props = propsOf(cell, "audio");
  const { sending, send, clear, refuse } = useSending(cell);
  const [recording, setRecording] = useState(0);
  const there = valueOf(cell) !== null && valueOf(cell) !== undefined;
  return (
    <div class="media">
      {there && !sending && (
        <>
          <Sound cell={cell} />
          <button type="button" class="chip-button media-end" onClick={clear}>
            <Icon name="close" /> Remove
          </button>
        </>
      )}
      {props.upload && !there && <MediaDrop cell={cell} kind="audio" words="Choose a sound" sending={sending} take={send} />}
      {!props.upload && sending && <progress value={sending.fraction} max={1} aria-label={`Uploading ${sending.name}`} />}
      {props.microphone && !there && (
        <Recorder
          key={recording}
          kind="audio"
          maxSeconds={props.max_seconds ?? 300}
          disabled={sending !== null}
          take={send}
          fail={(words) => {
            refuse(words);
            setRecording(recording + 1);
          }}
        />
      )}
    </div>
  );
}
