// Columns that alarm rules name (`"critical": "> limit"`). Alarms are judged on what is stored, and a
// column is not: each of these is stored as a metric of the same name, which no page shows.

import type { FieldDoc, MetricDoc } from '../model/profile.ts'
import { CONDITIONS, fullCondition, PLACEHOLDERS } from './alarmcheck.ts'
import type { Frame, Metric } from './definition.ts'
import { compileExpression, type Names } from './expression.ts'

const TEXTS: ReadonlySet<string> = new Set(['text', 'hex', 'mac', 'ip', 'oid', 'datetime'])

/** Names in the rules of these metrics that are fields of the group but no metrics of it. */
export function judgedColumns(
  metrics: readonly { name: string; doc: MetricDoc }[],
  names: Names<Frame>,
): string[] {
  const stored = new Set(metrics.map(({ name }) => name))
  const fields = new Set(names.known())
  const named = new Set(metrics.flatMap(({ doc }) => namesIn(doc, names)))
  return [...named].filter(name => fields.has(name) && !stored.has(name))
}

function namesIn({ alarm }: MetricDoc, names: Names<Frame>): string[] {
  if (!alarm) return []
  const withValue: Names<Frame> = {
    reader: name => (name === 'value' ? () => null : names.reader(name)),
    known: names.known,
  }
  const found = CONDITIONS.flatMap(key => {
    const text = alarm[key]
    if (text === undefined) return []
    try {
      return [...compileExpression(fullCondition(text), withValue).names]
    } catch {
      // Told where conditions are checked.
      return []
    }
  })
  const placeholders = [...(alarm.text ?? '').matchAll(/\{([^}]*)\}/g)]
    .map(([, name = '']) => name)
    .filter(name => !PLACEHOLDERS.includes(name))
  return [...found, ...placeholders].filter(name => name !== 'value')
}

/**
 * @param doc of the column; null: a part of the index
 * @param isText where the rules compare it with texts and the column's own decoding does not say
 */
export function judgedMetric(name: string, doc: FieldDoc | null, isText: boolean): Metric {
  const decodesText =
    doc === null
      ? isText
      : TEXTS.has(doc.as ?? '') ||
        Object.values(doc.map ?? {}).some(value => typeof value === 'string') ||
        (doc.as === undefined && isText)
  return {
    ...{ id: name, title: name, description: '', unit: '1', role: null, decimals: null },
    kind: decodesText ? 'text' : 'gauge',
    ...{ states: [], stateNumbers: null, alarm: false, chart: false, shown: false },
  }
}

/** Do these rules compare the field with a text: `type == 'ram'`, `matches(descr, /swap/)`? */
export function comparesText(name: string, metrics: readonly { doc: MetricDoc }[]): boolean {
  const text = new RegExp(
    `\\b${name}\\s*[!=]=\\s*'|'\\s*[!=]=\\s*${name}\\b|\\b(matches|contains)\\(\\s*${name}\\b`,
  )
  return metrics.some(({ doc }) => {
    const { alarm } = doc
    return alarm ? CONDITIONS.some(key => text.test(alarm[key] ?? '')) : false
  })
}
