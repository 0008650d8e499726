// What open pages of one device hear: its status and receipts at once, its samples as they come, and
// tables and numbers at most every two seconds, rendered once for all who look at them.

import type { Eta } from 'eta'
import type { AcceptedCollection } from '../model/accepted.ts'
import { AppError } from '../model/errors.ts'
import { GAP_TEXT } from '../model/gap.ts'
import type { Viewer, WebContext } from './context.ts'
import { type DevicePage, devicePageData } from './device-page.ts'
import { shortEvents } from './event-list.ts'
import { type Reader, wordsOf } from './languages/say.ts'
import type { LiveClient } from './live-client.ts'
import { renderFragment } from './render.ts'
import { filterQuery, type TableFilter } from './tables.ts'
import { type TimeWindow, windowOf } from './window.ts'

const REFRESH_MS = 2000
/** Groups of one read come close together, and their samples must be committed to be read. */
const GATHER_MS = 300
const STATUS_MS = 50
/** From the word of an event until it is committed, mostly. */
const EVENTS_MS = 1500
/** Bytes of one `samples` event; a larger one only says that there is something to fetch. */
const SAMPLES_BYTES_MAX = 256 * 1024
/** Rows of a folded table that are refreshed; beyond, they are as fresh as the page. */
const FOLDED_ROWS_MAX = 240

/** Nothing on these parts depends on who looks. */
const NOBODY: Omit<Viewer, keyof Reader> = {
  name: '',
  role: 'viewer',
  scope: null,
  via: 'session',
  user: null,
  csrf: '',
  sessionToken: '',
}

export interface Watcher {
  client: LiveClient
  /** `shape` of the page as it stands there; null: a page of one row, which has no such parts. */
  shape: string | null
  window: TimeWindow
  filter: TableFilter | null
}

export interface DeviceFeed {
  add(watcher: Watcher): Promise<void>
  remove(watcher: Watcher): void
  readonly size: number
  close(): void
}

export function partial(target: string, swap: string, html: string): string {
  return `<hx-partial hx-target="${target}" hx-swap="${swap}">${html}</hx-partial>`
}

