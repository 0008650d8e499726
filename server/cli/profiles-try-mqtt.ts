// `pollux profiles try --mqtt`: what the mappings make of messages as they come, for a bounded time
// and number, by the same steps as the program. It stores nothing and publishes nothing.

import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type Command, InvalidArgumentError } from 'commander'
import { createMessageDevice, identifyMessages } from '../collectors/mqtt.ts'
import { createLog } from '../log.ts'
import type { RowInfo, Value } from '../model/collection.ts'
import type { DeviceConfig } from '../model/device.ts'
import { parseDuration } from '../model/duration.ts'
import { AppError, messageOf } from '../model/errors.ts'
import type { GapReason } from '../model/gap.ts'
import { formatValue } from '../model/units.ts'
import { buildCatalogue } from '../profiles/build.ts'
import type { Catalogue, ProfileSource } from '../profiles/catalogue.ts'
import { Payload } from '../sensors/payload.ts'
import { connectedBus } from './broker.ts'
import { print, printJson } from './output.ts'
import { loadProfiles } from './profiles-sources.ts'

const listenMsMax = 600_000
const messagesMax = 100_000
/** Bytes of a profile that is given as a file. */
const profileBytesMax = 1024 * 1024

export interface MqttTryOptions {
  mqtt?: string
  topic?: string[]
  for?: string
  messages?: string
  profile?: string[]
  json?: boolean
}

/** What was heard; docs/sensors.md says what is in it. */
export interface Heard {
  mqtt: string
  topics: string[]
  profiles: string[]
  chosenBecause: string[]
  messages: { received: number; mapped: number }
  samples: {
    metric: string
    row: string | null
    value: Value
    gap: GapReason | null
    unit: string
    at: number
  }[]
  tables: Record<string, RowInfo[]>
  /** Messages, or parts of them, that came to nothing, by reason, with the last topic. */
  skipped: { reason: string; count: number; example: string }[]
}

export function addMqttOptions(command: Command): Command {
  return command
    .option('--mqtt <url>', 'listen to live messages: mqtt://user:password@host:1883')
    .option('--topic <filter...>', 'topic filters, as tele/+/SENSOR')
    .option('--for <duration>', 'how long to listen, at most 10m', duration)
    .option('--messages <number>', 'end after so many messages', number)
}

function duration(text: string): string {
  try {
    if (parseDuration(text) <= listenMsMax) return text
  } catch (error) {
    throw new InvalidArgumentError(messageOf(error))
  }
  throw new InvalidArgumentError('at most 10m')
}

function number(text: string): string {
  if (/^\d{1,6}$/.test(text) && Number(text) >= 1 && Number(text) <= messagesMax) return text
  throw new InvalidArgumentError(`a number from 1 to ${messagesMax}`)
}

/** Prints what came of the messages; the exit code is 1 where nothing did. */
export async function tryMessages(options: MqttTryOptions): Promise<void> {
  const heard = await listen(options)
  if (heard.samples.length === 0) process.exitCode = 1
  if (options.json) printJson(heard)
  else for (const line of summary(heard)) print(line)
}

async function listen(options: MqttTryOptions): Promise<Heard> {
  const { mqtt = '', topic: topics = [] } = options
  const { catalogue, wanted } = await profilesOf(options.profile ?? ['auto'])
  const config = configOf(topics, wanted)
  const { identity, groups } = await identifyMessages(config, catalogue)
  const skipped = new Map<string, { count: number; example: string }>()
  const device = createMessageDevice({
    config,
    groups,
    now: Date.now(),
    note: (reason, { topic }) => {
      const count = (skipped.get(reason)?.count ?? 0) + 1
      skipped.set(reason, { count, example: topic })
    },
  })
  const messages = { received: 0, mapped: 0 }
  const most = Number(options.messages ?? messagesMax)
  const enough = Promise.withResolvers<void>()
  const bus = await connectedBus({ url: mqtt, purpose: 'try', log: createLog('silent') })
  try {
    for (const filter of topics) {
      await bus.subscribe(filter, ({ topic, payload, retained }) => {
        if (messages.received >= most || topic.startsWith('pollux/')) return
        const levels = topic.split('/')
        const message = { topic, levels, payload: new Payload(payload), retained, at: Date.now() }
        messages.received++
        if (device.hear(message)) messages.mapped++
        if (messages.received >= most) enough.resolve()
      })
    }
    const rest = new AbortController()
    const ms = parseDuration(options.for ?? '10s')
    await Promise.race([enough.promise, delay(ms, undefined, { signal: rest.signal })])
    rest.abort()
  } finally {
    await bus.close()
  }
  const { collections, rows } = device.flush(Date.now())
  const units = new Map(rows.map(({ group, body }) => [group, body.units]))
  const samples: Heard['samples'] = []
  for (const { group, body } of collections) {
    if (!body.ok) continue
    for (const [metric, cells] of Object.entries(body.metrics)) {
      const gaps = [body.gaps?.[metric] ?? null].flat()
      for (const [i, value] of [cells].flat().entries()) {
        samples.push({
          metric: `${group}.${metric}`,
          row: body.rows?.[i] ?? null,
          value,
          gap: gaps[i] ?? null,
          unit: units.get(group)?.[metric] ?? '1',
          at: body.at,
        })
      }
    }
  }
  return {
    mqtt: new URL(mqtt).host,
    topics,
    profiles: identity.profiles,
    chosenBecause: identity.chosenBecause,
    messages,
    samples,
    tables: Object.fromEntries(rows.map(({ group, body }) => [group, body.rows])),
    skipped: [...skipped].map(([reason, found]) => ({ reason, ...found })),
  }
}

/** Names of profiles, and files that are read beside ours. */
async function profilesOf(
  given: readonly string[],
): Promise<{ catalogue: Catalogue; wanted: string[] }> {
  const sources: ProfileSource[] = await loadProfiles()
  const wanted: string[] = []
  for (const one of given) {
    if (!one.endsWith('.json')) {
      wanted.push(one)
      continue
    }
    const text = await readFile(one, 'utf8')
    if (text.length > profileBytesMax) throw new AppError('E_PROFILE', `${one} is too large`)
    const id = path.basename(one, '.json')
    sources.push({ id, file: one, text, from: 'user' })
    wanted.push(id)
  }
  const catalogue = buildCatalogue(sources)
  for (const { severity, file, line, column, message } of catalogue.problems) {
    if (severity !== 'error') continue
    process.stderr.write(`${file}:${line}:${column}: left out: ${message}\n`)
  }
  return { catalogue, wanted }
}

function configOf(topics: string[], profiles: string[]): DeviceConfig {
  return {
    id: 'try',
    name: 'try',
    kind: 'mqtt',
    topics,
    profiles,
    every: '60s',
    timeout: '2s',
    retries: 1,
    enabled: true,
  }
}

function summary({ mqtt, topics, chosenBecause, messages, samples, skipped }: Heard): string[] {
  return [
    `${mqtt}, ${topics.join(' ')}: ${messages.received} messages, ${messages.mapped} of them mapped`,
    ...chosenBecause.map(reason => `  ${reason}`),
    ...samples.map(({ metric, row, value, gap, unit }) => {
      const shown =
        typeof value === 'number' ? formatValue(value, unit) : (value ?? `no value: ${gap}`)
      return `  ${metric}${row === null ? '' : ` [${row}]`} = ${shown}`
    }),
    ...skipped.map(
      ({ reason, count, example }) => `  left out: ${count}, ${reason} (as on ${example})`,
    ),
    ...(messages.received === 0
      ? ['  nothing came: is the topic right, and may this user hear it?']
      : []),
  ]
}
