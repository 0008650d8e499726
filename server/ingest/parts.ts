// Puts the parts of one collection together, so that live and the consumers see whole columns, and a
// part is not taken for a resend of the part before. Pure; the caller has the clock.

import type { Accepted, AcceptedCollection, SenderNumber } from '../model/accepted.ts'
import { joinParts } from './matrix.ts'
import { Refusal } from './refusal.ts'

/** A sender sends again after 10 s, so a lost part comes back within this. */
export const partsWaitMs = 15_000
/** Parts held; beyond, the collection that waits longest is given out as it is. */
export const partsHeldMax = 256

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
   * @throws Refusal part: the others say that there are more or fewer parts
   */
  add(accepted: Accepted & { part: [number, number] }, bytes: number, now: number): PartOutcome[]
  /** Collections that waited too long, as they are: the store adds what comes later. */
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
  let held = 0

  const giveOut = (key: string, assembly: Assembly): PartOutcome => {
    assemblies.delete(key)
    held -= assembly.messages
    const complete = assembly.count === assembly.parts.length
    const { numbers, messages, bytes } = assembly
    try {
      const collection = joinParts(assembly.parts.filter(part => part !== undefined))
      return { collection, numbers, messages, bytes, complete }
    } catch (refusal) {
      if (refusal instanceof Refusal) return { refusal, numbers, messages }
      throw refusal
    }
  }

  return {
    get held() {
      return held
    },
    add({ collection, part: [i, n], number }, bytes, now) {
      const key = `${collection.deviceUid}/${collection.group}/${collection.at}`
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
