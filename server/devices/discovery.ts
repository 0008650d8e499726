// Looks for devices in ranges of addresses with credentials that an admin chose, and adds those that
// a person picked. One scan at a time; what it found is kept in memory until the next one.

import type { AddressPolicy } from '../addresses.ts'
import type { Audit } from '../audit.ts'
import type { CheckReport, Target } from '../collectors/collector.ts'
import { SNMP_PORT } from '../model/device.ts'
import { AppError, messageOf } from '../model/errors.ts'
import type { Actor } from '../model/user.ts'
import type { Devices } from './contract.ts'
import type { Directory } from './directory.ts'
import {
  credentialsText,
  placeOf,
  type ScanCredentials,
  type ScanProgress,
  type ScanView,
  scanView,
} from './discovery-view.ts'
import { freeId, type Newcomer, newcomerDocument, newcomerOf } from './newcomer.ts'
import { addressesOf } from './ranges.ts'
import { createPace, type Pace, runScan } from './scan.ts'
import { type AddChoice, choiceOf, orderOf, targetsOf } from './scan-order.ts'
import type { Vault } from './vault.ts'

/** A device that answers has so long to say what it is. */
const QUESTION_MS_MAX = 15_000
const errorCharsMax = 300

export interface AddResult {
  address: string
  /** Empty: it has none. */
  id: string
  /** null: added. */
  problem: string | null
}

export interface Discovery {
  /** @throws AppError E_SCAN_RUNNING, E_DISCOVERY_INVALID, E_RANGE, E_ADDRESS_REFUSED */
  start(order: unknown, by: Actor): Promise<ScanView>
  /** @throws AppError E_NO_SCAN */
  cancel(by: Actor): Promise<void>
  /** null: there was none since the start of the program. */
  view(): ScanView | null
  /** @throws AppError E_NO_SCAN, E_DISCOVERY_INVALID */
  add(choice: unknown, by: Actor): Promise<AddResult[]>
  onChange(listener: () => void): () => void
  close(): void
}

export interface DiscoveryOptions {
  devices: Pick<Devices, 'create'>
  directory: Pick<Directory, 'all'>
  vault: Vault
  audit: Audit
  addresses: AddressPolicy
  check: (target: Target, signal: AbortSignal) => Promise<CheckReport>
  pace?: Pace
  now?: () => number
}

/** A scan with what pages do not see. */
interface Scan {
  progress: ScanProgress
  found: Newcomer[]
  credentials: ScanCredentials[]
  /** What to ask with, by the place of the credentials; the address is to be put in. */
  targets: Target[]
  abort: AbortController
}

