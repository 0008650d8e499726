// What can only be seen across files: groups and match rules that are written twice, and fields
// that need themselves through other groups.

import type { CatalogueProfile } from './catalogue.ts'
import type { Group, Slot } from './definition.ts'
import { isObject, type JsonObject, parentsOf } from './extend.ts'
import { child } from './position.ts'
import type { Finding } from './report.ts'

interface CrossFile {
  id: string
  from: 'shipped' | 'user'
  doc: JsonObject
}

interface Found {
  id: string
  finding: Finding
}

/** A group that two files write, of which neither extends the other: the later one is at fault. */
export function* groupsTwice(files: readonly CrossFile[]): Iterable<Found> {
  const ancestors = ancestorsOf(files)
  for (const [group, ids] of Map.groupBy(files.flatMap(writtenGroups), writer => writer.group)) {
    const written = new Set(ids.map(writer => writer.id))
    const roots = ids.filter(
      writer => ![...(ancestors.get(writer.id) ?? [])].some(above => written.has(above)),
    )
    const [first, ...others] = roots
    for (const { id, pointer } of others) {
      yield {
        id,
        finding: {
          code: 'E_GROUP_TWICE',
          pointer,
          what: 'key',
          message: `the group "${group}" is already in "${first?.id}"`,
          hint: `extend "${first?.id}" to change it, or give this group another name`,
        },
      }
    }
  }
}

function writtenGroups({ id, doc }: CrossFile): { id: string; group: string; pointer: string }[] {
  return (['scalars', 'tables'] as const).flatMap(kind => {
    const groups = doc[kind]
    if (!isObject(groups)) return []
    return Object.keys(groups)
      .filter(group => isObject(groups[group]))
      .map(group => ({ id, group, pointer: child(child('', kind), group) }))
  })
}

function ancestorsOf(files: readonly CrossFile[]): Map<string, Set<string>> {
  const parents = new Map(files.map(({ id, doc }) => [id, parentsOf(doc)]))
  const result = new Map<string, Set<string>>()
  for (const { id } of files) {
    const above = new Set<string>()
    const waiting = [...(parents.get(id) ?? [])]
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      if (above.has(next)) continue
      above.add(next)
      waiting.push(...(parents.get(next) ?? []))
    }
    result.set(id, above)
  }
  return result
}

/** Two device profiles of the same rank for the same rule: which one to take would be chance. */
export function* matchesTwice(files: readonly CrossFile[]): Iterable<Found> {
  const seen = new Map<string, string>()
  for (const { id, key, pointer } of files.flatMap(rulesOf)) {
    const other = seen.get(key)
    if (other === undefined) seen.set(key, id)
    else if (other !== id) {
      const message = `"${other}" has the same rule`
      const hint = 'add a condition, or a "priority"'
      yield { id, finding: { code: 'E_MATCH_TWICE', pointer, message, hint } }
    }
  }
}

function rulesOf({ id, from, doc }: CrossFile): { id: string; key: string; pointer: string }[] {
  if (doc.type !== 'device' || !Array.isArray(doc.match)) return []
  return doc.match.flatMap((rule, i) =>
    singleRules(rule).map(single => ({
      id,
      key: JSON.stringify([from, doc.priority ?? 0, single]),
      pointer: child('/match', i),
    })),
  )
}

/** A rule with a list of patterns is as many rules. */
function singleRules(rule: unknown): unknown[] {
  if (!isObject(rule)) return []
  const { sysObjectID, ...others } = rule
  const rest = Object.keys(others)
    .filter(key => key !== '//')
    .sort()
    .map(key => [key, others[key]])
  const patterns = Array.isArray(sysObjectID) ? sysObjectID : [sysObjectID ?? null]
  return patterns.map(pattern => [pattern, rest])
}

type Mark = 'open' | 'done'

/** Fields that need themselves, by names or by lookups. */
export function circleFindings(profiles: ReadonlyMap<string, CatalogueProfile>): Found[] {
  const everywhere = new Map<string, Group>()
  for (const { definition } of profiles.values()) {
    for (const [id, group] of definition.groups) if (!everywhere.has(id)) everywhere.set(id, group)
  }
  return [...profiles.values()].flatMap(({ id, definition }) => {
    const groupOf = (name: string) => definition.groups.get(name) ?? everywhere.get(name)
    return circlesIn([...definition.groups.values()], groupOf).map(finding => ({ id, finding }))
  })
}

function circlesIn(
  groups: readonly Group[],
  groupOf: (id: string) => Group | undefined,
): Finding[] {
  const marks = new Map<Slot, Mark>()
  return groups.flatMap(group =>
    group.slots.flatMap(slot => {
      const circle = circleFrom(group, slot, groupOf, marks, [])
      if (!circle) return []
      const kind = group.table ? 'tables' : 'scalars'
      const part = slot.metric ? 'metrics' : 'columns'
      const pointer = [kind, group.id, part, slot.name].reduce(child, '')
      return [{ code: 'E_CYCLE', pointer, message: `it needs itself: ${circle.join(' → ')}` }]
    }),
  )
}

function circleFrom(
  group: Group,
  slot: Slot,
  groupOf: (id: string) => Group | undefined,
  marks: Map<Slot, Mark>,
  path: readonly string[],
): string[] | null {
  const name = `${group.id}.${slot.name}`
  const mark = marks.get(slot)
  if (mark === 'done') return null
  if (mark === 'open') return [...path.slice(Math.max(0, path.indexOf(name))), name]
  marks.set(slot, 'open')
  let circle: string[] | null = null
  for (const need of neededBy(group, slot, groupOf)) {
    circle ??= circleFrom(need.group, need.slot, groupOf, marks, [...path, name])
  }
  marks.set(slot, 'done')
  return circle
}

/** What must be computed before a field: a rate also needs its row's key. */
export function neededBy(
  group: Group,
  slot: Slot,
  groupOf: (id: string) => Group | undefined,
): { group: Group; slot: Slot }[] {
  const result: { group: Group; slot: Slot }[] = []
  const need = (owner: Group | undefined, name: string | null) => {
    const place = name === null ? undefined : owner?.slotOf.get(name)
    const needed = place === undefined ? undefined : owner?.slots[place]
    if (owner && needed) result.push({ group: owner, slot: needed })
  }
  for (const name of slot.needs) need(group, name)
  if (slot.rate) for (const name of group.key) need(group, name)
  for (const { table, column, by } of slot.lookups) {
    need(groupOf(table), column)
    need(groupOf(table), by)
  }
  return result
}
