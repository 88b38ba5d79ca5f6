/* The branches of a Space that have previews: where they are, until when, and their end. */
import { useState } from "preact/hooks";
import { call } from "./api";
import { FormNote, StateBadge, words } from "./frame";
import { readRepo } from "./hub/repo";
import { endWords } from "./preview_bar";
import { useCall } from "./use_call";

interface Preview {
  readonly branch: string;
  readonly url: string;
  readonly commit?: string;
  readonly stage: string;
  readonly endsAt: string;
}

/** Nothing where there are none: they appear with a push to a branch. */
export function Previews({ path, owned }: { path: string; owned: boolean }) {
  const [loaded, again] = useCall(() => call<Preview[]>("GET", `${path}/previews`), path);
  const [error, setError] = useState("");
  const [ending, setEnding] = useState<string | null>(null);
  if (loaded.state !== "ready" || loaded.value.length === 0) return null;

  const end = async (branch: string) => {
    setEnding(branch);
    setError("");
    try {
      await call("DELETE", `${path}/previews`, { branch });
      again();
    } catch (failure) {
      setError(words(failure));
    } finally {
      setEnding(null);
    }
  };
  return (
    <section class="panel" aria-labelledby="previews">
      <h2 id="previews">Previews</h2>
      <p class="faint">Branches beside what is live. The page of each is where it is promoted to main.</p>
      <FormNote error={error} />
      <ul class="rows">
        {loaded.value.map((p) => (
          <li key={p.branch} class="row-item">
            <span class="preview-row">
              <a href={new URL(p.url).pathname}>{p.branch}</a>
              <StateBadge state={readRepo("space", { id: "a/b", runtime: { stage: p.stage } })?.state || p.stage.toLowerCase()} />
              {p.commit && <code class="commit">{p.commit.slice(0, 8)}</code>}
              <span class="faint">{endWords(Date.parse(p.endsAt) / 1000, Date.now() / 1000).slice(2)}</span>
            </span>
            {owned && (
              <button type="button" class="button secondary small" disabled={ending !== null} onClick={() => void end(p.branch)}>
                {ending === p.branch ? "Ending…" : "End"}
              </button>
            )}
          </li>
        ))}
      </ul>
    </section>
  );
}
