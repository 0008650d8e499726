// Prometheus' text format (version 0.0.4): families of samples, each with its help and type once, and
// all of its samples together, as the format asks for.

import { type Labels, labelsText } from '../../export/labels.ts'
import { AppError } from '../../model/errors.ts'

export interface Family {
  name: string
  help: string
  type: 'gauge' | 'counter'
}

export interface Exposition {
  add(family: Family, labels: Labels, value: number): void
  /** A family at a time; ends with a line feed. */
  texts(): IterableIterator<string>
}

/**
 * @param seriesMax samples that it holds
 * @throws AppError E_SERIES_MANY from `add`
 */
export function createExposition(seriesMax: number): Exposition {
  const families = new Map<string, { family: Family; lines: string[] }>()
  let series = 0
  return {
    add(family, labels, value) {
      series += 1
      if (series > seriesMax) throw tooMany(seriesMax)
      const known = families.get(family.name)
      // Devices that differ in what a metric is cannot both be right; the first one is told of.
      if (known && known.family.type !== family.type) return
      const lines: string[] = known?.lines ?? []
      if (!known) families.set(family.name, { family, lines })
      lines.push(`${family.name}${labelsText(labels)} ${numberText(value)}\n`)
    },
    *texts() {
      for (const { family, lines } of families.values()) {
        const { name, help, type } = family
        yield `# HELP ${name} ${helpText(help)}\n# TYPE ${name} ${type}\n${lines.join('')}`
      }
    },
  }
}

function tooMany(seriesMax: number): AppError {
  return new AppError('E_SERIES_MANY', `these devices have more than ${seriesMax} series`, {
    hint: 'ask for some of them: ?tag=, ?device= or ?metric=, in several scrape jobs',
  })
}

const helpText = (help: string) =>
  help.toWellFormed().replaceAll('\\', '\\\\').replaceAll('\n', '\\n')

function numberText(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf'
  return value === Number.NEGATIVE_INFINITY ? '-Inf' : String(value)
}
