/* What is said and decided about devices, pictures and time; no DOM. */

/** Why a camera or a microphone is not to be had, in words with a way out. */
export function deviceWords(error: unknown, device: "camera" | "microphone"): string {
  const name = typeof error === "object" && error !== null ? String((error as { name?: unknown }).name) : "";
  if (name === "NotAllowedError" || name === "SecurityError") {
    return `This page may not use the ${device}. Allow it in the browser, then try again.`;
  }
  if (name === "NotFoundError" || name === "OverconstrainedError") return `There is no ${device} here.`;
  if (name === "NotReadableError" || name === "AbortError") return `Another program is using the ${device}.`;
  if (name === "InsecureContext") return `A ${device} can be used on https pages only.`;
  return `The ${device} does not work in this browser.`;
}

/** Pixels that a browser can be asked to draw; the app's door has the same limit. */
export const PIXELS_MAX = 64_000_000;

/** Width and height in a PNG's first bytes: the one form in which a small file may be endless. */
export function pngSize(head: Uint8Array): readonly [number, number] | null {
  const png = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
  if (head.length < 24 || png.some((byte, i) => head[i] !== byte)) return null;
  const view = new DataView(head.buffer, head.byteOffset);
  return [view.getUint32(16), view.getUint32(20)];
}

/** 3:07 */
export function clock(seconds: number): string {
  const whole = Number.isFinite(seconds) ? Math.max(0, Math.floor(seconds)) : 0;
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/** A sound's shape is found in its samples: what is short as a file may be hours of them. */
const SHAPE_BYTES_MAX = 4 << 20;
const SHAPE_SECONDS_MAX = 600;

/** Whether a sound of this many seconds may be taken apart; Infinity: a recording, which does not say. */
export function mayShape(seconds: number): boolean {
  return seconds === Infinity || (seconds > 0 && seconds <= SHAPE_SECONDS_MAX);
}

/** The same of an answer's Content-Length, or of what came. */
export function fitsShape(bytes: string | number | null): boolean {
  return bytes !== null && bytes !== "" && Number(bytes) <= SHAPE_BYTES_MAX;
}

/** The highest of each of n stretches of a sound, 0 to 1. */
export function peaksOf(samples: Float32Array, n: number): number[] {
  const peaks = new Array<number>(n).fill(0);
  for (let i = 0; i < samples.length; i++) {
    const at = Math.min(n - 1, Math.floor((i * n) / samples.length));
    const height = Math.abs(samples[i] ?? 0);
    if (height > (peaks[at] ?? 0)) peaks[at] = Math.min(1, height);
  }
  return peaks;
}

/** The first form of these that this browser can record; "" lets it choose. */
export function recordedType(kind: "audio" | "video", can: (type: string) => boolean): string {
  const forms = kind === "audio" ? ["audio/webm;codecs=opus", "audio/mp4", "audio/ogg"] : ["video/webm;codecs=vp8,opus", "video/mp4"];
  return forms.find(can) ?? "";
}

export function endingOf(type: string): string {
  return /mp4/.test(type) ? "mp4" : /ogg/.test(type) ? "ogg" : "webm";
}

/** A turned picture's rectangle that is kept, in its own pixels, from where a hand drew on what is shown. */
export interface Cut {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Two corners in parts of the whole, in any order, as a rectangle inside it; null: too small to be meant. */
export function cutOf(a: readonly [number, number], b: readonly [number, number]): Cut | null {
  const clamp = (v: number) => Math.min(1, Math.max(0, v));
  const [x0, x1] = [clamp(Math.min(a[0], b[0])), clamp(Math.max(a[0], b[0]))];
  const [y0, y1] = [clamp(Math.min(a[1], b[1])), clamp(Math.max(a[1], b[1]))];
  if (x1 - x0 < 0.03 || y1 - y0 < 0.03) return null;
  return { x: x0, y: y0, width: x1 - x0, height: y1 - y0 };
}
