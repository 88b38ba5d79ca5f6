/*
 * Widgets that a page loads when it shows one: their code is a file of its own, so that a page of
 * text boxes pays for no table and no player. Until it is there, its place is held.
 */
import { signal } from "@preact/signals";
import type { FunctionComponent } from "preact";
import type { WidgetProps } from "./space";

type Widget = FunctionComponent<WidgetProps>;

/** A widget whose code may still be away; `ready` fetches it, and resolves also where that fails. */
export type LazyWidget = Widget & { readonly ready: () => Promise<void> };

const all: (() => Promise<void>)[] = [];

/** Fetches every lazy widget there is: for those who show a page at one go. */
export async function loadAll(): Promise<void> {
  await Promise.all(all.map((begin) => begin()));
}

/**
 * load: `() => import("./table").then((m) => m.Table)`. Fetched once, for every such widget.
 * quiet: an ornament, whose place is not held and whose absence is not told.
 */
export function lazy(load: () => Promise<Widget>, quiet = false): LazyWidget {
  const loaded = signal<Widget | null>(null);
  const failed = signal(false);
  let loading: Promise<void> | null = null;
  const begin = () =>
    (loading ??= load().then(
      (widget) => {
        loaded.value = widget;
      },
      () => {
        loading = null;
        failed.value = true;
      },
    ));
  const again = () => {
    failed.value = false;
    void begin();
  };
  function Lazy(props: WidgetProps) {
    const Now = loaded.value;
    if (Now) return <Now {...props} />;
    if (failed.value && quiet) return null;
    if (failed.value) {
      return (
        <p class="nothing" role="status">
          This part of the page could not be loaded.{" "}
          <button type="button" class="chip-button" onClick={again}>
            Try again
          </button>
        </p>
      );
    }
    void begin();
    return quiet ? null : <div class="lazy-place" aria-busy="true" />;
  }
  all.push(begin);
  return Object.assign(Lazy, { ready: begin });
}
