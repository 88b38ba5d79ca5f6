/* One's own account: access tokens, shown once, organisations, and the password. */
import { useState } from "preact/hooks";
import { call, type TokenInfo } from "./api";
import { Compute } from "./compute";
import { FormNote, Frame, known, person, Problem, Show, words } from "./frame";
import { ApiError } from "./api";
import { Invitations, Organisations } from "./organisations";
import { Snippet } from "./snippet";
import { useCall } from "./use_call";
import { agoWords, fullTime } from "./words";

export function Account() {
  const who = person.value;
  return (
    <Frame title="Account" class="narrow">
      <h1 class="platform-title">Account</h1>
      {who === null && <Problem error={new ApiError(401, "")} again={() => location.reload()} />}
      {who && (
        <>
          <p class="lead">
            {who.fullname && who.fullname !== who.name ? `${who.fullname} (${who.name})` : who.name}
            {who.admin && <span class="badge calm">Administrator</span>}
          </p>
          <Compute />
          <Tokens />
          <Organisations who={who} />
          {who.admin && <Invitations />}
          <Password name={who.name} />
        </>
      )}
    </Frame>
  );
}

function Tokens() {
  const [loaded, again] = useCall(() => known.then(() => call<TokenInfo[]>("GET", "/api/tokens")), "tokens");
  const [made, setMade] = useState<{ name: string; token: string } | null>(null);
  const [error, setError] = useState("");

  const make = async (e: SubmitEvent) => {
    e.preventDefault();
    const form = e.currentTarget as HTMLFormElement;
    const fields = new FormData(form);
    const name = String(fields.get("token")).trim();
    const repos = String(fields.get("repos")).split(/[\s,]+/).filter(Boolean);
    const days = Number(fields.get("days"));
    setError("");
    try {
      const { token } = await call<{ token: string }>("POST", "/api/tokens", {
        name,
        scope: String(fields.get("scope")),
        ...(repos.length > 0 && { repos }),
        ...(days > 0 && { expiresInDays: days }),
      });
      setMade({ name, token });
      form.reset();
      again();
    } catch (failure) {
      setError(words(failure));
    }
  };
  const revoke = async (token: TokenInfo) => {
    setError("");
    try {
      await call("DELETE", `/api/tokens/${encodeURIComponent(token.id)}`);
      again();
    } catch (failure) {
      setError(words(failure));
    }
  };
  return (
    <section class="panel" aria-labelledby="tokens">
      <h2 id="tokens">Access tokens</h2>
      <p class="faint">A token is your password for git and for programs. Make one for each machine, so that each can be revoked.</p>
      {made && (
        <div class="made" role="status">
          <p>
            <b>{made.name}</b>: copy it now. It is not shown again.
          </p>
          <Snippet text={made.token} />
        </div>
      )}
      <Show loaded={loaded} again={again}>
        {(tokens) =>
          tokens.length === 0 ? (
            <p class="nothing-here">No tokens yet.</p>
          ) : (
            <ul class="rows">
              {tokens.map((token) => (
                <TokenRow key={token.id} token={token} revoke={() => void revoke(token)} />
              ))}
            </ul>
          )
        }
      </Show>
      <form class="inline-form" onSubmit={(e) => void make(e)}>
        <label class="form-field">
          <span class="field-label">New token</span>
          <input class="input" name="token" placeholder="What is it for?" maxLength={100} required autoComplete="off" />
        </label>
        <label class="form-field">
          <span class="field-label">May</span>
          <select class="input" name="scope">
            <option value="write">read and write</option>
            <option value="read">only read</option>
          </select>
        </label>
        <label class="form-field">
          <span class="field-label">Ends</span>
          <select class="input" name="days">
            <option value="0">never</option>
            <option value="7">in a week</option>
            <option value="30">in 30 days</option>
            <option value="365">in a year</option>
          </select>
        </label>
        <label class="form-field">
          <span class="field-label">Only for these repositories</span>
          <input class="input" name="repos" placeholder="All, or spaces/me/app …" autoComplete="off" />
        </label>
        <button class="button primary">Create token</button>
      </form>
      <FormNote error={error} />
    </section>
  );
}

function TokenRow({ token, revoke }: { token: TokenInfo; revoke: () => void }) {
  const [sure, setSure] = useState(false);
  return (
    <li class="row-item">
      <div class="row-words">
        <b>{token.name}</b>
        {token.scope === "read" && <> <span class="badge calm">only reads</span></>}
        {token.repos && <p class="faint">Only for {token.repos.join(", ") || "repositories that are gone"}</p>}
        <p class="faint">
          <span title={fullTime(token.createdAt)}>made {agoWords(token.createdAt)}</span>
          {token.lastUsedAt ? `, last used ${agoWords(token.lastUsedAt)}` : ", never used"}
          {token.expiresAt && `, ends ${token.expiresAt.slice(0, 10)}`}
        </p>
      </div>
      {sure ? (
        <div class="row-actions">
          <button type="button" class="button stop small" onClick={revoke}>
            Revoke for good
          </button>
          <button type="button" class="button secondary small" onClick={() => setSure(false)}>
            Keep
          </button>
        </div>
      ) : (
        <button type="button" class="button secondary small" aria-label={`Revoke ${token.name}`} onClick={() => setSure(true)}>
          Revoke
        </button>
      )}
    </li>
  );
}

function Password({ name }: { name: string }) {
  const [error, setError] = useState("");
  const [done, setDone] = useState("");
  const change = async (e: SubmitEvent) => {
    e.preventDefault();
    const form = e.currentTarget as HTMLFormElement;
    const fields = new FormData(form);
    const now = String(fields.get("new"));
    setDone("");
    setError("");
    if (now !== String(fields.get("again"))) {
      setError("The two new passwords differ.");
      return;
    }
    try {
      await call("POST", "/api/account/password", { old: String(fields.get("old")), new: now });
      form.reset();
      setDone("Your password is changed.");
    } catch (failure) {
      setError(words(failure));
    }
  };
  return (
    <form class="panel" aria-labelledby="password" onSubmit={(e) => void change(e)}>
      <h2 id="password">Password</h2>
      <input class="hidden" name="username" autoComplete="username" value={name} readOnly tabIndex={-1} aria-hidden="true" />
      <PasswordField name="old" label="Present password" complete="current-password" />
      <PasswordField name="new" label="New password" complete="new-password" />
      <PasswordField name="again" label="New password, again" complete="new-password" />
      <FormNote error={error} done={done} />
      <div>
        <button class="button secondary">Change password</button>
      </div>
    </form>
  );
}

function PasswordField({ name, label, complete }: { name: string; label: string; complete: string }) {
  return (
    <label class="form-field">
      <span class="field-label">{label}</span>
      <input class="input" type="password" name={name} autoComplete={complete} required />
    </label>
  );
}
