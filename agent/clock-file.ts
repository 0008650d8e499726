// The server's time as it was known last, kept for a restart: the kernel counts from the start of the
// host, so that what was measured in its life stays true for the next agent of the same start.

import { readFile, rename, writeFile } from 'node:fs/promises'
import path from 'node:path'
import Type, { type Static } from 'typebox'
import { checker, parseJson } from '../server/validate.ts'

const FILE = 'clock.json'
/** Linux makes a new one at each start of the host (random(4)). */
const BOOT_ID = '/proc/sys/kernel/random/boot_id'

/** That the server's clock was `server` when the steady one was `steady`, give or take `errorMs`. */
export const KnownTime = Type.Object({
  server: Type.Number(),
  steady: Type.Number(),
  errorMs: Type.Number({ minimum: 0 }),
})
export type KnownTime = Static<typeof KnownTime>

const check = checker(Type.Object({ boot: Type.String({ minLength: 1 }), time: KnownTime }))

/** null: nothing is known of this start of the host. */
export async function readKnownTime(dir: string): Promise<KnownTime | null> {
  const text = await readFile(path.join(dir, FILE), 'utf8').catch(() => '')
  const checked = check(parseJson(text))
  return checked.ok && checked.value.boot === (await bootId()) ? checked.value.time : null
}

/** Losing it costs nothing but the wait for the server; so it is not synced, and may fail. */
export async function writeKnownTime(dir: string, time: KnownTime): Promise<void> {
  const boot = await bootId()
  if (boot === '') return
  const file = path.join(dir, FILE)
  await writeFile(`${file}.new`, JSON.stringify({ boot, time }))
  await rename(`${file}.new`, file)
}

async function bootId(): Promise<string> {
  return (await readFile(BOOT_ID, 'utf8').catch(() => '')).trim()
}
