/*
 * Markdown tokens to elements. There is no HTML string anywhere on the way, so there is nothing
 * to sanitise: HTML in the source is text, and an address is a link only when its scheme is one
 * of those below.
 */
import { signal } from "@preact/signals";
import type { ComponentChildren, VNode } from "preact";
import { Lexer, type MarkedOptions, type Token, type Tokens } from "marked";
import { CopyButton } from "./copy";
import { highlighted } from "./highlight";

/** Deeper than any honest text; a thousand '>' must not end the page in a stack overflow. */
const DEPTH_MAX = 40;

/* --- formulas: their code is a file of its own, which a text without any never loads --- */

interface MathToken {
  readonly type: "math";
  readonly raw: string;
  readonly text: string;
  readonly display: boolean;
}

/** Each has a measure: none may look to the end of the text from each of its dollars. */
const INLINE: readonly (readonly [RegExp, boolean])[] = [
  [/^\$\$((?:\\[\s\S]|[^\\$]){1,2000}?)\$\$/, true],
  [/^\$(?!\s)((?:\\[\s\S]|[^\\$\n]){1,1000}?)(?<!\s)\$(?!\d)/, false],
  [/^\\\(([\s\S]{1,1000}?)\\\)/, false],
  [/^\\\[([\s\S]{1,2000}?)\\\]/, true],
];
const BLOCK = /^ {0,3}(?:\$\$((?:\\[\s\S]|[^\\$]){1,5000}?)\$\$|\\\[([\s\S]{1,5000}?)\\\])[ \t]*(?:\n+|$)/;

function inlineMath(source: string): MathToken | undefined {
  if (!/^[$\\]/.test(source)) return undefined;
  for (const [pattern, display] of INLINE) {
    const found = pattern.exec(source);
    if (found) return { type: "math", raw: found[0], text: found[1]!.trim(), display };
  }
  return undefined;
}

function blockMath(source: string): MathToken | undefined {
  const found = BLOCK.exec(source);
  return found ? { type: "math", raw: found[0], text: (found[1] ?? found[2] ?? "").trim(), display: true } : undefined;
}

