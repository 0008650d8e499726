// What every page and API call may use: the services of the layers below, and nothing else.

import type { FastifyReply, FastifyRequest, HTTPMethods } from 'fastify'
import type { BrokerAccounts } from '../agents/accounts.ts'
import type { Enrolment } from '../agents/enrolment.ts'
import type { Auth } from '../auth/contract.ts'
import type { OpenId } from '../auth/openid.ts'
import type { People } from '../auth/people.ts'
import type { BackupDownloads } from '../backup/download.ts'
import type { DraftTry } from '../collectors/profile-bench.ts'
import type { Devices } from '../devices/contract.ts'
import type { Discovery } from '../devices/discovery.ts'
import type { Live } from '../live/contract.ts'
import type { Logger } from '../log.ts'
import type { Permission, Role, Scope, SecondStepRule, User } from '../model/user.ts'
import type { ForecastThread } from '../models/forecast/thread.ts'
import type { DevicePolling } from '../poll/contract.ts'
import type { Catalogue } from '../profiles/catalogue.ts'
import type { Draft } from '../profiles/draft.ts'
import type { Plan } from '../profiles/face.ts'
import type { AlarmCounts, Store } from '../store/contract.ts'
import type { WebAlarms } from './alarms.ts'
import type { IngestAnswer } from './api/ingest.ts'
import type { ContainerLogs } from './container-log.ts'
import type { Events } from './events.ts'
import type { Reader } from './languages/say.ts'
import type { WebNotify } from './notify.ts'
import type { OwnProfiles } from './own-profiles.ts'
import type { Retention } from './retention.ts'

/** A titled list of name, value and meaning; each part of the program adds its own to Settings. */
export interface SettingsSection {
  title: string
  rows: { name: string; value: string; meaning: string }[]
}

export interface HealthCheck {
  name: string
  ok: boolean
  text: string
}

export interface WebAgents {
  enrolment: Enrolment
  accounts: BrokerAccounts
  /**
   * The broker as an agent reaches it that reached us at this host.
   * @throws AppError E_AGENT_BROKER where it cannot
   */
  mqttUrl(host: string, isHere: boolean): string
}

export interface WebContext {
  auth: Auth
  people: People
  /** null: nobody signs in by another service. */
  openId: OpenId | null
  devices: Devices
  agents: WebAgents
  store: Store
  live: Live
  catalogue(): Catalogue
  /** The plan of a set of profiles, under the catalogue of now. */
  plan(profiles: readonly string[]): Plan
  ownProfiles: OwnProfiles
  /** Reads once by a profile that is not in force; nothing is stored. */
  tryProfile: {
    device(draft: Draft, id: string): Promise<DraftTry>
    /** The text of a recording (.snmprec). */
    recording(draft: Draft, text: string): Promise<DraftTry>
  }
  settings(): Promise<SettingsSection[]>
  retention: Retention
  backups: BackupDownloads
  events: Events
  alarms: WebAlarms
  notify: WebNotify
  health(): Promise<HealthCheck[]>
  /** What else `pollux doctor` looks at on this machine. */
  checks(): Promise<(HealthCheck & { mend: string })[]>
  /** null: another process takes the samples. */
  ingest(): IngestAnswer | null
  /** How reading a device does, where this process polls it; null: it does not poll that one. */
  polling?(device: string): DevicePolling | null
  /** The search for devices; absent: this process does not look for any. */
  discovery?: Discovery
  /** How the log of a container is reached; absent: this process does not show any. */
  containerLogs?: ContainerLogs
  /** Makes the line that a chart goes on with; absent: this process makes none. */
  forecasts?: Pick<ForecastThread, 'line'>
  /** Prometheus text. */
  metrics(): Promise<string>
  /** Cookies are `Secure` and pages are served over TLS (here or by a proxy). */
  secure: boolean
  /** Who reaches nothing before the second step is set up. */
  secondStep: SecondStepRule
  /** Where people reach the pages, as an admin said. */
  publicUrl: string | null
  log: Logger
  version: string
}

/** Who asks: a person with a session, or a program with a token. */
export interface Viewer extends Reader {
  name: string
  role: Role
  /** What of its role a token may; null: all. */
  scope: Scope
  via: 'session' | 'token'
  /** Set for a session. */
  user: User | null
  csrf: string
  sessionToken: string
}

declare module 'fastify' {
  interface FastifyRequest {
    /** null: nobody is signed in. */
    viewer: Viewer | null
    /** Parts that do not work now, by name, for a banner on the page; null: nobody looked. */
    troubles: readonly string[] | null
    /** Devices that are down, for the title; null: nobody looked. */
    down: number | null
    /** Open alarms, for the navigation; null: nobody looked. */
    alarms: AlarmCounts | null
  }
  interface FastifyContextConfig {
    kind?: Route['kind']
  }
}

export type Handler = (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>

/** One line of the table of routes. What kind of answer an error gets follows from `kind`. */
export interface Route {
  method: HTTPMethods
  path: string
  kind: 'page' | 'fragment' | 'api' | 'stream' | 'text'
  permission: Permission
  handler: Handler
  /** Fastify's validation schemas. */
  schema?: { params?: object; querystring?: object; body?: object; response?: object }
  /** Open to who must set up the second step first. */
  beforeSecondStep?: true
  /** Requests a minute from one address; default: the application's. */
  perMinuteMax?: number
  /** Bytes of a body; default: the application's. */
  bodyBytesMax?: number
  /** What openapi.json says of a call beside its schemas. */
  description?: CallDescription
}

export interface CallDescription {
  summary: string
  /** The status of a good answer. */
  status: number
  /** The media type of a good answer; default: JSON. */
  type?: string
  body?: { types: readonly string[]; schema: object }
}
