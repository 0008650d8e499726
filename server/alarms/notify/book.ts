// The channels and routes that an admin made: checked, stored with their versions, secrets sealed apart
// and never read back, everything in the audit log.

import Type, { type Static } from 'typebox'
import type { Audit } from '../../audit.ts'
import { AppError, type FieldError } from '../../model/errors.ts'
import type { Notice } from '../../model/notice.ts'
import type { Actor } from '../../model/user.ts'
import type { Secrets } from '../../secrets.ts'
import type { SecretStore } from '../../store/contract.ts'
import type { NoticeStore } from '../../store/notice-contract.ts'
import { type Checked, checker } from '../../validate.ts'
import type { ChannelKind, Tools } from './channel.ts'
import { CHANNEL_KINDS, channelKindOf } from './channels.ts'
import type { OpenChannel } from './courier.ts'
import { isZone, Route, type StoredRoute } from './route.ts'

const channelsMax = 100
const routesMax = 100
const testMsMax = 30_000
const HEARTBEAT = 'notify.heartbeat'

const ID = '^[a-z0-9][a-z0-9-]{0,39}$'
const ChannelDocument = Type.Object({
  name: Type.String({ minLength: 1, maxLength: 100 }),
  kind: Type.Enum(CHANNEL_KINDS.map(({ kind }) => kind)),
  enabled: Type.Boolean(),
  config: Type.Record(Type.String(), Type.Unknown(), { maxProperties: 50 }),
})
type ChannelDocument = Static<typeof ChannelDocument>
const checkChannel = checker(ChannelDocument)
const checkRoute = checker(Route)
const checkId = checker(Type.String({ pattern: ID }))
const checkUrl = checker(Type.String({ pattern: '^https?://[^\\s]{1,2000}$' }))

/** As people see it: a secret is only said to be there. */
export interface Channel extends ChannelDocument {
  id: string
  version: number
  /** Names of the secrets that are stored. */
  secrets: readonly string[]
}

export interface NotifyBook {
  channels(): Promise<Channel[]>
  routes(): Promise<StoredRoute[]>
  /** @throws AppError E_CHANNEL (with fields), E_NOTIFY_CHANGED */
  saveChannel(id: string, document: unknown, version: number, by: Actor): Promise<void>
  /** @throws AppError E_CHANNEL_USED: a route names it; E_CHANNEL_UNKNOWN */
  removeChannel(id: string, by: Actor): Promise<void>
  /** Sends a test as the document says, saved or not. @throws AppError of the channel */
  test(id: string | null, document: unknown, by: Actor): Promise<string>
  /** @throws AppError E_ROUTE (with fields), E_NOTIFY_CHANGED */
  saveRoute(id: string, document: unknown, version: number, by: Actor): Promise<void>
  removeRoute(id: string, by: Actor): Promise<void>
  open(id: string): Promise<OpenChannel | null>
  perHour(route: string): Promise<number | null>
  heartbeatUrl(): Promise<string | null>
  /** Empty: none from now on. @throws AppError E_HEARTBEAT */
  setHeartbeat(url: string, by: Actor): Promise<void>
}

