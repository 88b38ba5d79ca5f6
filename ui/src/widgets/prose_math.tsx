/*
 * TeX formulas as MathML, which browsers set themselves. Elements, never a string of markup; what is
 * not known shows as it is written.
 */
import { h, type ComponentChildren, type VNode } from "preact";

type Attributes = Readonly<Record<string, string | number | undefined>> | null;

function el(tag: string, attributes: Attributes, ...children: ComponentChildren[]): VNode {
  return h(tag, attributes as object | null, ...children) as VNode;
}

const LENGTH_MAX = 5000;
const DEPTH_MAX = 40;

const GREEK = "alpha α beta β gamma γ delta δ epsilon ϵ varepsilon ε zeta ζ eta η theta θ vartheta ϑ iota ι kappa κ lambda λ mu μ nu ν xi ξ omicron ο pi π varpi ϖ rho ρ varrho ϱ sigma σ varsigma ς tau τ upsilon υ phi ϕ varphi φ chi χ psi ψ omega ω Gamma Γ Delta Δ Theta Θ Lambda Λ Xi Ξ Pi Π Sigma Σ Upsilon Υ Phi Φ Psi Ψ Omega Ω infty ∞ partial ∂ nabla ∇ hbar ℏ ell ℓ Re ℜ Im ℑ aleph ℵ emptyset ∅ varnothing ∅ forall ∀ exists ∃ nexists ∄ top ⊤ bot ⊥ angle ∠ triangle △ square □ degree ° dots … ldots … cdots ⋯ vdots ⋮ ddots ⋱ prime ′ imath ı jmath ȷ wp ℘";
const OPERATORS = "times × div ÷ cdot ⋅ ast ∗ star ⋆ circ ∘ bullet ∙ pm ± mp ∓ oplus ⊕ ominus ⊖ otimes ⊗ odot ⊙ le ≤ leq ≤ ge ≥ geq ≥ ne ≠ neq ≠ ll ≪ gg ≫ equiv ≡ approx ≈ cong ≅ sim ∼ simeq ≃ propto ∝ in ∈ notin ∉ ni ∋ subset ⊂ supset ⊃ subseteq ⊆ supseteq ⊇ cup ∪ cap ∩ setminus ∖ land ∧ wedge ∧ lor ∨ vee ∨ neg ¬ lnot ¬ to → rightarrow → leftarrow ← gets ← leftrightarrow ↔ Rightarrow ⇒ Leftarrow ⇐ implies ⟹ iff ⟺ Leftrightarrow ⇔ mapsto ↦ longrightarrow ⟶ longleftarrow ⟵ uparrow ↑ downarrow ↓ hookrightarrow ↪ perp ⊥ parallel ∥ mid ∣ nmid ∤ vdash ⊢ models ⊨ colon : because ∵ therefore ∴ prec ≺ succ ≻ preceq ⪯ succeq ⪰ asymp ≍ doteq ≐ lVert ‖ rVert ‖ Vert ‖ vert | lvert | rvert | langle ⟨ rangle ⟩ lfloor ⌊ rfloor ⌋ lceil ⌈ rceil ⌉ lbrace { rbrace } lbrack [ rbrack ] backslash ∖";
const LARGE = "sum ∑ prod ∏ coprod ∐ bigcup ⋃ bigcap ⋂ bigoplus ⨁ bigotimes ⨂ bigvee ⋁ bigwedge ⋀ biguplus ⨄";
const INTEGRALS = "int ∫ iint ∬ iiint ∭ oint ∮";
const NAMED = new Set("sin cos tan cot sec csc arcsin arccos arctan sinh cosh tanh coth log ln lg exp det dim ker deg hom arg gcd Pr".split(" "));
const NAMED_BELOW = new Set("lim max min sup inf limsup liminf argmax argmin".split(" "));
const ACCENTS = table("hat ^ widehat ^ bar ¯ overline ¯ vec → overrightarrow → tilde ~ widetilde ~ dot ˙ ddot ¨ check ˇ breve ˘ acute ´ grave ` overbrace ⏞");
const BELOW = table("underline _ underbrace ⏟");
const SPACES: Readonly<Record<string, string>> = { ",": "0.17em", ":": "0.22em", ";": "0.28em", "!": "-0.17em", " ": "0.25em", quad: "1em", qquad: "2em", enspace: "0.5em", thinspace: "0.17em" };
const FENCES = /^(?:[()[\]|./]|\\[{}|]|\\(?:langle|rangle|lfloor|rfloor|lceil|rceil|lvert|rvert|lVert|rVert|vert|Vert|lbrace|rbrace|backslash))/;
const MATRICES: Readonly<Record<string, readonly [string, string]>> = {
  matrix: ["", ""],
  smallmatrix: ["", ""],
  pmatrix: ["(", ")"],
  bmatrix: ["[", "]"],
  Bmatrix: ["{", "}"],
  vmatrix: ["|", "|"],
  Vmatrix: ["‖", "‖"],
  cases: ["{", ""],
  array: ["", ""],
  aligned: ["", ""],
  align: ["", ""],
  "align*": ["", ""],
  gathered: ["", ""],
  split: ["", ""],
};

