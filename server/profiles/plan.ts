// Compiles a set of profiles into one plan: which groups, which sources, and in which order fields
// are computed so that each finds what it needs. Pure; devices with the same set share it.

import type { Fact } from '../model/profile.ts'
import type { Catalogue } from './catalogue.ts'
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
}

/** One field of one group: a step of the computation. */
export interface Step {
  group: GroupPlan
  slot: Slot
  place: number
  /** Steps with a lower number come first. */
  order: number
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
  /** All sources that those steps read, in this group and others. */
  sources: PlanSource[]
  metrics: MetricPlan[]
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

/** A plan of these profiles; ids that the catalogue lacks are passed over. */
export function compilePlan(catalogue: Catalogue, profileIds: readonly string[]): Plan {
  const profiles = profileIds
    .map(id => catalogue.profiles.get(id))
    .filter(profile => profile !== undefined)
  const groups = chosenGroups(profiles)
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
  private readonly reads = new Map<Slot, PlanSource[]>()

  constructor(groups: readonly Group[]) {
    for (const group of groups) {
      const plan: GroupPlan = {
        group,
        rowSources: [],
        namingSources: [],
        identitySources: [],
        refreshSources: group.refreshOn.map(oid => this.source(group, oid, null, false)),
        steps: [],
        sources: [],
        metrics: [],
      }
      this.groups.set(group.id, plan)
      group.slots.forEach((slot, place) => {
        this.steps.set(slot, { group: plan, slot, place, order: -1 })
        const found = sourcesIn(slot.source).map(read =>
          this.source(
            group,
            read.source,
            read.everyMs ?? slot.everyMs ?? group.everyMs,
            group.table,
          ),
        )
        this.reads.set(slot, found)
      })
    }
  }

  plan(facts: PlanDefinition['facts']): PlanDefinition {
    for (const step of this.steps.values()) this.place(step)
    for (const plan of this.groups.values()) this.complete(plan)
    return {
      groups: this.groups,
      sources: this.sources,
      sourceOf: (table, source) => (table ? this.columns : this.scalars).get(source),
      facts,
      stepsFor: (id, names) => {
        const group = this.groups.get(id)?.group
        const roots = names.map(name => group && this.stepOf(group, name))
        const all = this.closure(roots.filter(step => step !== undefined))
        return [...all].sort((a, b) => a.order - b.order)
      },
    }
  }

  private source(group: Group, source: string, everyMs: number | null, table: boolean): PlanSource {
    const byName = table ? this.columns : this.scalars
    const known = byName.get(source)
    if (!known) {
      const isOid = group.source === 'snmp'
      const fresh = { id: this.sources.length, source, isOid, table, everyMs, groups: [group.id] }
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

  private needs(step: Step): Step[] {
    return neededBy(step.group.group, step.slot, id => this.groups.get(id)?.group)
      .map(need => this.steps.get(need.slot))
      .filter(need => need !== undefined)
  }

  /** A step and everything under it. */
  private closure(roots: Iterable<Step>): Set<Step> {
    const all = new Set<Step>()
    const waiting = [...roots]
    for (let step = waiting.pop(); step; step = waiting.pop()) {
      if (all.has(step)) continue
      all.add(step)
      waiting.push(...this.needs(step))
    }
    return all
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
    plan.steps = [...all].sort((a, b) => a.order - b.order)
    plan.sources = this.sourcesOf(all)
    plan.metrics = metricSteps.map(step => this.metricPlan(step))
    plan.namingSources = this.sourcesOf(this.closure(identity))
    plan.identitySources = plan.namingSources.filter(
      source => source.everyMs !== null && source.groups.includes(group.id),
    )
    plan.rowSources = this.rowSources(plan, metricSteps)
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
    for (const source of this.reads.get(step.slot) ?? []) found.add(source)
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
    for (const step of steps)
      for (const source of this.reads.get(step.slot) ?? []) found.add(source)
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

function collectNames(source: Source, names: Set<string>): void {
  if (source.kind === 'value') for (const name of source.expression.names) names.add(name)
  if (source.kind === 'first') for (const entry of source.entries) collectNames(entry.source, names)
}
