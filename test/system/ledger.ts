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
  /** Answered and not in the database. */
  lost: Answer[]
  /** In the database more than once. */
  twice: Answer[]
  /** In the database and never answered. */
  invented: { device: string; number: number | string; at: number }[]
  /** Reasons of gaps, and how often. */
  gaps: Record<string, number>
}

/** Compares the book with the database. */
export async function audit(databaseUrl: string, ledger: Ledger): Promise<Audit> {
  const store = await openStore({ url: databaseUrl, log: silentLog })
  try {
    const answers = new Map(ledger.answers.map(one => [`${one.device} ${one.number}`, one]))
    const seen = new Set<string>()
    const result: Audit = {
      answered: answers.size,
      stored: 0,
      lost: [],
      twice: [],
      invented: [],
      gaps: {},
    }
    for (const { config, uid } of await store.devices.list()) {
      if (!config.id.startsWith('ledger-')) continue
      const query = { deviceUid: uid, group: 'ledger', metrics: ['number'] }
      const [series] = await store.samples.read({ ...query, from: 0, to: Date.now() + 60_000 })
      for (const { at, value, gap } of series?.points ?? []) {
        if (value === null) {
          result.gaps[gap ?? 'none'] = (result.gaps[gap ?? 'none'] ?? 0) + 1
          continue
        }
        const key = `${config.id} ${value}`
        const answer = answers.get(key)
        result.stored++
        if (!answer) result.invented.push({ device: config.id, number: value, at })
        else if (seen.has(key)) result.twice.push(answer)
        seen.add(key)
      }
    }
    result.lost = [...answers].filter(([key]) => !seen.has(key)).map(([, answer]) => answer)
    return result
  } finally {
    await store.close()
  }
}
