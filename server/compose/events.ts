// Where events of our own come from: judge and the commands on devices tell them, one sender with a
// spool of its own sends them; and the old ones are deleted.

import path from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import type { WatchedGroup } from '../alarms/rowwatch.ts'
import { createEventTeller, type EventTeller, type Watch } from '../alarms/teller.ts'
import type { Audit } from '../audit.ts'
import type { Bus } from '../bus/contract.ts'
import { createSender, type SpoolingSender } from '../bus/sender.ts'
import { eventsFilter, eventTopic, parseDeviceTopic } from '../bus/topics.ts'
import type { Directory } from '../devices/directory.ts'
import type { Logger } from '../log.ts'
import { CHECK_GROUP, shownProfiles } from '../model/beside.ts'
import { DeviceConfig } from '../model/device.ts'
import { messageOf } from '../model/errors.ts'
import type { EventBody } from '../model/event.ts'
import { cleanText } from '../model/text.ts'
import type { PageGroup, PageMetric, Plan } from '../profiles/face.ts'
import { pageOf } from '../profiles/page.ts'
import type { EventStore } from '../store/contract.ts'
import { checker } from '../validate.ts'
import { createEvents, type Events } from '../web/events.ts'
import type { Base, Connect } from './base.ts'

/** Old rows are looked for this often, and deleted with a pause between two steps, ms. */
const trimEveryMs = 10 * 60_000
const trimPauseMs = 250

export interface OurEvents {
  sender: SpoolingSender
  teller: EventTeller
  tell(device: string, event: EventBody): void
}

/** @param plan the plan of a set of profiles, under the catalogue of now */
export async function startOurEvents(
  parts: Base & {
    connect: Connect
    directory: Directory
    plan: (profiles: readonly string[]) => Plan
  },
): Promise<OurEvents> {
  const { config, log, life, connect, directory, plan } = parts
  const { site } = config
  const bus = connect({
    username: 'judge',
    publish: [`pollux/${site}/devices/+/events`],
    subscribe: [`pollux/${site}/acks/+`],
  })
  life.started('judge bus', () => bus.close())
  const dir = path.join(config.dataDir, 'spool', 'judge')
  const sender = await createSender({ bus, site, dir, log })
  life.started('judge spool', () => sender.close())
  const tell = (device: string, event: EventBody) => {
    try {
      sender.send(eventTopic(site, device), Buffer.from(JSON.stringify(event)))
    } catch (error) {
      log.error({ device, error: messageOf(error) }, 'an event was not sent')
    }
  }
  const watches = watchCache()
  const teller = createEventTeller({
    watch: ({ id }, group) => {
      const device = directory.get(id)
      // Containers tell of themselves by the engine's own events.
      if (!device || (device.config.kind === 'docker' && group !== CHECK_GROUP)) return null
      const profiles = shownProfiles(device.config, device.identity?.profiles ?? [])
      return watches(plan(profiles)).get(group) ?? null
    },
    tell: ({ id }, event) => tell(id, event),
  })
  return { sender, teller, tell }
}

/** Worked out once for each plan. */
function watchCache(): (plan: Plan) => Map<string, Watch> {
  const known = new WeakMap<Plan, Map<string, Watch>>()
  return plan => {
    const before = known.get(plan)
    if (before) return before
    const groups = pageOf(plan).flatMap(section => section.groups)
    const made = new Map(groups.map(group => [group.id, watchOf(group)]))
    known.set(plan, made)
    return made
  }
}

function watchOf({ table, metrics }: PageGroup): Watch {
  const uptime = metrics.find(({ role }) => role === 'uptime')?.id ?? null
  return { table: table ? watchedTable(metrics) : null, uptime: table ? null : uptime }
}

