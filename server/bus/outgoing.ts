// PUBLISH packets of QoS 1 as bytes (MQTT 3.1.1 and 5, section 3.3): encoded side by side into one
// buffer, so that what one turn of the event loop publishes is one allocation and one write.

import { lengthOf, type Pieces } from './payload.ts'

/** Packets share buffers of this size; a larger one gets its own. */
const bufferBytes = 256 * 1024
/** PUBLISH, QoS 1 (3.3.1). */
const PUBLISH_QOS_1 = 0x32
const RETAIN = 1
/** Packet type and remaining length, at most (2.1.4). */
const fixedHeaderBytesMax = 5
/** A string's length has two bytes (1.5.4). */
const topicBytesMax = 65_535

export interface Outgoing {
  /**
   * Takes a copy of the payload, which may come in pieces. Never waits.
   * @throws RangeError for a topic that no packet can hold
   */
  publish(topic: string, payload: Pieces, id: number, retain: boolean): void
  /** Writes what was published since, now rather than at the end of this turn. */
  flush(): void
}

export function createOutgoing(options: { version: 4 | 5; write(bytes: Buffer): void }): Outgoing {
  // MQTT 5 has properties (3.3.2.3): none, so one byte that says so.
  const propertyBytes = options.version === 5 ? 1 : 0
  let buffer = Buffer.alloc(0)
  let written = 0
  let end = 0
  let willFlush = false

  const flush = () => {
    if (end > written) options.write(buffer.subarray(written, end))
    written = end
  }

  const flushLater = () => {
    if (willFlush) return
    willFlush = true
    setImmediate(() => {
      willFlush = false
      flush()
    })
  }

  const reserve = (bytes: number) => {
    if (end + bytes <= buffer.length) return
    flush()
    buffer = Buffer.allocUnsafeSlow(Math.max(bufferBytes, bytes))
    written = 0
    end = 0
  }

  return {
    publish(topic, payload, id, retain) {
      const topicBytes = Buffer.byteLength(topic)
      if (topicBytes > topicBytesMax) throw new RangeError('the topic is too long')
      const remaining = 2 + topicBytes + 2 + propertyBytes + lengthOf(payload)
      reserve(fixedHeaderBytesMax + remaining)
      buffer[end++] = PUBLISH_QOS_1 | (retain ? RETAIN : 0)
      end = writeLength(buffer, remaining, end)
      end = buffer.writeUInt16BE(topicBytes, end)
      end += buffer.write(topic, end)
      end = buffer.writeUInt16BE(id, end)
      if (propertyBytes > 0) buffer[end++] = 0
      for (const piece of payload) {
        buffer.set(piece, end)
        end += piece.length
      }
      flushLater()
    },
    flush,
  }
}

/** A variable byte integer (1.5.5). */
function writeLength(buffer: Buffer, length: number, at: number): number {
  let rest = length
  let next = at
  while (rest > 127) {
    buffer[next++] = (rest & 127) | 128
    rest >>>= 7
  }
  buffer[next++] = rest
  return next
}
