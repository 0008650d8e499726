// Profiles that people write on the page or by the API: checked before they are kept, each save a version
// with who and when, back to any of them, deleted when nothing uses them.

import type { Audit } from '../audit.ts'
import type { ProfileBench } from '../collectors/profile-bench.ts'
import type { Device } from '../model/device.ts'
import { AppError, type FieldError } from '../model/errors.ts'
import { PROFILE_ID_PATTERN } from '../model/profile.ts'
import type { Actor } from '../model/user.ts'
import type { Catalogue, Problem } from '../profiles/catalogue.ts'
import type { Draft, DraftDevice, DraftReport } from '../profiles/draft.ts'
import type { ProfileStore, ProfileVersion } from '../store/profiles.ts'

/** Characters of one text; the largest profile of ours has 50,000. */
export const textCharsMax = 256 * 1024
/** Profiles of people in one installation. */
const profilesMax = 500
/** Devices that are looked at for what a draft would change. */
const devicesMax = 2000
/** Words that stand where an id would in the addresses of pages. */
const RESERVED = new Set(['new'])

/** Where the text in force comes from: a person's save, a file of their folder, or this program. */
export type ProfileOrigin = 'own' | 'folder' | 'shipped'

export interface ProfileText {
  id: string
  text: string
  origin: ProfileOrigin
  /** 0: it was never saved here, or a file is in its place. */
  version: number
}

export interface OwnProfiles {
  /** Null: there is none of this id, broken or not. */
  get(id: string): Promise<ProfileText | null>
  /** Ids of profiles that were saved here. */
  ids(): Promise<Set<string>>
  history(id: string): Promise<ProfileVersion[]>
  /** @throws AppError E_PROFILE_UNKNOWN */
  version(id: string, version: number): Promise<string>
  check(draft: Draft): Promise<DraftReport>
  /** Whether one that we ship lies below it. */
  isShipped(id: string): boolean
  /**
   * Keeps a text, in force at once here and within two seconds everywhere.
   * @param expected the version that was changed; 0 for one that was never saved here
   * @returns the new version
   * @throws AppError E_PROFILE_INVALID (with `errors`), E_PROFILE_CHANGED, E_PROFILE_FROM_FILE
   */
  save(draft: Draft, expected: number, by: Actor): Promise<number>
  /** @throws AppError E_PROFILE_UNKNOWN, E_PROFILE_USED, E_PROFILE_CHANGED */
  remove(id: string, expected: number, by: Actor): Promise<void>
}

export function createOwnProfiles(options: {
  store: ProfileStore
  bench: ProfileBench
  catalogue: () => Catalogue
  /** Ids that this program brings. */
  shipped: ReadonlySet<string>
  /** Looks at the store at once. */
  refresh(): Promise<void>
  devices(): readonly Device[]
  audit: Audit
  now?: () => number
}): OwnProfiles {
  const { store, bench, catalogue, shipped, refresh, devices, audit, now = Date.now } = options

  const check = (draft: Draft): Promise<DraftReport> => {
    assertDraft(draft)
    const known = devices().slice(0, devicesMax)
    return bench.check(draft, known.map(draftDevice))
  }

  const fileInPlace = (id: string): boolean => {
    const inForce = catalogue().sources.find(source => source.id === id)
    return inForce?.from === 'user' && !inForce.file.startsWith('own/')
  }

  return {
    check,
    isShipped: id => shipped.has(id),
    async get(id) {
      const inForce = catalogue().sources.find(source => source.id === id)
      if (inForce && fileInPlace(id))
        return { id, text: inForce.text, origin: 'folder', version: 0 }
      const saved = await store.get(id)
      if (saved) return { id, text: saved.text, origin: 'own', version: saved.version }
      return inForce ? { id, text: inForce.text, origin: 'shipped', version: 0 } : null
    },
    async ids() {
      return new Set((await store.list()).map(({ id }) => id))
    },
    history: id => store.history(id),
    async version(id, version) {
      const saved = await store.version(id, version)
      if (!saved) throw unknown(`there is no version ${version} of "${id}"`)
      return saved.text
    },
    async save(draft, expected, by) {
      const { id, text } = draft
      const { problems, breaks, counts } = await check(draft)
      if (fileInPlace(id)) throw fromFile(id)
      const faults = [...problems.filter(({ severity }) => severity === 'error'), ...breaks]
      if (faults.length > 0) throw invalid(id, faults)
      if (expected === 0 && (await store.list()).length >= profilesMax) {
        throw new AppError('E_PROFILE_MANY', `there are ${profilesMax} own profiles already`, {
          hint: 'delete some that nothing uses',
        })
      }
      const version = await store.save(id, text, { expected, by: by.name, at: now() })
      await refresh()
      const before = expected === 0 ? null : { version: expected }
      await audit.record(by, expected === 0 ? 'profile.create' : 'profile.update', thing(id), {
        before,
        after: { version, devices: counts.before },
      })
      return version
    },
    async remove(id, expected, by) {
      const saved = await store.get(id)
      if (!saved) throw unknown(`"${id}" was not written here`)
      if (!shipped.has(id)) assertUnused(id, catalogue(), devices())
      await store.save(id, null, { expected, by: by.name, at: now() })
      await refresh()
      await audit.record(by, 'profile.delete', thing(id), { before: { version: saved.version } })
    },
  }
}

