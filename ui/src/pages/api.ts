/*
 * The REST calls of docs/PROCESSES.md. Whatever goes wrong becomes an ApiError whose message may
 * be shown as it is.
 */
export class ApiError extends Error {
  override readonly name = "ApiError";
  /** 0: nobody answered. */
  readonly status: number;
  /** The field that was refused, where the answer says. */
  readonly field: string | null;

  constructor(status: number, message: string, field: string | null = null) {
    super(message);
    this.status = status;
    this.field = field;
  }
}

export interface Person {
  readonly name: string;
  readonly fullname?: string;
  readonly admin?: boolean;
  readonly orgs?: readonly { readonly name: string; readonly fullname?: string; readonly roleInOrg?: string }[];
  /** What an administrator should know at once. */
  readonly notice?: string;
  readonly csrf: string;
}

export interface SpaceInfo {
  readonly id: string;
  readonly owner: string;
  readonly name: string;
  readonly title: string;
  readonly emoji?: string;
  readonly state?: string;
  readonly bundle?: string;
  readonly commit?: string;
  readonly updatedAt?: string;
  readonly url?: string;
  readonly private?: boolean;
  /** Whoever asks may manage it. */
  readonly owned?: boolean;
  readonly builds?: readonly Build[];
  readonly runtime?: { readonly stage?: string; readonly sessions?: number };
}

export interface Build {
  readonly id: string;
  readonly commit: string;
  readonly bundle?: string;
  readonly state: string;
  readonly createdAt: string;
  readonly message?: string;
  readonly phases?: readonly { readonly name: string; readonly ms: number }[];
}

export interface TokenInfo {
  readonly id: string;
  readonly name: string;
  readonly scope?: string;
  readonly createdAt?: string;
  readonly lastUsedAt?: string | null;
  readonly expiresAt?: string | null;
  /** The repos it is for, "spaces/ada/x"; missing: all that its owner may reach. */
  readonly repos?: readonly string[];
}

export interface Credit {
  readonly seconds: number;
  readonly usedSeconds: number;
  readonly time: string;
  readonly expires: string | null;
  readonly by: string;
  readonly reason: string;
}

/** What an account may use in any 24 hours, and has. */
export interface Budget {
  readonly account: string;
  readonly tier: { readonly name: string };
  readonly secondsPerDay: number;
  readonly secondsUsed: number;
  readonly secondsLeft: number;
  readonly credits: readonly Credit[];
  readonly refusal?: string;
  readonly returns?: string;
}

export interface Usage {
  readonly budgets: readonly Budget[];
}

let csrf = "";

export interface Message {
  readonly method?: "GET" | "POST" | "PUT" | "DELETE";
  readonly body?: BodyInit;
  /** What the body is. */
  readonly type?: string;
  readonly accept?: string;
  readonly range?: string;
}

/** The answer, when it is a good one. */
export async function send(path: string, { method = "GET", body, type, accept, range }: Message = {}): Promise<Response> {
  const headers: Record<string, string> = { Accept: accept ?? "application/json" };
  if (type) headers["Content-Type"] = type;
  if (range) headers["Range"] = range;
  if (method !== "GET" && csrf) headers["X-CSRF-Token"] = csrf;
  let answer: Response;
  try {
    answer = await fetch(path, { method, headers, credentials: "same-origin", ...(body === undefined ? {} : { body }) });
  } catch {
    throw new ApiError(0, "The server does not answer. Check the connection and try again.");
  }
  if (!answer.ok) throw refusal(answer.status, await readJson(answer));
  return answer;
}

export async function call<T>(method: NonNullable<Message["method"]>, path: string, body?: object): Promise<T> {
  const answer = await send(path, { method, ...(body ? { body: JSON.stringify(body), type: "application/json" } : {}) });
  return (await readJson(answer)) as T;
}

async function readJson(answer: Response): Promise<unknown> {
  try {
    return await answer.json();
  } catch {
    return null;
  }
}

function refusal(status: number, json: unknown): ApiError {
  const { error, field } = (typeof json === "object" && json !== null ? json : {}) as Record<string, unknown>;
  const words = typeof error === "string" ? error : `The server answered with status ${status}.`;
  return new ApiError(status, words, typeof field === "string" ? field : null);
}

/** Null: not signed in. */
export async function whoAmI(): Promise<Person | null> {
  try {
    return remember(await call<Person>("GET", "/api/whoami-v2"));
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) return null;
    throw error;
  }
}

export async function signIn(username: string, password: string): Promise<Person> {
  return remember(await call<Person>("POST", "/api/login", { username, password }));
}

export async function signUp(username: string, password: string, invitation: string): Promise<Person> {
  return remember(await call<Person>("POST", "/api/signup", { username, password, ...(invitation && { invitation }) }));
}

export async function signOut(): Promise<void> {
  if (!csrf) await whoAmI();
  await call("POST", "/api/logout");
  csrf = "";
}

function remember(person: Person): Person {
  csrf = person.csrf ?? "";
  return person;
}

/** The REST address of a Space. */
export function spacePath(owner: string, name: string): string {
  return `/api/spaces/${encodeURIComponent(owner)}/${encodeURIComponent(name)}`;
}