export function createNotifyBook(parts: {
  store: NoticeStore
  secrets: SecretStore
  seal: Secrets
  audit: Audit
  tools: Tools
  site: string
  publicUrl: string | null
  clock?: () => number
}): NotifyBook {
  const { store, secrets, seal, audit, tools, site, publicUrl, clock = Date.now } = parts
  const secretName = (id: string, field: string) => `notify.${id}.${field}`

  const openSecrets = async (id: string, kind: ChannelKind): Promise<Record<string, string>> => {
    const opened: Record<string, string> = {}
    for (const field of kind.secrets) {
      const name = secretName(id, field)
      const sealed = await secrets.get(name)
      if (sealed !== null) opened[field] = seal.open(name, sealed)
    }
    return opened
  }
  const stored = async (id: string) => {
    const found = (await store.documents('channel')).find(one => one.id === id)
    const checked = found && checkChannel(found.document)
    return checked?.ok ? { ...checked.value, id, version: found?.version ?? 0 } : null
  }
  /** The document with every secret in the open, checked; @throws AppError E_CHANNEL */
  const complete = async (id: string | null, document: unknown) => {
    const given = valid(checkChannel(document), 'E_CHANNEL', 'the channel is not valid')
    const kind = kindOf(given.kind)
    const before = id === null ? null : await stored(id)
    if (before && before.kind !== given.kind) {
      throw refused('E_CHANNEL', [{ path: 'kind', message: 'a channel keeps its kind' }])
    }
    const config: Record<string, unknown> = { ...given.config }
    const kept = before && id !== null ? await openSecrets(id, kind) : {}
    for (const field of kind.secrets) {
      if (config[field] !== undefined || kept[field] === undefined) continue
      if (before && goesElsewhere(kind, before.config, config)) {
        const message = 'has to be entered again, as the channel goes elsewhere now'
        throw refused('E_CHANNEL', [{ path: `config.${field}`, message }])
      }
      config[field] = kept[field]
    }
    const checked = checker(kind.schema)(config)
    if (!checked.ok) {
      const at = (path: string) => (path === '' ? 'config' : `config.${path}`)
      throw refused(
        'E_CHANNEL',
        checked.errors.map(e => ({ ...e, path: at(e.path) })),
      )
    }
    return { given, kind, config }
  }
  const plain = ({ secrets: hidden }: ChannelKind, config: Record<string, unknown>) =>
    Object.fromEntries(Object.entries(config).filter(([field]) => !hidden.includes(field)))

  return {
    async channels() {
      const names = new Set((await secrets.list()).map(({ name }) => name))
      const all = await store.documents('channel')
      return all.flatMap(({ id, version, document }) => {
        const checked = checkChannel(document)
        const kind = checked.ok ? channelKindOf(checked.value.kind) : null
        if (!checked.ok || !kind) return []
        const kept = kind.secrets.filter(field => names.has(secretName(id, field)))
        return [{ ...checked.value, id, version, secrets: kept }]
      })
    },
    routes: () => routesOf(store),
    async saveChannel(id, document, version, by) {
      if (!checkId(id).ok) throw refused('E_CHANNEL', [{ path: 'id', message: ID_WORDS }])
      const { given, kind, config } = await complete(version === 0 ? null : id, document)
      if (version === 0 && (await store.documents('channel')).length >= channelsMax) {
        throw new AppError('E_CHANNEL', `there are ${channelsMax} channels already`)
      }
      const before = await stored(id)
      const kept = { ...given, config: plain(kind, config) }
      await store.putDocument('channel', id, kept, version, by.name, clock())
      for (const field of kind.secrets) {
        const name = secretName(id, field)
        const text = config[field]
        if (typeof text === 'string') await secrets.put(name, seal.seal(name, text), clock())
      }
      const action = before ? 'channel.update' : 'channel.create'
      const was = before && { ...before, id: undefined, version: undefined }
      await audit.record(by, action, `channel:${id}`, { before: was, after: kept })
    },
    async removeChannel(id, by) {
      const before = await stored(id)
      const user = (await routesOf(store)).find(route => usesChannel(route, id))
      if (user) {
        throw new AppError('E_CHANNEL_USED', `the route "${user.name}" uses this channel`, {
          hint: 'take it out of the route first',
        })
      }
      if (!(await store.removeDocument('channel', id))) {
        throw new AppError('E_CHANNEL_UNKNOWN', 'there is no such channel')
      }
      for (const field of before ? kindOf(before.kind).secrets : []) {
        await secrets.remove(secretName(id, field))
      }
      await audit.record(by, 'channel.delete', `channel:${id}`, { before })
    },
    async test(id, document, by) {
      const { kind, config } = await complete(id, document)
      const signal = AbortSignal.timeout(testMsMax)
      const { receipt } = await kind.send(config, testNotice(site, publicUrl), tools, null, signal)
      await audit.record(by, 'channel.test', `channel:${id ?? '(new)'}`, { after: { receipt } })
      return receipt
    },
    async saveRoute(id, document, version, by) {
      if (!checkId(id).ok) throw refused('E_ROUTE', [{ path: 'id', message: ID_WORDS }])
      const route = valid(checkRoute(document), 'E_ROUTE', 'the route is not valid')
      const known = new Set((await store.documents('channel')).map(one => one.id))
      const errors = routeErrors(route, known)
      if (errors.length > 0) throw refused('E_ROUTE', errors)
      const all = await routesOf(store)
      if (version === 0 && all.length >= routesMax) {
        throw new AppError('E_ROUTE', `there are ${routesMax} routes already`)
      }
      const before = all.find(one => one.id === id)
      await store.putDocument('route', id, route, version, by.name, clock())
      const action = before ? 'route.update' : 'route.create'
      await audit.record(by, action, `route:${id}`, { before, after: route })
    },
    async removeRoute(id, by) {
      const before = (await routesOf(store)).find(one => one.id === id)
      if (!(await store.removeDocument('route', id))) {
        throw new AppError('E_ROUTE_UNKNOWN', 'there is no such route')
      }
      await audit.record(by, 'route.delete', `route:${id}`, { before })
    },
    async open(id) {
      const found = await stored(id)
      if (!found) return null
      const kind = kindOf(found.kind)
      const config = { ...found.config, ...(await openSecrets(id, kind)) }
      return { kind, config, enabled: found.enabled }
    },
    async perHour(route) {
      return (await routesOf(store)).find(({ id }) => id === route)?.perHour ?? null
    },
    async heartbeatUrl() {
      const sealed = await secrets.get(HEARTBEAT)
      return sealed === null ? null : seal.open(HEARTBEAT, sealed)
    },
    async setHeartbeat(url, by) {
      if (url === '') await secrets.remove(HEARTBEAT)
      else {
        if (!checkUrl(url).ok) {
          const errors = [{ path: 'url', message: 'must be an http(s) URL' }]
          throw refused('E_HEARTBEAT', errors)
        }
        await secrets.put(HEARTBEAT, seal.seal(HEARTBEAT, url), clock())
      }
      const after = { url: url === '' ? null : new URL(url).origin }
      await audit.record(by, 'heartbeat.update', 'heartbeat', { after })
    },
  }
}

