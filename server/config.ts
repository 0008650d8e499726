// Settings from the environment (or `.env`): one table of name, default, meaning and reader. All
// wrong ones are reported together. Nothing here opens what a setting names. It is past 300 lines
// because every setting stands in the one table that help, README and checks are made from.

import { isIP } from 'node:net'
import path from 'node:path'
import { parseDuration } from './model/duration.ts'
import { AppError, type FieldError, messageOf } from './model/errors.ts'
import { ROLES, type Role, SECOND_STEP_RULES, type SecondStepRule } from './model/user.ts'

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
type LogLevel = (typeof LOG_LEVELS)[number]
const SNMP_TRANSPORTS = ['dgram', 'batched'] as const
export type SnmpTransport = (typeof SNMP_TRANSPORTS)[number]
const SPOOL_ORDERS = ['oldest', 'newest'] as const
type SpoolOrder = (typeof SPOOL_ORDERS)[number]
/** What a process does; one alone does all of it. */
export const PROCESS_ROLES = ['poll', 'ingest', 'judge', 'web'] as const
export type ProcessRole = (typeof PROCESS_ROLES)[number]

export interface ListenAddress {
  host: string
  port: number
}

export interface Config {
  roles: readonly ProcessRole[]
  host: string
  port: number
  dataDir: string
  databaseUrl: string
  redisUrl: string | null
  mqttUrl: string | null
  mqttListen: ListenAddress
  trapListen: ListenAddress | 'auto' | null
  syslogListen: ListenAddress | 'auto' | null
  eventRelays: string[]
  agentMqttUrl: string | null
  site: string
  secretKey: string | null
  secretKeyFile: string | null
  adminPassword: string | null
  profilesDir: string | null
  devicesDir: string | null
  logLevel: LogLevel
  publicUrl: string | null
  tlsCert: string | null
  tlsKey: string | null
  trustProxy: string[]
  insecureHttp: boolean
  allowNetworks: string[]
  snmpTransport: SnmpTransport
  spoolOrder: SpoolOrder
  secondStep: SecondStepRule
  /** ms */
  auditKept: number
  sessionIdle: number
  sessionMax: number
  remoteWriteUrl: string | null
  remoteWriteToken: string | null
  influxUrl: string | null
  influxToken: string | null
  oidcIssuer: string | null
  oidcClientId: string | null
  oidcClientSecret: string | null
  oidcClaim: string
  oidcRoles: readonly RoleRule[]
}

/** People whose claim holds the value get the role. */
export interface RoleRule {
  role: Role
  value: string
}

interface Setting<K extends keyof Config> {
  name: string
  key: K
  /** As it would be written; empty: none. */
  fallback: string
  meaning: string
  /** Never shown, not even masked by length. */
  secret?: boolean
  read: (text: string) => Config[K]
}

const setting = <K extends keyof Config>(s: Setting<K>): Setting<K> => s

const text = (value: string): string => value
const textOrNone = (value: string): string | null => (value === '' ? null : value)
const pathOrNone = (value: string): string | null => (value === '' ? null : path.resolve(value))

function port(value: string): number {
  const number = Number(value)
  if (!Number.isInteger(number) || number < 0 || number > 65_535)
    throw new Error('must be a port, 0 to 65535')
  return number
}

function flag(value: string): boolean {
  if (value === '' || value === '0' || value === 'false') return false
  if (value === '1' || value === 'true') return true
  throw new Error('must be 1 or 0')
}

function list(value: string): string[] {
  return value.split(/[\s,]+/).filter(Boolean)
}

function networks(value: string): string[] {
  const all = list(value)
  for (const network of all) {
    const [address = '', bits] = network.split('/')
    const max = isIP(address) === 6 ? 128 : 32
    if (
      isIP(address) === 0 ||
      (bits !== undefined && !(/^\d+$/.test(bits) && Number(bits) <= max))
    ) {
      throw new Error(`"${network}" is not a network such as 10.0.0.0/8`)
    }
  }
  return all
}

function urlOf(schemes: readonly string[]) {
  return (value: string): string | null => {
    if (value === '') return null
    const scheme = schemes.find(s => value.startsWith(s))
    if (!scheme) throw new Error(`must start with ${schemes.join(' or ')}`)
    if (scheme.endsWith('//') && !URL.canParse(value)) throw new Error('is not a URL')
    return value
  }
}

/** For an HTTP header. */
function headerText(value: string): string | null {
  if (!/^[\x21-\x7e]*$/.test(value)) throw new Error('must be ASCII without spaces')
  return textOrNone(value)
}

