// Every MQTT topic of Pollux: builders, filters and parsers, so that no topic is written by hand
// elsewhere. Pure: nothing here talks to a broker.

import { AppError } from '../model/errors.ts'
import type { EventKind } from '../model/event.ts'

/** One level of a topic that we build: no separators, wildcards or spaces. */
const LEVEL = /^[A-Za-z0-9._-]{1,128}$/

/** Characters of a topic that we take from outside. */
const topicLengthMax = 1024

/** The node name that every poll node listens to besides its own. */
export const ALL_NODES = 'all'

const DEVICE_CHANNELS = ['samples', 'rows', 'status', 'events', 'alarms'] as const
export type DeviceChannel = (typeof DEVICE_CHANNELS)[number]

/** Channels whose topic ends with a group (or, for alarms, with the alarm's id). */
const GROUPED: ReadonlySet<string> = new Set<DeviceChannel>(['samples', 'rows', 'alarms'])

export interface DeviceTopic {
  site: string
  device: string
  channel: DeviceChannel
  /** The group, the alarm's id, or the only kind of an event's topic; null: it has none. */
  group: string | null
}

/** By number of levels: all of them in one look, as every message needs it. */
const LEVELS = [1, 2, 3, 4, 5].map(count => {
  const level = LEVEL.source.slice(1, -1)
  return new RegExp(`^${level}(?:/${level}){${count - 1}}$`)
})

function build(...levels: string[]): string {
  const joined = levels.join('/')
  if (LEVELS[levels.length - 1]?.test(joined)) return `pollux/${joined}`
  for (const level of levels) {
    if (!LEVEL.test(level)) {
      throw new AppError('E_TOPIC', `"${level}" cannot be a part of an MQTT topic`, {
        hint: 'names in topics hold letters, digits, dots, hyphens and underscores alone',
      })
    }
  }
  return `pollux/${joined}`
}

/** Where a group's collections go. @throws AppError E_TOPIC for a name that no topic can hold */
export function sampleTopic(site: string, device: string, group: string): string {
  return build(site, 'devices', device, 'samples', group)
}

/** Where a group's row names, labels and units go; retained. */
export function rowsTopic(site: string, device: string, group: string): string {
  return build(site, 'devices', device, 'rows', group)
}

/** A device's state; retained, written by judge alone. */
export function statusTopic(site: string, device: string): string {
  return build(site, 'devices', device, 'status')
}

/** Traps, syslog lines, reboots and their like; with a kind for senders that may say no other. */
export function eventTopic(site: string, device: string, kind?: EventKind): string {
  const levels = [site, 'devices', device, 'events']
  return kind === undefined ? build(...levels) : build(...levels, kind)
}

/** The current state of an alarm; retained. */
export function alarmTopic(site: string, device: string, alarm: string): string {
  return build(site, 'devices', device, 'alarms', alarm)
}

/** A message for people, by a channel of the kind mqtt. */
export function noticeTopic(site: string, topic: string): string {
  return build(site, 'notices', topic)
}

/** Where ingest tells a sender which of its numbers are committed. */
export function ackTopic(site: string, src: string): string {
  return build(site, 'acks', src)
}

/** What the config of an agent's device asks of the agent; retained. */
export function agentSettingsTopic(site: string, src: string): string {
  return build(site, 'settings', src)
}

/** Commands to a poll node; `all` reaches every one. */
export function commandTopic(site: string, node: string): string {
  return build(site, 'commands', node)
}

/** What came of a config change or a poll-now. */
export function receiptTopic(site: string, device: string): string {
  return build(site, 'receipts', device)
}

/** Which process runs which roles; retained, and a last will. */
export function nodeTopic(site: string, node: string): string {
  return build(site, 'nodes', node)
}

export function samplesFilter(site: string): string {
  return `${build(site, 'devices')}/+/samples/+`
}

export function rowsFilter(site: string): string {
  return `${build(site, 'devices')}/+/rows/+`
}

export function statusFilter(site: string): string {
  return `${build(site, 'devices')}/+/status`
}

/** `#` stands for the level above too (MQTT 3.1.1, 4.7.1.2). */
export function eventsFilter(site: string): string {
  return `${build(site, 'devices')}/+/events/#`
}

export function alarmsFilter(site: string): string {
  return `${build(site, 'devices')}/+/alarms/+`
}

export function receiptsFilter(site: string): string {
  return `${build(site, 'receipts')}/+`
}

export function nodesFilter(site: string): string {
  return `${build(site, 'nodes')}/+`
}

