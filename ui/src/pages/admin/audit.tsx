/* The audit log: who did what, newest first. That it is whole, `vitrine audit verify` shows. */
import { useState } from "preact/hooks";
import { call } from "../api";
import { FormNote, known, Show, words } from "../frame";
import { useCall } from "../use_call";
import { agoWords, fullTime } from "../words";
import { AdminFrame } from "./admin_frame";
import { deedWords, detailWords, isAbout, olderRows, type AuditRow } from "./audit_model";

const PART = 200;

export function AuditPage() {
  const [loaded, again] = useCall(() => known.then(() => call<readonly AuditRow[]>("GET", `/api/audit?last=${PART}`)), "audit");
  return (
    <AdminFrame tab="audit">
      <p class="admin-lead">
        Who did what to people, tokens, secrets, repos and the platform. Rows are never changed, and each holds the hash of the one before: <code>vitrine audit verify</code> shows that none is
        missing or changed. The oldest go by <code>vitrine audit prune</code> alone, which is a row itself.
      </p>
      <Show loaded={loaded} again={again}>
        {(rows) => <Log newest={rows} />}
      </Show>
    </AdminFrame>
  );
}

function Log({ newest }: { newest: readonly AuditRow[] }) {
  const [rows, setRows] = useState(newest);
  const [find, setFind] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState("");
  const [whole, setWhole] = useState(newest.length < PART);
  const first = rows[0]?.n ?? 1;
  const shown = rows.filter((row) => isAbout(row, find)).reverse();
  const older = async () => {
    setBusy(true);
    setError("");
    const after = Math.max(0, first - 1 - PART);
    try {
      const asked = first - 1 - after;
      const more = olderRows(await call<readonly AuditRow[]>("GET", `/api/audit?after=${after}&limit=${asked}`), first, asked);
      setRows([...more.rows, ...rows]);
      setWhole(more.whole);
    } catch (failure) {
      setError(words(failure));
    } finally {
      setBusy(false);
    }
  };
  return (
    <section class="panel" aria-labelledby="log">
      <h2 id="log">Newest first</h2>
      <label class="form-field">
        <span class="hidden">Show only rows with these words</span>
        <input class="input" type="search" value={find} placeholder="Only rows with these words: a name, a repo, an address…" autoComplete="off" spellcheck={false} onInput={(e) => setFind(e.currentTarget.value)} />
      </label>
      {shown.length === 0 ? (
        <p class="nothing-here">{find ? `None of the last ${rows.length} rows has these words.` : "Nothing was done yet."}</p>
      ) : (
        <ol class="rows admin-log">
          {shown.map((row) => (
            <li key={row.n} class="row-item">
              <div class="row-words">
                <p class="admin-words">
                  <b>{row.who || "The platform's own key"}</b> <span title={row.action}>{deedWords(row.action)}</span>
                </p>
                <p class="faint admin-words">
                  {row.subject}
                  {detailWords(row.detail)}
                </p>
              </div>
              <span class="faint" title={fullTime(new Date(row.time / 1000).toISOString())}>
                {agoWords(new Date(row.time / 1000).toISOString())}
              </span>
            </li>
          ))}
        </ol>
      )}
      <FormNote error={error} />
      {first > 1 && !whole && (
        <div>
          <button type="button" class="button secondary" disabled={busy} onClick={() => void older()}>
            {busy ? "Loading…" : "Older ones"}
          </button>
        </div>
      )}
    </section>
  );
}
