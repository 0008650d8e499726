// What one device's evaluator remembers between reads: columns and when they were read, rates by row
// key, who owns which key, and which rows were known when the names were read.

import type { GroupReading, RawValue, Reading } from '../model/raw.ts'
import type { GroupRun, RateQuestion } from './compute.ts'
import type { GroupPlan, PlanDefinition, PlanSource } from './plan.ts'
import { type CounterSample, type Rate, rateBetween } from './rate.ts'
import { assignKeys, textOf } from './rows.ts'

/** sysUpTime is 32 bits of hundredths: it wraps after 497 days. */
const upTicksWrap = 2 ** 32
/** A device may be this wrong about its own clock before a wrap is taken for a restart. */
const upTicksSlack = 360_000

/** A source as it was last read. */
export interface ColumnMemory {
  values: ReadonlyMap<string, RawValue>
  /** Scheduled time of the read; null: never, or to be read again now. */
  readAt: number | null
  isFresh: boolean
  isPartial: boolean
  /** The device has had a value of it. */
  wasThere: boolean
}

interface RateMemory {
  sample: CounterSample
  /** The last rate was over its `max`. */
  wasOver: boolean
  /** Two rates in a row were over `max`: it is the bound that is wrong. */
  isBoundWrong: boolean
}

export interface GroupMemory {
  /** Row key → slot → baseline. */
  rates: Map<string, Map<number, RateMemory>>
  /** Row key → index, after the last read. */
  owners: ReadonlyMap<string, string>
  /** Rows that were there when names were read; null: not read yet. */
  known: ReadonlySet<string> | null
  refreshValues: Map<string, string>
  /** Metrics that have had a value here. */
  seen: Set<string>
  hasRows: boolean
  /** The last rows message and its keys, to send only changes. */
  sentRows: string | null
  sentKeys: readonly string[]
}

export class Memory {
  readonly columns: ColumnMemory[]
  private readonly plan: PlanDefinition
  private readonly groups = new Map<string, GroupMemory>()
  private epoch = 0
  private lastUp: { ticks: number; atMs: number } | null = null
  private atMs = 0

  constructor(plan: PlanDefinition) {
    this.plan = plan
    this.columns = plan.sources.map(() => ({
      values: new Map(),
      readAt: null,
      isFresh: false,
      isPartial: false,
      wasThere: false,
    }))
  }

  of(group: string): GroupMemory {
    let memory = this.groups.get(group)
    if (!memory) {
      memory = {
        rates: new Map(),
        owners: new Map(),
        known: null,
        refreshValues: new Map(),
        seen: new Set(),
        hasRows: false,
        sentRows: null,
        sentKeys: [],
      }
      this.groups.set(group, memory)
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
    for (const [group, { rows, partial }] of reading.groups) {
      const table = this.plan.groups.get(group)?.group.table ?? false
      const request = asked.get(group)
      const expected =
        request?.sources ?? this.plan.sources.filter(source => source.groups.includes(group))
      const columns = columnsOf(rows)
      for (const { source } of expected) if (!columns.has(source)) columns.set(source, new Map())
      for (const [name, values] of columns) {
        const source = this.plan.sourceOf(table, name)
        if (source) this.keep(source, values, partial, request?.at ?? reading.at)
      }
    }
  }

  private keep(
    source: PlanSource,
    values: ReadonlyMap<string, RawValue>,
    partial: boolean,
    at: number,
  ): void {
    const column = this.columns[source.id]
    if (!column) return
    // A slow column that did not come this time is still what it was.
    if (partial && values.size === 0 && source.everyMs !== null) return
    column.values = values
    column.readAt = at
    column.isFresh = true
    column.isPartial = partial
    column.wasThere ||= hasValues(values)
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
    this.epoch++
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
    const memory = this.of(plan.group.id)
    let isChanged = false
    for (const source of plan.refreshSources) {
      const column = this.columns[source.id]
      const raw = column?.isFresh ? column.values.get('') : undefined
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

  /** Gives each row of a run its key, once. */
  key(run: GroupRun): void {
    const { group } = run.plan
    if (run.keys.length === run.indexes.length) return
    const places = group.key.map(name => group.slotOf.get(name) ?? -1)
    const texts = run.indexes.map((_, row) =>
      places.map(place => textOf(run.frame.columns[place]?.[row])),
    )
    const memory = this.of(group.id)
    run.keys = assignKeys(run.indexes, texts, memory.owners)
    memory.owners = new Map(run.keys.map((key, row) => [key, run.indexes[row] ?? '']))
  }

  rate(question: RateQuestion): Rate {
    const { run, row, place, value, wraps, served, resetOn } = question
    const { rates } = this.of(run.plan.group.id)
    const key = run.keys[row] ?? ''
    const ofRow = rates.get(key) ?? new Map<number, RateMemory>()
    if (ofRow.size === 0) rates.set(key, ofRow)
    const known = ofRow.get(place)
    const sample = { value, wraps, served, resetOn, atMs: this.atMs, epoch: this.epoch }
    const rate = rateBetween(known?.sample, sample)
    if (known) known.sample = sample
    else ofRow.set(place, { sample, wasOver: false, isBoundWrong: false })
    return rate
  }

  /**
   * One rate over `max` is a slip of the counter; two in a row show that the bound is wrong (virtual
   * interfaces report 10 Mbit/s and carry gigabits), and from then on it is not asked again.
   */
  believes({ run, row, place }: RateQuestion, isOver: boolean): boolean {
    const known = this.of(run.plan.group.id)
      .rates.get(run.keys[row] ?? '')
      ?.get(place)
    if (!known || known.isBoundWrong) return true
    if (isOver && known.wasOver) known.isBoundWrong = true
    known.wasOver = isOver
    return !isOver || known.isBoundWrong
  }

  /** Rows that are gone take their baselines along, so that memory stays bounded by the table. */
  forgetGone(run: GroupRun): void {
    const { rates } = this.of(run.plan.group.id)
    if (rates.size === 0) return
    const here = new Set(run.keys)
    for (const key of rates.keys()) if (!here.has(key)) rates.delete(key)
  }
}

/** Rows of cells to columns of rows. */
function columnsOf(rows: GroupReading['rows']): Map<string, Map<string, RawValue>> {
  const columns = new Map<string, Map<string, RawValue>>()
  for (const [index, cells] of rows) {
    for (const [name, raw] of cells) {
      const column = columns.get(name)
      if (column) column.set(index, raw)
      else columns.set(name, new Map([[index, raw]]))
    }
  }
  return columns
}

function hasValues(values: ReadonlyMap<string, RawValue>): boolean {
  for (const raw of values.values()) if (raw.type !== 'none') return true
  return false
}
