// The receivers of traps and syslog, wired: their thread, who may send, what notifications mean, and a
// sender with a spool of its own for the events that come of it.

import { randomBytes } from 'node:crypto'
import path from 'node:path'
import { createSender, type SpoolingSender } from '../bus/sender.ts'
import { eventTopic } from '../bus/topics.ts'
import type { Config, ListenAddress } from '../config.ts'
import type { Directory } from '../devices/directory.ts'
import type { Vault } from '../devices/vault.ts'
import { gauge, type Registry } from '../metrics.ts'
import { messageOf } from '../model/errors.ts'
import type { EventBody } from '../model/event.ts'
import { notificationsOf } from '../profiles/notification.ts'
import { type KeptClock, readClocks } from '../receive/engine-clocks.ts'
import type { Told } from '../receive/protocol.ts'
import { createReceiver, type Receiver } from '../receive/receiver.ts'
import type { Store } from '../store/contract.ts'
import type { Base, Connect } from './base.ts'
import type { Catalogues } from './catalogues.ts'
import { followSenders } from './receive-senders.ts'
import type { StatusSection } from './status.ts'

/** A notification may have its device read at once, but not more often than this, ms. */
const pollAgainMs = 15_000
/** And of all devices together so many in a second. */
const pollsPerSecondMax = 20
/** Lists of rows that are kept to find a row by its index, and for how long, ms. */
const rowListsMax = 200
const rowListMs = 60_000
/** One in which a row was missing is read again after this: the device may be new. */
const missedMs = 5000
/** RFC 3411, section 5: the fifth octet says that octets of our own choice follow. */
const ENGINE_ID_HEAD = Uint8Array.of(0x80, 0, 0, 0, 5)
const ENGINE_SETTING = 'receive.engine'
const CLOCKS_SETTING = 'receive.clocks'

export interface Receivers {
  sender: SpoolingSender
  receiver: Receiver
  section(): StatusSection
}

export async function startReceivers(
  parts: Base & {
    connect: Connect
    directory: Directory
    vault: Vault
    store: Store
    catalogues: Catalogues
    /** Puts a device at the head of the queue. */
    pollNow: (device: string) => void
  },
): Promise<Receivers> {
  const { config, log, life, refusals, connect, directory, vault, catalogues, pollNow } = parts
  const { site } = config
  const bus = connect({
    username: 'receivers',
    publish: [`pollux/${site}/devices/+/events`],
    subscribe: [`pollux/${site}/acks/+`],
  })
  life.started('receivers bus', () => bus.close())
  const dir = path.join(config.dataDir, 'spool', 'receivers')
  const sender = await createSender({ bus, site, dir, log })
  life.started('receivers spool', () => sender.close())
  const rowOf = rowFinder(parts.store)
  const mayPoll = pollLimit()

  const tell = (device: string, event: EventBody) => {
    try {
      sender.send(eventTopic(site, device), Buffer.from(JSON.stringify(event)))
    } catch (error) {
      log.error({ device, error: messageOf(error) }, 'an event was not sent')
    }
  }
  const onTold = async ({ device, others, event, row, poll }: Told): Promise<void> => {
    for (const one of [device, ...others]) if (poll && mayPoll(one)) pollNow(one)
    for (const one of others) tell(one, event)
    const uid = row ? directory.get(device)?.uid : undefined
    const key = row && uid !== undefined ? await rowOf(uid, row.table, row.index) : null
    tell(device, row && key !== null ? { ...event, group: row.table, row: key } : event)
  }

  let keeping = Promise.resolve()
  /** One after the other: the last one stays. */
  const keep = (clocks: readonly KeptClock[]) => {
    keeping = keeping
      .then(() => parts.store.settings.put(CLOCKS_SETTING, JSON.stringify(clocks)))
      .catch(error => log.warn({ error: messageOf(error) }, 'clocks of engines were not kept'))
  }

  /** Waiting for their rows: the spool must not close before. */
  const underWay = new Set<Promise<void>>()
  const receiver = createReceiver({
    places: {
      trap: placesOf(config.trapListen, config, [162, 10_162]),
      syslog: placesOf(config.syslogListen, config, [514, 10_514]),
    },
    relays: config.eventRelays,
    engine: await ownEngine(parts.store),
    clocks: readClocks(await parts.store.settings.get(CLOCKS_SETTING)),
    onClocks: keep,
    onTold: told => {
      const telling = onTold(told).finally(() => underWay.delete(telling))
      underWay.add(telling)
    },
    onAside: ({ reason, sender: from, detail, payload, count }) =>
      refusals.note(reason, { sender: from, detail, ...(payload && { payload }) }, count),
    log,
  })
  life.started('receivers', async () => {
    await receiver.close()
    await Promise.allSettled(underWay)
    await keeping
  })
  receiver.notifications([...notificationsOf(catalogues.watch.catalogue).values()])
  catalogues.onChange(catalogue => receiver.notifications([...notificationsOf(catalogue).values()]))
  const senders = followSenders({ directory, vault, give: receiver.senders, log })
  life.started('senders of events', () => senders.close())
  void senders.refresh()
  return { sender, receiver, section: () => sectionOf(config, receiver) }
}

