/* Film: recorded, chosen or dropped by the visitor, or shown by the app, with subtitles. */
import { useEffect, useState } from "preact/hooks";
import { propsOf, valueOf, type Cell } from "../state/tree";
import { addressOf } from "./address";
import { Field } from "./field";
import { Icon } from "./icon";
import { MediaDrop } from "./media_drop";
import { Recorder } from "./recorder";
import { useSending } from "./sending";
import { useSpace, type WidgetProps } from "./space";

export function Video({ cell }: WidgetProps) {
  const props = propsOf(cell, "video");
  const { base } = useSpace();
  const source = addressOf(valueOf(cell), base);
  const takes = props.interactive !== false && (props.upload || props.webcam);
  const film = source && <Film key={source} cell={cell} source={source} />;
  return (
    <Field cell={cell} props={props} as={takes ? "group" : "output"}>
      {takes ? (
        <Taking cell={cell} film={film} />
      ) : (
        film || (
          <p class="nothing">
            <Icon name="image" />
            No film yet
          </p>
        )
      )}
    </Field>
  );
}

function Film({ cell, source }: { cell: Cell; source: string }) {
  const props = propsOf(cell, "video");
  const [failed, setFailed] = useState(false);
  const track = useTextAddress(props.subtitles);
  if (failed) return <p class="nothing">This film cannot be played</p>;
  return (
    <video
      class="film"
      src={source}
      controls
      playsInline
      preload="metadata"
      aria-label={props.label ?? "film"}
      autoPlay={props.autoplay === true}
      muted={props.autoplay === true}
      loop={props.loop === true}
      style={props.height ? { height: `${props.height}px` } : {}}
      onError={() => setFailed(true)}
    >
      {track && <track key={track} kind="subtitles" src={track} default label="Subtitles" />}
    </video>
  );
}

/** Text as something a track element can load. */
function useTextAddress(text: string | undefined): string | null {
  const [address, setAddress] = useState<string | null>(null);
  useEffect(() => {
    if (!text) return setAddress(null);
    const made = URL.createObjectURL(new Blob([text], { type: "text/vtt" }));
    setAddress(made);
    return () => URL.revokeObjectURL(made);
  }, [text]);
  return address;
}

function Taking({ cell, film }: { cell: Cell; film: preact.ComponentChildren }) {
  const props = propsOf(cell, "video");
  const { sending, send, clear, refuse } = useSending(cell);
  return (
    <div class="media">
      {film && !sending && (
        <>
          {film}
          <button type="button" class="chip-button media-end" onClick={clear}>
            <Icon name="close" /> Remove
          </button>
        </>
      )}
      {props.upload && !film && <MediaDrop cell={cell} kind="video" words="Choose a film" sending={sending} take={send} />}
      {!props.upload && sending && <progress value={sending.fraction} max={1} aria-label={`Uploading ${sending.name}`} />}
      {props.webcam && !film && (
        <Recorder kind="video" maxSeconds={props.max_seconds ?? 60} disabled={sending !== null} take={send} fail={refuse} />
      )}
    </div>
  );
}
