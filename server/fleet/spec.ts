// A fleet as somebody writes it: one JSON document of services, checked as a whole, every wrong field
// named at once. Pure but for nothing: secrets are opened by whoever asks for them.

import Type, { type Static } from 'typebox'
import { AppError, type FieldError } from '../model/errors.ts'
import { checker } from '../validate.ts'
import { memoryBytesOf, portOf } from './fields.ts'

/** Containers of one fleet. */
export const containersMax = 1000
const servicesMax = 200

const NAME = '^[a-z0-9][a-z0-9_.-]{0,39}$'
/** As engines name images: registry, path, tag or digest. */
const IMAGE = '^[a-z0-9][A-Za-z0-9._/:@-]{0,254}$'

const EnvValue = Type.Union(
  [
    Type.String({ maxLength: 8192 }),
    Type.Object(
      { secret: Type.String({ pattern: '^[a-z0-9][a-z0-9._-]{0,127}$' }) },
      { additionalProperties: false, description: 'a secret, set by "pollux secret set"' },
    ),
    Type.Object(
      { env: Type.String({ pattern: '^[A-Za-z_][A-Za-z0-9_]{0,127}$' }) },
      { additionalProperties: false, description: 'from the environment of the fleet command' },
    ),
  ],
  { description: 'a text, { "secret": NAME } or { "env": VARIABLE }' },
)
export type EnvValue = Static<typeof EnvValue>

const Note = Type.Optional(Type.Union([Type.String(), Type.Array(Type.String())]))
const Texts = (description: string, maxItems = 50) =>
  Type.Optional(
    Type.Array(Type.String({ minLength: 1, maxLength: 1024 }), { maxItems, description }),
  )

export const Service = Type.Object(
  {
    '//': Note,
    image: Type.String({ pattern: IMAGE, description: 'as "nginx:1.27-alpine"' }),
    count: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 500, description: 'containers of this kind; 1' }),
    ),
    command: Texts('program and arguments; left out: what the image says', 200),
    ports: Texts(
      'as "8080:80", "127.0.0.1:8080:80" or "5353:53/udp"; each further container of a count takes the next port of the host',
    ),
    cpus: Type.Optional(
      Type.Number({ minimum: 0.01, maximum: 1024, description: 'cores; left out: no limit' }),
    ),
    memory: Type.Optional(
      Type.String({
        maxLength: 20,
        description: 'as "256m" or "2g", at least 6m; left out: no limit',
      }),
    ),
    network: Type.Optional(
      Type.String({
        pattern: NAME,
        description:
          'containers of one network find one another by the names of their services; or "bridge" (as when left out), "host", "none"',
      }),
    ),
    env: Type.Optional(
      Type.Record(Type.String({ pattern: '^[A-Za-z_][A-Za-z0-9_.-]{0,127}$' }), EnvValue, {
        maxProperties: 100,
      }),
    ),
    volumes: Texts('as "data:/var/lib/mysql" (a volume) or "/etc/x:/etc/x:ro" (of the host)'),
    depends: Texts('services that must have been started before'),
    restart: Type.Optional(
      Type.Enum(['no', 'always', 'on-failure', 'unless-stopped'] as const, {
        description: 'left out: unless-stopped',
      }),
    ),
  },
  { additionalProperties: false },
)
export type Service = Static<typeof Service>

export const Fleet = Type.Object(
  {
    $schema: Type.Optional(Type.String()),
    '//': Note,
    name: Type.String({ pattern: NAME, description: 'goes before the names of its containers' }),
    services: Type.Record(Type.String({ pattern: NAME }), Service, {
      minProperties: 1,
      maxProperties: servicesMax,
      additionalProperties: false,
    }),
  },
  { additionalProperties: false, title: 'A fleet of containers, for "pollux fleet"' },
)
export type Fleet = Static<typeof Fleet>

const checkFleet = checker(Fleet)

