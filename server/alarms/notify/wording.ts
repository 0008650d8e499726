// What a message says: one subject, and a line for each item. Plain text; a channel escapes it for its
// own markup.

import type { Severity } from '../../model/event.ts'
import type { Notice, NoticeItem, NoticeKind } from '../../model/notice.ts'
import { cleanText } from '../../model/text.ts'

/** Items that are written out in a text; a phone shows no more. */
export const linesMax = 20
const subjectMax = 160

const OPENING: Record<NoticeKind, string> = {
  raised: '',
  worse: 'worse: ',
  recovered: 'recovered: ',
  escalated: 'nobody took it on: ',
  reminder: 'still: ',
  summary: 'held back: ',
  test: 'test: ',
}

/** `critical: sw-1: 48 alarms` or `warning: sw-1: Load above 90 %`. */
export function subjectOf(notice: Notice): string {
  const { items, more, kind } = notice
  const [first] = items
  if (kind === 'test') return 'Pollux: a test of this channel'
  if (!first) return 'Pollux'
  const count = items.length + more
  const devices = new Set(items.map(({ deviceName }) => deviceName))
  const where = devices.size === 1 ? first.deviceName : `${devices.size} devices`
  const what = count === 1 ? first.text : `${count} alarms`
  const worst = kind === 'recovered' ? '' : `${worstOf(items)}: `
  return cleanText(`${OPENING[kind]}${worst}${saidOf(where, what)}`, subjectMax)
}

/** A text that begins with its place says it already. */
const saidOf = (where: string, text: string): string =>
  text.startsWith(where) ? text : `${where}: ${text}`

export function worstOf(items: readonly NoticeItem[]): Severity {
  if (items.some(({ severity }) => severity === 'critical')) return 'critical'
  return items.some(({ severity }) => severity === 'warning') ? 'warning' : 'info'
}

export interface Line {
  /** `critical`, or `recovered` of what is over. */
  state: string
  /** What and where. */
  text: string
  /** Value, limit, since when. */
  detail: string
  url: string | null
  runbook: string | null
}

/** A line an item, at most `linesMax`, and how many are left out. */
export function linesOf(notice: Notice): { lines: Line[]; left: number } {
  const lines = notice.items.slice(0, linesMax).map(item => lineOf(item, notice.url))
  return { lines, left: notice.items.length - lines.length + notice.more }
}

function lineOf(item: NoticeItem, base: string | null): Line {
  const where = item.row === null ? item.deviceName : `${item.deviceName} ${item.row}`
  const value = item.value === '' ? '' : `${item.value}${item.limit && ` (limit ${item.limit})`}`
  const since = `since ${timeText(item.since)}`
  const over = item.kind === 'recovered' ? `over at ${timeText(item.at)}` : ''
  return {
    state: item.kind === 'recovered' ? 'recovered' : item.severity,
    text: cleanText(saidOf(where, item.text), 300),
    detail: [value, since, over].filter(Boolean).join(', '),
    url: base === null ? null : new URL(`/alarms/${encodeURIComponent(item.alarm)}`, base).href,
    runbook: item.runbook,
  }
}

/** `2026-11-22 03:04 UTC`: a message is read anywhere. */
export function timeText(at: number): string {
  return `${new Date(at).toISOString().slice(0, 16).replace('T', ' ')} UTC`
}

/** The whole message as plain text. */
export function plainOf(notice: Notice): string {
  if (notice.kind === 'test') return `${subjectOf(notice)}\n\nThis channel works.\n`
  const { lines, left } = linesOf(notice)
  const parts = lines.map(({ state, text, detail, url, runbook }) =>
    [`[${state}] ${text}`, `  ${detail}`, runbook && `  ${runbook}`, url && `  ${url}`]
      .filter(Boolean)
      .join('\n'),
  )
  if (left > 0) parts.push(`and ${left} more`)
  return `${parts.join('\n\n')}\n\nPollux, site ${notice.site}\n`
}
