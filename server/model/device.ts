// A device as an admin writes it: one JSON document, the same in a file, the API and the form.
// Pure: no reading, no storing, no opening of secrets.

import Type, { type Static } from 'typebox'
import { Check, checksMax } from './check.ts'
import { DURATION_PATTERN } from './duration.ts'
import { RETENTION_CLASSES } from './retention.ts'

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
  Type.Object({ protocol: Type.Enum(protocols), key: SecretInput }, { additionalProperties: false })

export const AUTH_PROTOCOLS = ['md5', 'sha', 'sha224', 'sha256', 'sha384', 'sha512'] as const
export type AuthProtocol = (typeof AUTH_PROTOCOLS)[number]
/** The letter names how the key is lengthened: b as Blumenthal's draft says, r as Reeder's (Cisco). */
export const PRIV_PROTOCOLS = ['des', 'aes', 'aes192b', 'aes192r', 'aes256b', 'aes256r'] as const
export type PrivProtocol = (typeof PRIV_PROTOCOLS)[number]

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

/** As SecretInput, of a text in PEM: a chain of certificates is a few thousand characters. */
const PemInput = Type.Union([Type.String({ minLength: 1, maxLength: 65_536 }), SecretRef])

/** How an engine is reached over ssh: our key, and what is known of its host (sshd(8)). */
const SshAccess = Type.Object(
  {
    key: PemInput,
    knownHosts: Type.String({ minLength: 1, maxLength: 65_536 }),
  },
  { additionalProperties: false },
)

const TlsFiles = Type.Object(
  {
    ca: Type.Optional(PemInput),
    cert: Type.Optional(PemInput),
    key: Type.Optional(PemInput),
  },
  { additionalProperties: false },
)

/** How an SNMP device is asked, where an admin fixed it: what is named here is not learned. */
export const TuningPins = Type.Object(
  {
    /** max-repetitions of a GETBULK (RFC 3416, section 4.2.3). */
    repetitions: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000 })),
    /** Requests on the way at once. */
    inFlight: Type.Optional(Type.Integer({ minimum: 1, maximum: 16 })),
    /** `fixed`: each try waits the whole `timeout`; else so long as the device's round trips say. */
    timeout: Type.Optional(Type.Enum(['fixed', 'learned'] as const)),
    /** `off`: read as often as the interval says, however the device does. */
    kindness: Type.Optional(Type.Enum(['off', 'on'] as const)),
  },
  { additionalProperties: false },
)
export type TuningPins = Static<typeof TuningPins>

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
    ssh: Type.Optional(SshAccess),
    topics: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: 255 }), { maxItems: 50 }),
    ),
    checks: Type.Optional(Type.Array(Check, { minItems: 1, maxItems: checksMax })),
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
    tuning: Type.Optional(TuningPins),
    /** For how long its samples are kept; absent: as its profiles say. */
    retention: Type.Optional(Type.Enum(RETENTION_CLASSES)),
    enabled: Type.Boolean(),
  },
  { additionalProperties: false },
)
export type DeviceConfig = Static<typeof DeviceConfig>

/** Keys that only devices of these kinds have; what is not named here is of every kind. */
export const KIND_KEYS: Readonly<Record<string, readonly DeviceKind[]>> = {
  address: ['snmp', 'docker', 'check'],
  port: ['snmp'],
  credentials: ['snmp'],
  tuning: ['snmp'],
  tls: ['docker', 'check'],
  ssh: ['docker'],
  topics: ['mqtt'],
}

/** What a config may leave out, and what it then is. */
export const DEVICE_DEFAULTS = {
  profiles: ['auto'],
  every: '60s',
  timeout: '2s',
  retries: 1,
  enabled: true,
} as const

/** SNMP's registered port (RFC 3417, section 3). */
export const SNMP_PORT = 161

/** Shortest interval that a device may be polled at, in ms. */
export const EVERY_MS_MIN = 1000
/** Longest, in ms. */
export const EVERY_MS_MAX = 24 * 3_600_000

/** A device as the store knows it. `uid` is never reused, so a new device never inherits history. */
export interface Device {
  uid: number
  config: DeviceConfig
  version: number
  source: DeviceSource
  identity: DeviceIdentity | null
  tuning: DeviceTuning | null
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

/** Tables of one device whose repetitions are remembered. */
export const tunedTablesMax = 500

/** What an SNMP session learned about its device. */
export const SnmpTuning = Type.Object({
  /** Smoothed round trip and its variation, ms (RFC 6298); null: nothing measured yet. */
  srttMs: Type.Union([Type.Number(), Type.Null()]),
  rttvarMs: Type.Union([Type.Number(), Type.Null()]),
  /** How long an answer is waited for now, ms. */
  timeoutMs: Type.Number(),
  /** Requests on the way at once. */
  inFlight: Type.Integer(),
  /** Size of answer that the device is asked for, octets. */
  messageBytes: Type.Integer(),
  /** False from the first GETBULK on that the agent could not do. */
  bulk: Type.Boolean(),
  /** OIDs in one GET, columns in one GETBULK. */
  oidsPerGet: Type.Integer(),
  columnsPerRequest: Type.Integer(),
  /** By the table's first column. */
  tables: Type.Record(
    Type.String(),
    Type.Object({ repetitions: Type.Integer(), rows: Type.Integer() }),
    { maxProperties: tunedTablesMax },
  ),
})
export type SnmpTuning = Static<typeof SnmpTuning>

/** How much less often heavy tables are read, so that polling does not harm the device. */
export const Kindness = Type.Object({
  /** Heavy tables are read every so many intervals: 1 (always), 2, 4 or 8. */
  factor: Type.Integer({ minimum: 1, maximum: 8 }),
  /** What climbed with our polling, in words for people; null: nothing did. */
  reason: Type.Union([Type.String({ maxLength: 200 }), Type.Null()]),
  /** Since when the factor is what it is, Unix ms; null: always. */
  since: Type.Union([Type.Integer(), Type.Null()]),
})
export type Kindness = Static<typeof Kindness>

/** What was learned by reading a device: kept over restarts, shown on its page. */
export const DeviceTuning = Type.Object({
  /** When it last changed in a way that matters, Unix ms. */
  at: Type.Integer(),
  snmp: Type.Union([SnmpTuning, Type.Null()]),
  kindness: Kindness,
})
export type DeviceTuning = Static<typeof DeviceTuning>
