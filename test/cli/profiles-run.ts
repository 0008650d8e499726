// Runs `pollux profiles …`, with loopback allowed, and reads its lines of JSON. It holds no assertions.

import type { Teardown } from '../parts/find.ts'
import { type Ran, shell } from './run.ts'

export interface RanProfiles extends Ran {
  /** Lines of standard output that are whole JSON objects. */
  lines: unknown[]
}

export interface ProfilesShell {
  /** Where commands run. */
  folder: string
  profiles(args: readonly string[], env?: Record<string, string>): Promise<RanProfiles>
}

export async function profilesShell(t: Teardown): Promise<ProfilesShell> {
  const { folder, run } = await shell(t)
  return {
    folder,
    async profiles(args, env = {}) {
      const ran = await run(['profiles', ...args], {
        env: { POLLUX_ALLOW_NETWORKS: '127.0.0.0/8', ...env },
      })
      const lines = ran.stdout.split('\n').filter(line => /^\{.*\}$/.test(line))
      return { ...ran, lines: lines.map((line): unknown => JSON.parse(line)) }
    },
  }
}
