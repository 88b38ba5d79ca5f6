/* Light or dark: the system's choice until the visitor makes one. */
import { signal } from "@preact/signals";
import { Icon } from "../widgets/icon";

export const dark = signal(
  document.documentElement.dataset["theme"]
    ? document.documentElement.dataset["theme"] === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches,
);

export function ThemeToggle() {
  const toggle = () => {
    dark.value = !dark.value;
    const theme = dark.value ? "dark" : "light";
    document.documentElement.dataset["theme"] = theme;
    try {
      localStorage.setItem("vitrine:theme", theme);
    } catch {
      // Holds for this page at least.
    }
  };
  const label = dark.value ? "Switch to light" : "Switch to dark";
  return (
    <button type="button" class="icon-button" aria-label={label} title={label} onClick={toggle}>
      <Icon name={dark.value ? "sun" : "moon"} />
    </button>
  );
}
