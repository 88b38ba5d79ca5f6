/*
 * The look of a widget that a page loads when it shows one: its CSS comes with its code
 * (`import css from "../styles/table.css" with { type: "text" }`), so that no other page pays for it.
 */

/** Once per widget, where its module is loaded. */
export function addStyle(css: string): void {
  if (typeof document === "undefined") return; // a test renders to text
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(css);
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
}
