// The catalogue: every profile, what is wrong with which, who uses it, and in plain words what one of
// them reads, draws and warns of.

import { AppError } from '../../model/errors.ts'
import type { Catalogue, CatalogueProfile, Problem } from '../../profiles/catalogue.ts'
import { type DraftGroup, groupsOf } from '../../profiles/draft.ts'
import type { PageSection } from '../../profiles/face.ts'
import { pageOf } from '../../profiles/page.ts'
import type { Handler, WebContext } from '../context.ts'
import { say } from '../languages/say.ts'
import { page } from '../render.ts'
import { readValues } from './device-fields.ts'

const ORIGINS = ['own', 'folder', 'shipped'] as const
type Origin = (typeof ORIGINS)[number]
/** Devices that are named on a profile's page. */
const namedMax = 20

interface ListedProfile {
  id: string
  title: string
  source: CatalogueProfile['source'] | null
  type: CatalogueProfile['type'] | null
  origin: Origin
  /** Errors in it; one that never worked is left out of use. */
  errors: number
  uses: Uses
}

interface Uses {
  /** Devices that have the profile itself, and those that have one that builds on it. */
  direct: number
  through: number
}

const NOBODY: Uses = { direct: 0, through: 0 }

/** How many devices use each profile. */
async function uses(web: WebContext): Promise<Map<string, Uses>> {
  const { profiles } = web.catalogue()
  const counts = new Map<string, Uses>()
  const add = (id: string, key: keyof Uses) => {
    const known = counts.get(id) ?? { ...NOBODY }
    known[key]++
    counts.set(id, known)
  }
  for (const { identity } of await web.devices.list()) {
    const own = new Set(identity?.profiles)
    const ancestors = new Set(
      [...own].flatMap(id => [...(profiles.get(id)?.definition.ancestors ?? [])]),
    )
    for (const id of own) add(id, 'direct')
    for (const id of ancestors) if (!own.has(id)) add(id, 'through')
  }
  return counts
}

export function profilesPage(web: WebContext): Handler {
  return async (request, reply) => {
    const { q = '', origin = '', used = '' } = readValues(request.query)
    const catalogue = web.catalogue()
    const all = listed(catalogue, await uses(web))
    const wanted = q.trim().toLowerCase().slice(0, 100)
    const profiles = all.filter(
      one =>
        `${one.id} ${one.title}`.toLowerCase().includes(wanted) &&
        (origin === '' || one.origin === origin) &&
        (used === '' || one.uses.direct + one.uses.through > 0 === (used === 'yes')),
    )
    return page(request, reply, 'profiles', {
      title: say(request).profiles.title,
      profiles,
      all: all.length,
      problems: catalogue.problems,
      origins: ORIGINS,
      filter: { q: q.slice(0, 100), origin, used },
    })
  }
}

function listed(catalogue: Catalogue, counts: ReadonlyMap<string, Uses>): ListedProfile[] {
  const { profiles, problems, sources } = catalogue
  return sources
    .filter(({ id }) => !id.startsWith('_'))
    .map(({ id, file, from }) => {
      const profile = profiles.get(id)
      const errors = problems.filter(p => p.profile === id && p.severity === 'error').length
      return {
        id,
        title: profile?.title ?? id,
        source: profile?.source ?? null,
        type: profile?.type ?? null,
        origin: originOf(file, from),
        errors,
        uses: counts.get(id) ?? NOBODY,
      }
    })
    .sort((a, b) => a.title.localeCompare(b.title))
}

function originOf(file: string, from: 'shipped' | 'user'): Origin {
  if (from === 'shipped') return 'shipped'
  return file.startsWith('own/') ? 'own' : 'folder'
}

export function profilePage(web: WebContext): Handler {
  return async (request, reply) => {
    const { id } = request.params as { id: string }
    const { profiles, problems } = web.catalogue()
    const profile = profiles.get(id)
    const own: Problem[] = problems.filter(problem => problem.profile === id)
    const text = await web.ownProfiles.get(id)
    const history = await web.ownProfiles.history(id)
    if (!profile && !text && history.length === 0) {
      throw new AppError('E_NOT_FOUND', `there is no profile "${id}"`, {
        hint: 'it may be abstract, or its file may be gone',
      })
    }
    const sections: PageSection[] = profile ? pageOf(web.plan([id])) : []
    const groups = profile ? groupsOf(profile) : []
    const users = (await web.devices.list()).filter(device =>
      device.identity?.profiles.includes(id),
    )
    return page(request, reply, 'profile', {
      title: profile?.title ?? id,
      id,
      profile: profile ?? null,
      text,
      history,
      problems: own,
      sections,
      groups: new Map(groups.map((group): [string, DraftGroup] => [group.id, group])),
      users: users.slice(0, namedMax).map(({ config }) => ({ id: config.id, name: config.name })),
      used: (await uses(web)).get(id) ?? NOBODY,
      isShipped: web.ownProfiles.isShipped(id),
    })
  }
}
