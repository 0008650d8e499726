// Opens a session with one device: the seam of session.ts, put together from the engine (requests),
// reading.ts (scalars) and walk.ts (tables), with what was learned about the agent kept between calls.

import { createSocket as udpSocket } from 'node:dgram'
import { AppError } from '../model/errors.ts'
import { createEngine } from './engine.ts'
import type { CreateSocket } from './guard.ts'
import { initialLimits, readScalars } from './reading.ts'
import type { SessionOptions, SnmpSession } from './session.ts'
import { tableOfWalks } from './table.ts'
import { initialWalkLimits, walkColumns } from './walk.ts'

export interface SessionDeps {
  /** Where UDP sockets come from. */
  createSocket: CreateSocket
}

/**
 * A session with one device; nothing is sent before the first call.
 * @throws AppError E_SNMP_AUTH for v3 credentials that lack what their level needs
 */
export function openSession(
  options: SessionOptions,
  deps: SessionDeps = { createSocket: udpSocket },
): SnmpSession {
  checkCredentials(options)
  const engine = createEngine(options, deps.createSocket)
  const limits = initialLimits(options)
  const walkLimits = initialWalkLimits(options)
  return {
    get: (oids, signal) => readScalars(engine, options, limits, 'get', oids, signal),
    getNext: (oids, signal) => readScalars(engine, options, limits, 'next', oids, signal),
    walk: (columns, rowsMax, signal) =>
      walkColumns(engine, options, walkLimits, columns, rowsMax, signal),
    readTable: async (columns, rowsMax, signal) =>
      tableOfWalks(await walkColumns(engine, options, walkLimits, columns, rowsMax, signal)),
    counters: engine.counters,
    tuning: null,
    close: () => engine.close(),
  }
}

function checkCredentials({ credentials }: SessionOptions): void {
  if (credentials.version !== '3') return
  const { level, auth, priv } = credentials
  const lacks =
    level !== 'noAuthNoPriv' && !auth ? 'auth' : level === 'authPriv' && !priv ? 'priv' : null
  if (lacks === null) return
  throw new AppError('E_SNMP_AUTH', `level ${level} needs ${lacks}`, {
    hint: `give a protocol and a key under credentials.${lacks}, or choose a lower level`,
  })
}
