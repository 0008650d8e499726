// The catalogue: every profile of `oids/` and of the user's folder, checked and joined with what it
// extends. Types here are the public face of profiles; the format is specified in docs/profiles.md.

import type { CompiledProfile } from './definition.ts'

/** One profile file as read: its text is kept, so that errors can name line and column. */
export interface ProfileSource {
  id: string
  /** As people know it: `oids/if-mib.json`. */
  file: string
  text: string
  /** A file in the user's folder wins over ours of the same id. */
  from: 'shipped' | 'user'
}

export const PROBLEM_CODES = [
  'E_JSON',
  'E_SCHEMA',
  'E_EXTENDS',
  'E_CYCLE',
  'E_ABSTRACT',
  'E_EXPR',
  'E_NAME',
  'E_REGEX',
  'E_SECRET',
  'E_GROUP_TWICE',
  'E_MATCH_TWICE',
  'E_KIND',
  'W_RATE',
  'W_SCALE',
] as const

/** Something wrong in a profile file: what, where, and how to mend it. */
export interface Problem {
  code: (typeof PROBLEM_CODES)[number]
  severity: 'error' | 'warning'
  profile: string
  file: string
  line: number
  column: number
  /** JSON pointer to the place. */
  pointer: string
  message: string
  hint: string
}

export interface Catalogue {
  /** Hash of all sources: the same catalogue has the same version in every thread. */
  version: string
  /** Usable profiles by id (abstract and broken ones are left out), `extends` already joined. */
  profiles: ReadonlyMap<string, CatalogueProfile>
  problems: readonly Problem[]
  /** What it was built from, to hand to a thread that builds the same. */
  sources: readonly ProfileSource[]
}

export interface CatalogueProfile {
  id: string
  title: string
  description: string
  file: string
  from: 'shipped' | 'user'
  type: 'base' | 'feature' | 'device'
  source: 'snmp' | 'docker' | 'agent' | 'mqtt' | 'check'
  extends: readonly string[]
  /** Group ids that it brings. */
  groups: readonly string[]
  /** The compiled profile: for this folder alone. */
  definition: CompiledProfile
}
