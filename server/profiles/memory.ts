// What one device's evaluator remembers between reads: columns and when they were read, the rows and
// baselines of each group, who owns which key, and which rows were known when the names were read.

import type { Reading } from '../model/raw.ts'
import { EMPTY_TABLE } from '../model/rawtable.ts'
import { type Cells, cellOf } from './cells.ts'
import {
  type ColumnMemory,
  type ColumnRead,
  keepColumn,
  newColumn,
  scalarOf,
} from './columnmemory.ts'
import type { GroupRun } from './compute.ts'
import { Counters } from './counters.ts'
import type { GroupPlan, PlanDefinition, PlanSource, Step } from './plan.ts'
import { assignKeys, textOf } from './rows.ts'
import { RowFinder, type RowSet, sameTexts } from './rowset.ts'

/** sysUpTime is 32 bits of hundredths: it wraps after 497 days. */
const upTicksWrap = 2 ** 32
/** A device may be this wrong about its own clock before a wrap is taken for a restart. */
const upTicksSlack = 360_000

/** What the versions of some columns and the rows of some groups gave. */
interface Standing {
  stamp: number
  rows: readonly RowSet[]
}

/** The rows that an answer shows. */
export interface ShownRows {
  /** The keys of all rows. */
  of: readonly string[]
  rows: readonly number[]
  keys: readonly string[]
  /** `keys` as JSON. */
  json: Uint8Array
}

export interface GroupMemory {
  finder: RowFinder
  counters: Counters
  /** Row key → index, after the last read. */
  owners: ReadonlyMap<string, string>
  /** The keys of the last read, and what they were made of. */
  keys: readonly string[]
  named: Standing | null
  /** Rows that were there when names were read; null: not read yet. */
  known: RowSet | null
  refreshValues: Map<string, string>
  /** Metrics that have had a value here. */
  seen: Set<string>
  hasRows: boolean
  shown: ShownRows | null
  /** The last rows message, its keys and what its names were made of, to send only changes. */
  sentRows: string | null
  sentKeys: readonly string[]
  sentNames: Standing | null
  /** By slot, the cells of slow fields, and what they were made of. */
  kept: Map<number, { standing: Standing; cells: Cells }>
}

/** What was computed for the answer of some groups, in order. */
export interface Course {
  plans: readonly GroupPlan[]
  /** Which groups' rows went by the names that they had: it decides what is computed. */
  named: ReadonlyMap<GroupPlan, boolean>
  steps: readonly Step[]
}

export class Memory {
  /** Of the last evaluation: the next one is nearly always alike. */
  course: Course | null = null
  readonly columns: ColumnMemory[]
  private readonly plan: PlanDefinition
  private readonly groups = new Map<string, GroupMemory>()
  private lastUp: { ticks: number; atMs: number } | null = null
  /** Monotonic ms of the reading. */
  atMs = 0

  constructor(plan: PlanDefinition) {
    this.plan = plan
    this.columns = plan.sources.map(newColumn)
  }

  of(plan: GroupPlan): GroupMemory {
    const { id } = plan.group
    let memory = this.groups.get(id)
    if (!memory) {
      memory = {
        finder: new RowFinder(plan),
        counters: new Counters(),
        owners: new Map(),
        keys: [],
        named: null,
        known: null,
        refreshValues: new Map(),
        seen: new Set(),
        hasRows: false,
        shown: null,
        sentRows: null,
        sentKeys: [],
        sentNames: null,
        kept: new Map(),
      }
      this.groups.set(id, memory)
    }
    return memory
  }

  /** Takes a reading in. `asked`: what was asked of each group, and when. */
  absorb(
    reading: Reading,
    asked: ReadonlyMap<string, { at: number; sources: PlanSource[] }>,
  ): void {
    this.atMs = reading.monotonicMs
    for (const column of this.columns) column.isFresh = false
    for (const [group, { table, partial }] of reading.groups) {
      const isTable = this.plan.groups.get(group)?.group.table ?? false
      const request = asked.get(group)
      const at = request?.at ?? reading.at
      for (const [i, name] of table.sources.entries()) {
        const source = this.plan.sourceOf(isTable, name)
        if (source) this.keep(source, { table, column: i, isPartial: partial, at })
      }
      const expected =
        request?.sources ?? this.plan.sources.filter(source => source.groups.includes(group))
      for (const source of expected) {
        const isMissing = !table.sources.includes(source.source)
        if (isMissing) this.keep(source, { table: EMPTY_TABLE, column: 0, isPartial: partial, at })
      }
    }
  }

