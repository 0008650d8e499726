// What the rest of Pollux may ask of the database: the contract that SQLite and MySQL both keep
// (test/store runs one conformance suite over them). Nothing outside this folder knows SQL.
// All times are Unix ms. Every call may reject with AppError; E_STORE_UNAVAILABLE is passing. Past 300
// lines: it is the one page on which all of the store can be read.

import type { AcceptedCollection } from '../model/accepted.ts'
import type {
  Acknowledgement,
  Alarm,
  AlarmState,
  NewTransition,
  Transition,
} from '../model/alarm.ts'
import type { RowInfo } from '../model/collection.ts'
import type {
  Device,
  DeviceConfig,
  DeviceIdentity,
  DeviceSource,
  DeviceTuning,
} from '../model/device.ts'
import type { EventBody, EventKind, Severity } from '../model/event.ts'
import type { GapReason } from '../model/gap.ts'
import type { RetentionClass, RetentionPolicy } from '../model/retention.ts'
import type { Language, Role, Scope, User } from '../model/user.ts'
import type { AccountStore } from './accounts.ts'
import type { EnrolmentStore } from './enrolment.ts'
import type { FoundRow } from './find-rows.ts'
import type { ForecastStore } from './forecasts.ts'
import type { NeighbourStore } from './neighbours.ts'
import type { NoticeStore } from './notice-contract.ts'
import type { ProfileStore } from './profiles.ts'
import type { StateStore } from './states.ts'
import type { Tier } from './tiers.ts'
import type { ViewStore } from './views.ts'

export interface Store {
  readonly dialect: 'sqlite' | 'mysql'
  readonly devices: DeviceStore
  readonly samples: SampleStore
  readonly events: EventStore
  readonly neighbours: NeighbourStore
  readonly leases: LeaseStore
  readonly alarms: AlarmStore
  readonly rules: RuleStore
  readonly states: StateStore
  readonly forecasts: ForecastStore
  readonly notices: NoticeStore
  readonly users: UserStore
  readonly views: ViewStore
  readonly enrolment: EnrolmentStore
  readonly accounts: AccountStore
  readonly secrets: SecretStore
  readonly settings: SettingStore
  readonly profiles: ProfileStore
  readonly retention: RetentionStore
  readonly audit: AuditStore
  readonly maintenance: Maintenance
  /** A statement that touches the database; for /readyz. */
  ping(): Promise<void>
  close(): Promise<void>
}

/** Compaction, roll-ups, retention: done by whoever calls `step`, at the pace that it chooses. */
export interface Maintenance {
  /**
   * Does one small piece of work, a few ms of this process; one call at a time.
   * @param now Unix ms; default: the clock
   * @throws AppError E_STORE_UNAVAILABLE (passing); what fails otherwise is logged and counted
   */
  step(now?: number): Promise<'worked' | 'idle'>
  stats(): MaintenanceStats
  /** Roll-ups that fail again and again; null: none does. */
  stuck(): StuckRollUps | null
}

/** Their samples are kept until they are made, and their streams cannot move to a shorter class. */
export interface StuckRollUps {
  count: number
  /** Unix ms: the oldest of them fails since then. */
  since: number
  /** Why that one fails. */
  error: string
}

/** Since the start. */
export interface MaintenanceStats {
  /** Windows compacted, and samples in them. */
  blocks: number
  samples: number
  rollUps: number
  /** Polls that were older than what is kept, and polls beyond what a block can hold: not kept. */
  tooOld: number
  dropped: number
  /** Streams that went into another class of retention. */
  moved: number
  /** Rows deleted, partitions dropped, as they were too old or left behind. */
  trimmed: number
  partitionsDropped: number
  /** Blocks that could not be read. */
  damaged: number
  failed: number
  /** Roll-ups that fail again and again. */
  stuck: number
  /** Streams and roll-ups known to wait for a step. */
  waiting: number
}

export interface DeviceStore {
  list(): Promise<Device[]>
  get(id: string): Promise<Device | null>
  /**
   * `sealed`, ciphertext by name, is kept with the config: both are stored, or neither.
   * @throws AppError E_DEVICE_EXISTS
   */
  create(
    config: DeviceConfig,
    source: DeviceSource,
    at: number,
    sealed?: ReadonlyMap<string, string>,
  ): Promise<Device>
  /**
   * With `sealed` kept and the secrets of `forgotten` gone: all of it, or nothing.
   * @throws AppError E_DEVICE_UNKNOWN, E_DEVICE_CHANGED (somebody saved in between)
   */
  update(
    config: DeviceConfig,
    expectedVersion: number,
    at: number,
    sealed?: ReadonlyMap<string, string>,
    forgotten?: readonly string[],
  ): Promise<Device>
  /**
   * Frees the id and forgets the named secrets. With `history` the samples, rows and series go too
   * (in bounded steps).
   */
  remove(
    id: string,
    options: { history: boolean; at: number; secrets?: readonly string[] },
  ): Promise<void>
  setIdentity(uid: number, identity: DeviceIdentity): Promise<void>
  setTuning(uid: number, tuning: DeviceTuning): Promise<void>
}

