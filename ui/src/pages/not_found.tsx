/* An address that leads nowhere. */
import { Frame } from "./frame";

export function NotFound() {
  return (
    <Frame title="Not found" class="narrow">
      <div class="empty lost">
        <p class="lost-number" aria-hidden="true">
          404
        </p>
        <h1 class="empty-title">There is nothing at this address</h1>
        <p>It may have been renamed or deleted, or it is private and you are not signed in.</p>
        <a class="button secondary" href="/">
          To the start
        </a>
      </div>
    </Frame>
  );
}
