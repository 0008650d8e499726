// The log of a container on an open page: the last lines, then each as it comes. One for a session,
// bounded in lines and in time; that it was opened is in the audit log, what it says is nowhere.

import type { Eta } from 'eta'
import type { LogLine } from '../docker/logs.ts'
import type { Device } from '../model/device.ts'
import { AppError, messageOf } from '../model/errors.ts'
import type { Actor } from '../model/user.ts'
import { rowPath } from './charts.ts'
import { CONTAINER_GROUP } from './containers.ts'
import type { WebContext } from './context.ts'
import type { DeviceView } from './device-data.ts'
import type { LiveClient } from './live-client.ts'
import { partial } from './live-device.ts'
import { renderFragment } from './render.ts'
import { plainText } from './words.ts'

/** Lines to begin with. */
export const TAIL = 200
/** Lines that one page is given in all. */
const LINES_MAX = 5000
/** After so long a page has to be asked for the log again. */
const FOLLOW_MS_MAX = 15 * 60_000
/** Logs that are followed at once, over all sessions. */
const LOGS_MAX = 20
/** Lines are told together, so often. */
const GATHER_MS = 250
const LINE_MAX = 4000
/** Pages that read the last lines at once, over all sessions: each holds a call to an engine. */
const STILL_MAX = 5

/** How a log is reached: given by compose, which can open a device's secrets. */
export interface ContainerLogs {
  /** @throws AppError as openLog; E_KIND for a device that is no engine */
  open(
    device: Device,
    asked: { container: string; tail: number; follow: boolean; signal: AbortSignal },
  ): Promise<AsyncGenerator<LogLine[]>>
  /** That somebody opened it. Where this fails, nothing is shown. */
  record(by: Actor, device: string, container: string): Promise<void>
}

export interface LogTarget {
  logs: ContainerLogs
  device: Device
  /** Short id or name, for the engine. */
  container: string
  /** For people. */
  name: string
}

/** Where the log of a row is; empty: it has none. */
export function logHref(
  web: WebContext,
  { device, id }: Pick<DeviceView, 'device' | 'id'>,
  group: string,
  row: string,
): string {
  const isThere =
    web.containerLogs !== undefined && device.config.kind === 'docker' && group === CONTAINER_GROUP
  return isThere ? `${rowPath(id, group, row)}/log` : ''
}

export interface ShownLine extends Pick<LogLine, 'stream' | 'isCut'> {
  text: string
  time: string
}

export function shownLine({ stream, at, text, isCut }: LogLine): ShownLine {
  const time = at === null ? '' : new Date(at).toISOString()
  return { stream, isCut, time, text: plainText(text, LINE_MAX + 1) }
}

type Still = (target: LogTarget, by: Actor, timeoutMs: number) => Promise<ShownLine[]>

/** The last lines as they are now. It rejects with AppError E_LOGS_BUSY beyond its bound. */
export function createStill(): Still {
  let reading = 0
  return async (target, by, timeoutMs) => {
    if (reading >= STILL_MAX) {
      const hint = 'try again in a moment'
      throw new AppError('E_LOGS_BUSY', 'too many logs are read now', { hint, passing: true })
    }
    reading++
    try {
      return await lastLines(target, by, timeoutMs)
    } finally {
      reading--
    }
  }
}

async function lastLines(target: LogTarget, by: Actor, timeoutMs: number): Promise<ShownLine[]> {
  const signal = AbortSignal.timeout(timeoutMs)
  const asked = { container: target.container, tail: TAIL, follow: false, signal }
  const lines = await target.logs.open(target.device, asked)
  await target.logs.record(by, target.device.config.id, target.name)
  const found: ShownLine[] = []
  for await (const some of lines) {
    // An engine may send more than it was asked for.
    found.push(...some.slice(-TAIL).map(shownLine))
    found.splice(0, found.length - TAIL)
  }
  return found.slice(-TAIL)
}

export interface LogStreams {
  follow(target: LogTarget, client: LiveClient, by: Actor): Promise<void>
}

export function createLogStreams(web: WebContext, eta: Eta): LogStreams {
  /** Session → what ends its log. */
  const open = new Map<string, (why: string) => void>()
  return {
    async follow(target, client, by) {
      const { viewer } = client
      const key = viewer.sessionToken || viewer.name
      open.get(key)?.('The log was opened on another page.')
      const gone = new AbortController()
      let why = ''
      const stop = (because: string) => {
        why ||= because
        gone.abort()
      }
      const say = async (text: string) => {
        const html = await renderFragment(eta, viewer, 'container-log/_ended', { why: text })
        client.send(partial('#log-live', 'outerHTML', html))
        client.close()
      }
      if (open.size >= LOGS_MAX) return say('Too many logs are open; try again later.')
      const timer = setTimeout(() => stop('It was followed for 15 minutes.'), FOLLOW_MS_MAX)
      open.set(key, stop)
      client.onClose(() => gone.abort())
      try {
        const asked = { container: target.container, tail: TAIL, follow: true, signal: gone.signal }
        const lines = await target.logs.open(target.device, asked)
        await target.logs.record(by, target.device.config.id, target.name)
        const bound = await tell(lines, client, eta, gone.signal)
        await say(why || bound || 'The container has ended.')
      } catch (error) {
        if (!gone.signal.aborted) {
          web.log.warn({ cause: messageOf(error) }, 'a log could not be followed')
        }
        await say(why || `${messageOf(error)}.`)
      } finally {
        clearTimeout(timer)
        if (open.get(key) === stop) open.delete(key)
        gone.abort()
      }
    },
  }
}

/** @returns why it stopped before the log did */
async function tell(
  lines: AsyncGenerator<LogLine[]>,
  client: LiveClient,
  eta: Eta,
  signal: AbortSignal,
): Promise<string | null> {
  let left = LINES_MAX
  // A page that comes back begins anew; so nothing is there twice.
  client.send(partial('#log', 'innerHTML', ''))
  for await (const some of lines) {
    const shown = some.slice(0, left).map(shownLine)
    left -= shown.length
    const html = await renderFragment(eta, client.viewer, 'container-log/_lines', { lines: shown })
    client.send(partial('#log', 'beforeend', html))
    if (left <= 0) return `It was followed for ${LINES_MAX} lines.`
    if (signal.aborted) return null
    // The engine waits meanwhile: a log that floods is read as fast as a page can show it.
    await new Promise(resolve => setTimeout(resolve, GATHER_MS))
  }
  return null
}
