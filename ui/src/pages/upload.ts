/*
 * A file on its way up, from a browser: XMLHttpRequest, because fetch does not tell how far a body
 * is. Loaded when the first file is chosen.
 */
import { giveUp, send, Stopped, type Answer, type Sent, type Ways } from "../wire/tus";
import { sizeWords } from "../widgets/file_rules";
import type { FileValue } from "../widgets/space";
import { keep, keyOf, read } from "./half";

const SILENT_MS = 20_000; // a piece that gets nowhere for so long is cut and sent again
const DISK_MS = 120_000; // the last one waits for the disk

/** place: the component, so that two of them do not share one upload. */
export async function uploadFile(
  base: string,
  place: string,
  file: File,
  max: number,
  progress: (sent: Sent) => void,
  signal: AbortSignal,
): Promise<FileValue> {
  if (file.size > max) throw new Error(`${file.name} has ${sizeWords(file.size)}; at most ${sizeWords(max)} can be uploaded.`);
  const key = keyOf(base, place, file);
  const ways: Ways = {
    // One that makes an upload is heard to its end: else nobody could drop what it has made.
    ask: (method, url, headers, body, step) => ask(method, url, headers, body, step, method === "POST" ? null : signal),
    pause: (ms) => pause(ms, signal),
    recall: () => read(key)?.url ?? null,
    remember: (url, sent) => keep(key, url, sent),
    now: () => performance.now(),
    progress,
    signal,
  };
  try {
    const arrived = await send(`${base}/-/uploads`, file, ways);
    return { file: arrived.id, name: file.name, type: arrived.type, size: file.size };
  } catch (error) {
    // Cancelled by hand; a page that is left keeps its half for later.
    if (error instanceof Stopped && signal.reason === "cancel") {
      void giveUp({ ...ways, ask: (method, url, headers) => ask(method, url, headers, null, () => {}, null) });
    }
    throw error;
  }
}

function ask(
  method: string,
  url: string,
  headers: Record<string, string>,
  body: Blob | null,
  step: (bytes: number) => void,
  signal: AbortSignal | null,
): Promise<Answer> {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    let timer = 0;
    const heard = (ms = SILENT_MS) => {
      clearTimeout(timer);
      timer = window.setTimeout(() => request.abort(), ms);
    };
    const stop = () => request.abort();
    request.open(method, url);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.onprogress = (e) => {
      heard();
      step(e.loaded);
    };
    request.upload.onload = () => heard(DISK_MS);
    request.onloadend = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", stop);
      resolve({ status: request.status, text: request.responseText, header: (name) => request.getResponseHeader(name) });
    };
    signal?.addEventListener("abort", stop);
    heard();
    request.send(body);
  });
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      removeEventListener("online", end);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms * (0.75 + Math.random() / 2));
    addEventListener("online", end);
    signal.addEventListener("abort", end);
  });
}