export type { FoundRow } from './find-rows.ts'

export type WriteOutcome = 'stored' | 'duplicate' | { refused: string }

export interface SeriesInfo {
  deviceUid: number
  group: string
  metric: string
  row: string | null
  firstAt: number
}

export interface SamplePoint {
  at: number
  /** null: a gap. */
  value: number | string | null
  gap: GapReason | null
}

export interface SeriesPoints {
  group: string
  metric: string
  row: string | null
  points: SamplePoint[]
}

export const SAMPLE_FUNCTIONS = ['avg', 'min', 'max', 'last'] as const
export type SampleFunction = (typeof SAMPLE_FUNCTIONS)[number]

export interface SampleQuery {
  deviceUid: number
  group: string
  metrics: string[]
  /** Absent: all rows (and scalars). */
  rows?: string[]
  /** Both ends are included. */
  from: number
  to: number
  /** At most this many points a series: buckets of equal width, each by `fn`. Absent: raw. */
  points?: number
  fn?: SampleFunction
}

export interface SampleStore {
  /**
   * One transaction for the whole batch; resolves after the commit with one outcome for each.
   * Idempotent by (stream, time): a resend is a `duplicate`. Text values go to a change log. What is
   * older than raw samples are kept is refused as `too-old`.
   */
  write(batch: readonly AcceptedCollection[]): Promise<WriteOutcome[]>
  /** Names, labels and units of a group's rows; a row that is not listed keeps what it had. */
  writeRows(deviceUid: number, group: string, rows: readonly RowInfo[], at: number): Promise<void>
  rows(deviceUid: number, group?: string): Promise<(RowInfo & { group: string; seenAt: number })[]>
  /**
   * Rows of all living devices with any of these texts (small letters) in their name, key, subtitle
   * or a label; which of too many is not said.
   */
  findRows(texts: readonly string[], limit: number): Promise<FoundRow[]>
  series(deviceUid: number): Promise<SeriesInfo[]>
  read(query: SampleQuery): Promise<SeriesPoints[]>
  /** The newest point of every series of a device. */
  latest(deviceUid: number): Promise<(SeriesInfo & SamplePoint)[]>
}

export type NewEvent = EventBody & { deviceUid: number }

export interface StoredEvent extends NewEvent {
  /** For `EventQuery.before`; the same for the same event, wherever it is asked for. */
  id: string
  /** The device's id; another device may have it since, where this one is deleted. */
  device: string
  isDeleted: boolean
}

/** What is absent is not asked for. */
export interface EventQuery {
  deviceUid?: number
  /** Events of this row alone. */
  row?: { group: string; row: string }
  /** What happened to the whole device, or to this row (null: to any row of the group). */
  about?: { group: string; row: string | null }
  kinds?: readonly EventKind[]
  severities?: readonly Severity[]
  /** Part of the text or of the row's key; capital letters of ASCII count as small ones. */
  text?: string
  /** Unix ms, both included. */
  from?: number
  to?: number
  /** The id of the last event of the page before. */
  before?: string
  /** At most 1,000. */
  limit?: number
}

export interface EventStore {
  /**
   * One transaction for the whole batch; resolves after the commit with one outcome for each. An
   * event of the same content is a `duplicate`; one of a deleted device is refused.
   */
  write(batch: readonly NewEvent[]): Promise<WriteOutcome[]>
  /** Newest first. */
  list(query: EventQuery): Promise<StoredEvent[]>
  /** Counts to 10,000 and no further. */
  count(query: EventQuery): Promise<number>
  /** How long events are kept. */
  days(): Promise<number>
  setDays(days: number): Promise<void>
  /** Deletes some of those that are older; gives how many. */
  trim(now: number): Promise<number>
}

export interface Lease {
  name: string
  holder: string
  /** Grows with each new holder: who writes under an old one is refused. */
  epoch: number
}

export interface SeenLease {
  /** Empty: it was released. */
  holder: string
  epoch: number
  /** Grows while the holder lives. */
  beat: number
}

export interface LeaseStore {
  look(name: string): Promise<SeenLease | null>
  /** Takes it where it is still as it was seen (null: there was none); null: somebody was faster. */
  take(name: string, holder: string, seen: SeenLease | null): Promise<Lease | null>
  /** False: it is somebody else's now. */
  beat(lease: Lease): Promise<boolean>
  release(lease: Lease): Promise<void>
}

