/* A few lines to copy. */
import { CopyButton } from "../widgets/copy";

export function Snippet({ text }: { text: string }) {
  return (
    <div class="snippet">
      <pre tabIndex={0}>{text}</pre>
      <CopyButton text={() => text} quiet />
    </div>
  );
}
