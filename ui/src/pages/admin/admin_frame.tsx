/* What the administrators' pages have in common: the title, and the way from one to the others. */
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import css from "../../styles/admin.css" with { type: "text" };
import { addStyle } from "../../widgets/style";
import { Frame } from "../frame";
import type { AdminTab } from "../route";

addStyle(css);

const WORDS: Readonly<Record<AdminTab, string>> = {
  "": "Overview",
  policy: "Policy",
  accounts: "Accounts",
  audit: "Audit log",
  takedowns: "Takedowns",
};

const TABS = Object.entries(WORDS) as readonly (readonly [AdminTab, string])[];

export function AdminFrame({ tab, children }: { tab: AdminTab; children: ComponentChildren }) {
  const current = useRef<HTMLAnchorElement>(null);
  // On a phone not all of them are in sight.
  useEffect(() => current.current?.scrollIntoView({ block: "nearest", inline: "nearest" }), []);
  return (
    <Frame title={tab === "" ? "This platform" : WORDS[tab]}>
      <h1 class="platform-title">This platform</h1>
      <nav class="tabs repo-tabs" aria-label="Pages for administrators">
        {TABS.map(([name, words]) => (
          <a key={name} href={name === "" ? "/-/admin" : `/-/admin/${name}`} {...(name === tab ? { "aria-current": "page" as const, ref: current } : {})}>
            {words}
          </a>
        ))}
        <a href="/-/top">Devices now</a>
      </nav>
      {children}
    </Frame>
  );
}
