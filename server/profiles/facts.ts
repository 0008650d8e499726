// What a device says of itself (vendor, model, serial, …): what to read for it, and the first usable
// text for each fact.

import { FACTS, type Fact } from '../model/profile.ts'
import type { Reading } from '../model/raw.ts'
import { EMPTY_TABLE } from '../model/rawtable.ts'
import { cellOf, NO_CELLS, newCells } from './cells.ts'
import { computeStep, startRun } from './compute.ts'
import { Counters } from './counters.ts'
import type { FactSource, Frame, Group, RowExpression } from './definition.ts'
import { Evaluation } from './evaluation.ts'
import { compileExpression } from './expression.ts'
import type { FetchRequest, Plan } from './face.ts'
import { Memory } from './memory.ts'
import { truth } from './operators.ts'
import {
  emptyGroupPlan,
  emptyStep,
  type GroupPlan,
  type PlanDefinition,
  type Step,
  sourcesIn,
} from './plan.ts'
import { cleanText, textOf } from './rows.ts'
import { RowFinder, RowSet } from './rowset.ts'

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
  const evaluation = evaluationOf(plan, reading)
  for (const { fact, source } of plan.definition.facts) {
    if (facts.has(fact)) continue
    const text = cleanText(factText(plan, source, reading, evaluation), factMax)
    if (text !== '') facts.set(fact, text)
  }
  const result: Record<string, string> = {}
  for (const fact of FACTS) {
    const text = facts.get(fact)
    if (text !== undefined) result[fact] = text
  }
  return result
}

function evaluationOf({ definition }: Plan, reading: Reading): Evaluation {
  const memory = new Memory(definition)
  memory.absorb(reading, new Map())
  return new Evaluation({
    definition,
    memory,
    rowsOf: group => factRows(group, definition, memory),
    // A fact needs one look, and a rate needs two.
    unsure: () => 'first',
    isLasting: true,
  })
}

function factText(
  plan: Plan,
  source: FactSource,
  reading: Reading,
  evaluation: Evaluation,
): string {
  if (source.kind === 'text') return source.text
  if (source.kind === 'field') return fieldText(source, reading)
  const target = tableOf(plan, source)
  if (!target) return ''
  const { group, steps, where, column } = target
  evaluation.compute(steps)
  const run = evaluation.start(group)
  const cells = run.frame.columns[column] ?? NO_CELLS
  for (let row = 0; row < run.indexes.length; row++) {
    run.frame.row = row
    if (where && !truth(where.evaluate(run.frame))) continue
    const text = textOf(cellOf(cells, row))
    const found = source.match && text !== '' ? source.match(text) : null
    const wanted = source.match ? (found?.[1] ?? found?.[0] ?? '') : text
    if (wanted !== '') return wanted
  }
  return ''
}

/** Facts are looked for in every row that came, also of columns that name rows only. */
function factRows(plan: GroupPlan, { sources }: PlanDefinition, memory: Memory): RowSet {
  const columns = sources.flatMap(({ id, table }) => {
    const column = memory.columns[id]
    return table && column?.isFresh ? [column] : []
  })
  const { indexes } = new RowFinder({
    ...plan,
    group: { ...plan.group, rowsMax: factRowsMax },
  }).find(columns)
  return new RowSet(indexes)
}

function fieldText(source: Extract<FactSource, { kind: 'field' }>, reading: Reading): string {
  const table = reading.groups.get(DEVICE_REQUEST)?.table ?? EMPTY_TABLE
  const group = { ...EMPTY_GROUP, slots: [source.slot], slotOf: new Map([[source.slot.name, 0]]) }
  const plan = emptyGroupPlan(group)
  const run = startRun(plan, new RowSet(['']))
  computeStep(emptyStep(plan, source.slot, 0), {
    column: () => undefined,
    columnNamed: (_, name) => {
      const column = table.sources.indexOf(name)
      return column < 0 ? undefined : { table, column, isPartial: false }
    },
    run: () => run,
    cells: () => ({ cells: newCells(1), isDone: false }),
    isFresh: () => true,
    counters: () => new Counters(),
    unsure: () => 'first',
    atMs: reading.monotonicMs,
  })
  return textOf(cellOf(run.frame.columns[0] ?? NO_CELLS, 0))
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
  retention: null,
  refreshOn: [],
  replaces: [],
  replacedBy: [],
  messages: [],
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
  inventory: null,
  charts: {},
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
            return frame => cellOf(frame.columns[slot] ?? NO_CELLS, frame.row)
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
