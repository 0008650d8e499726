// Compiles one joined profile: its groups, facts, match rules and quirks.

import { parseDuration } from '../model/duration.ts'
import {
  FACTS,
  type Fact,
  type FactEntryDoc,
  type MatchDoc,
  type ProfileDoc,
} from '../model/profile.ts'
import type { CompiledProfile, FactSource, Frame, Group, MatchRule } from './definition.ts'
import { compileExpression, type Names } from './expression.ts'
import { compileField } from './field.ts'
import { compileGroup } from './group.ts'
import { fieldNames, type GroupContext } from './groupslots.ts'
import { suggestion } from './nearest.ts'
import { compileNotifications } from './notification.ts'
import { child } from './position.ts'
import { compileRegex } from './regex.ts'
import { type Report, reported } from './report.ts'

export function compileProfile(
  context: GroupContext,
  ancestors: ReadonlySet<string>,
  ownGroups: ReadonlySet<string>,
): CompiledProfile {
  const { doc, report } = context
  const groups = new Map<string, Group>()
  for (const [key, table] of [
    ['scalars', false],
    ['tables', true],
  ] as const) {
    for (const [id, group] of Object.entries(doc[key] ?? {})) {
      if (id === '//') continue
      if (groups.has(id)) {
        report({
          code: 'E_GROUP_TWICE',
          pointer: child('/tables', id),
          what: 'key',
          message: `the group "${id}" stands in scalars and in tables`,
        })
      } else groups.set(id, compileGroup(id, group, table, context))
    }
  }
  return {
    source: context.source,
    priority: doc.priority ?? 0,
    match: (doc.match ?? []).map((rule, i) => matchRule(rule, child('/match', i), report)),
    ancestors,
    groups,
    ownGroups,
    facts: compileFacts(context),
    notifications: compileNotifications(context),
    quirks: quirksOf(doc),
  }
}

function matchRule(doc: MatchDoc, pointer: string, report: Report): MatchRule {
  const regex = (text: string | undefined, at: string) =>
    text === undefined ? null : reported(report, at, () => compileRegex(text, 'i'))
  const not = doc.not && {
    sysDescr: regex(doc.not.sysDescr, child(child(pointer, 'not'), 'sysDescr')),
  }
  return { doc, sysDescr: regex(doc.sysDescr, child(pointer, 'sysDescr')), not: not ?? null }
}

function quirksOf(doc: ProfileDoc): CompiledProfile['quirks'] {
  const { timeout, retries, bulk, maxRepetitions, maxOidsPerGet, allowNonIncreasing } =
    doc.snmp ?? {}
  return {
    ...(bulk === undefined ? {} : { bulk }),
    ...(maxRepetitions === undefined ? {} : { maxRepetitions }),
    ...(maxOidsPerGet === undefined ? {} : { maxOidsPerGet }),
    ...(allowNonIncreasing === undefined ? {} : { allowNonIncreasing }),
    ...(timeout === undefined ? {} : { timeoutMs: parseDuration(timeout) }),
    ...(retries === undefined ? {} : { retries }),
  }
}

function compileFacts(context: GroupContext): Map<Fact, FactSource[]> {
  const facts = new Map<Fact, FactSource[]>()
  for (const fact of FACTS) {
    const doc = context.doc.device?.[fact]
    if (doc === undefined) continue
    const pointer = child('/device', fact)
    const sources = Array.isArray(doc)
      ? doc.map((entry, i) => factSource(fact, entry, child(pointer, i), context))
      : [factSource(fact, doc, pointer, context)]
    facts.set(
      fact,
      sources.filter(source => source !== null),
    )
  }
  return facts
}

const NO_NAMES: Names<Frame> = { reader: () => undefined, known: () => [] }

function factSource(
  fact: Fact,
  doc: FactEntryDoc,
  pointer: string,
  context: GroupContext,
): FactSource | null {
  if (typeof doc === 'string') return { kind: 'text', text: doc }
  if ('table' in doc) return tableFact(doc, pointer, context)
  const { report, source } = context
  const needs = new Set<string>()
  const lookups: { table: string; column: string; by: string | null; pointer: string }[] = []
  // A serial number is a text, though it may be all digits.
  const inner = { names: NO_NAMES, source, report, as: 'text' as const, needs, lookups }
  const field = compileField(doc, pointer, inner)
  if (!field) return null
  const slot = { ...field, name: fact, rate: null, where: null, metric: null, needs: [], lookups }
  return { kind: 'field', slot }
}

function tableFact(
  doc: { table: string; column: string; where?: string; match?: string },
  pointer: string,
  context: GroupContext,
): FactSource | null {
  const { report } = context
  const group = context.groupDoc(doc.table)
  if (!group) {
    const hint = suggestion(doc.table, context.groupIds())
    const message = `there is no group "${doc.table}"`
    report({ code: 'E_NAME', pointer: child(pointer, 'table'), message, hint })
    return null
  }
  const known = fieldNames(group.doc, context)
  if (!known.includes(doc.column)) {
    const hint = suggestion(doc.column, known)
    const message = `"${doc.table}" has no column "${doc.column}"`
    report({ code: 'E_NAME', pointer: child(pointer, 'column'), message, hint })
  }
  const { where, match } = doc
  if (where !== undefined) {
    // Checked here; compiled for use in the plan, where the table's slots are known.
    const names: Names<Frame> = {
      reader: name => (known.includes(name) ? () => null : undefined),
      known: () => known,
    }
    reported(report, child(pointer, 'where'), () => compileExpression(where, names))
  }
  const find =
    match === undefined
      ? null
      : reported(report, child(pointer, 'match'), () => compileRegex(match))
  return { kind: 'table', table: doc.table, column: doc.column, where: where ?? null, match: find }
}
