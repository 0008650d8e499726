// One-time tokens for agents, and the agents that they became. Hashes only: nothing here could
// enrol anybody.

import type { Selectable } from 'kysely'
import type { Database, Tables } from './database.ts'

export interface AgentToken {
  hash: string
  /** The first characters, by which people tell tokens apart. */
  prefix: string
  note: string
  /** Set: it enrols this device again, and makes none. */
  deviceId: string | null
  createdBy: string
  createdAt: number
  expiresAt: number
}

export interface Agent {
  deviceUid: number
  deviceId: string
  username: string
  src: string
  version: string
  /** From where it enrolled. */
  address: string
  enrolledAt: number
  revokedAt: number | null
}

/** What became of a token that somebody brought. */
export type Claim = AgentToken | 'unknown' | 'used' | 'expired'

export interface EnrolmentStore {
  addToken(token: AgentToken): Promise<void>
  /** Not used yet, expired ones among them; oldest first. */
  openTokens(): Promise<AgentToken[]>
  removeToken(hash: string): Promise<boolean>
  /** Tokens that expired or were used before `before`. */
  pruneTokens(before: number): Promise<void>
  /** Uses a token up. Of two at once, in whichever processes, one gets it. */
  claim(hash: string, at: number): Promise<Claim>
  /** The claim came to nothing: it may be used again. */
  unclaim(hash: string): Promise<void>
  /** Notes what a claimed token became. Other agents of its user name are revoked by that. */
  enrolled(hash: string, agent: Agent): Promise<void>
  agents(): Promise<Agent[]>
  /** False: there is none, or it was revoked before. */
  revoke(deviceUid: number, at: number): Promise<boolean>
}

export function enrolmentStore(database: Database): EnrolmentStore {
  const { db } = database
  const tokenOf = (hash: string) =>
    db.selectFrom('agent_token').selectAll().where('hash', '=', hash).executeTakeFirst()
  return {
    async addToken({ hash, prefix, note, deviceId, createdBy, createdAt, expiresAt }) {
      const times = { created_at: createdAt, expires_at: expiresAt, used_at: null, used_by: null }
      const row = { hash, prefix, note, device_id: deviceId, created_by: createdBy, ...times }
      await db.insertInto('agent_token').values(row).execute()
    },
    async openTokens() {
      const open = db.selectFrom('agent_token').selectAll().where('used_at', 'is', null)
      return (await open.orderBy('created_at').execute()).map(agentToken)
    },
    async removeToken(hash) {
      const { numDeletedRows } = await db
        .deleteFrom('agent_token')
        .where('hash', '=', hash)
        .where('used_at', 'is', null)
        .executeTakeFirstOrThrow()
      return numDeletedRows > 0n
    },
    async pruneTokens(before) {
      await db
        .deleteFrom('agent_token')
        .where(({ or, eb }) => or([eb('expires_at', '<', before), eb('used_at', '<', before)]))
        .execute()
    },
    async claim(hash, at) {
      const { numUpdatedRows } = await db
        .updateTable('agent_token')
        .set({ used_at: at })
        .where('hash', '=', hash)
        .where('used_at', 'is', null)
        .where('expires_at', '>=', at)
        .executeTakeFirstOrThrow()
      const row = await tokenOf(hash)
      if (!row) return 'unknown'
      if (numUpdatedRows > 0n) return agentToken(row)
      return row.used_at === null ? 'expired' : 'used'
    },
    async unclaim(hash) {
      await db.updateTable('agent_token').set({ used_at: null }).where('hash', '=', hash).execute()
    },
    async enrolled(hash, agent) {
      await database.transaction(async tx => {
        await tx.deleteFrom('agent').where('device_uid', '=', agent.deviceUid).execute()
        await tx
          .updateTable('agent')
          .set({ revoked_at: agent.enrolledAt })
          .where('username', '=', agent.username)
          .where('revoked_at', 'is', null)
          .execute()
        await tx.insertInto('agent').values(rowOf(agent)).execute()
        await tx
          .updateTable('agent_token')
          .set({ used_by: agent.deviceId })
          .where('hash', '=', hash)
          .execute()
      })
    },
    async agents() {
      return (await db.selectFrom('agent').selectAll().orderBy('device_id').execute()).map(agentOf)
    },
    async revoke(deviceUid, at) {
      const { numUpdatedRows } = await db
        .updateTable('agent')
        .set({ revoked_at: at })
        .where('device_uid', '=', deviceUid)
        .where('revoked_at', 'is', null)
        .executeTakeFirstOrThrow()
      return numUpdatedRows > 0n
    },
  }
}

function agentToken(row: Selectable<Tables['agent_token']>): AgentToken {
  return {
    hash: row.hash,
    prefix: row.prefix,
    note: row.note,
    deviceId: row.device_id,
    createdBy: row.created_by,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
  }
}

function agentOf(row: Selectable<Tables['agent']>): Agent {
  return {
    deviceUid: row.device_uid,
    deviceId: row.device_id,
    username: row.username,
    src: row.src,
    version: row.version,
    address: row.address,
    enrolledAt: row.enrolled_at,
    revokedAt: row.revoked_at,
  }
}

function rowOf(agent: Agent): Tables['agent'] {
  return {
    device_uid: agent.deviceUid,
    device_id: agent.deviceId,
    username: agent.username,
    src: agent.src,
    version: agent.version,
    address: agent.address,
    enrolled_at: agent.enrolledAt,
    revoked_at: agent.revokedAt,
  }
}
