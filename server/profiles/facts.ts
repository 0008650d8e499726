// What a device says of itself (vendor, model, serial, …): what to read for it, and the first usable
// text for each fact.

import { FACTS, type Fact } from '../model/profile.ts'
import type { Reading } from '../model/raw.ts'
import { type ComputeContext, computeStep, type GroupRun, startRun } from './compute.ts'
import type { FactSource, Frame, Group, RowExpression } from './definition.ts'
import { compileExpression } from './expression.ts'
import type { FetchRequest, Plan } from './face.ts'
import { Memory } from './memory.ts'
import { truth } from './operators.ts'
import { type GroupPlan, type Step, sourcesIn } from './plan.ts'
import { cleanText, rowsOf, textOf } from './rows.ts'

/** The request for scalars that belong to no group. */
const DEVICE_REQUEST = 'device'
/** Characters of one fact. */
const factMax = 255
/** Rows of a table that are looked through. */
const factRowsMax = 1000

type TableFact = Extract<FactSource, { kind: 'table' }>

/** What must be read so that `deviceFacts` has all it can use. */
export function factRequests(plan: Plan): FetchRequest[] {
  const scalars = new Set<string>()
  const tables = new Map<string, Set<string>>()
  for (const { source } of plan.definition.facts) {
    if (source.kind === 'field') {
      for (const read of sourcesIn(source.slot.source)) scalars.add(read.source)
    } else if (source.kind === 'table') {
      for (const { group, source: name } of tableSources(plan, source)) {
        const sources = tables.get(group) ?? new Set<string>()
        tables.set(group, sources.add(name))
      }
    }
  }
  const requests: FetchRequest[] = []
  const request = (group: string, table: boolean, sources: ReadonlySet<string>) =>
    requests.push({ group, table, sources: [...sources], rowsMax: table ? factRowsMax : 1 })
  if (scalars.size > 0) request(DEVICE_REQUEST, false, scalars)
  for (const [group, sources] of tables) {
    request(group, plan.definition.groups.get(group)?.group.table ?? true, sources)
  }
  return requests
}

/** Each fact that the device has an answer to, cleaned for showing; at most 255 characters each. */
export function deviceFacts(plan: Plan, reading: Reading): Record<string, string> {
  const facts = new Map<Fact, string>()
  const memory = new Memory(plan.definition)
  memory.absorb(reading, new Map())
  const runs = new Map<string, GroupRun>()
  for (const { fact, source } of plan.definition.facts) {
    if (facts.has(fact)) continue
    const text = cleanText(factText(plan, source, reading, memory, runs), factMax)
    if (text !== '') facts.set(fact, text)
  }
  const result: Record<string, string> = {}
  for (const fact of FACTS) {
    const text = facts.get(fact)
    if (text !== undefined) result[fact] = text
  }
  return result
}

function factText(
  plan: Plan,
  source: FactSource,
  reading: Reading,
  memory: Memory,
  runs: Map<string, GroupRun>,
): string {
  if (source.kind === 'text') return source.text
  if (source.kind === 'field') return fieldText(source, reading)
  const target = tableOf(plan, source)
  if (!target) return ''
  const { group, steps, where, column } = target
  for (const step of steps) {
    const { id } = step.group.group
    if (!runs.has(id)) runs.set(id, startRun(step.group, factRows(step.group, memory)).run)
  }
  const context = factContext(plan, memory, runs)
  for (const step of steps) computeStep(step, context)
  const run = runs.get(group.group.id)
  if (!run) return ''
  for (let row = 0; row < run.indexes.length; row++) {
    run.frame.row = row
    if (where && !truth(where.evaluate(run.frame))) continue
    const text = textOf(run.frame.columns[column]?.[row])
    const found = source.match && text !== '' ? source.match(text) : null
    const wanted = source.match ? (found?.[1] ?? found?.[0] ?? '') : text
    if (wanted !== '') return wanted
  }
  return ''
}

