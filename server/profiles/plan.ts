// Compiles a set of profiles into one plan: which groups, which sources, and in which order fields
// are computed so that each finds what it needs. Pure; devices with the same set share it. Past 300
// lines because a third of it is the shape of a plan, which its one maker explains.

import type { Fact } from '../model/profile.ts'
import type { Catalogue } from './catalogue.ts'
import { isPlain } from './columnread.ts'
import { neededBy } from './crosscheck.ts'
import type { FactSource, Group, Slot, Source } from './definition.ts'
import type { Plan, PlanGroup } from './face.ts'
import { chosenGroups, factsOf, strictest } from './profileset.ts'

/** One OID or path that the plan reads; groups that name the same one share it. */
export interface PlanSource {
  id: number
  source: string
  /** An OID, or else a path. */
  isOid: boolean
  table: boolean
  /** Read at least this often; null: with every poll. */
  everyMs: number | null
  /** Groups that name it, in the plan's order. */
  groups: string[]
  /** Rows are named by it. */
  isNaming: boolean
}

/** One field of one group: a step of the computation. */
export interface Step {
  group: GroupPlan
  slot: Slot
  place: number
  /** Steps with a lower number come first. */
  order: number
  /** What its own field reads, in the order of its fallbacks. */
  reads: readonly PlanSource[]
  /** All that it is computed from, but for its row's key; of these, what its value is. */
  sources: readonly PlanSource[]
  valueSources: readonly PlanSource[]
  /** It can be computed by whole columns (columnread.ts). */
  isPlain: boolean
  /** Its values change only when slow columns of its own group are read: they are kept between. */
  isKept: boolean
}

export interface GroupPlan {
  group: Group
  /** Sources that decide which rows there are: those of the metrics. */
  rowSources: PlanSource[]
  /** Everything that tells what a row is called: key, name, subtitle, labels. */
  namingSources: PlanSource[]
  /** Of these, the group's own that are read slowly. */
  identitySources: PlanSource[]
  refreshSources: PlanSource[]
  /** All that an answer of this group needs, in an order that works. */
  steps: Step[]
  /** Of these, what it needs while rows go by the names that they had; and what names them. */
  valueSteps: Step[]
  namingSteps: Step[]
  /** Other groups whose rows give names here. */
  namingGroups: GroupPlan[]
  /** All sources that those steps read, in this group and others. */
  sources: PlanSource[]
  metrics: MetricPlan[]
  /** Columns that alarm rules name: in each answer beside the metrics, and never an answer alone. */
  judged: MetricPlan[]
  /** Sources of all metrics; one that is read makes an answer. */
  metricSources: PlanSource[]
  /** Every metric has a `where` of its own, so that rows may have nothing to show. */
  isAllConditional: boolean
}

/** A group of which nothing is compiled yet. */
export function emptyGroupPlan(group: Group): GroupPlan {
  return {
    group,
    rowSources: [],
    namingSources: [],
    identitySources: [],
    refreshSources: [],
    steps: [],
    valueSteps: [],
    namingSteps: [],
    namingGroups: [],
    sources: [],
    metrics: [],
    judged: [],
    metricSources: [],
    isAllConditional: false,
  }
}

/** A step of which nothing is known but its field. */
export function emptyStep(group: GroupPlan, slot: Slot, place: number): Step {
  return {
    group,
    slot,
    place,
    order: -1,
    reads: [],
    sources: [],
    valueSources: [],
    isPlain: false,
    isKept: false,
  }
}

export interface MetricPlan {
  slot: Slot
  place: number
  /** Every source that its value comes from. */
  sources: PlanSource[]
  /** Significant digits that are published: 5 where a rate is in it. */
  digits: number
}

export interface PlanDefinition {
  groups: ReadonlyMap<string, GroupPlan>
  sources: readonly PlanSource[]
  sourceOf(table: boolean, source: string): PlanSource | undefined
  facts: readonly { fact: Fact; source: FactSource }[]
  /** What must be computed, in order, to know these fields of a group. */
  stepsFor(group: string, names: readonly string[]): Step[]
}

/**
 * A plan of these profiles; ids that the catalogue lacks are passed over.
 * @param only a group that is read alone, as if there were no other
 */
