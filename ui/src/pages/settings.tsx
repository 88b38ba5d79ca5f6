/* What a Space is, how to push to it, and how to end it. */
import { useState } from "preact/hooks";
import { call, spacePath, type SpaceInfo } from "./api";
import { FormNote, known, Show, SpaceFrame, StateBadge, words } from "./frame";
import { Snippet } from "./home";
import { useCall } from "./use_call";
import { agoWords } from "./words";

export function Settings({ owner, name }: { owner: string; name: string }) {
  const path = spacePath(owner, name);
  const [loaded, again] = useCall(() => known.then(() => call<SpaceInfo>("GET", path)), path);
  return (
    <SpaceFrame owner={owner} name={name} tab="settings">
      <Show loaded={loaded} again={again}>
        {(space) => (
          <>
            <About space={space} />
            <section class="panel">
              <h2>Push to it</h2>
              <Snippet text={`git clone ${location.origin}/spaces/${owner}/${name}`} />
              <p class="faint">
                What the Space needs is in its own <code>README.md</code>: title, app file, models, how long it stays
                awake. Change it there and push.
              </p>
            </section>
            {space.owned && <Visibility path={path} space={space} again={again} />}
            {space.owned && <Delete path={path} id={`${owner}/${name}`} />}
          </>
        )}
      </Show>
    </SpaceFrame>
  );
}

function About({ space }: { space: SpaceInfo }) {
  return (
    <section class="panel">
      <h1 class="platform-title">
        {space.emoji} {space.title}
      </h1>
      <dl class="facts">
        <dt>State</dt>
        <dd>
          <StateBadge state={space.state ?? space.runtime?.stage} />
        </dd>
        <dt>Seen by</dt>
        <dd>{space.private ? "its owner and administrators" : "everybody"}</dd>
        <dt>Visitors now</dt>
        <dd>{space.runtime?.sessions ?? 0}</dd>
        <dt>Live commit</dt>
        <dd>{space.commit ? <code>{space.commit.slice(0, 12)}</code> : "none"}</dd>
        <dt>Bundle</dt>
        <dd>{space.bundle ? <code>{space.bundle.slice(0, 12)}</code> : "none"}</dd>
        <dt>Updated</dt>
        <dd>{agoWords(space.updatedAt) || "never"}</dd>
      </dl>
    </section>
  );
}

function Visibility({ path, space, again }: { path: string; space: SpaceInfo; again: () => void }) {
  const [error, setError] = useState("");
  const change = async () => {
    setError("");
    try {
      await call("PUT", `${path}/settings`, { private: !space.private });
      again();
    } catch (failure) {
      setError(words(failure));
    }
  };
  return (
    <section class="panel">
      <h2>Who sees it</h2>
      <p class="faint">
        {space.private
          ? "This Space is private: for everybody but you and the administrators it does not exist. Programs send an access token."
          : "Everybody who reaches this platform sees this Space and may use it. Made private, it ends for visitors who are there now."}
      </p>
      <button class="button" onClick={() => void change()}>
        {space.private ? "Make it public" : "Make it private"}
      </button>
      <FormNote error={error} />
    </section>
  );
}

function Delete({ path, id }: { path: string; id: string }) {
  const [typed, setTyped] = useState("");
  const [error, setError] = useState("");
  const remove = async (e: SubmitEvent) => {
    e.preventDefault();
    setError("");
    try {
      await call("DELETE", path);
      location.assign("/");
    } catch (failure) {
      setError(words(failure));
    }
  };
  return (
    <form class="panel danger" onSubmit={(e) => void remove(e)}>
      <h2>Delete this Space</h2>
      <p class="faint">Its repo, its builds and its visitors' sessions go with it. This cannot be undone.</p>
      <div class="inline-form">
        <label class="form-field">
          <span class="field-label">
            Type <code>{id}</code> to delete it
          </span>
          <input class="input" value={typed} autoComplete="off" spellcheck={false} onInput={(e) => setTyped(e.currentTarget.value)} />
        </label>
        <button class="button stop" disabled={typed !== id}>
          Delete
        </button>
      </div>
      <FormNote error={error} />
    </form>
  );
}