function listen(value: string): ListenAddress {
  const at = value.lastIndexOf(':')
  if (at < 1) throw new Error('must be HOST:PORT')
  return { host: value.slice(0, at).replace(/^\[(.*)\]$/, '$1'), port: port(value.slice(at + 1)) }
}

function listenOrAuto(value: string): ListenAddress | 'auto' | null {
  if (value === 'off') return null
  return value === 'auto' ? 'auto' : listen(value)
}

function site(value: string): string {
  if (!/^[a-z0-9][a-z0-9_-]{0,31}$/.test(value))
    throw new Error('must be letters, digits, - and _, at most 32')
  return value
}

function logLevel(value: string): LogLevel {
  const level = LOG_LEVELS.find(l => l === value)
  if (!level) throw new Error(`must be one of ${LOG_LEVELS.join(', ')}`)
  return level
}

function spoolOrder(value: string): SpoolOrder {
  const order = SPOOL_ORDERS.find(o => o === value)
  if (!order) throw new Error(`must be one of ${SPOOL_ORDERS.join(', ')}`)
  return order
}

function processRoles(value: string): ProcessRole[] {
  const named = list(value)
  const unknown = named.find(name => !PROCESS_ROLES.some(role => role === name))
  if (named.length === 0 || unknown !== undefined)
    throw new Error(`must be some of ${PROCESS_ROLES.join(', ')}`)
  return PROCESS_ROLES.filter(role => named.includes(role))
}

function secondStep(value: string): SecondStepRule {
  const rule = SECOND_STEP_RULES.find(r => r === value)
  if (!rule) throw new Error(`must be one of ${SECOND_STEP_RULES.join(', ')}`)
  return rule
}

function snmpTransport(value: string): SnmpTransport {
  const transport = SNMP_TRANSPORTS.find(t => t === value)
  if (!transport) throw new Error(`must be one of ${SNMP_TRANSPORTS.join(', ')}`)
  return transport
}

function sessionMs(value: string): number {
  const ms = parseDuration(value)
  if (ms < 5 * 60_000 || ms > 90 * 86_400_000) throw new Error('must be from 5m to 90d')
  return ms
}

function auditKept(value: string): number {
  const ms = parseDuration(value)
  if (ms < 90 * 86_400_000 || ms > 3650 * 86_400_000) throw new Error('must be from 90d to 3650d')
  return ms
}

function roleRules(value: string): RoleRule[] {
  return value
    .split(',')
    .map(text => text.trim())
    .filter(Boolean)
    .map(text => {
      const at = text.indexOf('=')
      const role = ROLES.find(one => one === text.slice(0, at).trim())
      const wanted = text.slice(at + 1).trim()
      if (at < 0 || !role || wanted === '')
        throw new Error(`"${text}" is not ROLE=VALUE, with a role of ${ROLES.join(', ')}`)
      return { role, value: wanted }
    })
}

function issuer(value: string): string | null {
  if (value === '') return null
  if (!URL.canParse(value)) throw new Error('is not a URL')
  const { protocol, hostname } = new URL(value)
  if (protocol === 'https:') return value
  if (protocol === 'http:' && isLoopback(hostname.replace(/^\[(.*)\]$/, '$1'))) return value
  throw new Error('must start with https:// (http:// to loopback alone)')
}

function databaseUrl(value: string): string {
  const url = urlOf(['sqlite:', 'mysql://'])(value)
  if (url === null) throw new Error('must not be empty')
  return url
}

