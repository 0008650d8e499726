// The device form's fields and the device document: one to the other and back. A field is named by
// its path in the document, so that an error of the document finds its field.

import type { Device, DeviceConfig } from '../../model/device.ts'
import type { FieldError } from '../../model/errors.ts'
import { plainText } from '../words.ts'

/** Values of one form; beyond, it is not our form. */
const FIELDS_MAX = 100
const VALUE_CHARS_MAX = 4000

export type Values = Record<string, string>

/** Fields whose text goes in and never comes out. */
export const SECRET_FIELDS = [
  'credentials.community',
  'credentials.auth.key',
  'credentials.priv.key',
  'tls.ca',
  'tls.cert',
  'tls.key',
  'ssh.key',
] as const

/** Texts of several lines: certificates, keys, known hosts; as long as the document takes them. */
const LONG_FIELDS: ReadonlySet<string> = new Set([
  ...['tls.ca', 'tls.cert', 'tls.key', 'ssh.key', 'ssh.knownHosts'],
])
const LONG_CHARS_MAX = 65_536

export const EMPTY: Values = {
  kind: 'snmp',
  port: '161',
  'credentials.version': '2c',
  'credentials.level': 'authPriv',
  'credentials.auth.protocol': 'sha256',
  'credentials.priv.protocol': 'aes',
  profiles: 'auto',
  every: '60s',
  timeout: '2s',
  retries: '1',
  enabled: 'on',
}

/** The texts of a posted form; a field sent twice counts as its last. */
export function readValues(body: unknown): Values {
  const values: Values = {}
  if (typeof body !== 'object' || body === null) return values
  for (const [name, sent] of Object.entries(body).slice(0, FIELDS_MAX)) {
    const value: unknown = Array.isArray(sent) ? sent.at(-1) : sent
    if (typeof value !== 'string') continue
    // A browser ends lines with CR LF (HTML, 4.10.5.3); one too many is refused by the document's check.
    if (LONG_FIELDS.has(name))
      values[name] = value.replaceAll('\r\n', '\n').slice(0, LONG_CHARS_MAX + 1)
    else values[name] = value.slice(0, VALUE_CHARS_MAX)
  }
  return values
}

/** What the form shows of a stored device; never a secret. */
export function valuesOf({ config, version }: Device): Values {
  const { credentials } = config
  const values: Values = {
    ...EMPTY,
    _version: String(version),
    id: config.id,
    name: plainText(config.name),
    kind: config.kind,
    address: plainText(config.address),
    topics: (config.topics ?? []).join(' '),
    port: config.port === undefined ? '' : String(config.port),
    profiles: config.profiles.join(' '),
    every: config.every,
    timeout: config.timeout,
    retries: String(config.retries),
    location: plainText(config.location),
    retention: config.retention ?? '',
    tags: (config.tags ?? []).map(tag => plainText(tag)).join(' '),
    enabled: config.enabled ? 'on' : '',
    'tuning.repetitions': String(config.tuning?.repetitions ?? ''),
    'tuning.inFlight': String(config.tuning?.inFlight ?? ''),
    'tuning.timeout': config.tuning?.timeout ?? 'learned',
    'tuning.kindness': config.tuning?.kindness ?? 'on',
    'ssh.knownHosts': config.ssh?.knownHosts ?? '',
  }
  if (credentials) values['credentials.version'] = credentials.version
  if (credentials?.version === '3') {
    values['credentials.user'] = credentials.user
    values['credentials.level'] = credentials.level
    values['credentials.context'] = credentials.context ?? ''
    if (credentials.auth) values['credentials.auth.protocol'] = credentials.auth.protocol
    if (credentials.priv) values['credentials.priv.protocol'] = credentials.priv.protocol
  }
  return values
}

/**
 * The document that a form means. What the form does not show (parents, alarms) stays as it is
 * stored, and so does a secret whose field was left empty.
 */
export function documentOf(values: Values, stored: Device | null): Record<string, unknown> {
  const text = (name: string) => values[name]?.trim() ?? ''
  const kind = stored?.config.kind ?? text('kind')
  const name = text('name')
  const id = stored?.config.id ?? (text('id') || slug(name) || slug(text('address')))
  const document: Record<string, unknown> = {
    ...stored?.config,
    id,
    name: name || id,
    kind,
    address: text('address') || undefined,
    every: text('every'),
    timeout: text('timeout'),
    retries: numberOr(text('retries')),
    profiles: words(text('profiles')),
    location: text('location') || undefined,
    tags: words(text('tags')),
    retention: text('retention') || undefined,
    enabled: text('enabled') !== '',
  }
  if (kind === 'snmp') {
    document.port = text('port') === '' ? undefined : numberOr(text('port'))
    document.credentials = credentialsOf(text, stored?.config.credentials)
    document.tuning = tuningOf(text)
  }
  if (kind === 'docker') Object.assign(document, engineAccessOf(text, stored?.config))
  if (kind === 'mqtt') document.topics = text('topics').split(/\s+/).filter(Boolean)
  if (kind === 'agent' || kind === 'mqtt') delete document.address
  return Object.fromEntries(Object.entries(document).filter(([, value]) => value !== undefined))
}

type Text = (name: string) => string