export function createDiscovery(options: DiscoveryOptions): Discovery {
  const { devices, directory, vault, audit, addresses: policy, check, now = Date.now } = options
  const pace = options.pace ?? createPace()
  const listeners = new Set<() => void>()
  let last: Scan | null = null
  let isStarting = false

  const changed = () => {
    for (const listener of listeners) listener()
  }
  const viewOf = ({ progress, found }: Scan) => scanView(progress, found, directory)

  const begin = async (order: unknown, by: Actor): Promise<ScanView> => {
    const { ranges, port = SNMP_PORT, credentials } = orderOf(order)
    const addresses = addressesOf(ranges)
    for (const address of addresses) await policy.resolve(address)
    const given = credentials.filter(one => one !== undefined)
    const targets = await targetsOf(vault, given, port)
    const labels = given.map(credentialsText)
    await audit.record(by, 'discovery.start', 'discovery', {
      after: { ranges, port, credentials: labels },
    })
    const progress: ScanProgress = {
      state: 'running',
      ranges,
      port,
      credentials: labels,
      addresses: addresses.length,
      asked: 0,
      asks: addresses.length * given.length,
      refused: [],
      startedAt: now(),
      endedAt: null,
      by: by.name,
      error: '',
    }
    last = { progress, found: [], credentials: given, targets, abort: new AbortController() }
    void run(last, addresses)
    return viewOf(last)
  }

  const run = async (scan: Scan, addresses: readonly string[]) => {
    const { progress, targets, abort } = scan
    const refused = new Map<string, string>()
    try {
      const ask = async (address: string, credential: number, signal: AbortSignal) => {
        progress.asked++
        changed()
        const of = targets[credential]
        if (!of) throw new Error('a question without credentials')
        const target = { ...of, config: { ...of.config, address } }
        const limited = AbortSignal.any([signal, AbortSignal.timeout(QUESTION_MS_MAX)])
        return check(target, limited)
      }
      const onAnswer = (address: string, credential: number, report: CheckReport) => {
        if (report.ok) {
          scan.found.push(newcomerOf(address, credential, report.identity))
          refused.delete(address)
        } else if (report.reason === 'auth') {
          refused.set(address, report.error.slice(0, errorCharsMax))
        }
        if (report.ok || report.reason === 'auth') progress.refused = refusals(refused)
        changed()
        return report.ok
      }
      const credentials = targets.length
      await runScan({ addresses, credentials, ask, onAnswer }, pace, abort.signal)
      progress.state = 'done'
    } catch (error) {
      progress.state = abort.signal.aborted ? 'cancelled' : 'failed'
      progress.error = abort.signal.aborted ? '' : messageOf(error)
      abort.abort()
    }
    progress.endedAt = now()
    changed()
  }

  const addOne = async (
    { progress, found, credentials }: Scan,
    address: string,
    choice: AddChoice,
    by: Actor,
  ): Promise<AddResult> => {
    const newcomer = found.find(one => one.address === address)
    if (!newcomer) return { address, id: '', problem: 'it did not answer this scan' }
    const configs = directory.all().map(({ config }) => config)
    const place = placeOf(address, progress.port)
    const known = configs.find(one => placeOf(one.address ?? '', one.port) === place)
    if (known) return { address, id: known.id, problem: 'it is there already' }
    const id = freeId(newcomer, new Set(configs.map(one => one.id)))
    const { every, location, tags } = choice
    const document = newcomerDocument(newcomer, id, {
      ...{ port: progress.port, credentials: credentials[newcomer.credential] },
      ...{ every, location, tags },
    })
    try {
      await devices.create(document, by, 'form')
      return { address, id, problem: null }
    } catch (error) {
      if (!(error instanceof AppError) || error.passing) throw error
      const [wrong] = error.errors
      return { address, id, problem: wrong ? `${wrong.path} ${wrong.message}` : error.message }
    }
  }

  return {
    async start(order, by) {
      if (isStarting || last?.progress.state === 'running') {
        throw new AppError('E_SCAN_RUNNING', 'a scan is running', {
          hint: 'wait for its end, or cancel it',
        })
      }
      isStarting = true
      try {
        return await begin(order, by)
      } finally {
        isStarting = false
      }
    },

    async cancel(by) {
      if (last?.progress.state !== 'running')
        throw new AppError('E_NO_SCAN', 'no scan is running', { hint: 'it has ended by itself' })
      const { asked, asks } = last.progress
      last.abort.abort()
      await audit.record(by, 'discovery.cancel', 'discovery', { after: { asked, asks } })
    },

    view: () => last && viewOf(last),

    async add(choice, by) {
      const chosen = choiceOf(choice)
      if (!last)
        throw new AppError('E_NO_SCAN', 'there is no scan to add devices from', {
          hint: 'scan the range again: what was found is forgotten when the program starts anew',
        })
      const results: AddResult[] = []
      for (const address of new Set(chosen.addresses)) {
        results.push(await addOne(last, address, chosen, by))
      }
      changed()
      return results
    },

    onChange(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },

    close() {
      last?.abort.abort()
      listeners.clear()
    },
  }
}

function refusals(refused: ReadonlyMap<string, string>): ScanProgress['refused'] {
  return [...refused].map(([address, error]) => ({ address, error }))
}