function placesOf(
  setting: Config['trapListen'],
  { host }: Config,
  ports: readonly number[],
): ListenAddress[] {
  if (setting === null) return []
  return setting === 'auto' ? ports.map(port => ({ host, port })) : [setting]
}

/** snmpEngineID stays, snmpEngineBoots goes up with each start (RFC 3414, section 2.2.2). */
async function ownEngine({ settings }: Store) {
  const [hex = '', count = '0'] = (await settings.get(ENGINE_SETTING))?.split(' ') ?? []
  const isKnown = /^[0-9a-f]{26}$/.test(hex)
  const id = isKnown ? Buffer.from(hex, 'hex') : Buffer.concat([ENGINE_ID_HEAD, randomBytes(8)])
  const boots = (isKnown ? Number(count) || 0 : 0) + 1
  await settings.put(ENGINE_SETTING, `${id.toString('hex')} ${boots}`)
  return {
    id: Uint8Array.from(id),
    boots,
    startedAt: Number(process.hrtime.bigint() / 1_000_000n),
  }
}

function pollLimit(): (device: string) => boolean {
  const last = new Map<string, number>()
  let second = 0
  let inSecond = 0
  return device => {
    const now = performance.now()
    const current = Math.floor(now / 1000)
    if (current !== second) inSecond = 0
    second = current
    if (now - (last.get(device) ?? -pollAgainMs) < pollAgainMs) return false
    if (inSecond >= pollsPerSecondMax) return false
    last.set(device, now)
    inSecond++
    return true
  }
}

/** The key of a row by its index, as the store knows the rows of the table; null: there is none. */
function rowFinder({ samples }: Store) {
  type Keys = Promise<ReadonlyMap<string, string>>
  const lists = new Map<string, { until: number; keys: Keys }>()
  const read = async (uid: number, table: string) => {
    const rows = await samples.rows(uid, table).catch(() => [])
    return new Map(rows.map(({ index, key }) => [index, key]))
  }
  return async (uid: number, table: string, index: string): Promise<string | null> => {
    const name = `${uid} ${table}`
    const known = lists.get(name)
    const isGood = known !== undefined && Date.now() < known.until
    const list = isGood ? known : { until: Date.now() + rowListMs, keys: read(uid, table) }
    if (!isGood) {
      lists.delete(name)
      const [oldest] = lists.keys()
      if (lists.size >= rowListsMax && oldest !== undefined) lists.delete(oldest)
      lists.set(name, list)
    }
    const key = (await list.keys).get(index) ?? null
    if (key === null) list.until = Math.min(list.until, Date.now() + missedMs)
    return key
  }
}

const count = (value: number): string => value.toLocaleString('en')

function sectionOf(config: Config, receiver: Receiver): StatusSection {
  const stats = receiver.stats()
  const place = (protocol: 'trap' | 'syslog') => {
    const isOff = (protocol === 'trap' ? config.trapListen : config.syslogListen) === null
    if (isOff) return 'off'
    const { address, problem } = receiver.listening(protocol) ?? { address: null, problem: null }
    const where = address ? `${address.host}, port ${address.port}` : 'not listening'
    return problem === null ? where : `${where}: ${problem}`
  }
  const { received, told, summed, waiting, setAside, discovery, kernelDrops, cut } = stats
  return {
    title: 'Traps and syslog',
    rows: [
      { name: 'SNMP traps and informs', value: place('trap'), meaning: 'POLLUX_TRAP_LISTEN' },
      { name: 'Syslog', value: place('syslog'), meaning: 'POLLUX_SYSLOG_LISTEN' },
      {
        name: 'Received',
        value: `${count(received.trap)} notifications, ${count(received.syslog)} lines${kernelDrops ? `; ${count(kernelDrops)} more dropped by the system unread` : ''}`,
        meaning: 'since the receivers started',
      },
      {
        name: 'Became events',
        value: `${count(told)} one by one, ${count(summed)} in sums, ${count(waiting)} to be summed within the minute`,
        meaning: `what is alike within a minute is one event with a count`,
      },
      {
        name: 'Not taken',
        value: `${count(setAside)} set aside, ${count(discovery)} informs asked for our engine or came twice${cut ? `, ${count(cut)} octets of long lines` : ''}`,
        meaning: 'the reasons are under Ingest',
      },
    ],
  }
}

export function observeReceivers(registry: Registry, { receiver }: Receivers): void {
  gauge(
    registry,
    'pollux_received_messages',
    'Traps, informs and lines of syslog by what became of them',
    () => {
      const { received, told, summed, waiting, setAside, discovery, kernelDrops } = receiver.stats()
      const states = {
        ...{ traps: received.trap, syslog: received.syslog, told, summed, waiting },
        ...{ set_aside: setAside, discovery, kernel_dropped: kernelDrops ?? 0 },
      }
      return Object.entries(states).map(([state, value]) => ({ labels: { state }, value }))
    },
    ['state'],
  )
}
