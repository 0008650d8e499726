// The kinds of device of the simulated network: what a switch, a Linux server and a UPS say over
// SNMP, with values that move as on real ones. Long because it is mostly lists of objects.

import type { Objects } from './agent.ts'
import {
  addInterfaces,
  addSystem,
  column,
  counter32,
  gauge32,
  type Interface,
  integer,
  octets,
  oid,
  wave,
} from './objects.ts'
import { deviceMac } from './wiring.ts'

/** A device of the network: its objects, and what passes in it each second. */
export interface Model {
  objects: Objects
  /** @param elapsed seconds since the last call */
  tick(elapsed: number): void
  /** As after a loss of power: counters and uptime begin again. */
  restart(): void
}

interface Common {
  name: string
  location: string
  /** Seconds since the network started. */
  now: () => number
  /** Makes each device's waves its own. */
  seed: number
}

const OCTETS_PER_PACKET = 800

function makeInterface(
  index: number,
  name: string,
  alias: string,
  speedMbit: number,
  options: { adminUp?: boolean; operUp?: () => boolean; type?: number } = {},
): Interface {
  return {
    index,
    name,
    alias,
    type: options.type ?? 6,
    speedMbit,
    adminUp: options.adminUp ?? true,
    operUp: options.operUp ?? (() => true),
    counters: {
      inOctets: index * 1e9,
      outOctets: index * 7e8,
      inPackets: index * 1e6,
      outPackets: index * 9e5,
      inErrors: 0,
    },
  }
}

function withMacs(interfaces: readonly Interface[], seed: number): Interface[] {
  return interfaces.map(one => ({ ...one, mac: deviceMac(seed, one.index % 10_000) }))
}

/** Lets traffic pass: `load` is the mean share of the speed. */
function pass(i: Interface, load: number, seconds: number, elapsed: number, seed: number): void {
  if (!i.adminUp || !i.operUp()) return
  const octetsPerSecond = (i.speedMbit * 1e6) / 8
  const inbound =
    octetsPerSecond *
    wave(seconds, {
      mean: load,
      swing: load * 0.6,
      period: 240 + 13 * (i.index % 17),
      phase: seed + i.index,
    })
  const outbound =
    octetsPerSecond *
    wave(seconds, {
      mean: load * 0.4,
      swing: load * 0.3,
      period: 180 + 11 * (i.index % 13),
      phase: seed * 2 + i.index,
    })
  i.counters.inOctets += inbound * elapsed
  i.counters.outOctets += outbound * elapsed
  i.counters.inPackets += (inbound / OCTETS_PER_PACKET) * elapsed
  i.counters.outPackets += (outbound / OCTETS_PER_PACKET) * elapsed
}

function uptime(
  now: () => number,
  bootedAgo: number,
): { seconds: () => number; restart: () => void } {
  let booted = -bootedAgo
  return {
    seconds: () => now() - booted,
    restart: () => {
      booted = now()
    },
  }
}

function resetCounters(interfaces: readonly Interface[]): void {
  for (const { counters } of interfaces) {
    counters.inOctets =
      counters.outOctets =
      counters.inPackets =
      counters.outPackets =
      counters.inErrors =
        0
  }
}

