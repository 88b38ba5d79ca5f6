/* Plays a sound: its shape, where it is, and any place in it. */
import { useEffect, useRef, useState } from "preact/hooks";
import { Icon } from "./icon";
import { MediaIcon } from "./media_icons";
import { clock, fitsShape, mayShape, peaksOf } from "./media_rules";

/** Bars of the shape. */
const BARS = 120;

export function Player({ source, name, label, autoplay }: { source: string; name: string; label: string; autoplay: boolean }) {
  const audio = useRef<HTMLAudioElement>(null);
  const [state, setState] = useState({ playing: false, at: 0, length: 0, failed: false });
  const [shaped, setShaped] = useState(false);
  const peaks = usePeaks(shaped ? source : null);
  const read = () => {
    const a = audio.current;
    if (a) setState({ playing: !a.paused, at: a.currentTime, length: Number.isFinite(a.duration) ? a.duration : peaks.seconds, failed: a.error !== null });
  };
  const begin = () => {
    read();
    setShaped(mayShape(audio.current?.duration ?? NaN));
  };
  const length = state.length || peaks.seconds;
  const seek = (to: number) => {
    if (!audio.current || length === 0) return;
    audio.current.currentTime = Math.min(length, Math.max(0, to));
    read();
  };
  const onKey = (e: KeyboardEvent) => {
    const step = { ArrowLeft: -5, ArrowRight: 5, ArrowDown: -5, ArrowUp: 5 }[e.key];
    if (step === undefined && e.key !== "Home") return;
    e.preventDefault();
    seek(step === undefined ? 0 : state.at + step);
  };
  if (state.failed) return <p class="nothing">This sound cannot be played</p>;
  return (
    <div class="player">
      <audio ref={audio} src={source} preload="metadata" autoPlay={autoplay} onTimeUpdate={read} onPlay={read} onPause={read} onEnded={read} onLoadedMetadata={begin} onError={read} />
      <button
        type="button"
        class="player-play"
        aria-label={state.playing ? `Pause ${label}` : `Play ${label}`}
        onClick={() => void (state.playing ? audio.current?.pause() : audio.current?.play().catch(read))}
      >
        <MediaIcon name={state.playing ? "pause" : "play"} />
      </button>
      <div
        class="player-shape"
        role="slider"
        tabIndex={0}
        aria-label={`Place in ${label}`}
        aria-valuemin={0}
        aria-valuemax={Math.ceil(length)}
        aria-valuenow={Math.floor(state.at)}
        aria-valuetext={`${clock(state.at)} of ${clock(length)}`}
        onKeyDown={onKey}
        onClick={(e) => {
          const box = e.currentTarget.getBoundingClientRect();
          seek((length * (e.clientX - box.left)) / box.width);
        }}
      >
        <Shape bars={peaks.bars} played={length > 0 ? state.at / length : 0} />
      </div>
      <span class="player-time">
        {clock(state.at)} <span class="faint">/ {clock(length)}</span>
      </span>
      <a class="chip-button quiet" href={source} download={name} title="Download">
        <Icon name="download" />
        <span class="hidden">Download</span>
      </a>
    </div>
  );
}

export function Shape({ bars, played }: { bars: readonly number[]; played: number }) {
  const path = (from: number, to: number) =>
    bars
      .slice(from, to)
      .map((p, i) => `M${from + i + 0.5} ${16 - Math.max(0.6, 15 * p)}V${16 + Math.max(0.6, 15 * p)}`)
      .join("");
  const at = Math.round(played * bars.length);
  return (
    <svg viewBox={`0 0 ${BARS} 32`} preserveAspectRatio="none" aria-hidden="true">
      <path class="bars-played" d={path(0, at)} />
      <path class="bars-left" d={path(at, bars.length)} />
    </svg>
  );
}

const FLAT: readonly number[] = new Array<number>(BARS).fill(0.04);

/**
 * The shape is found here, in the browser; a sound that is too long or strange has a line instead.
 * Null: its length is not known yet, or too much.
 */
function usePeaks(source: string | null): { readonly bars: readonly number[]; readonly seconds: number } {
  const [peaks, setPeaks] = useState({ bars: FLAT, seconds: 0 });
  useEffect(() => {
    if (source === null) return;
    const stop = new AbortController();
    setPeaks({ bars: FLAT, seconds: 0 });
    shapeOf(source, stop.signal).then(setPeaks, () => {});
    return () => stop.abort();
  }, [source]);
  return peaks;
}

async function shapeOf(source: string, signal: AbortSignal) {
  const response = await fetch(source, { signal });
  if (!fitsShape(response.headers.get("Content-Length"))) {
    void response.body?.cancel();
    throw new Error("too long for a shape");
  }
  const bytes = await response.arrayBuffer();
  if (!fitsShape(bytes.byteLength)) throw new Error("too long for a shape");
  const sound = await new OfflineAudioContext(1, 1, 16_000).decodeAudioData(bytes);
  const bars = peaksOf(sound.getChannelData(0), BARS);
  const most = Math.max(...bars, 0.01);
  return { bars: bars.map((p) => p / most), seconds: sound.duration };
}
