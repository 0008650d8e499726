// Points as a request of Prometheus' remote write, version 1.0 (prometheus.io/docs/specs/prw):
// protobuf (prompb.WriteRequest), compressed by Snappy.

import { type Labels, labelText } from './labels.ts'
import type { RowPoints } from './points.ts'
import { snappy } from './snappy.ts'

export const REMOTE_WRITE_HEADERS = {
  'content-type': 'application/x-protobuf',
  'content-encoding': 'snappy',
  'x-prometheus-remote-write-version': '0.1.0',
}

/** Field numbers and wire types of prompb's messages, as they stand before a value. */
const TAG = {
  timeseries: 0x0a,
  label: 0x0a,
  sample: 0x12,
  name: 0x0a,
  value: 0x12,
  sampleValue: 0x09,
  sampleTime: 0x10,
}

export function writeRequest(rows: readonly RowPoints[]): Uint8Array {
  const series = rows.flatMap(({ at, labels, values }) =>
    values.map(({ metric, value }) =>
      typeof value === 'string'
        ? timeSeries(`${metric.name}_info`, [...labels, ['value', value]], 1, at)
        : timeSeries(metric.name, labels, value, at),
    ),
  )
  return snappy(Buffer.concat(series))
}

/** Labels sorted by name, none of them empty, as the specification asks for. */
function timeSeries(name: string, labels: Labels, value: number, at: number): Buffer {
  const named: Labels = [['__name__', name], ...labels]
  const sorted = named
    .filter(([, text]) => text !== '')
    .toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
  const sample = Buffer.allocUnsafe(9)
  sample[0] = TAG.sampleValue
  sample.writeDoubleLE(value, 1)
  const time = Buffer.concat([Buffer.of(TAG.sampleTime), varint(at)])
  return field(
    TAG.timeseries,
    ...sorted.map(([label, text]) =>
      field(
        TAG.label,
        field(TAG.name, Buffer.from(label)),
        field(TAG.value, Buffer.from(labelText(text))),
      ),
    ),
    field(TAG.sample, sample, time),
  )
}

function field(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const length = parts.reduce((sum, part) => sum + part.length, 0)
  return Buffer.concat([Buffer.of(tag), varint(length), ...parts])
}

/** @param value not negative; times need more than 32 bits */
function varint(value: number): Buffer {
  const bytes: number[] = []
  let rest = value
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128)
  bytes.push(rest)
  return Buffer.from(bytes)
}