const ID_WORDS = 'must be small letters, digits and -, at most 40'

function kindOf(name: string): ChannelKind {
  const kind = channelKindOf(name)
  if (kind) return kind
  throw refused('E_CHANNEL', [{ path: 'kind', message: 'is not a kind of channel' }])
}

function valid<T>(checked: Checked<T>, code: string, message: string): T {
  if (checked.ok) return checked.value
  throw refused(code, checked.errors, message)
}

function refused(code: string, errors: FieldError[], message = 'this is not valid'): AppError {
  const [first] = errors
  return new AppError(code, first ? `${first.path} ${first.message}` : message, { errors })
}

/** A secret must not be sent to a place for which it was not entered. */
function goesElsewhere(
  kind: ChannelKind,
  before: Record<string, unknown>,
  after: Record<string, unknown>,
): boolean {
  return kind.places.some(field => before[field] !== after[field])
}

async function routesOf(store: NoticeStore): Promise<StoredRoute[]> {
  const all = await store.documents('route')
  return all.flatMap(({ id, version, document }) => {
    const checked = checkRoute(document)
    return checked.ok ? [{ ...checked.value, id, version }] : []
  })
}

function usesChannel({ channels, escalate }: StoredRoute, id: string): boolean {
  return channels.includes(id) || escalate?.channels.includes(id) === true
}

function routeErrors(route: Route, known: ReadonlySet<string>): FieldError[] {
  const errors: FieldError[] = []
  const missing = (ids: readonly string[]) => ids.filter(id => !known.has(id))
  if (route.channels.length === 0) errors.push({ path: 'channels', message: 'at least one' })
  for (const id of missing(route.channels)) {
    errors.push({ path: 'channels', message: `there is no channel "${id}"` })
  }
  for (const id of missing(route.escalate?.channels ?? [])) {
    errors.push({ path: 'escalate.channels', message: `there is no channel "${id}"` })
  }
  if (route.escalate?.channels.length === 0) {
    errors.push({ path: 'escalate.channels', message: 'at least one' })
  }
  if (route.hours && !isZone(route.hours.zone)) {
    errors.push({ path: 'hours.zone', message: 'is not a time zone such as Europe/Paris' })
  }
  return errors
}

function testNotice(site: string, url: string | null): Notice {
  return { id: `test-${crypto.randomUUID()}`, kind: 'test', site, url, items: [], more: 0 }
}
