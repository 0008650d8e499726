// The catalogue of now, broken files included; and a profile by its id: read, kept in a new version, or
// deleted. What a person may not save on the page no program may save here.

import Type from 'typebox'
import { AppError } from '../../model/errors.ts'
import type { Catalogue, CatalogueProfile, ProfileSource } from '../../profiles/catalogue.ts'
import type { Route, WebContext } from '../context.ts'
import type { ProfileText } from '../own-profiles.ts'
import { type Asked, call, closed, JSON_TYPE } from './call.ts'
import { assertMatch, entityTag } from './precondition.ts'

const ProfileParams = Type.Object({ id: Type.String({ minLength: 1, maxLength: 63 }) }, closed)
const PROFILE_BODY = {
  types: [JSON_TYPE],
  schema: { type: 'object', description: 'a profile, as docs/profiles.md specifies it' },
}

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

export interface OneProfileAnswer {
  id: string
  /** `own`: kept here; `folder`: a file of POLLUX_PROFILES_DIR; `shipped`: it comes with Pollux. */
  origin: ProfileText['origin']
  /** 0: never saved here. */
  version: number
  /** As it was written. */
  text: string
}

export function profileCalls(web: WebContext): Route[] {
  return [profilesCall(web), readCall(web), replaceCall(web), removeCall(web)]
}

function readCall(web: WebContext): Route {
  return call({
    method: 'GET',
    path: '/api/v1/profiles/:id',
    permission: 'profiles.read',
    summary: 'One profile as it was written',
    params: ProfileParams,
    answer: async ({ params, reply }) => tagged(reply, await known(web, params.id)),
  })
}

function replaceCall(web: WebContext): Route {
  return call({
    method: 'PUT',
    path: '/api/v1/profiles/:id',
    permission: 'profiles.write',
    summary: 'Keeps a profile, in a new version',
    params: ProfileParams,
    body: PROFILE_BODY,
    async answer({ params: { id }, body, by, request, reply }) {
      const before = await web.ownProfiles.get(id)
      const version = before?.version ?? 0
      assertMatch(request.headers['if-match'], version)
      const text = `${JSON.stringify(body, null, 2)}\n`
      await web.ownProfiles.save({ id, text }, version, by)
      if (version === 0) reply.code(201)
      return tagged(reply, await known(web, id))
    },
  })
}

function removeCall(web: WebContext): Route {
  return call({
    method: 'DELETE',
    path: '/api/v1/profiles/:id',
    permission: 'profiles.write',
    summary: 'Deletes a profile that was kept here and that nothing uses',
    status: 204,
    params: ProfileParams,
    async answer({ params: { id }, by, request, reply }) {
      const { version } = await known(web, id)
      assertMatch(request.headers['if-match'], version)
      await web.ownProfiles.remove(id, version, by)
      return reply.send()
    },
  })
}

/** @throws AppError E_PROFILE_UNKNOWN */
async function known(web: WebContext, id: string): Promise<ProfileText> {
  const found = await web.ownProfiles.get(id)
  if (found) return found
  throw new AppError('E_PROFILE_UNKNOWN', 'there is no such profile', {
    hint: 'GET /api/v1/profiles lists them',
  })
}

function tagged(
  reply: Asked<unknown, unknown>['reply'],
  { id, origin, version, text }: ProfileText,
): OneProfileAnswer {
  reply.header('etag', entityTag(version))
  return { id, origin, version, text }
}

function profilesCall(web: WebContext): Route {
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
