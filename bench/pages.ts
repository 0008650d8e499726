// What the lists cost with a large fleet: a store with many devices, the whole program over it, and
// how long its pages take, asked one after the other. Prints, judges not.
//   npm run bench -- pages [devices] [requests of each]

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { startProgram } from '../server/compose/program.ts'
import { readConfig } from '../server/config.ts'
import { createLog } from '../server/log.ts'
import type { AcceptedCollection } from '../server/model/accepted.ts'
import type { DeviceConfig } from '../server/model/device.ts'
import { openStore } from '../server/store/open.ts'

const devices = Number(process.argv[2] ?? 10_000)
const requests = Number(process.argv[3] ?? 60)
const PORTS = 8
/** So many reads of the last hour has each device. */
const READS = 6
const BATCH = 200
const PASSWORD = 'bench-password-of-nobody'
const log = createLog('silent')

/** Most are paused, the others seldom read: polling them is no part of what is measured. */
function configOf(index: number): DeviceConfig {
  const id = `device-${String(index).padStart(5, '0')}`
  return {
    ...{ id, name: id, kind: 'snmp', address: `127.1.${index >> 8}.${index & 255}`, port: 9 },
    ...{ profiles: ['auto'], every: '24h', timeout: '1s', retries: 0, enabled: index % 20 === 0 },
    credentials: { version: '2c', community: { secret: 'bench' } },
    location: `hall ${index % 40}`,
    tags: [`rack-${index % 200}`, index % 3 === 0 ? 'core' : 'access'],
  }
}

function collectionOf(deviceUid: number, at: number): AcceptedCollection {
  const rows = Array.from({ length: PORTS }, (_, port) => `Gi1/0/${port + 1}`)
  const values = rows.map(() => Math.round(Math.random() * 1e9))
  const metrics = new Map([
    ['in', values],
    ['out', values],
  ])
  return { deviceUid, group: 'interface', at, rows, metrics, gaps: new Map(), failed: null }
}

async function fill(dataDir: string): Promise<void> {
  const store = await openStore({ url: `sqlite:${path.join(dataDir, 'pollux.db')}`, log })
  const now = Date.now()
  const uids: number[] = []
  for (let index = 0; index < devices; index++) {
    const { uid } = await store.devices.create(configOf(index), 'api', now)
    const chosenBecause = ['bench']
    const identity = { at: now, profiles: ['system', 'if-mib'], chosenBecause, facts: {} }
    await store.devices.setIdentity(uid, identity)
    uids.push(uid)
    const ports = Array.from({ length: PORTS }, (_, port) => ({
      ...{ key: `Gi1/0/${port + 1}`, index: String(port + 1), name: `Gi1/0/${port + 1}` },
      subtitle: `customer ${index}-${port}`,
      labels: { mac: `02:00:00:${hex(index >> 8)}:${hex(index & 255)}:${hex(port)}` },
    }))
    await store.samples.writeRows(uid, 'interface', ports, now)
  }
  for (let read = READS; read > 0; read--) {
    const at = now - (read * 3_600_000) / READS
    for (let from = 0; from < uids.length; from += BATCH) {
      const batch = uids.slice(from, from + BATCH)
      await store.samples.write(batch.map(uid => collectionOf(uid, at)))
    }
  }
  await store.close()
}

const hex = (number: number) => number.toString(16).padStart(2, '0')

async function signIn(url: string): Promise<string> {
  const answer = await fetch(`${url}/login`, {
    ...{ method: 'POST', redirect: 'manual' },
    headers: { 'content-type': 'application/x-www-form-urlencoded', origin: url },
    body: new URLSearchParams({ name: 'admin', password: PASSWORD }),
  })
  const cookie = answer.headers.getSetCookie()[0]?.split(';')[0]
  if (answer.status !== 303 || !cookie) throw new Error(`the sign-in gave ${answer.status}`)
  return cookie
}

/** The path of the n-th request: another page, word or filter each time, so that nothing is cached. */
const PAGES: Record<string, (n: number) => string> = {
  list: n => `/devices?all=1&page=${1 + (n % Math.ceil(devices / 50))}`,
  search: n => `/devices?q=device-0${n % 100}`,
  filter: n => `/devices?location=hall+${n % 40}&state=paused`,
  'by tag': n => `/devices?tag=rack-${n % 200}`,
  'sort by name': n => `/devices?sort=-name&page=${1 + (n % 50)}`,
  'sort by address': n => `/devices?sort=address&page=${1 + (n % 50)}`,
  overview: () => '/',
  'overview by tag': () => '/?group=tag',
  'search all': n => `/search?q=customer+${1000 + n}`,
  'search MAC': n => `/search?q=0200.00${hex(n)}`,
}

/** Until what a start has to do is done. */
async function calm(): Promise<void> {
  for (;;) {
    const cpu = process.cpuUsage()
    await sleep(2000)
    const { user, system } = process.cpuUsage(cpu)
    if (user + system < 400_000) return
  }
}

async function measure(url: string, cookie: string): Promise<void> {
  for (const [name, pathOf] of Object.entries(PAGES)) {
    const took: number[] = []
    let bytes = 0
    const cpu = process.cpuUsage()
    for (let n = 0; n < requests; n++) {
      const began = performance.now()
      const answer = await fetch(url + pathOf(n), { headers: { cookie }, redirect: 'manual' })
      bytes = (await answer.arrayBuffer()).byteLength
      if (answer.status !== 200) throw new Error(`${pathOf(n)} gave ${answer.status}`)
      took.push(performance.now() - began)
    }
    const { user, system } = process.cpuUsage(cpu)
    took.sort((a, b) => a - b)
    const at = (part: number) => (took[Math.floor(part * (took.length - 1))] ?? 0).toFixed(0)
    const each = ((user + system) / 1000 / requests).toFixed(0)
    console.info(
      `${name.padEnd(16)} p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, CPU ${each} ms, ${(bytes / 1024).toFixed(0)} KB`,
    )
  }
}

const dataDir = await mkdtemp(path.join(tmpdir(), 'pollux-pages-'))
try {
  await fill(dataDir)
  const env = {
    POLLUX_DATA_DIR: dataDir,
    POLLUX_PORT: '0',
    POLLUX_MQTT_LISTEN: '127.0.0.1:0',
    POLLUX_ALLOW_NETWORKS: '127.0.0.0/8',
    POLLUX_ADMIN_PASSWORD: PASSWORD,
  }
  const program = await startProgram(readConfig(env), env, log)
  console.info(`${devices} devices of ${PORTS} interfaces, ${requests} requests of each kind`)
  try {
    await calm()
    await measure(program.url, await signIn(program.url))
  } finally {
    await program.stop()
  }
} finally {
  await rm(dataDir, { recursive: true, force: true })
}
