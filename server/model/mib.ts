// What a MIB module says of its objects, as far as a profile needs it. Pure nouns.

export type MibBase =
  | 'integer'
  | 'unsigned'
  | 'counter32'
  | 'counter64'
  | 'gauge'
  | 'ticks'
  | 'octets'
  | 'oid'
  | 'ip'
  | 'bits'
  | 'opaque'

export interface MibSyntax {
  /** Null: of a type that no module defines. */
  base: MibBase | null
  /** The textual conventions on the way to the base, the outermost first, and the base's own name. */
  names: readonly string[]
  /** Number → name, of enumerations and BITS. */
  labels: Readonly<Record<string, string>> | null
  /** Sizes of octets; null: any. */
  sizes: readonly { min: number; max: number }[] | null
}

export interface MibObject {
  name: string
  oid: string
  readable: boolean
  syntax: MibSyntax
  /** The UNITS clause. */
  units: string | null
  description: string
}

export interface MibTable {
  name: string
  oid: string
  description: string
  index: readonly { name: string; syntax: MibSyntax; implied: boolean }[]
  columns: readonly MibObject[]
}

/** NOTIFICATION-TYPE: a trap or inform, with what it brings. */
export interface MibNotification {
  name: string
  oid: string
  description: string
  objects: readonly MibObject[]
}

export interface Mib {
  module: string
  notifications: readonly MibNotification[]
  tables: readonly MibTable[]
  scalars: readonly MibObject[]
}
