// The catalogue: every profile, what is wrong with which file, and what one of them reads.

import { AppError } from '../../model/errors.ts'
import type { Problem } from '../../profiles/catalogue.ts'
import type { PageSection } from '../../profiles/face.ts'
import { pageOf } from '../../profiles/page.ts'
import type { Handler, WebContext } from '../context.ts'
import { page } from '../render.ts'

/** How many devices use each profile. */
async function uses(web: WebContext): Promise<Map<string, number>> {
  const counts = new Map<string, number>()
  for (const { identity } of await web.devices.list()) {
    for (const id of identity?.profiles ?? []) counts.set(id, (counts.get(id) ?? 0) + 1)
  }
  return counts
}

export function profilesPage(web: WebContext): Handler {
  return async (request, reply) => {
    const { profiles, problems } = web.catalogue()
    return page(request, reply, 'profiles', {
      title: 'Profiles',
      profiles: [...profiles.values()].sort((a, b) => a.title.localeCompare(b.title)),
      problems,
      uses: await uses(web),
    })
  }
}

export function profilePage(web: WebContext): Handler {
  return async (request, reply) => {
    const { id } = request.params as { id: string }
    const { profiles, problems } = web.catalogue()
    const profile = profiles.get(id)
    const own: Problem[] = problems.filter(problem => problem.profile === id)
    if (!profile && own.length === 0) {
      throw new AppError('E_NOT_FOUND', `there is no profile "${id}"`, {
        hint: 'it may be abstract, or its file may be gone',
      })
    }
    const sections: PageSection[] = profile ? pageOf(web.plan([id])) : []
    return page(request, reply, 'profile', {
      title: profile?.title ?? id,
      id,
      profile: profile ?? null,
      problems: own,
      sections,
      used: (await uses(web)).get(id) ?? 0,
    })
  }
}
