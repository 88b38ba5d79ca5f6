/*
 * One file on its way up, by tus 1.0.0 (docs/files.md): in pieces, from wherever the gateway has
 * got to. A cut is waited out; only an answer in words ends it. How a request is sent, how long a
 * pause is and where an address is kept are the caller's.
 */

/** The first piece passes a proxy that takes 1 MB at once, as nginx does unless it is told more. */
const ANEW_MAX = 2; // times that an upload begins again because nobody knows it
export const PIECE_MIN = 1000 * 1024;
export const PIECE_MAX = 16 * 1024 * 1024;
const BODY = "application/offset+octet-stream";

export interface Answer {
  /** 0: there was none. */
  readonly status: number;
  readonly text: string;
  header(name: string): string | null;
}

export interface Sent {
  readonly sent: number;
  readonly total: number;
  /** The connection is away; it goes on by itself. */
  readonly waiting: boolean;
}

export interface Source {
  readonly name: string;
  readonly size: number;
  slice(from: number, to: number): Blob;
}

export interface Ways {
  ask(method: string, url: string, headers: Record<string, string>, body: Blob | null, sent: (bytes: number) => void): Promise<Answer>;
  /** Ends early when the connection seems to be back. */
  pause(ms: number): Promise<void>;
  /** The address of this file's upload, from before a reload. */
  recall(): string | null;
  remember(url: string | null, sent: number): void;
  now(): number;
  progress(sent: Sent): void;
  readonly signal: AbortSignal;
}

export interface Arrived {
  readonly id: string;
  readonly type: string;
}

/** Thrown when the signal was given. */
export class Stopped extends Error {
  constructor() {
    super("Stopped.");
  }
}

/** Rejects with words for the visitor, or with Stopped. */
export async function send(uploads: string, file: Source, ways: Ways): Promise<Arrived> {
  let url = ways.recall();
  let known = url === null;
  let offset = 0;
  let piece = PIECE_MIN;
  let most = PIECE_MAX;
  let cuts = 0;
  let anew = 0;
  for (;;) {
    if (ways.signal.aborted) throw new Stopped();
    const end = Math.min(offset + piece, file.size);
    const began = ways.now();
    const from = offset;
    const step = (bytes: number) => ways.progress({ sent: Math.min(from + bytes, file.size), total: file.size, waiting: false });
    const answer = !known ? await ask(ways, "HEAD", url!, {}, null, () => {})
      : url === null ? await make(uploads, file, file.slice(0, end), ways, step)
      : await ask(ways, "PATCH", url, { "Upload-Offset": String(offset) }, file.slice(offset, end), step);
    if (answer.status >= 200 && answer.status < 300) {
      url = address(answer, uploads) ?? url;
      offset = Number(answer.header("Upload-Offset") ?? 0);
      if (url === null || !(offset >= 0 && offset <= file.size)) throw new Error(`${file.name} cannot be sent here.`);
      ways.progress({ sent: offset, total: file.size, waiting: false });
      if (offset === file.size) {
        ways.remember(null, 0);
        return { id: url.slice(url.lastIndexOf("/") + 1), type: answer.header("Upload-Type") ?? "application/octet-stream" };
      }
      ways.remember(url, offset);
      if (ways.signal.aborted) throw new Stopped();
      if (known) piece = next(piece, most, ways.now() - began);
      known = true;
      cuts = 0;
    } else if (ways.signal.aborted) {
      throw new Stopped();
    } else if ((answer.status === 404 || answer.status === 410) && url !== null) {
      // It rested for too long, or the platform let it go: from the beginning. Again and again that is
      // a visitor whose cookie does not come back, and each time room is set aside.
      if (++anew > ANEW_MAX) throw new Error(`${file.name} cannot be sent: the platform forgets it, perhaps because this site's cookie is blocked.`);
      url = null;
      known = true;
      offset = 0;
      ways.remember(null, 0);
    } else if (answer.status === 413 && answer.header("Tus-Resumable") === null && piece > PIECE_MIN / 8) {
      piece = Math.min(piece, PIECE_MIN) / 2; // a proxy on the way takes less at once
      most = piece;
    } else if (again(answer.status)) {
      known = url === null;
      piece = Math.min(piece, PIECE_MIN, most);
      ways.progress({ sent: offset, total: file.size, waiting: true });
      await ways.pause(Math.min(500 * 2 ** Math.min(cuts++, 5), 10_000));
    } else {
      ways.remember(null, 0);
      throw new Error(words(answer));
    }
  }
}

/** Tells the gateway that nobody will go on with it. */
export async function giveUp(ways: Pick<Ways, "ask" | "recall" | "remember">): Promise<void> {
  const url = ways.recall();
  ways.remember(null, 0);
  if (url !== null) await ways.ask("DELETE", url, { "Tus-Resumable": "1.0.0" }, null, () => {});
}

function ask(ways: Ways, method: string, url: string, headers: Record<string, string>, body: Blob | null, step: (bytes: number) => void) {
  return ways.ask(method, url, { ...headers, ...(body ? { "Content-Type": BODY } : {}), "Tus-Resumable": "1.0.0" }, body, step);
}

function make(uploads: string, file: Source, first: Blob, ways: Ways, step: (bytes: number) => void) {
  return ask(ways, "POST", uploads, { "Upload-Length": String(file.size), "Upload-Metadata": `filename ${base64(file.name)}` }, first, step);
}

/** The path of what was made; a proxy may have put its own host before it. */
function address(answer: Answer, uploads: string): string | null {
  const id = /\/-\/uploads\/([0-9a-z]+)$/.exec(answer.header("Location") ?? "")?.[1];
  return id ? `${uploads}/${id}` : null;
}

/** Larger pieces while they are quick, smaller ones when much would be lost by a cut. */
function next(piece: number, most: number, ms: number): number {
  return ms < 1000 ? Math.min(piece * 2, most) : ms > 8000 ? Math.min(PIECE_MIN, most) : piece;
}

function again(status: number): boolean {
  return status === 0 || status === 408 || status === 409 || status === 423 || status === 425 || (status >= 500 && status !== 507);
}

function words(answer: Answer): string {
  try {
    const error = (JSON.parse(answer.text) as { error?: unknown }).error;
    if (typeof error === "string") return error[0]!.toUpperCase() + error.slice(1) + (/[.!?]$/.test(error) ? "" : ".");
  } catch {
    // an answer of something on the way
  }
  return `The upload was refused (${answer.status}).`;
}

function base64(text: string): string {
  let bytes = "";
  for (const byte of new TextEncoder().encode(text)) bytes += String.fromCharCode(byte);
  return btoa(bytes);
}
