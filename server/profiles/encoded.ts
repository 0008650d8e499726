// A collection as it is sent: JSON octets. Whoever asks for what is in it has it read once.

import type { GoodCollection } from '../model/collection.ts'

/** A collection without what the sender adds. */
export type CollectionBody = Omit<GoodCollection, 'v' | 'src' | 'boot' | 'seq'>

export class EncodedCollection {
  readonly ok = true
  /** Its buffer may hold others too: it is copied where it is to be transferred. */
  readonly json: Uint8Array<ArrayBuffer>
  private content: CollectionBody | null = null

  constructor(json: Uint8Array<ArrayBuffer>) {
    this.json = json
  }

  get at(): number {
    return this.read().at
  }

  get rows(): CollectionBody['rows'] {
    return this.read().rows
  }

  get metrics(): CollectionBody['metrics'] {
    return this.read().metrics
  }

  get gaps(): CollectionBody['gaps'] {
    return this.read().gaps
  }

  /** All of it. */
  read(): CollectionBody {
    this.content ??= parsed(this.json)
    return this.content
  }
}

/** What we wrote ourselves needs no check. */
function parsed(json: Uint8Array): CollectionBody {
  return JSON.parse(Buffer.from(json.buffer, json.byteOffset, json.length).toString())
}
