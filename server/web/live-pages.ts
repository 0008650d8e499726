// What the open overview and lists of devices hear: the same fragment that the page was made of, when
// something has changed, at most every two seconds.

import type { Eta } from 'eta'
import type { WebContext } from './context.ts'
import type { LiveClient } from './live-client.ts'
import { partial } from './live-device.ts'
import { renderFragment } from './render.ts'

const REFRESH_MS = 2000

export interface PageSource {
  /** `overview/_body`. */
  view: string
  /** `#overview`. */
  target: string
  data(): Promise<Record<string, unknown>>
  /** Calls when something changed, until it is stopped; default: samples, and states of devices. */
  changes?(soon: () => void): (() => void)[]
}

export interface PageFeed {
  add(client: LiveClient): Promise<void>
  remove(client: LiveClient): void
  readonly size: number
  close(): void
}

export function createPageFeed(web: WebContext, eta: Eta, source: PageSource): PageFeed {
  /** What each page was sent last. */
  const sent = new Map<LiveClient, string>()
  let timer: NodeJS.Timeout | null = null
  /** Something changed while a refresh was under way. */
  let isMissed = false
  let isClosed = false

  const show = async (client: LiveClient, data: Record<string, unknown>) => {
    const html = await renderFragment(eta, client.viewer, source.view, data)
    if (sent.get(client) === html) return
    sent.set(client, html)
    client.send(partial(source.target, 'innerMorph', html))
  }
  const flush = async () => {
    isMissed = false
    try {
      const data = await source.data()
      for (const client of [...sent.keys()]) await show(client, data)
    } catch (error) {
      web.log.warn({ err: error, page: source.view }, 'a live page was not refreshed')
    } finally {
      timer = null
      if (isMissed) soon()
    }
  }
  const soon = () => {
    isMissed = timer !== null
    if (!isClosed) timer ??= setTimeout(() => void flush(), REFRESH_MS)
  }
  const stops = source.changes?.(soon) ?? [
    web.live.subscribe('all', soon),
    web.devices.onChange(soon),
  ]
  return {
    async add(client) {
      sent.set(client, '')
      await show(client, await source.data())
    },
    remove: client => void sent.delete(client),
    get size() {
      return sent.size
    },
    close() {
      isClosed = true
      if (timer) clearTimeout(timer)
      for (const stop of stops) stop()
    },
  }
}
