/*
 * Code in colours. One pattern per language takes the text apart from left to right; what none of
 * its parts knows stays plain. Not a parser: it may be wrong about a word, never about the text.
 */
import type { ComponentChildren } from "preact";
import "./text_style";

/** Longer code is shown plain: it is read by machines. */
const LENGTH_MAX = 60_000;

export type Kind = "comment" | "string" | "number" | "keyword" | "call" | "key";

export interface Token {
  readonly kind: Kind | null;
  readonly text: string;
}

interface Language {
  readonly pattern: RegExp;
  readonly keywords: ReadonlySet<string>;
}

const NUMBER = String.raw`\b(?:0[xX][\da-fA-F_]+|0[bB][01_]+|\d[\d_]*(?:\.\d+)?(?:[eE][+-]?\d+)?)\b`;
const WORD = String.raw`[\p{L}_$][\p{L}\p{N}_$]*`;
const QUOTED = String.raw`"(?:\\[\s\S]|[^"\\\n])*"?|'(?:\\[\s\S]|[^'\\\n])*'?`;
const SLASHES = String.raw`\/\/[^\n]*|\/\*[\s\S]*?(?:\*\/|$)`;
const HASH = String.raw`#[^\n]*`;

function language(comment: string, string: string, keywords: string, more: { word?: string; flags?: string } = {}): Language {
  const parts = [comment && `(?<comment>${comment})`, string && `(?<string>${string})`, `(?<number>${NUMBER})`, `(?<word>${more.word ?? WORD})`];
  return { pattern: new RegExp(parts.filter(Boolean).join("|"), `gu${more.flags ?? ""}`), keywords: new Set(keywords.split(" ")) };
}

const C_LIKE = "if else for while do switch case default break continue return struct enum union typedef const static extern void int char long short unsigned signed float double sizeof goto inline bool true false NULL nullptr class public private protected namespace template typename virtual new delete this using auto try catch throw";
const SCRIPT = "const let var function return if else for while do switch case default break continue new delete typeof instanceof in of class extends super this null undefined true false try catch finally throw async await yield import export from as static get set interface type enum implements readonly public private protected declare namespace keyof never unknown any string number boolean void";

const LANGUAGES: Readonly<Record<string, Language>> = {
  lua: language(
    String.raw`--\[(?<level>=*)\[[\s\S]*?(?:\]\k<level>\]|$)|--[^\n]*`,
    String.raw`\[(?<long>=*)\[[\s\S]*?(?:\]\k<long>\]|$)|${QUOTED}`,
    "and break do else elseif end false for function goto if in local nil not or repeat return then true until while",
  ),
  python: language(
    HASH,
    String.raw`\b[rbfuRBFU]{0,2}(?:"""[\s\S]*?(?:"""|$)|'''[\s\S]*?(?:'''|$))|"""[\s\S]*?(?:"""|$)|'''[\s\S]*?(?:'''|$)|${QUOTED}`,
    "and as assert async await break class continue def del elif else except finally for from global if import in is lambda match case nonlocal not or pass raise return try while with yield None True False self",
  ),
  javascript: language(SLASHES, String.raw`\x60(?:\\[\s\S]|[^\x60\\])*\x60?|${QUOTED}`, SCRIPT),
  json: language("", String.raw`"(?:\\[\s\S]|[^"\\\n])*"?`, "true false null"),
  c: language(SLASHES, QUOTED, C_LIKE),
  rust: language(SLASHES, String.raw`"(?:\\[\s\S]|[^"\\])*"?|'(?:\\.|[^'\\\n])'`, "as async await break const continue crate dyn else enum extern false fn for if impl in let loop match mod move mut pub ref return self Self static struct super trait true type unsafe use where while"),
  go: language(SLASHES, String.raw`\x60[^\x60]*\x60?|${QUOTED}`, "break case chan const continue default defer else fallthrough for func go goto if import interface map package range return select struct switch type var nil true false"),
  sql: language(
    String.raw`--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)`,
    QUOTED,
    "select from where and or not insert into values update set delete create table index view drop alter add primary key foreign references join left right inner outer on group by order having limit offset union all distinct as null is in like between case when then else end begin commit",
    { flags: "i" },
  ),
  bash: language(String.raw`(?<=^|\s)#[^\n]*`, QUOTED, "if then else elif fi for while until do done case esac in function return exit export local readonly set unset echo cd", { flags: "m" }),
  yaml: language(String.raw`(?<=^|\s)#[^\n]*`, QUOTED, "true false null yes no", { word: String.raw`[\p{L}_][\p{L}\p{N}_.-]*`, flags: "m" }),
  css: language(String.raw`\/\*[\s\S]*?(?:\*\/|$)`, QUOTED, "important", { word: String.raw`[@.#]?-{0,2}[\p{L}_][\p{L}\p{N}_-]*` }),
  // Every part has a measure: none may look to the end of the text from each of its letters.
  html: language(String.raw`<!--[\s\S]*?(?:-->|$)`, QUOTED, "", { word: String.raw`<\/?[\p{L}][\p{L}\p{N}-]*|\/?>|\b[\p{L}][\p{L}\p{N}-]{0,40}(?==)` }),
  markdown: language("", String.raw`\x60\x60\x60[\s\S]*?(?:\x60\x60\x60|$)|\x60[^\x60\n]*\x60?`, "", { word: String.raw`^#{1,6} [^\n]*|\*\*[^*\n]{1,400}\*\*|^[ \t]{0,40}(?:[-*+]|\d{1,9}\.) |\[[^[\]\n]{0,400}\]\([^)\n]{0,400}\)|^> [^\n]*`, flags: "m" }),
};

