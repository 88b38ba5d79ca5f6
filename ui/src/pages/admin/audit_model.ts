/* Rows of the audit log, in words. Knows no DOM. */
export interface AuditRow {
  readonly n: number;
  /** Microseconds since 1970. */
  readonly time: number;
  readonly who: string;
  readonly action: string;
  readonly subject: string;
  /** JSON, as it was hashed. */
  readonly detail: string;
}

const REPO = "/api/:kind/:owner/:name";
const SPACE = "/api/spaces/:owner/:name";

/** What a route of docs/PROCESSES.md does, or what is told beside them. */
const DEEDS: Readonly<Record<string, string>> = {
  "POST /api/login": "signed in",
  "POST /api/login/links": "made a link to sign in by",
  "GET /api/login/links/:id": "signed in by a link",
  "POST /api/logout": "signed out",
  "POST /api/signup": "signed up",
  "POST /api/account/password": "changed the password",
  "POST /api/tokens": "made a token",
  "DELETE /api/tokens/:id": "revoked a token",
  "POST /api/users": "added a person",
  "POST /api/invitations": "made an invitation",
  "POST /api/organizations": "made an organisation",
  "DELETE /api/organizations/:owner": "deleted an organisation",
  "PUT /api/organizations/:owner/members/:name": "set a member's role",
  "DELETE /api/organizations/:owner/members/:name": "removed a member",
  "PUT /api/policy": "applied a policy",
  "POST /api/credits": "gave a credit",
  "POST /api/devices/:name/drain": "drained a device",
  "POST /api/devices/:name/exclude": "excluded a device",
  "POST /api/devices/:name/return": "returned a device",
  "POST /api/audit/prune": "pruned the audit log",
  "POST /api/repos/create": "created a repo",
  "POST /api/repos/move": "moved a repo",
  "POST /api/repos/restore": "took a deletion back",
  "DELETE /api/repos/delete": "deleted a repo",
  [`POST ${REPO}/duplicate`]: "duplicated a repo",
  [`PUT ${REPO}/settings`]: "changed a repo's settings",
  [`POST ${REPO}/takedown`]: "took a repo down",
  [`DELETE ${REPO}/takedown`]: "lifted a takedown",
  [`POST ${REPO}/branch/*`]: "made a branch",
  [`DELETE ${REPO}/branch/*`]: "deleted a branch",
  [`POST ${REPO}/tag/*`]: "made a tag",
  [`DELETE ${REPO}/tag/*`]: "deleted a tag",
  [`DELETE ${SPACE}`]: "deleted a Space",
  [`DELETE ${SPACE}/previews`]: "ended a preview",
  [`POST ${SPACE}/data`]: "changed what an app keeps",
  [`POST ${SPACE}/domains`]: "added a host to a Space",
  [`DELETE ${SPACE}/domains`]: "removed a host of a Space",
  [`POST ${SPACE}/hardware`]: "changed a Space's hardware",
  [`POST ${SPACE}/pause`]: "paused a Space",
  [`POST ${SPACE}/promote`]: "promoted a branch",
  [`POST ${SPACE}/restart`]: "restarted a Space",
  [`POST ${SPACE}/rollback`]: "rolled a Space back",
  [`POST ${SPACE}/sleeptime`]: "changed when a Space falls asleep",
  [`POST ${SPACE}/secrets`]: "set a secret",
  [`DELETE ${SPACE}/secrets`]: "removed a secret",
  [`POST ${SPACE}/variables`]: "set a variable",
  [`DELETE ${SPACE}/variables`]: "removed a variable",
  "audit prune": "took out the audit log's oldest rows",
};

/** What came for the rows before `first`, of which `asked` were asked for; whole: nothing is before them.
 * The log's beginning may be pruned: then the answer goes on with rows that are there already. */
export function olderRows(answered: readonly AuditRow[], first: number, asked: number): { readonly rows: readonly AuditRow[]; readonly whole: boolean } {
  const rows = answered.filter((row) => row.n < first);
  return { rows, whole: rows.length < asked };
}

/** "added a person"; of what has no words here the action itself. */
export function deedWords(action: string): string {
  return DEEDS[action] ?? action;
}

/** " · from 10.0.0.7 · role admin"; what is of no use to a reader is left out. */
export function detailWords(detail: string): string {
  let fields: unknown;
  try {
    fields = JSON.parse(detail);
  } catch {
    return detail && ` · ${detail}`;
  }
  if (typeof fields !== "object" || fields === null) return "";
  return Object.entries(fields)
    .filter(([name]) => name !== "status")
    .map(([name, value]) => ` · ${name} ${typeof value === "string" ? value : JSON.stringify(value)}`)
    .join("");
}

/** Every word stands somewhere in the row, in any case. */
export function isAbout(row: AuditRow, find: string): boolean {
  const text = `${row.who} ${deedWords(row.action)} ${row.action} ${row.subject} ${row.detail}`.toLowerCase();
  return find.toLowerCase().split(/\s+/).every((word) => text.includes(word));
}
