// Puts together what judges alarms: rules from profiles, configs and people, the engine, what is told on
// MQTT and as events, and the face that pages see.

import { createAnnouncer } from '../alarms/announce.ts'
import { createDesk, type Desk } from '../alarms/desk.ts'
import type { DeviceRules } from '../alarms/engine-contract.ts'
import { type AlarmJudge, createAlarmJudge } from '../alarms/judge.ts'
import { createLastWeek } from '../alarms/lastweek.ts'
import { createRehearsals, type Rehearsals } from '../alarms/rehearsals.ts'
import { type Book, bookOf } from '../alarms/rulebook.ts'
import { createRules, type Rules } from '../alarms/rules.ts'
import type { EventTeller } from '../alarms/teller.ts'
import type { Audit } from '../audit.ts'
import type { Bus } from '../bus/contract.ts'
import type { Directory } from '../devices/directory.ts'
import type { Live } from '../live/contract.ts'
import { shownProfiles } from '../model/beside.ts'
import type { Device } from '../model/device.ts'
import { parseDuration } from '../model/duration.ts'
import { messageOf } from '../model/errors.ts'
import { type AlarmMetric, alarmMetrics } from '../profiles/alarms.ts'
import type { Plan } from '../profiles/face.ts'
import type { Store } from '../store/contract.ts'
import type { Base } from './base.ts'
import type { OurEvents } from './events.ts'
import { deviceLookup } from './samples.ts'

const DAY_MS = 86_400_000
/** Clear alarms are kept for so long. */
const keptDays = 400
const trimEveryMs = 10 * 60_000

export interface Alarms {
  judge: AlarmJudge
  rules: Rules
  desk: Desk
  /** A device's rules as they are now, with those that cannot be judged. */
  bookOf(device: Device): Book
  metricsOf(device: Device): readonly AlarmMetric[]
  rehearsals: Rehearsals
}

export async function startAlarms(
  parts: Base & {
    bus: Bus
    store: Store
    live: Live
    directory: Directory
    audit: Audit
    plan: (profiles: readonly string[]) => Plan
    events: OurEvents
    /** False: another process judges, and this one shows it. */
    isJudge: boolean
  },
): Promise<Alarms> {
  const { config, log, life, bus, store, live, directory, audit, plan, events } = parts
  const { site } = config
  const rules = await createRules({ store: store.rules, audit, log })
  life.started('rules', () => rules.close())
  const metrics = metricsCache(plan)
  const metricsOf = (device: Device) =>
    metrics(shownProfiles(device.config, device.identity?.profiles ?? []))
  const book = (device: Device) =>
    bookOf({
      config: device.config,
      version: device.version,
      metrics: metricsOf(device),
      people: rules.people(),
    })
  const announcer = createAnnouncer({ bus, site, tell: events.tell, log })
  const latest = latestCache(live)
  if (parts.isJudge) await latest.fill(directory.all())
  const lastWeek = createLastWeek({
    store: store.samples,
    onError: error => log.debug({ error: messageOf(error) }, 'last week is read later'),
  })
  const judge = createAlarmJudge({
    ...{ bus, site, store, announcer, log },
    devices: deviceLookup(directory),
    holder: events.sender.src,
    rules({ id }): DeviceRules | null {
      const device = directory.get(id)
      if (!device) return null
      const { name, parents = [] } = device.config
      return { name, parents, rules: book(device).rules }
    },
    everyMs: id => parseDuration(directory.get(id)?.config.every ?? '60s'),
    maintenance(id, now) {
      const device = directory.get(id)
      return device !== undefined && rules.inMaintenance(device.config, now) !== null
    },
    lastWeek: (device, series) => lastWeek.get(device.uid, series),
    latest: (device, group, metric) => latest.get(device.uid, group, metric),
  })
  rules.onChange(() => judge.renew())
  directory.onRefresh(changedDevices(directory, () => judge.renew()))
  if (parts.isJudge) {
    await judge.start()
    life.started('alarms', () => judge.close())
    trimAlarms(parts)
  }
  const desk = await createDesk({ bus, site, store: store.alarms, audit, announcer, log })
  life.started('alarm desk', () => desk.close())
  const { databaseUrl, logLevel } = config
  const rehearsals = createRehearsals({ databaseUrl, logLevel })
  life.started('rehearsals', () => rehearsals.close())
  return { judge, rules, desk, bookOf: book, metricsOf, rehearsals }
}

function trimAlarms({ store, life, log }: Base & { store: Pick<Store, 'alarms'> }): void {
  const trimming = setInterval(() => {
    store.alarms
      .trim(Date.now() - keptDays * DAY_MS)
      .catch(error => log.debug({ error: messageOf(error) }, 'old alarms are deleted later'))
  }, trimEveryMs).unref()
  life.started('alarm retention', () => clearInterval(trimming))
}

/** The directory is re-read again and again: only a changed device is a reason to compile anew. */
function changedDevices(directory: Directory, changed: () => void): () => void {
  const versions = () =>
    directory
      .all()
      .map(({ uid, version, identity }) => `${uid}.${version}.${identity?.at ?? 0}`)
      .join(' ')
  let before = versions()
  return () => {
    const now = versions()
    if (now === before) return
    before = now
    changed()
  }
}

function metricsCache(plan: (profiles: readonly string[]) => Plan) {
  const known = new WeakMap<Plan, readonly AlarmMetric[]>()
  return (profiles: readonly string[]): readonly AlarmMetric[] => {
    const of = plan(profiles)
    const made = known.get(of) ?? alarmMetrics(of)
    known.set(of, made)
    return made
  }
}

/** The newest values of before this start, for rules about changes; forgotten once they are used. */
function latestCache(live: Live) {
  const known = new Map<number, Awaited<ReturnType<Live['latest']>>>()
  return {
    async fill(devices: readonly Device[]) {
      for (const { uid } of devices) known.set(uid, await live.latest(uid))
      setTimeout(() => known.clear(), 10 * 60_000).unref()
    },
    get: (uid: number, group: string, metric: string) =>
      (known.get(uid) ?? []).filter(one => one.group === group && one.metric === metric),
  }
}

/** Both hear all that judge of states hears. */
export function withAlarms(teller: EventTeller, { judge }: Pick<Alarms, 'judge'>): EventTeller {
  return {
    status: (device, before, after) => teller.status(device, before, after),
    collection(device, collection) {
      teller.collection(device, collection)
      judge.collection(device, collection)
    },
    forget: id => teller.forget(id),
  }
}