/** Every setting, in the order in which help and README list them. */
export const SETTINGS: readonly Setting<keyof Config>[] = [
  setting({
    name: 'POLLUX_ROLES',
    key: 'roles',
    fallback: PROCESS_ROLES.join(','),
    read: processRoles,
    meaning: 'what this process does, as `--roles` of `serve`',
  }),
  setting({
    name: 'POLLUX_HOST',
    key: 'host',
    fallback: '127.0.0.1',
    read: text,
    meaning: 'address that the web server listens on',
  }),
  setting({ name: 'POLLUX_PORT', key: 'port', fallback: '3000', read: port, meaning: 'its port' }),
  setting({
    name: 'POLLUX_DATA_DIR',
    key: 'dataDir',
    fallback: './data',
    read: v => path.resolve(v),
    meaning: 'folder for the SQLite file, the spool and the key',
  }),
  setting({
    name: 'POLLUX_DATABASE_URL',
    key: 'databaseUrl',
    fallback: 'sqlite:',
    read: databaseUrl,
    secret: true,
    meaning:
      '`sqlite:FILE` (empty FILE: pollux.db in the data folder) or `mysql://USER:PASSWORD@HOST/DATABASE`',
  }),
  setting({
    name: 'POLLUX_REDIS_URL',
    key: 'redisUrl',
    fallback: '',
    read: urlOf(['redis://', 'rediss://']),
    secret: true,
    meaning: 'Redis for live values; none: memory',
  }),
  setting({
    name: 'POLLUX_MQTT_URL',
    key: 'mqttUrl',
    fallback: '',
    read: urlOf(['mqtt://', 'mqtts://']),
    secret: true,
    meaning: 'an outside broker; none: the embedded one',
  }),
  setting({
    name: 'POLLUX_MQTT_LISTEN',
    key: 'mqttListen',
    fallback: '127.0.0.1:1883',
    read: listen,
    meaning: 'where the embedded broker listens; port 0: any free one',
  }),
  setting({
    name: 'POLLUX_AGENT_MQTT_URL',
    key: 'agentMqttUrl',
    fallback: '',
    read: urlOf(['mqtt://', 'mqtts://', 'ws://', 'wss://']),
    meaning: 'the broker as agents on other hosts reach it; none: under the name of this server',
  }),
  setting({
    name: 'POLLUX_TRAP_LISTEN',
    key: 'trapListen',
    fallback: 'auto',
    read: listenOrAuto,
    meaning:
      'where SNMP traps and informs are heard (UDP): HOST:PORT, `off`, or `auto`: port 162 of POLLUX_HOST, else 10162',
  }),
  setting({
    name: 'POLLUX_SYSLOG_LISTEN',
    key: 'syslogListen',
    fallback: 'auto',
    read: listenOrAuto,
    meaning:
      'where syslog is heard (UDP and TCP): HOST:PORT, `off`, or `auto`: port 514 of POLLUX_HOST, else 10514',
  }),
  setting({
    name: 'POLLUX_EVENT_RELAYS',
    key: 'eventRelays',
    fallback: '',
    read: networks,
    meaning:
      'addresses or networks of syslog relays and trap proxies that may say which device sent first',
  }),
  setting({
    name: 'POLLUX_SITE',
    key: 'site',
    fallback: 'main',
    read: site,
    meaning: 'name of this installation in MQTT topics',
  }),
  setting({
    name: 'POLLUX_SECRET_KEY',
    key: 'secretKey',
    fallback: '',
    read: textOrNone,
    secret: true,
    meaning: 'key that seals secrets, 64 hex digits; none: made in the data folder',
  }),
  setting({
    name: 'POLLUX_SECRET_KEY_FILE',
    key: 'secretKeyFile',
    fallback: '',
    read: pathOrNone,
    meaning: 'file that holds that key, readable by its owner alone',
  }),
  setting({
    name: 'POLLUX_ADMIN_PASSWORD',
    key: 'adminPassword',
    fallback: '',
    read: textOrNone,
    secret: true,
    meaning: 'password of the first admin; none: made and printed once',
  }),
  setting({
    name: 'POLLUX_PROFILES_DIR',
    key: 'profilesDir',
    fallback: '',
    read: pathOrNone,
    meaning: 'folder of your own OID profiles, read beside ours',
  }),
  setting({
    name: 'POLLUX_DEVICES_DIR',
    key: 'devicesDir',
    fallback: '',
    read: pathOrNone,
    meaning: 'folder of device configs as JSON files, watched',
  }),
  setting({
    name: 'POLLUX_LOG_LEVEL',
    key: 'logLevel',
    fallback: 'info',
    read: logLevel,
    meaning: LOG_LEVELS.join(', '),
  }),
  setting({
    name: 'POLLUX_PUBLIC_URL',
    key: 'publicUrl',
    fallback: '',
    read: urlOf(['http://', 'https://']),
    meaning: 'address at which people reach the pages, where a proxy stands before',
  }),
  setting({
    name: 'POLLUX_TLS_CERT',
    key: 'tlsCert',
    fallback: '',
    read: pathOrNone,
    meaning: 'certificate file (PEM) for https',
  }),
  setting({
    name: 'POLLUX_TLS_KEY',
    key: 'tlsKey',
    fallback: '',
    read: pathOrNone,
    meaning: 'its key file (PEM)',
  }),
  setting({
    name: 'POLLUX_TRUST_PROXY',
    key: 'trustProxy',
    fallback: '',
    read: networks,
    meaning: 'addresses or networks of proxies whose X-Forwarded headers count',
  }),
  setting({
    name: 'POLLUX_INSECURE_HTTP',
    key: 'insecureHttp',
    fallback: '0',
    read: flag,
    meaning: '1 allows plain http beyond loopback',
  }),
  setting({
    name: 'POLLUX_ALLOW_NETWORKS',
    key: 'allowNetworks',
    fallback: '',
    read: networks,
    meaning: 'networks that may be polled beside the private ones, such as 127.0.0.0/8',
  }),
  setting({
    name: 'POLLUX_SNMP_TRANSPORT',
    key: 'snmpTransport',
    fallback: 'dgram',
    read: snmpTransport,
    meaning:
      'how SNMP datagrams are sent: `dgram`, or `batched` for thousands of requests a second',
  }),
  setting({
    name: 'POLLUX_SPOOL_ORDER',
    key: 'spoolOrder',
    fallback: 'oldest',
    read: spoolOrder,
    meaning: 'what is sent first after an outage: `oldest`, or `newest`',
  }),
  setting({
    name: 'POLLUX_SECOND_STEP',
    key: 'secondStep',
    fallback: 'nobody',
    read: secondStep,
    meaning: 'who must sign in with a second step: `nobody`, `administrators` or `everybody`',
  }),
  setting({
    name: 'POLLUX_SESSION_IDLE',
    key: 'sessionIdle',
    fallback: '12h',
    read: sessionMs,
    meaning: 'an unused session ends after so long',
  }),
  setting({
    name: 'POLLUX_SESSION_MAX',
    key: 'sessionMax',
    fallback: '7d',
    read: sessionMs,
    meaning: 'every session ends after so long',
  }),
  setting({
    name: 'POLLUX_AUDIT_KEPT',
    key: 'auditKept',
    fallback: '730d',
    read: auditKept,
    meaning: 'entries of the audit log are kept for so long, at least 90d',
  }),
  setting({
    name: 'POLLUX_REMOTE_WRITE_URL',
    key: 'remoteWriteUrl',
    fallback: '',
    read: urlOf(['http://', 'https://']),
    secret: true,
    meaning: 'a store that takes Prometheus remote write; every sample is written there too',
  }),
  setting({
    name: 'POLLUX_REMOTE_WRITE_TOKEN',
    key: 'remoteWriteToken',
    fallback: '',
    read: headerText,
    secret: true,
    meaning: 'its bearer token; none: user and password of the URL, where it has them',
  }),
  setting({
    name: 'POLLUX_INFLUX_URL',
    key: 'influxUrl',
    fallback: '',
    read: urlOf(['http://', 'https://']),
    secret: true,
    meaning:
      'an InfluxDB that every sample is written to: `http://HOST:8086/write?db=NAME` or `…/api/v2/write?org=ORG&bucket=BUCKET`',
  }),
  setting({
    name: 'POLLUX_INFLUX_TOKEN',
    key: 'influxToken',
    fallback: '',
    read: headerText,
    secret: true,
    meaning: 'its token',
  }),
  setting({
    name: 'POLLUX_OIDC_ISSUER',
    key: 'oidcIssuer',
    fallback: '',
    read: issuer,
    meaning: 'an OpenID Connect provider that people may sign in by; none: passwords alone',
  }),
  setting({
    name: 'POLLUX_OIDC_CLIENT_ID',
    key: 'oidcClientId',
    fallback: '',
    read: textOrNone,
    meaning: 'the id under which it knows this site',
  }),
  setting({
    name: 'POLLUX_OIDC_CLIENT_SECRET',
    key: 'oidcClientSecret',
    fallback: '',
    read: textOrNone,
    secret: true,
    meaning: 'the secret of that client',
  }),
  setting({
    name: 'POLLUX_OIDC_CLAIM',
    key: 'oidcClaim',
    fallback: 'groups',
    read: text,
    meaning: 'the claim of the ID token that roles are given by',
  }),
  setting({
    name: 'POLLUX_OIDC_ROLES',
    key: 'oidcRoles',
    fallback: '',
    read: roleRules,
    meaning:
      'which of its values gives which role, as `admin=netadmins, viewer=staff`; others stay out',
  }),
]

