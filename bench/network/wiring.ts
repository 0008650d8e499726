// How the simulated network is wired, and what its devices therefore know of one another: LLDP, the
// forwarding tables of the switches, and ARP in the first core switch.

import type { Objects } from './agent.ts'
import { column, integer, octets } from './objects.ts'

interface End {
  device: string
  index: number
  port: string
}

const end = (device: string, index: number, port: string): End => ({ device, index, port })

/** Between devices. A ring is among them: core-sw-01, core-sw-02, acc-sw-11. */
const LINKS: readonly (readonly [End, End])[] = [
  [end('core-sw-01', 10125, 'Te1/1/1'), end('core-sw-02', 10125, 'Te1/1/1')],
  [end('core-sw-01', 10101, 'Gi1/0/1'), end('acc-sw-11', 10149, 'Te1/1/1')],
  [end('core-sw-01', 10102, 'Gi1/0/2'), end('acc-sw-12', 10149, 'Te1/1/1')],
  [end('core-sw-02', 10101, 'Gi1/0/1'), end('acc-sw-21', 10149, 'Te1/1/1')],
  [end('core-sw-02', 10102, 'Gi1/0/2'), end('acc-sw-22', 10125, 'Te1/1/1')],
  [end('core-sw-02', 10103, 'Gi1/0/3'), end('acc-sw-11', 10101, 'Gi1/0/1')],
  [end('core-sw-01', 10105, 'Gi1/0/5'), end('app-01', 2, 'eth0')],
  [end('core-sw-01', 10106, 'Gi1/0/6'), end('app-02', 2, 'eth0')],
  [end('core-sw-02', 10105, 'Gi1/0/5'), end('db-01', 2, 'eth0')],
  [end('core-sw-02', 10106, 'Gi1/0/6'), end('backup-01', 2, 'eth0')],
]

/** Neighbours that nobody monitors. */
const STRANGERS: readonly {
  at: End
  name: string
  port: string
  descr: string
  address: string
}[] = [
  {
    at: end('acc-sw-11', 10103, 'Gi1/0/3'),
    ...{ name: 'SEP3C5282AB0103', port: 'Port 1', descr: 'IP phone', address: '10.20.2.103' },
  },
  {
    at: end('acc-sw-21', 10105, 'Gi1/0/5'),
    ...{ name: 'ap-hall2-03', port: 'eth0', descr: 'Access point', address: '10.20.4.105' },
  },
  {
    at: end('core-sw-01', 10123, 'Gi1/0/23'),
    ...{ name: 'edge-router', port: 'ge-0/0/1', descr: 'Router', address: '10.20.0.254' },
  },
]

/** Whom one may ask: backup-01 announces itself and tells nothing, so its link has one side. */
const SPEAKERS = new Set(
  LINKS.flat()
    .map(({ device }) => device)
    .filter(device => device !== 'backup-01'),
)

const isSwitch = (device: string) => device.includes('-sw-')

interface Host {
  mac: Uint8Array
  ip: string
  at: End
  vlan: number
}

/** A device's own MAC, from its place in the network. */
export const deviceMac = (seed: number, index = 0): Uint8Array =>
  Uint8Array.of(2, 0x5e, 0x10, seed, index >> 8, index & 255)

/** What is plugged into the desks: ports that are up and no links. */
function hostsOf(devices: readonly string[]): Host[] {
  const used = new Set([...LINKS.flat(), ...STRANGERS.map(({ at }) => at)].map(keyOf))
  return devices.flatMap((device, seed) => {
    if (!device.startsWith('acc-sw-')) return []
    const ports = Array.from({ length: 24 }, (_, i) => i + 1)
    return ports.flatMap((port): Host[] => {
      const at = end(device, 10_100 + port, `Gi1/0/${port}`)
      if (port % 4 === 0 || port % 11 === 0 || used.has(keyOf(at))) return []
      const mac = Uint8Array.of(0x3c, 0x52, 0x82, 0xab, seed, port)
      return [{ mac, ip: `10.20.${seed}.${port}`, at, vlan: 10 + seed }]
    })
  })
}

const keyOf = ({ device, index }: End) => `${device} ${index}`

