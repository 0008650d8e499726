// Sends what is due in the outbox: claimed, delivered within a time, settled. A passing fault is tried
// again with growing pauses, a permanent one is not. A message that was sent and could not be settled is
// settled as soon as the database is back.

import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from '../../log.ts'
import { AppError, messageOf } from '../../model/errors.ts'
import type { Notice } from '../../model/notice.ts'
import type { NoticeStore, Outcome, StoredNotice } from '../../store/notices.ts'
import type { ChannelKind, Tools } from './channel.ts'
import { RetryLater } from './outward.ts'

/** Sent at once. */
const sendingMax = 8
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
  /** Sends what is due; gives how many were claimed. */
  run(signal: AbortSignal): Promise<number>
}

export function createCourier(parts: CourierParts): Courier {
  const { notices, log, holder, clock = Date.now } = parts
  return {
    async run(signal) {
      const now = clock()
      const mine = await notices.claim(holder, now, now + claimMs, sendingMax)
      const free = await withinLimits(parts, mine, now)
      await Promise.all(
        mine.map(async notice => {
          if (!free.has(notice)) return notices.hold(notice.id, holder)
          const outcome = await deliver(parts, notice, signal, clock)
          await settle(parts, notice, outcome, signal, clock)
          const { id, channel } = notice
          const { state, said } = outcome
          if (state !== 'sent') log.warn({ notice: id, channel, state, said }, 'not delivered')
        }),
      )
      return mine.length
    },
  }
}

/** Those that may be sent now: one after another, as what goes at once counts too. */
async function withinLimits(
  { notices, perHour }: CourierParts,
  mine: readonly StoredNotice[],
  now: number,
): Promise<Set<StoredNotice>> {
  const free = new Set<StoredNotice>()
  const going = new Map<string, number>()
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
