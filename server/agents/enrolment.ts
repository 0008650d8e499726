// How a host becomes a device: an admin makes a token that works once, the host's agent brings it and
// gets a user of its own on the broker, which may publish its own device's topics and nothing else. A little
// past 300 lines: making, undoing and ending an account are one state, and are read together.

import { createHash, randomBytes } from 'node:crypto'
import type { Audit } from '../audit.ts'
import type { Account, Accounts } from '../bus/accounts.ts'
import { ackTopic, agentSettingsTopic, eventTopic } from '../bus/topics.ts'
import type { Logger } from '../log.ts'
import { AGENT_EVENT_KINDS, ENROL_PREFIX, type EnrolAnswer, EnrolRequest } from '../model/agent.ts'
import type { Device } from '../model/device.ts'
import { AppError, messageOf } from '../model/errors.ts'
import type { Actor } from '../model/user.ts'
import type { Agent, AgentToken, EnrolmentStore } from '../store/enrolment.ts'
import { checker } from '../validate.ts'
import { freeId, LOCAL_ID } from './id.ts'

/** Tokens that wait to be used, at a time. */
const openTokensMax = 100
/** How long a token may wait to be used, ms. */
const tokenMsMin = 60_000
const tokenMsMax = 30 * 86_400_000
/** Used and expired tokens are remembered so long, to say what became of them, ms. */
const rememberMs = 30 * 86_400_000
/** Devices of one host's name that are tried before it is refused. */
const namesMax = 100
const noteCharsMax = 100

const checkRequest = checker(EnrolRequest)

export interface EnrolmentOptions {
  store: EnrolmentStore
  accounts: Accounts
  audit: Audit
  site: string
  /** Adds a device of kind `agent`. @throws AppError E_DEVICE_EXISTS where the id is taken */
  addDevice(document: { id: string; name: string; every: string }, by: Actor): Promise<Device>
  removeDevice(id: string, by: Actor): Promise<void>
  /** The device of this id as it is now. */
  device(id: string): Promise<Device | null>
  /** What the host told of itself goes to its device. */
  identify(device: Device, facts: Record<string, string>, hasContainers: boolean): Promise<void>
  log: Logger
  now?: () => number
}

export interface Enrolment {
  /**
   * Makes a token; its text is given back once and kept only as a hash.
   * @param wanted.device a device that is there: its agent enrols again
   * @throws AppError E_AGENT_TOKEN_AGE, E_AGENT_TOKENS (too many wait), E_DEVICE_UNKNOWN,
   *   E_AGENT_LOCAL (this machine, which enrols with nobody)
   */
  makeToken(
    wanted: { note?: string; expiresInMs: number; device?: string | null },
    by: Actor,
  ): Promise<{ token: string; prefix: string; expiresAt: number }>
  /** Takes an unused token back, by its prefix. False: there is none such. */
  withdraw(prefix: string, by: Actor): Promise<boolean>
  /**
   * @param mqttUrl the broker as this host reaches it
   * @throws AppError E_ENROL_TOKEN (unknown, used or expired), E_ENROL_INVALID, E_ACCOUNT
   */
  enrol(
    token: string,
    request: unknown,
    from: { address: string; mqttUrl: string },
  ): Promise<EnrolAnswer>
  /**
   * Ends an agent's account and cuts it off at once; its device stays, with its history.
   * @throws AppError E_AGENT_UNKNOWN
   */
  revoke(deviceId: string, by: Actor): Promise<void>
  agents(): Promise<Agent[]>
  tokens(): Promise<AgentToken[]>
  /** Revokes the agents whose device was deleted, so that no later device of the id hears them. */
  revokeGone(isThere: (agent: Agent) => boolean): Promise<void>
}

const SYSTEM: Actor = { name: 'system', address: '' }

