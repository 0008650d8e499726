// Raw values to metrics, for one device: what is due, what it means, and what changed. It reads
// nothing itself; a collector hands it readings.

import type { GapReason } from '../model/gap.ts'
import type { Reading } from '../model/raw.ts'
import { answerOf, type Emission } from './answer.ts'
import { type ComputeContext, computeStep, type GroupRun, startRun } from './compute.ts'
import type { Evaluated, Evaluator, FetchRequest, Plan } from './face.ts'
import { Memory } from './memory.ts'
import type { GroupPlan, PlanSource, Step } from './plan.ts'
import { rowsOf } from './rows.ts'
import { type Trace, traceCell } from './trace.ts'

/**
 * An OID that a device never had is asked for again after this long: many profiles name tables that
 * few models have. Once it was there, it is read as often as the profile says.
 */
const absentRetryMs = 5 * 60_000
/** The request that carries what belongs to no group of its own. */
const DEVICE_REQUEST = 'device'

export interface TracingEvaluator extends Evaluator {
  /** What a cell of the last evaluation was made of; null: there is no such cell. */
  trace(group: string, metric: string, index: string): Trace | null
}

/** A fresh evaluator of a device; it knows nothing of earlier ones. */
export function createEvaluator(plan: Plan): Evaluator {
  return new DeviceEvaluator(plan, false)
}

/** As `createEvaluator`, but it keeps the last evaluation to explain it. */
export function createTracingEvaluator(plan: Plan): TracingEvaluator {
  return new DeviceEvaluator(plan, true)
}

class DeviceEvaluator implements TracingEvaluator {
  readonly plan: Plan
  readonly counters = { rowsCut: 0, rowsSkipped: 0 }
  private readonly groups: readonly GroupPlan[]
  private readonly memory: Memory
  private readonly resting = new Set<string>()
  private asked = new Map<string, { at: number; sources: PlanSource[] }>()

  private readonly isTracing: boolean
  private lastRuns: ReadonlyMap<string, GroupRun> = new Map()

  constructor(plan: Plan, isTracing: boolean) {
    this.plan = plan
    this.isTracing = isTracing
    this.groups = [...plan.definition.groups.values()]
    this.memory = new Memory(plan.definition)
  }

  due(at: number, everyMs: number): FetchRequest[] {
    const asked = new Map<string, { at: number; sources: PlanSource[] }>()
    const ask = (group: string, source: PlanSource) => {
      const request = asked.get(group)
      if (request) request.sources.push(source)
      else asked.set(group, { at, sources: [source] })
    }
    const active = this.groups.filter(({ group }) => !this.resting.has(group.id))
    const wanted = new Set(active.flatMap(plan => plan.sources))
    const isActive = (id: string) => !this.resting.has(id)
    for (const source of wanted) {
      if (!this.isDue(source, at, everyMs)) continue
      ask(source.groups.find(isActive) ?? source.groups[0] ?? DEVICE_REQUEST, source)
    }
    const refresh = new Set(active.flatMap(plan => plan.refreshSources))
    const carrier = [...asked.keys()].find(id => this.isScalar(id)) ?? DEVICE_REQUEST
    for (const source of refresh) if (!wanted.has(source)) ask(carrier, source)
    this.asked = asked
    return [...asked].map(([group, { sources }]) => ({
      group,
      table: !this.isScalar(group) && group !== DEVICE_REQUEST,
      sources: sources.map(({ source }) => source),
      rowsMax: this.plan.definition.groups.get(group)?.group.rowsMax ?? 1,
    }))
  }

  private isScalar(id: string): boolean {
    return this.plan.definition.groups.get(id)?.group.table === false
  }

  private isDue(source: PlanSource, at: number, everyMs: number): boolean {
    const column = this.memory.columns[source.id]
    if (!column || column.readAt === null || at < column.readAt) return true
    const isAbsent = !column.wasThere && !column.isPartial && source.isOid
    const wish = Math.max(source.everyMs ?? 0, isAbsent ? absentRetryMs : 0)
    const period = Math.ceil(wish / everyMs) * everyMs
    // Half an interval of tolerance: a poll may be a little early, or asked for in between.
    return at - column.readAt >= period - everyMs / 2
  }

  evaluate(reading: Reading, tookMs: number): Evaluated {
    this.memory.absorb(reading, this.asked)
    const isRestarted = this.memory.noticeRestart(reading)
    const isChanged = new Set(this.groups.filter(plan => this.memory.noticeRefresh(plan)))
    const answering = this.groups.filter(
      plan => !this.resting.has(plan.group.id) && this.isAnswered(plan),
    )
    const unsure = (run: GroupRun) => this.unsure(run, isRestarted, isChanged.has(run.plan))
    const runs = this.compute(answering, unsure)
    if (this.isTracing) this.lastRuns = runs
    const answers = new Map<string, Emission>()
    for (const plan of answering) {
      const run = runs.get(plan.group.id)
      if (run)
        answers.set(
          plan.group.id,
          this.answer(run, reading, tookMs, isRestarted && unsure(run) !== null),
        )
    }
    this.rest()
    const given = [...answers].filter(([id]) => !this.resting.has(id))
    return {
      collections: given.flatMap(([group, { body }]) => (body ? [{ group, body }] : [])),
      rows: given.flatMap(([group, { rows }]) => (rows ? [{ group, body: rows }] : [])),
    }
  }