/** One feed is for those who read in one language and time zone. */
export function createDeviceFeed(
  web: WebContext,
  eta: Eta,
  { id, uid }: { id: string; uid: number },
  reader: Reader,
): DeviceFeed {
  const nobody: Viewer = { ...NOBODY, language: reader.language, zone: reader.zone }
  const watchers = new Set<Watcher>()
  const dirty = new Set<string>()
  let timer: NodeJS.Timeout | null = null
  let dueAt = Number.POSITIVE_INFINITY
  let refreshedAt = 0
  let isNews = false
  let eventsTimer: NodeJS.Timeout | null = null
  let isBusy = false
  let isClosed = false

  const render = (view: string, data: Record<string, unknown>) =>
    renderFragment(eta, nobody, `device/${view}`, data)
  const tell = (data: string, event?: string) => {
    if (data !== '') for (const { client } of watchers) client.send(data, event)
  }
  const soon = (ms: number) => {
    const at = Date.now() + ms
    if (isClosed || at >= dueAt) return
    if (timer) clearTimeout(timer)
    dueAt = at
    timer = setTimeout(() => void flush(), ms)
  }
  const flush = async () => {
    dueAt = Number.POSITIVE_INFINITY
    // A slow database must not be asked faster than it answers.
    if (isBusy) return soon(REFRESH_MS)
    isBusy = true
    const groups = new Set(dirty)
    const withNews = isNews
    dirty.clear()
    isNews = false
    if (groups.size > 0) refreshedAt = Date.now()
    try {
      const data = await devicePageData(web, id, windowOf({}, Date.now()), null, reader)
      if (withNews) tell(await newsHtml(render, data))
      await reshape(data)
      await tellTables(data, groups)
    } catch (error) {
      if (error instanceof AppError && error.code === 'E_NOT_FOUND') return gone()
      web.log.warn({ err: error, device: id }, 'the live stream of a device was not refreshed')
    } finally {
      isBusy = false
    }
  }
  /** Pages that look at some rows of a table alone get those. */
  const tellTables = async (all: DevicePage, groups: ReadonlySet<string>) => {
    const byFilter = Map.groupBy(watchers, ({ filter }) => filterQuery(filter))
    for (const [query, of] of byFilter) {
      const filter = of[0]?.filter ?? null
      const data = query === '' ? all : await filteredData(filter)
      const html = await groupsHtml(render, data, groups)
      if (html !== '') for (const { client } of of) client.send(html)
    }
  }
  const filteredData = (filter: TableFilter | null) =>
    devicePageData(web, id, windowOf({}, Date.now()), filter, reader)
  /** Where other charts or tables are to be shown, each page gets its body and its facts anew. */
  const reshape = async (data: DevicePage) => {
    if (data.header.status.state === 'down') return
    for (const watcher of watchers) {
      if (watcher.shape === null || watcher.shape === data.shape) continue
      watcher.shape = data.shape
      const query = Object.fromEntries(new URLSearchParams(watcher.window.query))
      const own = await devicePageData(web, id, windowOf(query, Date.now()), watcher.filter, reader)
      watcher.client.send(
        partial('#device-facts', 'outerHTML', await render('_facts', own)) +
          partial('#device-body', 'outerHTML', await render('_body', own)),
      )
    }
  }
  const gone = () => {
    tell(
      partial(
        '#flash',
        'innerHTML',
        `<div class="note note-warning">${wordsOf(reader).layout.deviceGone}</div>`,
      ),
    )
    for (const { client } of [...watchers]) client.close()
  }
  const onSamples = (collection: AcceptedCollection) => {
    tell(samplesText(collection), 'samples')
    dirty.add(collection.group)
    soon(Math.max(GATHER_MS, refreshedAt + REFRESH_MS - Date.now()))
  }
  /** A page of one row shows other events than these. */
  const tellEvents = async () => {
    eventsTimer = null
    try {
      const html = await renderFragment(eta, nobody, 'events/_short', {
        ...(await shortEvents(web, { id, uid }, null)),
      })
      for (const { client, shape } of watchers) {
        if (shape !== null) client.send(partial('#device-events', 'innerMorph', html))
        client.send('{}', 'events')
      }
    } catch (error) {
      web.log.warn({ err: error, device: id }, 'the events of a live page were not refreshed')
    }
  }
  const stops = [
    web.live.subscribe(uid, onSamples),
    web.events.onChange(changed => {
      if (changed !== id || isClosed) return
      eventsTimer ??= setTimeout(() => void tellEvents(), EVENTS_MS)
    }),
    web.devices.onChange(changed => {
      if (changed !== id) return
      isNews = true
      soon(STATUS_MS)
    }),
  ]
  return {
    async add(watcher) {
      watchers.add(watcher)
      const data = await devicePageData(web, id, windowOf({}, Date.now()), null, reader)
      watcher.client.send(await newsHtml(render, data))
      if (watcher.client.isBack && watcher.shape === data.shape) {
        const own = watcher.filter ? await filteredData(watcher.filter) : data
        watcher.client.send(await groupsHtml(render, own, null))
      }
      await reshape(data)
    },
    remove: watcher => void watchers.delete(watcher),
    get size() {
      return watchers.size
    },
    close() {
      isClosed = true
      if (timer) clearTimeout(timer)
      if (eventsTimer) clearTimeout(eventsTimer)
      for (const stop of stops) stop()
    },
  }
}

type Render = (view: string, data: Record<string, unknown>) => Promise<string>

async function newsHtml(render: Render, data: DevicePage): Promise<string> {
  return (
    partial('#device-status', 'outerHTML', await render('_status', data)) +
    partial('#device-receipts', 'outerHTML', await render('_receipts', data))
  )
}

/** Rows of the groups' tables, and the numbers of their sections; null: of all groups. */
async function groupsHtml(
  render: Render,
  data: DevicePage,
  groups: ReadonlySet<string> | null,
): Promise<string> {
  const isWanted = (one: { group: string }) => groups === null || groups.has(one.group)
  const parts: string[] = []
  for (const section of data.sections) {
    for (const table of section.tables.filter(isWanted)) {
      const html = await render('_rows', { table, rows: table.shown })
      parts.push(partial(`#rows-${table.group}`, 'innerMorph', html))
      if (table.rest.length === 0 || table.rest.length > FOLDED_ROWS_MAX) continue
      const rest = await render('_rows', { table, rows: table.rest })
      parts.push(partial(`#rest-${table.group}`, 'innerMorph', rest))
    }
    if (section.stats.some(isWanted))
      parts.push(partial(`#stats-${section.id}`, 'outerMorph', await render('_stats', { section })))
  }
  return parts.join('')
}

/** A collection as public/js/charts.js appends it. */
function samplesText({ group, at, rows, metrics, gaps, failed }: AcceptedCollection): string {
  const text = JSON.stringify({
    group,
    at,
    rows,
    metrics: Object.fromEntries(metrics),
    gaps: Object.fromEntries(gaps),
    failed,
    why: failed === null ? '' : GAP_TEXT[failed],
  })
  return text.length <= SAMPLES_BYTES_MAX ? text : JSON.stringify({ group, at, isLarge: true })
}
