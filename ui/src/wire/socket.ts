/* The best carrier: a WebSocket. */
import type { Carrier, CarrierEvents } from "./carrier";

export function openSocket(url: string, on: CarrierEvents, connect = (to: string) => new WebSocket(to)): Carrier {
  const socket = connect(url);
  const detach = () => {
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  };

  socket.binaryType = "arraybuffer";
  socket.onopen = () => on.onOpen();
  socket.onclose = () => on.onEnd();
  socket.onmessage = (e: MessageEvent) => {
    if (e.data instanceof ArrayBuffer) return on.onPacket(e.data);
    detach();
    on.onEnd("a text message");
  };
  return { send: (bytes) => socket.send(bytes), close: detach };
}
