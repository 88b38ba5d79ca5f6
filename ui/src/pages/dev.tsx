/*
 * The author's view of a Space (its address ends with #dev): a build that is refused is told over
 * the page, which goes on showing the version before, and is gone with the next one that is not.
 */
import { useEffect, useState } from "preact/hooks";
import { Icon } from "../widgets/icon";
import { call, spacePath, type Build } from "./api";
import { readDevError, type DevError } from "./dev_error";

const SETTLE_MS = 30; // the lines of a build come together
const LOOK_MS = 400; // while an error stands: what is right again writes no line

export function DevErrors({ owner, name }: { owner: string; name: string }) {
  const [error, setError] = useRefusal(spacePath(owner, name));
  useEffect(() => {
    if (!error) return;
    const onKey = (e: KeyboardEvent) => e.key === "Escape" && setError(null);
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, [error, setError]);
  if (!error) return null;
  return (
    <div class="dev-shade">
      <section class="dev-error" role="alert" aria-label="The last save was refused">
        <header>
          <Icon name="alert" />
          <p class="mono">{error.place ?? "This version was refused"}</p>
          <button type="button" class="chip-button quiet" aria-label="Dismiss" onClick={() => setError(null)}>
            <Icon name="close" />
          </button>
        </header>
        <p class="dev-words">{error.words}</p>
        {error.code.length > 0 && (
          <pre class="dev-code" tabIndex={0}>
            {error.code.map((l) => (
              <span key={l.n} class={l.here ? "here" : undefined}>
                <i>{l.n}</i>
                {l.text}
                {"\n"}
              </span>
            ))}
          </pre>
        )}
        {error.rest.length > 0 && (
          <pre class="dev-rest" tabIndex={0}>
            {error.rest.join("\n")}
          </pre>
        )}
        <p class="faint">The version before is still running. This goes away with the next save that is right.</p>
      </section>
    </div>
  );
}

/** The newest build's refusal, or null. */
function useRefusal(path: string) {
  const [error, setError] = useState<DevError | null>(null);
  const shown = error !== null;
  const [seen] = useState(() => ({ build: "", lines: [] as string[] }));
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const look = async () => {
      const newest = (await call<readonly Build[]>("GET", `${path}/builds`).catch(() => []))[0];
      if (!newest || newest.state !== "failed") setError(null);
      else if (newest.id === seen.build) setError(readDevError(newest.message ?? "", seen.lines));
    };
    const events = new EventSource(`${path}/logs/build?follow=1`);
    events.onmessage = (e: MessageEvent<string>) => {
      const { build, line } = JSON.parse(e.data) as { build?: string; line?: string };
      if (build !== seen.build) {
        seen.build = build ?? "";
        seen.lines = [];
      }
      seen.lines.push(line ?? "");
      clearTimeout(timer);
      timer = setTimeout(() => void look(), SETTLE_MS);
    };
    return () => {
      events.close();
      clearTimeout(timer);
    };
  }, [path, seen]);
  useEffect(() => {
    if (!shown) return;
    const timer = setInterval(() => {
      void call<readonly Build[]>("GET", `${path}/builds`)
        .then((builds) => builds[0]?.state === "failed" || setError(null))
        .catch(() => undefined);
    }, LOOK_MS);
    return () => clearInterval(timer);
  }, [path, shown]);
  return [error, setError] as const;
}
