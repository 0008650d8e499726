// Judges a publisher against the MQTT contract: messages as the schema says, numbers without holes,
// sent again while unacknowledged, never after. It plays ingest: the caller hands it what came and
// publishes the acknowledgements that it gives back. Pure but for the clock that it is handed.

import { createHash } from 'node:crypto'
import { createRangeSet, type RangeSet } from '../bus/ranges.ts'
import { ackTopic, parseDeviceTopic } from '../bus/topics.ts'
import type { KnownDevice, SenderNumber } from '../model/accepted.ts'
import type { Ack } from '../model/collection.ts'
import { accept, acceptEvent, acceptRows } from './accept.ts'

/** What a sender may have on the way without an acknowledgement (DESIGN, rule 3). */
export const UNACKNOWLEDGED_MAX = 256
/** How long nothing is acknowledged, ms: a first resend is due after 10 s, later where a machine is busy. */
export const WITHHOLD_MS = 20_000
/** An acknowledgement and a resend may cross on their way, ms. */
const crossingMs = 2000
/** Messages remembered of one sender. */
const messagesMax = 20_000
const sendersMax = 100
/** Faults that are listed of one rule. */
const examplesMax = 3

export const RULES = {
  topic: 'topics are pollux/<site>/devices/<device>/samples|rows/<group> or …/<device>/events',
  schema: 'payloads fit the schema, with rows, values and gaps of one length',
  retained: 'samples and events are not retained, rows are',
  numbered: 'src, boot and seq come together, or not at all',
  whole: 'the numbers of a boot have no holes',
  same: 'a number that comes again has the same payload',
  resent: 'what is not acknowledged is sent again after 10 s',
  window: `at most ${UNACKNOWLEDGED_MAX} numbers are unacknowledged at a time`,
  ended: 'what was acknowledged is not sent again',
} as const
export type Rule = keyof typeof RULES

export interface RuleResult {
  rule: Rule
  text: string
  /** `unseen`: nothing came that the rule is about. */
  result: 'kept' | 'broken' | 'unseen'
  examples: string[]
}

export interface ConformanceMessage {
  topic: string
  payload: Buffer
  retained: boolean
}

export interface Conformance {
  message(message: ConformanceMessage, now: number): void
  /** Acknowledgements that are due; empty while they are withheld. */
  acks(now: number): { topic: string; ack: Ack }[]
  /** Topics of `rows` that a new subscriber must find retained. */
  readonly rowsTopics: ReadonlySet<string>
  /** What a new subscriber was given. */
  foundRetained(topics: ReadonlySet<string>): void
  report(now: number): { messages: number; senders: number; rules: RuleResult[] }
}

interface Sent {
  digest: string
  firstAt: number
  times: number
  ackedAt: number | null
}

interface Boot {
  src: string
  boot: string
  sent: Map<number, Sent>
  seen: RangeSet
}

