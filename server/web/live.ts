// What the program tells open pages as it happens, by server-sent events: one stream a page. Pages
// that look at the same thing share one feed, so that it is read once.

import type { Eta } from 'eta'
import type { FastifyReply, FastifyRequest } from 'fastify'
import Type from 'typebox'
import { AppError } from '../model/errors.ts'
import { checker } from '../validate.ts'
import { actorOf, mayDo } from './actor.ts'
import { alarmListData } from './alarm-lists.ts'
import { createLogStreams } from './container-log.ts'
import type { Handler, Viewer, WebContext } from './context.ts'
import { eventListData } from './event-list.ts'
import { type ClientCounts, createClient, type LiveClient } from './live-client.ts'
import { createDeviceFeed, type DeviceFeed, partial, type Watcher } from './live-device.ts'
import { createPageFeed, type PageFeed, type PageSource } from './live-pages.ts'
import { logTarget } from './pages/container-log.ts'
import { containersData } from './pages/containers.ts'
import { devicesData } from './pages/devices.ts'
import { discoveryData } from './pages/discovery.ts'
import { groupingOf, overviewData } from './pages/overview.ts'
import { renderFragment } from './render.ts'
import { tableFilter } from './tables.ts'
import { wallSource } from './wall.ts'
import { createWatching } from './watching.ts'
import { windowOf } from './window.ts'

/** Streams at once; the next one is refused and the browser asks again later. */
const STREAMS_MAX = 500
/** Of one person or token: hidden pages have none, so this is as many as anybody looks at. */
const STREAMS_PER_USER_MAX = 50

const LIVE_PAGES = [
  'overview',
  'wall',
  'devices',
  'discovery',
  'containers',
  'events',
  'alarms',
] as const
type LivePage = (typeof LIVE_PAGES)[number]

export interface LiveStreams {
  handler: Handler
  /** The log of one container. */
  log: Handler
  /** Ends all streams; more than once does no harm. */
  close(): void
}

const checkQuery = checker(
  Type.Object({
    device: Type.Optional(Type.String({ maxLength: 63 })),
    page: Type.Optional(Type.Enum(LIVE_PAGES)),
    shape: Type.Optional(Type.String({ maxLength: 40 })),
    part: Type.Optional(Type.Literal('row')),
    watch: Type.Optional(Type.Literal('1')),
  }),
)
/** The list's own filters, whatever they are. */
const checkTexts = checker(Type.Record(Type.String(), Type.String({ maxLength: 500 })))

export function createLiveStreams(web: WebContext, eta: Eta): LiveStreams {
  const clients = new Set<LiveClient>()
  const counts: ClientCounts = { droppedSlow: 0 }
  const feeds = createFeeds(web, eta)
  const logs = createLogStreams(web, eta)
  const watching = createWatching(web)
  let isClosed = false

  const open = (request: FastifyRequest, reply: FastifyReply): LiveClient => {
    const { viewer } = request
    const own = [...clients].filter(one => isSame(one.viewer, viewer)).length
    const isFull = clients.size >= STREAMS_MAX || own >= STREAMS_PER_USER_MAX
    if (isClosed || isFull || !viewer) {
      throw new AppError('E_STREAMS_MAX', 'too many pages are open', {
        passing: true,
        hint: 'close some of them; this one tries again by itself',
      })
    }
    const client = createClient(web, request, reply, viewer, counts)
    clients.add(client)
    client.onClose(() => clients.delete(client))
    client.onClose(web.alarms.desk.onChange(() => void showBadge(web, eta, client)))
    return client
  }
  /** Where the first message cannot be made, the stream ends and the page tries again. */
  const begin = async (
    request: FastifyRequest,
    reply: FastifyReply,
    feed: (client: LiveClient) => Promise<void>,
  ) => {
    const client = open(request, reply)
    try {
      await feed(client)
    } catch (error) {
      client.close()
      throw error
    }
  }
  return {
    async handler(request, reply) {
      const checked = checkQuery(request.query)
      if (!checked.ok)
        throw new AppError('E_QUERY', 'there is no such stream', { errors: checked.errors })
      const { device, page, shape, part, watch } = checked.value
      if (device !== undefined) {
        const window = windowOf(request.query, Date.now())
        const uid = (await web.devices.get(device))?.uid
        if (uid === undefined) throw new AppError('E_NOT_FOUND', 'there is no such device')
        const watched = part === 'row' ? null : (shape ?? '')
        const filter = tableFilter(request.query)
        const by = actorOf(request)
        return begin(request, reply, async client => {
          await feeds.device(device, uid, { client, shape: watched, window, filter })
          if (watch) await watching.join(device, client, by)
        })
      }
      const texts = checkTexts(request.query)
      const needs = page === 'discovery' ? 'devices.discover' : 'devices.read'
      if (!mayDo(request.viewer, needs))
        throw new AppError('E_FORBIDDEN', 'your role may not see this')
      return begin(request, reply, client =>
        feeds.page(page ?? 'overview', texts.ok ? texts.value : {}, client),
      )
    },
    async log(request, reply) {
      const target = await logTarget(web, request)
      const by = actorOf(request)
      return begin(request, reply, client => logs.follow(target, client, by))
    },
    close() {
      isClosed = true
      for (const client of [...clients]) client.close()
    },
  }
}

