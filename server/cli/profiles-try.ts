// `pollux profiles try`: what the profiles read from a recording or from a device, value by value,
// by the same steps as a poll. It stores nothing.

import { readdir, readFile, stat } from 'node:fs/promises'
import path from 'node:path'
import type { Command } from 'commander'
import { type Identified, identify } from '../collectors/snmp-identify.ts'
import { readGroups } from '../collectors/snmp-read.ts'
import { AppError, messageOf } from '../model/errors.ts'
import { SHIPPED_PROFILES_DIR } from '../paths.ts'
import { buildCatalogue } from '../profiles/build.ts'
import type { Catalogue } from '../profiles/catalogue.ts'
import { createTracingEvaluator } from '../profiles/evaluator.ts'
import { type Explained, explain } from '../profiles/explain.ts'
import type { Plan } from '../profiles/face.ts'
import { loadSources } from '../profiles/load.ts'
import { compilePlan } from '../profiles/plan.ts'
import { parseRecording, type Recording } from '../snmp/recording.ts'
import { recordingSession } from '../snmp/recording-session.ts'
import type { SnmpSession } from '../snmp/session.ts'
import { settings } from './open.ts'
import { print, printJson } from './output.ts'

/** Bytes of one recording. */
const recordingBytesMax = 256 * 1024 * 1024
/** Plans kept while many recordings are tried. */
const plansMax = 500
/** Every column is due in the first read, whatever the interval. */
const EVERY_MS = 60_000

/** One line of `--json`; docs/profiles.md, "Commands", says what is in it. */
export interface Tried {
  walk: string
  profiles: string[]
  chosenBecause: string[]
  device: Record<string, string>
  samples: Explained['samples']
  tables: Explained['tables']
  /** What was read and came to nothing. */
  skipped: { what: string; reason: string; count: number; example?: string }[]
  cost: { pdus: number; varbinds: number }
}

interface TryOptions {
  walk?: string[]
  profile?: string[]
  json?: boolean
}

export function addTryCommand(parent: Command): void {
  parent
    .command('try')
    .description('what the profiles read from recordings or from a device; stores nothing')
    .option('--walk <path...>', 'recordings (.snmprec), or folders of them')
    .option('--profile <id...>', 'these profiles, as in a device config, instead of auto')
    .option('--json', 'one line of JSON for each recording or device')
    .action(async (options: TryOptions, command: Command) => {
      if (!options.walk) command.error('error: give --walk FILE|FOLDER, or --device ADDRESS')
      const bench = await openBench(options.profile ?? ['auto'])
      for (const file of await recordingFiles(options.walk ?? [])) {
        await report(path.basename(file, '.snmprec'), options, () => tryRecording(bench, file))
      }
    })
}

/** What every try needs: the catalogue, and plans that many devices share. */
interface Bench {
  catalogue: Catalogue
  wanted: readonly string[]
  planOf(catalogue: Catalogue, profiles: readonly string[]): Plan
}

async function openBench(wanted: readonly string[]): Promise<Bench> {
  const { config } = settings()
  const catalogue = buildCatalogue(
    await loadSources({
      shippedDir: SHIPPED_PROFILES_DIR,
      ...(config.profilesDir === null ? {} : { userDir: config.profilesDir }),
    }),
  )
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

async function report(
  walk: string,
  { json }: TryOptions,
  run: () => Promise<Omit<Tried, 'walk'>>,
): Promise<void> {
  try {
    const tried = { walk, ...(await run()) }
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

async function tryRecording(bench: Bench, file: string): Promise<Omit<Tried, 'walk'>> {
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
  const tried = await trySession(bench, recordingSession(recording))
  return { ...tried, skipped: [...skippedLines(recording), ...tried.skipped] }
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

/** Identifies and reads everything once, as a poll does. */
async function trySession(bench: Bench, session: SnmpSession): Promise<Omit<Tried, 'walk'>> {
  const { signal } = new AbortController()
  const identified = await identify({ ...bench, session, withTables: true }, signal)
  const evaluator = createTracingEvaluator(identified.plan)
  const at = Date.now()
  const { groups, failures } = await readGroups(session, evaluator.due(at, EVERY_MS), signal)
  const reading = { at, monotonicMs: performance.now(), upTicks: null, groups }
  const explained = explain(evaluator, evaluator.evaluate(reading, 0))
  const { rowsCut, rowsSkipped } = evaluator.counters
  const skipped: Tried['skipped'] = explained.missing.map(({ metric, reason, count, example }) => ({
    what: metric,
    reason,
    count,
    ...(example !== null && { example }),
  }))
  for (const [group, error] of failures) {
    skipped.push({ what: group, reason: error.code, count: 1, example: error.message })
  }
  if (rowsSkipped > 0) {
    skipped.push({ what: 'rows', reason: 'index does not fit', count: rowsSkipped })
  }
  if (rowsCut > 0) skipped.push({ what: 'rows', reason: 'over maxRows', count: rowsCut })
  return { ...identityOf(identified), ...of(explained), skipped, cost: costOf(session) }
}

const of = ({ samples, tables }: Explained) => ({ samples, tables })

function identityOf({
  identity,
}: Identified): Pick<Tried, 'profiles' | 'chosenBecause' | 'device'> {
  return {
    profiles: identity.profiles,
    chosenBecause: identity.chosenBecause,
    device: identity.facts,
  }
}

function costOf({ counters }: SnmpSession): Tried['cost'] {
  return { pdus: counters.requests, varbinds: counters.varbinds }
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
