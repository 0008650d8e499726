// The collector for checks without SNMP: one device is an address, its checks are the rows of a table.
// What becomes of the values is said by the profiles of `"source": "check"` (oids/check.json).

import { connectTcp } from '../checks/connect.ts'
import { checkDns } from '../checks/dns.ts'
import { checkHttp, type Resolve } from '../checks/http.ts'
import { CheckFailed, type Found, type Outcome, outcomeOf } from '../checks/outcome.ts'
import { checkPing } from '../checks/ping.ts'
import type { Check } from '../model/check.ts'
import type { DeviceIdentity } from '../model/device.ts'
import { parseDuration } from '../model/duration.ts'
import type { EventBody } from '../model/event.ts'
import type { GroupReading, RawValue } from '../model/raw.ts'
import { tableOf } from '../model/rawtable.ts'
import type { Catalogue } from '../profiles/catalogue.ts'
import { chooseProfiles } from '../profiles/choose.ts'
import { createEvaluator } from '../profiles/evaluator.ts'
import type { Evaluator } from '../profiles/face.ts'
import { compilePlan } from '../profiles/plan.ts'
import type {
  CheckReport,
  Collected,
  Collector,
  DeviceReader,
  Surroundings,
  Target,
} from './collector.ts'

const dnsPort = 53
/** The part of an interval that a check may take at most. */
const everyShare = 0.7

export const checkCollector: Collector = {
  kind: 'check',
  check,
  open: (target, surroundings) => new CheckReader(target, surroundings),
}

/** Runs every check once: it is well where one of them is. */
async function check(
  target: Target,
  surroundings: Surroundings,
  signal: AbortSignal,
): Promise<CheckReport> {
  const started = performance.now()
  const took = () => Math.round(performance.now() - started)
  const resolve: Resolve = host => surroundings.addresses.resolve(host)
  try {
    const outcomes = await runAll(target, resolve, signal)
    const failed = [...outcomes].filter(([, { ok }]) => !ok)
    if (failed.length < outcomes.size || outcomes.size === 0)
      return { ok: true, tookMs: took(), identity: await identify(target, surroundings.catalogue) }
    const error = failed.map(([name, one]) => `${name}: ${one.error}`).join('; ')
    const hint = 'check the address, and what each check asks for'
    return { ok: false, tookMs: took(), reason: 'unreachable', error, hint }
  } catch {
    const error = 'the checks did not end in time'
    const hint = "a shorter timeout in the device's config says which"
    return { ok: false, tookMs: took(), reason: 'timeout', error, hint }
  }
}

async function identify({ config }: Target, catalogue: Catalogue): Promise<DeviceIdentity> {
  const { profiles, because } = await chooseProfiles(catalogue, config.profiles, {
    source: 'check',
    sysObjectID: '',
    sysDescr: '',
    exists: async () => new Set(),
  })
  const facts = { checks: (config.checks ?? []).map(({ name }) => name).join(', ') }
  return { at: Date.now(), profiles, chosenBecause: because, facts }
}

async function runAll(
  target: Target,
  resolve: Resolve,
  signal: AbortSignal,
): Promise<Map<string, Outcome>> {
  // All is over before the next read begins, or the whole read would be lost by one mute server.
  const { timeout, every } = target.config
  const timeoutMs = Math.min(parseDuration(timeout), Math.floor(parseDuration(every) * everyShare))
  const outcomes = new Map<string, Outcome>()
  await Promise.all(
    (target.config.checks ?? []).map(async one => {
      const ask = (found: Found, limit: AbortSignal) =>
        runOne(one, { target, resolve, timeoutMs }, found, limit)
      const outcome = await outcomeOf(ask, timeoutMs, signal)
      outcomes.set(one.name, outcome)
    }),
  )
  return outcomes
}

interface Turn {
  target: Target
  resolve: Resolve
  timeoutMs: number
}

async function runOne(one: Check, turn: Turn, found: Found, signal: AbortSignal): Promise<void> {
  const { target, resolve, timeoutMs } = turn
  const host = one.host ?? target.config.address ?? ''
  switch (one.type) {
    case 'ping':
      return checkPing(await resolve(host), timeoutMs, found, signal)
    case 'tcp': {
      const address = await resolve(host)
      const started = performance.now()
      const socket = await connectTcp(address, one.port ?? 0, signal)
      found.number('time', (performance.now() - started) / 1000)
      socket.destroy()
      return
    }
    case 'http': {
      const { url = '', status, text, verify } = one
      const wish = { url, status, text, verify: verify !== 'off', ca: authorityOf(target) }
      return checkHttp(wish, resolve, found, signal)
    }
    case 'dns': {
      const { query = '', record = 'A', answer, server, port = dnsPort } = one
      return checkDns({ query, record, answer, server, port, timeoutMs }, resolve, found, signal)
    }
  }
}

