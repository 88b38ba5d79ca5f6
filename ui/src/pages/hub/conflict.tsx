/* Somebody was faster: what they did to the same file, and whose text shall stay. */
import { Icon } from "../../widgets/icon";
import { known, Show } from "../frame";
import { useCall } from "../use_call";
import { compare } from "./compare";
import { DiffView } from "./diff_view";
import { fileBytes, textOf } from "./file_text";
import { commits, entryAt } from "./hub_api";
import { commitPath, viewPath, type Commit, type RepoId } from "./repo";

interface Props {
  readonly id: RepoId;
  readonly rev: string;
  readonly path: string;
  /** The commit that the editor was opened at. */
  readonly opened: string;
  readonly mine: () => string;
  readonly overwrite: (parent: string) => void;
}

interface Theirs {
  readonly latest: Commit;
  /** The file is as it was when the editor was opened: only others were changed. */
  readonly same: boolean;
  /** Null: it is gone, or no text. */
  readonly text: string | null;
}

async function load({ id, rev, path, opened }: Props): Promise<Theirs> {
  const latest = (await commits(id, rev, 1)).items[0];
  if (!latest) throw new Error("The branch is gone.");
  const [before, now] = await Promise.all([opened ? entryAt(id, opened, path) : null, entryAt(id, latest.id, path)]);
  return { latest, same: before?.oid === now?.oid, text: now ? textOf(await fileBytes(id, latest.id, path)) : null };
}

export function Conflict(props: Props) {
  const { id, rev, path, opened, mine, overwrite } = props;
  const [loaded, again] = useCall(() => known.then(() => load(props)), `${rev} ${path} ${opened}`);
  return (
    <section class="card interrupted conflict" role="alert">
      <Icon name="alert" />
      <div class="card-body">
        <p class="card-title">Somebody has changed {rev} since you opened this file</p>
        <Show loaded={loaded} again={again}>
          {({ latest, same, text }) => (
            <>
              <p>
                {latest.authors.join(", ")} committed “
                <a href={commitPath(id, latest.id)} target="_blank">
                  {latest.title}
                </a>
                ”. {same ? "This file is not among what changed, so yours can follow theirs." : "The same file is among what changed. From theirs to yours:"}
              </p>
              {!same && text !== null && <DiffView files={[compare(path, text, mine())]} />}
              {!same && text === null && <p>In theirs this file is gone.</p>}
              <div class="card-actions">
                <button type="button" class={same ? "button primary small" : "button stop small"} onClick={() => overwrite(latest.id)}>
                  {same ? "Commit on top of it" : "Commit mine in its place"}
                </button>
                {!same && (
                  <a class="button secondary small" href={viewPath(id, "edit", rev, path)}>
                    Start again from theirs
                  </a>
                )}
              </div>
            </>
          )}
        </Show>
      </div>
    </section>
  );
}
