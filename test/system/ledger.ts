// The tests' own book of what was measured: simulated agents whose value is the number of the read,
// each read by one device alone. Whatever was answered must be in the database, once, as it was.

import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import {
  type Objects,
  type SimulatedAgent,
  startSimulatedAgent,
} from '../../bench/network/agent.ts'
import { addSystem, integer } from '../../bench/network/objects.ts'
import { openStore } from '../../server/store/open.ts'
import { silentLog } from '../parts/broker.ts'
import type { Teardown } from '../parts/find.ts'

/** netSnmpPlaypen of NET-SNMP-MIB: kept free for experiments. */
const NUMBER_OID = '1.3.6.1.4.1.8072.9999.9999.1.0'

/**
 * What may be lost at a kill is each device's newest reads: records are written 20 ms after they
 * are made. How long that takes is the machine's affair; that nothing older goes is ours.
 */
const tailMsMax = 10_000
/** Between an answer and the gap of the read that it came too late for, ms. */
const lateMsMax = 5000

export const LEDGER_PROFILE = {
  title: 'Ledger',
  type: 'base',
  scalars: {
    ledger: {
      title: 'Ledger',
      section: 'other',
      metrics: { number: { title: 'Number of the read', unit: '1', oid: NUMBER_OID } },
    },
  },
}

export interface Answer {
  device: string
  number: number
  /** Unix ms. */
  at: number
}

export interface Ledger {
  /** For POLLUX_PROFILES_DIR. */
  profilesDir: string
  devices: Record<string, unknown>[]
  agents: SimulatedAgent[]
  answers: Answer[]
  silence(silent: boolean): void
}

/** Starts `count` agents; their devices are called ledger-1, ledger-2, … */
export async function startLedger(
  t: Teardown,
  dir: string,
  count: number,
  every = '1s',
): Promise<Ledger> {
  const profilesDir = path.join(dir, 'profiles')
  await mkdir(profilesDir, { recursive: true })
  await writeFile(path.join(profilesDir, 'ledger.json'), JSON.stringify(LEDGER_PROFILE))
  const answers: Answer[] = []
  const agents: SimulatedAgent[] = []
  const devices: Record<string, unknown>[] = []
  const started = performance.now()
  for (let i = 1; i <= count; i++) {
    const device = `ledger-${i}`
    const objects: Objects = new Map()
    addSystem(objects, {
      descr: 'Simulated counter of reads',
      objectId: '1.3.6.1.4.1.8072.9999.9999',
      name: device,
      location: '',
      upSeconds: () => 1000 + (performance.now() - started) / 1000,
    })
    let number = 0
    objects.set(NUMBER_OID, () => {
      answers.push({ device, number: ++number, at: Date.now() })
      return integer(number)
    })
    const options = { host: '127.0.0.1', port: 0, community: 'public', objects }
    const agent = await startSimulatedAgent(options)
    t.teardown(() => agent.close())
    agents.push(agent)
    devices.push({
      id: device,
      name: device,
      kind: 'snmp',
      address: '127.0.0.1',
      port: agent.port,
      credentials: { version: '2c', community: 'public' },
      profiles: ['ledger'],
      every,
      timeout: '1s',
      retries: 0,
    })
  }
  return {
    profilesDir,
    devices,
    agents,
    answers,
    silence(silent) {
      for (const agent of agents) agent.silent = silent
    },
  }
}

export interface Audit {
  answered: number
  stored: number
  /** Answered and not in the database, neither as a value nor as a gap. */
  lost: Answer[]
  /** Answered too late for the read, which is in the database as a gap of its own. */
  late: Answer[]
  /** In the database more than once. */
  twice: Answer[]
  /** In the database and never answered. */
  invented: Stored[]
  /** Reasons of gaps, and how often. */
  gaps: Record<string, number>
}

interface Stored {
  device: string
  at: number
  value: number | string | null
  gap: string | null
}

/** Lost answers that are not the newest of their device at a kill. */
export async function unexplained(
  databaseUrl: string,
  ledger: Ledger,
  kills: readonly { at: number; backAt: number }[],
): Promise<Answer[]> {
  const { lost } = await audit(databaseUrl, ledger)
  const kept = ledger.answers.filter(answer => !lost.includes(answer))
  /** Nothing newer of the same device survived the kill. */
  const isTail = ({ device, at }: Answer) =>
    kills.some(
      kill =>
        at > kill.at - tailMsMax &&
        at < kill.backAt &&
        !kept.some(other => other.device === device && other.at > at && other.at <= kill.at),
    )
  return lost.filter(answer => !isTail(answer))
}

/** Every sample of the ledger's devices. */
async function storedSamples(databaseUrl: string): Promise<Stored[]> {
  const store = await openStore({ url: databaseUrl, log: silentLog })
  try {
    const found: Stored[] = []
    for (const { config, uid } of await store.devices.list()) {
      if (!config.id.startsWith('ledger-')) continue
      const query = { deviceUid: uid, group: 'ledger', metrics: ['number'] }
      const [series] = await store.samples.read({ ...query, from: 0, to: Date.now() + 60_000 })
      for (const point of series?.points ?? []) found.push({ device: config.id, ...point })
    }
    return found
  } finally {
    await store.close()
  }
}

/** Compares the book with the database. */
export async function audit(databaseUrl: string, ledger: Ledger): Promise<Audit> {
  const samples = await storedSamples(databaseUrl)
  const answers = new Map(ledger.answers.map(one => [`${one.device} ${one.number}`, one]))
  const values = Map.groupBy(
    samples.filter(({ value }) => value !== null),
    ({ device, value }) => `${device} ${value}`,
  )
  const gaps = Map.groupBy(
    samples.filter(({ value }) => value === null),
    ({ gap }) => gap ?? 'none',
  )
  const tooLate = [...(gaps.get('timeout') ?? []), ...(gaps.get('overrun') ?? [])]
  const missing = [...answers].filter(([key]) => !values.has(key)).map(([, answer]) => answer)
  const late = missing.filter(answer => isLate(answer, tooLate))
  return {
    answered: answers.size,
    stored: values.size,
    lost: missing.filter(answer => !late.includes(answer)),
    late,
    twice: [...answers].filter(([key]) => (values.get(key)?.length ?? 0) > 1).map(([, one]) => one),
    invented: [...values].filter(([key]) => !answers.has(key)).flatMap(([, all]) => all),
    gaps: Object.fromEntries([...gaps].map(([reason, all]) => [reason, all.length])),
  }
}

/**
 * A machine with other work answers after the read has given up, and even after its gap was told: the
 * request lay in the agent's socket. One gap explains one answer.
 */
function isLate({ device, at }: Answer, gaps: Stored[]): boolean {
  const found = gaps.findIndex(gap => gap.device === device && Math.abs(gap.at - at) < lateMsMax)
  if (found >= 0) gaps.splice(found, 1)
  return found >= 0
}
