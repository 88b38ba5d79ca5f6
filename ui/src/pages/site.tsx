/* A static Space: its own pages, in a frame that has no origin. */
import { computed } from "@preact/signals";
import { useMemo, useState } from "preact/hooks";
import { Frame, namesOf, person } from "./frame";
import { PreviewBar } from "./preview_bar";
import type { Preview } from "./space";

interface SiteProps {
  readonly owner: string;
  readonly name: string;
  readonly base: string;
  readonly title: string;
  readonly entry: string;
  readonly preview: Preview | undefined;
  readonly embedded: boolean;
}

export function SitePage({ owner, name, base, title, entry, preview, embedded }: SiteProps) {
  const [loaded, setLoaded] = useState(false);
  const owned = useMemo(() => computed(() => person.value?.admin === true || (person.value ? namesOf(person.value).includes(owner) : false)), [owner]);
  const home = preview ? `/spaces/${owner}/${preview.of}` : base;
  const frame = (
    <iframe
      class={loaded ? "site" : "site waiting"}
      title={title}
      src={`${base}/-/site/${entry.split("/").map(encodeURIComponent).join("/")}`}
      sandbox="allow-scripts allow-forms allow-popups allow-modals allow-downloads"
      onLoad={() => setLoaded(true)}
    />
  );
  if (embedded) return frame;
  return (
    <Frame
      title={title}
      class="site-page"
      where={
        <>
          <a class="where-owner" href={`/${owner}`}>
            {owner}
          </a>
          <span class="where-slash" aria-hidden="true">
            /
          </span>
          <a href={home} {...(preview ? {} : { "aria-current": "page" as const })}>
            {preview ? preview.of : name}
          </a>
          <a class="site-files" href={`${home}/tree/${preview ? encodeURIComponent(preview.branch) : "main"}`}>
            Files
          </a>
        </>
      }
    >
      {preview && <PreviewBar owner={owner} platform="" preview={preview} owned={owned} />}
      {frame}
    </Frame>
  );
}
