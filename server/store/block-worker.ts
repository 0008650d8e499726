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
import { type PackedPolls, unpackPolls } from './packed-polls.ts'

export type BlockRequest =
  | { id: number; kind: 'condense'; job: Omit<CondenseJob, 'polls'> & { polls: PackedPolls } }
  | { id: number; kind: 'roll'; job: RollJob }

export type BlockReply =
  | { id: number; kind: 'condense'; done: Condensed }
  | { id: number; kind: 'roll'; done: Rolled }
  | { id: number; kind: 'failed'; error: string }

function run(request: BlockRequest): BlockReply {
  const { id } = request
  if (request.kind === 'roll') return { id, kind: 'roll', done: rollUp(request.job) }
  const job = { ...request.job, polls: unpackPolls(request.job.polls) }
  return { id, kind: 'condense', done: condense(job) }
}

/** The block is given away: the sender of an answer needs it no longer. */
function given(reply: BlockReply): ArrayBuffer[] {
  if (reply.kind === 'failed') return []
  const { buffer } = reply.done.block
  return buffer instanceof ArrayBuffer ? [buffer] : []
}

parentPort?.on('message', (request: BlockRequest) => {
  let reply: BlockReply
  try {
    reply = run(request)
  } catch (error) {
    reply = { id: request.id, kind: 'failed', error: messageOf(error) }
  }
  parentPort?.postMessage(reply, given(reply))
})
