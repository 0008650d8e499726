// The thread in which forecasts are made, so that they never delay a poll or a page.

import { parentPort } from 'node:worker_threads'
import { messageOf } from '../../model/errors.ts'
import {
  type Assessment,
  assess,
  type ForecastLine,
  forecastLine,
  type SeriesToAssess,
} from './assess.ts'

export type ForecastRequest =
  | { id: number; kind: 'assess'; series: SeriesToAssess[] }
  | { id: number; kind: 'line'; values: Float64Array; hours: number }

export type ForecastReply =
  | { id: number; kind: 'assess'; done: Assessment[] }
  | { id: number; kind: 'line'; done: ForecastLine | null }
  | { id: number; kind: 'failed'; error: string }

function run(request: ForecastRequest): ForecastReply {
  const { id } = request
  if (request.kind === 'line')
    return { id, kind: 'line', done: forecastLine(request.values, request.hours) }
  return { id, kind: 'assess', done: request.series.map(assess) }
}

parentPort?.on('message', (request: ForecastRequest) => {
  let reply: ForecastReply
  try {
    reply = run(request)
  } catch (error) {
    reply = { id: request.id, kind: 'failed', error: messageOf(error) }
  }
  parentPort?.postMessage(reply)
})
