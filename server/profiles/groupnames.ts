// Checks of what a group names: its own fields in keys, labels, names and charts, and other groups.

import type { GroupDoc } from '../model/profile.ts'
import type { IndexPart, IndexType, NameCandidate } from './definition.ts'
import { suggestion } from './nearest.ts'
import { child } from './position.ts'
import type { Report } from './report.ts'

/** An index part as written: `if_index`, `addr:ip`. */
export function indexPart(text: string): IndexPart {
  const [name = text, type = 'int'] = text.split(':')
  return { name, type: indexType(type) }
}

function indexType(type: string): IndexType {
  if (type.startsWith('bytes')) return { kind: 'bytes', length: Number(type.slice(5)) }
  const plain = type.replace('*', '')
  if (plain === 'string' || plain === 'oid') return { kind: plain, implied: type.endsWith('*') }
  return plain === 'ip' || plain === 'ip6' || plain === 'inet' || plain === 'mac'
    ? { kind: plain }
    : { kind: 'int' }
}

/** Whether the group has such a field; if not, that is reported. */
export function isKnown(
  name: string,
  slotOf: ReadonlyMap<string, number>,
  pointer: string,
  report: Report,
): boolean {
  if (slotOf.has(name)) return true
  const message = `there is no column "${name}" in this group`
  report({ code: 'E_NAME', pointer, message, hint: suggestion(name, [...slotOf.keys()]) })
  return false
}

/** `if_name` is a column, `CPU {cpu}` a template. */
export function nameCandidate(
  text: string,
  slotOf: ReadonlyMap<string, number>,
  pointer: string,
  report: Report,
): NameCandidate {
  if (!text.includes('{')) return isKnown(text, slotOf, pointer, report) ? [{ column: text }] : []
  const parts: (string | { column: string })[] = []
  for (const piece of text.split(/(\{[^}]*\})/)) {
    const column = /^\{(.*)\}$/.exec(piece)?.[1]
    if (column === undefined) {
      if (piece !== '') parts.push(piece)
    } else if (isKnown(column, slotOf, pointer, report)) parts.push({ column })
  }
  return parts
}

/** Charts name metrics of their own group. */
export function checkCharts(doc: GroupDoc, pointer: string, report: Report): void {
  const metrics = Object.keys(doc.metrics ?? {}).filter(name => name !== '//')
  for (const [id, chart] of Object.entries(doc.charts ?? {})) {
    if (id === '//') continue
    const place = child(child(pointer, 'charts'), id)
    const named: [string, string][] = [
      ...chart.metrics.map((name, i): [string, string] => [
        name,
        child(child(place, 'metrics'), i),
      ]),
      ...(chart.mirror ?? []).map((name, i): [string, string] => [
        name,
        child(child(place, 'mirror'), i),
      ]),
    ]
    if (chart.ceiling !== undefined) named.push([chart.ceiling, child(place, 'ceiling')])
    for (const [name, at] of named) {
      if (metrics.includes(name)) continue
      const message = `there is no metric "${name}" in this group`
      report({ code: 'E_NAME', pointer: at, message, hint: suggestion(name, metrics) })
    }
  }
}

/** Groups that this one replaces, is replaced by, or augments. */
export function checkGroups(
  doc: GroupDoc,
  pointer: string,
  context: { report: Report; groupDoc(id: string): unknown; groupIds(): string[] },
): void {
  const named: [string, string][] = []
  for (const key of ['replaces', 'replacedBy'] as const) {
    doc[key]?.forEach((id, i) => {
      named.push([id, child(child(pointer, key), i)])
    })
  }
  if (doc.augments !== undefined) named.push([doc.augments, child(pointer, 'augments')])
  for (const [id, at] of named) {
    if (context.groupDoc(id)) continue
    context.report({
      code: 'E_NAME',
      pointer: at,
      message: `there is no group "${id}"`,
      hint: suggestion(id, context.groupIds()),
    })
  }
}
