/* The Space's side inside another page: says how tall it is, and takes light or dark from it. */
import { readTheme, type HeightMessage } from "./rules";

export function beFramed(app: HTMLElement): void {
  if (parent === window) return;
  let told = 0;
  const tell = () => {
    const height = Math.ceil(app.getBoundingClientRect().height);
    if (height === told) return;
    told = height;
    // Whoever embeds may know it: it is how tall the page is that they show.
    parent.postMessage({ vitrine: "height", height } satisfies HeightMessage, "*");
  };
  new ResizeObserver(tell).observe(app);
  tell();
  addEventListener("message", (event) => {
    if (event.source !== parent) return;
    const theme = readTheme(event.data);
    if (theme === "auto") delete document.documentElement.dataset["theme"];
    else if (theme) document.documentElement.dataset["theme"] = theme;
  });
}
