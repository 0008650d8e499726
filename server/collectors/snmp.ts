// The collector for SNMP devices: finds out what a device is, then reads what its profiles ask for.
// What the values mean is the profiles' business, what an SNMP packet is that of snmp/.

import type { AppError } from '../model/errors.ts'
import type { Catalogue } from '../profiles/catalogue.ts'
import type { Plan } from '../profiles/face.ts'
import { compilePlan } from '../profiles/plan.ts'
import { openSession } from '../snmp/open.ts'
import type { SnmpSession } from '../snmp/session.ts'
import type { CheckReport, Collector, Surroundings, Target } from './collector.ts'
import { createPing, type Ping } from './ping.ts'
import { createReach } from './reach.ts'
import { elapsedMs, errorText, gapReason } from './snmp-failures.ts'
import { identify } from './snmp-identify.ts'
import { addressOf, sessionOptions } from './snmp-options.ts'
import { asAppError } from './snmp-read.ts'
import { type PlanOf, SnmpReader } from './snmp-reader.ts'
import { explained, isUnexplained } from './snmp-silence.ts'

/** Plans kept for one catalogue: devices with the same set of profiles share one. */
const plansMax = 2000
export const snmpCollector: Collector = createSnmpCollector()

/** A collector with a cache of plans of its own. */
export function createSnmpCollector(ping: Ping = createPing()): Collector {
  const planOf = createPlans()
  return {
    kind: 'snmp',
    check: (target, surroundings, signal) => check(target, surroundings, { planOf, ping }, signal),
    open: (target, surroundings) => new SnmpReader(target, surroundings, planOf, ping),
  }
}

function createPlans(): PlanOf {
  const byCatalogue = new WeakMap<Catalogue, Map<string, Plan>>()
  return (catalogue, profiles) => {
    const plans = byCatalogue.get(catalogue) ?? new Map<string, Plan>()
    byCatalogue.set(catalogue, plans)
    const key = profiles.join(' ')
    const known = plans.get(key)
    if (known) return known
    if (plans.size >= plansMax) plans.clear()
    const plan = compilePlan(catalogue, [...profiles])
    plans.set(key, plan)
    return plan
  }
}

async function check(
  target: Target,
  surroundings: Surroundings,
  { planOf, ping }: { planOf: PlanOf; ping: Ping },
  signal: AbortSignal,
): Promise<CheckReport> {
  const started = performance.now()
  let address: string | null = null
  let session: SnmpSession | null = null
  try {
    address = await surroundings.addresses.resolve(addressOf(target))
    session = openSession(sessionOptions(target, address))
    const { catalogue } = surroundings
    const wanted = target.config.profiles
    const options = { session, catalogue, wanted, planOf, withTables: false }
    const { identity } = await identify(options, signal)
    return { ok: true, tookMs: elapsedMs(started), identity }
  } catch (cause) {
    const error = await explain(asAppError(cause), address, ping)
    return {
      ok: false,
      tookMs: elapsedMs(started),
      reason: gapReason(error, signal),
      error: errorText(error),
      hint: error.hint ?? 'check the address, the port and the credentials of the device',
    }
  } finally {
    session?.close()
  }
}

/** For "Test": an answer within the time that a person waits. */
async function explain(error: AppError, address: string | null, ping: Ping): Promise<AppError> {
  if (address === null || !isUnexplained(error)) return error
  return explained(error, await createReach(ping).explain(address, Number.POSITIVE_INFINITY))
}