  trace(group: string, metric: string, index: string): Trace | null {
    const run = this.lastRuns.get(group)
    const place = run?.plan.group.slotOf.get(metric)
    const row = run?.rowOf.get(index)
    if (!run || place === undefined || row === undefined) return null
    return traceCell(run, place, row, {
      column: (table, source) => this.column(table, source)?.values,
      run: id => this.lastRuns.get(id),
    })
  }

  private column(table: boolean, source: string) {
    const found = this.plan.definition.sourceOf(table, source)
    return found && this.memory.columns[found.id]
  }

  private isAnswered(plan: GroupPlan): boolean {
    const sources = plan.metrics.flatMap(metric => metric.sources)
    return sources.length === 0 || sources.some(source => this.memory.columns[source.id]?.isFresh)
  }

  /**
   * Why rows may go by other names than they did when names were read: rates are then not taken, so
   * that no row's counter is compared with another's.
   */
  private unsure(
    run: GroupRun,
    isRestarted: boolean,
    isChanged: boolean,
  ): 'reset' | 'partial' | null {
    const { plan } = run
    if (plan.group.key.length === 0 || this.isIdentityFresh(plan)) return null
    if (isRestarted) return 'reset'
    const { known } = this.memory.of(plan.group.id)
    const isSame =
      known === null ||
      (known.size === run.indexes.length && run.indexes.every(index => known.has(index)))
    return isChanged && !isSame ? 'partial' : null
  }

  private compute(
    answering: readonly GroupPlan[],
    unsure: (run: GroupRun) => 'reset' | 'partial' | null,
  ): Map<string, GroupRun> {
    const steps = new Set<Step>(answering.flatMap(plan => plan.steps))
    const runs = new Map<string, GroupRun>()
    for (const plan of answering) this.start(plan, runs)
    for (const step of steps) this.start(step.group, runs)
    const context = this.context(runs, unsure)
    // Groups bring their steps in the plan's own order; together they need sorting once more.
    const ordered = [...steps].sort((a, b) => a.order - b.order)
    for (const step of ordered) computeStep(step, context)
    return runs
  }

  private start(plan: GroupPlan, runs: Map<string, GroupRun>): void {
    if (runs.has(plan.group.id)) return
    const { group } = plan
    const columns = plan.rowSources.map(source => this.memory.columns[source.id]?.values)
    const indexes = group.table ? rowsOf(columns) : ['']
    const cut = Math.max(0, indexes.length - group.rowsMax)
    const { run, skipped } = startRun(plan, cut > 0 ? indexes.slice(0, group.rowsMax) : indexes)
    this.counters.rowsCut += cut
    this.counters.rowsSkipped += skipped
    runs.set(group.id, run)
  }

  private context(
    runs: ReadonlyMap<string, GroupRun>,
    unsure: (run: GroupRun) => 'reset' | 'partial' | null,
  ): ComputeContext {
    const reasons = new Map([...runs.values()].map(run => [run, unsure(run)]))
    return {
      column: (table, source) => this.column(table, source)?.values,
      isPartial: (table, source) => this.column(table, source)?.isPartial ?? false,
      run: group => runs.get(group),
      key: run => this.memory.key(run),
      rate: question => {
        const gap = reasons.get(question.run) ?? null
        return gap === null ? this.memory.rate(question) : { gap }
      },
      believes: (question, isOver) => this.memory.believes(question, isOver),
    }
  }

  /** One group's answer, with rows held back whose names are not read yet. */
  private answer(run: GroupRun, reading: Reading, tookMs: number, isBlank: boolean): Emission {
    const { plan } = run
    this.memory.key(run)
    const memory = this.memory.of(plan.group.id)
    const isHeld = this.held(run)
    const blank: GapReason | null = isBlank ? 'reset' : null
    const isFresh = (source: PlanSource) => this.memory.columns[source.id]?.isFresh ?? false
    const answer = answerOf(run, { memory, reading, tookMs, isHeld, blank, isFresh })
    memory.hasRows = answer.hasValues
    const isWhole = plan.sources.every(source => !this.memory.columns[source.id]?.isPartial)
    // A device that never answers wholly and always names new rows must not fill the memory.
    if (isWhole || memory.rates.size > 2 * plan.group.rowsMax) this.memory.forgetGone(run)
    return answer
  }

  private isIdentityFresh(plan: GroupPlan): boolean {
    return plan.identitySources.every(source => this.memory.columns[source.id]?.isFresh)
  }

  /**
   * A row that came after its names were read has none yet: it waits for the next read, which is
   * asked to bring them, so that it does not begin under a wrong key.
   */
  private held(run: GroupRun): (index: string) => boolean {
    const { plan } = run
    const memory = this.memory.of(plan.group.id)
    if (plan.identitySources.length === 0) return () => false
    if (memory.known === null || this.isIdentityFresh(plan)) memory.known = new Set(run.indexes)
    const { known } = memory
    if (run.indexes.every(index => known.has(index))) return () => false
    this.memory.forgetSlow(plan.identitySources)
    return plan.group.key.length === 0 ? () => false : index => !known.has(index)
  }

  /** Of groups that mean the same, the lesser one rests while the better one has rows. */
  private rest(): void {
    this.resting.clear()
    const hasRows = (id: string) =>
      this.plan.definition.groups.has(id) && this.memory.of(id).hasRows && !this.resting.has(id)
    for (const { group } of this.groups) {
      if (group.replacedBy.some(hasRows)) this.resting.add(group.id)
    }
    for (const { group } of this.groups) {
      if (!hasRows(group.id)) continue
      for (const other of group.replaces) {
        if (this.plan.definition.groups.has(other)) this.resting.add(other)
      }
    }
  }
}
