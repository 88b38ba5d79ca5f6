/* Entry of the platform's own pages. */
import { render } from "preact";
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Account } from "./pages/account";
import { Connection } from "./pages/connection";
import { Home } from "./pages/hub/home";
import { NotFound } from "./pages/not_found";
import { routeOf, type AdminTab, type Route } from "./pages/route";
import { SignUp } from "./pages/sign_up";
import { SignIn } from "./pages/sign_in";
import "./styles/platform.css";
import "./styles/logs.css";
import "./styles/api.css";

/** A page that is not among what every other one loads. */
function Later<M>({ load, show }: { load: () => Promise<M>; show: (module: M) => ComponentChildren }) {
  const [part, setPart] = useState<M | null>(null);
  const [failed, setFailed] = useState(false);
  useEffect(() => {
    load().then(
      (module) => setPart(() => module),
      () => setFailed(true),
    );
  }, []);
  if (failed) {
    return (
      <p class="boot-words" role="alert">
        This page could not be loaded. <a href={location.href}>Try again</a>
      </p>
    );
  }
  return part ? <>{show(part)}</> : <div class="boot" />;
}

function Admin({ part }: { part: AdminTab }) {
  switch (part) {
    case "":
      return <Later load={() => import("./pages/admin/overview")} show={(m) => <m.Overview />} />;
    case "policy":
      return <Later load={() => import("./pages/admin/policy")} show={(m) => <m.PolicyPage />} />;
    case "accounts":
      return <Later load={() => import("./pages/admin/accounts")} show={(m) => <m.AccountsPage />} />;
    case "audit":
      return <Later load={() => import("./pages/admin/audit")} show={(m) => <m.AuditPage />} />;
    case "takedowns":
      return <Later load={() => import("./pages/admin/takedowns")} show={(m) => <m.TakedownsPage />} />;
  }
}

function Page({ route }: { route: Route }) {
  switch (route.page) {
    case "home":
      return <Home kind={route.kind} />;
    case "sign-up":
      return <SignUp invitation={route.invitation} />;
    case "sign-in":
      return <SignIn next={route.next} />;
    case "admin":
      return <Admin part={route.part} />;
    case "account":
      return <Account />;
    case "connection":
      return <Connection />;
    case "top":
      return <Later load={() => import("./pages/top")} show={(m) => <m.TopPage />} />;
    case "api":
      return <Later load={() => import("./pages/api_page")} show={(m) => <m.ApiPage owner={route.owner} name={route.name} />} />;
    case "builds":
      return <Later load={() => import("./pages/builds")} show={(m) => <m.Builds owner={route.owner} name={route.name} />} />;
    case "logs":
      return <Later load={() => import("./pages/logs")} show={(m) => <m.Logs owner={route.owner} name={route.name} />} />;
    case "create":
      return <Later load={() => import("./pages/hub/create")} show={(m) => <m.Create kind={route.kind} owner={route.owner} />} />;
    case "profile":
      return <Later load={() => import("./pages/hub/profile")} show={(m) => <m.Profile owner={route.owner} />} />;
    case "card":
      return <Later load={() => import("./pages/hub/card")} show={(m) => <m.Card id={route.id} />} />;
    case "settings":
      return <Later load={() => import("./pages/hub/settings")} show={(m) => <m.Settings id={route.id} />} />;
    case "tree":
      return <Later load={() => import("./pages/hub/tree")} show={(m) => <m.Tree {...route} />} />;
    case "blob":
      return <Later load={() => import("./pages/hub/blob")} show={(m) => <m.BlobPage {...route} />} />;
    case "edit":
      return <Later load={() => import("./pages/hub/edit")} show={(m) => <m.Edit {...route} />} />;
    case "commits":
      return <Later load={() => import("./pages/hub/commits")} show={(m) => <m.Commits {...route} />} />;
    case "commit":
      return <Later load={() => import("./pages/hub/commit")} show={(m) => <m.CommitPage id={route.id} commit={route.commit} />} />;
    case "not-found":
      return <NotFound />;
  }
}

const app = document.getElementById("app");
if (!app) throw new Error("the page has no #app");
app.replaceChildren();
render(<Page route={routeOf(location.pathname, location.search)} />, app);
