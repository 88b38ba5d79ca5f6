/* What is in a safetensors file: its header alone is read, however large the file is. */
import { send } from "../api";
import { Show } from "../frame";
import { useCall } from "../use_call";
import { countWords } from "../words";
import { Weights } from "./card";
import { readHeader, sizeOf, summary, type Tensor } from "./tensor_header";

const HEADER_MAX = 8 << 20;
const SHOWN = 2000;

async function load(url: string): Promise<readonly Tensor[]> {
  const bytes = async (from: number, to: number) => (await send(url, { accept: "*/*", range: `bytes=${from}-${to}` })).arrayBuffer();
  const length = new DataView((await bytes(0, 7)).slice(0, 8)).getBigUint64(0, true);
  if (length > HEADER_MAX) throw new Error("The header of this file is too long to be shown.");
  const text = new TextDecoder().decode((await bytes(8, 7 + Number(length))).slice(0, Number(length)));
  return readHeader(JSON.parse(text));
}

export function TensorTable({ url }: { url: string }) {
  const [loaded, again] = useCall(() => load(url), url);
  return (
    <Show loaded={loaded} again={again}>
      {(tensors) => (
        <>
          <div class="panel">
            <Weights tensors={summary(tensors)} />
          </div>
          <div class="table-scroll tensors" tabIndex={0} role="region" aria-label="Tensors">
            <table>
              <thead>
                <tr>
                  <th>Tensor</th>
                  <th>Shape</th>
                  <th>Type</th>
                  <th class="align-right">Parameters</th>
                </tr>
              </thead>
              <tbody>
                {tensors.slice(0, SHOWN).map((t) => (
                  <tr key={t.name}>
                    <td>
                      <code>{t.name}</code>
                    </td>
                    <td>
                      <code>[{t.shape.join(", ")}]</code>
                    </td>
                    <td>{t.type}</td>
                    <td class="align-right">{countWords(sizeOf(t))}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
          {tensors.length > SHOWN && <p class="faint">and {tensors.length - SHOWN} more</p>}
        </>
      )}
    </Show>
  );
}