type Environment = Readonly<Record<string, string | undefined>>

/**
 * @throws AppError E_CONFIG whose `errors` list every wrong setting, unknown POLLUX_ names included
 */
export function readConfig(env: Environment): Config {
  const errors: FieldError[] = []
  const config: Partial<Config> = {}
  for (const s of SETTINGS) {
    try {
      Object.assign(config, { [s.key]: s.read(env[s.name] ?? s.fallback) })
    } catch (error) {
      errors.push({
        path: s.name,
        message: s.secret ? messageOf(error) : `"${env[s.name]}" ${messageOf(error)}`,
      })
    }
  }
  const known = new Set(SETTINGS.map(s => s.name))
  for (const name of Object.keys(env)) {
    if (name.startsWith('POLLUX_') && !name.startsWith('POLLUX_TEST_') && !known.has(name)) {
      errors.push({ path: name, message: 'is not a setting of Pollux' })
    }
  }
  if (errors.length === 0) errors.push(...contradictions(config as Config))
  if (errors.length > 0) {
    throw new AppError(
      'E_CONFIG',
      `${errors.length === 1 ? 'a setting is' : `${errors.length} settings are`} wrong`,
      {
        errors,
        hint: '`pollux serve --help` lists every setting',
      },
    )
  }
  const complete = config as Config
  if (complete.databaseUrl === 'sqlite:')
    complete.databaseUrl = `sqlite:${path.join(complete.dataDir, 'pollux.db')}`
  return complete
}

