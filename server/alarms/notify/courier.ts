// Sends what is due in the outbox: claimed, delivered within a time, settled. Each channel has a lane of
// its own, so that one that hangs keeps back neither the others nor the planning. A passing fault is
// tried again with growing pauses, a permanent one is not. A message that was sent and could not be
// settled is settled as soon as the database is back.

import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from '../../log.ts'
import { AppError, messageOf } from '../../model/errors.ts'
import type { Notice } from '../../model/notice.ts'
import type { NoticeStore, Outcome, StoredNotice } from '../../store/notice-contract.ts'
import type { ChannelKind, Tools } from './channel.ts'
import { RetryLater } from './outward.ts'

/** Sent at once, in all and of one channel. */
const sendingMax = 32
const laneMax = 4
/** One delivery with all its steps, ms. */
const deliveryMsMax = 60_000
/** A claim outlives a delivery and a database that is away for a moment; a dead node's ends by it. */
const claimMs = 5 * 60_000
const firstPauseMs = 10_000
const pauseMsMax = 15 * 60_000
/** A message is given up after this. */
const ageMsMax = 24 * 3_600_000
const settleAgainMs = 2000

export interface OpenChannel {
  kind: ChannelKind
  /** With its secrets. */
  config: unknown
  enabled: boolean
}

export interface CourierParts {
  notices: NoticeStore
  /** Null: it was deleted. @throws AppError where its secrets cannot be opened */
  channel(id: string): Promise<OpenChannel | null>
  /** Messages an hour that a route may send; null: it was deleted. */
  perHour(route: string): Promise<number | null>
  tools: Tools
  site: string
  publicUrl: string | null
  /** Names this process. */
  holder: string
  log: Logger
  clock?: () => number
}

export interface Courier {
  /** Begins to send what is due and has room in its lane; gives how many were claimed. */
  begin(signal: AbortSignal): Promise<number>
  /** When nothing is on its way any more. */
  idle(): Promise<void>
  /** Both, one after the other. */
  run(signal: AbortSignal): Promise<number>
}

/** @param parts.onDone called when a message left its lane: there is room again */
export function createCourier(parts: CourierParts & { onDone?: () => void }): Courier {
  const { notices, log, holder, clock = Date.now, onDone = () => {} } = parts
  const going = new Map<StoredNotice, Promise<void>>()
  /** The database went away while messages were claimed: nobody would send them before that ends. */
  let isTorn = false

  const lanes = () => {
    const busy = new Map<string, number>()
    for (const { channel } of going.keys()) busy.set(channel, (busy.get(channel) ?? 0) + 1)
    return { max: laneMax, busy }
  }
  const sendOne = async (notice: StoredNotice, signal: AbortSignal) => {
    const outcome = await deliver(parts, notice, signal, clock)
    await settle(parts, notice, outcome, signal, clock)
    const { id, channel } = notice
    const { state, said } = outcome
    if (state !== 'sent') log.warn({ notice: id, channel, state, said }, 'not delivered')
  }
  const start = (notice: StoredNotice, signal: AbortSignal) => {
    const done = sendOne(notice, signal)
      .catch(error => log.warn({ notice: notice.id, error: messageOf(error) }, 'ended midway'))
      .then(() => {
        going.delete(notice)
        onDone()
      })
    going.set(notice, done)
  }
  const claim = async (now: number) => {
    if (isTorn) {
      const ids = [...going.keys()].map(({ id }) => id)
      await notices.unclaim(holder, ids)
    }
    isTorn = true
    const room = sendingMax - going.size
    const mine = await notices.claim(holder, now, now + claimMs, room, lanes())
    const free = await withinLimits(parts, mine, [...going.keys()], now)
    for (const notice of mine) if (!free.has(notice)) await notices.hold(notice.id, holder)
    isTorn = false
    return { mine, free }
  }
  const begin = async (signal: AbortSignal) => {
    if (going.size >= sendingMax) return 0
    const { mine, free } = await claim(clock())
    for (const notice of free) start(notice, signal)
    return mine.length
  }
  const idle = async () => {
    while (going.size > 0) await Promise.all(going.values())
  }

  return {
    begin,
    idle,
    async run(signal) {
      const claimed = await begin(signal)
      await idle()
      return claimed
    },
  }
}

/** Those that may be sent now: one after another, as what is on its way counts too. */
async function withinLimits(
  { notices, perHour }: CourierParts,
  mine: readonly StoredNotice[],
  onTheWay: readonly StoredNotice[],
  now: number,
): Promise<Set<StoredNotice>> {
  const free = new Set<StoredNotice>()
  const going = new Map<string, number>()
  for (const { route, channel } of onTheWay) {
    const key = `${route} ${channel}`
    going.set(key, (going.get(key) ?? 0) + 1)
  }
  for (const notice of mine) {
    const { route, channel, kind } = notice
    const isLimited = route !== '' && kind !== 'summary'
    const limit = isLimited ? await perHour(route) : null
    const key = `${route} ${channel}`
    const before = going.get(key) ?? 0
    if (limit !== null && (await notices.sentLately(route, channel, now)) + before >= limit)
      continue
    going.set(key, before + 1)
    free.add(notice)
  }
  return free
}

async function deliver(
  parts: CourierParts,
  notice: StoredNotice,
  signal: AbortSignal,
  clock: () => number,
): Promise<Outcome> {
  const pauseMs = Math.min(pauseMsMax, firstPauseMs * 2 ** Math.min(notice.tries, 20))
  try {
    const channel = await parts.channel(notice.channel)
    if (channel === null) return { state: 'failed', said: 'the channel was deleted' }
    if (!channel.enabled) return { state: 'failed', said: 'the channel is switched off' }
    const within = AbortSignal.any([signal, AbortSignal.timeout(deliveryMsMax)])
    const { kind, config } = channel
    const { receipt, left = [] } = await kind.send(
      config,
      messageOfNotice(parts, notice),
      parts.tools,
      notice.left,
      within,
    )
    if (left.length === 0) return { state: 'sent', said: receipt }
    return again(notice, receipt, clock(), pauseMs, left)
  } catch (error) {
    const said = `${messageOf(error)}${error instanceof AppError && error.hint ? ` (${error.hint})` : ''}`
    const isPassing = !(error instanceof AppError) || error.passing
    if (!isPassing) return { state: 'failed', said }
    const asked = error instanceof RetryLater ? error.retryAfterMs : null
    return again(notice, said, clock(), asked ?? pauseMs, notice.left)
  }
}

function again(
  { tries, createdAt }: StoredNotice,
  said: string,
  now: number,
  pauseMs: number,
  left: readonly string[] | null,
): Outcome {
  if (now - createdAt > ageMsMax) {
    return { state: 'failed', said: `given up after ${tries + 1} tries: ${said}` }
  }
  return { state: 'waiting', said, dueAt: now + pauseMs, left }
}

function messageOfNotice({ site, publicUrl }: CourierParts, notice: StoredNotice): Notice {
  return { ...notice.body, site, id: notice.id, kind: notice.kind, url: publicUrl }
}

/** What was sent must not be sent again because the database was away: it is told until it hears. */
async function settle(
  { notices, holder, log }: CourierParts,
  { id }: StoredNotice,
  outcome: Outcome,
  signal: AbortSignal,
  clock: () => number,
): Promise<void> {
  for (;;) {
    try {
      return await notices.settle(id, holder, outcome, clock())
    } catch (error) {
      log.warn({ notice: id, error: messageOf(error) }, 'what became of a message is stored later')
      await sleep(settleAgainMs, undefined, { signal })
    }
  }
}
