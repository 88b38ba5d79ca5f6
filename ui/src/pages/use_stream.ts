/*
 * An event stream of the server's, followed: EventSource connects again by itself and says which
 * event it saw last, so that nothing is missed and nothing comes twice.
 */
import { useEffect, useRef, useState } from "preact/hooks";
import { ApiError } from "./api";

export type Tail = "connecting" | "live" | "lost" | "ended";

interface Ears {
  /** Several at once, once per frame. */
  readonly take: (data: readonly string[]) => void;
  readonly gap?: () => void;
}

/** path null: not wanted. A change of the path begins anew, after reset. */
export function useStream(path: string | null, reset: () => void, ears: Ears): readonly [Tail, Error | null] {
  const [tail, setTail] = useState<Tail>("connecting");
  const [error, setError] = useState<Error | null>(null);
  const now = useRef(ears);
  now.current = ears;
  useEffect(() => {
    if (path === null) return;
    let wanted = true;
    let waiting: string[] = [];
    let frame = 0;
    const events = new EventSource(path);
    const show = () => {
      frame = 0;
      const come = waiting;
      waiting = [];
      now.current.take(come);
    };
    reset();
    setTail("connecting");
    setError(null);
    events.onopen = () => setTail("live");
    events.onmessage = (e: MessageEvent<string>) => {
      waiting.push(e.data);
      frame ||= requestAnimationFrame(show);
    };
    events.addEventListener("gap", () => {
      if (waiting.length) show();
      now.current.gap?.();
    });
    events.onerror = () => {
      if (events.readyState !== EventSource.CLOSED && path.includes("follow=")) {
        setTail("lost");
        return;
      }
      // What is not followed ends; asking again would repeat it. What was refused says why.
      events.close();
      setTail("ended");
      if (path.includes("follow="))
        void refusalOf(path).then((why) => {
          if (wanted) setError(why);
        });
    };
    return () => {
      wanted = false;
      events.close();
      cancelAnimationFrame(frame);
    };
  }, [path]);
  return [tail, error];
}

/** EventSource keeps the server's words to itself. */
async function refusalOf(path: string): Promise<Error> {
  const stop = new AbortController();
  try {
    const answer = await fetch(path, { signal: stop.signal, credentials: "same-origin" });
    const { error } = answer.ok ? { error: "" } : ((await answer.json()) as { error?: string });
    return new ApiError(answer.status, error || `The server answered with status ${answer.status}.`);
  } catch {
    return new ApiError(0, "The server does not answer. Check the connection and try again.");
  } finally {
    stop.abort();
  }
}
