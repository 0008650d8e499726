// In the poll thread: what a read gave, as JSON bytes ready to be transferred and published. Large
// collections are cut into parts here, so that the main thread never touches their contents.

import { splitCollection } from '../bus/split.ts'
import type { Told } from '../collectors/collector.ts'
import { COLLECTION_BYTES_MAX } from '../model/collection.ts'
import { EncodedCollection } from '../profiles/encoded.ts'
import type { EncodedBody } from './protocol.ts'

const encoder = new TextEncoder()

const bytesOf = (body: unknown) => encoder.encode(JSON.stringify(body))

/** Row names are not split: the topic is retained, so a part would overwrite the part before. */
export function encodeCollected({ collections = [], rows = [], events = [] }: Told): EncodedBody[] {
  const bodies: EncodedBody[] = []
  for (const { group, body } of rows) {
    const channel = body.inventory ? 'inventory' : 'rows'
    bodies.push({ channel, group, body: bytesOf(body) })
  }
  for (const { group, body } of collections) {
    const isEncoded = body instanceof EncodedCollection
    const bytes = isEncoded ? body.json : bytesOf(body)
    if (bytes.length <= COLLECTION_BYTES_MAX || !body.ok) {
      bodies.push({ channel: 'samples', group, body: bytes })
      continue
    }
    for (const part of splitCollection(isEncoded ? body.read() : body)) {
      bodies.push({ channel: 'samples', group, body: bytesOf(part) })
    }
  }
  for (const event of events) bodies.push({ channel: 'events', group: '', body: bytesOf(event) })
  return bodies
}
