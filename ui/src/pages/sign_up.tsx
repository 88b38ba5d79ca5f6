/* A new account: where everybody may have one, or with an invitation. */
import { useState } from "preact/hooks";
import { call, signUp } from "./api";
import { FormNote, Frame, known, Show, words } from "./frame";
import { useCall } from "./use_call";

export function SignUp({ invitation }: { invitation: string }) {
  const [loaded, again] = useCall(() => known.then(() => call<{ signUp: string }>("GET", "/api/signup")), "sign-up");
  return (
    <Frame title="Sign up" class="narrow">
      <Show loaded={loaded} again={again}>
        {({ signUp: mode }) =>
          mode === "open" || (mode === "invite" && invitation) ? (
            <Form invitation={invitation} />
          ) : (
            <div class="empty">
              <h1 class="empty-title">{mode === "invite" ? "This takes an invitation" : "Nobody can sign up here"}</h1>
              <p>Ask the administrator of this platform for {mode === "invite" ? "a link" : "an account"}.</p>
            </div>
          )
        }
      </Show>
    </Frame>
  );
}

function Form({ invitation }: { invitation: string }) {
  const [error, setError] = useState("");
  const [busy, setBusy] = useState(false);
  const submit = async (e: SubmitEvent) => {
    e.preventDefault();
    const form = new FormData(e.currentTarget as HTMLFormElement);
    setBusy(true);
    setError("");
    try {
      await signUp(String(form.get("username")).trim(), String(form.get("password")), invitation);
      location.assign("/");
    } catch (failure) {
      setError(words(failure));
      setBusy(false);
    }
  };
  return (
    <form class="panel sign-in" onSubmit={(e) => void submit(e)}>
      <h1 class="platform-title">Sign up</h1>
      <label class="form-field">
        <span class="field-label">Name</span>
        <input class="input" name="username" autoComplete="username" autoCapitalize="none" spellcheck={false} required autoFocus />
      </label>
      <label class="form-field">
        <span class="field-label">Password</span>
        <input class="input" name="password" type="password" autoComplete="new-password" minLength={8} required />
      </label>
      <FormNote error={error} />
      <button class="button primary" disabled={busy}>
        {busy ? "Signing up…" : "Sign up"}
      </button>
      <p class="faint">Your name is in the address of what you make, and stays.</p>
    </form>
  );
}
