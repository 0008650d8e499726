// A device as an admin writes it: one JSON document, the same in a file, the API and the form.
// Pure: no reading, no storing, no opening of secrets.

import Type, { type Static } from 'typebox'
import { DURATION_PATTERN } from './duration.ts'

export const DEVICE_KINDS = ['snmp', 'docker', 'agent', 'mqtt', 'check'] as const
export type DeviceKind = (typeof DEVICE_KINDS)[number]

export const DEVICE_ID_PATTERN = '^[a-z0-9][a-z0-9._-]{0,62}$'

/** A secret by its name; what it opens to is kept apart, encrypted. */
export const SecretRef = Type.Object(
  { secret: Type.String({ minLength: 1, maxLength: 128 }) },
  { additionalProperties: false },
)
export type SecretRef = Static<typeof SecretRef>

/** A plain string is accepted once on the way in, and kept as a secret from then on. */
export const SecretInput = Type.Union([Type.String({ minLength: 1, maxLength: 256 }), SecretRef])

const Duration = Type.String({ pattern: DURATION_PATTERN })

export const SnmpCommunityCredentials = Type.Object(
  { version: Type.Union([Type.Literal('1'), Type.Literal('2c')]), community: SecretInput },
  { additionalProperties: false },
)

const KeyedProtocol = <const T extends readonly string[]>(protocols: T) =>
  Type.Object(
    { protocol: Type.Enum([...protocols] as unknown as T), key: SecretInput },
    { additionalProperties: false },
  )

export const AUTH_PROTOCOLS = ['md5', 'sha', 'sha224', 'sha256', 'sha384', 'sha512'] as const
export const PRIV_PROTOCOLS = ['des', 'aes', 'aes256b', 'aes256r'] as const

export const SnmpUserCredentials = Type.Object(
  {
    version: Type.Literal('3'),
    user: Type.String({ minLength: 1, maxLength: 32 }),
    level: Type.Enum(['noAuthNoPriv', 'authNoPriv', 'authPriv'] as const),
    auth: Type.Optional(KeyedProtocol(AUTH_PROTOCOLS)),
    priv: Type.Optional(KeyedProtocol(PRIV_PROTOCOLS)),
    context: Type.Optional(Type.String({ maxLength: 64 })),
  },
  { additionalProperties: false },
)

const TlsFiles = Type.Object(
  {
    ca: Type.Optional(SecretInput),
    cert: Type.Optional(SecretInput),
    key: Type.Optional(SecretInput),
  },
  { additionalProperties: false },
)

/** The device config document (DESIGN: "A device config"). */
export const DeviceConfig = Type.Object(
  {
    id: Type.String({ pattern: DEVICE_ID_PATTERN }),
    name: Type.String({ minLength: 1, maxLength: 100 }),
    kind: Type.Enum(DEVICE_KINDS),
    address: Type.Optional(Type.String({ minLength: 1, maxLength: 255 })),
    port: Type.Optional(Type.Integer({ minimum: 1, maximum: 65535 })),
    credentials: Type.Optional(Type.Union([SnmpCommunityCredentials, SnmpUserCredentials])),
    tls: Type.Optional(TlsFiles),
    topics: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: 255 }), { maxItems: 50 }),
    ),
    profiles: Type.Array(Type.String({ pattern: '^-?[a-z0-9][a-z0-9._-]{0,62}$' }), {
      maxItems: 50,
    }),
    every: Duration,
    timeout: Duration,
    retries: Type.Integer({ minimum: 0, maximum: 5 }),
    location: Type.Optional(Type.String({ maxLength: 100 })),
    tags: Type.Optional(
      Type.Array(Type.String({ pattern: '^[^\\s,]{1,40}$' }), { maxItems: 50, uniqueItems: true }),
    ),
    parents: Type.Optional(
      Type.Array(Type.String({ pattern: DEVICE_ID_PATTERN }), { maxItems: 20 }),
    ),
    alarms: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
    enabled: Type.Boolean(),
  },
  { additionalProperties: false },
)
export type DeviceConfig = Static<typeof DeviceConfig>

/** What a config may leave out, and what it then is. */
export const DEVICE_DEFAULTS = {
  profiles: ['auto'],
  every: '60s',
  timeout: '2s',
  retries: 1,
  enabled: true,
} as const

/** Shortest interval that a device may be polled at, in ms. */
export const EVERY_MS_MIN = 1000

/** A device as the store knows it. `uid` is never reused, so a new device never inherits history. */
export interface Device {
  uid: number
  config: DeviceConfig
  version: number
  source: DeviceSource
  identity: DeviceIdentity | null
  createdAt: number
  updatedAt: number
}

/** Where a config came from; a device `from file` is read-only in the form. */
export type DeviceSource = 'form' | 'api' | 'file' | 'built-in'

/** What the device said it is, and the profiles that were chosen from it. */
export const DeviceIdentity = Type.Object({
  at: Type.Integer(),
  sysDescr: Type.Optional(Type.String()),
  sysObjectID: Type.Optional(Type.String()),
  profiles: Type.Array(Type.String()),
  /** One sentence per chosen profile: which rule chose it. */
  chosenBecause: Type.Array(Type.String()),
  /** vendor, model, version, serial, … as the profiles' `device` fields gave them. */
  facts: Type.Record(Type.String(), Type.String()),
})
export type DeviceIdentity = Static<typeof DeviceIdentity>