/** Only what is fixed; the rest is learned. */
function tuningOf(text: Text): Record<string, unknown> | undefined {
  const fixed = (name: string) => (text(name) === '' ? undefined : numberOr(text(name)))
  const pins = defined({
    repetitions: fixed('tuning.repetitions'),
    inFlight: fixed('tuning.inFlight'),
    timeout: text('tuning.timeout') === 'fixed' ? 'fixed' : undefined,
    kindness: text('tuning.kindness') === 'off' ? 'off' : undefined,
  })
  return Object.keys(pins).length > 0 ? pins : undefined
}

/** The texts that go with the address: of TLS for tcp, of ssh for ssh, of none for a socket. */
function engineAccessOf(text: Text, stored?: DeviceConfig): Pick<Record<string, unknown>, string> {
  const address = text('address')
  const kept = text('tls.forget') === '' ? stored?.tls : undefined
  const tls = defined({
    ca: text('tls.ca') || kept?.ca,
    cert: text('tls.cert') || kept?.cert,
    key: text('tls.key') || kept?.key,
  })
  const ssh = defined({
    key: text('ssh.key') || stored?.ssh?.key,
    knownHosts: text('ssh.knownHosts') || undefined,
  })
  return {
    tls: address.startsWith('tcp://') && Object.keys(tls).length > 0 ? tls : undefined,
    ssh: address.startsWith('ssh://') ? ssh : undefined,
  }
}

function credentialsOf(text: Text, stored: DeviceConfig['credentials']): Record<string, unknown> {
  const version = text('credentials.version')
  if (version !== '3') {
    const kept = stored && stored.version !== '3' ? stored.community : undefined
    return defined({ version, community: text('credentials.community') || kept })
  }
  const level = text('credentials.level')
  const kept = stored?.version === '3' ? stored : undefined
  const keyed = (part: 'auth' | 'priv') => {
    const key = text(`credentials.${part}.key`) || kept?.[part]?.key
    return key && { protocol: text(`credentials.${part}.protocol`), key }
  }
  return defined({
    version,
    user: text('credentials.user') || undefined,
    level,
    auth: level === 'noAuthNoPriv' ? undefined : keyed('auth'),
    priv: level === 'authPriv' ? keyed('priv') : undefined,
    context: text('credentials.context') || undefined,
  })
}

function defined(object: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined))
}

/** Words between commas and spaces, each once. */
function words(text: string): string[] {
  return [...new Set(text.split(/[\s,]+/).filter(Boolean))]
}

/** A number, or the text as it is: the document's own check says what is wrong with it. */
function numberOr(text: string): number | string {
  return /^\d{1,9}$/.test(text) ? Number(text) : text
}

/** An id made of a name: `Core switch 1` is `core-switch-1`. */
export function slug(name: string): string {
  return name
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, '-')
    .replace(/^[^a-z0-9]+|[-._]+$/g, '')
    .slice(0, 63)
}

/** What the form itself can say before the document is looked at. */
export function formErrors(document: Record<string, unknown>): FieldError[] {
  const errors: FieldError[] = []
  if (document.id === '')
    errors.push({ path: 'name', message: 'is missing: give the device a name' })
  return errors
}

/** Fields of the form by the path that an error may have; `tags.3` is in `tags`. */
const LABELS: Record<string, string> = {
  id: 'Id',
  name: 'Name',
  kind: 'Kind',
  address: 'Address',
  topics: 'Topics',
  port: 'Port',
  'credentials.version': 'SNMP version',
  'credentials.community': 'Community',
  'credentials.user': 'User',
  'credentials.level': 'Security level',
  'credentials.auth.protocol': 'Authentication protocol',
  'credentials.auth.key': 'Authentication key',
  'credentials.priv.protocol': 'Privacy protocol',
  'credentials.priv.key': 'Privacy key',
  'credentials.context': 'Context',
  'tls.ca': 'Certificate of the authority',
  'tls.cert': 'Our certificate',
  'tls.key': 'Our key of TLS',
  'ssh.key': 'Our key of ssh',
  'ssh.knownHosts': 'Known hosts',
  every: 'Poll every',
  timeout: 'Timeout',
  retries: 'Retries',
  'tuning.repetitions': 'Rows in one request',
  'tuning.inFlight': 'Requests at once',
  'tuning.timeout': 'Answers are awaited',
  'tuning.kindness': 'When it is slowed down by polling',
  profiles: 'Profiles',
  retention: 'Samples are kept',
  location: 'Location',
  tags: 'Tags',
}

export interface ShownError {
  /** The field's name and id; empty: no field of the form. */
  field: string
  label: string
  message: string
}

/**
 * Errors of a document as the form shows them: one for each field, and none of the SNMP version that
 * was not chosen (a document's check names what is wrong under either).
 */
export function shownErrors(errors: readonly FieldError[], values: Values): ShownError[] {
  const version = values['credentials.version'] ?? ''
  const own = errors.filter(({ path }) => !isOtherVersion(path, version))
  const shown = new Map<string, ShownError>()
  for (const { path, message } of own.length > 0 ? own : errors) {
    const field =
      Object.keys(LABELS).find(name => path === name || path.startsWith(`${name}.`)) ?? ''
    const key = field || path
    if (!shown.has(key)) shown.set(key, { field, label: LABELS[field] ?? path, message })
  }
  return [...shown.values()]
}

function isOtherVersion(path: string, version: string): boolean {
  if (path === 'credentials') return true
  if (!path.startsWith('credentials.')) return false
  if (path === 'credentials.version') return ['1', '2c', '3'].includes(version)
  return (path === 'credentials.community') === (version === '3')
}
