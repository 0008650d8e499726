// What the config of its device asks of this agent: how often it measures, and whether. It comes as a
// retained message, and is kept in the agent's folder, so that a start without a broker follows it too.

import { readFile, rename, writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { Logger } from 'pino'
import Type from 'typebox'
import { AgentSettings } from '../server/model/agent.ts'
import { EVERY_MS_MAX, EVERY_MS_MIN } from '../server/model/device.ts'
import { parseDuration } from '../server/model/duration.ts'
import { messageOf } from '../server/model/errors.ts'
import { checker, parseJson } from '../server/validate.ts'

const FILE = 'settings.json'
/** Three short fields; a newer server may say more. */
const messageBytesMax = 4096
/** Settings that come faster are summed: the newest counts, ms. */
const pauseMs = 1000

const checkSettings = checker(AgentSettings, { firstOnly: true })
const checkFile = checker(Type.Object({ src: Type.String(), settings: AgentSettings }))

export interface Pace {
  everyMs: number
  enabled: boolean
}

/** @returns what it asks, or why it is none */
export function paceAsked(payload: Uint8Array): Pace | string {
  if (payload.length > messageBytesMax) return `${payload.length} bytes`
  const checked = checkSettings(parseJson(payload))
  if (!checked.ok) return checked.errors.map(one => `${one.path} ${one.message}`).join(', ')
  const everyMs = parseDuration(checked.value.every)
  if (everyMs < EVERY_MS_MIN || everyMs > EVERY_MS_MAX) return `every ${everyMs / 1000} s`
  return { everyMs, enabled: checked.value.enabled }
}

export interface Settings {
  /** Takes a message; one that is no settings changes nothing and is told in the log. */
  take(payload: Uint8Array): void
  close(): Promise<void>
}

export interface SettingsOptions {
  dir: string
  /** What was asked of another enrolment is nothing to this one. */
  src: string
  follow: (pace: Pace) => void
  log: Logger
}

/** What was asked last, before this start; null: nothing was. */
export async function keptPace(dir: string, src: string): Promise<Pace | null> {
  const text = await readFile(path.join(dir, FILE), 'utf8').catch(() => '')
  const checked = checkFile(parseJson(text))
  if (!checked.ok || checked.value.src !== src) return null
  const pace = paceAsked(Buffer.from(JSON.stringify(checked.value.settings)))
  return typeof pace === 'string' ? null : pace
}

export function createSettings({ dir, src, follow, log }: SettingsOptions): Settings {
  let waiting: Buffer | null = null
  let timer: NodeJS.Timeout | null = null
  let kept = Promise.resolve()
  let refused = ''

  function take(payload: Uint8Array): void {
    // Taken back by the server, as the agent was revoked: it will hear so from the broker.
    if (payload.length === 0) return
    waiting = Buffer.from(payload)
    if (timer) return
    use()
    timer = setTimeout(() => {
      timer = null
      use()
    }, pauseMs)
  }

  function use(): void {
    if (!waiting) return
    const payload = waiting
    waiting = null
    const pace = paceAsked(payload)
    if (typeof pace === 'string') {
      if (refused !== pace)
        log.warn({ why: pace.slice(0, 300) }, 'settings that cannot be followed')
      refused = pace
      return
    }
    refused = ''
    follow(pace)
    kept = kept.then(() => keep(payload)).catch(failedToKeep)
  }

  async function keep(payload: Buffer): Promise<void> {
    const file = path.join(dir, FILE)
    await writeFile(`${file}.new`, JSON.stringify({ src, settings: parseJson(payload) }))
    await rename(`${file}.new`, file)
  }

  function failedToKeep(error: unknown): void {
    log.warn({ err: messageOf(error) }, 'the settings were not kept for the next start')
  }

  return {
    take,
    close() {
      if (timer) clearTimeout(timer)
      return kept
    },
  }
}