/** What is absent is not asked for. */
export interface AlarmQuery {
  states?: readonly AlarmState[]
  severities?: readonly Severity[]
  deviceUid?: number
  rule?: string
  /** Part of anything that is said of the alarm; capital letters of ASCII count as small ones. */
  text?: string
  /** Unix ms: alarms that were open at any time in between. */
  from?: number
  to?: number
  /** `<raisedAt>-<id>` of the last alarm of the page before. */
  before?: string
  /** At most 1,000. */
  limit?: number
}

/** Open alarms: active ones by severity, and those that nobody needs to look at now. */
export type AlarmCounts = Record<Severity | 'acknowledged' | 'suppressed', number>

export interface AlarmStore {
  /**
   * One transaction for the whole batch, in its order. Gives what was stored: a step that is stored
   * already, by a retry or by another judge, is left out.
   * @throws AppError E_LEASE_LOST: somebody else is judge now, and nothing was written
   */
  write(lease: Lease, batch: readonly NewTransition[]): Promise<Transition[]>
  /** Of these, those that are active are acknowledged. */
  acknowledge(ids: readonly string[], ack: Acknowledgement): Promise<Transition[]>
  /** All that are not clear, oldest first. */
  open(): Promise<Alarm[]>
  get(id: string): Promise<Alarm | null>
  /** Newest first. */
  list(query: AlarmQuery): Promise<Alarm[]>
  counts(): Promise<AlarmCounts>
  /** Transitions with a greater number, in their order: the outbox of who tells people. */
  after(id: number, limit: number): Promise<Transition[]>
  /** The number of the newest transition; 0: there is none. */
  newest(): Promise<number>
  /** In their order; of too many the newest. */
  transitions(query: {
    alarm?: string
    deviceUid?: number
    from?: number
    to?: number
    limit?: number
  }): Promise<Transition[]>
  /** Deletes some of those that cleared before; gives how many. */
  trim(before: number): Promise<number>
}

/** A rule or a maintenance window as it is stored: what is in the document is checked by who reads it. */
export interface StoredDocument {
  id: string
  version: number
  document: unknown
  by: string
  at: number
}

export interface PastWindow {
  document: unknown
  madeAt: number
  removedAt: number | null
}

export interface RuleStore {
  list(): Promise<StoredDocument[]>
  /** @throws AppError E_RULE_CHANGED (somebody saved in between); `expectedVersion` 0: it is new */
  put(id: string, document: unknown, expectedVersion: number, by: string, at: number): Promise<void>
  remove(id: string): Promise<boolean>
  windows(): Promise<StoredDocument[]>
  putWindow(
    id: string,
    document: unknown,
    endsAt: number | null,
    by: string,
    at: number,
  ): Promise<void>
  /** One that began and is not over ends at `at`; a single one that is over is taken back. */
  removeWindow(id: string, at: number): Promise<boolean>
  /** All that may have been in force after `from`, with those that were removed since. */
  pastWindows(from: number): Promise<PastWindow[]>
  /** Single windows that ended before. */
  trimWindows(before: number): Promise<void>
}

/** With what a sign-in is checked against. */
export type KnownUser = User & { passwordHash: string; totpSealed: string | null }

export interface StoredSession {
  hash: string
  address: string
  /** Empty: it said nothing. */
  browser: string
  createdAt: number
  touchedAt: number
}

export interface SignInAddress {
  address: string
  /** Unix ms; the same: only once. */
  firstAt: number
  lastAt: number
}