  private keep(source: PlanSource, read: ColumnRead): void {
    const column = this.columns[source.id]
    if (column) keepColumn(column, source, read)
  }

  /** The next read asks for the names, too: a restart may give them to other rows. */
  expectRestart(): void {
    for (const column of this.columns) column.readAt = null
  }

  /** Sees whether the device restarted; if so, every slow column is read again. */
  noticeRestart(reading: Reading): boolean {
    const { upTicks: ticks, monotonicMs: atMs } = reading
    if (ticks === null) return false
    const last = this.lastUp
    this.lastUp = { ticks, atMs }
    if (!last || ticks >= last.ticks) return false
    const expected = last.ticks + (atMs - last.atMs) / 10
    if (Math.abs(expected - upTicksWrap - ticks) < upTicksSlack) return false
    for (const { counters } of this.groups.values()) counters.restarted()
    for (const source of this.plan.sources) {
      const column = this.columns[source.id]
      if (column && !column.isFresh) column.readAt = null
    }
    for (const column of this.columns) if (!column.wasThere) column.readAt = null
    return true
  }

  /**
   * Slow columns are read again where one of the group's `refreshOn` values changed; while it changes
   * with every poll, they are read with every poll.
   */
  noticeRefresh(plan: GroupPlan): boolean {
    if (plan.refreshSources.length === 0) return false
    const memory = this.of(plan)
    let isChanged = false
    for (const source of plan.refreshSources) {
      const column = this.columns[source.id]
      const raw = column?.isFresh ? scalarOf(column) : undefined
      if (!raw || raw.type === 'none') continue
      const text = String(raw.value)
      const before = memory.refreshValues.get(source.source)
      memory.refreshValues.set(source.source, text)
      if (before !== undefined && before !== text) isChanged = true
    }
    if (isChanged) this.forgetSlow(plan.sources)
    return isChanged
  }

  /** These slow columns are due at once; their values stay in use until then. */
  forgetSlow(sources: readonly PlanSource[]): void {
    for (const source of sources) {
      const column = this.columns[source.id]
      if (column && source.everyMs !== null) column.readAt = null
    }
  }

  /** Whether these columns and rows are still those that something was made of. */
  stands(standing: Standing | null, sources: readonly PlanSource[], rows: RowSet[]): boolean {
    if (standing?.stamp !== this.stamp(sources)) return false
    return standing.rows.length === rows.length && rows.every((own, i) => own === standing.rows[i])
  }

  standing(sources: readonly PlanSource[], rows: RowSet[]): Standing {
    return { stamp: this.stamp(sources), rows }
  }

  /** Versions only go up, so that equal sums mean equal versions. */
  private stamp(sources: readonly PlanSource[]): number {
    let sum = 0
    for (const { id } of sources) sum += this.columns[id]?.version ?? 0
    return sum
  }

  /** The cells of a slow field, where nothing that they are made of is new. */
  kept(step: Step, rows: RowSet): Cells | null {
    const kept = this.of(step.group).kept.get(step.place)
    return kept && this.stands(kept.standing, step.sources, [rows]) ? kept.cells : null
  }

  keepCells(step: Step, rows: RowSet, cells: Cells): void {
    const standing = this.standing(step.sources, [rows])
    this.of(step.group).kept.set(step.place, { standing, cells })
  }

  /** Gives each row of a run its key: from its names, or as before where `named` is null. */
  key(run: GroupRun, named: Standing | null): void {
    const { group } = run.plan
    const memory = this.of(run.plan)
    if (run.indexes.length === 0) {
      // Who had which key is remembered until there are rows again.
      memory.counters.align(run.keys)
      return
    }
    if (named !== null) {
      const places = group.key.map(name => group.slotOf.get(name) ?? -1)
      const texts = run.indexes.map((_, row) =>
        places.map(place => {
          const cells = run.frame.columns[place]
          return cells ? textOf(cellOf(cells, row)) : ''
        }),
      )
      const keys = assignKeys(run.indexes, texts, memory.owners)
      if (!sameTexts(keys, memory.keys)) memory.keys = keys
      memory.owners = new Map(keys.map((key, row) => [key, run.indexes[row] ?? '']))
      memory.named = named
    }
    run.keys = memory.keys
    memory.counters.align(run.keys)
  }
}