/**
 * Reads a fleet's text.
 * @throws AppError E_FLEET whose `errors` name every wrong field
 */
export function parseFleet(text: string, file: string): Fleet {
  let document: unknown
  try {
    document = JSON.parse(text)
  } catch (cause) {
    throw new AppError('E_FLEET', `${file} is not JSON`, { cause, hint: 'mend the text there' })
  }
  const checked = checkFleet(document)
  const errors = checked.ok ? faultsOf(checked.value) : checked.errors.map(explained)
  if (checked.ok && errors.length === 0) return checked.value
  throw new AppError('E_FLEET', `${file} is not a valid fleet`, {
    errors,
    hint: 'docker/fleet.json is an example, docker/fleet.schema.json helps editors',
  })
}

/** What a pattern asks for, in words. */
function explained({ path, message }: FieldError): FieldError {
  if (!message.startsWith('must match pattern')) return { path, message }
  const wanted = path.endsWith('.image')
    ? 'must be the name of an image, as "nginx:1.27-alpine"'
    : path.endsWith('.secret') || path.endsWith('.env')
      ? 'must be a name'
      : 'must be small letters, digits, dots, dashes, at most 40'
  return { path, message: wanted }
}

/** What a schema cannot say. */
function faultsOf({ services }: Fleet): FieldError[] {
  const errors: FieldError[] = []
  const hostPorts = new Map<string, string>()
  let total = 0
  for (const [key, service] of Object.entries(services)) {
    const at = `services.${key}`
    total += service.count ?? 1
    service.ports?.forEach((text, i) => {
      const port = portOf(text)
      const path = `${at}.ports.${i}`
      if (!port) errors.push({ path, message: 'must be as "8080:80" or "127.0.0.1:8080:80/udp"' })
      else errors.push(...portFaults(port, service.count ?? 1, path, hostPorts))
    })
    if (service.memory !== undefined && memoryBytesOf(service.memory) === null)
      errors.push({ path: `${at}.memory`, message: 'must be as "256m" or "2g", at least 6m' })
    service.volumes?.forEach((text, i) => {
      if (!/^[A-Za-z0-9/][^:]*:\/[^:]*(:(ro|rw))?$/.test(text))
        errors.push({
          path: `${at}.volumes.${i}`,
          message: 'must be as "data:/var/lib" or "/host:/inside:ro"',
        })
    })
    service.depends?.forEach((other, i) => {
      const path = `${at}.depends.${i}`
      if (services[other] === undefined)
        errors.push({ path, message: `there is no service "${other}"` })
      else if (reaches(services, other, key))
        errors.push({ path, message: `"${other}" depends on "${key}" in turn` })
    })
  }
  if (total > containersMax)
    errors.push({ path: 'services', message: `are ${total} containers, over ${containersMax}` })
  return errors
}

/** Two containers cannot have one port of the host. */
function portFaults(
  { hostAddress, hostPort, protocol }: NonNullable<ReturnType<typeof portOf>>,
  count: number,
  path: string,
  taken: Map<string, string>,
): FieldError[] {
  const errors: FieldError[] = []
  for (let i = 0; i < count; i++) {
    const key = `${hostAddress}:${hostPort + i}/${protocol}`
    const other = taken.get(key)
    if (hostPort + i > 65535) errors.push({ path, message: `needs port ${hostPort + i}` })
    else if (other !== undefined && other !== path)
      errors.push({ path, message: `needs port ${hostPort + i}, which ${other} has` })
    taken.set(key, path)
    if (errors.length > 0) break
  }
  return errors
}

function reaches(services: Fleet['services'], from: string, to: string): boolean {
  const seen = new Set<string>()
  const queue = [from]
  for (let key = queue.pop(); key !== undefined; key = queue.pop()) {
    if (key === to) return true
    if (seen.has(key)) continue
    seen.add(key)
    queue.push(...(services[key]?.depends ?? []))
  }
  return false
}
