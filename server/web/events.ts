// Events for the pages: what the program tells of new ones, comments of people, and how long events
// are kept. Reading them is the store's business.

import type { Audit } from '../audit.ts'
import { AppError } from '../model/errors.ts'
import type { EventBody } from '../model/event.ts'
import { cleanText } from '../model/text.ts'
import type { Actor } from '../model/user.ts'
import type { EventStore } from '../store/contract.ts'
import { eventDaysMax } from '../store/events.ts'

export const commentCharsMax = 1000

export interface Events {
  /** Called with the device's id soon after it told something. Returns how to stop. */
  onChange(listener: (device: string) => void): () => void
  /** The device told something. */
  changed(device: string): void
  /** Stored when it resolves. @throws AppError E_COMMENT, E_DEVICE_UNKNOWN */
  comment(device: { id: string; uid: number }, said: Comment, by: Actor): Promise<void>
  days(): Promise<number>
  /** @throws AppError E_EVENT_DAYS */
  setDays(days: string, by: Actor): Promise<void>
}

export interface Comment {
  text: string
  about?: { group: string; row: string } | undefined
}

export function createEvents(parts: { store: EventStore; audit: Audit }): Events {
  const { store, audit } = parts
  const listeners = new Set<(device: string) => void>()
  const changed = (device: string) => {
    for (const listener of listeners) listener(device)
  }
  return {
    onChange(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    changed,
    async comment({ id, uid }, said, by) {
      const event = { ...commentOf(said, by), deviceUid: uid }
      const [outcome] = await store.write([event])
      if (typeof outcome === 'object')
        throw new AppError('E_DEVICE_UNKNOWN', `there is no device "${id}"`)
      const { text, group = null, row = null } = event
      await audit.record(by, 'event.comment', `device:${id}`, { after: { text, group, row } })
      changed(id)
    },
    days: () => store.days(),
    async setDays(text, by) {
      const days = /^[0-9]{1,5}$/.test(text) ? Number(text) : 0
      if (days < 1 || days > eventDaysMax) {
        const message = `must be a whole number from 1 to ${eventDaysMax}`
        throw new AppError('E_EVENT_DAYS', `the days of events are not valid: ${message}`, {
          errors: [{ path: 'days', message }],
        })
      }
      const before = await store.days()
      await store.setDays(days)
      await audit.record(by, 'settings.events', 'settings:events.days', { before, after: days })
    },
  }
}

function commentOf({ text, about }: Comment, by: Actor): EventBody {
  const line = cleanText(text, commentCharsMax + 1)
  if (line === '' || line.length > commentCharsMax) {
    const message = line === '' ? 'says nothing' : `has at most ${commentCharsMax} characters`
    throw new AppError('E_COMMENT', `the comment ${message}`, {
      errors: [{ path: 'text', message }],
    })
  }
  return {
    ...{ at: Date.now(), kind: 'comment', severity: 'info', name: 'comment', text: line },
    ...about,
    fields: { by: cleanText(by.name, 100) },
  }
}
