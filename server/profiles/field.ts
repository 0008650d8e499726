// Compiles one field (a column, a metric's source, an entry of `first`): its source, its decoding,
// and what else it needs. Names that it uses are given by the group.

import { parseDuration } from '../model/duration.ts'
import type { Decoding, FieldDoc } from '../model/profile.ts'
import { compileDecoder, divisorOf } from './decode.ts'
import type { CompiledProfile, Field, Frame, RowExpression, Source } from './definition.ts'
import { compileExpression, type Names } from './expression.ts'
import { child } from './position.ts'
import { type Report, reported } from './report.ts'

const SOURCES = ['oid', 'path', 'first', 'lookup', 'value'] as const
const TEXTUAL: ReadonlySet<Decoding> = new Set([
  'text',
  'hex',
  'mac',
  'ip',
  'oid',
  'datetime',
  'bits',
])

export interface FieldContext {
  names: Names<Frame>
  source: CompiledProfile['source']
  report: Report
  /** The decoding where the field says none. */
  as: Decoding
  /** Collects what the field needs. */
  needs: Set<string>
  lookups: { table: string; column: string; by: string | null; pointer: string }[]
}

/** Null after a fault, which is reported. */
export function compileField(
  doc: FieldDoc,
  pointer: string,
  context: FieldContext,
  entry = false,
): Field | null {
  const source = compileSource(doc, pointer, context)
  checkRate(doc, pointer, context, entry)
  const decode = reported(context.report, child(pointer, 'match'), () =>
    compileDecoder({ ...doc, as: doc.as ?? context.as }),
  )
  const range = compileRange(doc, pointer, context.report)
  if (!source || !decode) return null
  return {
    source,
    decode,
    divisor: divisorOf({ ...doc, as: doc.as ?? context.as }),
    plain: doc.as === undefined && !doc.match && !doc.invalid && !doc.map,
    scale: doc.scale ?? 1,
    offset: doc.offset ?? 0,
    range,
    zeroIsLast: doc.ifZero === 'next',
    everyMs: doc.every === undefined ? null : parseDuration(doc.every),
  }
}

function checkRate(doc: FieldDoc, pointer: string, context: FieldContext, entry: boolean): void {
  if (!doc.rate) return
  if (entry) {
    context.report({
      code: 'E_KIND',
      pointer: child(pointer, 'rate'),
      message: 'an entry of "first" has no rate of its own',
      hint: 'write "rate" beside "first"',
    })
  } else if (TEXTUAL.has(doc.as ?? context.as)) {
    context.report({
      code: 'E_KIND',
      pointer: child(pointer, 'rate'),
      message: `a rate needs a counter, and "as": "${doc.as ?? context.as}" gives none`,
    })
  }
}

function compileRange(doc: FieldDoc, pointer: string, report: Report): [number, number] | null {
  if (!doc.range) return null
  const low = doc.range[0] ?? Number.NEGATIVE_INFINITY
  const high = doc.range[1] ?? Number.POSITIVE_INFINITY
  if (low > high) {
    report({
      code: 'E_SCHEMA',
      pointer: child(pointer, 'range'),
      message: `the range ends (${high}) before it begins (${low})`,
    })
  }
  return [low, high]
}

function compileSource(doc: FieldDoc, pointer: string, context: FieldContext): Source | null {
  const { report } = context
  const given = SOURCES.filter(key => doc[key] !== undefined)
  if (given.length !== 1) {
    const message =
      given.length === 0
        ? `one of ${SOURCES.join(', ')} is missing`
        : `only one of ${given.join(', ')} may be given`
    report({
      code: 'E_SCHEMA',
      pointer,
      message,
      hint: given.length > 1 ? 'a fallback is "first": [ … ], or a list of OIDs' : '',
    })
    return null
  }
  if (doc.oid !== undefined || doc.path !== undefined) return readSource(doc, pointer, context)
  if (doc.first) return firstSource(doc.first, child(pointer, 'first'), context)
  if (doc.lookup) return lookupSource(doc.lookup, child(pointer, 'lookup'), context)
  const expression = compileRow(doc.value ?? '', child(pointer, 'value'), context)
  return expression && { kind: 'value', expression }
}

function readSource(doc: FieldDoc, pointer: string, context: FieldContext): Source | null {
  const snmp = context.source === 'snmp'
  if ((doc.oid !== undefined) !== snmp) {
    context.report({
      code: 'E_SCHEMA',
      pointer: child(pointer, snmp ? 'path' : 'oid'),
      what: 'key',
      message: snmp
        ? 'a profile of source "snmp" reads "oid", not "path"'
        : `a profile of source "${context.source}" reads "path", not "oid"`,
      hint: snmp ? 'or write "source" at the top of the profile' : '',
    })
    return null
  }
  const listed = doc.oid ?? doc.path ?? []
  return { kind: 'read', sources: typeof listed === 'string' ? [listed] : listed }
}

function firstSource(
  docs: readonly FieldDoc[],
  pointer: string,
  context: FieldContext,
): Source | null {
  const entries = docs.map((doc, i) => compileField(doc, child(pointer, i), context, true))
  const usable = entries.filter(entry => entry !== null)
  return usable.length === entries.length ? { kind: 'first', entries: usable } : null
}

function lookupSource(
  lookup: NonNullable<FieldDoc['lookup']>,
  pointer: string,
  context: FieldContext,
): Source | null {
  const by = lookup.by ?? null
  context.lookups.push({ table: lookup.table, column: lookup.column, by, pointer })
  const key = lookup.key?.map((text, i) =>
    compileRow(text, child(child(pointer, 'key'), i), context),
  )
  const usable = key?.filter(part => part !== null) ?? null
  if (usable && key && usable.length !== key.length) return null
  return { kind: 'lookup', table: lookup.table, column: lookup.column, by, key: usable }
}

/** An expression over a row; what it reads is added to the field's needs. */
export function compileRow(
  text: string,
  pointer: string,
  context: Pick<FieldContext, 'names' | 'report' | 'needs'>,
): RowExpression | null {
  const expression = reported(context.report, pointer, () => compileExpression(text, context.names))
  for (const name of expression?.names ?? []) context.needs.add(name)
  return expression
}
