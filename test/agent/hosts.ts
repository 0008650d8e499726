// Agents in a test: enrolled by a real server, each in a folder of its own, with a host that counts its
// beats, so that what arrived can be told from what was lost or doubled.

import path from 'node:path'
import Type from 'typebox'
import { enrol } from '../../agent/enrol.ts'
import { linuxSource } from '../../agent/linux.ts'
import { portableSource } from '../../agent/portable.ts'
import { type RunningAgent, type RunOptions, runAgent } from '../../agent/run.ts'
import type { HostSource } from '../../agent/source.ts'
import type { EnrolAnswer } from '../../server/model/agent.ts'
import { parser } from '../../server/validate.ts'
import { silentLog } from '../parts/broker.ts'
import { freePort, type Teardown, tempDir } from '../parts/find.ts'
import { type Installation, installation } from '../system/server.ts'

export const hostSource = (): HostSource =>
  process.platform === 'linux' ? linuxSource() : portableSource()

/** This host, whose load is the number of the beat. */
export function countingSource(): { source: HostSource; readonly beats: number } {
  let beats = 0
  const source = { ...hostSource(), load: async () => [++beats, 0, 0] as const }
  return {
    source,
    get beats() {
      return beats
    },
  }
}

export async function enrolled(
  server: string,
  token: string,
  name: string,
  every = '1s',
): Promise<EnrolAnswer> {
  const request = { name, every, version: '0.0.1', facts: { os: 'test' } }
  const signal = AbortSignal.timeout(60_000)
  return enrol({
    server,
    token,
    request,
    log: silentLog,
    signal,
    backoff: { msMin: 50, msMax: 50 },
  })
}

/**
 * Starts it; it is closed after the test. It keeps the pace that it is given, faster than any device's, and
 * follows no settings.
 */
export async function started(
  t: Teardown,
  identity: EnrolAnswer,
  options: Partial<RunOptions> = {},
): Promise<RunningAgent> {
  const running = await runAgent({
    identity: { ...identity, settings: false },
    dir: options.dir ?? path.join(await tempDir(t), 'agent'),
    everyMs: 100,
    log: silentLog,
    backoff: { msMin: 50, msMax: 200 },
    ...options,
  })
  t.teardown(() => running.close())
  return running
}

const parseMade = parser(Type.Object({ token: Type.String() }), 'E_TEST', 'the token')

/** A one-time token, by an API token of an admin. */
export async function enrolToken(url: string, token: string): Promise<string> {
  const answer = await fetch(`${url}/api/v1/agents/tokens`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: '{}',
  })
  return parseMade(await answer.json()).token
}

/** A server that comes back where it was. */
export async function fixedPorts(t: Teardown): Promise<Installation> {
  return installation(t, {
    POLLUX_PORT: String(await freePort()),
    POLLUX_MQTT_LISTEN: `127.0.0.1:${await freePort()}`,
    POLLUX_LOG_LEVEL: 'warn',
  })
}