const thing = (id: string): string => `profile:${id}`

/** @throws AppError E_PROFILE_INVALID for what is not even looked at */
export function assertDraft({ id, text }: Draft): void {
  const errors: FieldError[] = []
  if (!new RegExp(PROFILE_ID_PATTERN).test(id) || RESERVED.has(id))
    errors.push({ path: 'id', message: 'must be a-z, 0-9, and . _ - after the first; at most 63' })
  if (text.length > textCharsMax)
    errors.push({ path: 'text', message: `must have at most ${textCharsMax} characters` })
  if (errors.length === 0) return
  const [first] = errors
  throw new AppError(
    'E_PROFILE_INVALID',
    `the profile is not valid: ${first?.path} ${first?.message}`,
    {
      errors,
    },
  )
}

function draftDevice({ config, identity }: Device): DraftDevice {
  return {
    id: config.id,
    name: config.name,
    kind: config.kind,
    wanted: config.profiles,
    profiles: identity?.profiles ?? [],
    sysObjectID: identity?.sysObjectID ?? '',
    sysDescr: identity?.sysDescr ?? '',
  }
}

function assertUnused(id: string, { profiles }: Catalogue, devices: readonly Device[]): void {
  const heirs = [...profiles.values()].filter(({ definition }) => definition.ancestors.has(id))
  const users = devices.filter(
    ({ config, identity }) => config.profiles.includes(id) || identity?.profiles.includes(id),
  )
  const [device] = users
  const [heir] = heirs
  if (!device && !heir) return
  const who = device
    ? `${users.length} device${users.length === 1 ? '' : 's'}, as ${device.config.id}`
    : `the profile ${heir?.id}`
  throw new AppError('E_PROFILE_USED', `"${id}" is used by ${who}`, {
    hint: 'only what nothing uses can be deleted',
  })
}

function invalid(id: string, faults: readonly Problem[]): AppError {
  const [first] = faults
  const message = first ? `${first.file}:${first.line}:${first.column}: ${first.message}` : ''
  return new AppError('E_PROFILE_INVALID', `the profile "${id}" is not saved: ${message}`, {
    errors: faults.map(({ file, line, column, message, hint }) => ({
      path: `${file}:${line}:${column}`,
      message: hint === '' ? message : `${message} (${hint})`,
    })),
    hint: 'mend what is listed; what was in force stays in force',
  })
}

function unknown(message: string): AppError {
  return new AppError('E_PROFILE_UNKNOWN', message, { hint: 'look at the list of profiles' })
}

function fromFile(id: string): AppError {
  return new AppError(
    'E_PROFILE_FROM_FILE',
    `a file of the profile folder is in the place of "${id}"`,
    {
      hint: 'change that file, or take it away first',
    },
  )
}
