/* Repos that an administrator has taken down, and how one is. */
import { useState } from "preact/hooks";
import { call } from "../api";
import { FormNote, known, Show, words } from "../frame";
import { useCall } from "../use_call";
import { agoWords, fullTime } from "../words";
import { AdminFrame } from "./admin_frame";

interface Takedown {
  readonly kind: "space" | "model" | "dataset";
  readonly id: string;
  readonly reason: string;
  readonly by: string;
  readonly at: string;
}

const pathOf = (kind: string, id: string) => `${kind === "model" ? "" : `/${kind}s`}/${id}`;
const routeOf = (kind: string, id: string) => `/api/${kind}s/${id.split("/").map(encodeURIComponent).join("/")}/takedown`;

export function TakedownsPage() {
  const [loaded, again] = useCall(() => known.then(() => call<readonly Takedown[]>("GET", "/api/takedowns")), "takedowns");
  return (
    <AdminFrame tab="takedowns">
      <p class="admin-lead">
        What is taken down is private, runs no more and serves no model. Its owner sees the reason on each of its pages, and can neither push to it nor change it until it is lifted.
      </p>
      <TakeDown done={again} />
      <section class="panel" aria-labelledby="list">
        <h2 id="list">Taken down</h2>
        <Show loaded={loaded} again={again}>
          {(list) =>
            list.length === 0 ? (
              <p class="nothing-here">Nothing is taken down.</p>
            ) : (
              <ul class="rows">
                {list.map((t) => (
                  <Row key={`${t.kind} ${t.id}`} takedown={t} lifted={again} />
                ))}
              </ul>
            )
          }
        </Show>
      </section>
    </AdminFrame>
  );
}

function Row({ takedown: t, lifted }: { takedown: Takedown; lifted: () => void }) {
  const [error, setError] = useState("");
  const [busy, setBusy] = useState(false);
  const lift = async () => {
    setBusy(true);
    setError("");
    try {
      await call("DELETE", routeOf(t.kind, t.id));
      lifted();
    } catch (failure) {
      setError(words(failure));
      setBusy(false);
    }
  };
  return (
    <li class="row-item">
      <div class="row-words">
        <a href={pathOf(t.kind, t.id)}>{t.id}</a> <span class="badge calm">{t.kind}</span>
        <p class="admin-words">{t.reason}</p>
        <p class="faint">
          by {t.by || "the control key"}, <span title={fullTime(t.at)}>{agoWords(t.at)}</span>
        </p>
        <FormNote error={error} />
      </div>
      <button type="button" class="button secondary" disabled={busy} onClick={() => void lift()}>
        Lift
      </button>
    </li>
  );
}

function TakeDown({ done }: { done: () => void }) {
  const [error, setError] = useState("");
  const [said, setSaid] = useState("");
  const [busy, setBusy] = useState(false);
  const take = async (e: SubmitEvent) => {
    e.preventDefault();
    const form = e.currentTarget as HTMLFormElement;
    const fields = new FormData(form);
    const id = String(fields.get("id")).trim();
    setError("");
    setSaid("");
    if (!/^[^/\s]+\/[^/\s]+$/.test(id)) return setError("Its name is OWNER/NAME.");
    setBusy(true);
    try {
      await call("POST", routeOf(String(fields.get("kind")), id), { reason: String(fields.get("reason")).trim() });
      setSaid(`${id} is taken down.`);
      form.reset();
      done();
    } catch (failure) {
      setError(words(failure));
    } finally {
      setBusy(false);
    }
  };
  return (
    <section class="panel" aria-labelledby="take">
      <h2 id="take">Take something down</h2>
      <form class="inline-form" onSubmit={(e) => void take(e)}>
        <label class="form-field">
          <span class="field-label">What</span>
          <select class="input" name="kind">
            <option value="space">Space</option>
            <option value="model">Model</option>
            <option value="dataset">Dataset</option>
          </select>
        </label>
        <label class="form-field">
          <span class="field-label">Its name</span>
          <input class="input" name="id" required placeholder="OWNER/NAME" maxLength={140} autoComplete="off" autoCapitalize="none" spellcheck={false} />
        </label>
        <label class="form-field">
          <span class="field-label">Reason, for its owner to read</span>
          <input class="input" name="reason" required maxLength={500} autoComplete="off" />
        </label>
        <button class="button stop" disabled={busy}>
          Take down
        </button>
      </form>
      <FormNote error={error} done={said} />
    </section>
  );
}
