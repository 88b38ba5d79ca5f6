/* Name and password, and back to where one came from. */
import { useState } from "preact/hooks";
import { signIn } from "./api";
import { FormNote, Frame, person, words } from "./frame";

export function SignIn({ next }: { next: string }) {
  const [error, setError] = useState("");
  const [busy, setBusy] = useState(false);
  const submit = async (e: SubmitEvent) => {
    e.preventDefault();
    const form = new FormData(e.currentTarget as HTMLFormElement);
    setBusy(true);
    setError("");
    try {
      await signIn(String(form.get("username")).trim(), String(form.get("password")));
      location.assign(next);
    } catch (failure) {
      setError(words(failure));
      setBusy(false);
    }
  };
  return (
    <Frame title="Sign in" class="narrow">
      <form class="panel sign-in" onSubmit={(e) => void submit(e)}>
        <h1 class="platform-title">Sign in</h1>
        {person.value && (
          <p class="faint">
            You are signed in as <b>{person.value.name}</b>. <a href={next}>Go on</a>, or be somebody else:
          </p>
        )}
        <label class="form-field">
          <span class="field-label">Name</span>
          <input class="input" name="username" autoComplete="username" autoCapitalize="none" spellcheck={false} required autoFocus />
        </label>
        <label class="form-field">
          <span class="field-label">Password</span>
          <input class="input" name="password" type="password" autoComplete="current-password" required />
        </label>
        <FormNote error={error} />
        <button class="button primary" disabled={busy}>
          {busy ? "Signing in…" : "Sign in"}
        </button>
        <p class="faint">Accounts are made by the administrator of this platform.</p>
      </form>
    </Frame>
  );
}