export function createEnrolment(options: EnrolmentOptions): Enrolment {
  const { store, accounts, audit, site, log, now = Date.now } = options
  const turns = new Map<string, Promise<void>>()

  /** One at a time for each user name: the end of an old agent must not hit a new one of its name. */
  function inTurn<T>(username: string, work: () => Promise<T>): Promise<T> {
    const done = (turns.get(username) ?? Promise.resolve()).then(work)
    const turn = done.then(leave, leave)
    function leave(): void {
      if (turns.get(username) === turn) turns.delete(username)
    }
    turns.set(username, turn)
    return done
  }

  /** The device of a token that names one, else a new one with a name like the host's. */
  async function deviceFor(claimed: AgentToken, asked: EnrolRequest, by: Actor) {
    if (claimed.deviceId !== null) {
      refuseLocal(claimed.deviceId)
      const device = await options.device(claimed.deviceId)
      if (device?.config.kind === 'agent') return { device, isNew: false }
      throw refused('unknown', `its device "${claimed.deviceId}" is not there any more`)
    }
    const { name, every } = asked
    for (const id of freeId(name, namesMax)) {
      try {
        return { device: await options.addDevice({ id, name, every }, by), isNew: true }
      } catch (error) {
        if (!(error instanceof AppError && error.code === 'E_DEVICE_EXISTS')) throw error
      }
    }
    throw new AppError('E_ENROL_INVALID', `there are ${namesMax} devices like "${name}" already`, {
      hint: 'give this host another --name',
    })
  }

  async function enrolClaimed(
    claimed: AgentToken,
    asked: EnrolRequest,
    from: { address: string; mqttUrl: string },
  ): Promise<EnrolAnswer> {
    const { device, isNew } = await deviceFor(claimed, asked, actorOf(claimed, from))
    return inTurn(usernameOf(device.config.id), () => become(device, isNew, claimed, asked, from))
  }

  /** The host is this device from now on. */
  async function become(
    device: Device,
    isNew: boolean,
    claimed: AgentToken,
    asked: EnrolRequest,
    from: { address: string; mqttUrl: string },
  ): Promise<EnrolAnswer> {
    const by = actorOf(claimed, from)
    const { id } = device.config
    const src = `agent-${randomBytes(8).toString('hex')}`
    let isIssued = false
    try {
      const { username, password } = await accounts.issue(accountOf(site, id, src))
      isIssued = true
      const times = { enrolledAt: now(), revokedAt: null }
      const rest = { version: asked.version, address: from.address, ...times }
      const agent = { deviceUid: device.uid, deviceId: id, username, src, ...rest }
      await store.enrolled(claimed.hash, agent)
      const hasContainers = asked.has?.includes('docker') ?? false
      await options.identify(device, { name: asked.name, ...asked.facts }, hasContainers)
      await audit.record(by, 'agent.enrol', `device:${id}`, { after: { username, src } })
      log.info({ device: id, address: from.address }, 'an agent enrolled')
      const mqtt = { url: from.mqttUrl, username, password }
      return { site, device: id, src, mqtt, kinds: [...AGENT_EVENT_KINDS], settings: true }
    } catch (error) {
      await undo(device, { isNew, isIssued }, by)
      throw error
    }
  }

  /**
   * What was made for an enrolment that failed goes, and no more: where no account was issued, the
   * agent that has this device still runs. What cannot be undone is said in the log.
   */
  async function undo(
    { uid, config: { id } }: Device,
    { isNew, isIssued }: { isNew: boolean; isIssued: boolean },
    by: Actor,
  ): Promise<void> {
    try {
      if (isIssued) {
        await accounts.revoke(usernameOf(id))
        await store.revoke(uid, now())
      }
      if (isNew) await options.removeDevice(id, by)
    } catch (error) {
      log.error({ device: id, err: messageOf(error) }, 'a failed enrolment left its device behind')
    }
  }

  async function endAccount(agent: Agent, by: Actor): Promise<void> {
    // Its account may be another agent's by now.
    const { deviceUid, src } = agent
    const current = (await store.agents()).find(one => one.deviceUid === deviceUid)
    if (current?.src !== src || current.revokedAt !== null) return
    // The account first: where the broker does not take it, the agent must not look revoked.
    await accounts.revoke(agent.username)
    if (!(await store.revoke(agent.deviceUid, now()))) return
    await audit.record(by, 'agent.revoke', `device:${agent.deviceId}`)
    log.info({ device: agent.deviceId, by: by.name }, 'an agent was revoked')
  }

  return {
    async makeToken({ note = '', expiresInMs, device = null }, by) {
      if (!(expiresInMs >= tokenMsMin && expiresInMs <= tokenMsMax)) {
        throw new AppError('E_AGENT_TOKEN_AGE', 'a token waits for one minute to 30 days', {
          errors: [{ path: 'expires', message: 'must be 1m to 30d' }],
        })
      }
      if (device !== null) refuseLocal(device)
      if (device !== null && (await options.device(device))?.config.kind !== 'agent') {
        throw new AppError('E_DEVICE_UNKNOWN', `there is no host "${device}"`)
      }
      const at = now()
      await store.pruneTokens(at - rememberMs)
      if ((await store.openTokens()).length >= openTokensMax) {
        throw new AppError('E_AGENT_TOKENS', `${openTokensMax} tokens wait to be used`, {
          hint: 'withdraw some of them first',
        })
      }
      const token = `${ENROL_PREFIX}${randomBytes(32).toString('base64url')}`
      const prefix = token.slice(0, ENROL_PREFIX.length + 6)
      const expiresAt = at + expiresInMs
      const times = { createdAt: at, expiresAt }
      const shown = { prefix, note: note.slice(0, noteCharsMax), deviceId: device }
      await store.addToken({ hash: hashOf(token), ...shown, createdBy: by.name, ...times })
      await audit.record(by, 'agent.token', `agent-token:${prefix}`, {
        after: { device, expiresAt },
      })
      return { token, prefix, expiresAt }
    },

    async withdraw(prefix, by) {
      const found = (await store.openTokens()).find(token => token.prefix === prefix)
      if (!found || !(await store.removeToken(found.hash))) return false
      await audit.record(by, 'agent.token-withdraw', `agent-token:${prefix}`)
      return true
    },

    async enrol(token, request, from) {
      const checked = checkRequest(request)
      if (!checked.ok) {
        const { errors } = checked
        throw new AppError('E_ENROL_INVALID', 'what the host told of itself is not valid', {
          errors,
        })
      }
      const hash = hashOf(token)
      const claimed = await store.claim(hash, now())
      if (typeof claimed === 'string') {
        const by = { name: 'nobody', address: from.address }
        await audit.record(by, 'agent.refused', `agent-token:${claimed}`)
        throw refused(claimed)
      }
      try {
        return await enrolClaimed(claimed, checked.value, from)
      } catch (error) {
        await store.unclaim(hash)
        throw error
      }
    },

    async revoke(deviceId, by) {
      const agent = (await store.agents()).find(
        one => one.deviceId === deviceId && one.revokedAt === null,
      )
      if (!agent) {
        throw new AppError('E_AGENT_UNKNOWN', `no agent of "${deviceId}" is enrolled`, {
          hint: 'it may have been revoked before',
        })
      }
      await inTurn(agent.username, () => endAccount(agent, by))
    },

    agents: () => store.agents(),
    tokens: () => store.openTokens(),

    async revokeGone(isThere) {
      const gone = (await store.agents()).filter(one => one.revokedAt === null && !isThere(one))
      for (const agent of gone) await inTurn(agent.username, () => endAccount(agent, SYSTEM))
    },
  }
}

