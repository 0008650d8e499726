// The plug between the exchange of messages and what protects them: a community (community.ts) or the
// User-based Security Model of SNMPv3. One Security serves one device and keeps what is known of its
// engine. The exchange knows slots, sources and time; a Security knows nothing of those.

import type { AppError } from '../model/errors.ts'

/** Why a message is dropped; the request goes on waiting. */
export type Refusal =
  /** No message of this version, or broken. */
  | 'malformed'
  /** Another community, user, engine or a lower security level; a wrong digest. */
  | 'weak'
  /** A replay, or out of the time window. */
  | 'stale'

/** What a message that came for an outstanding request is. */
export type Verdict =
  /**
   * A PDU that can be believed, decrypted: the octets from its tag to its end. It may lie in the
   * datagram, so it is valid during the call only. That it is a Response and its request-id the one
   * asked for, the exchange checks.
   */
  | { kind: 'pdu'; bytes: Uint8Array; at: number; end: number }
  | { kind: 'refused'; why: Refusal }
  /**
   * A report that was learned from (engine, time): encode the same request again and send it at once.
   * The exchange grants this `resendsMax` times for each try, whatever a Security says.
   */
  | { kind: 'resend' }
  /** The agent said no in a way that no try can mend: the request ends with this error. */
  | { kind: 'failed'; error: AppError }

export interface Security {
  /** Version field of its messages: 0 is v1, 1 is v2c, 3 is v3. */
  readonly version: 0 | 1 | 3
  /** Octets that a message has around its PDU, about: so that answers of a wanted size are asked for. */
  readonly overhead: number
  /**
   * The message for a PDU (all octets from its tag on), which carries `id` as its request-id already;
   * v3 uses `id` as msgID too. Called for each send, also of a try again: the time in it is that of
   * now. While an engine must be discovered first, this is the discovery's message instead. The
   * result is new, the caller owns it; `pdu` is copied, the caller changes it afterwards.
   */
  encode(pdu: Uint8Array, id: number): Uint8Array
  /**
   * Judges a message that carries the id (of an outstanding request to this device, sent from the
   * device's address and port). Never throws, whatever the octets are. May return the same object
   * each time.
   */
  decode(message: Uint8Array, id: number): Verdict
  /**
   * Tells that no answer came within all tries, whatever was sent.
   * @returns the error where it knows why: better than a timeout
   */
  silence?(): AppError | null
}
