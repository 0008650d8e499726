// Which profiles a device gets, and why: the wishes of its config, its sysObjectID and sysDescr, and
// what it answers to. The rules are in docs/profiles.md, "Which profiles a device gets".

import type { MatchConditionsDoc } from '../model/profile.ts'
import type { Catalogue, CatalogueProfile } from './catalogue.ts'
import type { CompiledProfile, MatchRule } from './definition.ts'
import { nearest } from './nearest.ts'

/** What is known of a device, and a way to ask it. */
export interface Evidence {
  source: CompiledProfile['source']
  /** '' where the device has none. */
  sysObjectID: string
  sysDescr: string
  /** Which of these OIDs have something at or below them. */
  exists(oids: string[]): Promise<Set<string>>
}

export interface Choice {
  profiles: string[]
  /** One sentence for each profile, and one for each wish that could not be met. */
  because: string[]
}

/** Chooses from the catalogue; `wanted` is the config's list: `auto`, ids, and `-id` to leave out. */
export async function chooseProfiles(
  catalogue: Catalogue,
  wanted: readonly string[],
  evidence: Evidence,
): Promise<Choice> {
  const reasons = new Map<CatalogueProfile, string>()
  const faults: string[] = []
  if (wanted.includes('auto')) {
    for (const [profile, reason] of await matching(catalogue, evidence))
      reasons.set(profile, reason)
  }
  for (const wish of wanted) {
    if (wish === 'auto') continue
    const id = wish.replace(/^-/, '')
    const profile = catalogue.profiles.get(id)
    if (!profile) faults.push(missing(catalogue, id))
    else if (wish.startsWith('-')) reasons.delete(profile)
    else if (profile.source !== evidence.source) {
      faults.push(`${id} is left out: it is for ${profile.source}, not ${evidence.source}`)
    } else reasons.set(profile, 'named in the device config')
  }
  const kept = [...reasons].filter(
    ([profile]) =>
      ![...reasons.keys()].some(
        other => other !== profile && other.definition.ancestors.has(profile.id),
      ),
  )
  return {
    profiles: kept.map(([profile]) => profile.id),
    because: [...kept.map(([profile, reason]) => `${profile.id}: ${reason}`), ...faults],
  }
}

function missing(catalogue: Catalogue, id: string): string {
  if (id.startsWith('_')) return `${id} is left out: it is abstract, only to be extended`
  const near = nearest(id, catalogue.profiles.keys())
  const fault = catalogue.problems.find(
    problem => problem.profile === id && problem.severity === 'error',
  )
  if (fault) return `${id} is left out: it has errors, see ${fault.file}:${fault.line}`
  return `${id} is left out: there is no such profile${near === null ? '' : `, did you mean ${near}?`}`
}

async function matching(
  catalogue: Catalogue,
  evidence: Evidence,
): Promise<Map<CatalogueProfile, string>> {
  const all = [...catalogue.profiles.values()].filter(profile => profile.source === evidence.source)
  // Nothing is asked of a sensor: what is no base profile must be named.
  const isSender = evidence.source === 'mqtt'
  if (evidence.source !== 'snmp') {
    return new Map(
      all
        .filter(({ type }) => !isSender || type === 'base')
        .map(profile => [profile, `for every ${evidence.source} device`]),
    )
  }
  const there = await probed(all, evidence)
  const reasons = new Map<CatalogueProfile, string>()
  const device = bestDevice(all, evidence, there)
  if (device) reasons.set(device.profile, device.reason)
  for (const profile of all.filter(({ type }) => type === 'feature')) {
    const rule = profile.definition.match.find(match => holds(match, evidence, there))
    if (rule) reasons.set(profile, reasonOf(rule, evidence, there))
  }
  for (const profile of all.filter(({ type }) => type === 'base')) {
    reasons.set(profile, 'used on every device')
  }
  return reasons
}

/** Asks once for every OID that could still decide something. */
async function probed(
  profiles: readonly CatalogueProfile[],
  evidence: Evidence,
): Promise<Set<string>> {
  const oids = new Set<string>()
  for (const { definition, type } of profiles) {
    if (type === 'base') continue
    for (const { doc, sysDescr } of definition.match) {
      if (doc.sysObjectID !== undefined && !fitting(doc.sysObjectID, evidence.sysObjectID)) continue
      if (sysDescr && !sysDescr(evidence.sysDescr)) continue
      for (const oid of [...listed(doc.exists), ...listed(doc.not?.exists)]) oids.add(oid)
    }
  }
  return oids.size === 0 ? new Set() : evidence.exists([...oids])
}

