// What is published: text, bytes, or bytes in several pieces that nobody had to put together.

export type Pieces = readonly Uint8Array[]
/** Not to be changed until the publish has resolved. */
export type Payload = string | Uint8Array | Pieces

export function piecesOf(payload: Payload): Pieces {
  if (typeof payload === 'string') return [Buffer.from(payload)]
  return payload instanceof Uint8Array ? [payload] : payload
}

export function lengthOf(pieces: Pieces): number {
  let length = 0
  for (const piece of pieces) length += piece.length
  return length
}
