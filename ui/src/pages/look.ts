/*
 * The look that an app asks for: its accent, corners, letters and scheme, as the variables of
 * styles/tokens.css. What an app says is checked again here, so nothing of it is CSS; and an accent
 * is moved until its text can be read on every ground of the page (4.5:1, WCAG AA), in both schemes.
 */

/** Grounds of a scheme, as tokens.css has them, and where an accent moves to be read on them. */
interface Scheme {
  readonly surface: string;
  readonly ground: string;
  readonly toward: string;
  readonly ink: string;
  /** Share of the accent in what is tinted with it. */
  readonly tint: number;
}

const LIGHT: Scheme = { surface: "#ffffff", ground: "#edf1f0", toward: "#000000", ink: "#ffffff", tint: 0.1 };
const DARK: Scheme = { surface: "#161e1c", ground: "#161e1c", toward: "#ffffff", ink: "#06100e", tint: 0.2 };
const READABLE = 4.5;
const STEPS = 40;

const FONTS: Readonly<Record<string, string>> = {
  serif: 'ui-serif, Georgia, Cambria, "Noto Serif", "Times New Roman", serif',
  mono: "var(--mono)",
  rounded: 'ui-rounded, "SF Pro Rounded", "Hiragino Maru Gothic ProN", Nunito, "Arial Rounded MT Bold", system-ui, sans-serif',
};
const RADIUS_MAX = 28;

let sheet: CSSStyleSheet | null = null;
let schemed = false;

/** Wears the look, or the platform's own again where there is none. told: whether it is a dark one. */
export function wear(theme: unknown, told?: (dark: boolean) => void): void {
  const rules = rulesOf(theme);
  if (rules !== "" || sheet) {
    if (!sheet) {
      sheet = new CSSStyleSheet();
      document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
    }
    sheet.replaceSync(rules);
  }
  const root = document.documentElement;
  const scheme = (theme as { scheme?: unknown } | null)?.scheme;
  // What the visitor chose, or the page around it, comes before what the app likes.
  if (root.dataset["theme"] !== undefined && !schemed) return;
  schemed = scheme === "light" || scheme === "dark";
  if (schemed) root.dataset["theme"] = String(scheme);
  else delete root.dataset["theme"];
  told?.(scheme === "dark" || (!schemed && matchMedia("(prefers-color-scheme: dark)").matches));
}

/** The look as a stylesheet. */
export function rulesOf(theme: unknown): string {
  if (typeof theme !== "object" || theme === null) return "";
  const { accent, radius, font } = theme as Record<string, unknown>;
  const both: string[] = [];
  if (typeof radius === "number" && radius >= 0 && radius <= RADIUS_MAX) {
    both.push(`--radius: ${radius}px`, `--radius-large: ${Math.round(radius * 1.6)}px`);
  }
  if (typeof font === "string" && Object.hasOwn(FONTS, font)) both.push(`--font: ${FONTS[font]}`);
  const light = colors(accent, LIGHT);
  const dark = colors(accent, DARK);
  return [
    ruleFor(":root", [...both, ...light]),
    dark.length > 0 ? `@media (prefers-color-scheme: dark) { ${ruleFor(':root:not([data-theme="light"])', dark)} }` : "",
    ruleFor(':root[data-theme="dark"]', dark),
  ].join("\n").trim();
}

function ruleFor(selector: string, lines: readonly string[]): string {
  return lines.length > 0 ? `${selector} { ${lines.join("; ")} }` : "";
}

function colors(accent: unknown, scheme: Scheme): string[] {
  if (typeof accent !== "string" || !/^#[0-9a-f]{6}$/.test(accent)) return [];
  const { accent: at, strong, soft, ink } = palette(accent, scheme);
  return [`--accent: ${at}`, `--accent-strong: ${strong}`, `--accent-ink: ${ink}`, `--accent-soft: ${soft}`, `--focus: ${at}`];
}

/** An accent that can be read on the scheme's grounds, and what goes with it. */
export function palette(accent: string, scheme: Scheme = LIGHT) {
  const grounds = [scheme.surface, scheme.ground];
  const at = readable(accent, scheme, (c) => [...grounds, mix(scheme.surface, c, scheme.tint)]);
  const soft = mix(scheme.surface, at, scheme.tint);
  const strong = readable(mix(at, scheme.toward, 0.2), scheme, () => [...grounds, soft]);
  return { accent: at, strong, soft, ink: scheme.ink };
}

export const SCHEMES = { light: LIGHT, dark: DARK } as const;

function readable(color: string, scheme: Scheme, on: (color: string) => readonly string[]): string {
  for (let step = 0; step <= STEPS; step++) {
    const moved = mix(color, scheme.toward, step / STEPS);
    if (contrast(moved, scheme.ink) >= READABLE && on(moved).every((ground) => contrast(moved, ground) >= READABLE)) return moved;
  }
  return scheme.toward;
}

function channels(color: string): number[] {
  return [1, 3, 5].map((i) => parseInt(color.slice(i, i + 2), 16));
}

/** share: of the second. */
export function mix(a: string, b: string, share: number): string {
  const [x, y] = [channels(a), channels(b)];
  return `#${x.map((c, i) => Math.round(c + ((y[i] ?? 0) - c) * share).toString(16).padStart(2, "0")).join("")}`;
}

/** WCAG 2.2, relative luminance. */
function luminance(color: string): number {
  const [r = 0, g = 0, b = 0] = channels(color).map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

export function contrast(a: string, b: string): number {
  const [low = 0, high = 0] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (high + 0.05) / (low + 0.05);
}
