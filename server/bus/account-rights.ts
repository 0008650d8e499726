// What an account of each role may do on the broker, and what its user is called. Agents are not here:
// they enrol (agents/enrolment).

import { AppError, type FieldError } from '../model/errors.ts'
import type { Account } from './accounts.ts'

/** Roles that a person gives by hand. */
export const HAND_MADE_ROLES = ['sensor', 'guest', 'poller'] as const
export type HandMadeRole = (typeof HAND_MADE_ROLES)[number]

/** Topic filters of one sensor. */
export const sensorTopicsMax = 50
const NAME = /^[A-Za-z0-9._-]{1,100}$/
const CLIENT_ID = /^[\x21-\x7e]{1,128}$/

export interface AccountWish {
  name: string
  role: HandMadeRole
  /** Of a sensor: the topic filters to which it sends. */
  topics: readonly string[]
  /** What Mosquitto binds it to instead of its user name: devices that choose their own. */
  clientId?: string
}

/**
 * The account that a person means. Its user is `<role>-<name>`, so that it never takes the name of an
 * agent or of a part of Pollux.
 * @throws AppError E_ACCOUNT_INVALID naming each wrong field
 */
export function rightsOf(
  site: string,
  { name, role, topics, clientId }: AccountWish,
): Omit<Account, 'createdAt'> & { clientId?: string } {
  const errors = [
    ...(NAME.test(name) ? [] : [error('name', NAME_RULE)]),
    ...(clientId === undefined || CLIENT_ID.test(clientId) ? [] : [error('clientId', ID_RULE)]),
    ...topicErrors(role, topics),
  ]
  if (errors.length > 0)
    throw new AppError('E_ACCOUNT_INVALID', 'the account is not valid', { errors })
  const username = `${role}-${name}`
  return { username, role, ...grants(site, role, topics), ...(clientId && { clientId }) }
}

function grants(
  site: string,
  role: HandMadeRole,
  topics: readonly string[],
): Pick<Account, 'publish' | 'subscribe'> {
  const ours = `pollux/${site}`
  if (role === 'sensor') return { publish: [...new Set(topics)], subscribe: [] }
  if (role === 'guest') return { publish: [], subscribe: [`${ours}/devices/#`] }
  return {
    publish: [`${ours}/devices/#`, `${ours}/receipts/#`, `${ours}/nodes/#`],
    subscribe: [`${ours}/acks/#`, `${ours}/commands/#`, `${ours}/settings/#`],
  }
}

function topicErrors(role: HandMadeRole, topics: readonly string[]): FieldError[] {
  if (role !== 'sensor')
    return topics.length === 0 ? [] : [error('topics', 'are given to sensors alone')]
  if (topics.length === 0) return [error('topics', 'are missing: to what does the sensor send?')]
  if (topics.length > sensorTopicsMax)
    return [error('topics', `are more than ${sensorTopicsMax}: use wildcards`)]
  const wrong = topics.filter(topic => !isForeign(topic))
  return wrong.map(topic => error('topics', `"${topic.slice(0, 100)}" ${TOPIC_RULE}`))
}

/** A filter that reaches nothing of Pollux: its first level is a name of its own (MQTT 3.1.1, 4.7.1). */
function isForeign(filter: string): boolean {
  const [first = '', ...rest] = filter.split('/')
  return (
    /^[^$+#\0]+$/.test(first) &&
    first !== 'pollux' &&
    filter.length <= 1024 &&
    rest.every((level, i) =>
      level === '#' ? i === rest.length - 1 : level === '+' || !/[+#\0]/.test(level),
    )
  )
}

const NAME_RULE = 'must be of letters, digits, dots, hyphens and underscores, at most 100'
const ID_RULE = 'must be at most 128 visible ASCII characters'
const TOPIC_RULE =
  'cannot be a topic of a sensor: it begins with a name that is not "pollux" and no wildcard, and + and # stand alone between slashes'

function error(path: string, message: string): FieldError {
  return { path, message }
}
