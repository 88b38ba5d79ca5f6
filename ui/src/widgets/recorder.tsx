/* Records what microphone or camera give, up to a limit, into a file. */
import { useEffect, useRef, useState } from "preact/hooks";
import { openDevice, stop, Viewfinder } from "./camera";
import { Icon } from "./icon";
import { MediaIcon } from "./media_icons";
import { clock, endingOf, recordedType } from "./media_rules";

interface RecorderProps {
  readonly kind: "audio" | "video";
  readonly maxSeconds: number;
  readonly take: (file: File) => void;
  readonly fail: (words: string) => void;
  readonly disabled: boolean;
}

/** Bytes of one recording that are kept in memory. */
const BYTES_MAX = 256 << 20;

interface Run {
  readonly stream: MediaStream;
  readonly recorder: MediaRecorder;
  kept: boolean;
}

export function Recorder({ kind, maxSeconds, take, fail, disabled }: RecorderProps) {
  const run = useRef<Run | null>(null);
  const [state, setState] = useState<"idle" | "asking" | "recording">("idle");
  const [seconds, setSeconds] = useState(0);
  const gone = useRef(false);
  useEffect(
    () => () => {
      gone.current = true;
      finish(false);
    },
    [],
  );
  useEffect(() => {
    if (state !== "recording") return;
    const began = performance.now();
    const tick = setInterval(() => {
      const now = (performance.now() - began) / 1000;
      setSeconds(now);
      if (now >= maxSeconds) finish(true);
    }, 200);
    return () => clearInterval(tick);
  }, [state, maxSeconds]);

  const finish = (kept: boolean) => {
    const now = run.current;
    if (!now || now.recorder.state === "inactive") return;
    now.kept = kept;
    now.recorder.stop();
  };
  const begin = async () => {
    let stream: MediaStream | null = null;
    setState("asking");
    try {
      stream = await openDevice(kind === "video" ? { audio: true, video: { width: { ideal: 640 } } } : { audio: true });
      // The permission may come when nobody could see or end the recording any more.
      if (gone.current) stop(stream);
      else record(stream);
    } catch (error) {
      if (stream) stop(stream);
      if (gone.current) return;
      setState("idle");
      fail(error instanceof Error ? error.message : String(error));
    }
  };
  const record = (stream: MediaStream) => {
    const type = recordedType(kind, (t) => MediaRecorder.isTypeSupported(t));
    const recorder = new MediaRecorder(stream, type ? { mimeType: type } : {});
    const pieces: Blob[] = [];
    let bytes = 0;
    run.current = { stream, recorder, kept: false };
    recorder.ondataavailable = (e) => {
      pieces.push(e.data);
      bytes += e.data.size;
      if (bytes > BYTES_MAX) finish(true);
    };
    recorder.onstop = () => {
      const kept = run.current?.kept;
      run.current = null;
      stop(stream);
      if (gone.current) return;
      setState("idle");
      if (kept && bytes > 0) take(new File(pieces, `recording.${endingOf(recorder.mimeType)}`, { type: recorder.mimeType }));
    };
    recorder.start(1000);
    setSeconds(0);
    setState("recording");
  };
  if (state !== "recording") {
    return (
      <div class="media-actions">
        <button type="button" class="chip-button" disabled={disabled || state === "asking"} onClick={() => void begin()}>
          <MediaIcon name={kind === "video" ? "camera" : "microphone"} />
          {state === "asking" ? "Waiting for your permission" : "Record"}
        </button>
      </div>
    );
  }
  return (
    <div class="recording">
      {kind === "video" && <Viewfinder stream={run.current?.stream ?? null} />}
      <div class="media-actions">
        <i class="record-dot" aria-hidden="true" />
        <span role="timer" aria-label="Recorded so far">
          {clock(seconds)} <span class="faint">of {clock(maxSeconds)}</span>
        </span>
        <span class="media-space" />
        <button type="button" class="button secondary small" onClick={() => finish(false)}>
          Discard
        </button>
        <button type="button" class="button primary small" onClick={() => finish(true)}>
          <Icon name="stop" /> Done
        </button>
      </div>
    </div>
  );
}
