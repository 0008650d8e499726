// The page of a container's log, and its stream. Only administrators: a log may hold anything.

import type { FastifyRequest } from 'fastify'
import Type from 'typebox'
import { parseDuration } from '../../model/duration.ts'
import { AppError } from '../../model/errors.ts'
import { checker } from '../../validate.ts'
import { actorOf } from '../actor.ts'
import { rowPath } from '../charts.ts'
import { createStill, type LogTarget, TAIL } from '../container-log.ts'
import { CONTAINER_GROUP } from '../containers.ts'
import type { Handler, WebContext } from '../context.ts'
import { loadDevice } from '../device-data.ts'
import { say } from '../languages/say.ts'
import { page } from '../render.ts'
import { plainText } from '../words.ts'

const checkParams = checker(Type.Object({ id: Type.String(), row: Type.String() }))
const checkStill = checker(Type.Object({ still: Type.Literal('1') }))

/** @throws AppError E_NOT_FOUND where there is no such container, or no engine to ask */
export async function logTarget(
  web: WebContext,
  request: FastifyRequest,
): Promise<LogTarget & { rowHref: string }> {
  const params = checkParams(request.params)
  if (!params.ok || !web.containerLogs) throw new AppError('E_NOT_FOUND', 'there is no such log')
  const view = await loadDevice(web, params.value.id)
  const row = view.values.get(CONTAINER_GROUP)?.rows.find(one => one.key === params.value.row)
  if (!row || view.device.config.kind !== 'docker') {
    throw new AppError('E_NOT_FOUND', 'this device has no such container', {
      hint: 'it may have gone since; the page of the device lists all',
    })
  }
  return {
    logs: web.containerLogs,
    device: view.device,
    container: row.labels.id ?? row.name,
    name: plainText(row.name, 120),
    rowHref: rowPath(view.id, CONTAINER_GROUP, row.key),
  }
}

export function logPage(web: WebContext): Handler {
  const lastLines = createStill()
  return async (request, reply) => {
    const target = await logTarget(web, request)
    const { config } = target.device
    const isStill = checkStill(request.query).ok
    const lines = isStill
      ? await lastLines(target, actorOf(request), parseDuration(config.timeout))
      : null
    return page(request, reply, 'container-log', {
      title: say(request).containers.logOf(target.name),
      id: config.id,
      device: plainText(config.name, 100),
      name: target.name,
      rowHref: target.rowHref,
      streamHref: `${target.rowHref}/log/stream`,
      tail: TAIL,
      lines,
    })
  }
}
