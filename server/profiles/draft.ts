// A profile that somebody is writing, looked at among all others without being in force: what is wrong
// with it, what else it would break, what it reads and draws, and what it changes of the one in force.

import { buildCatalogue } from './build.ts'
import type { Catalogue, CatalogueProfile, Problem, ProfileSource } from './catalogue.ts'
import { chooseProfiles } from './choose.ts'
import type { Field, Group, Slot } from './definition.ts'
import type { PageSection } from './face.ts'
import { pageOf } from './page.ts'
import { compilePlan } from './plan.ts'

/** Problems, and changes of metrics, that are told. */
const problemsMax = 100
const changesMax = 200
/** Devices that are named; the others are counted. */
const namedMax = 50

export interface Draft {
  id: string
  text: string
}

/** A device as far as it is known without asking it. */
export interface DraftDevice {
  id: string
  name: string
  kind: string
  /** The config's `profiles`. */
  wanted: readonly string[]
  /** Those that it was given. */
  profiles: readonly string[]
  sysObjectID: string
  sysDescr: string
}

export interface MetricChange {
  what: 'added' | 'removed' | 'renamed' | 'changed'
  /** `<group>.<metric>` */
  metric: string
  /** Renamed: the new name. Changed: which of its properties. */
  to: string
}

export interface DraftUse {
  id: string
  name: string
  /** `maybe`: it depends on what the device answers. */
  before: boolean
  after: 'yes' | 'maybe' | 'no'
}

export interface DraftGroup {
  id: string
  title: string
  table: boolean
  /** OIDs, or paths, that it reads. */
  sources: number
  metrics: number
  everyMs: number | null
  alarms: { metric: string; title: string; rules: Record<string, string> }[]
}

export interface DraftReport {
  /** Of the draft itself; without an error it can be saved. */
  problems: Problem[]
  /** Errors of other profiles that are there only with this draft. */
  breaks: Problem[]
  /** Null: it has errors, or is abstract. */
  reads: { title: string; type: string; source: string; groups: DraftGroup[] } | null
  sections: PageSection[]
  changes: MetricChange[]
  uses: DraftUse[]
  /** Devices that use it now, and those that would, or might. */
  counts: { before: number; yes: number; maybe: number }
  /** Profiles that extend it. */
  extendedBy: string[]
}

/** The catalogue with the draft in the place of the profile of its id. */
export function withDraft(sources: readonly ProfileSource[], draft: Draft): Catalogue {
  const others = sources.filter(({ id }) => id !== draft.id)
  const own: ProfileSource = { ...draft, file: `${draft.id}.json`, from: 'user' }
  return buildCatalogue([...others, own])
}

export async function reportOf(
  before: Catalogue,
  after: Catalogue,
  id: string,
  devices: readonly DraftDevice[],
): Promise<DraftReport> {
  const known = new Set(before.problems.map(keyOf))
  const profile = after.profiles.get(id) ?? null
  const uses = profile ? await usesOf(after, profile, devices) : []
  return {
    problems: after.problems.filter(problem => problem.profile === id).slice(0, problemsMax),
    breaks: after.problems
      .filter(problem => problem.profile !== id && problem.severity === 'error')
      .filter(problem => !known.has(keyOf(problem)))
      .slice(0, problemsMax),
    reads: profile && {
      title: profile.title,
      type: profile.type,
      source: profile.source,
      groups: groupsOf(profile),
    },
    sections: profile ? pageOf(compilePlan(after, [id])) : [],
    changes: profile ? changesOf(before.profiles.get(id) ?? null, profile) : [],
    uses: uses.slice(0, namedMax),
    counts: {
      before: uses.filter(use => use.before).length,
      yes: uses.filter(use => use.after === 'yes').length,
      maybe: uses.filter(use => use.after === 'maybe').length,
    },
    extendedBy: [...after.profiles.values()]
      .filter(other => other.definition.ancestors.has(id))
      .map(other => other.id),
  }
}

const keyOf = ({ profile, code, message }: Problem): string =>
  JSON.stringify([profile, code, message])