/** A filter of which each message reaches one subscriber of the group (MQTT 5, 4.8.2). */
export function sharedFilter(group: string, filter: string): string {
  if (!LEVEL.test(group)) throw new AppError('E_TOPIC', `"${group}" cannot name a share`)
  return `$share/${group}/${filter}`
}

/** The parts of a topic under `devices`; null for any other topic. */
export function parseDeviceTopic(topic: string): DeviceTopic | null {
  const levels = ourLevels(topic)
  if (levels?.[1] !== 'devices') return null
  const [site, , device, channel, group] = levels
  if (site === undefined || device === undefined || !isDeviceChannel(channel)) return null
  const isWhole =
    channel === 'events'
      ? levels.length === 4 || levels.length === 5
      : levels.length === (GROUPED.has(channel) ? 5 : 4)
  if (!isWhole) return null
  return { site, device, channel, group: group ?? null }
}

/** The sender's `src` of an ack topic; null for any other topic. */
export function parseAckTopic(topic: string): { site: string; src: string } | null {
  const name = lastOf(topic, 'acks')
  return name && { site: name.site, src: name.name }
}

/** The poll node (or `all`) of a command topic; null for any other topic. */
export function parseCommandTopic(topic: string): { site: string; node: string } | null {
  const name = lastOf(topic, 'commands')
  return name && { site: name.site, node: name.name }
}

/** The device of a receipt topic; null for any other topic. */
export function parseReceiptTopic(topic: string): { site: string; device: string } | null {
  const name = lastOf(topic, 'receipts')
  return name && { site: name.site, device: name.name }
}

/** The node of a presence topic; null for any other topic. */
export function parseNodeTopic(topic: string): { site: string; node: string } | null {
  const name = lastOf(topic, 'nodes')
  return name && { site: name.site, node: name.name }
}

function lastOf(topic: string, kind: string): { site: string; name: string } | null {
  const levels = ourLevels(topic)
  const [site, found, name] = levels ?? []
  if (levels?.length !== 3 || found !== kind || site === undefined || name === undefined)
    return null
  return { site, name }
}

/** The levels after `pollux/`; null where a level could not have been built by us. */
function ourLevels(topic: string): string[] | null {
  if (topic.length > topicLengthMax || !topic.startsWith('pollux/')) return null
  const levels = topic.split('/').slice(1)
  return levels.every(level => LEVEL.test(level)) ? levels : null
}

function isDeviceChannel(text: string | undefined): text is DeviceChannel {
  return text !== undefined && (DEVICE_CHANNELS as readonly string[]).includes(text)
}

/** False for our topics that must never be retained: a late subscriber would take old for new. */
export function mayRetain(topic: string): boolean {
  const device = parseDeviceTopic(topic)
  if (device) return device.channel !== 'samples' && device.channel !== 'events'
  return !parseAckTopic(topic) && !parseCommandTopic(topic) && !parseReceiptTopic(topic)
}

/** Does this filter match the topic (MQTT 3.1.1, 4.7)? Wildcards do not match a leading `$`. */
export function topicMatches(filter: string, topic: string): boolean {
  return levelsMatch(filterLevels(filter), topic, topic.split('/'))
}

/** A filter as `levelsMatch` takes it. */
export function filterLevels(filter: string): string[] {
  return unshared(filter).split('/')
}

/** As `topicMatches`, of which each message needs many: what is split is split once. */
export function levelsMatch(
  wanted: readonly string[],
  topic: string,
  levels: readonly string[],
): boolean {
  if (topic.startsWith('$') && (wanted[0] === '+' || wanted[0] === '#')) return false
  for (const [i, level] of wanted.entries()) {
    if (level === '#') return true
    if (i >= levels.length || (level !== '+' && level !== levels[i])) return false
  }
  return wanted.length === levels.length
}

/** Does `allowed` match every topic that `requested` matches? So an ACL cannot be widened. */
export function filterCovers(allowed: string, requested: string): boolean {
  const a = allowed.split('/')
  const r = unshared(requested).split('/')
  if (r[0]?.startsWith('$') && (a[0] === '+' || a[0] === '#')) return false
  for (const [i, level] of a.entries()) {
    if (level === '#') return true
    const asked = r[i]
    if (asked === undefined || asked === '#') return false
    if (level !== '+' && level !== asked) return false
  }
  return a.length === r.length
}

/** The filter without `$share/<group>/`. */
export function unshared(filter: string): string {
  return filter.startsWith('$share/') ? filter.split('/').slice(2).join('/') : filter
}
