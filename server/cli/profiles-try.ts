// `pollux profiles try`: what the profiles read from a recording or from a device, value by value,
// by the same steps as a poll. It stores nothing.

import { readdir, readFile, stat } from 'node:fs/promises'
import path from 'node:path'
import type { Command } from 'commander'
import { type Tried as Read, trySession } from '../collectors/snmp-try.ts'
import { AppError, messageOf } from '../model/errors.ts'
import { buildCatalogue } from '../profiles/build.ts'
import type { Catalogue } from '../profiles/catalogue.ts'
import type { Plan } from '../profiles/face.ts'
import { compilePlan } from '../profiles/plan.ts'
import { parseRecording, type Recording } from '../snmp/recording.ts'
import { recordingSession } from '../snmp/recording-session.ts'
import type { SnmpSession } from '../snmp/session.ts'
import { print, printJson } from './output.ts'
import {
  addDeviceOptions,
  type DeviceOptions,
  liveDevice,
  requireDevice,
} from './profiles-device.ts'
import { loadProfiles } from './profiles-sources.ts'
import { addMqttOptions, type MqttTryOptions, tryMessages } from './profiles-try-mqtt.ts'

/** Bytes of one recording. */
const recordingBytesMax = 256 * 1024 * 1024
/** Plans kept while many recordings are tried. */
const plansMax = 500
/** A device that answers slowly is read for at most this long. */
const liveMsMax = 300_000

/** One line of `--json`; docs/profiles.md, "Commands", says what is in it. */
export type Tried = { walk: string } & Omit<Read, 'apart'>

interface TryOptions extends DeviceOptions, MqttTryOptions {
  walk?: string[]
  profile?: string[]
  json?: boolean
}

export function addTryCommand(parent: Command): void {
  const command = parent
    .command('try')
    .description(
      'what the profiles read from recordings, a device or live messages; stores nothing',
    )
    .option('--walk <path...>', 'recordings (.snmprec), or folders of them')
    .option('--profile <id...>', 'these profiles, as in a device config, instead of auto')
    .option('--json', 'one line of JSON for each recording or device')
  addDeviceOptions(addMqttOptions(command)).action(async (options: TryOptions) => {
    const { walk = [], device, mqtt } = options
    if (walk.length === 0 && device === undefined && mqtt === undefined) {
      command.error('error: give --walk FILE|FOLDER, --device ADDRESS or --mqtt URL')
    }
    if (mqtt !== undefined && !options.topic?.length) command.error('error: give --topic FILTER')
    if (mqtt !== undefined) return tryMessages(options)
    if (device !== undefined) requireDevice(command, options)
    // A reader that has enough (`| head`) closes the pipe: nobody is left to read on for.
    process.stdout.once('error', () => process.exit())
    const bench = await openBench(options.profile ?? ['auto'])
    for (const file of await recordingFiles(walk)) {
      await report(path.basename(file, '.snmprec'), options, () => tryRecording(bench, file))
    }
    if (device !== undefined) await report(device, options, () => tryDevice(bench, options))
  })
}

/** What every try needs: the catalogue, and plans that many devices share. */
interface Bench {
  catalogue: Catalogue
  wanted: readonly string[]
  planOf(catalogue: Catalogue, profiles: readonly string[]): Plan
}

async function openBench(wanted: readonly string[]): Promise<Bench> {
  const catalogue = buildCatalogue(await loadProfiles())
  // On standard error: what is tried goes on without them, and its lines stay lines.
  for (const { severity, file, line, column, message } of catalogue.problems) {
    if (severity === 'error') {
      process.stderr.write(`${file}:${line}:${column}: left out: ${message}\n`)
    }
  }
  const plans = new Map<string, Plan>()
  return {
    catalogue,
    wanted,
    planOf(of, profiles) {
      const key = profiles.join(' ')
      const plan = plans.get(key) ?? compilePlan(of, profiles)
      if (plans.size >= plansMax) plans.clear()
      plans.set(key, plan)
      return plan
    },
  }
}

