/* What somebody, or an organisation, has made. */
import { useEffect, useState } from "preact/hooks";
import { ApiError, call } from "../api";
import { Bones, FormNote, Frame, known, namesOf, person, Problem, words } from "../frame";
import { RepoCards } from "./cards";
import { listPath, repos, type Part } from "./hub_api";
import "./hub_style";
import { KINDS, TITLES, WORDS, type Kind, type Repo } from "./repo";
import { Icon } from "../../widgets/icon";

type Made = Readonly<Record<Kind, Part<Repo>>>;

async function load(owner: string): Promise<Made> {
  await known;
  const parts = await Promise.all(KINDS.map((kind) => repos(kind, listPath(kind, { search: "", sort: "lastModified", filters: [], author: owner }))));
  return Object.fromEntries(KINDS.map((kind, i) => [kind, parts[i]!])) as unknown as Made;
}

export function Profile({ owner }: { owner: string }) {
  const [made, setMade] = useState<Made | null>(null);
  const [error, setError] = useState<Error | null>(null);
  const ask = () => void load(owner).then(setMade, setError);
  useEffect(ask, [owner]);
  const none = made !== null && KINDS.every((kind) => made[kind].items.length === 0);
  const mine = !!person.value && namesOf(person.value).includes(owner);
  return (
    <Frame title={owner}>
      <div class="profile-head">
        <span class="avatar large" aria-hidden="true">
          {owner.slice(0, 1).toUpperCase()}
        </span>
        <h1 class="platform-title">{owner}</h1>
        {mine && (
          <a class="button primary small" href={`/new?owner=${encodeURIComponent(owner)}`}>
            <Icon name="plus" />
            New
          </a>
        )}
      </div>
      <Members owner={owner} />
      {error && <Problem error={error} again={() => (setError(null), ask())} />}
      {!made && !error && <Bones />}
      {none && (
        <div class="empty">
          <p class="empty-title">{mine ? "Nothing is made here yet" : "There is nothing here that you may see"}</p>
          <p>{mine ? "A Space, a model or a dataset begins with New." : `Perhaps nobody has this name, or all that ${owner} has made is private.`}</p>
        </div>
      )}
      {made && KINDS.filter((kind) => made[kind].items.length > 0).map((kind) => <Section key={kind} kind={kind} owner={owner} part={made[kind]} />)}
    </Frame>
  );
}

interface Member {
  readonly user: string;
  readonly role: string;
}

const ROLES = ["read", "contributor", "write", "admin"];

/* Of an organisation; whoever is admin of it changes them here. */
function Members({ owner }: { owner: string }) {
  const [org, setOrg] = useState<{ fullname: string; canLead: boolean } | null>(null);
  const [members, setMembers] = useState<readonly Member[]>([]);
  const [error, setError] = useState("");
  const path = `/api/organizations/${encodeURIComponent(owner)}`;
  const load = async () => {
    await known;
    try {
      const found = await call<{ fullname: string; canLead: boolean }>("GET", `${path}/overview`);
      setMembers(await call<Member[]>("GET", `${path}/members`));
      setOrg(found);
    } catch (failure) {
      setOrg(null);
      if (!(failure instanceof ApiError && failure.status === 404)) setError(words(failure));
    }
  };
  useEffect(() => void load(), [owner]);
  const change = async (method: "PUT" | "DELETE", user: string, body?: { role: string }) => {
    setError("");
    try {
      await call(method, `${path}/members/${encodeURIComponent(user)}`, body);
    } catch (failure) {
      setError(words(failure));
    }
    await load();
  };
  const add = async (e: SubmitEvent) => {
    e.preventDefault();
    const form = e.currentTarget as HTMLFormElement;
    const fields = new FormData(form);
    await change("PUT", String(fields.get("user")).trim(), { role: String(fields.get("role")) });
    form.reset();
  };
  if (!org) return <FormNote error={error} />;
  return (
    <section class="panel" aria-labelledby="members">
      <h2 id="members">Members of {org.fullname}</h2>
      <ul class="rows">
        {members.map((m) => (
          <li key={m.user} class="row-item">
            <a class="row-words" href={`/${m.user}`}>
              {m.user}
            </a>
            {org.canLead ? (
              <div class="row-actions">
                <RoleChoice value={m.role} label={`Role of ${m.user}`} choose={(role) => void change("PUT", m.user, { role })} />
                <button type="button" class="button secondary small" aria-label={`Remove ${m.user}`} onClick={() => void change("DELETE", m.user)}>
                  Remove
                </button>
              </div>
            ) : (
              <span class="badge calm">{m.role}</span>
            )}
          </li>
        ))}
      </ul>
      {org.canLead && (
        <form class="inline-form" onSubmit={(e) => void add(e)}>
          <label class="form-field">
            <span class="field-label">New member</span>
            <input class="input" name="user" required autoComplete="off" autoCapitalize="none" spellcheck={false} />
          </label>
          <label class="form-field">
            <span class="field-label">Role</span>
            <RoleChoice value="read" />
          </label>
          <button class="button primary">Add member</button>
        </form>
      )}
      <FormNote error={error} />
      {org.canLead && <DeleteOrganisation name={owner} path={path} />}
    </section>
  );
}

/* It takes no repositories with it: while there are any, the server refuses. */
function DeleteOrganisation({ name, path }: { name: string; path: string }) {
  const [sure, setSure] = useState(false);
  const [error, setError] = useState("");
  const remove = async () => {
    setError("");
    try {
      await call("DELETE", path);
      location.assign("/-/account");
    } catch (failure) {
      setError(words(failure));
    }
  };
  return (
    <>
      <div class="row-actions">
        {sure ? (
          <>
            <button type="button" class="button stop small" onClick={() => void remove()}>
              Delete {name} for good
            </button>
            <button type="button" class="button secondary small" onClick={() => setSure(false)}>
              Keep
            </button>
          </>
        ) : (
          <button type="button" class="button secondary small" onClick={() => setSure(true)}>
            Delete the organisation
          </button>
        )}
      </div>
      <FormNote error={error} />
    </>
  );
}

function RoleChoice({ value, label, choose }: { value: string; label?: string; choose?: (role: string) => void }) {
  return (
    <select class="input" name="role" value={value} aria-label={label} onChange={(e) => choose?.(e.currentTarget.value)}>
      {ROLES.map((role) => (
        <option key={role} value={role} selected={role === value}>
          {role}
        </option>
      ))}
    </select>
  );
}

function Section({ kind, owner, part }: { kind: Kind; owner: string; part: Part<Repo> }) {
  const [{ items, next }, setPart] = useState(part);
  const more = async () => {
    if (next === null) return;
    const rest = await repos(kind, next);
    setPart({ ...rest, items: [...items, ...rest.items] });
  };
  return (
    <section class="profile-section" aria-label={`${TITLES[kind]} of ${owner}`}>
      <h2>
        {TITLES[kind]} <span class="faint">{part.total ?? items.length}{next && part.total === null ? "+" : ""}</span>
      </h2>
      <RepoCards repos={items} />
      {next !== null && (
        <p class="more">
          <button type="button" class="button secondary" onClick={() => void more()}>
            More {WORDS[kind]}s
          </button>
        </p>
      )}
    </section>
  );
}
