// One line of syslog, as RFC 5424 or RFC 3164 write it. What fits neither is its text, with the
// priority that RFC 3164 (section 4.3.3) gives it. Pure, linear, and never throws; texts come out
// harmless.

import type { Severity } from '../model/event.ts'
import { cleanLine } from '../model/text.ts'

/** RFC 5424, section 6: parameters of structured data that are kept. */
const paramsMax = 24
const paramCharsMax = 200
const textCharsMax = 900
/** user.notice: what a line without a priority is (RFC 3164, section 4.3.3). */
const priorityUsual = 13

const FACILITIES =
  'kern user mail daemon auth syslog lpr news uucp cron authpriv ftp ntp audit alert clock local0 local1 local2 local3 local4 local5 local6 local7'.split(
    ' ',
  )
const SEVERITY_NAMES = ['emerg', 'alert', 'crit', 'err', 'warning', 'notice', 'info', 'debug']
const SEVERITIES_OF: readonly Severity[] = [
  ...(['critical', 'critical', 'critical', 'warning', 'warning', 'info', 'info', 'info'] as const),
]

export interface SyslogLine {
  facility: string
  level: string
  severity: Severity
  /** As the device wrote it: its clock and zone are its own. */
  time: string
  host: string
  app: string
  process: string
  message: string
  /** `exampleSDID@32473.iut` → text. */
  data: Record<string, string>
  text: string
}

/** @param bytes one line without its end; invalid UTF-8 becomes U+FFFD */
export function readSyslogLine(bytes: Uint8Array): SyslogLine {
  const line = new TextDecoder('utf-8').decode(bytes)
  const [head = '', digits = ''] = /^<([0-9]{1,3})>/.exec(line) ?? []
  const given = Number(digits)
  const isPriority = head !== '' && given <= 191
  const priority = isPriority ? given : priorityUsual
  const rest = isPriority ? line.slice(head.length) : line
  const parts = (isPriority && /^[1-9][0-9]{0,2} /.test(rest) && rfc5424(rest)) || rfc3164(rest)
  return {
    facility: FACILITIES[priority >> 3] ?? 'user',
    level: SEVERITY_NAMES[priority & 7] ?? 'notice',
    severity: SEVERITIES_OF[priority & 7] ?? 'info',
    time: cleanLine(parts.time, 40),
    host: cleanLine(parts.host, 255),
    app: cleanLine(parts.app, 48),
    process: cleanLine(parts.process, 128),
    message: cleanLine(parts.message, 32),
    data: parts.data,
    text: cleanLine(parts.text, textCharsMax),
  }
}

type Parts = Pick<SyslogLine, 'time' | 'host' | 'app' | 'process' | 'message' | 'data' | 'text'>

const dashless = (text: string): string => (text === '-' ? '' : text)

/** `1 TIME HOST APP PROCID MSGID DATA TEXT`; null where it is not that. */
function rfc5424(line: string): Parts | null {
  const fields: string[] = []
  let at = line.indexOf(' ') + 1
  while (fields.length < 5) {
    const end = line.indexOf(' ', at)
    if (end <= at) return null
    fields.push(line.slice(at, end))
    at = end + 1
  }
  const [time = '', host = '', app = '', process = '', message = ''] = fields.map(dashless)
  const found = structuredData(line, at)
  if (found === null || (found.end < line.length && line[found.end] !== ' ')) return null
  const text = line.slice(found.end + 1).replace(/^\ufeff/, '')
  return { ...{ time, host, app, process, message, text }, data: found.data }
}

function structuredData(
  line: string,
  from: number,
): { data: Record<string, string>; end: number } | null {
  const data: Record<string, string> = Object.create(null)
  if (line[from] === '-') return { data, end: from + 1 }
  let at = from
  while (line[at] === '[') {
    const id = /[^\s\]="]{1,64}/y
    id.lastIndex = at + 1
    const name = id.exec(line)?.[0]
    if (name === undefined) return null
    at = id.lastIndex
    // A name, and a text in which \ stands before " \ and ] (section 6.3.3).
    const param = / ([^\s\]="]{1,64})="((?:[^"\\\]]|\\.)*)"/sy
    for (;;) {
      param.lastIndex = at
      const found = param.exec(line)
      if (!found) break
      at = param.lastIndex
      const value = (found[2] ?? '').replaceAll(/\\(["\\\]])/g, '$1')
      if (Object.keys(data).length < paramsMax) {
        data[cleanLine(`${name}.${found[1]}`, 128)] = cleanLine(value, paramCharsMax)
      }
    }
    if (line[at] !== ']') return null
    at++
  }
  return at === from ? null : { data, end: at }
}

const RFC3164 = /^([A-Z][a-z]{2} [ 0-9][0-9] [0-9]{2}:[0-9]{2}:[0-9]{2}) /
/** Cisco's and others': a number before, a year, fractions, a colon behind. */
const LIKE_3164 =
  /^(?:[0-9]{1,10}: )?[*.]?((?:[0-9]{4} )?[A-Z][a-z]{2} {1,2}[0-9]{1,2} (?:[0-9]{4} )?[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?(?: [A-Z]{2,5})?): /
const ISO = /^([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,18}(?:Z|[+-][0-9]{2}:[0-9]{2})) /
const TAG = /^([\w./-]{1,48})(?:\[([^\]\s]{1,32})\])?: ?/

/** `Mmm dd hh:mm:ss HOST TAG[PID]: TEXT`, of which any part may be missing. */
function rfc3164(line: string): Parts {
  const stamped = RFC3164.exec(line) ?? ISO.exec(line)
  const other = stamped ? null : LIKE_3164.exec(line)
  const time = stamped?.[1] ?? other?.[1] ?? ''
  let rest = line.slice((stamped ?? other)?.[0].length ?? 0)
  let host = ''
  // A host stands only behind a stamp, and has no colon at its end: that would be the tag.
  const named = stamped ? /^([\w.:-]{0,254}\w) /.exec(rest) : null
  if (named) {
    host = named[1] ?? ''
    rest = rest.slice(named[0].length)
  }
  const tag = TAG.exec(rest)
  const text = tag ? rest.slice(tag[0].length) : rest
  const [app = '', process = ''] = [tag?.[1], tag?.[2]]
  return { time, host, app, process, message: '', data: {}, text }
}
