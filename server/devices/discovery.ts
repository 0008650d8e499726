// Looks for devices in ranges of addresses with credentials that an admin chose, and adds those that
// a person picked. One scan at a time; what it found is kept in memory until the next one.

import Type, { type Static } from 'typebox'
import type { AddressPolicy } from '../addresses.ts'
import type { Audit } from '../audit.ts'
import type { CheckReport, Target } from '../collectors/collector.ts'
import { DeviceConfig, SNMP_PORT } from '../model/device.ts'
import { AppError, messageOf } from '../model/errors.ts'
import type { Actor } from '../model/user.ts'
import { checker } from '../validate.ts'
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
import { deviceConfig, invalid } from './document.ts'
import { freeId, type Newcomer, newcomerDocument, newcomerOf } from './newcomer.ts'
import { addressesOf } from './ranges.ts'
import { createPace, type Pace, runScan } from './scan.ts'
import type { Vault } from './vault.ts'

/** Credentials of one scan. */
export const credentialsMax = 8
/** Devices that are added at once. */
export const addedMax = 200
/** One datagram a question: a lost one is made good by another scan, not by haste. */
const QUESTION = { timeout: '1s', retries: 0, tuning: { timeout: 'fixed' } } as const
/** A device that answers has so long to say what it is. */
const QUESTION_MS_MAX = 15_000
const errorCharsMax = 300

export const ScanOrder = Type.Object(
  {
    /** As `192.0.2.0/24 192.0.2.7-20`. */
    ranges: Type.String({ maxLength: 4000 }),
    port: Type.Optional(Type.Integer({ minimum: 1, maximum: 65_535 })),
    /** As a device's `credentials`: named secrets, or texts that are kept with what is added. */
    credentials: Type.Array(DeviceConfig.properties.credentials, {
      minItems: 1,
      maxItems: credentialsMax,
    }),
  },
  { additionalProperties: false },
)
type ScanOrder = Static<typeof ScanOrder>

export const AddChoice = Type.Object(
  {
    addresses: Type.Array(Type.String({ maxLength: 64 }), { minItems: 1, maxItems: addedMax }),
    every: Type.Optional(DeviceConfig.properties.every),
    location: Type.Optional(DeviceConfig.properties.location),
    tags: Type.Optional(DeviceConfig.properties.tags),
  },
  { additionalProperties: false },
)
type AddChoice = Static<typeof AddChoice>

const checkOrder = checker(ScanOrder)
const checkChoice = checker(AddChoice)

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
      const checked = checkChoice(choice)
      if (!checked.ok) throw orderInvalid(checked.errors)
      if (!last)
        throw new AppError('E_NO_SCAN', 'there is no scan to add devices from', {
          hint: 'scan the range again: what was found is forgotten when the program starts anew',
        })
      const results: AddResult[] = []
      for (const address of new Set(checked.value.addresses)) {
        results.push(await addOne(last, address, checked.value, by))
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

function orderOf(order: unknown): ScanOrder {
  const checked = checkOrder(order)
  if (checked.ok) return checked.value
  throw orderInvalid(checked.errors)
}

function orderInvalid(errors: AppError['errors']): AppError {
  return new AppError('E_DISCOVERY_INVALID', 'the scan is not valid', {
    errors,
    hint: 'mend the fields named',
  })
}

/** @throws AppError E_DEVICE_INVALID: credentials that lack a key, or name a secret that is not there */
async function targetsOf(
  vault: Vault,
  credentials: readonly ScanCredentials[],
  port: number,
): Promise<Target[]> {
  const targets: Target[] = []
  for (const one of credentials) {
    const config = deviceConfig({
      ...{ id: 'scan', kind: 'snmp', address: '0.0.0.0', port, credentials: one },
      ...QUESTION,
    })
    const named = vault.name(config)
    const missing = await vault.missing(named.config, named.sealed)
    if (missing.length > 0) throw invalid(missing)
    targets.push({ config, version: 0, secrets: await vault.open(config), identity: null })
  }
  return targets
}
