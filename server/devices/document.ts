// A device document from a form, the API or a file: defaults filled in, every wrong field named at
// once, in words that fit beside a form field. It knows nothing of what is stored.

import { checkAddress } from '../model/beside.ts'
import { type Check, checkErrors } from '../model/check.ts'
import {
  DEVICE_DEFAULTS,
  DeviceConfig,
  type DeviceKind,
  EVERY_MS_MAX,
  EVERY_MS_MIN,
  SNMP_PORT,
} from '../model/device.ts'
import { parseDuration } from '../model/duration.ts'
import { AppError, type FieldError, messageOf } from '../model/errors.ts'
import { overrideErrors } from '../profiles/alarmoverride.ts'
import { checker } from '../validate.ts'

/** Longest interval: beyond a day a chart is a list. */
const TIMEOUT_MS_MAX = 60_000

const check = checker(DeviceConfig)

const POLLED: ReadonlySet<DeviceKind> = new Set(['snmp', 'docker', 'check'])
/** Words that stand where an id would in the addresses of pages. */
const RESERVED_IDS: ReadonlySet<string> = new Set([
  'new',
  'test',
  'bulk',
  'columns',
  'views',
  'import',
  'export.json',
  'export.csv',
])
/** Kinds that this version can serve. */
const SERVED: ReadonlySet<DeviceKind> = new Set(['snmp', 'docker', 'agent', 'mqtt', 'check'])

/**
 * The config of a document, complete.
 * @throws AppError E_DEVICE_INVALID with every wrong field
 */
export function deviceConfig(document: unknown): DeviceConfig {
  const filled = withDefaults(document)
  const durations = durationErrors(filled)
  const named = new Set(durations.map(e => e.path))
  const checked = check(filled)
  const errors = [
    ...durations,
    ...(checked.ok ? [] : readable(checked.errors.filter(e => !named.has(e.path)))),
  ]
  if (checked.ok && errors.length === 0) errors.push(...contradictions(checked.value))
  if (!checked.ok || errors.length > 0) throw invalid(errors)
  return checked.value
}

