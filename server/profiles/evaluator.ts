// Raw values to metrics, for one device: what is due, what it means, and what changed. It reads
// nothing itself; a collector hands it readings.

import type { GapReason } from '../model/gap.ts'
import type { Reading } from '../model/raw.ts'
import { answerOf, type Emission } from './answer.ts'
import type { GroupRun } from './compute.ts'
import { Evaluation } from './evaluation.ts'
import type { Evaluated, Evaluator, FetchRequest, Plan } from './face.ts'
import { Memory } from './memory.ts'
import type { GroupPlan, PlanSource } from './plan.ts'
import { type RowSet, sameTexts } from './rowset.ts'
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

/** By group, what is asked of it and when: the scheduled time. */
type Asked = Map<string, { at: number; sources: PlanSource[] }>

const NOTHING_ASKED: Asked = new Map()

/** What is due, and the requests for it. */
interface Due {
  due: readonly PlanSource[]
  asked: Asked
  requests: FetchRequest[]
}

class DeviceEvaluator implements TracingEvaluator {
  readonly plan: Plan
  readonly counters = { rowsCut: 0, rowsSkipped: 0 }
  private readonly groups: readonly GroupPlan[]
  private readonly memory: Memory
  /** Groups that mean the same as others, which is all that makes any rest. */
  private readonly rivals: readonly GroupPlan[]
  private resting: ReadonlySet<string> = new Set()
  /** What the groups at work want, and what was due of it last; null: others are at work now. */
  private wanted: readonly PlanSource[] | null = null
  private last: Due | null = null

  private readonly isTracing: boolean
  private traced: Evaluation | null = null

  constructor(plan: Plan, isTracing: boolean) {
    this.plan = plan
    this.isTracing = isTracing
    this.groups = [...plan.definition.groups.values()]
    this.rivals = this.groups.filter(({ group }) => {
      return group.replaces.length > 0 || group.replacedBy.length > 0
    })
    this.memory = new Memory(plan.definition)
  }

  expectRestart(): void {
    this.memory.expectRestart()
  }

  due(at: number, everyMs: number): FetchRequest[] {
    this.wanted ??= [...new Set(this.active().flatMap(plan => plan.sources))]
    const due: PlanSource[] = []
    for (const source of this.wanted) if (this.isDue(source, at, everyMs)) due.push(source)
    // What is due is nearly always what was due before.
    if (this.last?.due.length !== due.length || !due.every((one, i) => one === this.last?.due[i])) {
      this.last = this.requestsFor(due, this.wanted)
    }
    for (const request of this.last.asked.values()) request.at = at
    return this.last.requests
  }

  private active(): GroupPlan[] {
    return this.groups.filter(({ group }) => !this.resting.has(group.id))
  }

  private requestsFor(due: readonly PlanSource[], wanted: readonly PlanSource[]): Due {
    const asked: Asked = new Map()
    const ask = (group: string, source: PlanSource) => {
      const request = asked.get(group)
      if (request) request.sources.push(source)
      else asked.set(group, { at: 0, sources: [source] })
    }
    const isActive = (id: string) => !this.resting.has(id)
    for (const source of due) {
      ask(source.groups.find(isActive) ?? source.groups[0] ?? DEVICE_REQUEST, source)
    }
    const refresh = new Set(this.active().flatMap(plan => plan.refreshSources))
    const carrier = [...asked.keys()].find(id => this.isScalar(id)) ?? DEVICE_REQUEST
    for (const source of refresh) if (!wanted.includes(source)) ask(carrier, source)
    const requests = [...asked].map(([group, { sources }]) => ({
      group,
      table: !this.isScalar(group) && group !== DEVICE_REQUEST,
      sources: sources.map(({ source }) => source),
      rowsMax: this.plan.definition.groups.get(group)?.group.rowsMax ?? 1,
    }))
    return { due, asked, requests }
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
    this.memory.absorb(reading, this.last?.asked ?? NOTHING_ASKED)
    const isRestarted = this.memory.noticeRestart(reading)
    const changed = this.groups.filter(plan => this.memory.noticeRefresh(plan))
    const answering = this.groups.filter(
      plan => !this.resting.has(plan.group.id) && this.isAnswered(plan),
    )
    const evaluation = new Evaluation({
      definition: this.plan.definition,
      memory: this.memory,
      rowsOf: plan => this.rowsOf(plan),
      unsure: run => this.unsure(run, isRestarted, changed.includes(run.plan)),
      isLasting: this.isTracing,
    })
    evaluation.answer(answering)
    if (this.isTracing) this.traced = evaluation
    const answers = new Map<string, Emission>()
    for (const plan of answering) {
      const run = evaluation.start(plan)
      const isBlank = isRestarted && evaluation.unsure(run) !== null
      answers.set(plan.group.id, this.answer(evaluation, run, reading, tookMs, isBlank))
    }
    this.rest()
    const given = [...answers].filter(([id]) => !this.resting.has(id))
    return {
      collections: given.flatMap(([group, { body }]) => (body ? [{ group, body }] : [])),
      rows: given.flatMap(([group, { rows }]) => (rows ? [{ group, body: rows }] : [])),
    }
  }

