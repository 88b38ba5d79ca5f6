/* Runs before the first paint, so that a chosen theme does not flash the other one. */
const root = document.documentElement;

try {
  let theme: string | null;
  if (location.pathname.endsWith("/-/embed")) {
    root.dataset["embed"] = "";
    // The page around it knows what fits.
    theme = new URLSearchParams(location.search).get("theme");
  } else {
    theme = localStorage.getItem("vitrine:theme");
  }
  if (theme === "light" || theme === "dark") root.dataset["theme"] = theme;
} catch {
  // Storage may be forbidden; then the system decides.
}
