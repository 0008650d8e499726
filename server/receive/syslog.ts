// What becomes of a line of syslog: an event of the device that it came from or, by a relay that may
// say so, of the host that it names; else it is set aside.

import { EVENT_FIELDS_BYTES_MAX, type EventBody } from '../model/event.ts'
import type { Desk } from './desk.ts'
import type { Senders } from './senders.ts'
import { called, sharedEvent, sharersMax } from './sharers.ts'
import { lineBytesMax } from './syslog-frames.ts'
import { readSyslogLine, type SyslogLine } from './syslog-line.ts'

/** Left for what a sum adds. */
const fieldsBytesMax = EVENT_FIELDS_BYTES_MAX - 100

export function createSyslog({ desk, senders }: { desk: Desk; senders: Senders }) {
  return {
    /** @param cut octets of it that were left out before */
    line(bytes: Uint8Array, address: string, cut = 0) {
      desk.received('syslog')
      desk.cut(cut + Math.max(0, bytes.length - lineBytesMax))
      const isRelay = senders.isRelay(address)
      const own = senders.byAddress(address)
      if (own.length === 0 && !isRelay) {
        return desk.aside('syslog-sender', address, 'no device has this address', bytes)
      }
      if (!desk.mayRead(address, bytes.length)) return desk.unread('syslog', address, senders)
      const line = readSyslogLine(bytes.subarray(0, lineBytesMax))
      const named = isRelay && line.host !== '' ? namedBy(senders, line.host) : []
      // A relay has lines of its own too: they name no other device.
      const [sender, ...rest] = named.length > 0 ? named : called(own, line.host)
      if (!sender) {
        const detail = `by a relay, of "${line.host}": no device has this name or address`
        return desk.aside('syslog-sender', address, detail, bytes)
      }
      const event = sharedEvent(syslogEvent(line, Date.now()), 1 + rest.length)
      desk.tell(sender.device, 'syslog', sortOf(line, rest.length), {
        event,
        others: rest.slice(0, sharersMax - 1).map(({ device }) => device),
        ...{ row: null, poll: false },
      })
    },
  }
}

function namedBy(senders: Senders, host: string) {
  const byAddress = senders.byAddress(host)
  if (byAddress.length > 0) return byAddress
  const byName = senders.byName(host)
  return byName.length > 0 ? byName : senders.byName(host.split('.')[0] ?? '')
}

/** Alike are lines of one program that differ in numbers alone. */
function sortOf({ level, app, text }: SyslogLine, others: number): string {
  return `${level} ${others} ${app} ${text.replaceAll(/[0-9a-f]*[0-9][0-9a-f]*/gi, '#')}`
}

function syslogEvent(line: SyslogLine, at: number): EventBody {
  const { severity, app, text, process, message, time, host, facility, level, data } = line
  const said = { facility, level, app, process, message, host, time }
  const fields: Record<string, string> = {}
  let bytes = 0
  for (const [name, value] of [...Object.entries(said), ...Object.entries(data)]) {
    bytes += Buffer.byteLength(name) + Buffer.byteLength(value)
    if (value !== '' && bytes <= fieldsBytesMax) fields[name] = value
  }
  return {
    ...{ at, kind: 'syslog', severity },
    name: app.replaceAll(/[^A-Za-z0-9._:-]/g, '_').slice(0, 48) || 'syslog',
    text: `${app === '' ? '' : `${app}: `}${text || 'an empty line'}`,
    fields,
  }
}
