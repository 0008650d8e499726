// Looking for devices: ranges and credentials in, what answered out, live while it runs; what is
// chosen of it becomes devices.

import { createHash } from 'node:crypto'
import Type from 'typebox'
import { credentialsText, type ScanCredentials } from '../../devices/discovery-view.ts'
import { AppError, type FieldError } from '../../model/errors.ts'
import { checker } from '../../validate.ts'
import { actorOf } from '../actor.ts'
import type { Handler, WebContext } from '../context.ts'
import { say } from '../languages/say.ts'
import { page } from '../render.ts'
import { readValues, type Values } from './device-fields.ts'

/** Credentials to choose from: those of most devices come first. */
const CHOICES_MAX = 50

const Many = Type.Optional(Type.Union([Type.String(), Type.Array(Type.String())]))
const checkChosen = checker(Type.Object({ credential: Many, address: Many }))

interface Choice {
  /** Says which it is, without saying what is in it. */
  key: string
  label: string
  credentials: ScanCredentials
  /** Devices that have them. */
  used: number
}

/** Secrets that belong to one device are reached by that device's credentials. */
const OF_DEVICE = /\.(community|auth|priv|tls\.(ca|cert|key)|ssh\.key)$/

/** What devices have now, and secrets that stand for themselves as communities. */
async function choicesOf(web: WebContext): Promise<Choice[]> {
  const found = new Map<string, Choice>()
  const add = (credentials: ScanCredentials, used: number) => {
    const key = createHash('sha256').update(JSON.stringify(credentials)).digest('hex').slice(0, 16)
    const known = found.get(key)
    if (known) known.used += used
    else found.set(key, { key, label: credentialsText(credentials), credentials, used })
  }
  for (const { config } of await web.devices.list()) {
    if (config.kind === 'snmp' && config.credentials) add(config.credentials, 1)
  }
  for (const { name } of await web.store.secrets.list()) {
    if (!OF_DEVICE.test(name)) add({ version: '2c', community: { secret: name } }, 0)
  }
  return [...found.values()].sort((a, b) => b.used - a.used).slice(0, CHOICES_MAX)
}

/** What `views/discovery/_body` shows. */
export function discoveryData(web: WebContext): Record<string, unknown> {
  return { scan: web.discovery?.view() ?? null }
}

interface Shown {
  values: Values
  chosen: readonly string[]
  errors: FieldError[]
  problem: string
  results: { address: string; id: string; problem: string | null }[]
}

const EMPTY: Shown = { values: {}, chosen: [], errors: [], problem: '', results: [] }

export function discoveryPage(web: WebContext): Handler {
  return (request, reply) => show(web, request, reply, {})
}

export function startScan(web: WebContext): Handler {
  return (request, reply) => {
    const { values, chosen } = formOf(request.body)
    return done(web, request, reply, { values, chosen }, async () => {
      const credentials = (await choicesOf(web))
        .filter(({ key }) => chosen.includes(key))
        .map(one => one.credentials)
      const { community = '', port = '', ranges = '' } = values
      if (community) credentials.push({ version: '2c', community })
      const order = { ranges, credentials, ...(port && { port: Number(port) }) }
      await theDiscovery(web).start(order, actorOf(request))
      return reply.redirect('/discovery', 303)
    })
  }
}

export function cancelScan(web: WebContext): Handler {
  return (request, reply) =>
    done(web, request, reply, {}, async () => {
      await theDiscovery(web).cancel(actorOf(request))
      return reply.redirect('/discovery', 303)
    })
}

export function addFound(web: WebContext): Handler {
  return (request, reply) => {
    const { values, addresses } = formOf(request.body)
    return done(web, request, reply, { values }, async () => {
      const { every = '', location = '', tags = '' } = values
      const choice = {
        addresses,
        ...(every.trim() && { every: every.trim() }),
        ...(location.trim() && { location: location.trim() }),
        ...(tags.trim() && { tags: [...new Set(tags.split(/[\s,]+/).filter(Boolean))] }),
      }
      const results = await theDiscovery(web).add(choice, actorOf(request))
      if (results.some(({ problem }) => problem !== null)) reply.code(422)
      return show(web, request, reply, { results })
    })
  }
}

/** What is wrong with what was asked stands on the page, with what was typed. */
async function done(
  web: WebContext,
  request: Parameters<Handler>[0],
  reply: Parameters<Handler>[1],
  shown: Partial<Shown>,
  work: () => Promise<unknown>,
): Promise<unknown> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof AppError) || error.passing) throw error
    reply.code(422)
    const problem = [error.message, error.hint].filter(Boolean).join(': ')
    return show(web, request, reply, { ...shown, errors: error.errors, problem })
  }
}

async function show(
  web: WebContext,
  request: Parameters<Handler>[0],
  reply: Parameters<Handler>[1],
  shown: Partial<Shown>,
): Promise<string> {
  const { values = {}, ...rest } = shown
  const { community: _typed, ...kept } = values
  return page(request, reply, 'discovery', {
    title: say(request).discovery.title,
    ...EMPTY,
    ...rest,
    values: kept,
    choices: await choicesOf(web),
    ...discoveryData(web),
  })
}

function formOf(body: unknown): { values: Values; chosen: string[]; addresses: string[] } {
  const checked = checkChosen(body)
  const { credential = [], address = [] } = checked.ok ? checked.value : {}
  return { values: readValues(body), chosen: [credential].flat(), addresses: [address].flat() }
}

/** @throws AppError E_DISCOVERY_OFF */
export function theDiscovery(web: WebContext): NonNullable<WebContext['discovery']> {
  if (web.discovery) return web.discovery
  throw new AppError('E_DISCOVERY_OFF', 'this process does not look for devices')
}
