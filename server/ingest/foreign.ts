// The role that listens to senders with words of their own: it subscribes to the topics of every
// device of kind `mqtt`, has their messages mapped, and hands the collections on to the sender, so
// that they go the way of all samples. Bounded in messages a second; what came to nothing is counted.

import type { Bus, BusMessage } from '../bus/contract.ts'
import { filterCovers } from '../bus/topics.ts'
import { createMessageDevice, identifyMessages, type MessageDevice } from '../collectors/mqtt.ts'
import type { Heard, SetAsideReason } from '../collectors/mqtt-group.ts'
import type { Logger } from '../log.ts'
import type { Receipt } from '../model/collection.ts'
import type { Device } from '../model/device.ts'
import { messageOf } from '../model/errors.ts'
import type { Catalogue } from '../profiles/catalogue.ts'
import { Payload } from '../sensors/payload.ts'
import { TopicTree } from '../sensors/topictree.ts'

/** Messages a second: of one topic of a device, of one device, of all. Telegraf comes in bursts. */
const perTopicMax = 1000
const perDeviceMax = 2000
const perSecondMax = 10_000
/** Of each second, what mapping may take from everything else in this process, ms. */
const busyMsMax = 400
/** Topics that are counted apart in one second. */
const topicsCountedMax = 20_000
/** Messages are gathered for so long, ms: what one burst tells is one collection. */
const gatherMs = 500

export interface ForeignOptions {
  bus: Bus
  devices: { all(): readonly Device[]; onRefresh(listener: () => void): () => void }
  catalogue: () => Catalogue
  /** Hands on a collection or row names; `body` without the sender's numbers. */
  send: (device: string, channel: 'samples' | 'rows', group: string, body: object) => void
  onReceipt: (device: string, receipt: Receipt) => void
  /** A message that came to nothing, with its reason, for people to look at. */
  setAside?: (reason: string, topic: string, payload: Uint8Array) => void
  log: Logger
  now?: () => number
}

export interface ForeignStats {
  /** Messages of devices' topics; of these, those that a mapping took. */
  received: number
  mapped: number
  /** Collections that were made of them. */
  collections: number
  setAside: Readonly<Record<SetAsideReason, number>>
}

export interface Foreign {
  readonly stats: ForeignStats
  /** The profiles changed: mappings are chosen anew. */
  reload(): Promise<void>
  close(): Promise<void>
}

interface Listening {
  device: Device
  mapping: MessageDevice
  isGood: boolean
}

