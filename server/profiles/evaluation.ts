// One evaluation: the groups that are at work, and their fields, each computed once and only where
// something asks for it.

import { CellPool, type Cells, newCells } from './cells.ts'
import {
  type ComputeContext,
  computeStep,
  type GroupRun,
  type ReadColumn,
  startRun,
} from './compute.ts'
import type { Counters } from './counters.ts'
import type { Course, Memory } from './memory.ts'
import { type GroupPlan, inOrder, type PlanDefinition, type PlanSource, type Step } from './plan.ts'
import type { RowSet } from './rowset.ts'

/** Evaluations follow one another in a thread, so that one pool serves all devices. */
const pool = new CellPool()

export interface EvaluationOptions {
  definition: PlanDefinition
  memory: Memory
  rowsOf(plan: GroupPlan): RowSet
  /** Why no rates are taken in a run; null: they are. */
  unsure(run: GroupRun): 'first' | 'reset' | 'partial' | null
  /** Its cells are looked at after the next evaluation has begun. */
  isLasting: boolean
}

export class Evaluation implements ComputeContext {
  readonly atMs: number
  private readonly options: EvaluationOptions
  private readonly runs = new Map<string, GroupRun>()
  /** What was computed at once; with what came later, where anything did. */
  private course: Course | null = null
  private done: Set<Step> | null = null
  private readonly keyed = new Set<GroupRun>()
  private readonly reasons = new Map<GroupRun, ReturnType<EvaluationOptions['unsure']>>()

  constructor(options: EvaluationOptions) {
    this.options = options
    this.atMs = options.memory.atMs
    if (!options.isLasting) pool.release()
  }

  run(group: string): GroupRun | undefined {
    return this.runs.get(group)
  }

  /** The run of a group, begun if need be. */
  start(plan: GroupPlan): GroupRun {
    let run = this.runs.get(plan.group.id)
    if (!run) {
      run = startRun(plan, this.options.rowsOf(plan))
      this.runs.set(plan.group.id, run)
    }
    return run
  }

  /** Computes what these groups are to answer. */
  answer(plans: readonly GroupPlan[]): void {
    const { memory } = this.options
    let course = memory.course
    if (course === null || !this.isSame(course, plans)) course = this.plot(plans)
    memory.course = course
    for (const { group } of course.steps) this.start(group)
    for (const step of course.steps) computeStep(step, this)
    this.course = course
  }

  /** Whether what is to be computed is what was computed the last time. */
  private isSame(course: Course, plans: readonly GroupPlan[]): boolean {
    if (course.plans.length !== plans.length) return false
    for (const [i, plan] of plans.entries()) if (plan !== course.plans[i]) return false
    for (const [plan, isNamed] of course.named) if (this.isNamed(plan) !== isNamed) return false
    return true
  }

  private plot(plans: readonly GroupPlan[]): Course {
    const named = new Map<GroupPlan, boolean>()
    const isNamed = (plan: GroupPlan) => {
      const known = named.get(plan) ?? this.isNamed(plan)
      named.set(plan, known)
      return known
    }
    const steps = new Set<Step>()
    for (const plan of plans) {
      for (const step of isNamed(plan) ? plan.valueSteps : plan.steps) steps.add(step)
    }
    // A rate goes by its row's key. What is added is looked at too.
    for (const { slot, group } of steps) {
      if (slot.rate === null || isNamed(group)) continue
      for (const step of group.namingSteps) steps.add(step)
    }
    return { plans, named, steps: inOrder(steps) }
  }

  /** Computes those of these steps that are not computed yet. */
  compute(steps: Iterable<Step>): void {
    this.done ??= new Set(this.course?.steps)
    const missing: Step[] = []
    for (const step of steps) if (!this.done.has(step)) missing.push(step)
    for (const step of missing) this.start(step.group)
    for (const step of inOrder(missing)) {
      this.done.add(step)
      computeStep(step, this)
    }
  }

  /** Whether a group's rows go by the names that they had. */
  private isNamed(plan: GroupPlan): boolean {
    const { memory } = this.options
    const { named } = memory.of(plan)
    if (named === null) return false
    return memory.stands(named, plan.namingSources, this.namingRows(plan))
  }

  private namingRows(plan: GroupPlan): RowSet[] {
    const own = this.start(plan).rows
    return plan.namingGroups.length === 0
      ? [own]
      : [own, ...plan.namingGroups.map(group => this.start(group).rows)]
  }

  /** Gives a run its rows' keys; the columns that they are made of are computed. */
  key(run: GroupRun): void {
    if (this.keyed.has(run)) return
    this.keyed.add(run)
    const { memory } = this.options
    const { plan } = run
    const standing = this.isNamed(plan)
      ? null
      : memory.standing(plan.namingSources, this.namingRows(plan))
    memory.key(run, standing)
  }

  column(source: PlanSource): ReadColumn | undefined {
    return this.options.memory.columns[source.id]
  }

  columnNamed(table: boolean, name: string): ReadColumn | undefined {
    const source = this.options.definition.sourceOf(table, name)
    return source && this.options.memory.columns[source.id]
  }

  cells(step: Step, run: GroupRun): { cells: Cells; isDone: boolean } {
    const { memory, isLasting } = this.options
    const rows = run.indexes.length
    if (!step.isKept) {
      return { cells: isLasting ? newCells(rows) : pool.take(rows), isDone: false }
    }
    const kept = memory.kept(step, run.rows)
    if (kept) return { cells: kept, isDone: true }
    const cells = newCells(rows)
    memory.keepCells(step, run.rows, cells)
    return { cells, isDone: false }
  }

  isFresh(sources: readonly PlanSource[]): boolean {
    const { columns } = this.options.memory
    for (const { id } of sources) if (columns[id]?.isFresh) return true
    return false
  }

  counters(run: GroupRun): Counters {
    this.key(run)
    return this.options.memory.of(run.plan).counters
  }

  unsure(run: GroupRun): 'first' | 'reset' | 'partial' | null {
    let reason = this.reasons.get(run)
    if (reason === undefined) {
      reason = this.options.unsure(run)
      this.reasons.set(run, reason)
    }
    return reason
  }
}
