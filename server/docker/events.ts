// The engine's stream of events (GET /events) as events of containers that matter here. Lines that
// are no event are counted and passed over. Podman's compatible socket sends nearly the same.

import { checker, parseJson } from '../validate.ts'
import { type LineCounters, linesOf } from './lines.ts'
import { EventLine } from './schema.ts'

/** Actions of which something is told (Engine API, "Monitor events"); all others are passed over. */
export const ACTIONS = [
  'create',
  'start',
  'die',
  'oom',
  'pause',
  'unpause',
  'rename',
  'health_status',
  'destroy',
] as const
export type Action = (typeof ACTIONS)[number]
const KNOWN: ReadonlySet<string> = new Set(ACTIONS)
/** Podman's own word for it. */
const ALIASES: Readonly<Record<string, Action>> = { remove: 'destroy' }

export interface ContainerEvent {
  action: Action
  /** As the engine sent them: not cleaned. */
  id: string
  name: string
  image: string
  /** Of `rename`. */
  oldName: string | null
  /** Of `die`. */
  exitCode: number | null
  /** Of `health_status`: `healthy` or `unhealthy`. */
  health: string | null
  /** Unix ms by the engine's clock. */
  atMs: number
  /** As `since` takes it (seconds, dot, nanoseconds): a little before, as `timeNano` is not exact. */
  since: string
}

/** Numbers of 2^60 in JSON are good to 256. */
const inexactNs = 1000

const checkLine = checker(EventLine, { firstOnly: true })

export async function* eventsOf(
  chunks: AsyncIterable<Buffer>,
  counters: LineCounters,
): AsyncGenerator<ContainerEvent> {
  for await (const line of linesOf(chunks, counters)) {
    const checked = checkLine(parseJson(line))
    if (!checked.ok) counters.dropped++
    const event = checked.ok ? containerEvent(checked.value) : null
    if (event) yield event
  }
}

/** Null: of a network, an image, an exec of a health check, or without a container's id. */
export function containerEvent(line: EventLine): ContainerEvent | null {
  if (line.Type && line.Type !== 'container') return null
  // Of health_status the result follows in the action itself: "health_status: healthy".
  const [word = '', detail = ''] = (line.Action ?? '').split(/:\s*/, 2)
  const action = ALIASES[word] ?? word
  const attributes = line.Actor?.Attributes ?? {}
  const id = line.Actor?.ID ?? ''
  if (!isAction(action) || id === '') return null
  return {
    action,
    id,
    name: (attributes.name ?? '').replace(/^\//, '') || id.slice(0, 12),
    image: attributes.image ?? '',
    oldName: attributes.oldName?.replace(/^\//, '') || null,
    exitCode: wholeNumber(attributes.exitCode ?? attributes.containerExitCode),
    health: detail || attributes.health_status || null,
    ...timeOf(line),
  }
}

function isAction(text: string): text is Action {
  return KNOWN.has(text)
}

function wholeNumber(text: string | undefined): number | null {
  return text !== undefined && /^-?[0-9]{1,9}$/.test(text) ? Number(text) : null
}

function timeOf({ time, timeNano }: EventLine): { atMs: number; since: string } {
  const seconds = Math.floor(time ?? (timeNano ?? 0) / 1e9)
  const nanos = Math.min(999_999_999, Math.max(0, Math.round((timeNano ?? 0) - seconds * 1e9)))
  return {
    atMs: seconds * 1000 + Math.round(nanos / 1e6),
    since: `${seconds}.${String(Math.max(0, nanos - inexactNs)).padStart(9, '0')}`,
  }
}
