/* Accounts of the ledger, in words. Knows no DOM. */
const KINDS: Readonly<Record<string, string>> = { user: "signed in", owner: "Spaces by themselves", space: "a Space by itself", network: "a network, not signed in" };

/** The account of what is read again after giving way. */
const PLATFORM = "platform";

/** As many as GET /api/usage?all=1 names of each list. */
const LISTED_MAX = 100;

/** "user:ada" is ada, signed in. */
export function accountWords(account: string): readonly [name: string, kind: string] {
  if (account === PLATFORM) return ["the platform", "read again after giving way: nobody pays"];
  const [kind = "", name = ""] = [account.slice(0, account.indexOf(":")), account.slice(account.indexOf(":") + 1)];
  return kind === "network" ? [`network ${name.slice(0, 8)}`, KINDS["network"] ?? ""] : [name, KINDS[kind] ?? kind];
}

/** Above a list of so many that there may be more; "": it is whole. */
export function cutWords(n: number): string {
  return n >= LISTED_MAX ? `The ${LISTED_MAX} that have used most.` : "";
}