const EXTENSIONS = {
  renderers: {},
  childTokens: {},
  inline: [inlineMath],
  block: [blockMath],
  startInline: [(source: string) => source.search(/\$|\\[([]/)],
  startBlock: [(source: string) => source.search(/\n {0,3}(?:\$\$|\\\[)/)],
} as unknown as NonNullable<MarkedOptions["extensions"]>;

function optionsOf(breaks: boolean): MarkedOptions {
  return { gfm: true, breaks, extensions: EXTENSIONS };
}

const setter = signal<typeof import("./prose_math") | null>(null);
let loading: Promise<void> | null = null;

export function loadMath(): Promise<void> {
  loading ??= import("./prose_math").then(
    (module) => {
      setter.value = module;
    },
    () => {
      loading = null; // offline just now; the next formula tries again
    },
  );
  return loading;
}

function Formula({ token }: { token: MathToken }): VNode {
  const now = setter.value;
  if (!now) void loadMath();
  return now?.renderMath(token.text, token.display) ?? <code class="formula">{token.raw.trim()}</code>;
}

/** Where an address of the text leads to: a text that stands among files names its neighbours. */
export type Addresses = (href: string, image: boolean) => string;

/** breaks: a line break in the source is one on the page, as people write in a chat. */
export function renderProse(text: string, breaks = false, addresses?: Addresses): VNode {
  try {
    const tokens = Lexer.lex(text, optionsOf(breaks));
    if (addresses) readdress(tokens, addresses, 0);
    return <>{blocks(tokens, 0)}</>;
  } catch {
    return <p class="source">{text}</p>;
  }
}

function readdress(tokens: readonly Token[], addresses: Addresses, depth: number): void {
  if (depth > DEPTH_MAX) return;
  for (const token of tokens) {
    if (token.type === "link" || token.type === "image") token["href"] = addresses(String(token["href"]), token.type === "image");
    const { tokens: inside, items, header, rows } = token as { tokens?: Token[]; items?: Token[]; header?: Tokens.TableCell[]; rows?: Tokens.TableCell[][] };
    for (const list of [inside, items, ...[...(header ?? []), ...(rows ?? []).flat()].map((cell) => cell.tokens)]) {
      if (Array.isArray(list)) readdress(list, addresses, depth + 1);
    }
  }
}

/** The blocks of a growing text that are whole, and the text they are of. */
export interface Growing {
  text: string;
  shown: VNode[];
}

/**
 * The same for a text that grows at its end: only its last block is read again, the others are the
 * very elements they were, which costs the page nothing.
 */
export function renderGrowing(grown: Growing, text: string, breaks = false): VNode {
  if (!text.startsWith(grown.text)) {
    grown.text = "";
    grown.shown = [];
  }
  try {
    const rest = text.slice(grown.text.length);
    const tokens = Lexer.lex(rest, optionsOf(breaks));
    const last = tokens.findLastIndex((t) => t.type !== "space");
    const whole = tokens.slice(0, Math.max(last, 0));
    const raw = whole.map((t) => t.raw).join("");
    // Where the lexer has changed the text on its way, nobody knows how far it has come.
    const known = raw !== "" && rest.startsWith(raw);
    if (known) {
      for (const token of whole) grown.shown.push(<>{block(token, 0)}</>);
      grown.text += raw;
    }
    return (
      <>
        {grown.shown}
        {blocks(known ? tokens.slice(whole.length) : tokens, 0)}
      </>
    );
  } catch {
    return <p class="source">{text}</p>;
  }
}

function blocks(tokens: readonly Token[], depth: number): ComponentChildren {
  if (depth > DEPTH_MAX) return tokens.map((t) => t.raw).join("");
  return tokens.map((token) => block(token, depth));
}

function block(token: Token, depth: number): ComponentChildren {
  switch (token.type) {
    case "space":
    case "def":
      return null;
    case "hr":
      return <hr />;
    case "heading":
      return heading(token as Tokens.Heading, depth);
    case "paragraph":
      return <p>{inlines((token as Tokens.Paragraph).tokens, depth)}</p>;
    case "blockquote":
      return <blockquote>{blocks((token as Tokens.Blockquote).tokens, depth + 1)}</blockquote>;
    case "code":
      return <Code text={(token as Tokens.Code).text} lang={(token as Tokens.Code).lang ?? ""} />;
    case "list":
      return list(token as Tokens.List, depth);
    case "table":
      return table(token as Tokens.Table, depth);
    case "html":
      return <p class="source">{token.raw.trimEnd()}</p>;
    case "math":
      return (
        <div class="math-scroll" tabIndex={0} role="region" aria-label="formula">
          <Formula token={token as unknown as MathToken} />
        </div>
      );
    default:
      return inline(token, depth);
  }
}

function heading(token: Tokens.Heading, depth: number): VNode {
  // The page has its h1; what an app writes stands below it.
  const Tag = `h${Math.min(token.depth + 1, 6)}` as "h2";
  return <Tag>{inlines(token.tokens, depth)}</Tag>;
}

function list(token: Tokens.List, depth: number): VNode {
  const items = token.items.map((item) => (
    <li class={item.task ? "task" : undefined}>
      {item.task && <input type="checkbox" checked={item.checked === true} disabled aria-label="task" />}
      {blocks(
        item.tokens.filter((t) => t.type !== "checkbox"),
        depth + 1,
      )}
    </li>
  ));
  return token.ordered ? <ol start={Number(token.start) || 1}>{items}</ol> : <ul>{items}</ul>;
}

function table(token: Tokens.Table, depth: number): VNode {
  return (
    <div class="table-scroll" tabIndex={0} role="region" aria-label="table">
      <table>
        <thead>
          <tr>
            {token.header.map((c) => (
              <th class={c.align ? `align-${c.align}` : undefined}>{inlines(c.tokens, depth + 1)}</th>
            ))}
          </tr>
        </thead>
        <tbody>
          {token.rows.map((row) => (
            <tr>
              {row.map((c) => (
                <td class={c.align ? `align-${c.align}` : undefined}>{inlines(c.tokens, depth + 1)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Code({ text, lang }: { text: string; lang: string }): VNode {
  const name = /^[\w+#.-]{1,24}/.exec(lang)?.[0] ?? "";
  return (
    <figure class="code">
      <figcaption>
        <span>{name}</span>
        <CopyButton text={() => text} />
      </figcaption>
      <pre tabIndex={0}>
        <code>{highlighted(text, name)}</code>
      </pre>
    </figure>
  );
}

function inlines(tokens: readonly Token[] | undefined, depth: number): ComponentChildren {
  if (!tokens) return null;
  if (depth > DEPTH_MAX) return tokens.map((t) => t.raw).join("");
  return tokens.map((token) => inline(token, depth));
}

function inline(token: Token, depth: number): ComponentChildren {
  switch (token.type) {
    case "strong":
      return <strong>{inlines((token as Tokens.Strong).tokens, depth + 1)}</strong>;
    case "em":
      return <em>{inlines((token as Tokens.Em).tokens, depth + 1)}</em>;
    case "del":
      return <del>{inlines((token as Tokens.Del).tokens, depth + 1)}</del>;
    case "codespan":
      return <code>{(token as Tokens.Codespan).text}</code>;
    case "br":
      return <br />;
    case "link":
      return link(token as Tokens.Link, depth);
    case "image":
      return image(token as Tokens.Image);
    case "html":
      return token.raw;
    case "math":
      return <Formula token={token as unknown as MathToken} />;
    case "escape":
      return (token as Tokens.Escape).text;
    case "text": {
      const text = token as Tokens.Text;
      return text.tokens ? inlines(text.tokens, depth + 1) : entities(text.text);
    }
    default:
      return token.raw;
  }
}

function link(token: Tokens.Link, depth: number): ComponentChildren {
  const href = safeAddress(token.href);
  const inside = inlines(token.tokens, depth + 1);
  if (href === null) return <span>{inside}</span>;
  return (
    <a href={href} title={token.title ? entities(token.title) : undefined} target="_blank" rel="noopener noreferrer nofollow">
      {inside}
    </a>
  );
}

/** A picture from elsewhere would tell that server who reads this page; it is a link instead. */
function image(token: Tokens.Image): ComponentChildren {
  const href = safeAddress(token.href);
  const alt = entities(token.text);
  if (href === null) return alt;
  if (isLocal(href)) return <img src={href} alt={alt} loading="lazy" />;
  return (
    <a href={href} target="_blank" rel="noopener noreferrer nofollow">
      {alt || href}
    </a>
  );
}

function isLocal(href: string): boolean {
  return /^\/(?![/\\])/.test(href);
}

/** The address as it may stand in an attribute; null: not one that a text may lead to. */
export function safeAddress(source: string): string | null {
  // Browsers skip control characters and white space inside a scheme; so does this check.
  const href = entities(source).replace(/[\u0000-\u0020\u007f-\u009f\u200b-\u200f\u2028\u2029\ufeff]/g, "");
  if (/^(https?:\/\/|mailto:)/i.test(href)) return href;
  return isLocal(href) || href.startsWith("#") ? href : null;
}

const NAMED: Readonly<Record<string, string>> = {
  amp: "&",
  apos: "'",
  bull: "•",
  copy: "©",
  euro: "€",
  gt: ">",
  hellip: "…",
  laquo: "«",
  ldquo: "“",
  lsquo: "‘",
  lt: "<",
  mdash: "—",
  middot: "·",
  nbsp: "\u00a0",
  ndash: "–",
  quot: '"',
  raquo: "»",
  rarr: "→",
  rdquo: "”",
  reg: "®",
  rsquo: "’",
  times: "×",
  trade: "™",
};

/** Character references; names beyond the common ones stay as they are written. */
function entities(text: string): string {
  if (!text.includes("&")) return text;
  return text.replace(/&(?:#(\d{1,7})|#[xX]([\da-fA-F]{1,6})|([a-zA-Z]{2,8}));/g, (all, dec, hex, name) => {
    if (name) return NAMED[name as string] ?? all;
    const code = dec ? Number(dec) : parseInt(hex as string, 16);
    const bad = code === 0 || code > 0x10ffff || (code >= 0xd800 && code < 0xe000);
    return bad ? "\ufffd" : String.fromCodePoint(code);
  });
}