/** @param site POLLUX_SITE of the installation that the publisher speaks to */
export function createConformance(site: string): Conformance {
  const seen = new Set<Rule>()
  const examples = new Map<Rule, string[]>()
  const boots = new Map<string, Boot>()
  const rowsTopics = new Set<string>()
  let firstAt: number | null = null
  let messages = 0

  const check = (rule: Rule, isKept: boolean, example: () => string) => {
    seen.add(rule)
    if (isKept) return
    const list = examples.get(rule) ?? []
    examples.set(rule, list)
    if (list.length < examplesMax) list.push(example())
  }

  const bootOf = ({ src, boot }: SenderNumber): Boot | null => {
    const key = `${src} ${boot}`
    const known = boots.get(key)
    if (known || boots.size >= sendersMax) return known ?? null
    const made = { src, boot, sent: new Map(), seen: createRangeSet() }
    boots.set(key, made)
    return made
  }

  const unacknowledged = ({ sent }: Boot) =>
    [...sent.values()].filter(one => one.ackedAt === null).length

  const count = (number: SenderNumber, topic: string, payload: Buffer, now: number) => {
    const boot = bootOf(number)
    if (boot === null || boot.sent.size >= messagesMax) return
    const digest = createHash('sha256').update(topic).update(payload).digest('hex')
    const before = boot.sent.get(number.seq)
    if (before === undefined) {
      boot.sent.set(number.seq, { digest, firstAt: now, times: 1, ackedAt: null })
      boot.seen.add(number.seq)
      const open = unacknowledged(boot)
      check('window', open <= UNACKNOWLEDGED_MAX, () => `${open} of ${number.src} are`)
      return
    }
    before.times++
    check('same', before.digest === digest, () => `${number.src} seq ${number.seq} came otherwise`)
    const { ackedAt } = before
    check('ended', ackedAt === null || now - ackedAt < crossingMs, () => {
      return `${number.src} seq ${number.seq}, ${now - (ackedAt ?? now)} ms after its acknowledgement`
    })
  }

  const isWithheld = (now: number) => firstAt === null || now - firstAt < WITHHOLD_MS

  const checkHoles = ({ src, seen }: Boot) => {
    const ranges = seen.ranges()
    const missing = ranges
      .slice(1)
      .map(([from], i) => `${src}: ${(ranges[i]?.[1] ?? 0) + 1} to ${from - 1}`)
    check('whole', missing.length === 0, () => missing.slice(0, 5).join(', '))
  }

  const checkResent = ({ src, sent }: Boot) => {
    for (const [seq, { firstAt: at, times, ackedAt }] of sent) {
      if ((ackedAt ?? at) - at < WITHHOLD_MS - 1000) continue
      check('resent', times > 1, () => `${src} seq ${seq} came once in ${(ackedAt ?? at) - at} ms`)
    }
  }

  return {
    rowsTopics,
    message({ topic, payload, retained }, now) {
      messages++
      firstAt ??= now
      const channel = parseDeviceTopic(topic)?.channel
      const isRows = channel === 'rows'
      // What was retained before this check began says nothing of the numbers.
      if (retained && isRows) return
      check('retained', !retained, () => `${topic} is retained`)
      const gate = isRows ? acceptRows : channel === 'events' ? acceptEvent : accept
      const read = gate(
        { topic, payload },
        { site, now, retentionMs: Number.POSITIVE_INFINITY, devices: { get: anyDevice } },
      )
      check('topic', read.refused !== 'topic', () => topic.slice(0, 200))
      if (read.refused === 'topic') return
      const fault = read.refused === null ? null : read.detail
      check('schema', fault === null, () => `${topic}: ${fault}`)
      if (isRows) rowsTopics.add(topic)
      const { number } = read
      check(
        'numbered',
        number !== null || !/"(src|boot|seq)":/.test(payload.toString('utf8', 0, 512)),
        () => {
          return `${topic} has some of src, boot and seq, or wrong ones`
        },
      )
      if (number !== null) count(number, topic, payload, now)
    },
    acks(now) {
      if (isWithheld(now)) return []
      return [...boots.values()].flatMap(({ src, boot, sent }) => {
        const due = createRangeSet()
        for (const [seq, one] of sent) {
          if (one.ackedAt !== null) continue
          one.ackedAt = now
          due.add(seq)
        }
        const ranges = due.ranges()
        if (ranges.length === 0) return []
        return [{ topic: ackTopic(site, src), ack: { boot, seq: ranges, refused: [] } }]
      })
    },
    foundRetained(topics) {
      for (const topic of rowsTopics)
        check('retained', topics.has(topic), () => `${topic} is not retained`)
    },
    report(now) {
      for (const boot of boots.values()) {
        checkHoles(boot)
        if (!isWithheld(now)) checkResent(boot)
      }
      const rules = (Object.keys(RULES) as Rule[]).map((rule): RuleResult => {
        const broken = examples.get(rule) ?? []
        const result = broken.length > 0 ? 'broken' : seen.has(rule) ? 'kept' : 'unseen'
        return { rule, text: RULES[rule], result, examples: broken }
      })
      return { messages, senders: new Set([...boots.values()].map(({ src }) => src)).size, rules }
    },
  }
}

/** Whether a device exists is not the publisher's business. */
function anyDevice(id: string): KnownDevice {
  return { id, uid: 1, everyMs: 60_000, enabled: true, kind: 'mqtt' }
}
