// The single containers that a fleet asks for, with the labels by which they are known again. Pure.

import { createHash } from 'node:crypto'
import type { Deployed, NewContainer } from '../docker/deploy.ts'
import { memoryBytesOf, portOf } from './fields.ts'
import type { Fleet, Service } from './spec.ts'

/** `pollux.fleet` says whose a thing is: nothing without it is ever changed or removed. */
export const LABELS = {
  fleet: 'pollux.fleet',
  service: 'pollux.fleet.service',
  /** What the container was made of: another value means that it is to be made again. */
  spec: 'pollux.fleet.spec',
} as const

/** Networks that every engine has. */
const BUILT_IN = new Set(['bridge', 'host', 'none'])

export interface Unit {
  service: string
  depends: readonly string[]
  container: NewContainer
}

/** Environments by service, with secrets opened. */
export type Environments = ReadonlyMap<string, Readonly<Record<string, string>>>

export function unitsOf(fleet: Fleet, environments: Environments): Unit[] {
  return Object.entries(fleet.services).flatMap(([key, service]) =>
    Array.from({ length: service.count ?? 1 }, (_, i) => ({
      service: key,
      depends: service.depends ?? [],
      container: containerOf(fleet, key, service, i, environments.get(key) ?? {}),
    })),
  )
}

function containerOf(
  { name: fleet }: Fleet,
  key: string,
  service: Service,
  i: number,
  env: Readonly<Record<string, string>>,
): NewContainer {
  const { network = 'bridge' } = service
  return {
    name: `${fleet}-${key}-${i + 1}`,
    image: service.image,
    command: service.command ?? null,
    env,
    labels: { [LABELS.fleet]: fleet, [LABELS.service]: key },
    ports: (service.ports ?? [])
      .map(portOf)
      .filter(port => port !== null)
      .map(port => ({ ...port, hostPort: port.hostPort + i })),
    cpus: service.cpus ?? null,
    memoryBytes: service.memory === undefined ? null : memoryBytesOf(service.memory),
    network: BUILT_IN.has(network) ? network : `${fleet}-${network}`,
    aliases: [key],
    volumes: (service.volumes ?? []).map(text =>
      text.startsWith('/') ? text : `${fleet}-${text}`,
    ),
    restart: service.restart ?? 'unless-stopped',
  }
}

/** Networks that are the fleet's own. */
export function networksOf(units: readonly Unit[]): string[] {
  const names = units.map(({ container }) => container.network)
  return [...new Set(names)].filter(name => !BUILT_IN.has(name))
}

/** Named volumes; paths of the host are none. */
export function volumesOf(units: readonly Unit[]): string[] {
  const names = units.flatMap(({ container }) => container.volumes)
  return [
    ...new Set(names.filter(text => !text.startsWith('/')).map(text => text.split(':')[0] ?? '')),
  ]
}

/** Changes with every field, with every secret, and with the image that a name stands for. */
export function specHash(container: NewContainer, imageId: string): string {
  return createHash('sha256')
    .update(JSON.stringify([container, imageId]))
    .digest('hex')
    .slice(0, 32)
}

/** By label and name: an image that was made of a container (`docker commit`) copies its labels. */
export function isOf(fleet: string, { name, labels }: Deployed): boolean {
  const start = `${fleet}-${labels[LABELS.service] ?? ''}-`
  return (
    labels[LABELS.fleet] === fleet &&
    name.startsWith(start) &&
    /^[1-9][0-9]*$/.test(name.slice(start.length))
  )
}
