/*
 * A call of a function as a program that can be copied and run, in each language. Values are a
 * visitor's and names an app's: in every language they stay inside their quotes.
 */
import type { Fn } from "./api_model";

export const LANGUAGES = ["curl", "JavaScript", "Python", "Lua", "MCP"] as const;
export type Language = (typeof LANGUAGES)[number];

/** A file to be sent; name: as the reader's disk has it. */
export class FileArgument {
  readonly name: string;

  constructor(name: string) {
    // A file name that every shell and language takes as it is.
    this.name = name.replace(/[^A-Za-z0-9._-]/g, "_") || "file";
  }
}

export type Arguments = readonly (readonly [name: string, value: unknown])[];

export interface Call {
  readonly url: string;
  readonly private: boolean;
  readonly fn: Pick<Fn, "name" | "results">;
  readonly args: Arguments;
}

export function snippet(language: Language, call: Call): string {
  switch (language) {
    case "curl":
      return curl(call);
    case "JavaScript":
      return javaScript(call);
    case "Python":
      return python(call);
    case "Lua":
      return lua(call);
    case "MCP":
      return mcp(call);
  }
}

/** One file, or the files of a list. */
function filesOf(args: Arguments): FileArgument[] {
  return args.flatMap(([, v]) => [v].flat()).filter((v): v is FileArgument => v instanceof FileArgument);
}

// --- shells ---

export function shellQuote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** The body with $1, $2 … of the uploads between its quotes. */
function shellBody(args: Arguments): string {
  let n = 0;
  const marks: string[] = [];
  const json = JSON.stringify(Object.fromEntries(args), (_, v: unknown) => {
    if (!(v instanceof FileArgument)) return v;
    n += 1;
    marks.push(`\u0001${n}\u0001`);
    return `\u0001${n}\u0001`;
  });
  return shellQuote(json).replace(/"\\u0001(\d+)\\u0001"/g, (_, i: string) => `'"$F${i}"'`);
}

function curl({ url, private: closed, fn, args }: Call): string {
  const token = closed ? ` \\\n  -H "Authorization: Bearer $TOKEN"` : "";
  const uploads = filesOf(args).map(
    (f, i) => `F${i + 1}=$(curl -s --data-binary @${f.name} '${url}/-/upload?name=${f.name}'${token.replace(" \\\n ", "")})\n`,
  );
  return `${uploads.join("")}curl -s ${url}/-/api/${fn.name}${token} \\
  -H 'Content-Type: application/json' \\
  -d ${shellBody(args)}`;
}

// --- JavaScript and Python: Gradio's own clients ---

export function javaScriptValue(value: unknown): string {
  if (value instanceof FileArgument) return `handle_file(${JSON.stringify(value.name)})`;
  if (Array.isArray(value)) return `[${value.map(javaScriptValue).join(", ")}]`;
  if (typeof value === "object" && value !== null)
    return `{ ${Object.entries(value).map(([k, v]) => `[${JSON.stringify(k)}]: ${javaScriptValue(v)}`).join(", ")} }`;
  // JSON's line separators end a line in older engines, and nothing may end the script around it.
  return (JSON.stringify(value) ?? "null").replace(/[\u2028\u2029]/g, (c) => `\\u${c.charCodeAt(0).toString(16)}`);
}

function javaScript({ url, private: closed, fn, args }: Call): string {
  const files = filesOf(args).length > 0;
  const fields = args.map(([name, value]) => `  ${name}: ${javaScriptValue(value)},\n`).join("");
  return `import { Client${files ? ", handle_file" : ""} } from "@gradio/client"; // npm install @gradio/client

const app = await Client.connect("${url}"${closed ? ", { token: process.env.TOKEN }" : ""});
const { data } = await app.predict("/${fn.name}", {${fields ? `\n${fields}` : ""}});
console.log(data);`;
}

export function pythonValue(value: unknown): string {
  if (value instanceof FileArgument) return `handle_file(${JSON.stringify(value.name)})`;
  if (value === null || value === undefined) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (Array.isArray(value)) return `[${value.map(pythonValue).join(", ")}]`;
  if (typeof value === "object")
    return `{${Object.entries(value).map(([k, v]) => `${pythonValue(k)}: ${pythonValue(v)}`).join(", ")}}`;
  // A JSON string is one of Python too, but for half of a surrogate pair, which Python reads as it is.
  return JSON.stringify(value);
}

/** Names that Python keeps for itself are passed the long way. */
const PYTHON_WORDS = new Set(
  ("False None True and as assert async await break class continue def del elif else except finally for from global if " +
    "import in is lambda nonlocal not or pass raise return try while with yield").split(" "),
);

function pythonArgument(name: string, value: unknown): string {
  return PYTHON_WORDS.has(name) ? `**{"${name}": ${pythonValue(value)}}` : `${name}=${pythonValue(value)}`;
}

function python({ url, private: closed, fn, args }: Call): string {
  const files = filesOf(args).length > 0;
  const names = ["Client", ...(files ? ["handle_file"] : [])].join(", ");
  const fields = args.map(([name, value]) => `    ${pythonArgument(name, value)},\n`).join("");
  return `${closed ? "import os\n" : ""}from gradio_client import ${names}  # pip install gradio_client

client = Client("${url}"${closed ? ', token=os.environ["TOKEN"]' : ""})
result = client.predict(
${fields}    api_name="/${fn.name}",
)
print(result)`;
}

// --- Lua ---

/** A long string that nothing in the text ends. */
export function luaLong(text: string): string {
  let level = "";
  while (text.includes(`]${level}]`) || text.endsWith(`]${level}`)) level += "=";
  return `[${level}[${text}]${level}]`;
}

function lua(call: Call): string {
  return `local command = ${luaLong(curl(call))}
local pipe = assert(io.popen(command))
print(pipe:read "a")
pipe:close()`;
}

// --- MCP ---

function mcp({ url, private: closed }: Call): string {
  const name = url.split("/").slice(-2).join("-");
  const server = { type: "http", url: `${url}/-/mcp`, ...(closed ? { headers: { Authorization: "Bearer hf_…" } } : {}) };
  return JSON.stringify({ mcpServers: { [name]: server } }, null, 2);
}

// --- in other pages ---

export function elementSnippet(url: string): string {
  const { origin } = new URL(url);
  return `<script src="${origin}/vitrine-space.js" defer></script>
<vitrine-space src="${url}"></vitrine-space>`;
}

export function frameSnippet(url: string): string {
  return `<iframe src="${url}/-/embed" title="Space" loading="lazy"
  style="width: 100%; height: 600px; border: 0"></iframe>`;
}
