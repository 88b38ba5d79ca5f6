/*
 * Markdown as elements. The renderer is a file of its own that a page without Markdown never
 * loads; until it is there, the source stands in its place.
 */
import { signal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { memo } from "./memo";
import type { Addresses, Growing } from "./prose_render";

type Renderer = Pick<typeof import("./prose_render"), "renderProse" | "renderGrowing">;

const render = signal<Renderer | null>(null);
let loading: Promise<void> | null = null;

export function loadProse(): Promise<void> {
  loading ??= import("./prose_render").then(
    (module) => {
      render.value = module;
    },
    () => {
      loading = null; // offline just now; the next text tries again
    },
  );
  return loading;
}

interface ProseProps {
  readonly text: string;
  readonly breaks?: boolean;
  /** More of the text is to come, so what has come is not read again each time. */
  readonly grows?: boolean;
  readonly addresses?: Addresses;
}

export const Prose = memo(function Prose({ text, breaks, grows, addresses }: ProseProps) {
  const now = render.value;
  const grown = useRef<Growing>({ text: "", shown: [] });
  if (text === "") return null;
  if (!now) {
    void loadProse();
    return <div class="prose source">{text}</div>;
  }
  return <div class="prose">{grows ? now.renderGrowing(grown.current, text, breaks) : now.renderProse(text, breaks, addresses)}</div>;
});
