/* What gets through between this browser and Vitrine, and which hop breaks what does not. */
import { useEffect, useState } from "preact/hooks";
import { Icon } from "../widgets/icon";
import { Frame } from "./frame";
import { Snippet } from "./snippet";
import { probe, type Facts } from "./probe";
import { hops, judge, type Finding, type Here, type Tone } from "./verdict";

export function Connection() {
  const [facts, setFacts] = useState<Facts>({});
  const [round, setRound] = useState(0);
  useEffect(() => {
    let wanted = true;
    setFacts({});
    void probe((news) => wanted && setFacts((known) => ({ ...known, ...news })));
    return () => {
      wanted = false;
    };
  }, [round]);
  return <Findings facts={facts} here={readHere()} again={() => setRound(round + 1)} />;
}

function readHere(): Here {
  const [entry] = performance.getEntriesByType("navigation") as PerformanceNavigationTiming[];
  return { host: location.host, protocol: entry?.nextHopProtocol ?? "" };
}

interface FindingsProps {
  readonly facts: Facts;
  readonly here: Here;
  readonly again: () => void;
}

export function Findings({ facts, here, again }: FindingsProps) {
  const verdict = judge(facts, here);
  return (
    <Frame title="Connection" class="narrow">
      <header class="connection-head">
        <h1 class="platform-title">Connection</h1>
        <p class="faint">Every way between this browser and Vitrine, tried out just now.</p>
      </header>
      <section class={`panel verdict-panel ${verdict.tone}`} role="status" aria-live="polite">
        <Mark tone={verdict.tone} />
        <div>
          <h2>{verdict.title}</h2>
          <p>{verdict.words}</p>
        </div>
        {verdict.tone !== "busy" && (
          <button type="button" class="button secondary small" onClick={again}>
            Try again
          </button>
        )}
      </section>
      <ol class="hops" aria-label="The way, as far as it can be seen">
        {hops(facts, here).map((hop) => (
          <li key={hop}>{hop}</li>
        ))}
      </ol>
      <ul class="findings">
        {verdict.findings.map((finding) => (
          <Row key={finding.key} finding={finding} />
        ))}
      </ul>
    </Frame>
  );
}

const TONES: Readonly<Record<Tone, string>> = { busy: "Being tried", good: "Good", slow: "Could be better", bad: "Broken" };

function Mark({ tone }: { tone: Tone }) {
  return (
    <span class={`mark-tone ${tone}`} role="img" aria-label={TONES[tone]}>
      {tone === "busy" ? <span class="dot" /> : <Icon name={tone === "good" ? "check" : "alert"} />}
    </span>
  );
}

function Row({ finding }: { finding: Finding }) {
  return (
    <li class={`finding ${finding.tone}`}>
      <Mark tone={finding.tone} />
      <div class="finding-body">
        <h2>{finding.title}</h2>
        <p>{finding.words}</p>
        {finding.lines && (
          <>
            <p class="faint">In nginx, inside the location of Vitrine:</p>
            <Snippet text={finding.lines.join("\n")} />
          </>
        )}
      </div>
    </li>
  );
}
