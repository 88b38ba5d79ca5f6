/*
 * Widgets that a page loads when it shows one: their code is a file of its own, so that a page of
 * text boxes pays for no table and no player. Until it is there, its place is held.
 */
import { signal } from "@preact/signals";
import type { FunctionComponent } from "preact";
import type { WidgetProps } from "./space";

type Widget = FunctionComponent<WidgetProps>;

const all: (() => Promise<void>)[] = [];

/** Fetches every lazy widget there is: for those who show a page at one go. */
export async function loadAll(): Promise<void> {
  await Promise.all(all.map((load) => load()));
}

/** load: `() => import("./table").then((m) => m.Table)`. Fetched once, for every such widget. */
export function lazy(load: () => Promise<Widget>): Widget {
  const loaded = signal<Widget | null>(null);
  const failed = signal(false);
  let loading = false;
  const begin = () => {
    if (loading) return;
    loading = true;
    failed.value = false;
    void fetchIt().catch(() => {
      loading = false;
      failed.value = true;
    });
  };
  const fetchIt = async () => {
    loaded.value = await load();
  };
  all.push(fetchIt);
  return function Lazy(props) {
    const Now = loaded.value;
    if (Now) return <Now {...props} />;
    if (failed.value) {
      return (
        <p class="nothing" role="status">
          This part of the page could not be loaded.{" "}
          <button type="button" class="chip-button" onClick={begin}>
            Try again
          </button>
        </p>
      );
    }
    begin();
    return <div class="lazy-place" aria-busy="true" />;
  };
}
