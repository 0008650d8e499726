// A session over a recording: answers exactly as a device with those instances would, without a
// packet. Its counters say what the same questions would cost of a device.

import { AppError } from '../model/errors.ts'
import type { RawValue } from '../model/raw.ts'
import { compareOids, indexUnder } from './oid.ts'
import type { Recording } from './recording.ts'
import type { ColumnWalk, SessionCounters, SnmpSession, VarBind } from './session.ts'
import { tableOfWalks } from './table.ts'

/** As the sessions over UDP split their questions (reading.ts, walk.ts). */
const oidsPerRequestMax = 40
const columnsPerRequestMax = 40
const repetitionsMax = 50
/** Values of common length that fit into a datagram of 1472 octets. */
const valuesPerAnswer = 50

const NONE: RawValue = { type: 'none' }

/** Closing it ends nothing: there is nothing open. */
export function recordingSession(recording: Recording): SnmpSession {
  const counters: SessionCounters = {
    requests: 0,
    retries: 0,
    timeouts: 0,
    varbinds: 0,
    dropped: 0,
  }
  const asked = (oids: readonly string[], signal?: AbortSignal) => {
    if (signal?.aborted) throw new AppError('E_ABORTED', 'the read was stopped')
    counters.requests += Math.ceil(oids.length / oidsPerRequestMax)
    counters.varbinds += oids.length
  }
  return {
    async get(oids, signal) {
      asked(oids, signal)
      return oids.map(oid => ({ oid, value: instance(recording, oid) }))
    },
    async getNext(oids, signal) {
      asked(oids, signal)
      return oids.map(oid => successor(recording, oid))
    },
    async walk(columns, rowsMax, signal) {
      asked([], signal)
      const walked = columns.map(column => walkColumn(recording, column, rowsMax))
      charge(counters, walked)
      return walked
    },
    async readTable(columns, rowsMax, signal) {
      return tableOfWalks(await this.walk(columns, rowsMax, signal))
    },
    counters,
    tuning: null,
    inFlight: 1,
    allow: () => {},
    close: () => {},
  }
}

function instance({ oids, values }: Recording, oid: string): RawValue {
  const at = placeOf(oids, oid)
  return (oids[at] === oid ? values[at] : undefined) ?? NONE
}

function successor({ oids, values }: Recording, oid: string): VarBind {
  const at = placeOf(oids, oid)
  const next = oids[at] === oid ? at + 1 : at
  const found = oids[next]
  return found === undefined ? { oid, value: NONE } : { oid: found, value: values[next] ?? NONE }
}

function walkColumn({ oids, values }: Recording, column: string, rowsMax: number): ColumnWalk {
  const walked: ColumnWalk = { column, values: new Map(), stopped: null }
  for (let at = placeOf(oids, column); at < oids.length; at++) {
    const oid = oids[at] ?? ''
    const index = indexUnder(column, oid)
    if (index === null && oid !== column) break
    if (index === null) continue
    if (walked.values.size >= rowsMax) {
      walked.stopped = 'rows-max'
      break
    }
    walked.values.set(index, values[at] ?? NONE)
  }
  return walked
}

/** GETBULK requests that answers of usual size would take, and one value past the end of each column. */
function charge(counters: SessionCounters, walked: readonly ColumnWalk[]): void {
  for (let at = 0; at < walked.length; at += columnsPerRequestMax) {
    const columns = walked.slice(at, at + columnsPerRequestMax)
    const fitting = Math.max(1, Math.floor(valuesPerAnswer / columns.length))
    const repetitions = Math.min(repetitionsMax, fitting)
    const rows = Math.max(...columns.map(column => column.values.size))
    counters.requests += Math.ceil((rows + 1) / repetitions)
    for (const column of columns) counters.varbinds += column.values.size + 1
  }
}

/** Where this OID is, or would be. */
function placeOf(oids: readonly string[], oid: string): number {
  let low = 0
  let high = oids.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (compareOids(oids[middle] ?? '', oid) < 0) low = middle + 1
    else high = middle
  }
  return low
}
