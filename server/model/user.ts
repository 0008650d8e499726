// People and what they may do: the one table that every route and API call is checked against.

export const ROLES = ['admin', 'engineer', 'technician', 'viewer'] as const
export type Role = (typeof ROLES)[number]

/** What a route states that it needs. `public` needs no session; `self` any signed-in person. */
export const PERMISSIONS = [
  'public',
  'self',
  'devices.read',
  'devices.poll',
  'devices.discover',
  'devices.write',
  'secrets.write',
  'events.comment',
  'alarms.acknowledge',
  'maintenance.write',
  'rules.write',
  'containers.logs',
  'profiles.read',
  'profiles.write',
  'users.write',
  'tokens.write',
  'audit.read',
  'agents.read',
  'agents.write',
  'settings.read',
  'settings.write',
  'backup.make',
  'notify.write',
] as const
export type Permission = (typeof PERMISSIONS)[number]

const READ = ['public', 'self', 'devices.read', 'profiles.read'] as const satisfies Permission[]

const GRANTS: Record<Role, ReadonlySet<Permission>> = {
  viewer: new Set<Permission>(READ),
  technician: new Set<Permission>([
    ...READ,
    'devices.poll',
    'events.comment',
    'alarms.acknowledge',
    'maintenance.write',
    'agents.read',
    'settings.read',
  ]),
  engineer: new Set<Permission>([
    ...READ,
    'devices.poll',
    'devices.write',
    'events.comment',
    'alarms.acknowledge',
    'maintenance.write',
    'rules.write',
    'profiles.write',
    'agents.read',
    'settings.read',
  ]),
  admin: new Set<Permission>(PERMISSIONS),
}

/** The only permissions of its role that a token has; null: all of them. */
export type Scope = readonly Permission[] | null

/** Open to everybody, or a way to all the others: who makes users, tokens or a copy of all of it has any right. */
const BEYOND_SCOPE = new Set<Permission>([
  'public',
  'self',
  'users.write',
  'tokens.write',
  'backup.make',
])

/** What a scope may name. */
export const SCOPES = PERMISSIONS.filter(permission => !BEYOND_SCOPE.has(permission))

/** Of these, what a token of this role can have. */
export function scopeWithin(role: Role, wanted: readonly Permission[]): Permission[] {
  return wanted.filter(permission => can(role, permission, wanted))
}

/** May somebody of this role (null: nobody signed in) do this? Denies by default. */
export function can(role: Role | null, permission: Permission, scope: Scope = null): boolean {
  if (permission === 'public') return true
  if (scope !== null && (BEYOND_SCOPE.has(permission) || !scope.includes(permission))) return false
  return role !== null && GRANTS[role].has(permission)
}

/** Languages of the pages, as BCP 47 names them; one dictionary each in web/languages. */
export const LANGUAGES = ['en', 'fr'] as const
export type Language = (typeof LANGUAGES)[number]

export interface User {
  id: number
  name: string
  role: Role
  disabled: boolean
  createdAt: number
  lastSignInAt: number | null
  /** null: as the browser asks for. */
  language: Language | null
  /** Signs in with a second step (TOTP). */
  twoStep: boolean
  /** The OpenID Connect issuer that signs this person in; null: a password here. */
  origin: string | null
}

export const SECOND_STEP_RULES = ['nobody', 'administrators', 'everybody'] as const
/** Of whom the second step is asked; who signs in by OpenID Connect has their provider's. */
export type SecondStepRule = (typeof SECOND_STEP_RULES)[number]

/** Whether this person has to set it up before anything else. */
export function lacksSecondStep(
  { role, twoStep, origin }: Pick<User, 'role' | 'twoStep' | 'origin'>,
  rule: SecondStepRule,
): boolean {
  if (twoStep || origin !== null || rule === 'nobody') return false
  return rule === 'everybody' || role === 'admin'
}

/** Who does something, for the audit log: a user's name, `token:NAME` or `system`, and from where. */
export interface Actor {
  name: string
  address: string
  /** false: a stored secret may not be sent to another place. Absent: Pollux itself, or a command. */
  movesSecrets?: boolean
}
