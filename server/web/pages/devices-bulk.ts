// One change of many chosen devices, from the list. Deleting is asked for once more, with the names.

import Type from 'typebox'
import { type BulkChange, bulkDevicesMax, changeMany } from '../../devices/bulk.ts'
import { DEVICE_ID_PATTERN } from '../../model/device.ts'
import { checker } from '../../validate.ts'
import { actorOf } from '../actor.ts'
import type { Handler, WebContext } from '../context.ts'
import { page } from '../render.ts'
import { readValues, type Values } from './device-fields.ts'
import { filterOf, listHref } from './devices-filter.ts'

const Id = Type.String({ pattern: DEVICE_ID_PATTERN })
const isIds = checker(
  Type.Object({ id: Type.Union([Id, Type.Array(Id, { maxItems: bulkDevicesMax })]) }),
)
const isTag = checker(Type.String({ pattern: '^[^\\s,]{1,40}$' }))

const DONE: Record<BulkChange['do'], string> = {
  pause: 'paused',
  resume: 'resumed',
  poll: 'at the head of the queue',
  tag: 'tagged',
  untag: 'without the tag',
  every: 'with the new interval',
  delete: 'deleted',
}

export function bulkDevices(web: WebContext): Handler {
  return async (request, reply) => {
    const values = readValues(request.body)
    const ids = idsOf(request.body)
    const back = backOf(values.back)
    const show = (data: Record<string, unknown>) =>
      page(request, reply, 'devices/bulk', { title: 'Devices', back, ids, problem: '', ...data })
    const refuse = (problem: string) => {
      reply.code(422)
      return show({ problem })
    }
    if (ids.length === 0) return refuse('No device is chosen.')
    const change = changeOf(values)
    if (typeof change === 'string') return refuse(change)
    if (change.do === 'delete' && values.confirm !== String(ids.length)) {
      const devices = (await web.devices.list()).filter(({ config }) => ids.includes(config.id))
      const wrong = values.confirm === undefined ? '' : 'The number is not right.'
      if (wrong) reply.code(422)
      return show({ confirm: devices.map(({ config }) => config), problem: wrong })
    }
    const results = await changeMany(web.devices, ids, change, actorOf(request))
    const failed = results.filter(({ problem }) => problem !== null)
    if (failed.length > 0) reply.code(422)
    return show({ done: results.length - failed.length, word: DONE[change.do], failed })
  }
}

function idsOf(body: unknown): string[] {
  const checked = isIds(body)
  return checked.ok ? [checked.value.id].flat() : []
}

/** A sentence where it cannot be done. */
function changeOf({ action, value = '', history }: Values): BulkChange | string {
  const text = value.trim()
  switch (action) {
    case 'pause':
    case 'resume':
    case 'poll':
      return { do: action }
    case 'tag':
    case 'untag':
      if (isTag(text).ok) return { do: action, tag: text }
      return 'A tag has 1 to 40 characters, without blanks and commas.'
    case 'every':
      return text ? { do: 'every', every: text } : 'Write an interval, as 60s or 5m.'
    case 'delete':
      return { do: 'delete', history: history === 'delete' }
    default:
      return 'There is no such action.'
  }
}

/** The list as it was filtered; nothing but its own filters is believed. */
function backOf(query: string | undefined): string {
  return listHref(filterOf(Object.fromEntries(new URLSearchParams(query ?? ''))))
}
