/* The organisations somebody is in, and how one begins; for administrators, how a person does. */
import { useState } from "preact/hooks";
import { call, type Person } from "./api";
import { FormNote, words } from "./frame";
import { Snippet } from "./snippet";

export function Organisations({ who }: { who: Person }) {
  const [error, setError] = useState("");
  const [busy, setBusy] = useState(false);
  const make = async (e: SubmitEvent) => {
    e.preventDefault();
    const fields = new FormData(e.currentTarget as HTMLFormElement);
    const name = String(fields.get("name")).trim();
    const fullname = String(fields.get("fullname")).trim();
    setBusy(true);
    setError("");
    try {
      await call("POST", "/api/organizations", { name, ...(fullname && { fullname }) });
      location.assign(`/${encodeURIComponent(name)}`);
    } catch (failure) {
      setError(words(failure));
      setBusy(false);
    }
  };
  const orgs = who.orgs ?? [];
  return (
    <section class="panel" aria-labelledby="organisations">
      <h2 id="organisations">Organisations</h2>
      <p class="faint">An organisation owns Spaces, models and datasets like a person does, and its members share the work.</p>
      {orgs.length === 0 ? (
        <p class="nothing-here">You are in no organisation.</p>
      ) : (
        <ul class="rows">
          {orgs.map((org) => (
            <li key={org.name} class="row-item">
              <a class="row-words" href={`/${org.name}`}>
                {org.fullname && org.fullname !== org.name ? `${org.fullname} (${org.name})` : org.name}
              </a>
              <span class="badge calm">{org.roleInOrg}</span>
            </li>
          ))}
        </ul>
      )}
      <form class="inline-form" onSubmit={(e) => void make(e)}>
        <label class="form-field">
          <span class="field-label">New organisation</span>
          <input class="input" name="name" placeholder="Its name in addresses" maxLength={39} required autoComplete="off" autoCapitalize="none" spellcheck={false} />
        </label>
        <label class="form-field">
          <span class="field-label">Full name</span>
          <input class="input" name="fullname" placeholder="May be left empty" maxLength={100} autoComplete="off" />
        </label>
        <button class="button primary" disabled={busy}>
          Create organisation
        </button>
      </form>
      <FormNote error={error} />
    </section>
  );
}

export function Invitations() {
  const [link, setLink] = useState("");
  const [error, setError] = useState("");
  const invite = async () => {
    setError("");
    try {
      setLink((await call<{ url: string }>("POST", "/api/invitations")).url);
    } catch (failure) {
      setError(words(failure));
    }
  };
  return (
    <section class="panel" aria-labelledby="invitations">
      <h2 id="invitations">Invite somebody</h2>
      <p class="faint">A link makes one account, within 14 days. Give each person one of their own.</p>
      {link && (
        <div class="made" role="status">
          <p>Copy it now. It is not shown again.</p>
          <Snippet text={link} />
        </div>
      )}
      <FormNote error={error} />
      <div>
        <button type="button" class="button secondary" onClick={() => void invite()}>
          Make an invitation
        </button>
      </div>
    </section>
  );
}
