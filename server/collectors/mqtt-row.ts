// One row of a group whose values come in messages: what was last heard of it, and what its profile
// makes of that. Each row has an evaluator of its own, as each is heard at times of its own.

import type { RowInfo, RowsMessage, Value } from '../model/collection.ts'
import type { GapReason } from '../model/gap.ts'
import type { RawValue } from '../model/raw.ts'
import { tableOf } from '../model/rawtable.ts'
import { createEvaluator } from '../profiles/evaluator.ts'
import type { Evaluator } from '../profiles/face.ts'
import type { MessageGroup } from '../profiles/messages.ts'

const NONE: RawValue = { type: 'none' }

/** What a row gave: metrics that were heard, each a value or the reason why not. */
export interface RowValues {
  key: string
  values: ReadonlyMap<string, { value: Value; gap: GapReason | null }>
}

export class MessageRow {
  readonly index: string
  /** When a sample of it last came, by our clock; null: only what names it, so far. */
  heardAt: number | null = null
  /** Null until it was evaluated. */
  info: RowInfo | null = null
  /** Metrics that it has had. */
  readonly seen = new Set<string>()
  readonly #group: MessageGroup
  readonly #evaluator: Evaluator
  /** By path, what was last heard. */
  #cells: RawValue[]

  constructor(index: string, group: MessageGroup) {
    this.index = index
    this.#group = group
    this.#evaluator = createEvaluator(group.plan)
    this.#cells = group.paths.map(() => NONE)
  }

  get key(): string | null {
    return this.info?.key ?? null
  }

  /** Only remembers: a retained message tells what is so, not when. */
  remember(values: readonly RawValue[]): void {
    this.#cells = this.#cells.map((cell, i) => heard(values[i]) ?? cell)
  }

  /** The metrics that these values touch. */
  touched(values: readonly RawValue[]): string[] {
    const metrics: string[] = []
    for (const [metric, places] of this.#group.metrics) {
      if (places.some(place => heard(values[place]))) metrics.push(metric)
    }
    return metrics
  }

  /**
   * What the profile makes of newly heard values, with what is known from before beside them; null:
   * nothing of them is kept. `clockMs` is what rates are taken by.
   */
  evaluate(
    values: readonly RawValue[],
    at: number,
    clockMs: number,
  ): { given: RowValues; rows: Omit<RowsMessage, 'v'> | null } | null {
    this.remember(values)
    const metrics = this.touched(values)
    if (metrics.length === 0) return null
    const { id, paths, counters } = this.#group
    const columns = new Map<string, Map<string, RawValue>>()
    for (const [i, path] of paths.entries()) {
      const raw = heard(values[i]) ?? (counters.has(i) ? NONE : this.#cells[i]) ?? NONE
      columns.set(path, new Map([[this.index, raw]]))
    }
    const table = tableOf([this.index], columns)
    const { collections, rows } = this.#evaluator.evaluate(
      {
        at,
        monotonicMs: clockMs,
        upTicks: null,
        groups: new Map([[id, { table, partial: false }]]),
      },
      0,
    )
    const told = rows[0]?.body ?? null
    if (told?.rows[0]) this.info = told.rows[0]
    const body = collections[0]?.body.read()
    const key = this.#group.table ? body?.rows?.[0] : ''
    if (!body || key === undefined) return null
    const found = new Map<string, { value: Value; gap: GapReason | null }>()
    for (const metric of metrics) {
      if (!Object.hasOwn(body.metrics, metric)) continue
      const value = first(body.metrics[metric]) ?? null
      const gap = value === null ? (first(body.gaps?.[metric]) ?? 'partial') : null
      found.set(metric, { value, gap })
      this.seen.add(metric)
    }
    return found.size > 0 ? { given: { key, values: found }, rows: told } : null
  }
}

function heard(raw: RawValue | undefined): RawValue | null {
  return raw === undefined || raw.type === 'none' ? null : raw
}

function first<T>(cell: T | T[] | undefined): T | undefined {
  return Array.isArray(cell) ? cell[0] : cell
}