async function report(walk: string, { json }: TryOptions, run: () => Promise<Read>): Promise<void> {
  try {
    const { apart: _, ...read } = await run()
    const tried = { walk, ...read }
    if (json) printJson(tried)
    else for (const line of summary(tried)) print(line)
  } catch (error) {
    process.exitCode = 1
    const hint = error instanceof AppError ? error.hint : undefined
    if (json) printJson({ walk, error: messageOf(error), ...(hint && { hint }) })
    else print(`${walk}: ${messageOf(error)}${hint ? ` (${hint})` : ''}`)
  }
}

/** Files as they are, folders by the recordings in them, in the order of their names. */
async function recordingFiles(paths: readonly string[]): Promise<string[]> {
  const files: string[] = []
  for (const one of paths) {
    const isFolder = await stat(one).then(
      found => found.isDirectory(),
      () => false,
    )
    if (!isFolder) files.push(one)
    else {
      const names = (await readdir(one)).filter(name => name.endsWith('.snmprec')).sort()
      files.push(...names.map(name => path.join(one, name)))
    }
  }
  return files
}

async function tryRecording(bench: Bench, file: string): Promise<Read> {
  const { size } = await stat(file)
  if (size > recordingBytesMax) {
    throw new AppError('E_RECORDING', `${file} has ${size} bytes, at most ${recordingBytesMax}`)
  }
  const recording = parseRecording(await readFile(file))
  if (recording.oids.length === 0) {
    throw new AppError('E_RECORDING', `${file} has no value in it`, {
      hint: 'a recording has lines OID|TAG|VALUE',
    })
  }
  const session = recordingSession(recording)
  const tried = await trySession({ ...bench, open: () => session }, new AbortController().signal)
  return { ...tried, skipped: [...skippedLines(recording), ...tried.skipped] }
}

async function tryDevice(bench: Bench, options: DeviceOptions): Promise<Read> {
  const device = await liveDevice(options)
  const opened: SnmpSession[] = []
  const open = (quirks?: Plan['quirks']) => {
    const session = device.open(quirks)
    opened.push(session)
    return session
  }
  try {
    return await trySession({ ...bench, open }, AbortSignal.timeout(liveMsMax))
  } finally {
    for (const session of opened) session.close()
  }
}

function skippedLines({ skipped }: Recording): Tried['skipped'] {
  const lines: Tried['skipped'] = []
  const [example] = skipped.examples
  if (example) {
    const said = `line ${example.line}: ${example.reason}`
    lines.push({ what: 'lines', reason: 'malformed', count: skipped.malformed, example: said })
  }
  if (skipped.repeated > 0) {
    lines.push({ what: 'lines', reason: 'repeated', count: skipped.repeated })
  }
  if (skipped.cut > 0) lines.push({ what: 'lines', reason: 'too-many', count: skipped.cut })
  return lines
}

/** For people: what it is, which profiles, and how much each group gave. */
function summary(tried: Tried): string[] {
  const facts = Object.entries(tried.device).map(([fact, text]) => `${fact} ${text}`)
  const byGroup = Map.groupBy(tried.samples, ({ metric }) => metric.split('.')[0] ?? '')
  return [
    `${tried.walk}: ${facts.join(', ') || 'says nothing of itself'}`,
    ...tried.chosenBecause.map(reason => `  ${reason}`),
    ...[...byGroup].map(([group, samples]) => {
      const rows = tried.tables[group]
      return `  ${group}: ${rows ? `${rows.length} rows, ` : ''}${samples.length} values`
    }),
    ...tried.skipped.map(
      ({ what, reason, count, example }) =>
        `  left out: ${count} of ${what}, ${reason}${example === undefined ? '' : ` (as ${example})`}`,
    ),
    `  ${tried.cost.pdus} requests, ${tried.cost.varbinds} values read`,
  ]
}
