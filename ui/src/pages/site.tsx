/* A static Space: its own pages, in a frame that has no origin. */
import { useState } from "preact/hooks";
import { Frame } from "./frame";

interface SiteProps {
  readonly owner: string;
  readonly name: string;
  readonly base: string;
  readonly title: string;
  readonly entry: string;
  readonly embedded: boolean;
}

export function SitePage({ owner, name, base, title, entry, embedded }: SiteProps) {
  const [loaded, setLoaded] = useState(false);
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
          <a href={base} aria-current="page">
            {name}
          </a>
          <a class="site-files" href={`${base}/tree/main`}>
            Files
          </a>
        </>
      }
    >
      {frame}
    </Frame>
  );
}
