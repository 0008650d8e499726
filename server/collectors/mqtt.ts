// A device that sends by itself over MQTT, in its own words: its messages become collections by the
// mapping profiles of its config. It neither subscribes nor sends; time comes from the caller.

import type { DeviceConfig, DeviceIdentity } from '../model/device.ts'
import { parseDuration } from '../model/duration.ts'
import type { Catalogue } from '../profiles/catalogue.ts'
import { chooseProfiles } from '../profiles/choose.ts'
import { type MessageGroup, messageGroups } from '../profiles/messages.ts'
import { payloadBytesMax } from '../sensors/payload.ts'
import { type Collected, type FailedBody, UNKNOWN_GROUP } from './collector.ts'
import { type Heard, MessageGroupState, type Note } from './mqtt-group.ts'

/** Intervals without a message until that is a gap, and a grace; judge waits a little longer. */
const quietIntervals = 2
const quietGraceMs = 2000
/** Moments of all groups of a device in a second: Telegraf sends hours of them after an outage. */
const momentsPerSecondMax = 5000

type Given = Pick<Collected, 'collections' | 'rows'>

export interface MessageDevice {
  /** Whether anything came of it. */
  hear(message: Heard): boolean
  /** What was heard since the last call. */
  flush(now: number): Given
  /** Once an interval, gaps of what fell silent. Nothing is silent that could not be heard since `deafUntil`. */
  silences(now: number, deafUntil: number): Given
}

/** Which profiles map the messages of this device, and what they ask of them. */
export async function identifyMessages(
  config: DeviceConfig,
  catalogue: Catalogue,
): Promise<{ identity: DeviceIdentity; groups: MessageGroup[] }> {
  const { profiles, because } = await chooseProfiles(catalogue, config.profiles, {
    source: 'mqtt',
    sysObjectID: '',
    sysDescr: '',
    exists: async () => new Set(),
  })
  const facts = { topics: (config.topics ?? []).join(', ') }
  return {
    identity: { at: Date.now(), profiles, chosenBecause: because, facts },
    groups: messageGroups(catalogue, profiles),
  }
}

export function createMessageDevice(options: {
  config: DeviceConfig
  groups: readonly MessageGroup[]
  now: number
  note: Note
}): MessageDevice {
  const { config, note } = options
  const everyMs = parseDuration(config.every)
  const hasRoom = perSecond(momentsPerSecondMax)
  const states = options.groups.map(group => new MessageGroupState(group, note, hasRoom))
  const dirty = new Set<MessageGroupState>()
  let heardAt = options.now
  let isHeard = false
  let nextTickAt = options.now + everyMs

  function hear(message: Heard): boolean {
    if (message.payload.bytes.length > payloadBytesMax) {
      note('too-large', message)
      return false
    }
    const outcomes = new Set<string>()
    for (const state of states) {
      const outcome = state.hear(message)
      outcomes.add(outcome)
      if (outcome === 'taken') dirty.add(state)
    }
    if (outcomes.has('taken')) {
      if (!message.retained) heardAt = message.at
      isHeard ||= !message.retained
      return true
    }
    // The nearest miss says most.
    if (outcomes.has('empty')) note('empty', message)
    else note(outcomes.has('format') ? 'format' : 'topic', message)
    return false
  }

  function allSilent(now: number): Given['collections'] {
    const since = isHeard ? `since ${new Date(heardAt).toISOString()}` : 'yet'
    const error = `no message that a mapping takes has come ${since} on ${(config.topics ?? []).join(', ')}`
    const known = states.filter(({ rows }) => rows.size > 0)
    const body = (at: number): FailedBody => ({
      at,
      took: 0,
      ok: false,
      reason: 'timeout',
      error: error.slice(0, 1000),
    })
    if (known.length === 0) return [{ group: UNKNOWN_GROUP, body: body(now) }]
    return known.map(state => ({ group: state.group.id, body: body(state.freeTime(now)) }))
  }

  return {
    hear,
    flush(now) {
      const given: Given = { collections: [], rows: [] }
      for (const state of dirty) {
        const { collections, rows } = state.flush(now)
        given.collections.push(...collections)
        given.rows.push(...rows)
      }
      dirty.clear()
      return given
    },
    silences(now, deafUntil) {
      const rows: Given['rows'] = []
      if (now < nextTickAt) return { collections: [], rows }
      nextTickAt = Math.max(nextTickAt + everyMs, now + everyMs / 2)
      for (const state of states) if (state.rows.size > 0) dirty.add(state)
      const since = now - quietIntervals * everyMs - quietGraceMs
      if (deafUntil > since) return { collections: [], rows }
      if (heardAt < since) return { collections: allSilent(now), rows }
      return { collections: states.flatMap(state => state.silences(since, now)), rows }
    },
  }
}

/** Whether there is room for one more in the second of `at`, ms; then it is taken. */
function perSecond(max: number): (at: number) => boolean {
  let second = Number.NaN
  let taken = 0
  return at => {
    const current = Math.floor(at / 1000)
    if (current !== second) taken = 0
    second = current
    return taken++ < max
  }
}