const LETTERS = table(GREEK);
const SIGNS = table(OPERATORS);
const LARGES = table(LARGE);
const INTS = table(INTEGRALS);

function table(list: string): ReadonlyMap<string, string> {
  const parts = list.split(" ");
  const map = new Map<string, string>();
  for (let i = 0; i + 1 < parts.length; i += 2) map.set(parts[i]!, parts[i + 1]!);
  return map;
}

/** First code points of the alphabets; the exceptions were in Unicode before them. */
const ALPHABETS: Readonly<Record<string, { upper: number; lower: number; digit?: number; except?: string }>> = {
  mathbb: { upper: 0x1d538, lower: 0x1d552, digit: 0x1d7d8, except: "CℂHℍNℕPℙQℚRℝZℤ" },
  mathcal: { upper: 0x1d49c, lower: 0x1d4b6, except: "BℬEℰFℱHℋIℐLℒMℳRℛeℯgℊoℴ" },
  mathscr: { upper: 0x1d49c, lower: 0x1d4b6, except: "BℬEℰFℱHℋIℐLℒMℳRℛeℯgℊoℴ" },
  mathfrak: { upper: 0x1d504, lower: 0x1d51e, except: "CℭHℌIℑRℜZℨ" },
  mathbf: { upper: 0x1d400, lower: 0x1d41a, digit: 0x1d7ce },
  boldsymbol: { upper: 0x1d468, lower: 0x1d482, digit: 0x1d7ce },
  bm: { upper: 0x1d468, lower: 0x1d482, digit: 0x1d7ce },
  mathsf: { upper: 0x1d5a0, lower: 0x1d5ba, digit: 0x1d7e2 },
  mathtt: { upper: 0x1d670, lower: 0x1d68a, digit: 0x1d7f6 },
};

/** In the letters of another alphabet. */
export function inAlphabet(name: string, text: string): string {
  const { upper, lower, digit, except = "" } = ALPHABETS[name]!;
  const other = [...except];
  return [...text]
    .map((c) => {
      const known = other.indexOf(c);
      if (known >= 0 && known % 2 === 0) return other[known + 1]!;
      if (/[A-Z]/.test(c)) return String.fromCodePoint(upper + c.charCodeAt(0) - 65);
      if (/[a-z]/.test(c)) return String.fromCodePoint(lower + c.charCodeAt(0) - 97);
      if (/\d/.test(c) && digit) return String.fromCodePoint(digit + Number(c));
      return c;
    })
    .join("");
}

class Broken extends Error {}

type Limits = "beside" | "below";

class Parser {
  #at = 0;
  #depth = 0;
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  whole(): VNode {
    const all = this.#list(() => false);
    if (this.#at < this.#text.length) throw new Broken();
    return all;
  }

  #peek(pattern: RegExp): string | null {
    return pattern.exec(this.#text.slice(this.#at, this.#at + 40))?.[0] ?? null;
  }

  #take(pattern: RegExp): string | null {
    const found = this.#peek(pattern);
    if (found !== null) this.#at += found.length;
    return found;
  }

