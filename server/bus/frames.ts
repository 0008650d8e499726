// Watches the bytes of an MQTT connection for packets that claim to be larger than allowed, before
// anybody buffers them. It reads fixed headers alone (MQTT 3.1.1, 2.2) and never decodes a packet.

/** Bytes that the "remaining length" field may take (MQTT 3.1.1, 2.2.3). */
const lengthBytesMax = 4

export interface FrameGuard {
  /** The largest packet, header included, that passes; may be raised after authentication. */
  bytesMax: number
  /** Packets that began so far. */
  readonly packets: number
  /** True while all packets so far were small enough; once false, cut the connection. */
  push(chunk: Uint8Array): boolean
}

/** A guard for one direction of one connection. */
export function createFrameGuard(bytesMax: number): FrameGuard {
  let body = 0
  let lengthBytes = 0
  let length = 0
  let inHeader = false
  let broken = false
  let packets = 0

  /** Takes one byte of the length field; false when the field or the packet is too large. */
  function takeLength(byte: number, limit: number): boolean {
    length += (byte & 0x7f) * 128 ** lengthBytes
    lengthBytes++
    if (byte & 0x80) return lengthBytes < lengthBytesMax
    inHeader = false
    body = length
    return 1 + lengthBytes + length <= limit
  }

  return {
    bytesMax,
    get packets() {
      return packets
    },
    push(chunk) {
      let at = 0
      while (!broken && at < chunk.length) {
        if (body > 0) {
          const skipped = Math.min(body, chunk.length - at)
          body -= skipped
          at += skipped
        } else if (!inHeader) {
          inHeader = true
          packets++
          lengthBytes = 0
          length = 0
          at++
        } else if (!takeLength(chunk[at++] ?? 0, this.bytesMax)) {
          broken = true
        }
      }
      return !broken
    },
  }
}
