// The catalogue of profiles as it is now, who wants to hear of a new one, and the plans made from it.

import { SHIPPED_PROFILES_DIR } from '../paths.ts'
import type { Catalogue } from '../profiles/catalogue.ts'
import type { Plan } from '../profiles/face.ts'
import { type CatalogueWatch, type OtherSources, watchCatalogue } from '../profiles/load.ts'
import { compilePlan } from '../profiles/plan.ts'
import type { Store } from '../store/contract.ts'
import type { Base } from './base.ts'

/** The catalogue as it is now, and who wants to hear of a new one. */
export interface Catalogues {
  watch: CatalogueWatch
  onChange(listener: (catalogue: CatalogueWatch['catalogue']) => void): void
}

/** Where a profile that was written on the page is said to be. */
export const ownFile = (id: string): string => `own/${id}.json`

/** Every process on the database sees what one of them saved. */
function savedProfiles({ profiles }: Store): OtherSources {
  return {
    stamp: () => profiles.stamp(),
    async read() {
      const saved = await profiles.list()
      return saved.map(({ id, text }) => ({ id, text, file: ownFile(id), from: 'user' }))
    },
  }
}

export async function startCatalogue(
  { config, log, life }: Base,
  store: Store,
): Promise<Catalogues> {
  const listeners: Parameters<Catalogues['onChange']>[0][] = []
  const watch = await watchCatalogue({
    shippedDir: SHIPPED_PROFILES_DIR,
    others: savedProfiles(store),
    ...(config.profilesDir === null ? {} : { userDir: config.profilesDir }),
    onChange: catalogue => {
      for (const listener of listeners) listener(catalogue)
    },
    log,
  })
  life.started('profiles', () => watch.close())
  return { watch, onChange: listener => listeners.push(listener) }
}

/** Plans kept for the catalogue of now; a fleet uses few sets of profiles. */
const plansMax = 500

export function planCache(catalogue: () => Catalogue): (profiles: readonly string[]) => Plan {
  let version = ''
  const plans = new Map<string, Plan>()
  return profiles => {
    const current = catalogue()
    if (current.version !== version || plans.size >= plansMax) plans.clear()
    version = current.version
    // A profile that went since a device was identified must not take its page with it.
    const known = profiles.filter(id => current.profiles.has(id))
    const key = known.join(' ')
    const plan = plans.get(key) ?? compilePlan(current, known)
    plans.set(key, plan)
    return plan
  }
}