export async function startForeign(options: ForeignOptions): Promise<Foreign> {
  const { bus, devices, onReceipt, log, now = Date.now } = options
  const setAside = emptyCounts()
  const counts = { received: 0, mapped: 0, collections: 0 }
  const listening = new Map<string, Listening>()
  const subscriptions = new Map<string, () => Promise<void>>()
  let tree = new TopicTree<Listening>()
  let catalogueVersion = ''
  let second = 0
  const inSecond = {
    all: 0,
    busyMs: 0,
    devices: new Map<string, number>(),
    topics: new Map<string, number>(),
  }
  let isConnected = bus.connected
  let deafUntil = now()
  let work = Promise.resolve()
  let isClosed = false
  /** A message that fits several subscriptions comes once for each: the same object. */
  const heard = new WeakSet<BusMessage>()

  // ---- messages

  function note(reason: SetAsideReason, { topic, payload }: Heard): void {
    setAside[reason]++
    options.setAside?.(reason, topic, payload.bytes)
  }

  /** Whether this second has room for one more message of this topic and device. */
  function admit(device: string, topic: string, at: number): boolean {
    const current = Math.floor(at / 1000)
    if (current !== second) {
      second = current
      inSecond.all = 0
      inSecond.busyMs = 0
      inSecond.devices.clear()
      inSecond.topics.clear()
    }
    const ofDevice = inSecond.devices.get(device) ?? 0
    const ofTopic = inSecond.topics.get(topic) ?? 0
    if (inSecond.busyMs >= busyMsMax || inSecond.all >= perSecondMax) return false
    if (ofDevice >= perDeviceMax || ofTopic >= perTopicMax) {
      return false
    }
    inSecond.all++
    inSecond.devices.set(device, ofDevice + 1)
    if (ofTopic > 0 || inSecond.topics.size < topicsCountedMax) {
      inSecond.topics.set(topic, ofTopic + 1)
    }
    return true
  }

  function onMessage(given: BusMessage): void {
    const { topic, payload, retained } = given
    // Our own topics are no sensors; somebody's wide filter must not bring them round again.
    if (isClosed || topic.startsWith('pollux/') || heard.has(given)) return
    heard.add(given)
    const levels = topic.split('/')
    const at = now()
    const message: Heard = { topic, levels, payload: new Payload(payload), retained, at }
    const started = performance.now()
    for (const one of tree.match(levels)) {
      counts.received++
      if (!admit(one.device.config.id, topic, at)) note('rate', message)
      else if (one.mapping.hear(message)) counts.mapped++
    }
    inSecond.busyMs += performance.now() - started
  }

  // ---- collections

  function sendGiven(one: Listening, given: ReturnType<MessageDevice['flush']>, at: number): void {
    const { id } = one.device.config
    for (const { group, body } of given.rows) options.send(id, 'rows', group, body)
    for (const { group, body } of given.collections) {
      options.send(id, 'samples', group, body)
      counts.collections++
    }
    if (one.isGood || !given.collections.some(({ body }) => body.ok)) return
    one.isGood = true
    onReceipt(id, { stage: 'first-good', at, version: one.device.version })
  }

  function tick(): void {
    const at = now()
    const started = performance.now()
    if (bus.connected && !isConnected) deafUntil = at
    isConnected = bus.connected
    for (const one of listening.values()) {
      try {
        // Nothing is known of who could not be heard.
        if (isConnected) sendGiven(one, one.mapping.silences(at, deafUntil), at)
        sendGiven(one, one.mapping.flush(at), at)
      } catch (error) {
        log.error({ err: error, device: one.device.config.id }, 'messages could not be mapped')
      }
    }
    inSecond.busyMs += performance.now() - started
  }

  // ---- devices

  async function listen(device: Device): Promise<Listening> {
    const { config, version } = device
    const { identity, groups } = await identifyMessages(config, options.catalogue())
    const at = now()
    onReceipt(config.id, { stage: 'loaded', at, version })
    onReceipt(config.id, { stage: 'identified', at, version, identity })
    return {
      device,
      mapping: createMessageDevice({ config, groups, now: at, note }),
      isGood: false,
    }
  }

  async function follow(): Promise<void> {
    if (isClosed) return
    const { version } = options.catalogue()
    const isNew = version !== catalogueVersion
    catalogueVersion = version
    const wanted = devices.all().filter(({ config }) => config.kind === 'mqtt' && config.enabled)
    const ids = new Set(wanted.map(({ config }) => config.id))
    let isChanged = isNew
    for (const id of listening.keys()) {
      if (!ids.has(id)) isChanged = listening.delete(id) || isChanged
    }
    for (const device of wanted) {
      const known = listening.get(device.config.id)
      const isSame = known?.device.uid === device.uid && known.device.version === device.version
      if (isSame && !isNew) continue
      if (known) sendGiven(known, known.mapping.flush(now()), now())
      listening.set(device.config.id, await listen(device))
      isChanged = true
    }
    if (isChanged) await subscribe()
  }

  /** One subscription for each filter that no other covers: a broker may send a message for each. */
  async function subscribe(): Promise<void> {
    const next = new TopicTree<Listening>()
    const filters = new Set<string>()
    for (const one of listening.values()) {
      for (const filter of one.device.config.topics ?? []) {
        next.add(filter, one)
        filters.add(filter)
      }
    }
    tree = next
    const kept = widest([...filters])
    for (const filter of kept) {
      if (!subscriptions.has(filter)) {
        subscriptions.set(filter, await bus.subscribe(filter, onMessage))
      }
    }
    for (const [filter, stop] of subscriptions) {
      if (kept.has(filter)) continue
      subscriptions.delete(filter)
      await stop()
    }
  }

  const followSoon = (): Promise<void> => {
    work = work
      .then(follow)
      .catch(error => log.error({ err: messageOf(error) }, 'sensors are not followed'))
    return work
  }
  const unfollow = devices.onRefresh(() => void followSoon())
  await followSoon()
  const timer = setInterval(tick, gatherMs)

  return {
    get stats() {
      return { ...counts, setAside: { ...setAside } }
    },
    reload: followSoon,
    async close() {
      isClosed = true
      clearInterval(timer)
      unfollow()
      await work
      for (const one of listening.values()) sendGiven(one, one.mapping.flush(now()), now())
      await Promise.allSettled([...subscriptions.values()].map(stop => stop()))
    },
  }
}

function emptyCounts(): Record<SetAsideReason, number> {
  return {
    'too-large': 0,
    rate: 0,
    topic: 0,
    format: 0,
    empty: 0,
    decode: 0,
    rows: 0,
    row: 0,
    'device-clock': 0,
  }
}

/** The filters that no other one covers. */
function widest(filters: readonly string[]): Set<string> {
  return new Set(
    filters.filter(
      filter => !filters.some(other => other !== filter && filterCovers(other, filter)),
    ),
  )
}
