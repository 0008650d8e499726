// Scalars by GET and successors by GETNEXT: split into requests that fit, and smaller again where
// the agent says tooBig or fails on one object. Tables are in walk.ts.

import { AppError } from '../model/errors.ts'
import type { RawValue } from '../model/raw.ts'
import type { Answer, Engine, Question } from './engine.ts'
import type { Limits } from './limits.ts'
import { Losses } from './losses.ts'
import { compareOids, isOid } from './oid.ts'
import { decodeError, statusError } from './problems.ts'
import type { SessionOptions, VarBind } from './session.ts'

/** OIDs that are remembered as good. */
const goodOidsMax = 20_000
/** OIDs of one call; a plan that asks for more is wrong. */
const oidsPerCallMax = 20_000

/** Objects that a v1 agent has not, remembered in one session, and for how long. */
const absentMax = 1000
const absentMs = 300_000

const TOO_BIG = 1
const NO_SUCH_NAME = 2

/** Scalars in the order asked; an object that the agent has not, or fails on, is `none`. */
export async function readScalars(
  engine: Engine,
  options: SessionOptions,
  limits: Limits,
  type: 'get' | 'next',
  oids: readonly string[],
  signal?: AbortSignal,
): Promise<VarBind[]> {
  checkOids(options, oids)
  const found = new Map<string, VarBind>()
  const failures: Failure[] = []
  const losses = new Losses()
  const asked = [...new Set(oids)].filter(oid => type === 'next' || !isAbsent(limits, oid))
  const work = chunks(asked, limits.oidsPerRequest)
  for (let chunk = work.shift(); chunk !== undefined; chunk = work.shift()) {
    const answer = await askAgain(engine, { type, oids: chunk }, losses, signal)
    if (answer.varbinds !== null) {
      take(engine, options, type, chunk, answer.varbinds, found)
      continue
    }
    const { without, again } = narrower(answer, chunk)
    if (answer.status === TOO_BIG && again[0]) limits.oidsPerRequest = again[0].length
    if (without !== null) {
      found.set(without, { oid: without, value: { type: 'none' } })
      if (answer.status !== NO_SUCH_NAME) failures.push(answer)
      else if (type === 'get') noteAbsent(limits, without)
    }
    work.unshift(...again)
  }
  const [failure] = failures
  if (failure && failures.length === found.size) {
    throw statusError(options, failure.status, failure.text)
  }
  return oids.map(oid => found.get(oid) ?? { oid, value: { type: 'none' } })
}

/** Where an earlier request of this read was answered, one that is lost is asked again. */
async function askAgain(
  engine: Engine,
  question: Question,
  losses: Losses,
  signal: AbortSignal | undefined,
): Promise<Answer> {
  for (;;) {
    try {
      const answer = await engine.ask(question, signal)
      losses.answered()
      return answer
    } catch (error) {
      const isTimeout = error instanceof AppError && error.code === 'E_SNMP_TIMEOUT'
      if (!isTimeout || !losses.mayAskAgain()) throw error
    }
  }
}

function isAbsent({ absent, now }: Limits, oid: string): boolean {
  const until = absent.get(oid)
  if (until === undefined) return false
  if (now() < until) return true
  absent.delete(oid)
  return false
}

function noteAbsent({ absent, now }: Limits, oid: string): void {
  if (absent.size >= absentMax) absent.clear()
  absent.set(oid, now() + absentMs)
}

type Failure = Exclude<Answer, { status: 0 }>

function chunks(oids: readonly string[], size: number): string[][] {
  const made: string[][] = []
  for (let at = 0; at < oids.length; at += size) made.push(oids.slice(at, at + size))
  return made
}

/**
 * What to ask again after an error-status: the rest without the object that is to blame, else two
 * halves, until one object alone has failed.
 */
function narrower(
  answer: Failure,
  chunk: readonly string[],
): { without: string | null; again: string[][] } {
  const [only] = chunk
  if (chunk.length === 1 && only !== undefined) return { without: only, again: [] }
  if (answer.status !== TOO_BIG && answer.blamed !== null) {
    return { without: answer.blamed, again: [chunk.filter(oid => oid !== answer.blamed)] }
  }
  return { without: null, again: chunks(chunk, Math.ceil(chunk.length / 2)) }
}

function take(
  engine: Engine,
  options: SessionOptions,
  type: 'get' | 'next',
  asked: readonly string[],
  varbinds: readonly VarBind[],
  found: Map<string, VarBind>,
): void {
  if (varbinds.length !== asked.length) {
    engine.counters.dropped++
    const text = `the answer holds ${varbinds.length} objects where ${asked.length} were asked for`
    throw decodeError(options, text)
  }
  if (type === 'next') {
    asked.forEach((oid, i) => {
      found.set(oid, successor(engine, oid, varbinds[i]))
    })
    return
  }
  const byOid = new Map<string, RawValue>(varbinds.map(({ oid, value }) => [oid, value]))
  for (const oid of asked) {
    const value = byOid.get(oid)
    if (value === undefined) {
      engine.counters.dropped++
      throw decodeError(
        options,
        `the answer holds other objects than asked for (${oid} is missing)`,
      )
    }
    found.set(oid, { oid, value })
  }
}

/** A successor must come after; one that does not is none. */
function successor(engine: Engine, oid: string, answer: VarBind | undefined): VarBind {
  if (answer === undefined) return { oid, value: { type: 'none' } }
  if (answer.value.type === 'none' || compareOids(answer.oid, oid) > 0) return answer
  engine.counters.dropped++
  return { oid, value: { type: 'none' } }
}

export function checkOids(options: SessionOptions, oids: readonly string[]): void {
  if (oids.length > oidsPerCallMax) {
    throw statusError(options, 0, `${oids.length} objects in one call, at most ${oidsPerCallMax}`)
  }
  const wrong = oids.find(oid => !isKnownOid(oid))
  if (wrong !== undefined) throw statusError(options, 0, `"${wrong}" is not an OID`)
}

/** OIDs that were looked at in this thread and are good: the same are asked for at each poll. */
const goodOids = new Set<string>()

function isKnownOid(oid: string): boolean {
  if (goodOids.has(oid)) return true
  if (!isOid(oid)) return false
  if (goodOids.size >= goodOidsMax) goodOids.clear()
  goodOids.add(oid)
  return true
}