/** A stackable access switch: IF-MIB, CISCO-PROCESS-MIB, CISCO-MEMORY-POOL-MIB. */
export function switchModel(
  common: Common & { ports: number; flappingPort?: number; erroringPort?: number },
): Model {
  const { now, seed } = common
  const up = uptime(now, 86_400 * (12 + seed))
  const flaps = (port: number) => port === common.flappingPort && now() % 90 > 65
  const uplinks = [1, 2].map(n =>
    makeInterface(
      10_100 + common.ports + n,
      `Te1/1/${n}`,
      n === 1 ? 'uplink core' : 'uplink core standby',
      10_000,
      { adminUp: n === 1 },
    ),
  )
  const ports = Array.from({ length: common.ports }, (_, at) => {
    const port = at + 1
    return makeInterface(
      10_100 + port,
      `Gi1/0/${port}`,
      port % 3 === 0 ? '' : `desk ${seed}-${port}`,
      1000,
      {
        adminUp: port % 11 !== 0,
        operUp: () => port % 4 !== 0 && !flaps(port),
      },
    )
  })
  const interfaces = withMacs([...ports, ...uplinks], seed)
  const objects: Objects = new Map()
  addSystem(objects, {
    descr: 'Simulated access switch, IOS-like software, Version 15.2(7)E',
    objectId: '1.3.6.1.4.1.9.1.1208',
    name: common.name,
    location: common.location,
    upSeconds: up.seconds,
  })
  addInterfaces(objects, interfaces)
  const cpu = (period: number) => wave(now(), { mean: 18 + seed, swing: 12, period, phase: seed })
  const cpmCPUTotalEntry = '1.3.6.1.4.1.9.9.109.1.1.1.1'
  column(objects, `${cpmCPUTotalEntry}.2`, [1], () => integer(0))
  column(objects, `${cpmCPUTotalEntry}.6`, [1], () => gauge32(cpu(60)))
  column(objects, `${cpmCPUTotalEntry}.7`, [1], () => gauge32(cpu(120)))
  column(objects, `${cpmCPUTotalEntry}.8`, [1], () => gauge32(cpu(600)))
  const ciscoMemoryPoolEntry = '1.3.6.1.4.1.9.9.48.1.1.1'
  const used = () => 150e6 + wave(now(), { mean: 40e6, swing: 10e6, period: 900, phase: seed })
  column(objects, `${ciscoMemoryPoolEntry}.2`, [1], () => octets('Processor'))
  column(objects, `${ciscoMemoryPoolEntry}.4`, [1], () => integer(1))
  column(objects, `${ciscoMemoryPoolEntry}.5`, [1], () => gauge32(used()))
  column(objects, `${ciscoMemoryPoolEntry}.6`, [1], () => gauge32(420e6 - used()))
  return {
    objects,
    tick(elapsed) {
      for (const i of interfaces)
        pass(i, i.speedMbit > 1000 ? 0.12 : 0.02 + 0.01 * (i.index % 7), now(), elapsed, seed)
      const erroring = ports[(common.erroringPort ?? 0) - 1]
      if (erroring) erroring.counters.inErrors += 3.4 * elapsed
    },
    restart() {
      up.restart()
      resetCounters(interfaces)
    },
  }
}

/** A Linux server with net-snmp: HOST-RESOURCES-MIB, UCD-SNMP-MIB, IF-MIB. */
export function serverModel(common: Common & { cores: number; fillingDisk?: boolean }): Model {
  const { now, seed } = common
  const up = uptime(now, 3600 * (30 + 11 * seed))
  const lo = makeInterface(1, 'lo', '', 10, { type: 24 })
  const eth = makeInterface(2, 'eth0', 'production', 1000)
  const interfaces = withMacs([lo, eth], seed)
  const ticks = {
    user: 1e6,
    nice: 1e3,
    system: 4e5,
    idle: 9e6,
    wait: 5e4,
    irq: 0,
    soft: 1e4,
    steal: 0,
  }
  const objects: Objects = new Map()
  addSystem(objects, {
    descr: `Linux ${common.name} 6.1.0-28-amd64 #1 SMP PREEMPT_DYNAMIC Debian 6.1.119-1 x86_64 (simulated)`,
    objectId: '1.3.6.1.4.1.8072.3.2.10',
    name: common.name,
    location: common.location,
    upSeconds: up.seconds,
  })
  addInterfaces(objects, interfaces)
  const busy = (core = 0) =>
    Math.min(
      100,
      wave(now(), { mean: 28 + 5 * seed, swing: 22, period: 300 + 40 * core, phase: seed + core }),
    )
  addHostResources(objects, {
    now,
    seed,
    cores: common.cores,
    busy,
    fillingDisk: common.fillingDisk ?? false,
  })
  addUcd(objects, ticks, () => (busy() / 100) * common.cores, { now, seed })
  return {
    objects,
    tick(elapsed) {
      pass(eth, 0.08, now(), elapsed, seed)
      pass(lo, 0.01, now(), elapsed, seed)
      const all = 100 * common.cores * elapsed
      const share = busy() / 100
      ticks.user += all * share * 0.7
      ticks.system += all * share * 0.2
      ticks.wait += all * share * 0.07
      ticks.soft += all * share * 0.03
      ticks.idle += all * (1 - share)
    },
    restart() {
      up.restart()
      resetCounters(interfaces)
    },
  }
}

