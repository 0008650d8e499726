// One change of many chosen devices, from the list. Deleting is asked for once more, with the names.

import Type from 'typebox'
import { type BulkChange, bulkDevicesMax, changeMany } from '../../devices/bulk.ts'
import { DEVICE_ID_PATTERN } from '../../model/device.ts'
import { checker } from '../../validate.ts'
import { actorOf } from '../actor.ts'
import type { Handler, WebContext } from '../context.ts'
import type { Dictionary } from '../languages/en.ts'
import { say } from '../languages/say.ts'
import { page } from '../render.ts'
import { readValues, type Values } from './device-fields.ts'
import { filterOf, listHref } from './devices-filter.ts'

const Id = Type.String({ pattern: DEVICE_ID_PATTERN })
const isIds = checker(
  Type.Object({ id: Type.Union([Id, Type.Array(Id, { maxItems: bulkDevicesMax })]) }),
)
const isTag = checker(Type.String({ pattern: '^[^\\s,]{1,40}$' }))

export function bulkDevices(web: WebContext): Handler {
  return async (request, reply) => {
    const values = readValues(request.body)
    const { deletion: words } = say(request)
    const ids = idsOf(request.body)
    const back = backOf(values.back)
    const show = (data: Record<string, unknown>) =>
      page(request, reply, 'devices/bulk', {
        title: say(request).nav.devices,
        back,
        ids,
        problem: '',
        ...data,
      })
    const refuse = (problem: string) => {
      reply.code(422)
      return show({ problem })
    }
    if (ids.length === 0) return refuse(words.noneChosen)
    const change = changeOf(values, words)
    if (typeof change === 'string') return refuse(change)
    if (change.do === 'delete' && values.confirm !== String(ids.length)) {
      const devices = (await web.devices.list()).filter(({ config }) => ids.includes(config.id))
      const wrong = values.confirm === undefined ? '' : words.wrongCount
      if (wrong) reply.code(422)
      return show({ confirm: devices.map(({ config }) => config), problem: wrong })
    }
    const results = await changeMany(web.devices, ids, change, actorOf(request))
    const failed = results.filter(({ problem }) => problem !== null)
    if (failed.length > 0) reply.code(422)
    return show({ done: results.length - failed.length, word: change.do, failed })
  }
}

function idsOf(body: unknown): string[] {
  const checked = isIds(body)
  return checked.ok ? [checked.value.id].flat() : []
}

/** A sentence where it cannot be done. */
function changeOf(
  { action, value = '', history }: Values,
  words: Dictionary['deletion'],
): BulkChange | string {
  const text = value.trim()
  switch (action) {
    case 'pause':
    case 'resume':
    case 'poll':
      return { do: action }
    case 'tag':
    case 'untag':
      if (isTag(text).ok) return { do: action, tag: text }
      return words.wrongTag
    case 'every':
      return text ? { do: 'every', every: text } : words.wrongEvery
    case 'delete':
      return { do: 'delete', history: history === 'delete' }
    default:
      return words.noAction
  }
}

/** The list as it was filtered; nothing but its own filters is believed. */
function backOf(query: string | undefined): string {
  return listHref(filterOf(Object.fromEntries(new URLSearchParams(query ?? ''))))
}
