// The line to one SNMP device: its address, its session and what that learned, and what is known of an
// outage. What is asked over it is the reader's business.

import type { AddressPolicy } from '../addresses.ts'
import type { SnmpTuning } from '../model/device.ts'
import { AppError } from '../model/errors.ts'
import type { Plan } from '../profiles/face.ts'
import { openSession } from '../snmp/open.ts'
import type { SessionOptions, SnmpSession } from '../snmp/session.ts'
import type { Target } from './collector.ts'
import type { Ping } from './ping.ts'
import { createReach, type Reach } from './reach.ts'
import { addressOf, sessionOptions } from './snmp-options.ts'
import { explained, isUnexplained, probe } from './snmp-silence.ts'

export class SnmpLine {
  readonly #target: Target
  readonly #addresses: AddressPolicy
  readonly #reach: Reach
  #session: SnmpSession | null = null
  /** What the last session learned: the next one begins with it. */
  #learned: SnmpTuning | null
  #quirks: Plan['quirks'] = {}
  #address: string | null = null
  #resolveDue = true
  /** What the first read met that was not answered; null: the last one was. */
  #outage: AppError | null = null
  #closed = false

  constructor(target: Target, addresses: AddressPolicy, ping: Ping) {
    this.#target = target
    this.#addresses = addresses
    this.#reach = createReach(ping)
    this.#learned = target.tuning?.snmp ?? null
  }

  /** Where it goes, for people. */
  get where(): string {
    return `${this.#address}:${this.#target.config.port ?? 161}`
  }

  get learned(): SnmpTuning | null {
    return this.#session?.tuning ?? this.#learned
  }

  /** The session at work; null: it must be opened. */
  get session(): SnmpSession | null {
    return this.#resolveDue || this.#closed ? null : this.#session
  }

  /**
   * The name is resolved at first and again after a failure: the device may have moved.
   * @throws AppError E_ABORTED where it is closed, and those of the address policy and the config
   */
  async open(changes: Partial<SessionOptions> = {}): Promise<SnmpSession> {
    if (this.#resolveDue || this.#address === null) {
      const address = await this.#addresses.resolve(addressOf(this.#target))
      if (address !== this.#address) this.leave()
      this.#address = address
      this.#resolveDue = false
    }
    if (this.#closed) throw new AppError('E_ABORTED', 'the device is no longer polled')
    this.#session ??= openSession({
      ...sessionOptions(this.#target, this.#address, this.#quirks),
      ...(this.#learned && { tuning: this.#learned }),
      ...changes,
    })
    return this.#session
  }

  /** One request by a session of its own, without a second try. @throws AppError: not answered */
  async probe(signal: AbortSignal): Promise<null> {
    this.leave()
    try {
      await probe(await this.open({ retries: 0 }), signal)
      return null
    } finally {
      // What it learned is of no use: it had one try.
      this.#closeSession()
    }
  }

  use(quirks: Plan['quirks']): void {
    if (JSON.stringify(quirks) === JSON.stringify(this.#quirks)) return
    this.#quirks = quirks
    this.leave()
  }

  /** Something went wrong: the name is resolved again. */
  distrust(): void {
    this.#resolveDue = true
  }

  /** The same error, with what more can be said of the outage. @param waitMs at most so long */
  async explain(error: AppError, waitMs: number): Promise<AppError> {
    // A probe had one try: what the full read met says it better, and stays the same.
    const told = this.#outage?.code === error.code ? this.#outage : error
    this.#outage = told
    if (this.#address === null || !isUnexplained(told)) return told
    return explained(told, await this.#reach.explain(this.#address, waitMs))
  }

  answered(): void {
    this.#reach.answered()
    this.#outage = null
  }

  /** Ends the session; the next one goes on with what it learned. */
  leave(): void {
    this.#learned = structuredClone(this.learned)
    this.#closeSession()
  }

  close(): void {
    this.#closed = true
    this.#closeSession()
  }

  #closeSession(): void {
    this.#session?.close()
    this.#session = null
  }
}