const HR_STORAGE_TYPES = '1.3.6.1.2.1.25.2.1'

function addHostResources(
  objects: Objects,
  host: {
    now: () => number
    seed: number
    cores: number
    busy: (core: number) => number
    fillingDisk: boolean
  },
): void {
  const { now, seed } = host
  objects.set('1.3.6.1.2.1.25.1.5.0', () => gauge32(1 + (seed % 3)))
  objects.set('1.3.6.1.2.1.25.1.6.0', () =>
    gauge32(180 + wave(now(), { mean: 20, swing: 10, period: 400, phase: seed })),
  )
  const cores = Array.from({ length: host.cores }, (_, at) => 196_608 + at)
  column(objects, '1.3.6.1.2.1.25.3.2.1.3', cores, () => octets('Simulated CPU @ 2.40GHz'))
  column(objects, '1.3.6.1.2.1.25.3.3.1.2', cores, core => integer(host.busy(core)))

  const GiB = 2 ** 30 / 4096
  // The filling disk comes from 60 % to 99 % in ten minutes, then somebody cleans up.
  const fill = () => (host.fillingDisk ? 0.6 + 0.39 * ((now() % 600) / 600) : 0.34 + 0.01 * seed)
  const storages: {
    index: number
    type: number
    descr: string
    units: number
    size: () => number
    used: () => number
  }[] = [
    {
      index: 1,
      type: 2,
      descr: 'Physical memory',
      units: 1024,
      size: () => 16 * 2 ** 20,
      used: () => 13.5 * 2 ** 20,
    },
    {
      index: 6,
      type: 1,
      descr: 'Memory buffers',
      units: 1024,
      size: () => 16 * 2 ** 20,
      used: () => 0.4 * 2 ** 20,
    },
    {
      index: 7,
      type: 1,
      descr: 'Cached memory',
      units: 1024,
      size: () => 6 * 2 ** 20,
      used: () => 6 * 2 ** 20,
    },
    {
      index: 10,
      type: 3,
      descr: 'Swap space',
      units: 1024,
      size: () => 2 * 2 ** 20,
      used: () => 0.1 * 2 ** 20,
    },
    {
      index: 31,
      type: 4,
      descr: '/',
      units: 4096,
      size: () => 40 * GiB,
      used: () => 40 * GiB * (0.42 + 0.02 * seed),
    },
    {
      index: 36,
      type: 4,
      descr: '/var',
      units: 4096,
      size: () => 120 * GiB,
      used: () => 120 * GiB * fill(),
    },
  ]
  const indexes = storages.map(s => s.index)
  const add = (id: number, value: (s: (typeof storages)[number]) => ReturnType<typeof integer>) =>
    column(objects, `1.3.6.1.2.1.25.2.3.1.${id}`, indexes, at => {
      const storage = storages[at]
      return storage ? value(storage) : undefined
    })
  add(1, s => integer(s.index))
  add(2, s => oid(`${HR_STORAGE_TYPES}.${s.type}`))
  add(3, s => octets(s.descr))
  add(4, s => integer(s.units))
  add(5, s => integer(s.size()))
  add(6, s => integer(s.used()))
}