function authorityOf({ config, secrets }: Target): string | undefined {
  const ca = config.tls?.ca
  if (ca === undefined || typeof ca === 'string') return ca
  const text = secrets[ca.secret]
  if (text === undefined) throw new CheckFailed('the secret of tls.ca is not there')
  return text
}

/** What is asked of whom, in one line beside the check's name. */
function targetOf(one: Check, address: string): string {
  const host = one.host ?? address
  if (one.type === 'http') return one.url ?? ''
  if (one.type === 'tcp') return `${host}:${one.port ?? ''}`
  if (one.type === 'ping') return host
  return `${one.query ?? ''} ${one.record ?? 'A'}${one.server === undefined ? '' : ` at ${one.server}`}`
}

class CheckReader implements DeviceReader {
  readonly #target: Target
  readonly #everyMs: number
  /** Host → the address that it had: so a change is seen. At most one or two for each check. */
  readonly #addresses = new Map<string, string>()
  #surroundings: Surroundings
  #evaluator: Evaluator | null = null

  constructor(target: Target, surroundings: Surroundings) {
    this.#target = target
    this.#surroundings = surroundings
    this.#everyMs = parseDuration(target.config.every)
  }

  async collect(at: number, signal: AbortSignal): Promise<Collected> {
    const started = performance.now()
    const identity = this.#evaluator ? null : await this.#identify()
    const evaluator = this.#evaluator
    if (evaluator === null) return { collections: [], rows: [], identity }
    evaluator.due(at, this.#everyMs)
    const events: EventBody[] = []
    const outcomes = await runAll(this.#target, host => this.#resolve(host, events), signal)
    const reading = this.#reading(outcomes)
    const groups = new Map(evaluator.plan.groups.map(({ id }) => [id, reading]))
    const read = { at: Date.now(), monotonicMs: performance.now(), upTicks: null, groups }
    const evaluated = evaluator.evaluate(read, Math.round(performance.now() - started))
    return { ...evaluated, events, identity }
  }

  setCatalogue(catalogue: Catalogue): void {
    if (catalogue.version === this.#surroundings.catalogue.version) return
    this.#surroundings = { ...this.#surroundings, catalogue }
    this.#evaluator = null
  }

  async close(): Promise<void> {
    // Each read closes what it opened.
  }

  async #identify(): Promise<DeviceIdentity> {
    const { catalogue } = this.#surroundings
    const identity = await identify(this.#target, catalogue)
    this.#evaluator = createEvaluator(compilePlan(catalogue, identity.profiles))
    return identity
  }

  /** Asked anew each time, so that a changed address is checked too, and told. */
  async #resolve(host: string, events: EventBody[]): Promise<string> {
    const address = await this.#surroundings.addresses.resolve(host)
    const before = this.#addresses.get(host)
    if (before === address) return address
    // Hosts of redirects are chosen by foreign servers: only so many are remembered.
    if (this.#addresses.size < addressesMax || before !== undefined)
      this.#addresses.set(host, address)
    if (before !== undefined) events.push(moved(host, before, address))
    return address
  }

  #reading(outcomes: ReadonlyMap<string, Outcome>): GroupReading {
    const checks = this.#target.config.checks ?? []
    const columns = new Map<string, Map<string, RawValue>>()
    const put = (path: string, name: string, value: RawValue) => {
      const column = columns.get(path) ?? new Map<string, RawValue>()
      columns.set(path, column.set(name, value))
    }
    const text = (value: string): RawValue => ({ type: 'text', value })
    for (const one of checks) {
      const outcome = outcomes.get(one.name)
      if (outcome === undefined) continue
      put('name', one.name, text(one.name))
      put('type', one.name, text(one.type))
      put('target', one.name, text(targetOf(one, this.#target.config.address ?? '')))
      put('state', one.name, text(outcome.ok ? 'ok' : 'failed'))
      put('error', one.name, text(outcome.error))
      for (const [path, value] of outcome.values) put(path, one.name, value)
    }
    const table = tableOf(
      checks.map(({ name }) => name),
      columns,
    )
    return { table, partial: false }
  }
}

/** Hosts of one device whose addresses are remembered. */
const addressesMax = 100

function moved(host: string, before: string, address: string): EventBody {
  return {
    ...{ at: Date.now(), kind: 'row', severity: 'info', name: 'address-changed' },
    text: `${host} is now ${address}, it was ${before}`,
    fields: { host, before, address },
  }
}
