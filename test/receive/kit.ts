// For the tests of the receivers: the program with both of them on ports of their own, and real senders
// (net-snmp's snmptrap and snmpinform, util-linux's logger).

import { execFile } from 'node:child_process'
import path from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { promisify } from 'node:util'
import type { StoredEvent } from '../../server/store/contract.ts'
import { program, type Teardown, tempDir, until } from '../parts/find.ts'
import { startTestProgram, type TestProgramOptions } from '../web/program.ts'

const run = promisify(execFile)

export const BY = { name: 'test', address: '' }

export async function startReceiving(
  t: Teardown,
  options: Pick<TestProgramOptions, 'dataDir' | 'network' | 'every'> = {},
) {
  const started = await startTestProgram(t, {
    ...options,
    env: {
      POLLUX_TRAP_LISTEN: '127.0.0.1:0',
      POLLUX_SYSLOG_LISTEN: '127.0.0.1:0',
    },
  })
  const session = await started.signIn()
  const page = async (where: string) => {
    // The pages count requests; waiting for something asks again and again.
    await setTimeout(250)
    const answer = await fetch(`${started.url}${where}`, { headers: { cookie: session.cookie } })
    if (answer.status !== 200) throw new Error(`${where} gave ${answer.status}`)
    return await answer.text()
  }
  /** All events that fit, newest first. */
  const events = async (query: string): Promise<StoredEvent[]> => {
    return JSON.parse(await page(`/api/v1/events?limit=1000&${query}`)) as StoredEvent[]
  }
  const settings = async () =>
    (await page('/settings')).replaceAll(/<[^>]*>/g, ' ').replaceAll(/\s+/g, ' ')
  const port = (protocol: 'trap' | 'syslog') =>
    until(() => started.program.receiving(protocol)?.address?.port, `the port of ${protocol}`)
  const ports = { trap: await port('trap'), syslog: await port('syslog') }
  return { ...started, ports, page, events, settings, session }
}

/** net-snmp's program with no configuration of this machine. */
export async function snmpSender(
  t: Teardown,
): Promise<(binary: string, args: string[]) => Promise<string>> {
  await program('snmptrap', 'snmp')
  const home = await tempDir(t)
  return async (binary, args) => {
    const { stdout, stderr } = await run(await program(binary, 'snmp'), args, {
      env: {
        ...process.env,
        HOME: home,
        SNMPCONFPATH: home,
        SNMP_PERSISTENT_FILE: path.join(home, 'persistent'),
        MIBS: '',
      },
    })
    return stdout + stderr
  }
}

export async function logger(args: string[]): Promise<void> {
  await run(await program('logger', 'bsdutils'), args)
}
