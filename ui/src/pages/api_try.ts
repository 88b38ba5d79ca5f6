/* Calls a function the way the page's snippets do: values as they come, then the result. */
import { ApiError } from "./api";

export interface Told {
  progress(words: string): void;
  value(value: unknown): void;
}

/** The result; told hears what came before. Throws an ApiError. */
export async function tryCall(base: string, name: string, args: Readonly<Record<string, unknown>>, told: Told, signal: AbortSignal): Promise<unknown> {
  const answer = await fetch(`${base}/-/api/${name}`, {
    method: "POST",
    headers: { accept: "text/event-stream", "content-type": "application/json" },
    body: JSON.stringify(args),
    signal,
  });
  if (!answer.ok || !answer.body) throw await refusal(answer);
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) throw new ApiError(0, "The connection ended before the result came.");
    text += value;
    for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
      const [event, data] = readEvent(text.slice(0, end));
      text = text.slice(end + 2);
      if (event === "result") return data;
      if (event === "error") throw failure(data);
      tell(event, data, told);
    }
  }
}

function readEvent(block: string): readonly [string, unknown] {
  let event = "";
  let data = "null";
  for (const line of block.split("\n")) {
    if (line.startsWith("event: ")) event = line.slice(7);
    if (line.startsWith("data: ")) data = line.slice(6);
  }
  return [event, JSON.parse(data)];
}

function tell(event: string, data: unknown, told: Told): void {
  const d = (data ?? {}) as Readonly<Record<string, unknown>>;
  if (event === "value") told.value(data);
  if (event === "queue") told.progress(`Waiting, number ${d["place"]} of ${d["of"]}`);
  if (event === "progress") {
    const share = typeof d["fraction"] === "number" ? `${Math.round(100 * d["fraction"])} %` : "";
    const steps = typeof d["index"] === "number" && typeof d["length"] === "number" ? `${d["index"]} of ${d["length"]}` : "";
    told.progress([d["message"], steps || share].filter(Boolean).join(" · ") || "Working");
  }
}

async function refusal(answer: Response): Promise<ApiError> {
  try {
    return failure(await answer.json(), answer.status);
  } catch {
    return new ApiError(answer.status, `The Space answered ${answer.status}.`);
  }
}

function failure(data: unknown, status = 500): ApiError {
  const d = (data ?? {}) as Readonly<Record<string, unknown>>;
  return new ApiError(status, typeof d["error"] === "string" ? d["error"] : "It failed.", typeof d["field"] === "string" ? d["field"] : null);
}

/** A file of the Space, to be named in a call. */
export async function sendFile(base: string, file: File): Promise<unknown> {
  const answer = await fetch(`${base}/-/upload?name=${encodeURIComponent(file.name)}`, { method: "POST", body: file });
  if (!answer.ok) throw await refusal(answer);
  return answer.json();
}
