/*
 * Markdown as elements. The renderer is a file of its own that a page without Markdown never
 * loads; until it is there, the source stands in its place.
 */
import { signal } from "@preact/signals";
import type { VNode } from "preact";
import { memo } from "./memo";

type Render = (text: string, breaks?: boolean) => VNode;

const render = signal<Render | null>(null);
let loading: Promise<void> | null = null;

export function loadProse(): Promise<void> {
  loading ??= import("./prose_render").then(
    (module) => {
      render.value = module.renderProse;
    },
    () => {
      loading = null; // offline just now; the next text tries again
    },
  );
  return loading;
}

export const Prose = memo(function Prose({ text, breaks }: { text: string; breaks?: boolean }) {
  const now = render.value;
  if (text === "") return null;
  if (!now) {
    void loadProse();
    return <div class="prose source">{text}</div>;
  }
  return <div class="prose">{now(text, breaks)}</div>;
});
