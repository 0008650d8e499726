// What happened to containers as events for people and charts: pure. Each is about the row of the
// container's name, so that its history and its marks stay together when it is made again.

import { EVENT_TEXT_MAX, type EventBody, type Severity } from '../model/event.ts'
import { rowKey } from '../model/rowkey.ts'
import { cleanText } from '../model/text.ts'
import type { ContainerEvent } from './events.ts'
import type { Made } from './read.ts'

/** The table of containers in oids/docker.json. */
const GROUP = 'docker_container'
/** Names of containers that are remembered, those too that are no more. */
export const rememberedMax = 5000
/** A name within a sentence. */
const nameMax = 200

/** Ends by `docker stop` (SIGTERM, then SIGKILL) are no failure. */
const STOPPED: ReadonlySet<number> = new Set([0, 137, 143])

/** @param at Unix ms by our clock */
export function toldEvent(event: ContainerEvent, at: number): EventBody {
  const { severity = 'info', name = event.action, text } = wordsOf(event)
  const image = cleanText(event.image)
  const fields: Record<string, string> = {
    id: cleanText(event.id.slice(0, 12)),
    ...(image && { image }),
    ...(event.exitCode !== null && { exit_code: String(event.exitCode) }),
    ...(event.health && { health: cleanText(event.health) }),
    ...(event.oldName && { before: cleanText(event.oldName), now: cleanText(event.name) }),
  }
  return bodyOf(event.name, { at, severity, name, text, fields })
}

interface Words {
  text: string
  severity?: Severity
  name?: string
}

function wordsOf(event: ContainerEvent): Words {
  const name = shown(event.name)
  switch (event.action) {
    case 'create':
      return { text: `${name} was made of the image ${shown(event.image) || 'unknown'}` }
    case 'start':
      return { text: `${name} started` }
    case 'die':
      return diedWords(name, event.exitCode)
    case 'oom':
      return { text: `${name} ran out of memory`, severity: 'critical' }
    case 'pause':
      return { text: `${name} was paused` }
    case 'unpause':
      return { text: `${name} goes on` }
    case 'rename':
      return {
        text: `${shown(event.oldName ?? 'a container')} is now named ${name}`,
        name: 'renamed',
      }
    case 'health_status':
      return healthWords(name, event.health)
    case 'destroy':
      return { text: `${name} was removed` }
  }
}

function diedWords(name: string, exitCode: number | null): Words {
  if (exitCode === null || exitCode === 0) return { text: `${name} ended` }
  const isStopped = STOPPED.has(exitCode)
  return {
    text: `${name} ended with code ${exitCode}`,
    severity: isStopped ? 'info' : 'warning',
  }
}

function healthWords(name: string, health: string | null): Words {
  const isGood = health === 'healthy'
  return {
    text: `${name} is ${shown(health ?? 'of unknown health')}`,
    severity: isGood ? 'info' : 'warning',
  }
}

/** So many events were left out since the last one: an engine where containers come and go. */
export function leftOutEvent(count: number, at: number): EventBody {
  return {
    at,
    kind: 'docker',
    severity: 'info',
    name: 'left-out',
    text: `${count} more events of containers came than are kept`,
    fields: { count: String(count) },
  }
}

/**
 * Which containers of a read were made again since they were last seen, by name. `known` is brought
 * up to date; a name that is gone stays in it, as the next one of that name is a remaking too.
 */
export function recreations(
  known: Map<string, Made>,
  made: ReadonlyMap<string, Made>,
  at: number,
): EventBody[] {
  const events: EventBody[] = []
  for (const [name, now] of made) {
    const before = known.get(name)
    if (before && before.id !== now.id) events.push(recreated(name, before, now, at))
    known.delete(name)
    known.set(name, now)
  }
  for (const name of known.keys()) {
    if (known.size <= rememberedMax) break
    known.delete(name)
  }
  return events
}

function recreated(name: string, before: Made, now: Made, at: number): EventBody {
  const isSame = before.imageId === now.imageId
  const image = shown(now.image)
  const what = isSame
    ? `of the same image ${image}`
    : `of another image: ${shown(before.image)} (${shortDigest(before)}) before, ${image} (${shortDigest(now)}) now`
  const fields = {
    id_before: before.id.slice(0, 12),
    id: now.id.slice(0, 12),
    image_before: cleanText(before.image),
    image: cleanText(now.image),
    digest_before: cleanText(before.digest),
    digest: cleanText(now.digest),
  }
  const text = `${shown(name)} was made again ${what}`
  return bodyOf(name, { at, severity: 'info', name: 'recreated', text, fields })
}

/** Twelve digits, as the docker command shows an image. */
function shortDigest({ digest }: Made): string {
  return cleanText(digest.replace(/^sha256:/, '').slice(0, 12))
}

function shown(text: string): string {
  return cleanText(text, nameMax)
}

function bodyOf(container: string, rest: Omit<EventBody, 'kind' | 'group' | 'row'>): EventBody {
  const row = rowKey([cleanText(container)])
  const text = rest.text.slice(0, EVENT_TEXT_MAX)
  return { ...rest, kind: 'docker', text, group: GROUP, ...(row && { row }) }
}
