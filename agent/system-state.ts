// What a Linux system says of itself beside its counters: units that failed, updates that wait.

import { access, readFile } from 'node:fs/promises'
import type { Programs } from './run-program.ts'
import type { Software } from './source.ts'

const systemctlMsMax = 10_000
/** Names that are told; the count is of all. */
const unitsMax = 500

const isThere = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  )

/** null: systemd does not run here. */
export async function readFailedUnits(programs: Programs, root: string): Promise<string[] | null> {
  // sd_booted(3). From within a container the host's systemd cannot be asked.
  if (root !== '/' || !(await isThere('/run/systemd/system'))) return null
  const args = ['list-units', '--failed', '--plain', '--no-legend', '--no-pager', '--full']
  const output = await programs.run('systemctl', args, systemctlMsMax)
  if (output === null || output.status !== 0) return null
  return parseUnits(output.text)
}

export function parseUnits(text: string): string[] {
  return text
    .split('\n')
    .map(line => line.trim().split(/\s+/)[0] ?? '')
    .filter(Boolean)
    .slice(0, unitsMax)
}

type Updates = Pick<Software, 'updates' | 'security' | 'needsReboot'>

/** As Debian's and Ubuntu's update-notifier left it; null where it is not installed. */
export async function readUpdates(root: string): Promise<Updates> {
  const dir = `${root}var/lib/update-notifier`
  if (!(await isThere(dir))) return { updates: null, security: null, needsReboot: null }
  const text = await readFile(`${dir}/updates-available`, 'utf8').catch(() => null)
  const needsReboot = await isThere(`${root}run/reboot-required`)
  return {
    ...(text === null ? { updates: null, security: null } : parseUpdates(text)),
    needsReboot,
  }
}

/** In English, as it writes it for the greeting of a shell; nothing to do is an empty file. */
export function parseUpdates(text: string): Pick<Software, 'updates' | 'security'> {
  const all = /^(\d+) (?:updates?|packages?) can be (?:applied|installed|updated)/m.exec(text)?.[1]
  const security =
    /^(\d+) (?:of these updates (?:is|are) )?(?:a )?(?:updates? (?:is|are) )?(?:standard |a )*security update/m.exec(
      text,
    )?.[1]
  return { updates: Number(all ?? 0), security: Number(security ?? 0) }
}
