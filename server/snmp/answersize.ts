// How large an answer one read of a table may ask for: as much as the agent is known to send and the way
// to carry. What is learned stays in the session's limits; a smaller size that failed as well does not.

import type { ColumnSet } from './columnset.ts'
import { type Limits, messageBytesMin, messageBytesUsual, restrict } from './limits.ts'
import type { Security } from './security.ts'

/** Octets of a response PDU around its variable bindings. */
const pduBytes = 24
/** Octets of a variable binding beside its column's name, before one was seen. */
const valueBytesFirst = 14
/** An agent that sends a larger answer than ever is not waited for in vain: one try. */
const provenShare = 1.25

/** The size that was asked for before a smaller one was tried. */
interface SizeBefore {
  bytes: number
  limits: Pick<Limits, 'messageBytes' | 'messageBytesMax' | 'messageBytesAt'>
}

export interface AnswerSizeOptions {
  limits: Limits
  /** Octets of answer that a row takes; 0: not known. */
  memory: { rowBytes: number }
  set: ColumnSet
  security: Pick<Security, 'overhead'>
}

export class AnswerSize {
  readonly #limits: Limits
  readonly #memory: { rowBytes: number }
  readonly #set: ColumnSet
  readonly #security: AnswerSizeOptions['security']
  /** It stands if the smaller one failed too. */
  #before: SizeBefore | null = null

  constructor({ limits, memory, set, security }: AnswerSizeOptions) {
    this.#limits = limits
    this.#memory = memory
    this.#set = set
    this.#security = security
  }

  /** A smaller one is tried, and nothing came of it yet. */
  get isSmaller(): boolean {
    return this.#before !== null
  }

  rowsFitting(): number {
    return Math.floor((this.#limits.messageBytes - this.#aroundBytes()) / this.#rowBytes())
  }

  /** Octets of an answer of so many rows, about. */
  bytesOf(rows: number): number {
    return Math.min(this.#limits.messageBytes, this.#aroundBytes() + rows * this.#rowBytes())
  }

  /** The agent has sent nearly as much before. */
  isProven(bytes: number): boolean {
    return bytes <= Math.max(messageBytesUsual, this.#limits.messageBytesProven * provenShare)
  }

  /** An answer with rows came. */
  came(bytes: number, rowBytes: number): void {
    const limits = this.#limits
    // The largest rows of late: an answer that is cut inside a row sends it in vain.
    this.#memory.rowBytes = Math.max(rowBytes, this.#memory.rowBytes * 0.98)
    limits.messageBytesProven = Math.max(limits.messageBytesProven, bytes)
    if (this.#before !== null) this.#smallerCame(this.#before)
    else if (bytes > limits.messageBytesLost / 2) limits.messageBytesLost = 0
  }

  /** It had fewer rows than were asked for, and more follow. */
  wasCut(rows: number): void {
    const fits = this.#aroundBytes() + (rows + 1) * this.#memory.rowBytes - 1
    // Every agent can send the least: one that stops before it counts rows, not octets.
    if (fits >= messageBytesMin && fits <= this.#limits.messageBytes) restrict(this.#limits, fits)
  }

  /** An answer of this size was lost. */
  shrink(bytes: number): void {
    const { messageBytes, messageBytesMax, messageBytesAt } = this.#limits
    this.#before = { bytes, limits: { messageBytes, messageBytesMax, messageBytesAt } }
    restrict(this.#limits, this.#smallerBytes(bytes))
  }

  /** The agent said that it is too big. False: it is not the size, which every agent can send. */
  halve(): boolean {
    const { messageBytes } = this.#limits
    if (messageBytes <= messageBytesUsual) return false
    this.#before = null
    restrict(this.#limits, messageBytes / 2)
    return true
  }

  /** As before a smaller one was tried, where nothing came of that. */
  restore(): void {
    if (this.#before !== null) Object.assign(this.#limits, this.#before.limits)
    this.#before = null
  }

  /** Of an answer, beside its rows; SNMPv3 adds the names of the engine and of the user. */
  #aroundBytes(): number {
    return this.#security.overhead + pduBytes
  }

  #rowBytes(): number {
    const { rowBytes } = this.#memory
    return rowBytes > 0
      ? rowBytes
      : this.#set.prefixes.reduce((sum, { length }) => sum + length + valueBytesFirst, 0)
  }

  /** One large answer lost is chance; where the next one is lost too, smaller ones are asked for. */
  #smallerCame(before: SizeBefore): void {
    const limits = this.#limits
    this.#before = null
    if (limits.messageBytesLost > 0) limits.messageBytesLost = 0
    else {
      Object.assign(limits, before.limits)
      limits.messageBytesLost = before.bytes
    }
  }

  /** What is tried where so much was lost: what came before, else what needs no fragments, else less. */
  #smallerBytes(bytes: number): number {
    const { messageBytes } = this.#limits
    if (!this.isProven(bytes)) return messageBytes / 2
    return messageBytes > messageBytesUsual ? messageBytesUsual : messageBytes / 4
  }
}
