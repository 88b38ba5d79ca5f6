/* Who has used how much, and seconds for single people beside their tier. */
import { useState } from "preact/hooks";
import { computeWords } from "../../widgets/price_words";
import { call } from "../api";
import { FormNote, known, Show, words } from "../frame";
import { useCall } from "../use_call";
import { msWords } from "../words";
import { accountWords, cutWords } from "./accounts_model";
import { AdminFrame } from "./admin_frame";

interface Group {
  readonly account?: string;
  readonly space?: string;
  readonly model?: string;
  readonly calls: number;
  readonly deviceSeconds: number;
}

interface Everybody {
  readonly accounts: readonly Group[];
  readonly spaces: readonly Group[];
  readonly models: readonly Group[];
}

const SPANS = { 1: "Last day", 7: "Week", 30: "30 days" } as const;
/** Little is said exactly, too: it adds up. */
const usedWords = (seconds: number) => (seconds < 1 ? msWords(seconds * 1000) : computeWords(seconds * 1000));

export function AccountsPage() {
  const [days, setDays] = useState(1);
  return (
    <AdminFrame tab="accounts">
      <p class="admin-lead">What models have cost, in seconds of device time as measured, by whoever caused it.</p>
      <fieldset class="admin-span">
        <legend class="hidden">Time that is shown</legend>
        <div class="switch">
          {Object.entries(SPANS).map(([n, say]) => (
            <label key={n}>
              <input type="radio" name="days" checked={days === Number(n)} onChange={() => setDays(Number(n))} />
              <span>{say}</span>
            </label>
          ))}
        </div>
      </fieldset>
      <Used key={days} days={days} />
      <Give />
    </AdminFrame>
  );
}

/** Mounted anew for another time: figures of the one before never stand under it. */
function Used({ days }: { days: number }) {
  const [loaded, again] = useCall(() => known.then(() => call<Everybody>("GET", `/api/usage?all=1&days=${days}`)), "");
  return (
    <Show loaded={loaded} again={again}>
      {(all) => (
        <>
          <Groups id="accounts" title="Accounts" groups={all.accounts} say={(g) => accountWords(g.account ?? "")} />
          <Groups id="spaces" title="Spaces" groups={all.spaces} say={(g) => [g.space || "By the API, in no Space", ""]} link={(g) => `/spaces/${g.space}`} />
          <Groups id="models" title="Models" groups={all.models} say={(g) => [g.model ?? "", ""]} />
        </>
      )}
    </Show>
  );
}

interface GroupsProps {
  readonly id: string;
  readonly title: string;
  readonly groups: readonly Group[];
  readonly say: (g: Group) => readonly [name: string, kind: string];
  readonly link?: (g: Group) => string;
}

function Groups({ id, title, groups, say, link }: GroupsProps) {
  const most = Math.max(...groups.map((g) => g.deviceSeconds), 0);
  return (
    <section class="panel" aria-labelledby={id}>
      <h2 id={id}>{title}</h2>
      {cutWords(groups.length) && <p class="faint">{cutWords(groups.length)}</p>}
      {groups.length === 0 ? (
        <p class="nothing-here">Nothing was used in this time.</p>
      ) : (
        <ul class="rows">
          {groups.map((g) => {
            const [name, kind] = say(g);
            return (
              <li key={name + kind} class="row-item admin-usage">
                <div class="row-words">
                  {link && name.includes("/") ? <a href={link(g)}>{name}</a> : <span class="admin-words">{name}</span>}
                  {kind && <span class="faint"> · {kind}</span>}
                </div>
                <span class="faint">{g.calls === 1 ? "1 call" : `${g.calls} calls`}</span>
                <b>{usedWords(g.deviceSeconds)}</b>
                <i aria-hidden="true" style={{ width: `${most > 0 ? (100 * g.deviceSeconds) / most : 0}%` }} />
              </li>
            );
          })}
        </ul>
      )}
    </section>
  );
}

function Give() {
  const [error, setError] = useState("");
  const [done, setDone] = useState("");
  const [busy, setBusy] = useState(false);
  const give = async (e: SubmitEvent) => {
    e.preventDefault();
    const form = e.currentTarget as HTMLFormElement;
    const fields = new FormData(form);
    const [name, kind] = [String(fields.get("name")).trim(), String(fields.get("kind"))];
    const [seconds, days] = [Number(fields.get("seconds")), Number(fields.get("days"))];
    setBusy(true);
    setError("");
    setDone("");
    try {
      await call("POST", "/api/credits", { account: `${kind}:${name}`, seconds, reason: String(fields.get("reason")).trim(), ...(days > 0 && { expiresInDays: days }) });
      setDone(`${name} has ${computeWords(seconds * 1000)} more${days > 0 ? `, for ${days === 1 ? "a day" : `${days} days`}` : ""}.`);
      form.reset();
    } catch (failure) {
      setError(words(failure));
    } finally {
      setBusy(false);
    }
  };
  return (
    <section class="panel" aria-labelledby="give">
      <h2 id="give">Give a credit</h2>
      <p class="faint">Seconds beside somebody's tier, used when its window has nothing left. Who has them sees how many, why and from whom.</p>
      <form class="inline-form" onSubmit={(e) => void give(e)}>
        <label class="form-field">
          <span class="field-label">Who</span>
          <input class="input" name="name" required maxLength={39} placeholder="A person or organisation" autoComplete="off" autoCapitalize="none" spellcheck={false} />
        </label>
        <label class="form-field">
          <span class="field-label">For</span>
          <select class="input" name="kind">
            <option value="user">what they click</option>
            <option value="owner">what their Spaces do by themselves</option>
          </select>
        </label>
        <label class="form-field">
          <span class="field-label">Seconds</span>
          <input class="input" name="seconds" type="number" required min={1} step={1} inputMode="numeric" />
        </label>
        <label class="form-field">
          <span class="field-label">Days they last</span>
          <input class="input" name="days" type="number" min={1} max={3650} step={1} placeholder="For ever" inputMode="numeric" />
        </label>
        <label class="form-field">
          <span class="field-label">Reason</span>
          <input class="input" name="reason" required maxLength={200} autoComplete="off" />
        </label>
        <button class="button primary" disabled={busy}>
          Give
        </button>
      </form>
      <FormNote error={error} done={done} />
    </section>
  );
}
