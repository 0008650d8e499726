// GET /api/v1/profiles: the catalogue of now, broken files included.

import type { Catalogue, CatalogueProfile, ProfileSource } from '../../profiles/catalogue.ts'
import type { Route, WebContext } from '../context.ts'
import { call } from './call.ts'

export interface ProfileAnswer {
  id: string
  title: string
  description: string
  /** null: its file is broken, and nothing uses it. */
  type: CatalogueProfile['type'] | null
  source: CatalogueProfile['source'] | null
  /** Ours, or of the user's folder. */
  from: CatalogueProfile['from']
  extends: readonly string[]
  groups: readonly string[]
  /** Errors and warnings in its file. */
  problems: number
}

export function profilesCall(web: WebContext): Route {
  return call({
    method: 'GET',
    path: '/api/v1/profiles',
    permission: 'profiles.read',
    summary: 'The catalogue of profiles, broken ones too',
    answer: async () => profileAnswers(web.catalogue()),
  })
}

function profileAnswers({ profiles, problems, sources }: Catalogue): ProfileAnswer[] {
  const counts = new Map<string, number>()
  for (const { profile } of problems) counts.set(profile, (counts.get(profile) ?? 0) + 1)
  const broken = sources.filter(({ id }) => !profiles.has(id) && counts.has(id))
  return [...[...profiles.values()].map(usable), ...broken.map(unusable)]
    .map(profile => ({ ...profile, problems: counts.get(profile.id) ?? 0 }))
    .sort((a, b) => (a.id < b.id ? -1 : 1))
}

type Uncounted = Omit<ProfileAnswer, 'problems'>

function usable(profile: CatalogueProfile): Uncounted {
  const { id, title, description, type, source, from, extends: bases, groups } = profile
  return { id, title, description, type, source, from, extends: bases, groups }
}

function unusable({ id, from }: ProfileSource): Uncounted {
  const nothing = { description: '', type: null, source: null, extends: [], groups: [] }
  return { id, title: id, from, ...nothing }
}
