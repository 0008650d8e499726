// How one device is spared: large tables are left out where the governor says so, and what reads do to
// the device is measured. The rules are kindness.ts and shedding.ts.

import type { DeviceConfig, Kindness } from '../model/device.ts'
import type { GroupReading } from '../model/raw.ts'
import type { Evaluated, FetchRequest, Plan } from '../profiles/face.ts'
import { rolesOf } from '../profiles/page.ts'
import type { SnmpSession } from '../snmp/session.ts'
import { createGovernor } from './kindness.ts'
import { type Chosen, createShedding } from './shedding.ts'
import { probe } from './snmp-silence.ts'
import { KIND } from './tuning.ts'

export interface Care {
  readonly kindness: Kindness
  /** @param at the scheduled time, Unix ms */
  choose(plan: Plan, due: readonly FetchRequest[], at: number): Chosen
  /**
   * The round trip just after the tables, ms; null: not wanted this time, or unsure. Never rejects.
   * @param beforeMs the round trip before them
   */
  measure(
    session: SnmpSession,
    chosen: Chosen,
    beforeMs: number | null,
    signal: AbortSignal,
  ): Promise<number | null>
  note(read: CareReading): void
}

export interface CareReading {
  plan: Plan
  chosen: Chosen
  groups: ReadonlyMap<string, GroupReading>
  collections: Evaluated['collections']
  beforeMs: number | null
  afterMs: number | null
}

/** @param initial what was in force before */
export function createCare(config: DeviceConfig, everyMs: number, initial: Kindness): Care {
  if (config.tuning?.kindness === 'off') return CARELESS
  const governor = createGovernor(initial)
  const shedding = createShedding(everyMs)
  let known: OfPlan = { plan: null, periods: new Map(), cpus: [] }
  const periodOf = (group: string) => Math.max(everyMs, known.periods.get(group) ?? 0)

  return {
    get kindness() {
      return governor.state
    },
    choose(plan, due, at) {
      if (plan !== known.plan) known = ofPlan(plan)
      return shedding.choose(due, at, governor.state.factor, periodOf)
    },
    async measure(session, chosen, beforeMs, signal) {
      if (!chosen.heavy || beforeMs === null || !governor.wantsAfter) return null
      const ask = () => roundTrip(session, () => probe(session, signal)).then(({ ms }) => ms)
      const first = await ask().catch(() => null)
      if (first === null || !governor.looksStrained(beforeMs, first)) return first
      // It may have been one packet, or this thread: only what two say is said.
      const second = await ask().catch(() => null)
      return second === null ? null : Math.min(first, second)
    },
    note({ plan, chosen, groups, collections, beforeMs, afterMs }) {
      if (plan !== known.plan) known = ofPlan(plan)
      shedding.learn(chosen.requests, groups)
      governor.observe({
        at: chosen.at,
        heavy: chosen.heavy,
        beforeMs,
        afterMs,
        cpu: busiestCpu(known, collections),
      })
    },
  }
}

/** Reads everything that is due. */
const CARELESS: Care = {
  kindness: KIND,
  choose: (_plan, due, at) => ({ requests: [...due], shed: [], gaps: [], heavy: false, at }),
  measure: async () => null,
  note() {},
}

/** What a call gives, and how long it took, ms; null where a request had to be sent again. */
export async function roundTrip<T>(
  session: SnmpSession,
  call: () => Promise<T>,
): Promise<{ answer: T; ms: number | null }> {
  const { retries } = session.counters
  const startedAt = performance.now()
  const answer = await call()
  const ms = performance.now() - startedAt
  return { answer, ms: session.counters.retries === retries ? ms : null }
}

/** What of a plan is asked with every read. */
interface OfPlan {
  plan: Plan | null
  /** How often each group is read, ms. */
  periods: ReadonlyMap<string, number>
  /** The metrics that are of processors. */
  cpus: readonly { group: string; metric: string }[]
}

function ofPlan(plan: Plan): OfPlan {
  const periods = new Map(plan.groups.map(group => [group.id, group.everyMs ?? 0]))
  return { plan, periods, cpus: rolesOf(plan).filter(({ role }) => role === 'cpu.usage') }
}

/** The highest of all processors, percent; null: this read brought none. */
function busiestCpu({ cpus }: OfPlan, collections: Evaluated['collections']): number | null {
  if (cpus.length === 0) return null
  const values = cpus
    .flatMap(({ group, metric }) =>
      collections.flatMap(one => (one.group === group ? [one.body.metrics[metric]] : [])).flat(),
    )
    .filter(value => typeof value === 'number')
  return values.length === 0 ? null : values.reduce((most, value) => Math.max(most, value), 0)
}
