/* Entry of a Space's page: puts connection, session and page together. */
import { effect } from "@preact/signals";
import { render } from "preact";
import { SpacePage, type Preview } from "./pages/space";
import { dark } from "./pages/theme";
import { Session, type Place } from "./state/session";
import { fetchWidgets } from "./widgets/node";
import { browserWorld, later, Link } from "./wire/link";
import "./styles/space.css";

interface PageData {
  readonly space: string;
  readonly owner: string;
  readonly name: string;
  readonly title: string;
  readonly bundle?: string | null;
  readonly tree?: unknown;
  readonly phase?: string | null;
  readonly base: string;
  /** Address of the platform, where this page is at a host of the Space's own; its base is "" there. */
  readonly platform?: string;
  /** Of a static Space: the file that its frame opens. */
  readonly entry?: string;
  /** A branch beside what is live. */
  readonly preview?: Preview;
  /** Inside another site's page: who the visitor is, where no cookie can say it. */
  readonly visitor?: string;
}

const QUERY_MAX = 4096; // of the 8192 bytes that JOIN may have

function readData(): PageData {
  const element = document.getElementById("vitrine-data");
  if (!element?.textContent) throw new Error("the page came without its data");
  return JSON.parse(element.textContent) as PageData;
}

/** Without what is meant for the frame. */
function readQuery(embedded: boolean): Record<string, string> {
  const query = new URLSearchParams(location.search.length > QUERY_MAX ? "" : location.search);
  if (embedded) query.delete("theme");
  return Object.fromEntries(query);
}

/** Where the visitor is, as the address says it. */
function readPlace({ base, visitor }: PageData): Place {
  const [, name = ""] = location.pathname.startsWith(`${base}/p/`) ? location.pathname.split("/p/") : [];
  return { page: decode(name), query: readQuery(visitor !== undefined) };
}

function decode(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

/** A frame's address is its own business. */
function showPlace({ base, visitor }: PageData, { page, query }: Place): void {
  if (visitor !== undefined) return;
  const search = new URLSearchParams(query as Record<string, string>).toString();
  try {
    const path = `${base}${page ? `/p/${encodeURIComponent(page)}` : ""}` || "/";
    history.pushState(null, "", `${path}${search ? `?${search}` : ""}`);
  } catch {
    // Safari throws from the hundredth in 30 s on: an address that lags must not cost what comes with it.
  }
}

/** Where this page's own requests go. Inside another site's page they name the visitor, the same
 * one for as long as the tab's memory lasts. */
function wireBase({ owner, name, base, visitor }: PageData): string {
  if (!visitor) return base;
  const kept = storage(`vitrine:visitor:${owner}/${name}`);
  const known = kept.load() ?? visitor;
  kept.save(known);
  return `${base}/-/as/${encodeURIComponent(known)}`;
}

/** One per tab and Space, so that two tabs are two sessions and a reload is the same one. */
function storage(key: string) {
  return {
    load(): string | null {
      try {
        return sessionStorage.getItem(key);
      } catch {
        return null;
      }
    },
    save(text: string): void {
      try {
        sessionStorage.setItem(key, text);
      } catch {
        // Full or forbidden: a reload then finds a new session.
      }
    },
  };
}

/** This long the page that came as HTML may stand while the code of its widgets comes. */
const PAINTED_MS = 2000;

/**
 * The page that came as HTML is readable; it gives way once, when all that it shows can be drawn, so
 * that nothing flickers or moves. A page without such widgets does not wait at all.
 */
async function untilDrawable(session: Session): Promise<void> {
  const cells = session.page.tree.peek()?.cells.values() ?? [];
  const widgets = fetchWidgets(new Set([...cells].map((c) => c.type)));
  const look = worn;
  const away = widgets || look ? Promise.all([widgets, look]) : null;
  if (away) await Promise.race([away, new Promise((done) => setTimeout(done, PAINTED_MS))]);
}

let worn: Promise<void> | null = null;

/** The look that the app asks for; most ask for none, and load nothing for it. */
function wear(theme: unknown): void {
  if (theme === null && !worn) return;
  worn = import("./pages/look").then(
    (m) => m.wear(theme, (is) => void (dark.value = is)),
    () => undefined, // it can be used in the platform's own
  );
}

const DEV = "#dev"; // what vitrine dev opens

/** For this tab from then on: a link inside the page would drop the address's end. */
function isDev(kept: ReturnType<typeof storage>): boolean {
  if (location.hash === DEV) kept.save(DEV);
  return kept.load() === DEV;
}

/** The page that came as HTML gives way to what is drawn. */
function takePlace(app: HTMLElement): void {
  app.replaceChildren();
  app.classList.remove("painted");
}

/** A static Space has no session: its frame is all there is. */
async function showSite({ owner, name, base, title, entry = "", preview, visitor }: PageData): Promise<void> {
  const { SitePage } = await import("./pages/site");
  const app = document.getElementById("app");
  if (!app) throw new Error("the page has no #app");
  takePlace(app);
  render(<SitePage owner={owner} name={name} base={base} title={title} entry={entry} preview={preview} embedded={visitor !== undefined} />, app);
}

async function start(): Promise<void> {
  const data = readData();
  if (data.phase === "site") return showSite(data);
  const wire = wireBase(data);
  const session = new Session({
    keeper: storage(`vitrine:${data.owner}/${data.name}`),
    later,
    place: readPlace(data),
    show: (place) => showPlace(data, place),
    warn: (message) => console.warn(message),
  });
  let link: Link | null = null;

  session.showRecorded({
    tree: data.tree ?? null,
    bundle: data.bundle ?? "",
    title: data.title,
    phase: data.phase ?? "",
  });
  const connect = () => {
    link?.close();
    link = new Link(session, browserWorld(wire, storage("vitrine:transport")));
    session.attach(link);
    link.open();
  };

  connect();
  effect(() => {
    document.title = session.page.title.value || data.title || data.name;
  });
  effect(() => wear(session.page.tree.value?.theme ?? null));
  addEventListener("popstate", () => session.arrive(readPlace(data)));
  addEventListener("pagehide", () => session.save());
  addEventListener("online", () => link?.hurry());
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") link?.hurry();
    else session.save();
  });
  const app = document.getElementById("app");
  if (!app) throw new Error("the page has no #app");
  const [bar] = await Promise.all([data.preview && import("./pages/preview_bar"), untilDrawable(session)]);
  takePlace(app);
  render(
    <SpacePage
      session={session}
      owner={data.owner}
      name={data.name}
      base={data.base}
      platform={data.platform ?? ""}
      preview={data.preview}
      bar={data.preview && bar && <bar.PreviewBar owner={data.owner} platform={data.platform ?? ""} preview={data.preview} owned={session.owner} />}
      wire={wire}
      embedded={data.visitor !== undefined}
      comeBack={connect}
      dev={isDev(storage(`vitrine:dev:${data.owner}/${data.name}`))}
    />,
    app,
  );
  if (data.visitor !== undefined) void import("./embed/frame").then((m) => m.beFramed(app));
}

void start();