/** How many alarms are open, in the navigation of every page that has a stream. */
async function showBadge(web: WebContext, eta: Eta, client: LiveClient): Promise<void> {
  try {
    const data = { open: web.alarms.desk.counts() }
    const html = await renderFragment(eta, client.viewer, 'layout/_badge', data)
    client.send(partial('#alarm-badge', 'innerMorph', html))
  } catch (error) {
    web.log.warn({ err: error }, 'the number of alarms was not refreshed')
  }
}

const isSame = (one: Viewer, other: Viewer | null): boolean =>
  one.via === other?.via && one.name === other.name

type Texts = Record<string, string>

/** Feeds live as long as somebody looks. */
function createFeeds(web: WebContext, eta: Eta) {
  const devices = new Map<string, DeviceFeed>()
  const pages = new Map<string, PageFeed>()

  const sources: Record<LivePage, (query: Texts) => PageSource> = {
    overview: query => ({
      view: 'overview/_body',
      target: '#overview',
      data: () => overviewData(web, groupingOf(query)),
    }),
    wall: query => wallSource(web, groupingOf(query)),
    devices: query => ({
      view: 'devices/_table',
      target: '#devices',
      data: () => devicesData(web, query),
    }),
    discovery: () => ({
      view: 'discovery/_body',
      target: '#discovery',
      data: async () => discoveryData(web),
      changes: soon => (web.discovery ? [web.discovery.onChange(soon)] : []),
    }),
    containers: query => ({
      view: 'containers/_table',
      target: '#containers',
      data: () => containersData(web, query),
    }),
    // `device` in the address of a stream is a page of that device.
    events: ({ of: device, ...query }) => ({
      view: 'events/_list',
      target: '#events',
      data: () => eventListData(web, { ...query, ...(device && { device }) }),
      changes: soon => [web.events.onChange(soon)],
    }),
    alarms: ({ of: device, ...query }) => ({
      view: 'alarms/_list',
      target: '#alarms',
      data: () => alarmListData(web, { ...query, ...(device && { device }) }),
      changes: soon => [web.alarms.desk.onChange(soon)],
    }),
  }

  return {
    async device(id: string, uid: number, watcher: Watcher): Promise<void> {
      const { viewer } = watcher.client
      const key = `${id} ${uid} ${viewer.language} ${viewer.zone}`
      const feed = devices.get(key) ?? createDeviceFeed(web, eta, { id, uid }, viewer)
      devices.set(key, feed)
      watcher.client.onClose(() => {
        feed.remove(watcher)
        if (feed.size > 0 || devices.get(key) !== feed) return
        devices.delete(key)
        feed.close()
      })
      await feed.add(watcher)
    },
    async page(page: LivePage, query: Texts, client: LiveClient): Promise<void> {
      const key = `${page} ${JSON.stringify(query)}`
      const feed = pages.get(key) ?? createPageFeed(web, eta, sources[page](query))
      pages.set(key, feed)
      client.onClose(() => {
        feed.remove(client)
        if (feed.size > 0 || pages.get(key) !== feed) return
        pages.delete(key)
        feed.close()
      })
      await feed.add(client)
    },
  }
}
