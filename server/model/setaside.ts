// What came and was not taken, for people to look at: counted by reason, with the last example of
// each. A closed list of reasons is its bound. It decides nothing.

import type { RefusalReason } from './accepted.ts'
import { cleanLine } from './text.ts'

/** Bytes of a payload that an example shows. */
const excerptBytesMax = 300
const topicCharsMax = 200
const senderCharsMax = 128
const detailCharsMax = 300

/** Reasons beside those of ingest, and for all of them what somebody can do about it. */
export const SET_ASIDE_REASONS = {
  topic: 'send to pollux/SITE/devices/DEVICE/samples/GROUP',
  'unknown-device': 'add the device, or stop the sender',
  'too-large': 'send it in parts: docs/mqtt.md',
  json: 'the payload must be one JSON document in UTF-8',
  schema: 'compare it with docs/mqtt.schema.json',
  shape: 'every metric needs one value for each row',
  number: 'numbers must be finite; no value is null, with a gap',
  'duplicate-row': 'each row of a collection needs a key of its own',
  'too-many': 'send fewer rows or metrics in one group',
  part: 'parts of one collection must agree with one another',
  'device-clock': 'set the clock of the sender: it is ahead of ours',
  'too-old': 'it is from before what is kept; set the clock of the sender',
  flood: 'the device tells too many events: look at its log',
  'store-error': 'see the log: the database took others and not this',
  'store-refused': 'see the text: the store took others and not this',
  /** At the embedded broker: anonymous, unknown, or a wrong password. */
  'sign-in': 'check user and password of the sender, or enrol its agent again',
  /** At the embedded broker: outside of what the account may do. */
  'not-allowed': 'an account reaches its own topics alone',
  /** At the embedded broker: above the limit of one packet; the connection was cut. */
  packet: 'send smaller messages',
  /** Messages of sensors and other senders with words of their own, as a mapping reads them. */
  'sensor-topic':
    'no group of the profile is for this topic: narrow the topic filter of the device',
  'sensor-format': 'the profile reads another form: choose another, or correct its "format"',
  'sensor-empty': 'nothing that the profile knows was in it: compare its paths with the message',
  'sensor-decode': 'a text came where the profile says number: name its words as states',
  'sensor-rows': 'too many rows: narrow the topic filter of the device',
  'sensor-row': 'its name cannot be one of a row: choose another label as the row',
  'sensor-rate': 'it sends too often: make the sender slower',
  'sensor-too-large': 'a sensor’s message is small: check what publishes there',
  'sensor-device-clock': 'set the clock of the sender, or let the profile take the time of arrival',
  /** At the receivers of traps and syslog. */
  'trap-sender': 'add the device by the address that it sends from, or resume it',
  'trap-credentials': 'set the device to send with the credentials that it has here',
  'trap-format': 'it is no SNMP notification: look at what sends to this port',
  'syslog-sender':
    'add the device by the address that it sends from, or allow its relay: POLLUX_EVENT_RELAYS',
  'syslog-stream': 'frames of a TCP stream are counted in octets, or end with a line end',
  'receive-rate': 'it sends more than is read in a second: make it quieter',
} as const satisfies Record<RefusalReason, string> & Record<string, string>

export type SetAsideReason = keyof typeof SET_ASIDE_REASONS

export function isSetAsideReason(text: string): text is SetAsideReason {
  return Object.hasOwn(SET_ASIDE_REASONS, text)
}

export interface SetAsideMessage {
  topic?: string
  /** Who sent it, where that is known: a user of the broker, or a `src`. */
  sender?: string | null
  payload?: Uint8Array
  /** What was wrong. */
  detail: string
}

export interface SetAsideEntry {
  reason: SetAsideReason
  /** Since the start. */
  count: number
  /** The last one: Unix ms, and texts that are safe to show. */
  at: number
  topic: string
  sender: string
  detail: string
  /** The payload's first bytes as text. */
  excerpt: string
}

/** Where whoever does not take a message tells it. */
export interface SetAside {
  /** @param times how many of them there were; the message is the last one */
  note(reason: SetAsideReason, message: SetAsideMessage, times?: number): void
}

export interface SetAsideRegister extends SetAside {
  /** Newest first. */
  list(): SetAsideEntry[]
}

interface Noted {
  count: number
  at: number
  last: SetAsideMessage
}

export function createSetAside(now: () => number = Date.now): SetAsideRegister {
  const noted = new Map<SetAsideReason, Noted>()
  return {
    note(reason, { topic, sender, payload, detail }, times = 1) {
      const last: SetAsideMessage = {
        topic: topic?.slice(0, topicCharsMax) ?? '',
        sender: sender?.slice(0, senderCharsMax) ?? '',
        // A copy: the rest of a large payload, or of the packet that it came in, is not kept.
        payload: new Uint8Array(payload?.subarray(0, excerptBytesMax) ?? []),
        detail: detail.slice(0, detailCharsMax),
      }
      noted.set(reason, { count: (noted.get(reason)?.count ?? 0) + times, at: now(), last })
    },
    list: () => [...noted].map(([reason, one]) => entryOf(reason, one)).sort((a, b) => b.at - a.at),
  }
}

/** Cleaned when somebody looks: a flood is noted often and looked at seldom. */
function entryOf(reason: SetAsideReason, { count, at, last }: Noted): SetAsideEntry {
  return {
    ...{ reason, count, at },
    topic: cleanLine(last.topic ?? '', topicCharsMax),
    sender: cleanLine(last.sender ?? '', senderCharsMax),
    detail: cleanLine(last.detail, detailCharsMax),
    excerpt: cleanLine(Buffer.from(last.payload ?? []).toString('utf8'), excerptBytesMax),
  }
}
