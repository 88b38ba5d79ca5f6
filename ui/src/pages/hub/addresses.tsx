/* Where a Space is: its own host, where Spaces have one, and hosts that its owner brings for it. */
import { useEffect, useState } from "preact/hooks";
import { CopyButton } from "../../widgets/copy";
import { call } from "../api";
import { FormNote, known, person, Show, words } from "../frame";
import { useCall } from "../use_call";
import { fullTime } from "../words";
import { apiPath, type RepoId } from "./repo";

interface Domain {
  readonly domain: string;
  readonly stage: "READY" | "PENDING";
  /** Why it is not proved; missing: it is being looked at. */
  readonly message?: string;
  readonly expiresAt?: string;
}

const LOOK_MS = 1500;

interface Loaded {
  readonly own: string;
  readonly domains: readonly Domain[];
  /** Who sees this may add hosts: its owner where owners do it themselves, administrators everywhere. */
  readonly open: boolean;
}

async function load(id: RepoId): Promise<Loaded> {
  await known;
  const [info, domains] = await Promise.all([
    call<{ host?: string; customDomains?: boolean }>("GET", apiPath(id)),
    call<Domain[]>("GET", apiPath(id, "domains")),
  ]);
  return { own: info.host && info.host !== location.origin ? info.host : "", domains, open: info.customDomains === true || person.value?.admin === true };
}

export function Addresses({ id }: { id: RepoId }) {
  const path = apiPath(id, "domains");
  const [loaded, again] = useCall(() => load(id), path);
  return (
    <section class="panel" aria-labelledby="addresses">
      <h2 id="addresses">Addresses</h2>
      <Show loaded={loaded} again={again}>
        {({ own, domains, open }) => (
          <>
            {own && <OwnHost url={own} />}
            <Domains id={id} first={domains} open={open} />
          </>
        )}
      </Show>
    </section>
  );
}

function OwnHost({ url }: { url: string }) {
  return (
    <p class="address-own">
      <a href={url} class="mono">
        {url}
      </a>
      <CopyButton text={() => url} label="Copy the address" quiet />
    </p>
  );
}

function Domains({ id, first, open }: { id: RepoId; first: readonly Domain[]; open: boolean }) {
  const [domains, setDomains] = useState(first);
  const [error, setError] = useState("");
  const [busy, setBusy] = useState(false);
  const looking = domains.some((d) => d.stage === "PENDING" && !d.message);
  const change = async (method: "POST" | "DELETE", body: object): Promise<boolean> => {
    setError("");
    setBusy(true);
    try {
      setDomains(await call<Domain[]>(method, apiPath(id, "domains"), body));
      return true;
    } catch (failure) {
      setError(words(failure));
      return false;
    } finally {
      setBusy(false);
    }
  };
  useEffect(() => {
    if (!looking) return;
    const timer = setInterval(() => {
      void call<Domain[]>("GET", apiPath(id, "domains")).then(setDomains, () => undefined);
    }, LOOK_MS);
    return () => clearInterval(timer);
  }, [looking]);
  const add = async (e: SubmitEvent) => {
    e.preventDefault();
    const form = e.currentTarget as HTMLFormElement;
    const fields = new FormData(form);
    const body = { domain: String(fields.get("domain")).trim().toLowerCase(), ...(fields.get("proved") ? { proved: true } : {}) };
    if (await change("POST", body)) form.reset();
  };
  return (
    <>
      <p class="faint">
        A host of yours, such as <code>demo.company.com</code>, shows this Space once its entry in DNS leads to{" "}
        <code>{location.hostname}</code>. {open ? "That is looked at when you add it." : "Administrators add it here: ask one of them."}
      </p>
      {domains.length > 0 && (
        <ul class="rows">
          {domains.map((d) => (
            <DomainRow
              key={d.domain}
              domain={d}
              busy={busy}
              open={open}
              check={() => void change("POST", { domain: d.domain })}
              remove={() => void change("DELETE", { domain: d.domain })}
            />
          ))}
        </ul>
      )}
      {open && (
        <form class="inline-form" onSubmit={(e) => void add(e)}>
          <label class="form-field">
            <span class="field-label">Host</span>
            <input class="input mono" name="domain" required maxLength={253} placeholder="demo.company.com" autoComplete="off" spellcheck={false} />
          </label>
          {person.value?.admin && (
            <label class="form-check">
              <input type="checkbox" name="proved" /> without proof
            </label>
          )}
          <button class="button secondary" disabled={busy}>
            Add host
          </button>
        </form>
      )}
      <FormNote error={error} />
    </>
  );
}

interface RowProps {
  readonly domain: Domain;
  readonly busy: boolean;
  readonly open: boolean;
  readonly check: () => void;
  readonly remove: () => void;
}

function DomainRow({ domain, busy, open, check, remove }: RowProps) {
  const ready = domain.stage === "READY";
  return (
    <li class="row-item">
      <div class="row-words">
        {ready ? (
          <a class="mono" href={`${location.protocol}//${domain.domain}${location.port ? `:${location.port}` : ""}`}>
            {domain.domain}
          </a>
        ) : (
          <code>{domain.domain}</code>
        )}
        <p class="faint" role="status" title={fullTime(domain.expiresAt)}>
          {ready ? "leads here" : (domain.message ?? "being looked at…")}
        </p>
      </div>
      <div class="row-actions">
        {!ready && open && (
          <button type="button" class="button secondary small" disabled={busy} onClick={check}>
            Look again
          </button>
        )}
        <button type="button" class="button secondary small" disabled={busy} aria-label={`Remove ${domain.domain}`} onClick={remove}>
          Remove
        </button>
      </div>
    </li>
  );
}