export function groupsOf({ definition }: CatalogueProfile): DraftGroup[] {
  return [...definition.groups.values()].map(group => ({
    id: group.id,
    title: group.title,
    table: group.table,
    sources: new Set(group.slots.flatMap(sourcesOf)).size,
    metrics: metricsOf(group).length,
    everyMs: group.everyMs,
    alarms: metricsOf(group).flatMap(({ metric }) => {
      if (!metric?.alarm) return []
      const { warning, critical, clear, for: held } = metric.alarm
      const rules = Object.entries({ warning, critical, clear, for: held })
      return [
        {
          metric: metric.id,
          title: metric.title,
          rules: Object.fromEntries(
            rules.filter((rule): rule is [string, string] => typeof rule[1] === 'string'),
          ),
        },
      ]
    }),
  }))
}

function metricsOf(group: Group): Slot[] {
  return group.slots.filter(({ metric }) => metric !== null)
}

function sourcesOf({ source }: Pick<Field, 'source'>): string[] {
  if (source.kind === 'read') return [...source.sources]
  return source.kind === 'first' ? source.entries.flatMap(sourcesOf) : []
}

/** By full name; what went and came back with the same sources was renamed. */
function changesOf(before: CatalogueProfile | null, after: CatalogueProfile): MetricChange[] {
  const old = before ? namedMetrics(before) : new Map<string, Slot>()
  const now = namedMetrics(after)
  const gone = [...old].filter(([name]) => !now.has(name))
  const come = [...now].filter(([name]) => !old.has(name))
  const changes: MetricChange[] = []
  for (const [metric, slot] of gone) {
    const read = sourcesOf(slot).join(' ')
    const twin = come.findIndex(([, other]) => read !== '' && sourcesOf(other).join(' ') === read)
    const [renamed] = twin < 0 ? [] : come.splice(twin, 1)
    if (renamed) changes.push({ what: 'renamed', metric, to: renamed[0] })
    else changes.push({ what: 'removed', metric, to: '' })
  }
  for (const [metric] of come) changes.push({ what: 'added', metric, to: '' })
  for (const [metric, slot] of now) {
    const other = old.get(metric)
    const to = other ? differences(other, slot) : []
    if (to.length > 0) changes.push({ what: 'changed', metric, to: to.join(', ') })
  }
  return changes.slice(0, changesMax)
}

function namedMetrics({ definition }: CatalogueProfile): Map<string, Slot> {
  const named = new Map<string, Slot>()
  for (const group of definition.groups.values()) {
    for (const slot of metricsOf(group)) named.set(`${group.id}.${slot.name}`, slot)
  }
  return named
}

function differences(a: Slot, b: Slot): string[] {
  const of = (slot: Slot): Record<string, unknown> => ({
    title: slot.metric?.title,
    unit: slot.metric?.unit,
    kind: slot.metric?.kind,
    role: slot.metric?.role,
    states: slot.metric?.states,
    alarm: slot.metric?.alarm,
    sources: sourcesOf(slot),
    scale: slot.scale,
    offset: slot.offset,
    range: slot.range,
    every: slot.everyMs,
  })
  const [one, two] = [of(a), of(b)]
  return Object.keys(one).filter(key => JSON.stringify(one[key]) !== JSON.stringify(two[key]))
}

/** Who uses it, and who would. Nobody is asked: what only an answer could tell is a `maybe`. */
async function usesOf(
  after: Catalogue,
  { id, source, definition }: CatalogueProfile,
  devices: readonly DraftDevice[],
): Promise<DraftUse[]> {
  const needsAnswer = definition.match.some(({ doc }) => doc.exists ?? doc.not?.exists)
  const uses: DraftUse[] = []
  for (const device of devices) {
    if (device.kind !== source) continue
    const has = (profile: string) =>
      profile === id || after.profiles.get(profile)?.definition.ancestors.has(id) === true
    const before = device.profiles.some(has)
    const { profiles } = await chooseProfiles(after, device.wanted, {
      source,
      sysObjectID: device.sysObjectID,
      sysDescr: device.sysDescr,
      exists: async oids => new Set(oids),
    })
    const fits = profiles.some(has)
    const use = !fits ? 'no' : !needsAnswer || device.wanted.includes(id) ? 'yes' : 'maybe'
    // One that has it now and whose conditions still hold goes on.
    const decided = use === 'maybe' && before ? 'yes' : use
    if (before || decided !== 'no') {
      uses.push({ id: device.id, name: device.name, before, after: decided })
    }
  }
  const weight = (use: DraftUse) => (use.before ? 0 : use.after === 'yes' ? 1 : 2)
  return uses.sort((a, b) => weight(a) - weight(b))
}