export interface UserStore {
  list(): Promise<User[]>
  count(): Promise<number>
  /** @throws AppError E_USER_EXISTS */
  create(user: {
    name: string
    role: Role
    /** Empty: no password signs this person in. */
    passwordHash: string
    at: number
    origin?: { issuer: string; key: string }
  }): Promise<User>
  byName(name: string): Promise<KnownUser | null>
  byId(id: number): Promise<KnownUser | null>
  /** By the SHA-256 of issuer and subject. */
  byOrigin(key: string): Promise<User | null>
  /** A sealed key and hashes of recovery codes in place of those before; null: off, and no codes. */
  setTotp(id: number, totp: { sealed: string; step: number; codes: string[] } | null): Promise<void>
  /** false: a code of that time step, or of a later one, was used already. */
  useTotpStep(id: number, step: number): Promise<boolean>
  /** false: there is no such code, or it was used. */
  useRecoveryCode(id: number, hash: string): Promise<boolean>
  recoveryCodes(id: number): Promise<number>
  setPassword(id: number, passwordHash: string): Promise<void>
  setLanguage(id: number, language: Language | null): Promise<void>
  /**
   * false, and nothing changed: no admin who may sign in would be left. Who is disabled has no
   * session any more.
   */
  change(id: number, to: { role: Role; disabled: boolean }): Promise<boolean>
  signedIn(id: number, at: number, address: string): Promise<void>
  /** From where this person signed in before, the last first; the newest twenty. */
  addressesOf(id: number): Promise<SignInAddress[]>
  /** From where each account signed in last, by its id. */
  lastAddresses(): Promise<Map<number, SignInAddress>>
  /** Sessions and tokens are kept as SHA-256 of what the person holds. */
  createSession(session: {
    hash: string
    userId: number
    at: number
    csrf: string
    address: string
    browser: string
  }): Promise<void>
  /** The session and its user; `touchedAt` moves with use. null: unknown, ended or user disabled. */
  session(
    hash: string,
  ): Promise<{ user: User; csrf: string; createdAt: number; touchedAt: number } | null>
  touchSession(hash: string, at: number): Promise<void>
  endSession(hash: string): Promise<void>
  /** A user's sessions, the last used first. */
  sessionsOf(userId: number): Promise<StoredSession[]>
  /** All of a user's sessions, but the one of `exceptHash`. */
  endSessions(userId: number, exceptHash?: string): Promise<void>
  /** Sessions not touched since `idleBefore`, or made before `madeBefore`. */
  pruneSessions(idleBefore: number, madeBefore: number): Promise<number>
  createToken(token: {
    name: string
    role: Role
    scope: Scope
    hash: string
    prefix: string
    at: number
    expiresAt: number
  }): Promise<void>
  token(hash: string): Promise<{ name: string; role: Role; scope: Scope; expiresAt: number } | null>
  tokens(): Promise<
    {
      name: string
      role: Role
      scope: Scope
      prefix: string
      createdAt: number
      expiresAt: number
      usedAt: number | null
    }[]
  >
  tokenUsed(hash: string, at: number): Promise<void>
  revokeToken(name: string): Promise<boolean>
}

/** Ciphertext only: sealing and opening is the business of `secrets.ts`. */
export interface SecretStore {
  put(name: string, sealed: string, at: number): Promise<void>
  get(name: string): Promise<string | null>
  /** By name; with `prefix` those alone that begin so. */
  list(prefix?: string): Promise<{ name: string; updatedAt: number }[]>
  remove(name: string): Promise<void>
}

export interface SettingStore {
  get(name: string): Promise<string | null>
  put(name: string, value: string): Promise<void>
}

export type DaysKept = Record<Tier, number>

/** Of one class and resolution; estimates. */
export interface KeptSize {
  kept: RetentionClass
  tier: Tier
  bytes: number
  /** What the last days added; null: not known yet. */
  bytesPerDay: number | null
  /** Begin of the oldest period, Unix ms; null: nothing is there. */
  oldestAt: number | null
}

export interface RetentionStore {
  /** As the settings say now. */
  days(): Promise<Record<RetentionClass, DaysKept>>
  /** In force at the maintenance's next look. */
  setDays(kept: RetentionClass, days: DaysKept): Promise<void>
  /** Of the classes that have streams; takes a while, but no long statement. */
  sizes(now?: number): Promise<KeptSize[]>
  /** How many living devices have streams in each class. */
  devices(): Promise<Record<RetentionClass, number>>
  /**
   * Says which class each group of a device belongs to. New streams go there at once; the others are
   * moved by maintenance, in bounded steps, with all that they have. Without it nothing is moved.
   */
  choose(policy: RetentionPolicy): void
  /** For how many days the view `hourly_values` has rows; 0: none are made. */
  hourlyDays(): Promise<number>
  setHourlyDays(days: number): Promise<void>
}

export interface AuditEntry {
  at: number
  /** Who: a user's name, `token:NAME`, or `system`. */
  actor: string
  /** `device.create`, `user.sign-in-failed`, … */
  action: string
  /** On what: `device:core-sw-1`. */
  thing: string
  /** From where: an address. */
  address: string
  before: unknown
  after: unknown
}

export interface AuditQuery {
  limit: number
  /** The id of the last entry of the page before. */
  before?: number | undefined
  /** Exactly this one. */
  actor?: string | undefined
  /** What it begins with: `device.`, `device:core`. */
  action?: string | undefined
  thing?: string | undefined
  /** Unix ms; from the first on, before the second. */
  from?: number | undefined
  to?: number | undefined
}

export interface AuditStore {
  append(entry: AuditEntry): Promise<void>
  /** Newest first. */
  list(query: AuditQuery): Promise<(AuditEntry & { id: number })[]>
  /**
   * Deletes entries from before then, the oldest first and a thousand at most, and in the same transaction
   * writes the entry that says so; gives how many. Where there are none nothing is written.
   */
  trim(before: number, told: (deleted: number) => AuditEntry): Promise<number>
}