function usernameOf(deviceId: string): string {
  return `agent-${deviceId}`
}

function actorOf(claimed: AgentToken, from: { address: string }): Actor {
  return { name: `agent-token:${claimed.prefix}`, address: from.address }
}

/** Pollux measures its own machine itself: a second sender would write into its rows. */
function refuseLocal(deviceId: string): void {
  if (deviceId !== LOCAL_ID) return
  throw new AppError('E_AGENT_LOCAL', `"${LOCAL_ID}" is measured by Pollux itself`, {
    hint: 'make a token for another host, or for a new one',
  })
}

/** All that an agent may do on the broker. */
export function accountOf(site: string, deviceId: string, src: string): Omit<Account, 'createdAt'> {
  const mine = `pollux/${site}/devices/${deviceId}`
  return {
    username: usernameOf(deviceId),
    role: 'agent',
    publish: [
      ...[`${mine}/samples/+`, `${mine}/rows/+`],
      ...AGENT_EVENT_KINDS.map(kind => eventTopic(site, deviceId, kind)),
    ],
    subscribe: [ackTopic(site, src), agentSettingsTopic(site, src)],
  }
}

const WHY = {
  unknown: 'it is not known here',
  used: 'it was used before, and works only once',
  expired: 'it expired',
} as const

function refused(why: keyof typeof WHY, text: string = WHY[why]): AppError {
  return new AppError('E_ENROL_TOKEN', `the token is refused: ${text}`, {
    hint: 'an administrator makes a new one on the page Agents',
  })
}

function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('hex')
}
