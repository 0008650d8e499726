// A real net-snmp agent (Debian: snmpd) on a free UDP port of 127.0.0.1, and Debian's own clients as
// the oracle of what it says.

import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { freeUdpPort, program, startPart, type Teardown, tempDir } from './find.ts'

const run = promisify(execFile)

export interface SnmpdUser {
  name: string
  /** None: the user has no keys. */
  auth?: 'MD5' | 'SHA' | 'SHA-224' | 'SHA-256' | 'SHA-384' | 'SHA-512'
  authKey?: string
  /** With -C the key is lengthened as Cisco does it. */
  priv?: 'DES' | 'AES' | 'AES-192' | 'AES-192-C' | 'AES-256' | 'AES-256-C'
  privKey?: string
  /** The lowest level that the agent serves the user at. */
  level?: 'noauth' | 'auth' | 'priv'
  /** Serves the user in all contexts, not only in the nameless one. */
  anyContext?: boolean
}

export interface SnmpdOptions {
  community?: string
  users?: readonly SnmpdUser[]
  /** The same port again, after a stop. */
  port?: number
  /** What an agent before it kept, its engineID and engineBoots among that: an agent restarted. */
  stateDir?: string
  /** More lines of snmpd.conf. */
  extraConf?: string
}

export interface Snmpd {
  address: string
  port: number
  community: string
  stateDir: string
  stop(signal?: NodeJS.Signals): Promise<void>
  /** Debian's snmpget and its like with numeric output: `.OID = TYPE: value` lines. */
  client(command: 'snmpget' | 'snmpbulkwalk', args: readonly string[]): Promise<string[]>
}

/** Starts an agent that serves this machine's system, ifTable, ifXTable and UCD-SNMP-MIB. */
export async function startSnmpd(t: Teardown, options: SnmpdOptions = {}): Promise<Snmpd> {
  const snmpd = await program('snmpd', 'snmpd')
  const clients = {
    snmpget: await program('snmpget', 'snmp'),
    snmpbulkwalk: await program('snmpbulkwalk', 'snmp'),
  }
  const dir = await tempDir(t)
  const port = options.port ?? (await freeUdpPort())
  const community = options.community ?? 'public'
  const conf = path.join(dir, 'snmpd.conf')
  const users = options.users ?? []
  await writeFile(
    conf,
    [
      `agentAddress udp:127.0.0.1:${port}`,
      `rocommunity ${community} 127.0.0.1`,
      'sysName pollux-test',
      'sysLocation rack 7',
      'sysServices 72',
      'view everything included .1',
      ...users.flatMap(userLines),
      options.extraConf ?? '',
      '',
    ].join('\n'),
  )
  const stateDir = options.stateDir ?? path.join(dir, 'per')
  const env = { SNMP_PERSISTENT_DIR: stateDir, MIBS: '' }
  const client: Snmpd['client'] = (command, args) => {
    const oids = args.filter(arg => /^\.?1\./.test(arg))
    const rest = args.filter(arg => !oids.includes(arg))
    return run(clients[command], ['-On', '-Oe', '-OU', ...rest, `127.0.0.1:${port}`, ...oids], {
      env: { ...process.env, ...env },
    }).then(({ stdout }) => stdout.split('\n').filter(line => line !== ''))
  }
  const part = await startPart(
    snmpd,
    [
      '-f',
      '-C',
      '-c',
      conf,
      '-Lo',
      '-p',
      path.join(dir, 'pid'),
      '-I',
      '-smux,mteTrigger,mteTriggerConf',
    ],
    async () =>
      (
        await client('snmpget', [
          '-v2c',
          '-c',
          community,
          '-t',
          '0.3',
          '-r',
          '0',
          '1.3.6.1.2.1.1.3.0',
        ])
      ).length === 1,
    { env },
  )
  t.teardown(() => part.stop())
  return { address: '127.0.0.1', port, community, stateDir, stop: part.stop, client }
}

function userLines(user: SnmpdUser): string[] {
  const keys = [user.auth, user.authKey, user.priv, user.privKey].filter(one => one !== undefined)
  const served = `rouser ${user.name} ${user.level ?? 'priv'}`
  return [
    ['createUser', user.name, ...keys].join(' '),
    user.anyContext ? `${served} -V everything *` : served,
  ]
}
