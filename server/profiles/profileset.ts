// What a set of profiles gives together: one group for each id, facts by rank, the gentlest quirks.

import type { CatalogueProfile } from './catalogue.ts'
import type { Group } from './definition.ts'
import type { Plan } from './face.ts'
import type { PlanDefinition } from './plan.ts'

const TYPE_RANK = { device: 0, feature: 1, base: 2 } as const

/** Of two profiles with one group: the one that writes of it itself, then device before feature. */
export function chosenGroups(profiles: readonly CatalogueProfile[]): Group[] {
  const chosen = new Map<string, { group: Group; rank: number }>()
  for (const profile of profiles) {
    for (const [id, group] of profile.definition.groups) {
      const own = profile.definition.ownGroups.has(id) ? 0 : 10
      const rank = own + TYPE_RANK[profile.type]
      const other = chosen.get(id)
      if (!other || rank < other.rank) chosen.set(id, { group, rank })
    }
  }
  return [...chosen.values()].map(({ group }) => group)
}

/** Facts of the most special profile first. */
export function factsOf(profiles: readonly CatalogueProfile[]): PlanDefinition['facts'] {
  const ranked = profiles.toSorted((a, b) => TYPE_RANK[a.type] - TYPE_RANK[b.type])
  return ranked.flatMap(profile =>
    [...profile.definition.facts].flatMap(([fact, sources]) =>
      sources.map(source => ({ fact, source })),
    ),
  )
}

/** The gentlest request size and the longest patience of all profiles. */
export function strictest(profiles: readonly CatalogueProfile[]): Plan['quirks'] {
  const quirks: Plan['quirks'] = {}
  for (const { definition } of profiles) {
    const q = definition.quirks
    if (q.bulk === false) quirks.bulk = false
    else if (q.bulk === true) quirks.bulk ??= true
    if (q.allowNonIncreasing) quirks.allowNonIncreasing = true
    for (const key of ['maxRepetitions', 'maxOidsPerGet'] as const) {
      if (q[key] !== undefined) quirks[key] = Math.min(q[key], quirks[key] ?? q[key])
    }
    for (const key of ['timeoutMs', 'retries'] as const) {
      if (q[key] !== undefined) quirks[key] = Math.max(q[key], quirks[key] ?? q[key])
    }
  }
  return quirks
}