export function compilePlan(
  catalogue: Catalogue,
  profileIds: readonly string[],
  only?: string,
): Plan {
  const profiles = profileIds
    .map(id => catalogue.profiles.get(id))
    .filter(profile => profile !== undefined)
  const groups = chosenGroups(profiles).filter(({ id }) => only === undefined || id === only)
  const definition = new Planner(groups).plan(factsOf(profiles))
  return {
    profiles: profiles.map(profile => profile.id),
    groups: groups.map(
      ({ id, profile, table, everyMs, rowsMax }): PlanGroup => ({
        id,
        profile,
        table,
        everyMs,
        rowsMax,
      }),
    ),
    quirks: strictest(profiles),
    definition,
  }
}

/** Every source that a field's own source reads, fallbacks too. */
export function sourcesIn(source: Source): { source: string; everyMs: number | null }[] {
  if (source.kind === 'read') return source.sources.map(name => ({ source: name, everyMs: null }))
  if (source.kind !== 'first') return []
  return source.entries.flatMap(entry =>
    sourcesIn(entry.source).map(inner => ({ ...inner, everyMs: inner.everyMs ?? entry.everyMs })),
  )
}

class Planner {
  private readonly scalars = new Map<string, PlanSource>()
  private readonly columns = new Map<string, PlanSource>()
  private readonly groups = new Map<string, GroupPlan>()
  private readonly steps = new Map<Slot, Step>()
  private readonly sources: PlanSource[] = []
  private placed = 0

  constructor(groups: readonly Group[]) {
    for (const group of groups) {
      const plan = emptyGroupPlan(group)
      plan.refreshSources = group.refreshOn.map(oid => this.source(group, oid, null, false))
      this.groups.set(group.id, plan)
      group.slots.forEach((slot, place) => {
        const step = emptyStep(plan, slot, place)
        this.steps.set(slot, step)
        const found = sourcesIn(slot.source).map(read =>
          this.source(
            group,
            read.source,
            read.everyMs ?? slot.everyMs ?? group.everyMs,
            group.table,
          ),
        )
        step.reads = found
        step.isPlain = isPlain(slot)
      })
    }
  }

  plan(facts: PlanDefinition['facts']): PlanDefinition {
    for (const step of this.steps.values()) this.place(step)
    for (const step of this.steps.values()) this.completeStep(step)
    for (const plan of this.groups.values()) this.complete(plan)
    const wanted = new Set([...this.groups.values()].flatMap(group => group.valueSteps))
    for (const step of this.steps.values()) step.isKept &&= wanted.has(step)
    return {
      groups: this.groups,
      sources: this.sources,
      sourceOf: (table, source) => (table ? this.columns : this.scalars).get(source),
      facts,
      stepsFor: (id, names) => {
        const group = this.groups.get(id)?.group
        const roots = names.map(name => group && this.stepOf(group, name))
        const all = this.closure(roots.filter(step => step !== undefined))
        return inOrder(all)
      },
    }
  }

  private source(group: Group, source: string, everyMs: number | null, table: boolean): PlanSource {
    const byName = table ? this.columns : this.scalars
    const known = byName.get(source)
    if (!known) {
      const isOid = group.source === 'snmp'
      const fresh: PlanSource = {
        id: this.sources.length,
        source,
        isOid,
        table,
        everyMs,
        groups: [group.id],
        isNaming: false,
      }
      byName.set(source, fresh)
      this.sources.push(fresh)
      return fresh
    }
    // Who wants it most often decides.
    known.everyMs =
      known.everyMs === null || everyMs === null ? null : Math.min(known.everyMs, everyMs)
    if (!known.groups.includes(group.id)) known.groups.push(group.id)
    return known
  }

  /** Depth first: what a step needs is placed before it. Circles were refused at load. */
  private place(step: Step, open: ReadonlySet<Step> = new Set()): void {
    if (step.order >= 0 || open.has(step)) return
    for (const need of this.needs(step)) this.place(need, new Set([...open, step]))
    step.order = this.placed++
  }

  /** `withKey`: of a rate also what its row's key is made of. */
  private needs(step: Step, withKey = true): Step[] {
    const slot = withKey ? step.slot : { ...step.slot, rate: null }
    return neededBy(step.group.group, slot, id => this.groups.get(id)?.group)
      .map(need => this.steps.get(need.slot))
      .filter(need => need !== undefined)
  }

  /** A step and everything under it. */
  private closure(roots: Iterable<Step>, withKeys = true): Set<Step> {
    const all = new Set<Step>()
    const waiting = [...roots]
    for (let step = waiting.pop(); step; step = waiting.pop()) {
      if (all.has(step)) continue
      all.add(step)
      waiting.push(...this.needs(step, withKeys))
    }
    return all
  }