function contradictions(config: Config): FieldError[] {
  const errors: FieldError[] = []
  if ((config.tlsCert === null) !== (config.tlsKey === null)) {
    errors.push({
      path: 'POLLUX_TLS_CERT',
      message: 'and POLLUX_TLS_KEY go together: set both or none',
    })
  }
  if (config.secretKey !== null && config.secretKeyFile !== null) {
    errors.push({
      path: 'POLLUX_SECRET_KEY',
      message: 'and POLLUX_SECRET_KEY_FILE exclude each other',
    })
  }
  if (config.sessionIdle > config.sessionMax) {
    errors.push({ path: 'POLLUX_SESSION_IDLE', message: 'must not be above POLLUX_SESSION_MAX' })
  }
  if (config.oidcIssuer !== null) errors.push(...missingForOidc(config))
  if (!hasAllRoles(config)) errors.push(...missingForRoles(config))
  if (config.adminPassword !== null && config.adminPassword.length < 12) {
    errors.push({ path: 'POLLUX_ADMIN_PASSWORD', message: 'must have at least 12 characters' })
  }
  if (!isLoopback(config.host) && config.tlsCert === null && !config.insecureHttp) {
    errors.push({
      path: 'POLLUX_HOST',
      message: `"${config.host}" is not loopback: give POLLUX_TLS_CERT and _KEY, or POLLUX_INSECURE_HTTP=1 behind a proxy that speaks TLS`,
    })
  }
  return errors
}

export const hasAllRoles = ({ roles }: Pick<Config, 'roles'>): boolean =>
  roles.length === PROCESS_ROLES.length

/** What the processes of one installation share. */
function missingForRoles(config: Config): FieldError[] {
  const needed: [string, boolean][] = [
    ['POLLUX_MQTT_URL', config.mqttUrl !== null],
    ['POLLUX_REDIS_URL', config.redisUrl !== null],
    ['POLLUX_DATABASE_URL', config.databaseUrl.startsWith('mysql:')],
    ['POLLUX_SECRET_KEY', config.secretKey !== null || config.secretKeyFile !== null],
  ]
  const message =
    'must name what every process shares (mysql:// for the database), as POLLUX_ROLES leaves roles to others'
  return needed.filter(([, isThere]) => !isThere).map(([path]) => ({ path, message }))
}

function missingForOidc(config: Config): FieldError[] {
  const needed: [string, boolean][] = [
    ['POLLUX_OIDC_CLIENT_ID', config.oidcClientId !== null],
    ['POLLUX_OIDC_CLIENT_SECRET', config.oidcClientSecret !== null],
    ['POLLUX_OIDC_ROLES', config.oidcRoles.length > 0],
  ]
  return needed
    .filter(([, isThere]) => !isThere)
    .map(([path]) => ({ path, message: 'is needed where POLLUX_OIDC_ISSUER is set' }))
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\./.test(host)
}

/** A setting as people may see it: secrets only as "set". */
export function shownSettings(
  config: Config,
  env: Environment,
): { name: string; value: string; meaning: string }[] {
  return SETTINGS.map(s => {
    const raw = env[s.name] ?? s.fallback
    const value = config[s.key]
    const shown =
      s.secret && env[s.name]
        ? '(set, hidden)'
        : raw === ''
          ? '—'
          : s.key === 'dataDir'
            ? String(value)
            : raw
    return { name: s.name, value: shown, meaning: s.meaning }
  })
}

/** The table of settings for `--help`. */
export function settingsHelp(): string {
  const width = Math.max(...SETTINGS.map(s => s.name.length))
  return SETTINGS.map(
    s => `  ${s.name.padEnd(width)}  ${s.meaning}${s.fallback ? ` [${s.fallback}]` : ''}`,
  ).join('\n')
}
