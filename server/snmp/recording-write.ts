// Writes what a device answers as a recording: a bounded walk from an OID to its end, one line for
// each instance, in the form that recording.ts reads.

import { ObjectType } from 'net-snmp'
import { AppError } from '../model/errors.ts'
import { indexUnder } from './oid.ts'
import type { SnmpSession, VarBind } from './session.ts'

/** Rows of one piece of the walk that are held at a time. */
const pieceMax = 10_000
/** A piece of the walk lies under this many sub-identifiers, as 1.3.6.1.2.1.2 or 1.3.6.1.4.1.9. */
const pieceDepth = 7

/** Why a walk ended: nothing more under its root, the bound, or the agent's answers. */
export type RecordingEnd = 'complete' | 'objects-max' | 'not-increasing' | 'error'

export interface WalkOptions {
  /** What is at or below these, in increasing order. */
  roots: readonly string[]
  objectsMax: number
  signal: AbortSignal
}

/**
 * Everything under an OID, in increasing order, a piece at a time. Ends at the bound; an agent that
 * fails or goes round in circles is passed over to the next subtree.
 * @throws AppError of the session: it no longer answers, or the signal was given
 */
export async function* walkAll(
  session: SnmpSession,
  options: WalkOptions,
): AsyncGenerator<VarBind[], RecordingEnd> {
  let end: RecordingEnd = 'complete'
  let left = options.objectsMax
  for (const root of options.roots) {
    const walk = walkRoot(session, root, options.signal)
    for (let step = await walk.next(); ; step = await walk.next()) {
      if (step.done) {
        if (step.value !== 'complete') end = step.value
        break
      }
      const fitting = step.value.slice(0, left)
      left -= fitting.length
      yield fitting
      if (fitting.length < step.value.length) return 'objects-max'
    }
  }
  return end
}

async function* walkRoot(
  session: SnmpSession,
  root: string,
  signal: AbortSignal,
): AsyncGenerator<VarBind[], RecordingEnd> {
  let end: RecordingEnd = 'complete'
  let last = root
  const [own] = await session.get([root], signal)
  if (own && own.value.type !== 'none') yield [own]
  for (;;) {
    const [next] = await session.getNext([last], signal)
    if (!next || next.value.type === 'none' || indexUnder(root, next.oid) === null) return end
    const top = pieceOf(next.oid, last)
    const { varbinds, stopped } = await readPiece(session, top, signal)
    if (stopped !== null) end = stopped
    const found = [next, ...varbinds.filter(({ oid }) => oid !== next.oid)]
    yield found
    last = stopped === null ? (found.at(-1)?.oid ?? next.oid) : afterAll(top)
  }
}

/** The shortest beginning of the next OID that the last one does not have: all of it is new. */
function pieceOf(next: string, last: string): string {
  const ids = next.split('.')
  for (let depth = Math.min(pieceDepth, ids.length); depth < ids.length; depth++) {
    const root = ids.slice(0, depth).join('.')
    if (root !== last && indexUnder(root, last) === null) return root
  }
  return next
}

async function readPiece(
  session: SnmpSession,
  root: string,
  signal: AbortSignal,
): Promise<{ varbinds: VarBind[]; stopped: 'not-increasing' | 'error' | null }> {
  try {
    const [walked] = await session.walk([root], pieceMax, signal)
    if (!walked) return { varbinds: [], stopped: null }
    const varbinds = [...walked.values].map(([index, value]) => ({
      oid: `${root}.${index}`,
      value,
    }))
    return { varbinds, stopped: walked.stopped === 'rows-max' ? null : walked.stopped }
  } catch (error) {
    const isAgent = error instanceof AppError && /^E_SNMP_(ERROR|DECODE)$/.test(error.code)
    if (!isAgent) throw error
    return { varbinds: [], stopped: 'error' }
  }
}

/** An OID after everything below this one. */
function afterAll(root: string): string {
  return `${root}.4294967295`
}

/** One line, with its end; null for what is no value. */
export function recordingLine({ oid, value }: VarBind): string | null {
  switch (value.type) {
    case 'integer':
      return line(oid, `${ObjectType.Integer}`, value.value)
    case 'counter32':
      return line(oid, `${ObjectType.Counter32}`, value.value)
    case 'gauge32':
      return line(oid, `${ObjectType.Gauge32}`, value.value)
    case 'ticks':
      return line(oid, `${ObjectType.TimeTicks}`, value.value)
    case 'counter64':
      return line(oid, `${ObjectType.Counter64}`, value.value)
    case 'oid':
      return line(oid, `${ObjectType.OID}`, value.value)
    case 'ip':
      return line(oid, `${ObjectType.IpAddress}`, value.value)
    case 'octets':
      return octetsLine(oid, value.value)
    case 'opaque':
      return line(oid, `${ObjectType.Opaque}x`, hexOf(value.value))
    case 'number':
      return line(oid, `${ObjectType.Opaque}x`, hexOf(opaqueNumber(value.value)))
    case 'text':
      return octetsLine(oid, Buffer.from(value.value))
    case 'none':
      return null
  }
}

function line(oid: string, tag: string, value: string | number | bigint): string {
  return `${oid}|${tag}|${value}\n`
}

function octetsLine(oid: string, bytes: Uint8Array): string {
  const isPrintable = bytes.every(byte => byte >= 0x20 && byte < 0x7f)
  return isPrintable
    ? line(oid, `${ObjectType.OctetString}`, Buffer.from(bytes).toString('latin1'))
    : line(oid, `${ObjectType.OctetString}x`, hexOf(bytes))
}

const hexOf = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

/** As net-snmp wraps a float or a double (value.ts). */
function opaqueNumber(value: number): Uint8Array {
  const isFloat = Math.fround(value) === value
  const bytes = Buffer.alloc(isFloat ? 7 : 11)
  bytes.set(isFloat ? [0x9f, 0x78, 4] : [0x9f, 0x79, 8])
  if (isFloat) bytes.writeFloatBE(value, 3)
  else bytes.writeDoubleBE(value, 3)
  return bytes
}
