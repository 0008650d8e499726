// The options by which a command names one live device, as an open SNMP session. The same networks
// are allowed as for polling.

import { readFile } from 'node:fs/promises'
import { type Command, Option } from 'commander'
import { addressPolicy } from '../addresses.ts'
import { sessionOptions } from '../collectors/snmp-options.ts'
import { DeviceConfig } from '../model/device.ts'
import { AppError } from '../model/errors.ts'
import type { Plan } from '../profiles/face.ts'
import { openSession } from '../snmp/open.ts'
import type { SnmpSession } from '../snmp/session.ts'
import { parser } from '../validate.ts'
import { settings } from './open.ts'

export interface DeviceOptions {
  device?: string
  community?: string
  v1?: boolean
  v3?: string
  auth?: string
  priv?: string
  context?: string
  timeout: string
  retries: string
}

const parseConfig = parser(DeviceConfig, 'E_DEVICE', 'what names the device')

export function addDeviceOptions(command: Command): Command {
  return command
    .addOption(new Option('--device <address[:port]>', 'a live device'))
    .option('--community <text>', 'SNMP v2c community; @FILE reads it from a file')
    .option('--v1', 'speak SNMP v1')
    .option('--v3 <user>', 'SNMP v3 user')
    .option('--auth <protocol:key>', 'v3: as sha256:KEY or sha256:@FILE')
    .option('--priv <protocol:key>', 'v3: as aes:KEY or aes:@FILE')
    .option('--context <name>', 'v3 context')
    .option('--timeout <duration>', 'for one answer', '2s')
    .option('--retries <count>', 'after the first try', '1')
}

/** Ends with exit code 2 where the options name no device, or no way to speak to it. */
export function requireDevice(command: Command, { device, community, v3 }: DeviceOptions): void {
  if (device === undefined) command.error('error: give --device ADDRESS')
  if (community === undefined && v3 === undefined) {
    command.error('error: give --community TEXT or --v3 USER')
  }
}

export interface LiveDevice {
  name: string
  /** Texts that must not leave with what the device says. */
  secrets: string[]
  /** A new session; nothing is sent yet. */
  open(quirks?: Plan['quirks']): SnmpSession
}

/**
 * The device that the options name; its address is checked and resolved.
 * @throws AppError E_DEVICE for options that do not go together, E_ADDRESS_… of the address
 */
export async function liveDevice(options: DeviceOptions): Promise<LiveDevice> {
  const { host, port } = addressParts(options.device ?? '')
  const credentials = await credentialsOf(options)
  const config = parseConfig({
    id: 'device',
    name: host,
    kind: 'snmp',
    address: host,
    port,
    credentials,
    profiles: ['auto'],
    every: '60s',
    timeout: options.timeout,
    retries: Number(options.retries),
    enabled: true,
  })
  const { allowNetworks } = settings().config
  const address = await addressPolicy(allowNetworks).resolve(host)
  const target = { config, version: 0, secrets: {}, identity: null }
  return {
    name: options.device ?? '',
    secrets: secretsOf(credentials),
    open: quirks => openSession(sessionOptions(target, address, quirks)),
  }
}

function addressParts(text: string): { host: string; port: number } {
  const bracketed = /^\[([^\]]+)\](?::([0-9]{1,5}))?$/.exec(text)
  const plain = /^([^:]+)(?::([0-9]{1,5}))?$/.exec(text)
  const [, host = text, port = '161'] = bracketed ?? plain ?? []
  return { host, port: Number(port) }
}

interface Keyed {
  protocol: string
  key: string
}

type Credentials =
  | { version: '1' | '2c'; community: string }
  | { version: '3'; user: string; level: string; auth?: Keyed; priv?: Keyed; context?: string }

async function credentialsOf(options: DeviceOptions): Promise<Credentials> {
  const { community, v1, v3, context } = options
  if (v3 === undefined) {
    return { version: v1 ? '1' : '2c', community: await textOrFile(community ?? '') }
  }
  const auth = await keyed(options.auth, '--auth sha256:KEY')
  const priv = await keyed(options.priv, '--priv aes:KEY')
  return {
    version: '3',
    user: v3,
    level: priv ? 'authPriv' : auth ? 'authNoPriv' : 'noAuthNoPriv',
    ...(auth && { auth }),
    ...(priv && { priv }),
    ...(context !== undefined && { context }),
  }
}

async function keyed(text: string | undefined, example: string): Promise<Keyed | null> {
  if (text === undefined) return null
  const [protocol = '', key] = text.split(/:(.*)/s)
  if (!key) {
    throw new AppError('E_DEVICE', 'a v3 key is missing', { hint: `write it as ${example}` })
  }
  return { protocol, key: await textOrFile(key) }
}

/** Other users of the machine can read a command line, but not a file of one's own. */
async function textOrFile(text: string): Promise<string> {
  return text.startsWith('@') ? (await readFile(text.slice(1), 'utf8')).trim() : text
}

function secretsOf(credentials: Credentials): string[] {
  if (credentials.version !== '3') return [credentials.community]
  const { auth, priv } = credentials
  return [auth?.key, priv?.key].filter(key => key !== undefined)
}