interface Candidate {
  profile: CatalogueProfile
  rank: readonly number[]
  reason: string
}

function bestDevice(
  profiles: readonly CatalogueProfile[],
  evidence: Evidence,
  there: ReadonlySet<string>,
): Candidate | null {
  let best: Candidate | null = null
  for (const profile of profiles.filter(({ type }) => type === 'device')) {
    for (const rule of profile.definition.match) {
      if (!holds(rule, evidence, there)) continue
      const rank = rankOf(profile, rule, evidence)
      const candidate = { profile, rank, reason: reasonOf(rule, evidence, there) }
      if (!best || isBetter(candidate, best)) best = candidate
    }
  }
  return best
}

/** What decides between device profiles, the weightiest first. */
function rankOf(profile: CatalogueProfile, rule: MatchRule, evidence: Evidence): number[] {
  const pattern = fitting(rule.doc.sysObjectID ?? [], evidence.sysObjectID)
  const fixed = (pattern ?? '').split('.').filter(part => /\d/.test(part)).length
  return [
    fixed,
    Number(pattern !== null && !pattern.includes('*')),
    Number(rule.sysDescr !== null),
    Number(rule.doc.exists !== undefined),
    profile.definition.priority,
    Number(profile.from === 'user'),
  ]
}

function isBetter(a: Candidate, b: Candidate): boolean {
  for (const [i, value] of a.rank.entries()) {
    const other = b.rank[i] ?? 0
    if (value !== other) return value > other
  }
  return a.profile.id < b.profile.id
}

function holds(rule: MatchRule, evidence: Evidence, there: ReadonlySet<string>): boolean {
  const { doc, sysDescr, not } = rule
  if (!conditionsHold(doc, sysDescr, evidence, there)) return false
  return !doc.not || !conditionsHold(doc.not, not?.sysDescr ?? null, evidence, there)
}

function conditionsHold(
  doc: MatchConditionsDoc,
  sysDescr: MatchRule['sysDescr'],
  evidence: Evidence,
  there: ReadonlySet<string>,
): boolean {
  if (doc.sysObjectID !== undefined && !fitting(doc.sysObjectID, evidence.sysObjectID)) return false
  if (sysDescr && !sysDescr(evidence.sysDescr)) return false
  return doc.exists === undefined || listed(doc.exists).some(oid => there.has(oid))
}

/** The most specific of the patterns that fit. */
function fitting(patterns: string | readonly string[], oid: string): string | null {
  const found = listed(patterns).filter(pattern => fitsPattern(pattern, oid))
  const fixed = (pattern: string) => pattern.replace(/[.*]/g, ' ').trim().split(/\s+/).length
  return found.sort((a, b) => fixed(b) - fixed(a))[0] ?? null
}

/** `*` in the middle is exactly one sub-identifier, at the end one or more. */
export function fitsPattern(pattern: string, oid: string): boolean {
  const wanted = pattern.split('.')
  const found = oid.replace(/^\./, '').split('.')
  const isOpen = wanted.at(-1) === '*'
  if (isOpen ? found.length < wanted.length : found.length !== wanted.length) return false
  return wanted.every((part, i) => part === '*' || part === found[i])
}

function reasonOf(rule: MatchRule, evidence: Evidence, there: ReadonlySet<string>): string {
  const parts: string[] = []
  const pattern = fitting(rule.doc.sysObjectID ?? [], evidence.sysObjectID)
  if (pattern) parts.push(`sysObjectID ${evidence.sysObjectID} fits ${pattern}`)
  if (rule.doc.sysDescr) parts.push(`sysDescr fits /${rule.doc.sysDescr}/`)
  const found = listed(rule.doc.exists).find(oid => there.has(oid))
  if (found) parts.push(`the device has ${found}`)
  return parts.length > 0 ? parts.join(', ') : 'its conditions hold'
}

function listed(value: string | readonly string[] | undefined): readonly string[] {
  return value === undefined ? [] : typeof value === 'string' ? [value] : value
}
