// Puts the parts of one collection together: the store knows a collection by stream and time, so a
// second part of the same time would look like a resend of the first. Pure; the caller has the clock.

import type { Accepted, AcceptedCollection, SenderNumber } from '../model/accepted.ts'
import { joinParts } from './matrix.ts'
import { Refusal } from './refusal.ts'

/** A sender sends again after 10 s, so a lost part comes back within this. */
export const partsWaitMs = 15_000
/** Parts held; beyond, the collection that waits longest is given out as it is. */
export const partsHeldMax = 256
/** Collections given out incomplete that are remembered, so that a late part is not called stored. */
const incompleteRememberedMax = 1000

/** One collection to be written, and the messages that it came in. */
export interface Joined {
  collection: AcceptedCollection
  numbers: SenderNumber[]
  messages: number
  bytes: number
  complete: boolean
}

/** Parts that cannot be joined: all of them are refused with this. */
export interface Unjoinable {
  refusal: Refusal
  numbers: SenderNumber[]
  messages: number
}

export type PartOutcome = Joined | Unjoinable

export interface Assembler {
  /** Messages held. */
  readonly held: number
  /**
   * @returns what is now ready
   * @throws Refusal part: it fits none of the others, or its collection was written without it
   */
  add(accepted: Accepted & { part: [number, number] }, bytes: number, now: number): PartOutcome[]
  /** Collections that waited too long, as they are. */
  expired(now: number): PartOutcome[]
  /** Everything held, for the end. */
  drain(): PartOutcome[]
}

interface Assembly {
  since: number
  parts: (AcceptedCollection | undefined)[]
  /** Different parts that are here. */
  count: number
  messages: number
  numbers: SenderNumber[]
  bytes: number
}

export function createAssembler(): Assembler {
  const assemblies = new Map<string, Assembly>()
  const incomplete = new Set<string>()
  let held = 0

  const giveOut = (key: string, assembly: Assembly): PartOutcome => {
    assemblies.delete(key)
    held -= assembly.messages
    const complete = assembly.count === assembly.parts.length
    if (!complete) remember(key)
    const { numbers, messages, bytes } = assembly
    try {
      const collection = joinParts(assembly.parts.filter(part => part !== undefined))
      return { collection, numbers, messages, bytes, complete }
    } catch (refusal) {
      if (refusal instanceof Refusal) return { refusal, numbers, messages }
      throw refusal
    }
  }
  const remember = (key: string) => {
    incomplete.add(key)
    const [oldest] = incomplete
    if (incomplete.size > incompleteRememberedMax && oldest !== undefined) incomplete.delete(oldest)
  }

  return {
    get held() {
      return held
    },
    add({ collection, part: [i, n], number }, bytes, now) {
      const key = `${collection.deviceUid}/${collection.group}/${collection.at}`
      if (incomplete.has(key)) throw new Refusal('part', 'came after its collection was written')
      const assembly = assemblies.get(key) ?? {
        ...{ since: now, parts: new Array<undefined>(n).fill(undefined) },
        ...{ count: 0, messages: 0, numbers: [], bytes: 0 },
      }
      if (assembly.parts.length !== n) throw new Refusal('part', 'parts of different counts')
      assemblies.set(key, assembly)
      // The same part under another number is acknowledged with the rest, after the commit.
      assembly.messages++
      held++
      if (number) assembly.numbers.push(number)
      if (!assembly.parts[i - 1]) {
        assembly.parts[i - 1] = collection
        assembly.count++
        assembly.bytes += bytes
      }
      if (assembly.count === n) return [giveOut(key, assembly)]
      const [oldest] = assemblies
      return held > partsHeldMax && oldest ? [giveOut(...oldest)] : []
    },
    expired(now) {
      const old = [...assemblies].filter(([, { since }]) => now - since >= partsWaitMs)
      return old.map(([key, assembly]) => giveOut(key, assembly))
    },
    drain: () => [...assemblies].map(([key, assembly]) => giveOut(key, assembly)),
  }
}
