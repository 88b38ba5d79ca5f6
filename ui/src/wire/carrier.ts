/*
 * What carries frames between a page and the gateway, one attempt at a time. There are three kinds,
 * best first: a WebSocket, an event stream with POSTs, and polls with POSTs.
 */

export const KINDS = ["socket", "events", "poll"] as const;
export type Kind = (typeof KINDS)[number];

export interface CarrierEvents {
  /** At most once: frames can be sent from now on. */
  onOpen(): void;
  /** Whole frames. */
  onPacket(packet: ArrayBuffer): void;
  /** At most once, and the last call; `detail`: why, where that is no everyday loss. */
  onEnd(detail?: string): void;
}

export interface Carrier {
  /** Whole frames, after onOpen; they arrive in order, once, or the carrier ends. */
  send(bytes: Uint8Array<ArrayBuffer>): void;
  /** Nothing is called back afterwards. */
  close(): void;
}

export type OpenCarrier = (on: CarrierEvents) => Carrier;