/** Adds what a device knows of the others. @param devices all ids; a device's seed is its place */
export function addNeighbours(objects: Objects, self: string, devices: readonly string[]): void {
  const seedOf = (device: string) => devices.indexOf(device)
  if (SPEAKERS.has(self)) addLldp(objects, self, seedOf)
  if (!isSwitch(self)) return
  const hosts = [
    ...hostsOf(devices),
    ...LINKS.map(([, b]) => b)
      .filter(({ device }) => !isSwitch(device))
      .map(({ device }): Host => {
        const at = LINKS.find(([, b]) => b.device === device)?.[0] ?? end(device, 0, '')
        const seed = seedOf(device)
        return { mac: deviceMac(seed, 2), ip: `10.20.0.${10 + seed}`, at, vlan: 10 }
      }),
  ]
  addForwarding(objects, self, hosts)
  if (self === 'core-sw-01') addArp(objects, hosts)
}

/** LLDP-MIB: the chassis, the ports with links, and the neighbours on them. */
function addLldp(objects: Objects, self: string, seedOf: (device: string) => number): void {
  const lldp = '1.0.8802.1.1.2.1'
  const local = `${lldp}.3`
  objects.set(`${local}.1.0`, () => integer(4))
  objects.set(`${local}.2.0`, () => octets(deviceMac(seedOf(self))))
  objects.set(`${local}.3.0`, () => octets(self))
  const known = [
    ...LINKS.flatMap(([a, b]) => {
      const pairs = [
        { at: a, other: b },
        { at: b, other: a },
      ]
      return pairs
        .filter(({ at }) => at.device === self)
        .map(({ at, other: { device, port } }) => {
          return { at, name: device, port, descr: '', address: '', mac: deviceMac(seedOf(device)) }
        })
    }),
    ...STRANGERS.filter(({ at }) => at.device === self).map(stranger => ({
      ...stranger,
      mac: Uint8Array.of(0x3c, 0x52, 0x82, 0xaa, 1, stranger.at.index & 255),
    })),
  ]
  const indexes = known.map(({ at }) => at.index % 10_000)
  column(objects, `${local}.7.1.2`, indexes, () => integer(5))
  column(objects, `${local}.7.1.3`, indexes, i => octets(known[i]?.at.port ?? ''))
  const remote = indexes.map(index => `0.${index}.1`)
  const entry = `${lldp}.4.1.1`
  column(objects, `${entry}.4`, remote, () => integer(4))
  column(objects, `${entry}.5`, remote, i => octets(known[i]?.mac ?? ''))
  column(objects, `${entry}.6`, remote, () => integer(5))
  column(objects, `${entry}.7`, remote, i => octets(known[i]?.port ?? ''))
  column(objects, `${entry}.8`, remote, i => octets(known[i]?.descr ?? ''))
  column(objects, `${entry}.9`, remote, i => octets(known[i]?.name ?? ''))
  for (const [i, { address }] of known.entries()) {
    if (address) objects.set(`${lldp}.4.2.1.3.${remote[i]}.1.4.${address}`, () => integer(2))
  }
}

/** Q-BRIDGE-MIB: every host, behind its port or on the way there. */
function addForwarding(objects: Objects, self: string, hosts: readonly Host[]): void {
  const seen = hosts.flatMap(({ mac, at, vlan }) => {
    const index = at.device === self ? at.index : wayTo(self, at.device)
    return index === null ? [] : [{ index, row: `${vlan}.${[...mac].join('.')}` }]
  })
  const ports = [...new Set(seen.map(({ index }) => index))]
  column(objects, '1.3.6.1.2.1.17.1.4.1.2', ports.map(bridgePort), i => integer(ports[i] ?? 0))
  const rows = seen.map(({ row }) => row)
  const entry = '1.3.6.1.2.1.17.7.1.2.2.1'
  column(objects, `${entry}.2`, rows, i => integer(bridgePort(seen[i]?.index ?? 0)))
  column(objects, `${entry}.3`, rows, () => integer(3))
}

const bridgePort = (index: number) => index - 10_100

/** The port by which a switch reaches another one: the first link of a shortest way. */
function wayTo(from: string, to: string): number | null {
  const ends = (device: string) =>
    LINKS.flatMap(([a, b]) => [
      { at: a, other: b },
      { at: b, other: a },
    ]).filter(({ at, other }) => at.device === device && isSwitch(other.device))
  const ways = ends(from).map(({ at, other }) => ({ port: at.index, device: other.device }))
  const known = new Set([from])
  for (const { port, device } of ways) {
    if (device === to) return port
    if (known.has(device)) continue
    known.add(device)
    for (const { other } of ends(device)) ways.push({ port, device: other.device })
  }
  return null
}

/** IP-MIB's older table: who has which address. */
function addArp(objects: Objects, hosts: readonly Host[]): void {
  const rows = hosts.map(({ ip }) => `10125.${ip}`)
  column(objects, '1.3.6.1.2.1.4.22.1.2', rows, i => octets(hosts[i]?.mac ?? ''))
}