export function invalid(errors: FieldError[]): AppError {
  const first = errors[0]
  return new AppError(
    'E_DEVICE_INVALID',
    `the device is not valid: ${[first?.path, first?.message].filter(Boolean).join(' ')}`,
    { errors, hint: 'mend the fields named and save again' },
  )
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function withDefaults(document: unknown): Record<string, unknown> {
  if (!isObject(document)) throw invalid([{ path: '', message: 'must be a JSON object' }])
  const name = document.name ?? document.id
  const filled: Record<string, unknown> = { ...DEVICE_DEFAULTS, ...document, name }
  if (filled.kind === 'snmp') filled.port ??= SNMP_PORT
  return filled
}

/** Durations have words of their own: "5 parsecs" is no pattern mismatch, and 0s is too short. */
function durationErrors(document: Record<string, unknown>): FieldError[] {
  const errors: FieldError[] = []
  for (const [path, min, max] of [
    ['every', EVERY_MS_MIN, EVERY_MS_MAX],
    ['timeout', 100, TIMEOUT_MS_MAX],
  ] as const) {
    const text = document[path]
    if (typeof text !== 'string') continue
    try {
      const ms = parseDuration(text)
      if (ms < min) errors.push({ path, message: `must be at least ${min / 1000} s` })
      if (ms > max) errors.push({ path, message: `must be at most ${max / 1000} s` })
    } catch (error) {
      const hint = error instanceof AppError ? `: ${error.hint}` : ''
      errors.push({ path, message: `${messageOf(error)}${hint}` })
    }
  }
  return errors
}

const PATTERN_WORDS: Record<string, string> = {
  id: 'must be small letters, digits, dots, dashes and underscores, at most 63, and start with a letter or digit',
}

function readable(errors: FieldError[]): FieldError[] {
  return errors.map(e => {
    if (e.message.startsWith('must match pattern')) {
      return { ...e, message: PATTERN_WORDS[e.path] ?? 'has characters that are not allowed here' }
    }
    if (/NOT have fewer than 1 char/.test(e.message)) return { ...e, message: 'must not be empty' }
    return e
  })
}

function contradictions(config: DeviceConfig): FieldError[] {
  const errors: FieldError[] = []
  if (RESERVED_IDS.has(config.id))
    errors.push({ path: 'id', message: `"${config.id}" is the address of a page: choose another` })
  if (!SERVED.has(config.kind))
    errors.push({ path: 'kind', message: `"${config.kind}" is not served by this version` })
  if (POLLED.has(config.kind) && config.address === undefined)
    errors.push({ path: 'address', message: 'is missing' })
  if (config.kind === 'snmp') errors.push(...snmpErrors(config))
  if (config.kind !== 'snmp' && config.tuning !== undefined)
    errors.push({ path: 'tuning', message: 'is for SNMP devices' })
  if (config.kind === 'docker') errors.push(...dockerErrors(config))
  if (config.kind === 'check') {
    errors.push(...hostErrors(config))
    if (config.checks === undefined) errors.push({ path: 'checks', message: 'are missing' })
  }
  if (config.checks !== undefined) errors.push(...checksErrors(config, config.checks))
  if (config.kind === 'mqtt') errors.push(...mqttErrors(config))
  else if (config.topics !== undefined)
    errors.push({ path: 'topics', message: 'are for MQTT senders' })
  if (config.alarms !== undefined) errors.push(...overrideErrors(config.alarms))
  if (config.parents?.includes(config.id))
    errors.push({ path: 'parents', message: 'a device cannot be its own parent' })
  return errors
}

function hostErrors({ address }: DeviceConfig): FieldError[] {
  if (address === undefined || /^[A-Za-z0-9._:[\]%-]+$/.test(address)) return []
  const message = 'must be a host name or an IP address, without port or scheme'
  return [{ path: 'address', message }]
}

/** Of a device without an address, as a Docker socket, each check must say whom it asks. */
function checksErrors(config: DeviceConfig, checks: readonly Check[]): FieldError[] {
  const errors = checkErrors(checks)
  const address = checkAddress(config)
  if (address !== null && (config.kind === 'agent' || config.kind === 'mqtt'))
    errors.push(...hostErrors({ ...config, address }))
  if (address !== null || config.kind === 'check') return errors
  const message = 'is missing: this device has no address of its own'
  for (const [i, { type, host }] of checks.entries())
    if ((type === 'ping' || type === 'tcp') && host === undefined)
      errors.push({ path: `checks.${i}.host`, message })
  return errors
}

function snmpErrors(config: DeviceConfig): FieldError[] {
  const errors = hostErrors(config)
  const credentials = config.credentials
  if (!credentials) return [...errors, { path: 'credentials.community', message: 'is missing' }]
  if (credentials.version !== '3') return errors
  if (credentials.level !== 'noAuthNoPriv' && !credentials.auth) {
    errors.push({ path: 'credentials.auth.key', message: `is needed for ${credentials.level}` })
  }
  if (credentials.level === 'authPriv' && !credentials.priv) {
    errors.push({ path: 'credentials.priv.key', message: 'is needed for authPriv' })
  }
  return errors
}

function dockerErrors(config: DeviceConfig): FieldError[] {
  const address = config.address ?? ''
  if (/^unix:\/\/\/.+/.test(address)) return []
  if (/^tcp:\/\/[A-Za-z0-9._:[\]%-]+:\d{1,5}$/.test(address)) return []
  if (/^ssh:\/\/[A-Za-z0-9._-]+@[A-Za-z0-9._:[\]%-]+(\/.*)?$/.test(address)) {
    return config.ssh
      ? []
      : [{ path: 'ssh', message: 'is needed for an ssh:// address: key and knownHosts' }]
  }
  return [
    {
      path: 'address',
      message: 'must be unix:///path/to/docker.sock, tcp://host:port or ssh://user@host',
    },
  ]
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL = /[\0-\x1f]/
/** MQTT 3.1.1, 4.7.1: a wildcard fills its level, and `#` is the last one. */
const TOPIC_FILTER = /^(#|(\+|[^+#]*)(\/(\+|[^+#]*))*(\/#)?)$/

function mqttErrors({ topics }: DeviceConfig): FieldError[] {
  if (topics === undefined || topics.length === 0)
    return [{ path: 'topics', message: 'are missing' }]
  return topics.flatMap((topic, i) => {
    const path = `topics.${i}`
    if (/^(pollux|pollux\/.*|\$.*)$/.test(topic))
      return [{ path, message: `may not be "${topic}": those are Pollux's and the broker's own` }]
    return TOPIC_FILTER.test(topic) && !CONTROL.test(topic)
      ? []
      : [{ path, message: `have a wildcard in the wrong place in "${topic.slice(0, 60)}"` }]
  })
}