  #spaces(): void {
    while (/\s/.test(this.#text[this.#at] ?? "")) this.#at++;
  }

  #list(ends: () => boolean): VNode {
    if (++this.#depth > DEPTH_MAX) throw new Broken();
    const out: VNode[] = [];
    for (;;) {
      this.#spaces();
      if (this.#at >= this.#text.length || this.#text[this.#at] === "}" || ends()) break;
      const atom = this.#scripted();
      if (atom) out.push(atom);
    }
    this.#depth--;
    return out.length === 1 ? out[0]! : el("mrow", null, out);
  }

  #group(): VNode {
    this.#spaces();
    if (this.#text[this.#at] !== "{") {
      if (++this.#depth > DEPTH_MAX) throw new Broken();
      const atom = this.#at < this.#text.length ? this.#atom().node : null;
      if (!atom) throw new Broken();
      this.#depth--;
      return atom;
    }
    this.#at++;
    const inside = this.#list(() => false);
    if (this.#text[this.#at++] !== "}") throw new Broken();
    return inside;
  }

  /** The text between braces, as it stands. */
  #raw(): string {
    this.#spaces();
    if (this.#text[this.#at] !== "{") return this.#text[this.#at++] ?? "";
    let depth = 0;
    const from = this.#at + 1;
    for (; this.#at < this.#text.length; this.#at++) {
      if (this.#text[this.#at] === "\\") this.#at++;
      else if (this.#text[this.#at] === "{") depth++;
      else if (this.#text[this.#at] === "}" && --depth === 0) return this.#text.slice(from, this.#at++);
    }
    throw new Broken();
  }

  #scripted(): VNode | null {
    const { node, limits } = this.#atom();
    let below: VNode | null = null;
    let above: VNode | null = null;
    let how: Limits = limits;
    let primed = false;
    for (;;) {
      this.#spaces();
      const primes = above ? null : this.#take(/^'+/);
      if (primes) {
        above = el("mo", null, "′".repeat(primes.length));
        primed = true;
      } else if (this.#take(/^\\limits(?![a-zA-Z])/)) how = "below";
      else if (this.#take(/^\\nolimits(?![a-zA-Z])/)) how = "beside";
      else if (this.#text[this.#at] === "^") {
        if (above && !primed) throw new Broken(); // as in TeX; and each would stand inside the next
        primed = false;
        this.#at++;
        const more = this.#group();
        above = above ? el("mrow", null, above, more) : more;
      } else if (this.#text[this.#at] === "_" && !below) {
        this.#at++;
        below = this.#group();
      } else break;
    }
    if (!below && !above) return node;
    const base = node ?? el("mrow", null);
    const [both, under, over] = how === "below" ? ["munderover", "munder", "mover"] : ["msubsup", "msub", "msup"];
    if (below && above) return el(both!, null, base, below, above);
    return below ? el(under!, null, base, below) : el(over!, null, base, above);
  }

  #atom(): { node: VNode | null; limits: Limits } {
    const c = this.#text[this.#at]!;
    const beside = (node: VNode | null) => ({ node, limits: "beside" as const });
    if (c === "\\") return this.#command();
    if (c === "{") return beside(this.#group());
    const number = this.#take(/^\d+(?:[.,]\d+)*|^\.\d+/);
    if (number) return beside(el("mn", null, number));
    if (c === "^" || c === "_") return beside(null);
    if (c === "&" || c === "}") throw new Broken();
    const char = String.fromCodePoint(this.#text.codePointAt(this.#at)!);
    this.#at += char.length;
    if (/\p{L}/u.test(char)) return beside(el("mi", null, char));
    if (char === "~") return beside(el("mspace", { width: "0.25em" }));
    const stretchy = /[()[\]|/]/.test(char) ? { stretchy: "false" } : null;
    return beside(el("mo", stretchy, char === "-" ? "−" : char === "*" ? "∗" : char));
  }

  #command(): { node: VNode | null; limits: Limits } {
    const name = this.#take(/^\\(?:[a-zA-Z]+|[\s\S])/)?.slice(1) ?? "";
    const beside = (node: VNode | null) => ({ node, limits: "beside" as const });
    const below = (node: VNode) => ({ node, limits: "below" as const });
    if (LETTERS.has(name)) return beside(el("mi", /^[A-Z]/.test(name) ? { mathvariant: "normal" } : null, LETTERS.get(name)));
    if (SIGNS.has(name)) return beside(el("mo", FENCES.test(`\\${name}`) ? { stretchy: "false" } : null, SIGNS.get(name)));
    if (LARGES.has(name)) return below(el("mo", { movablelimits: "true" }, LARGES.get(name)));
    if (INTS.has(name)) return beside(el("mo", null, INTS.get(name)));
    if (NAMED.has(name)) return beside(el("mi", null, name));
    if (NAMED_BELOW.has(name)) return below(el("mo", { movablelimits: "true", form: "prefix", rspace: "0.17em" }, name.replace(/^(arg|lim)(?=.)(?!$)/, "$1 ")));
    if (Object.hasOwn(SPACES, name)) return beside(el("mspace", { width: SPACES[name] }));
    if (/^[{}|$%&#_]$/.test(name)) return beside(el("mo", /[{}|]/.test(name) ? { stretchy: "false" } : null, name === "|" ? "‖" : name));
    const accent = ACCENTS.get(name);
    if (accent) return { node: el("mover", { accent: "true" }, this.#group(), el("mo", { stretchy: /wide|over/.test(name) ? "true" : "false" }, accent)), limits: name === "overbrace" ? "below" : "beside" };
    const line = BELOW.get(name);
    if (line) return { node: el("munder", null, this.#group(), el("mo", { stretchy: "true" }, line)), limits: name === "underbrace" ? "below" : "beside" };
    if (Object.hasOwn(ALPHABETS, name)) return beside(el("mi", { mathvariant: "normal" }, inAlphabet(name, this.#raw())));
    return beside(this.#construct(name));
  }

  #construct(name: string): VNode | null {
    switch (name) {
      case "frac":
      case "dfrac":
      case "tfrac":
      case "cfrac":
        return el("mfrac", null, this.#group(), this.#group());
      case "binom":
        return el("mrow", null, el("mo", null, "("), el("mfrac", { linethickness: "0" }, this.#group(), this.#group()), el("mo", null, ")"));
      case "sqrt": {
        const root = this.#take(/^\s*\[[^\]]{0,20}\]/)?.trim().slice(1, -1);
        const inside = this.#group();
        return root ? el("mroot", null, inside, new Parser(root).whole()) : el("msqrt", null, inside);
      }
      case "text":
      case "textrm":
      case "textbf":
      case "textit":
      case "mbox":
        return el("mtext", null, this.#raw().replace(/ /g, "\u00a0"));
      case "mathrm":
      case "operatorname":
      case "rm":
        return el("mi", { mathvariant: "normal" }, this.#raw());
      case "mathit":
      case "displaystyle":
      case "textstyle":
      case "nonumber":
      case "big":
      case "Big":
      case "bigl":
      case "bigr":
      case "Bigl":
      case "Bigr":
        return null;
      case "stackrel":
      case "overset": {
        const above = this.#group();
        return el("mover", null, this.#group(), above);
      }
      case "underset": {
        const under = this.#group();
        return el("munder", null, this.#group(), under);
      }
      case "not":
        return el("mrow", null, this.#group(), el("mo", { lspace: "-0.6em" }, "/"));
      case "pmod":
        return el("mrow", null, el("mspace", { width: "0.4em" }), el("mo", { stretchy: "false" }, "("), el("mi", null, "mod"), el("mspace", { width: "0.3em" }), this.#group(), el("mo", { stretchy: "false" }, ")"));
      case "bmod":
        return el("mo", { lspace: "0.25em", rspace: "0.25em" }, "mod");
      case "left":
        return this.#fenced();
      case "begin":
        return this.#environment();
      default:
        throw new Broken();
    }
  }

  #fence(): VNode | null {
    this.#spaces();
    const sign = this.#take(FENCES);
    if (sign === null) throw new Broken();
    if (sign === ".") return null;
    const name = sign.replace(/^\\/, "");
    return el("mo", { stretchy: "true" }, sign === "\\|" ? "‖" : (SIGNS.get(name) ?? name));
  }

  #fenced(): VNode {
    const left = this.#fence();
    const parts: ComponentChildren[] = [];
    for (;;) {
      parts.push(this.#list(() => this.#peek(/^\\(?:right|middle)(?![a-zA-Z])/) !== null));
      const word = this.#take(/^\\(?:right|middle)(?![a-zA-Z])/);
      if (word === null) throw new Broken();
      const fence = this.#fence();
      if (word === "\\right") return el("mrow", null, left, parts, fence);
      parts.push(fence);
    }
  }

  #environment(): VNode {
    const name = this.#raw();
    if (!Object.hasOwn(MATRICES, name)) throw new Broken();
    if (name === "array") this.#raw();
    const rows: VNode[][] = [[]];
    const ends = () => this.#peek(/^(?:&|\\\\|\\end(?![a-zA-Z]))/) !== null;
    for (;;) {
      rows.at(-1)!.push(el("mtd", null, this.#list(ends)));
      const word = this.#take(/^(?:&|\\\\(?:\[[^\]]{0,20}\])?|\\end(?![a-zA-Z]))/);
      if (word === "\\end") break;
      if (word === null) throw new Broken();
      if (word !== "&") rows.push([]);
    }
    if (this.#raw() !== name) throw new Broken();
    const left = /^(?:cases)$/.test(name) ? "cases" : /^(?:align|split)/.test(name) ? "aligned" : "";
    const table = el("mtable", left ? { class: `math-${left}` } : null, rows.map((cells) => el("mtr", null, cells)));
    const [open, close] = MATRICES[name]!;
    return el("mrow", null, open && el("mo", null, open), table, close && el("mo", null, close));
  }
}

/** Null: not a formula that is known here. */
export function renderMath(source: string, display: boolean): VNode | null {
  if (source.length > LENGTH_MAX) return null;
  try {
    const inside = new Parser(source).whole();
    return el(
      "math",
      display ? { display: "block" } : null,
      el("semantics", null, el("mrow", null, inside), el("annotation", { encoding: "application/x-tex" }, source)),
    );
  } catch {
    return null;
  }
}
