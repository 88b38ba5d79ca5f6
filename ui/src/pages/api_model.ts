/* What a Space's OpenAPI document says, as the API page shows it. An app wrote most of the words in
 * it, so anything may be missing or something else. */

export interface Parameter {
  readonly name: string;
  readonly title: string;
  readonly help: string;
  /** How it is entered: "file" and "files" are chosen, "json" is anything. */
  readonly kind: "string" | "number" | "boolean" | "choice" | "choices" | "file" | "files" | "json";
  readonly choices: readonly unknown[];
  readonly required: boolean;
  readonly fallback: unknown;
  readonly min: number | null;
  readonly max: number | null;
  readonly maxLength: number | null;
}

export interface Result {
  readonly name: string;
  readonly title: string;
  readonly type: string;
}

export interface Fn {
  readonly name: string;
  readonly description: string;
  readonly parameters: readonly Parameter[];
  readonly results: readonly Result[];
}

export interface Api {
  readonly title: string;
  readonly url: string;
  readonly private: boolean;
  readonly functions: readonly Fn[];
}

type Fields = Readonly<Record<string, unknown>>;

const PATH = /^\/-\/api\/([A-Za-z0-9_]{1,64})$/;

export function readApi(document: unknown): Api {
  const root = fields(document);
  const functions: Fn[] = [];
  for (const [path, item] of Object.entries(fields(root["paths"]))) {
    const name = PATH.exec(path)?.[1];
    if (name) functions.push(readFunction(name, fields(fields(item)["post"])));
  }
  return {
    title: text(fields(root["info"])["title"]),
    url: text(fields(list(root["servers"])[0])["url"]),
    private: list(root["security"]).every((s) => "token" in fields(s)),
    functions,
  };
}

function readFunction(name: string, post: Fields): Fn {
  const input = jsonSchema(post["requestBody"]);
  const output = jsonSchema(fields(post["responses"])["200"]);
  const required = list(input["required"]);
  return {
    name,
    description: text(post["description"]),
    parameters: Object.entries(fields(input["properties"])).map(([key, schema]) =>
      readParameter(key, fields(schema), required.includes(key)),
    ),
    results: Object.entries(fields(output["properties"])).map(([key, schema]) => ({
      name: key,
      title: text(fields(schema)["title"]),
      type: typeWords(fields(schema)),
    })),
  };
}

function jsonSchema(holder: unknown): Fields {
  return fields(fields(fields(fields(holder)["content"])["application/json"])["schema"]);
}

function readParameter(name: string, schema: Fields, required: boolean): Parameter {
  const items = schema["type"] === "array" ? fields(schema["items"]) : schema;
  return {
    name,
    title: text(schema["title"]),
    help: "anyOf" in items ? "" : text(schema["description"]),
    kind: kindOf(schema, items),
    choices: list(items["enum"]),
    required,
    fallback: schema["default"],
    min: number(items["minimum"]),
    max: number(items["maximum"]),
    maxLength: number(items["maxLength"]),
  };
}

function kindOf(schema: Fields, items: Fields): Parameter["kind"] {
  const several = schema["type"] === "array";
  if ("anyOf" in items) return several ? "files" : "file";
  if (list(items["enum"]).length > 0) return several ? "choices" : "choice";
  if (several) return "json";
  const type = schema["type"];
  return type === "string" || type === "number" || type === "boolean" ? type : "json";
}

/** For people: "string", "array of numbers" … */
export function typeWords(schema: Fields): string {
  if ("anyOf" in schema || "file" in fields(schema["properties"])) return "file";
  const types = [schema["type"]].flat().filter((t): t is string => typeof t === "string" && t !== "null");
  if (types[0] === "array") {
    const of = typeWords(fields(schema["items"]));
    return of === "any" ? "array" : `array of ${of}s`;
  }
  return types[0] ?? "any";
}

/** The value that a form begins with; undefined: none. */
export function beginningOf(p: Parameter): unknown {
  if (p.fallback !== undefined) return p.fallback;
  switch (p.kind) {
    case "choice":
      return p.choices[0];
    case "choices":
      return [];
    case "number":
      return p.min ?? 1;
    case "boolean":
      return false;
    case "string":
      return p.required ? "Hello" : "";
    case "json":
      return p.required ? null : undefined;
    default:
      return undefined;
  }
}

function fields(value: unknown): Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : {};
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function number(value: unknown): number | null {
  return typeof value === "number" ? value : null;
}
