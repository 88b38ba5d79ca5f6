/* Entry of the platform's own pages. */
import { render } from "preact";
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Account } from "./pages/account";
import { Builds } from "./pages/builds";
import { Connection } from "./pages/connection";
import { Home } from "./pages/home";
import { Logs } from "./pages/logs";
import { NotFound } from "./pages/not_found";
import { routeOf, type Route } from "./pages/route";
import { Settings } from "./pages/settings";
import { SignIn } from "./pages/sign_in";
import "./styles/platform.css";
import "./styles/logs.css";
import "./styles/api.css";

/** A page that is not among what every other one loads. */
function Later<M>({ load, show }: { load: () => Promise<M>; show: (module: M) => ComponentChildren }) {
  const [part, setPart] = useState<M | null>(null);
  useEffect(() => {
    void load().then((module) => setPart(() => module));
  }, []);
  return <>{part && show(part)}</>;
}

function Page({ route }: { route: Route }) {
  switch (route.page) {
    case "home":
      return <Home />;
    case "sign-in":
      return <SignIn next={route.next} />;
    case "account":
      return <Account />;
    case "connection":
      return <Connection />;
    case "api":
      return <Later load={() => import("./pages/api_page")} show={(m) => <m.ApiPage owner={route.owner} name={route.name} />} />;
    case "builds":
      return <Builds owner={route.owner} name={route.name} />;
    case "logs":
      return <Logs owner={route.owner} name={route.name} />;
    case "settings":
      return <Settings owner={route.owner} name={route.name} />;
    case "not-found":
      return <NotFound />;
  }
}

const app = document.getElementById("app");
if (!app) throw new Error("the page has no #app");
app.replaceChildren();
render(<Page route={routeOf(location.pathname, location.search)} />, app);