const ALIASES: Readonly<Record<string, string>> = {
  js: "javascript",
  jsx: "javascript",
  mjs: "javascript",
  ts: "javascript",
  tsx: "javascript",
  typescript: "javascript",
  py: "python",
  sh: "bash",
  shell: "bash",
  zsh: "bash",
  console: "bash",
  cpp: "c",
  "c++": "c",
  h: "c",
  java: "c",
  cs: "c",
  rs: "rust",
  yml: "yaml",
  toml: "yaml",
  ini: "yaml",
  xml: "html",
  svg: "html",
  vue: "html",
  scss: "css",
  md: "markdown",
  jsonc: "json",
  json5: "json",
};

function languageOf(name: string): Language | null {
  const key = name.toLowerCase();
  const known = Object.hasOwn(ALIASES, key) ? ALIASES[key]! : key;
  return Object.hasOwn(LANGUAGES, known) ? LANGUAGES[known]! : null;
}

/** The text in pieces that, joined, are the text. */
export function tokens(text: string, name: string): readonly Token[] {
  const known = text.length > LENGTH_MAX ? null : languageOf(name);
  if (!known) return [{ kind: null, text }];
  const found: Token[] = [];
  const add = (kind: Kind | null, piece: string) => {
    const last = found.at(-1);
    if (last && last.kind === kind) found[found.length - 1] = { kind, text: last.text + piece };
    else if (piece !== "") found.push({ kind, text: piece });
  };
  let at = 0;
  for (const match of text.matchAll(known.pattern)) {
    add(null, text.slice(at, match.index));
    at = match.index + match[0].length;
    add(kindOf(match, known, name, text.slice(at, at + 3)), match[0]);
  }
  add(null, text.slice(at));
  return found;
}

const KEYED = /^(json|yaml|yml|toml|ini|css|scss)/i;
const MARKED = /^(md|markdown|html|xml|svg|vue)/i;

function kindOf(match: RegExpMatchArray, known: Language, name: string, next: string): Kind | null {
  const { comment, string, number, word } = match.groups ?? {};
  if (comment !== undefined) return "comment";
  if (string !== undefined) return KEYED.test(name) && /^\s*:/.test(next) ? "key" : "string";
  if (number !== undefined) return "number";
  if (word === undefined) return null;
  if (MARKED.test(name)) return /^[\p{L}]/u.test(word) ? "key" : "keyword";
  if (known.keywords.has(word) || known.keywords.has(word.toLowerCase())) return "keyword";
  if (KEYED.test(name)) return /^\s*[:=]/.test(next) ? "key" : null;
  return next.startsWith("(") ? "call" : null;
}

export function highlighted(text: string, name: string): ComponentChildren {
  return tokens(text, name).map((t) => (t.kind === null ? t.text : <span class={`tok-${t.kind}`}>{t.text}</span>));
}
