/* Name and password, and back to where one came from. */
import { useState } from "preact/hooks";
import { call, signIn } from "./api";
import { FormNote, Frame, person, words } from "./frame";
import { useCall } from "./use_call";

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
        <Newcomer />
      </form>
    </Frame>
  );
}

/** How somebody without an account gets one. */
function Newcomer() {
  const [loaded] = useCall(() => call<{ signUp: string }>("GET", "/api/signup"), "sign-up");
  const mode = loaded.state === "ready" ? loaded.value.signUp : "";
  if (mode === "open")
    return (
      <p class="faint">
        New here? <a href="/-/sign-up">Make an account</a>.
      </p>
    );
  return (
    <p class="faint">
      {mode === "invite" ? "New here? The administrator of this platform has an invitation for you." : "Accounts are made by the administrator of this platform."}
    </p>
  );
}
