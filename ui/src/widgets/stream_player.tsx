/* Plays a sound that still comes, one piece behind the other, without a gap between them. */
import { useEffect, useRef, useState } from "preact/hooks";
import type { Cell } from "../state/tree";
import { MediaIcon } from "./media_icons";
import { clock } from "./media_rules";

interface Timeline {
  readonly context: AudioContext;
  next: number; // of the pieces, the one to fetch
  ends: number; // when the last one that was planned ends, in the context's time
  busy: boolean;
  seconds: number; // of all pieces so far
}

interface StreamProps {
  /** Addresses of the pieces; more are put behind them. */
  readonly parts: readonly string[];
  /** The first piece as the value has it: another one with another sound, be it the same file again. */
  readonly first: unknown;
  /** Another one where the page was told anew: then so is every piece, and the sound goes on. */
  readonly cell: Cell;
  readonly label: string;
  readonly autoplay: boolean;
}

export function StreamPlayer({ parts, first, cell, label, autoplay }: StreamProps) {
  const line = useRef<Timeline | null>(null);
  const [playing, setPlaying] = useState(false);
  const [seconds, setSeconds] = useState(0);
  const [failed, setFailed] = useState(false);
  const now = useRef(parts);
  now.current = parts;
  const begun = useRef({ source: parts[0], first, cell });

  const end = () => {
    void line.current?.context.close().catch(() => {});
    line.current = null;
    setPlaying(false);
  };
  const go = async (t: Timeline) => {
    if (t.busy) return;
    t.busy = true;
    while (line.current === t) {
      const source = now.current[t.next];
      if (source === undefined) break;
      t.next++;
      try {
        const response = await fetch(source);
        const sound = await t.context.decodeAudioData(await response.arrayBuffer());
        if (line.current !== t) break;
        plan(t, sound);
        setSeconds((t.seconds += sound.duration));
      } catch {
        if (line.current === t) setFailed(true);
      }
    }
    t.busy = false;
  };
  const start = () => {
    const t = { context: new AudioContext(), next: 0, ends: 0, busy: false, seconds: 0 };
    line.current = t;
    setPlaying(t.context.state === "running");
    // Without a gesture a browser may keep it silent: then the button is there.
    t.context.onstatechange = () => setPlaying(t.context.state === "running");
    void go(t);
  };
  useEffect(() => end, []);
  useEffect(() => {
    // Another sound, which may have as many pieces by the time it is seen here.
    const was = begun.current;
    begun.current = { source: parts[0], first, cell };
    const another = was.source !== parts[0] || (was.first !== first && was.cell === cell);
    if (another || (line.current && parts.length < line.current.next)) {
      setFailed(false);
      setSeconds(0);
      end();
    }
    if (line.current) void go(line.current);
    else if (autoplay && parts.length > 0) start();
  }, [parts.length, first]);

  const press = () => {
    const t = line.current;
    if (!t || t.context.currentTime > t.ends + 0.2) {
      end();
      start();
    } else if (playing) void t.context.suspend();
    else void t.context.resume();
  };
  return (
    <div class="player">
      <button type="button" class="player-play" aria-label={playing ? `Pause ${label}` : `Play ${label}`} onClick={press}>
        <MediaIcon name={playing ? "pause" : "play"} />
      </button>
      <span class="player-stream" role="status">
        {failed ? "A piece of this sound cannot be played." : `${parts.length} ${parts.length === 1 ? "piece" : "pieces"}, ${clock(seconds)}`}
      </span>
    </div>
  );
}

function plan(t: Timeline, sound: AudioBuffer): void {
  const node = t.context.createBufferSource();
  node.buffer = sound;
  node.connect(t.context.destination);
  const at = Math.max(t.ends, t.context.currentTime + 0.02);
  node.start(at);
  t.ends = at + sound.duration;
}
