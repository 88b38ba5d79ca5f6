/*
 * <vitrine-space src="https://host/spaces/owner/name">: a Space inside any page, in a frame as tall
 * as what it shows. Attributes: src, theme (light, dark; else as the system), height (CSS pixels;
 * else by itself), min-height, loading (eager; else when it comes near), title, allow.
 *
 * Nothing of the page around it is readable for the Space, and nothing is stored on this page.
 */
import { frameAddress, isTheme, readHeight, type Theme, type ThemeMessage } from "./rules";

const STYLE = `
:host { display: block; contain: layout style; }
:host([hidden]) { display: none; }
iframe { display: block; width: 100%; border: 0; border-radius: inherit; color-scheme: normal; background: none; }
p { margin: 0; padding: 1em; font: inherit; }
`;
const HEIGHT = 320; // before it is known

class VitrineSpace extends HTMLElement {
  static readonly observedAttributes = ["src", "theme", "height", "min-height", "title", "allow"];
  readonly #frame = document.createElement("iframe");
  #origin = "";
  #known = 0; // what the frame said

  constructor() {
    super();
    const style = document.createElement("style");
    style.textContent = STYLE;
    this.attachShadow({ mode: "open" }).append(style, document.createElement("slot"));
  }

  connectedCallback(): void {
    addEventListener("message", this.#onMessage);
    this.#load();
  }

  disconnectedCallback(): void {
    removeEventListener("message", this.#onMessage);
    this.#frame.remove();
    this.#origin = "";
  }

  attributeChangedCallback(name: string, before: string | null, now: string | null): void {
    if (!this.isConnected || before === now) return;
    if (name === "src") this.#load();
    else if (name === "theme") this.#say({ vitrine: "theme", theme: this.#theme });
    this.#dress();
  }

  get #theme(): Theme {
    const theme = this.getAttribute("theme");
    return isTheme(theme) ? theme : "auto";
  }

  #load(): void {
    const src = this.getAttribute("src");
    const url = src === null ? null : frameAddress(src, document.baseURI, this.#theme);
    this.#known = 0;
    if (!url) {
      this.#frame.remove();
      if (src !== null) console.warn(`vitrine-space: src is not the address of a Space: ${src}`);
      return;
    }
    this.#origin = url.origin;
    this.#frame.loading = this.getAttribute("loading") === "eager" ? "eager" : "lazy";
    this.#frame.src = url.href;
    this.#dress();
    // What stands between the tags is for browsers that do not know the element.
    this.shadowRoot?.querySelector("slot")?.remove();
    if (!this.#frame.isConnected) this.shadowRoot?.append(this.#frame);
  }

  #dress(): void {
    const fixed = Number(this.getAttribute("height"));
    const least = Number(this.getAttribute("min-height"));
    const height = fixed > 0 ? fixed : Math.max(this.#known || HEIGHT, least > 0 ? least : 0);
    this.#frame.style.height = `${height}px`;
    this.#frame.title = this.getAttribute("title") || "Space";
    this.#frame.allow = this.getAttribute("allow") ?? "clipboard-write; fullscreen";
  }

  #say(message: ThemeMessage): void {
    if (this.#origin) this.#frame.contentWindow?.postMessage(message, this.#origin);
  }

  readonly #onMessage = (event: MessageEvent): void => {
    if (event.source !== this.#frame.contentWindow || event.origin !== this.#origin) return;
    const height = readHeight(event.data);
    if (height === null || height === this.#known) return;
    this.#known = height;
    this.#dress();
  };
}

if (!customElements.get("vitrine-space")) customElements.define("vitrine-space", VitrineSpace);