/** Tables with states that can be good or bad; of interfaces also which there are. */
function watchedTable(metrics: readonly PageMetric[]): WatchedGroup | null {
  const states = metrics.filter(({ kind, states }) => kind === 'state' && states.length > 0)
  const canBeBad = states.some(metric => metric.states.some(({ severity }) => severity !== null))
  if (!canBeBad) return null
  return {
    rows: metrics.some(({ role }) => role === 'interface.status'),
    states: states.map(({ id, title, states }) => ({ metric: id, title, of: stateNames(states) })),
    speeds: metrics
      .filter(({ role }) => role === 'interface.speed')
      .map(({ id, title, unit }) => ({ metric: id, title, unit })),
  }
}

function stateNames(states: PageMetric['states']) {
  const byValue = new Map(states.map(state => [state.value, state]))
  return (value: number) => {
    const state = byValue.get(value) ?? byValue.get(null)
    const isBad = state?.severity === 'warning' || state?.severity === 'critical'
    return { name: state?.name ?? String(value), isBad }
  }
}

const checkConfig = checker(DeviceConfig, { firstOnly: true })

/** The audit log, whose entries on configs become events of their devices too. */
export function auditWithEvents(audit: Audit, tell: OurEvents['tell']): Audit {
  return {
    async record(by, action, thing, change) {
      await audit.record(by, action, thing, change)
      const event = configEvent(action, by.name, change?.before, change?.after)
      if (event && thing.startsWith('device:')) tell(thing.slice('device:'.length), event)
    },
  }
}

/** Which fields changed, never what is in them. */
function configEvent(
  action: string,
  by: string,
  before: unknown,
  after: unknown,
): EventBody | null {
  const about = { at: Date.now(), kind: 'config', severity: 'info', fields: { by } } as const
  const who = cleanText(by, 100) || 'somebody'
  if (action === 'device.create') return { ...about, name: 'created', text: `Added by ${who}` }
  const [was, is] = [checkConfig(before), checkConfig(after)]
  if (action !== 'device.update' || !was.ok || !is.ok) return null
  const keys = new Set([...Object.keys(was.value), ...Object.keys(is.value)])
  const old = new Map<string, unknown>(Object.entries(was.value))
  const now = new Map<string, unknown>(Object.entries(is.value))
  const changed = [...keys].filter(key => !isDeepStrictEqual(old.get(key), now.get(key)))
  if (changed.length === 1 && changed[0] === 'enabled') {
    const name = is.value.enabled ? 'resumed' : 'paused'
    return { ...about, name, text: `${is.value.enabled ? 'Resumed' : 'Paused'} by ${who}` }
  }
  const what = changed.length > 0 ? changed.join(', ') : 'a secret'
  return { ...about, name: 'changed', text: `Changed by ${who}: ${what}`.slice(0, 1000) }
}

/** Events for the pages, which hear of new ones as everybody does. */
export async function heardEvents(parts: {
  bus: Bus
  site: string
  store: EventStore
  audit: Audit
}): Promise<Events> {
  const { bus, site, store, audit } = parts
  const events = createEvents({ store, audit })
  await bus.subscribe(eventsFilter(site), ({ topic }) => {
    const device = parseDeviceTopic(topic)?.device
    if (device !== undefined) events.changed(device)
  })
  return events
}

/** Deletes what is older than it is kept, a little at a time. */
export function trimOld(
  what: string,
  of: { trim(now: number): Promise<number> },
  log: Logger,
): { close(): void } {
  let timer: NodeJS.Timeout | undefined
  let isClosed = false
  const again = (ms: number) => {
    if (!isClosed) timer = setTimeout(() => void step(), ms).unref()
  }
  const step = async () => {
    try {
      again((await of.trim(Date.now())) > 0 ? trimPauseMs : trimEveryMs)
    } catch (error) {
      log.debug({ error: messageOf(error), what }, 'old rows are deleted later')
      again(trimEveryMs)
    }
  }
  again(trimPauseMs)
  return {
    close() {
      isClosed = true
      clearTimeout(timer)
    },
  }
}
