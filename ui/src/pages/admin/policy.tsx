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
import { changeWords, moveWords, planSummary, restWords, type Plan } from "./policy_model";

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

/** What a plan is of: the text that it was made for is the one that is applied. */
interface Planned {
  readonly text: string;
  readonly plan: Plan;
}

const loadPolicy = () => known.then(() => call<Policy>("GET", "/api/policy"));
const makePlan = async (text: string): Promise<Planned> => ({ text, plan: await call<Plan>("POST", "/api/policy/plan", { text }) });

export function PolicyPage() {
  const [loaded, again] = useCall(loadPolicy, "policy");
  const [seen, setSeen] = useState(0);
  return (
    <AdminFrame tab="policy">
      <p class="admin-lead">
        Who may use how much compute: tiers, and who has which. A text that is not fully understood is refused, and what counted goes on counting.
      </p>
      <Show loaded={loaded} again={again}>
        {(policy) => (
          <>
            <Change first={policy} counts={setSeen} />
            <Versions version={Math.max(policy.version, seen)} />
          </>
        )}
      </Show>
    </AdminFrame>
  );
}

interface ChangeProps {
  readonly first: Policy;
  /** Another version counts from now on. */
  readonly counts: (version: number) => void;
}

function Change({ first, counts }: ChangeProps) {
  const editor = useRef<Editor | null>(null);
  const [policy, setPolicy] = useState(first);
  const [draft, setDraft] = useState(first.text);
  const [reason, setReason] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState("");
  const [planned, setPlanned] = useState<Planned | null>(null);
  const [overtaken, setOvertaken] = useState(false);
  const text = () => editor.current?.text() ?? policy.text;
  /** An answer about a text that is the editor's no more is of no use. */
  const show = (made: Planned) => setPlanned(made.text === text() ? made : null);
  const during = async (work: () => Promise<void>) => {
    if (busy) return;
    setBusy(true);
    setError("");
    try {
      await work();
    } catch (failure) {
      setPlanned(null);
      setError(words(failure));
    } finally {
      setBusy(false);
    }
  };
  const renew = async () => {
    const now = await loadPolicy();
    setPolicy(now);
    counts(now.version);
  };
  const look = () =>
    during(async () => {
      const asked = text();
      await makePlan(asked).then(show, (failure: unknown) => {
        if (asked === text()) throw failure;
      });
    });
  const apply = (wanted: Planned) =>
    during(async () => {
      try {
        await call("PUT", "/api/policy", { text: wanted.text, reason: reason.trim(), version: policy.version });
      } catch (failure) {
        if (!(failure instanceof ApiError && failure.status === 409)) throw failure;
        setError(words(failure));
        setOvertaken(true);
        await renew();
        show(await makePlan(wanted.text));
        return;
      }
      setPlanned(null);
      setReason("");
      setOvertaken(false);
      await renew();
    });
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
          setDraft(text());
          setPlanned(null);
        }}
        save={() => void look()}
      />
      <FormNote error={error} />
      {overtaken && <Overtaking policy={policy} />}
      {planned === null ? (
        <div>
          <button type="button" class="button secondary" disabled={busy || draft === policy.text} onClick={() => void look()}>
            {busy ? "Looking…" : "See what it would change"}
          </button>
        </div>
      ) : (
        <>
          <PlanView plan={planned.plan} />
          <form
            class="inline-form"
            onSubmit={(e) => {
              e.preventDefault();
              void apply(planned);
            }}
          >
            <label class="form-field">
              <span class="field-label">Reason</span>
              <input
                class="input"
                name="reason"
                required
                maxLength={200}
                autoComplete="off"
                placeholder="Why; it stands in the list of versions"
                value={reason}
                onInput={(e) => setReason(e.currentTarget.value)}
              />
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

/** The version that was applied while somebody wrote; their own text stays in the editor. */
function Overtaking({ policy }: { policy: Policy }) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <p class="faint">Yours is not applied, and stays above. What it would change is said from version {policy.version} on.</p>
      <div>
        <button type="button" class="button secondary small" aria-expanded={open} onClick={() => setOpen(!open)}>
          {open ? `Hide version ${policy.version}` : `Look at version ${policy.version}`}
        </button>
      </div>
      {open && <pre class="admin-text">{policy.text}</pre>}
    </>
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

function Versions({ version }: { version: number }) {
  const [loaded, again] = useCall(() => call<readonly Version[]>("GET", "/api/policy/history"), `history ${version}`);
  return (
    <section class="panel" aria-labelledby="versions">
      <h2 id="versions">Versions</h2>
      <Show loaded={loaded} again={again}>
        {(versions) =>
          versions.length === 0 ? (
            <p class="nothing-here">Nobody has applied a policy yet.</p>
          ) : (
            <>
              <ul class="rows">
                {versions.map((v) => (
                  <OldVersion key={v.version} version={v} />
                ))}
              </ul>
              {restWords(versions) && <p class="faint">{restWords(versions)}</p>}
            </>
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
