// Points as InfluxDB's line protocol: a measurement for each group, a line for each row, its values as
// fields. What would end a line or a name is escaped, or left out where no escape exists.

import { labelText } from './labels.ts'
import type { RowPoints } from './points.ts'

/** With `precision=ms`. A row without values gives no line. */
export function linesOf(rows: readonly RowPoints[]): string {
  return rows
    .filter(({ values }) => values.length > 0)
    .map(lineOf)
    .join('')
}

function lineOf({ group, at, labels, values }: RowPoints): string {
  const tags = labels.flatMap(([name, text]) => {
    const value = tagText(text)
    return value === '' ? [] : [`,${keyText(name)}=${value}`]
  })
  const prefix = `pollux_${group}_`
  const fields = values.map(({ metric, value }) => {
    const name = metric.name.startsWith(prefix) ? metric.name.slice(prefix.length) : metric.name
    return `${keyText(name)}=${typeof value === 'number' ? value : fieldText(value)}`
  })
  return `${tagText(`pollux_${group}`)}${tags.join('')} ${fields.join(',')} ${at}\n`
}

/** InfluxDB leaves out points that have a tag or a field of that name. */
const keyText = (name: string) => tagText(name === 'time' ? 'label_time' : name)

/** A backslash at the end would escape what follows, and cannot be escaped itself. */
function tagText(text: string): string {
  return plain(labelText(text)).replace(/\\+$/, '').replaceAll(/[,= ]/g, '\\$&')
}

function fieldText(text: string): string {
  return `"${plain(text.toWellFormed()).replaceAll(/["\\]/g, '\\$&')}"`
}

/** One line: control characters become spaces. */
const plain = (text: string) => text.replaceAll(/\p{Cc}/gu, ' ')
