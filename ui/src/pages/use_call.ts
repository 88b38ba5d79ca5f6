/* A call whose answer a page shows: loading, then the answer or why there is none. */
import { useEffect, useState } from "preact/hooks";

export type Loaded<T> =
  | { readonly state: "loading" }
  | { readonly state: "failed"; readonly error: Error }
  | { readonly state: "ready"; readonly value: T };

export function useCall<T>(make: () => Promise<T>, key: string): readonly [Loaded<T>, () => void] {
  const [loaded, setLoaded] = useState<Loaded<T>>({ state: "loading" });
  const [round, setRound] = useState(0);
  useEffect(() => {
    let wanted = true;
    make().then(
      (value) => wanted && setLoaded({ state: "ready", value }),
      (error: unknown) =>
        wanted && setLoaded({ state: "failed", error: error instanceof Error ? error : new Error(String(error)) }),
    );
    return () => {
      wanted = false;
    };
  }, [key, round]);
  return [loaded, () => setRound(round + 1)];
}
