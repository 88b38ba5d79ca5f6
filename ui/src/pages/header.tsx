/* The bar on top of every page: where one is, light or dark, who one is. */
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Icon } from "../widgets/icon";
import { signOut } from "./api";
import { signInPath } from "./route";
import { ThemeToggle } from "./theme";

interface HeaderProps {
  /** Undefined: not known yet; null: nobody. */
  readonly user: string | null | undefined;
  readonly where?: ComponentChildren;
  /** Address of the platform, where this page is at a host of a Space's own: who one is there is
   * known by the door, /-/enter, and no call of the platform's is answered. */
  readonly platform?: string;
  /** Entries of the menu above those about the account. */
  readonly menu?: readonly { readonly href: string; readonly words: string }[];
}

export function Header({ user, where, menu = [], platform = "" }: HeaderProps) {
  const here = location.pathname + location.search;
  return (
    <header class="header">
      <a class="brand" href={`${platform}/`} aria-label="Vitrine: all Spaces">
        <Mark />
        <span class={where ? "brand-name narrow-hidden" : "brand-name"}>Vitrine</span>
      </a>
      {where && <nav class="where" aria-label="Space">{where}</nav>}
      <div class="header-end">
        <ThemeToggle />
        {user === null && (
          <a class="button secondary small" href={platform ? `/-/enter?next=${encodeURIComponent(here)}` : signInPath(here)}>
            Sign in
          </a>
        )}
        {user && <Menu user={user} entries={menu} platform={platform} />}
      </div>
    </header>
  );
}

/** A pane of glass with the light on it. */
function Mark() {
  return (
    <svg class="mark" viewBox="0 0 24 24" aria-hidden="true">
      <path class="pane" d="M4.5 4.5h15v15h-15z" />
      <path class="glint" d="m8 13.5 5.5-6M12.500 16l4-4.400" />
    </svg>
  );
}

/** Ends what the door gave; the platform's sign-in goes on. */
async function leaveHost(): Promise<void> {
  const answer = await fetch("/-/leave", { method: "POST" });
  if (!answer.ok) throw new Error("This did not work; try again in a moment.");
}

interface MenuProps {
  readonly user: string;
  readonly entries: NonNullable<HeaderProps["menu"]>;
  readonly platform: string;
}

function Menu({ user, entries, platform }: MenuProps) {
  const [open, setOpen] = useState(false);
  const [failed, setFailed] = useState("");
  const menu = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!open) return;
    const shut = (e: Event) => {
      const away = e instanceof KeyboardEvent ? e.key === "Escape" : !menu.current?.contains(e.target as Node);
      if (away) setOpen(false);
    };
    document.addEventListener("pointerdown", shut);
    document.addEventListener("keydown", shut);
    return () => {
      document.removeEventListener("pointerdown", shut);
      document.removeEventListener("keydown", shut);
    };
  }, [open]);
  const leave = () =>
    void (platform ? leaveHost() : signOut()).then(
      () => location.reload(),
      (error: Error) => setFailed(error.message),
    );
  return (
    <div class="menu" ref={menu}>
      <button
        type="button"
        class="avatar"
        aria-expanded={open}
        aria-label={`Menu of ${user}`}
        onClick={() => setOpen(!open)}
      >
        {user.slice(0, 1).toUpperCase()}
      </button>
      {open && (
        <div class="menu-sheet">
          <p class="menu-who">
            Signed in as <b>{user}</b>
          </p>
          {entries.map((e) => (
            <a key={e.href} href={e.href}>
              {e.words}
            </a>
          ))}
          {entries.length > 0 && <hr />}
          <a href={`${platform}/-/account`}>Account and tokens</a>
          <button type="button" onClick={leave}>
            {platform ? "Sign out here" : "Sign out"}
          </button>
          {failed && (
            <p class="menu-who" role="alert">
              <Icon name="alert" /> {failed}
            </p>
          )}
        </div>
      )}
    </div>
  );
}
