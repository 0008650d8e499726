// Profiles that people wrote here, each with its history. Versions are only added: who saves says which
// one was changed, and of two at once the second is told.

import { sql } from 'kysely'
import { AppError } from '../model/errors.ts'
import type { Database, Db } from './database.ts'
import { isDuplicateKey } from './failures.ts'

/** Versions of one profile that are kept. */
const versionsMax = 100
/** Profiles that are read at once. */
const profilesMax = 1000

export interface SavedProfile {
  id: string
  version: number
  text: string
  by: string
  at: number
}

/** One save without its text; `isDeleted`: the profile was deleted then. */
export interface ProfileVersion extends Omit<SavedProfile, 'text'> {
  isDeleted: boolean
}

export interface ProfileStore {
  /** Another text after each change by anybody: cheap to ask for. */
  stamp(): Promise<string>
  /** The newest version of each profile that is not deleted, by id. */
  list(): Promise<SavedProfile[]>
  /** Null: never saved, or deleted. */
  get(id: string): Promise<SavedProfile | null>
  /** Newest first. */
  history(id: string): Promise<ProfileVersion[]>
  /** Null: there is no such version, or nothing was in it. */
  version(id: string, version: number): Promise<SavedProfile | null>
  /**
   * Adds a version; a null text deletes. Of a profile that is not there `expected` is 0.
   * @returns the new version
   * @throws AppError E_PROFILE_CHANGED (somebody saved in between)
   */
  save(
    id: string,
    text: string | null,
    options: { expected: number; by: string; at: number },
  ): Promise<number>
}

export function profileStore(database: Database): ProfileStore {
  const { db } = database
  return {
    async stamp() {
      // Counted too: of two that save at once the lower number may come later.
      const { count, max } = await db
        .selectFrom('profile_version')
        .select(({ fn }) => [
          fn.countAll<number>().as('count'),
          fn.max<number | null>('id').as('max'),
        ])
        .executeTakeFirstOrThrow()
      return `${count} ${max}`
    },
    async list() {
      const rows = await db
        .selectFrom('profile_version as one')
        .selectAll()
        .where('body', 'is not', null)
        .where(({ not, exists, selectFrom }) =>
          not(
            exists(
              selectFrom('profile_version as newer')
                .select('newer.id')
                .whereRef('newer.profile', '=', 'one.profile')
                .whereRef('newer.version', '>', 'one.version'),
            ),
          ),
        )
        .orderBy('profile')
        .limit(profilesMax)
        .execute()
      return rows.flatMap(row => saved(row) ?? [])
    },
    async get(id) {
      const newest = await newestOf(db, id)
      return newest ? saved(newest) : null
    },
    async history(id) {
      const rows = await db
        .selectFrom('profile_version')
        .select(['profile', 'version', 'saved_by', 'saved_at'])
        .select(sql<number>`body is null`.as('gone'))
        .where('profile', '=', id)
        .orderBy('version', 'desc')
        .limit(versionsMax)
        .execute()
      return rows.map(row => ({
        ...{ id: row.profile, version: row.version, by: row.saved_by, at: row.saved_at },
        isDeleted: Number(row.gone) === 1,
      }))
    },
    async version(id, version) {
      const row = await db
        .selectFrom('profile_version')
        .selectAll()
        .where('profile', '=', id)
        .where('version', '=', version)
        .executeTakeFirst()
      return row ? saved(row) : null
    },
    async save(id, text, { expected, by, at }) {
      try {
        return await database.transaction(async tx => {
          const newest = await newestOf(tx, id)
          const current = newest && newest.body !== null ? newest.version : 0
          if (current !== expected) throw changed()
          const version = (newest?.version ?? 0) + 1
          const row = { profile: id, version, body: text, saved_by: by, saved_at: at }
          await tx.insertInto('profile_version').values(row).execute()
          await tx
            .deleteFrom('profile_version')
            .where('profile', '=', id)
            .where('version', '<=', version - versionsMax)
            .execute()
          return version
        })
      } catch (error) {
        if (isDuplicateKey(error)) throw changed()
        throw error
      }
    },
  }
}

interface Row {
  profile: string
  version: number
  body: string | null
  saved_by: string
  saved_at: number
}

function newestOf(db: Db, id: string): Promise<Row | undefined> {
  return db
    .selectFrom('profile_version')
    .selectAll()
    .where('profile', '=', id)
    .orderBy('version', 'desc')
    .limit(1)
    .executeTakeFirst()
}

function saved({ profile, version, body, saved_by, saved_at }: Row): SavedProfile | null {
  return body === null ? null : { id: profile, version, text: body, by: saved_by, at: saved_at }
}

function changed(): AppError {
  return new AppError('E_PROFILE_CHANGED', 'somebody saved this profile in between', {
    hint: 'compare with the version of now, and save again',
  })
}