  trace(group: string, metric: string, index: string): Trace | null {
    const run = this.traced?.run(group)
    const place = run?.plan.group.slotOf.get(metric)
    const row = run?.rows.rowOf(index)
    if (!this.traced || !run || place === undefined || row === undefined) return null
    return traceCell(run, place, row, this.traced)
  }

  private isAnswered(plan: GroupPlan): boolean {
    const { group, metricSources } = plan
    if (group.inventory !== null) return this.isWhole(plan)
    if (metricSources.length === 0) return true
    return metricSources.some(source => this.memory.columns[source.id]?.isFresh)
  }

  /** All of it was read now: in a part, what is not there need not be gone. */
  private isWhole({ group, sources }: GroupPlan): boolean {
    const own = sources.filter(({ groups }) => groups.includes(group.id))
    const columns = own.map(({ id }) => this.memory.columns[id])
    return (
      columns.every(column => column?.isFresh && !column.isPartial) &&
      columns.some(column => column?.wasThere)
    )
  }

  private rowsOf(plan: GroupPlan): RowSet {
    const columns = plan.rowSources.map(source => this.memory.columns[source.id])
    const rows = this.memory.of(plan).finder.find(columns.filter(column => column !== undefined))
    this.counters.rowsCut += rows.cut
    this.counters.rowsSkipped += rows.skipped
    return rows
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
    if (!isChanged) return null
    const { known } = this.memory.of(plan)
    return known === null || sameTexts(known.indexes, run.indexes) ? null : 'partial'
  }

  /** One group's answer, with rows held back whose names are not read yet. */
  private answer(
    evaluation: Evaluation,
    run: GroupRun,
    reading: Reading,
    tookMs: number,
    isBlank: boolean,
  ): Emission {
    const { plan } = run
    evaluation.key(run)
    const memory = this.memory.of(plan)
    const isHeld = this.held(run)
    const blank: GapReason | null = isBlank ? 'reset' : null
    const answer = answerOf(run, {
      memory: this.memory,
      evaluation,
      reading,
      tookMs,
      isHeld,
      blank,
    })
    memory.hasRows = answer.hasValues
    const isWhole = plan.sources.every(source => !this.memory.columns[source.id]?.isPartial)
    // A device that never answers wholly and always names new rows must not fill the memory.
    const isFull = () => memory.counters.size > 2 * plan.group.rowsMax
    if (isWhole || isFull()) memory.counters.forgetGone()
    return answer
  }

  private isIdentityFresh(plan: GroupPlan): boolean {
    return plan.identitySources.every(source => this.memory.columns[source.id]?.isFresh)
  }

  /**
   * A row that came after its names were read has none yet: it waits for the next read, which is
   * asked to bring them, so that it does not begin under a wrong key. Null: there is none such.
   */
  private held(run: GroupRun): ((index: string) => boolean) | null {
    const { plan } = run
    const memory = this.memory.of(plan)
    if (plan.identitySources.length === 0) return null
    if (memory.known === null || this.isIdentityFresh(plan)) memory.known = run.rows
    const { known } = memory
    if (known === run.rows) return null
    const isNew = (index: string) => known.rowOf(index) === undefined
    if (!run.indexes.some(isNew)) return null
    this.memory.forgetSlow(plan.identitySources)
    return plan.group.key.length === 0 ? null : isNew
  }

  /** Of groups that mean the same, the lesser one rests while the better one has rows. */
  private rest(): void {
    if (this.rivals.length === 0) return
    const resting = new Set<string>()
    const hasRows = (id: string) => {
      const plan = this.plan.definition.groups.get(id)
      return plan !== undefined && this.memory.of(plan).hasRows && !resting.has(id)
    }
    for (const { group } of this.rivals) {
      if (group.replacedBy.some(hasRows)) resting.add(group.id)
    }
    for (const { group } of this.rivals) {
      if (!hasRows(group.id)) continue
      for (const other of group.replaces) {
        if (this.plan.definition.groups.has(other)) resting.add(other)
      }
    }
    if (resting.size === this.resting.size && [...resting].every(id => this.resting.has(id))) return
    this.resting = resting
    this.wanted = null
    this.last = null
  }
}
