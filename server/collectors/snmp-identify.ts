// What a device is: its system group, the profiles that fit and the facts that they read. Also when
// an identity that was found before still holds.

import type { DeviceIdentity } from '../model/device.ts'
import type { RawValue, Reading } from '../model/raw.ts'
import { cleanText } from '../model/text.ts'
import type { Catalogue } from '../profiles/catalogue.ts'
import { chooseProfiles } from '../profiles/choose.ts'
import type { Plan } from '../profiles/face.ts'
import { deviceFacts, factRequests } from '../profiles/facts.ts'
import type { SnmpSession } from '../snmp/session.ts'
import { readGroups } from './snmp-read.ts'
import { octetsToText } from './snmp-text.ts'

/** SNMPv2-MIB (RFC 3418). */
const SYS_DESCR = '1.3.6.1.2.1.1.1.0'
const SYS_OBJECT_ID = '1.3.6.1.2.1.1.2.0'
const SYS_UPTIME = '1.3.6.1.2.1.1.3.0'

/** An identity is looked up again after this long. */
export const identityAgeMaxMs = 86_400_000
/** Letters of sysDescr that profiles may look at. */
const sysDescrMatchedMax = 4096
/** Facts kept of one device. */
const factsMax = 100

/** The device's clock and type, asked in every read. */
export interface Heartbeat {
  at: number
  monotonicMs: number
  upTicks: number | null
  sysObjectID: string
}

/** @throws AppError of the session */
export async function heartbeat(session: SnmpSession, signal: AbortSignal): Promise<Heartbeat> {
  const [uptime, objectId] = await session.get([SYS_UPTIME, SYS_OBJECT_ID], signal)
  return {
    at: Date.now(),
    monotonicMs: performance.now(),
    upTicks: uptime?.value.type === 'ticks' ? uptime.value.value : null,
    sysObjectID: oidOf(objectId?.value),
  }
}

export interface Identified {
  identity: DeviceIdentity
  plan: Plan
}

export interface IdentifyOptions {
  session: SnmpSession
  catalogue: Catalogue
  /** The config's `profiles`. */
  wanted: readonly string[]
  planOf(catalogue: Catalogue, profiles: readonly string[]): Plan
  /** False for a quick look: facts that need a walk are left out. */
  withTables: boolean
}

/** @throws AppError of the session, or of the profiles that the config names */
export async function identify(options: IdentifyOptions, signal: AbortSignal): Promise<Identified> {
  const { session, catalogue, wanted } = options
  const [descr, objectId] = await session.get([SYS_DESCR, SYS_OBJECT_ID], signal)
  const at = Date.now()
  const sysDescr = textOf(descr?.value)
  const sysObjectID = oidOf(objectId?.value)
  const { profiles, because } = await chooseProfiles(catalogue, [...wanted], {
    source: 'snmp',
    sysObjectID,
    sysDescr,
    exists: oids => existing(session, oids, signal),
  })
  const plan = options.planOf(catalogue, profiles)
  const facts = await readFacts(options, plan, signal)
  return {
    plan,
    identity: {
      at,
      ...(sysDescr !== '' && { sysDescr: cleanText(sysDescr) }),
      ...(sysObjectID !== '' && { sysObjectID }),
      profiles: [...profiles],
      chosenBecause: because.map(text => cleanText(text)),
      facts,
    },
  }
}

async function readFacts(
  { session, withTables }: IdentifyOptions,
  plan: Plan,
  signal: AbortSignal,
): Promise<Record<string, string>> {
  const requests = factRequests(plan).filter(request => withTables || !request.table)
  const { groups } = await readGroups(session, requests, signal)
  const reading: Reading = {
    at: Date.now(),
    monotonicMs: performance.now(),
    upTicks: null,
    groups,
  }
  const facts = Object.entries(deviceFacts(plan, reading)).slice(0, factsMax)
  return Object.fromEntries(
    facts.map(([name, text]) => [name, cleanText(text)]).filter(([, text]) => text !== ''),
  )
}

/** Which of these OIDs have something at or below them. */
async function existing(
  session: SnmpSession,
  oids: readonly string[],
  signal: AbortSignal,
): Promise<Set<string>> {
  const found = new Set<string>()
  const successors = await session.getNext(oids, signal)
  oids.forEach((oid, i) => {
    const answer = successors[i]
    if (answer && answer.value.type !== 'none' && answer.oid.startsWith(`${oid}.`)) found.add(oid)
  })
  // The successor of an instance says nothing about the instance itself.
  const instances = oids.filter(oid => oid.endsWith('.0') && !found.has(oid))
  if (instances.length > 0) {
    for (const { oid, value } of await session.get(instances, signal)) {
      if (value.type !== 'none') found.add(oid)
    }
  }
  return found
}

function textOf(value: RawValue | undefined): string {
  return value?.type === 'octets' ? cleanText(octetsToText(value.value), sysDescrMatchedMax) : ''
}

function oidOf(value: RawValue | undefined): string {
  return value?.type === 'oid' ? value.value : ''
}

/**
 * Whether profiles that were chosen earlier can be used without asking the device: they all exist,
 * they hold what the config names, nothing that it leaves out, and they are not a day old.
 */
export function identityHolds(
  identity: DeviceIdentity | null,
  wanted: readonly string[],
  catalogue: Catalogue,
  now: number,
): identity is DeviceIdentity {
  if (identity === null || identity.profiles.length === 0) return false
  if (now - identity.at >= identityAgeMaxMs || !wanted.includes('auto')) return false
  const chosen = new Set(identity.profiles)
  if (!identity.profiles.every(id => catalogue.profiles.has(id))) return false
  const parents = new Set(
    identity.profiles.flatMap(id => catalogue.profiles.get(id)?.extends ?? []),
  )
  return wanted.every(id =>
    id.startsWith('-')
      ? !chosen.has(id.slice(1))
      : id === 'auto' || chosen.has(id) || parents.has(id),
  )
}

/** Whether these profiles, and all that they may extend, read the same in both catalogues. */
export function sameProfiles(
  before: Catalogue,
  after: Catalogue,
  profiles: readonly string[],
): boolean {
  if (before.version === after.version) return true
  const used = new Set<string>()
  const visit = (id: string) => {
    if (used.has(id)) return
    used.add(id)
    for (const parent of after.profiles.get(id)?.extends ?? []) visit(parent)
  }
  profiles.forEach(visit)
  // Abstract parents are not in `profiles`; their names begin with an underscore.
  const texts = (catalogue: Catalogue) =>
    JSON.stringify(
      catalogue.sources
        .filter(source => used.has(source.id) || source.id.startsWith('_'))
        .map(source => [source.id, source.from, source.text])
        .sort(),
    )
  return texts(before) === texts(after)
}