function addUcd(
  objects: Objects,
  ticks: Record<'user' | 'nice' | 'system' | 'idle' | 'wait' | 'irq' | 'soft' | 'steal', number>,
  load: () => number,
  { now, seed }: { now: () => number; seed: number },
): void {
  const memory = '1.3.6.1.4.1.2021.4'
  const cached = () =>
    (4 + wave(now(), { mean: 1, swing: 0.8, period: 700, phase: seed })) * 2 ** 20
  const scalars: [string, () => ReturnType<typeof integer>][] = [
    [`${memory}.3.0`, () => integer(2 * 2 ** 20)],
    [`${memory}.4.0`, () => integer(1.9 * 2 ** 20)],
    [`${memory}.5.0`, () => integer(16 * 2 ** 20)],
    [`${memory}.6.0`, () => integer(2.5 * 2 ** 20)],
    [`${memory}.14.0`, () => integer(0.4 * 2 ** 20)],
    [`${memory}.15.0`, () => integer(cached())],
  ]
  const cpu = '1.3.6.1.4.1.2021.11'
  for (const [id, key] of [
    [50, 'user'],
    [51, 'nice'],
    [52, 'system'],
    [53, 'idle'],
    [54, 'wait'],
    [55, 'system'],
    [56, 'irq'],
    [61, 'soft'],
    [64, 'steal'],
  ] as const) {
    scalars.push([`${cpu}.${id}.0`, () => counter32(ticks[key])])
  }
  for (const [name, value] of scalars) objects.set(name, value)
  const laLoad = (minutes: number) => load() * (1 + 0.1 * Math.sin(now() / (30 * minutes)))
  column(objects, '1.3.6.1.4.1.2021.10.1.3', [1, 2, 3], at =>
    octets(laLoad([1, 5, 15][at] ?? 1).toFixed(2)),
  )
  column(objects, '1.3.6.1.4.1.2021.10.1.5', [1, 2, 3], at =>
    integer(100 * laLoad([1, 5, 15][at] ?? 1)),
  )
}

/** A UPS (UPS-MIB, RFC 1628) that loses its mains for half a minute every five. */
export function upsModel(common: Common): Model {
  const { now, seed } = common
  const up = uptime(now, 86_400 * 200)
  const onBattery = () => now() % 300 > 270
  const sinceLoss = () => (onBattery() ? (now() % 300) - 270 : 0)
  const objects: Objects = new Map()
  addSystem(objects, {
    descr: 'Simulated UPS 3000 VA network card',
    objectId: '1.3.6.1.2.1.33',
    name: common.name,
    location: common.location,
    upSeconds: up.seconds,
  })
  const ups = '1.3.6.1.2.1.33.1'
  const load = () => wave(now(), { mean: 42, swing: 8, period: 500, phase: seed })
  const scalars: [string, () => ReturnType<typeof integer>][] = [
    [`${ups}.1.1.0`, () => octets('Simulated')],
    [`${ups}.1.2.0`, () => octets('UPS 3000')],
    [`${ups}.1.3.0`, () => octets('1.4.2')],
    [`${ups}.2.1.0`, () => integer(2)],
    [`${ups}.2.2.0`, () => integer(sinceLoss())],
    [`${ups}.2.3.0`, () => integer(38 - sinceLoss() / 10)],
    [`${ups}.2.4.0`, () => integer(100 - sinceLoss() / 2)],
    [`${ups}.2.5.0`, () => integer(onBattery() ? 496 : 545)],
    [`${ups}.2.6.0`, () => integer(onBattery() ? 180 : 0)],
    [`${ups}.2.7.0`, () => integer(wave(now(), { mean: 27, swing: 3, period: 1200, phase: seed }))],
    [`${ups}.3.1.0`, () => counter32(Math.floor(now() / 300))],
    [`${ups}.3.2.0`, () => integer(1)],
    [`${ups}.4.1.0`, () => integer(onBattery() ? 5 : 3)],
    [`${ups}.4.2.0`, () => integer(500)],
    [`${ups}.4.3.0`, () => integer(1)],
    [`${ups}.6.1.0`, () => gauge32(onBattery() ? 1 : 0)],
  ]
  for (const [name, value] of scalars) objects.set(name, value)
  column(objects, `${ups}.3.3.1.2`, [1], () => integer(onBattery() ? 0 : 500))
  column(objects, `${ups}.3.3.1.3`, [1], () =>
    integer(onBattery() ? 0 : wave(now(), { mean: 230, swing: 3, period: 200, phase: seed })),
  )
  column(objects, `${ups}.4.4.1.2`, [1], () => integer(230))
  column(objects, `${ups}.4.4.1.3`, [1], () => integer(load() * 1.3))
  column(objects, `${ups}.4.4.1.4`, [1], () => integer(load() * 27))
  column(objects, `${ups}.4.4.1.5`, [1], () => integer(load()))
  return { objects, tick: () => undefined, restart: up.restart }
}
