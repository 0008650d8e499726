// The thread in which blocks are made, so that a closed window never stalls the program's event loop.

import { parentPort } from 'node:worker_threads'
import { messageOf } from '../model/errors.ts'
import {
  type Condensed,
  type CondenseJob,
  condense,
  type Rolled,
  type RollJob,
  rollUp,
} from './condense.ts'

export type BlockRequest =
  | { id: number; kind: 'condense'; job: CondenseJob }
  | { id: number; kind: 'roll'; job: RollJob }

export type BlockReply =
  | { id: number; kind: 'condense'; done: Condensed }
  | { id: number; kind: 'roll'; done: Rolled }
  | { id: number; kind: 'failed'; error: string }

function run(request: BlockRequest): BlockReply {
  const { id, kind } = request
  if (kind === 'condense') return { id, kind, done: condense(request.job) }
  return { id, kind, done: rollUp(request.job) }
}

/** Buffers that are given away: the sender of an answer needs them no longer. */
function given(reply: BlockReply): ArrayBufferLike[] {
  if (reply.kind === 'condense') return [reply.done.block.buffer]
  if (reply.kind === 'failed') return []
  const { points, block } = reply.done
  const buffers = points.slots.flatMap(column =>
    column ? [column.kinds.buffer, column.values.buffer] : [],
  )
  return [...new Set([block.buffer, points.times.buffer, ...buffers])]
}

parentPort?.on('message', (request: BlockRequest) => {
  let reply: BlockReply
  try {
    reply = run(request)
  } catch (error) {
    reply = { id: request.id, kind: 'failed', error: messageOf(error) }
  }
  parentPort?.postMessage(reply, given(reply) as ArrayBuffer[])
})
