/* The policy: its text, what another one would change, and every version there was. */
import { useRef, useState } from "preact/hooks";
import { computeWords } from "../../widgets/price_words";
import { ApiError, call } from "../api";
import { FormNote, known, Show, words } from "../frame";
import type { Editor } from "../hub/code_editor";
import { Source } from "../hub/source";
import { useCall } from "../use_call";
import { agoWords, fullTime } from "../words";
import { AdminFrame } from "./admin_frame";
import { changeWords, moveWords, planSummary, type Plan } from "./policy_model";

interface Version {
  /** 0: nobody has applied one; the text says what counts all the same. */
  readonly version: number;
  readonly time?: string;
  readonly by?: string;
  readonly reason?: string;
}

interface Policy extends Version {
  readonly text: string;
}

export function PolicyPage() {
  const [loaded, again] = useCall(() => known.then(() => call<Policy>("GET", "/api/policy")), "policy");
  return (
    <AdminFrame tab="policy">
      <p class="admin-lead">
        Who may use how much compute: tiers, and who has which. A text that is not fully understood is refused, and what counted goes on counting.
      </p>
      <Show loaded={loaded} again={again}>
        {(policy) => <Change key={policy.version} policy={policy} applied={again} />}
      </Show>
      <Versions />
    </AdminFrame>
  );
}

function Change({ policy, applied }: { policy: Policy; applied: () => void }) {
  const editor = useRef<Editor | null>(null);
  const [changed, setChanged] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState("");
  const [plan, setPlan] = useState<Plan | null>(null);
  const text = () => editor.current?.text() ?? policy.text;
  const during = async (work: () => Promise<void>) => {
    setBusy(true);
    setError("");
    try {
      await work();
    } catch (failure) {
      setPlan(null);
      setError(words(failure));
      if (failure instanceof ApiError && failure.status === 409) applied();
    } finally {
      setBusy(false);
    }
  };
  const look = () => during(async () => setPlan(await call<Plan>("POST", "/api/policy/plan", { text: text() })));
  const apply = (e: SubmitEvent) => {
    e.preventDefault();
    const reason = String(new FormData(e.currentTarget as HTMLFormElement).get("reason")).trim();
    void during(async () => {
      await call("PUT", "/api/policy", { text: text(), reason, version: policy.version });
      applied();
    });
  };
  return (
    <section class="panel" aria-labelledby="text">
      <h2 id="text">{policy.version === 0 ? "What counts until you apply one" : `Version ${policy.version}`}</h2>
      {policy.time && (
        <p class="faint">
          Applied by {policy.by || "the control key"}, <span title={fullTime(policy.time)}>{agoWords(policy.time)}</span>: {policy.reason}
        </p>
      )}
      <Source
        text={policy.text}
        language="yaml"
        label="The policy"
        ready={(made) => (editor.current = made)}
        changed={() => {
          setChanged(editor.current !== null && editor.current.text() !== policy.text);
          setPlan(null);
        }}
        save={() => void look()}
      />
      <FormNote error={error} />
      {plan === null ? (
        <div>
          <button type="button" class="button secondary" disabled={busy || !changed} onClick={() => void look()}>
            {busy ? "Looking…" : "See what it would change"}
          </button>
        </div>
      ) : (
        <>
          <PlanView plan={plan} />
          <form class="inline-form" onSubmit={apply}>
            <label class="form-field">
              <span class="field-label">Reason</span>
              <input class="input" name="reason" required maxLength={200} autoComplete="off" placeholder="Why; it stands in the list of versions" />
            </label>
            <button class="button primary" disabled={busy}>
              {busy ? "Applying…" : "Apply"}
            </button>
          </form>
        </>
      )}
    </section>
  );
}

export function PlanView({ plan }: { plan: Plan }) {
  return (
    <div role="status">
      <p>
        <b>{planSummary(plan)}</b>
      </p>
      {plan.rows.length > 0 && (
        <ul class="rows admin-plan">
          {plan.rows.map((row) => (
            <li key={row.account} class="row-item">
              <div class="row-words">
                <p class="admin-words">{row.account}</p>
                <p class="faint">{changeWords(row)}</p>
              </div>
              {row.over && <span class="badge bad">has used {computeWords(row.secondsUsed * 1000)}: over at once</span>}
              <span class={`badge ${row.change === "gains" ? "good" : row.change === "loses" ? "bad" : "calm"}`}>{row.change === "mixed" ? "gains and loses" : row.change}</span>
            </li>
          ))}
        </ul>
      )}
      {plan.moves.length > 0 && (
        <ul class="rows admin-plan" aria-label="Spaces on other hardware">
          {plan.moves.map((move) => (
            <li key={move.space} class="row-item">
              <div class="row-words">
                <p class="admin-words">{move.space}</p>
                <p class="faint">{moveWords(move)}</p>
              </div>
              {move.from.class !== move.to.class && <span class="badge calm">its workers are replaced</span>}
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

function Versions() {
  const [loaded, again] = useCall(() => known.then(() => call<readonly Version[]>("GET", "/api/policy/history")), "history");
  return (
    <section class="panel" aria-labelledby="versions">
      <h2 id="versions">Versions</h2>
      <Show loaded={loaded} again={again}>
        {(versions) =>
          versions.length === 0 ? (
            <p class="nothing-here">Nobody has applied a policy yet.</p>
          ) : (
            <ul class="rows">
              {versions.map((v) => (
                <OldVersion key={v.version} version={v} />
              ))}
            </ul>
          )
        }
      </Show>
    </section>
  );
}

function OldVersion({ version }: { version: Version }) {
  const [text, setText] = useState<string | null>(null);
  const toggle = async () => {
    if (text !== null) return setText(null);
    setText(await call<Policy>("GET", `/api/policy?version=${version.version}`).then((p) => p.text, words));
  };
  return (
    <li class="row-item">
      <div class="row-words">
        <p class="admin-words">
          <b>{version.version}</b> {version.reason}
        </p>
        <p class="faint">
          {version.by || "the control key"}, <span title={fullTime(version.time)}>{agoWords(version.time)}</span>
        </p>
      </div>
      <button type="button" class="button secondary small" aria-expanded={text !== null} onClick={() => void toggle()}>
        {text === null ? "Show" : "Hide"}
      </button>
      {text !== null && <pre class="admin-text">{text}</pre>}
    </li>
  );
}
