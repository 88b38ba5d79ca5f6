/* Several pages of one app, each with an address: links above, and the one that the address names. */
import { propsOf, type Cell } from "../state/tree";
import { Nodes } from "./node";
import { useSpace, type WidgetProps } from "./space";

const nameOf = (page: Cell) => propsOf(page, "subpage").name ?? "";

export function Pages({ cell }: WidgetProps) {
  const { base, session } = useSpace();
  const props = propsOf(cell, "pages");
  const { page, query } = session.place.value;
  const shown = cell.children.filter((c) => propsOf(c, "subpage").visible !== false);
  const open = shown.find((c) => nameOf(c) === page);
  const follow = (e: MouseEvent, name: string) => {
    // Another tab or window is the browser's business.
    if (e.button !== 0 || e.ctrlKey || e.metaKey || e.shiftKey || e.altKey) return;
    e.preventDefault();
    if (name !== page || Object.keys(query).length > 0) session.go({ page: name, query: {} });
  };
  return (
    <>
      <nav class="page-links" aria-label={props.label ?? "Pages"}>
        {shown.map((c) => (
          <a
            key={c.key}
            class="page-link"
            href={nameOf(c) ? `${base}/p/${encodeURIComponent(nameOf(c))}` : base}
            aria-current={c === open ? "page" : undefined}
            onClick={(e) => follow(e, nameOf(c))}
          >
            {propsOf(c, "subpage").label}
          </a>
        ))}
      </nav>
      {open ? (
        <div class="column gap-medium" key={open.key}>
          <Nodes cells={open.children} />
        </div>
      ) : (
        <p class="nothing">There is no such page.</p>
      )}
    </>
  );
}