/** Facts are looked for in every row that came, also of columns that name rows only. */
function factRows(plan: GroupPlan, memory: Memory): string[] {
  const { group } = plan
  if (!group.table) return ['']
  const columns = memory.columns.filter(column => column.isFresh).map(column => column.values)
  return rowsOf(columns.filter(values => !values.has(''))).slice(0, factRowsMax)
}

function fieldText(source: Extract<FactSource, { kind: 'field' }>, reading: Reading): string {
  const cells = reading.groups.get(DEVICE_REQUEST)?.rows.get('')
  const group = { ...EMPTY_GROUP, slots: [source.slot], slotOf: new Map([[source.slot.name, 0]]) }
  const plan: GroupPlan = {
    group,
    rowSources: [],
    namingSources: [],
    identitySources: [],
    refreshSources: [],
    steps: [],
    sources: [],
    metrics: [],
  }
  const run: GroupRun = {
    plan,
    indexes: [''],
    rowOf: new Map([['', 0]]),
    frame: { row: 0, columns: [[]] },
    gaps: [[]],
    served: [[]],
    excluded: [[]],
    finds: new Map(),
    keys: [''],
  }
  computeStep(
    { group: plan, slot: source.slot, place: 0, order: 0 },
    {
      ...NO_RATES,
      column: (_, name) => {
        const raw = cells?.get(name)
        return raw && new Map([['', raw]])
      },
      isPartial: () => false,
      run: () => run,
    },
  )
  return textOf(run.frame.columns[0]?.[0])
}

const EMPTY_GROUP: Group = {
  id: DEVICE_REQUEST,
  profile: '',
  source: 'snmp',
  table: false,
  title: '',
  description: '',
  section: 'other',
  order: 0,
  hidden: true,
  everyMs: null,
  refreshOn: [],
  replaces: [],
  replacedBy: [],
  index: [],
  slots: [],
  slotOf: new Map(),
  key: [],
  name: [],
  subtitle: null,
  labels: [],
  where: null,
  augments: null,
  rowsMax: 1,
  charts: {},
}

/** A fact needs one look, and a rate needs two. */
const NO_RATES: Pick<ComputeContext, 'key' | 'rate' | 'believes'> = {
  key: () => {},
  rate: () => ({ gap: 'first' }),
  believes: () => true,
}

function factContext(
  plan: Plan,
  memory: Memory,
  runs: ReadonlyMap<string, GroupRun>,
): ComputeContext {
  return {
    ...NO_RATES,
    column(table, source) {
      const found = plan.definition.sourceOf(table, source)
      return found && memory.columns[found.id]?.values
    },
    isPartial: () => false,
    run: group => runs.get(group),
  }
}

interface Target {
  group: GroupPlan
  column: number
  where: RowExpression | null
  steps: Step[]
}

/** The table, its slots and the steps that a fact asks about. */
function tableOf(plan: Plan, source: TableFact): Target | null {
  const group = plan.definition.groups.get(source.table)
  const column = group?.group.slotOf.get(source.column)
  if (!group || column === undefined) return null
  const { slotOf } = group.group
  const where =
    source.where === null
      ? null
      : compileExpression<Frame>(source.where, {
          reader(name) {
            const slot = slotOf.get(name)
            if (slot === undefined) return undefined
            return frame => frame.columns[slot]?.[frame.row] ?? null
          },
          known: () => [...slotOf.keys()],
        })
  const names = [source.column, ...(where?.names ?? [])]
  return { group, column, where, steps: plan.definition.stepsFor(source.table, names) }
}

function tableSources(plan: Plan, source: TableFact): { group: string; source: string }[] {
  const target = tableOf(plan, source)
  return (target?.steps ?? []).flatMap(step =>
    sourcesIn(step.slot.source).map(read => ({ group: step.group.group.id, source: read.source })),
  )
}
