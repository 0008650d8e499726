// What profiles of source mqtt ask of messages: for each group the messages that it is made of, the
// paths that it reads in them, and which of its metrics come from which paths.

import type { MessageDoc } from '../model/profile.ts'
import type { Catalogue } from './catalogue.ts'
import type { Plan } from './face.ts'
import { compilePlan, sourcesIn } from './plan.ts'

export interface MessageGroup {
  id: string
  table: boolean
  rowsMax: number
  messages: readonly MessageDoc[]
  paths: readonly string[]
  /** Places of counters among the paths: an old value of one would be an increase of nothing. */
  counters: ReadonlySet<number>
  /** Metric → places among the paths that its value comes from. */
  metrics: ReadonlyMap<string, readonly number[]>
  /** Of this group alone: rows come in messages of their own, each by its own evaluator. */
  plan: Plan
}

/** The groups of these profiles that are made of messages; pure data, shared by devices alike. */
export function messageGroups(catalogue: Catalogue, profiles: readonly string[]): MessageGroup[] {
  return compilePlan(catalogue, profiles)
    .groups.map(({ id }) => messageGroup(compilePlan(catalogue, profiles, id)))
    .filter(group => group !== null)
}

function messageGroup(plan: Plan): MessageGroup | null {
  const [groupPlan] = plan.definition.groups.values()
  if (!groupPlan || groupPlan.group.messages.length === 0) return null
  const { group, sources, steps } = groupPlan
  const paths = sources.map(({ source }) => source)
  const places = (names: readonly string[]) => names.map(name => paths.indexOf(name))
  const counted = group.slots.filter(({ rate }) => rate !== null)
  return {
    id: group.id,
    table: group.table,
    rowsMax: group.rowsMax,
    messages: group.messages,
    paths,
    counters: new Set(
      places(counted.flatMap(({ source }) => sourcesIn(source).map(read => read.source))),
    ),
    metrics: new Map(
      steps
        .filter(({ slot }) => slot.metric !== null)
        .map(({ slot, valueSources }) => [
          slot.name,
          places(valueSources.map(({ source }) => source)),
        ]),
    ),
    plan,
  }
}
