// Which groups a beat measures: most at every one, some more seldom, as each says. Those that may take
// longer than a beat run beside it.

import { AGENT_GROUPS, type AgentGroup, GROUP_IDS, type GroupId } from './fields.ts'

/** The longest that one group may take; at a short interval, what is left of it. */
const measureMsMax = 5000

export interface Pace {
  /** @param now ms of any clock without jumps */
  due(now: number): { inBeat: GroupId[]; beside: GroupId[] }
  limitMs(group: GroupId): number
}

export function createPace(everyMs: number): Pace {
  const beatMsMax = Math.min(measureMsMax, Math.max(everyMs - 100, everyMs / 2))
  const dueAt = new Map<GroupId, number>()
  const ownMs = (group: GroupId): number => {
    const { everyMs: own = 0 }: AgentGroup = AGENT_GROUPS[group]
    return own > everyMs ? own : 0
  }
  const isDue = (group: GroupId, now: number): boolean => {
    const own = ownMs(group)
    if (own === 0) return true
    if (now < (dueAt.get(group) ?? Number.NEGATIVE_INFINITY)) return false
    // A little early rather than a whole beat late.
    dueAt.set(group, now + own - everyMs / 2)
    return true
  }
  return {
    due(now) {
      const due = GROUP_IDS.filter(group => isDue(group, now))
      return {
        inBeat: due.filter(group => ownMs(group) === 0),
        beside: due.filter(group => ownMs(group) > 0),
      }
    },
    limitMs: group => Math.max(beatMsMax, ownMs(group) / 2),
  }
}
