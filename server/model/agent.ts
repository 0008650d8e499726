// What an agent and the server say to each other when a host enrols: one request over HTTP, with a
// one-time token as its bearer, and one answer. Everything after that goes over MQTT.

import Type, { type Static } from 'typebox'
import { DURATION_PATTERN } from './duration.ts'
import { EVENT_KINDS, type EventKind } from './event.ts'

export const ENROL_PATH = '/api/v1/agents/enrol'
/** One-time tokens begin so, to be told from tokens of the API. */
export const ENROL_PREFIX = 'enrol_'

/** The profile of a host's containers, which its agent reads where it is asked to. */
export const CONTAINERS_PROFILE = 'docker-container'

/** Kinds of events that an agent tells of; whatever else is told of its device is not from it. */
export const AGENT_EVENT_KINDS: readonly EventKind[] = ['docker']

const SRC_PATTERN = '^[A-Za-z0-9._-]{1,64}$'
const LEVEL_PATTERN = '^[A-Za-z0-9._-]{1,128}$'

export const EnrolRequest = Type.Object(
  {
    /** The host's name; the device's id is made of it. */
    name: Type.String({ minLength: 1, maxLength: 100 }),
    every: Type.String({ pattern: DURATION_PATTERN }),
    /** Of the agent. */
    version: Type.String({ pattern: '^[A-Za-z0-9.+-]{1,32}$' }),
    /** What the device's page tells of the host: os, version, hardware. */
    facts: Type.Record(Type.String({ pattern: '^[a-z]{1,32}$' }), Type.String({ maxLength: 200 }), {
      maxProperties: 20,
      additionalProperties: false,
    }),
    /** What it measures beside the host. */
    has: Type.Optional(Type.Array(Type.Literal('docker'), { maxItems: 1 })),
  },
  { additionalProperties: false },
)
export type EnrolRequest = Static<typeof EnrolRequest>

/** Who the agent is from now on. The password is told this once. */
export const EnrolAnswer = Type.Object({
  site: Type.String({ pattern: LEVEL_PATTERN }),
  device: Type.String({ pattern: LEVEL_PATTERN }),
  /** Under what it numbers its messages: it may read the acknowledgements of this name alone. */
  src: Type.String({ pattern: SRC_PATTERN }),
  mqtt: Type.Object({
    url: Type.String({ pattern: '^(mqtts?|wss?)://', maxLength: 300 }),
    username: Type.String({ minLength: 1, maxLength: 128 }),
    password: Type.String({ minLength: 1, maxLength: 256 }),
  }),
  /** Kinds of events that its account may send, each on a topic of its own. */
  kinds: Type.Optional(Type.Array(Type.Enum(EVENT_KINDS), { maxItems: EVENT_KINDS.length })),
  /** Its account may hear its settings. */
  settings: Type.Optional(Type.Boolean()),
})
export type EnrolAnswer = Static<typeof EnrolAnswer>

/**
 * What its device's config asks of an agent; retained on `settings/<src>`, from EVERY_MS_MIN to
 * EVERY_MS_MAX. It answers by what it sends: the metric `host.interval`, 0 when it pauses.
 */
export const AgentSettings = Type.Object({
  v: Type.Literal(1),
  every: Type.String({ pattern: DURATION_PATTERN }),
  /** False: measure nothing until told otherwise. */
  enabled: Type.Boolean(),
})
export type AgentSettings = Static<typeof AgentSettings>
