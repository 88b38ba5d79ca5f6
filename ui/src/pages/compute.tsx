/* What somebody's models have used and may still use: tier, window, credits. */
import { computeWords } from "../widgets/price_words";
import { call, type Budget, type Usage } from "./api";
import { Show } from "./frame";
import { useCall } from "./use_call";

export function Compute() {
  const [loaded, again] = useCall(() => call<Usage>("GET", "/api/usage"), "usage");
  return (
    <section class="panel" aria-labelledby="compute">
      <h2 id="compute">Compute</h2>
      <p class="faint">
        Seconds that models work for you, as measured. What you use counts for 24 hours and then comes back.
      </p>
      <Show loaded={loaded} again={again}>
        {(usage) => (
          <ul class="rows">
            {usage.budgets.map((budget) => (
              <BudgetRow key={budget.account} budget={budget} />
            ))}
          </ul>
        )}
      </Show>
    </section>
  );
}

/** What it is for, by the account's kind. */
const KINDS: Readonly<Record<string, string>> = { user: "What you click", owner: "What your Spaces do by themselves" };

const ms = (seconds: number) => seconds * 1000;

function BudgetRow({ budget }: { budget: Budget }) {
  const used = Math.min(budget.secondsUsed, budget.secondsPerDay);
  return (
    <li class="row-item">
      <div class="row-words">
        <b>{KINDS[budget.account.split(":")[0] ?? ""] ?? budget.account}</b> <span class="badge calm">{budget.tier.name}</span>
        <p>
          {computeWords(ms(budget.secondsLeft))} left{budget.secondsLeft > budget.secondsPerDay ? " with credits" : ""}
          <span class="faint"> · {computeWords(ms(budget.secondsPerDay))} in 24 hours</span>
        </p>
        {budget.secondsPerDay > 0 && (
          <meter class="budget" min={0} max={budget.secondsPerDay} value={used} aria-label="Used in the last 24 hours" />
        )}
        {(budget.refusal ?? budget.returns) && <p class="faint">{sentence(budget.refusal ?? budget.returns ?? "")}</p>}
        {budget.credits.map((credit) => (
          <p class="faint" key={credit.time}>
            Credit of {computeWords(ms(credit.seconds))}, {computeWords(ms(credit.seconds - credit.usedSeconds))} left
            {credit.expires ? `, until ${credit.expires.slice(0, 10)}` : ""}: {credit.reason} ({credit.by})
          </p>
        ))}
      </div>
    </li>
  );
}

const sentence = (words: string) => words.charAt(0).toUpperCase() + words.slice(1) + (words.endsWith(".") ? "" : ".");
