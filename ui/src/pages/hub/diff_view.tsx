/* A diff as people read it: per file, with line numbers, what went and what came. */
import { Icon } from "../../widgets/icon";
import { bytesWords } from "../words";
import type { DiffFile, DiffLine } from "./diff";
import "./hub_style";

const LINES_OPEN = 400;

export function DiffView({ files, link }: { files: readonly DiffFile[]; link?: (path: string) => string }) {
  return (
    <>
      {files.map((file) => (
        <FileDiff key={file.path} file={file} {...(link ? { link } : {})} />
      ))}
    </>
  );
}

function FileDiff({ file, link }: { file: DiffFile; link?: (path: string) => string }) {
  const lines = file.hunks.reduce((n, h) => n + h.lines.length, 0);
  return (
    <div class="diff">
      {link && file.state !== "removed" && (
        <a class="diff-open" href={link(file.path)} aria-label={`Open ${file.path}`}>
          <Icon name="file" />
        </a>
      )}
      <details open={lines <= LINES_OPEN}>
        <summary>
          <Icon name="chevron" />
          <span class="diff-path">
            {file.state === "renamed" && <>{file.before} → </>}
            {file.path}
          </span>
          {file.state !== "changed" && <span class="badge calm">{file.state}</span>}
          {!file.large && !file.binary && (
            <span class="diff-counts">
              <span class="plus">+{file.added}</span> <span class="minus">−{file.removed}</span>
            </span>
          )}
        </summary>
        {file.large ? (
          <p class="diff-note">
            A large file: {file.large.before === null ? "none" : bytesWords(file.large.before)} before, {file.large.after === null ? "none" : bytesWords(file.large.after)} after.
          </p>
        ) : file.binary ? (
          <p class="diff-note">No text; its bytes differ.</p>
        ) : lines === 0 ? (
          <p class="diff-note">No line of it differs.</p>
        ) : (
          <div class="diff-scroll" tabIndex={0} role="region" aria-label={`Changes of ${file.path}`}>
            <table>
              <tbody>
                {file.hunks.map((hunk) => (
                  <>
                    <tr class="diff-hunk">
                      <td colSpan={3}>{hunk.head}</td>
                    </tr>
                    {hunk.lines.map((line) => (
                      <Line line={line} />
                    ))}
                  </>
                ))}
              </tbody>
            </table>
          </div>
        )}
      </details>
    </div>
  );
}

const MARKS = { same: " ", added: "+", removed: "−" } as const;

function Line({ line }: { line: DiffLine }) {
  return (
    <tr class={`diff-${line.kind}`}>
      <td class="diff-number">{line.old ?? ""}</td>
      <td class="diff-number">{line.new ?? ""}</td>
      <td class="diff-text">
        <span class="diff-mark">{MARKS[line.kind]}</span>
        {line.text}
      </td>
    </tr>
  );
}