  private completeStep(step: Step): void {
    const below = this.closure([step], false)
    const counted = new Set<PlanSource>()
    this.valueSources(step, new Set(), counted)
    step.sources = this.sourcesOf(below)
    step.valueSources = [...counted]
    const isSteady =
      step.sources.length > 0 &&
      step.sources.every(source => source.everyMs !== null) &&
      [...below].every(({ group, slot }) => {
        return group === step.group && slot.rate === null && slot.lookups.length === 0
      })
    step.isKept = isSteady && !step.isPlain
  }

  private complete(plan: GroupPlan): void {
    const { group } = plan
    const named = (names: Iterable<string>) =>
      [...names].map(name => this.stepOf(group, name)).filter(step => step !== undefined)
    const metrics = group.slots.filter(slot => slot.metric).map(slot => this.steps.get(slot))
    const metricSteps = metrics.filter(step => step !== undefined)
    const identity = named([
      ...group.key,
      ...group.labels,
      ...group.name.flat().map(part => (typeof part === 'string' ? '' : part.column)),
      ...(group.subtitle === null ? [] : [group.subtitle]),
    ])
    const where = named(group.where?.names ?? [])
    const all = this.closure([...metricSteps, ...identity, ...where])
    const naming = this.closure(identity)
    plan.steps = inOrder(all)
    plan.valueSteps = inOrder(this.closure([...metricSteps, ...where], false))
    plan.namingSteps = inOrder(naming)
    plan.namingGroups = [...new Set([...naming].map(step => step.group))].filter(
      group => group !== plan,
    )
    plan.sources = this.sourcesOf(all)
    const shown = metricSteps.filter(({ slot }) => slot.metric?.shown)
    plan.metrics = shown.map(step => this.metricPlan(step))
    plan.judged = metricSteps
      .filter(step => !shown.includes(step))
      .map(step => this.metricPlan(step))
    plan.metricSources = [...new Set(plan.metrics.flatMap(metric => metric.sources))]
    plan.isAllConditional =
      plan.metrics.length > 0 && plan.metrics.every(({ slot }) => slot.where !== null)
    plan.namingSources = this.sourcesOf(naming)
    for (const source of plan.namingSources) source.isNaming = true
    plan.identitySources = plan.namingSources.filter(
      source => source.everyMs !== null && source.groups.includes(group.id),
    )
    plan.rowSources = this.rowSources(plan, shown)
  }

  /** Conditions and names do not make a row: hrDeviceDescr also names what is no processor. */
  private rowSources(plan: GroupPlan, metrics: readonly Step[]): PlanSource[] {
    const found = new Set<PlanSource>()
    const seen = new Set<Step>()
    for (const step of metrics) this.valueSources(step, seen, found)
    if (found.size > 0) return [...found]
    return this.sourcesOf([...this.steps.values()].filter(step => step.group === plan))
  }

  /** What a field's own value is read from in its group, without `where`, `max` and lookups. */
  private valueSources(step: Step, seen: Set<Step>, found: Set<PlanSource>): void {
    if (seen.has(step)) return
    seen.add(step)
    for (const source of step.reads) found.add(source)
    const names = new Set<string>()
    collectNames(step.slot.source, names)
    for (const name of names) {
      const need = this.stepOf(step.group.group, name)
      if (need) this.valueSources(need, seen, found)
    }
  }

  private stepOf(group: Group, name: string): Step | undefined {
    const place = group.slotOf.get(name)
    const slot = place === undefined ? undefined : group.slots[place]
    return slot && this.steps.get(slot)
  }

  private sourcesOf(steps: Iterable<Step>): PlanSource[] {
    const found = new Set<PlanSource>()
    for (const step of steps) for (const source of step.reads) found.add(source)
    return [...found]
  }

  private metricPlan(step: Step): MetricPlan {
    const below = this.closure([step])
    const rated = [...below].some(inner => inner.slot.rate)
    return {
      slot: step.slot,
      place: step.place,
      sources: this.sourcesOf(below),
      digits: rated ? 5 : 12,
    }
  }
}

export function inOrder(steps: Iterable<Step>): Step[] {
  return [...steps].sort((a, b) => a.order - b.order)
}

function collectNames(source: Source, names: Set<string>): void {
  if (source.kind === 'value') for (const name of source.expression.names) names.add(name)
  if (source.kind === 'first') for (const entry of source.entries) collectNames(entry.source, names)
}
