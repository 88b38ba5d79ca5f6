/*
 * The one frame of all links, as base/frame.h draws it: a 16-byte little-endian header and an
 * opaque value. Knows the shape only; what a type means is in messages.ts.
 */

const HEADER = 16;
const VALUE_MAX = 60 * 1024 - HEADER;
const MORE = 0x80;
const OP_MAX = 0x7f;
/** No message of the link is longer than this when joined (PATCH, in proto/messages.def). */
const JOINED_MAX = 8 << 20;

export interface Frame {
  readonly type: number;
  readonly op: number;
  readonly channel: number;
  readonly node: number;
  readonly seq: number;
  readonly value: Uint8Array;
}

/** The other end broke the framing; its socket is of no more use. */
export class FrameError extends Error {
  override readonly name = "FrameError";
}

const EMPTY = new Uint8Array(0);

export function frame(
  type: number,
  head: { op?: number; node?: number; seq?: number } = {},
  value: Uint8Array = EMPTY,
): Frame {
  return { type, op: head.op ?? 0, channel: 0, node: head.node ?? 0, seq: head.seq ?? 0, value };
}

/** Bytes of whole frames, values over the limit split into runs with MORE. */
export function encodeFrames(frames: readonly Frame[]): Uint8Array<ArrayBuffer> {
  const pieces = frames.flatMap(split);
  const size = pieces.reduce((sum, p) => sum + HEADER + p.part.length, 0);
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  let at = 0;

  for (const { head, part, more } of pieces) {
    view.setUint16(at, part.length, true);
    view.setUint8(at + 2, head.type);
    view.setUint8(at + 3, head.op | (more ? MORE : 0));
    view.setUint32(at + 4, head.channel, true);
    view.setUint32(at + 8, head.node, true);
    view.setUint32(at + 12, head.seq, true);
    bytes.set(part, at + HEADER);
    at += HEADER + part.length;
  }
  return bytes;
}

/** Whole frames in packets of about `max` bytes, one frame at least in each. */
export function splitPackets(frames: Uint8Array<ArrayBuffer>, max: number): Uint8Array<ArrayBuffer>[] {
  const view = new DataView(frames.buffer, frames.byteOffset, frames.byteLength);
  const packets: Uint8Array<ArrayBuffer>[] = [];
  let from = 0;

  for (let at = 0; at < frames.length; ) {
    const end = at + HEADER + view.getUint16(at, true);
    if (end - from > max && at > from) {
      packets.push(frames.subarray(from, at));
      from = at;
    }
    at = end;
  }
  packets.push(frames.subarray(from));
  return packets;
}

interface Piece {
  head: Frame;
  part: Uint8Array;
  more: boolean;
}

function split(head: Frame): Piece[] {
  if (head.op > OP_MAX) throw new RangeError(`op ${head.op} is over ${OP_MAX}`);
  const pieces: Piece[] = [];
  let from = 0;
  do {
    const to = Math.min(from + VALUE_MAX, head.value.length);
    pieces.push({ head, part: head.value.subarray(from, to), more: to < head.value.length });
    from = to;
  } while (from < head.value.length);
  return pieces;
}

/** Reads packets of one socket into whole messages; keeps the run that is under way. */
export class FrameReader {
  #run: { head: Frame; parts: Uint8Array[]; size: number } | null = null;

  /** Throws FrameError; the reader must not be used after that. */
  read(packet: ArrayBuffer): Frame[] {
    const view = new DataView(packet);
    const whole: Frame[] = [];
    let at = 0;

    while (at < packet.byteLength) {
      const left = packet.byteLength - at;
      if (left < HEADER) throw new FrameError(`frame header: ${left} bytes, need ${HEADER}`);
      const length = view.getUint16(at, true);
      if (length > VALUE_MAX) throw new FrameError(`frame length: ${length} is over ${VALUE_MAX}`);
      if (length > left - HEADER) {
        throw new FrameError(`frame length: ${length} but only ${left - HEADER} bytes follow`);
      }
      const op = view.getUint8(at + 3);
      const piece: Frame = {
        type: view.getUint8(at + 2),
        op: op & OP_MAX,
        channel: view.getUint32(at + 4, true),
        node: view.getUint32(at + 8, true),
        seq: view.getUint32(at + 12, true),
        value: new Uint8Array(packet, at + HEADER, length),
      };
      const message = this.#join(piece, (op & MORE) !== 0);
      if (message) whole.push(message);
      at += HEADER + length;
    }
    return whole;
  }

  #join(piece: Frame, more: boolean): Frame | null {
    const run = this.#run;
    if (!run) {
      if (!more) return piece;
      this.#run = { head: piece, parts: [piece.value], size: piece.value.length };
      return null;
    }
    if (!sameRun(run.head, piece)) {
      throw new FrameError("another run began before the last one ended");
    }
    run.size += piece.value.length;
    if (run.size > JOINED_MAX) throw new FrameError(`joined value is over ${JOINED_MAX} bytes`);
    run.parts.push(piece.value);
    if (more) return null;
    this.#run = null;
    return { ...run.head, value: concat(run.parts, run.size) };
  }
}

function sameRun(a: Frame, b: Frame): boolean {
  return (
    a.type === b.type && a.op === b.op && a.channel === b.channel && a.node === b.node && a.seq === b.seq
  );
}

function concat(parts: readonly Uint8Array[], size: number): Uint8Array {
  const all = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
