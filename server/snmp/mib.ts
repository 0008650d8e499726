// A MIB module through net-snmp's parser, as plain objects: tables with their indexes, scalars, types
// followed to their base. A fresh parser each time: one that met an error repeats it for ever.

import path from 'node:path'
import { createModuleStore } from 'net-snmp'
import Type, { type Static } from 'typebox'
import { AppError, messageOf } from '../model/errors.ts'
import type { Mib, MibBase, MibNotification, MibObject, MibSyntax, MibTable } from '../model/mib.ts'
import { NODE_MODULES_DIR } from '../paths.ts'
import { parser } from '../validate.ts'
import { modulesInOrder } from './mib-files.ts'

/** The modules that come with net-snmp, and those of them that its parser has loaded. */
const PACKAGED_DIR = path.join(NODE_MODULES_DIR, 'net-snmp/lib/mibs')
const LOADED = new Set([
  'RFC1155-SMI',
  'RFC1158-MIB',
  'RFC-1212',
  'RFC1213-MIB',
  'RFC-1215',
  'SNMPv2-SMI',
  'SNMPv2-CONF',
  'SNMPv2-TC',
  'SNMPv2-MIB',
])
/** Textual conventions of textual conventions that are followed. */
const depthMax = 12

const Constraint = Type.Object({
  sizes: Type.Optional(Type.Array(Type.Object({ min: Type.Number(), max: Type.Number() }))),
})
const Entry = Type.Object({
  ObjectName: Type.Optional(Type.String()),
  MACRO: Type.Optional(Type.String()),
  OID: Type.Optional(Type.String()),
  SYNTAX: Type.Optional(
    Type.Union([
      Type.String(),
      Type.Record(Type.String(), Type.Record(Type.String(), Type.Unknown())),
    ]),
  ),
  'MAX-ACCESS': Type.Optional(Type.String()),
  ACCESS: Type.Optional(Type.String()),
  UNITS: Type.Optional(Type.String()),
  DESCRIPTION: Type.Optional(Type.String()),
  'OBJECT IDENTIFIER': Type.Optional(Type.String()),
  OBJECTS: Type.Optional(Type.Array(Type.String())),
  INDEX: Type.Optional(Type.Array(Type.String())),
  AUGMENTS: Type.Optional(Type.Array(Type.String())),
})
type Entry = Static<typeof Entry>
const parseEntry = parser(Entry, 'E_MIB', 'an object of the MIB')
const parseSizes = parser(Constraint, 'E_MIB', 'a size in the MIB')
const parseModules = parser(
  Type.Record(Type.String(), Type.Record(Type.String(), Type.Unknown())),
  'E_MIB',
  'what the MIB parser found',
)

/**
 * Reads a MIB file; what it imports is looked for beside it and among the modules of net-snmp.
 * @param more folders in which imports are looked for too
 * @throws AppError E_MIB: unreadable, imports missing or in a circle, or not understood
 */
export async function readMib(file: string, more: readonly string[] = []): Promise<Mib> {
  const folders = [path.dirname(file), ...more, PACKAGED_DIR]
  const { order, main } = await modulesInOrder(file, folders, LOADED)
  const modules = parseAll(order)
  return new Reader(modules, main).read()
}

type Modules = Map<string, Map<string, Entry>>

function parseAll(order: Awaited<ReturnType<typeof modulesInOrder>>['order']): Modules {
  const store: unknown = createModuleStore()
  if (!isStore(store)) throw new AppError('E_MIB', 'the MIB parser is not what it was')
  for (const { name, text } of order) {
    // The parser takes what there is of a torn file, and goes on.
    if (!/\bEND\b[^A-Za-z]*$/.test(text)) {
      throw new AppError('E_MIB', `the module ${name} has no END`, { hint: 'is the file whole?' })
    }
    try {
      store.parser.ParseModule(name, text)
      store.parser.Serialize()
    } catch (cause) {
      throw new AppError('E_MIB', `the module ${name} cannot be parsed: ${messageOf(cause)}`, {
        hint: 'look for a brace, a quote or an END that is missing',
        cause,
      })
    }
  }
  const modules: Modules = new Map()
  for (const [module, objects] of Object.entries(parseModules(store.parser.Modules))) {
    const entries = new Map<string, Entry>()
    for (const [name, object] of Object.entries(objects)) {
      if (name !== 'IMPORTS' && typeof object === 'object') entries.set(name, parseEntry(object))
    }
    modules.set(module, entries)
  }
  return modules
}

interface Store {
  parser: { ParseModule(name: string, text: string): void; Serialize(): void; Modules: unknown }
}

function isStore(store: unknown): store is Store {
  return typeof store === 'object' && store !== null && 'parser' in store
}

const BASES: Record<string, MibBase> = {
  INTEGER: 'integer',
  Integer32: 'integer',
  Unsigned32: 'unsigned',
  UInteger32: 'unsigned',
  Counter: 'counter32',
  Counter32: 'counter32',
  Counter64: 'counter64',
  Gauge: 'gauge',
  Gauge32: 'gauge',
  TimeTicks: 'ticks',
  'OCTET STRING': 'octets',
  'OBJECT IDENTIFIER': 'oid',
  IpAddress: 'ip',
  NetworkAddress: 'ip',
  BITS: 'bits',
  Opaque: 'opaque',
}

class Reader {
  private readonly modules: Modules
  private readonly main: string
  private readonly own: ReadonlyMap<string, Entry>

  constructor(modules: Modules, main: string) {
    this.modules = modules
    this.main = main
    this.own = modules.get(main) ?? new Map()
  }

  read(): Mib {
    const objects = [...this.own].filter(([, entry]) => entry.MACRO === 'OBJECT-TYPE')
    const tables = objects.filter(([, entry]) => isTable(entry))
    const entries = new Map(
      objects.filter(([, entry]) => tables.some(([name]) => name === parentOf(entry))),
    )
    const inTables = new Set([...tables.map(([name]) => name), ...entries.keys()])
    const notifications = [...this.own].filter(([, entry]) => entry.MACRO === 'NOTIFICATION-TYPE')
    return {
      module: this.main,
      notifications: notifications.map(([name, entry]) => this.notification(name, entry)),
      tables: tables.map(([name, table]) => this.table(name, table, entries, objects)),
      scalars: objects
        .filter(([name, entry]) => !inTables.has(name) && !entries.has(parentOf(entry)))
        .map(([name, entry]) => this.object(name, entry)),
    }
  }

  private table(
    name: string,
    table: Entry,
    entries: ReadonlyMap<string, Entry>,
    objects: readonly (readonly [string, Entry])[],
  ): MibTable {
    const [entryName, entry] = [...entries].find(([, one]) => parentOf(one) === name) ?? []
    return {
      name,
      oid: this.oid(name, table),
      description: table.DESCRIPTION ?? '',
      index: entry ? this.index(entry, depthMax) : [],
      columns: objects
        .filter(([, column]) => entryName !== undefined && parentOf(column) === entryName)
        .map(([column, found]) => this.object(column, found)),
    }
  }

  /** An entry that augments another has the other's index (RFC 2578, 7.8). */
  private index(entry: Entry, depth: number): MibTable['index'] {
    const augmented = entry.AUGMENTS?.[0]?.trim()
    if (augmented !== undefined && depth > 0) {
      const other = this.find(augmented)
      return other ? this.index(other, depth - 1) : []
    }
    return (entry.INDEX ?? []).map(part => {
      const words = part.trim().split(/\s+/)
      const name = words.at(-1) ?? ''
      const found = this.find(name)
      // SMIv1 allows a bare type as index.
      const syntax = found ? this.syntax(found.SYNTAX, depthMax) : this.syntax(name, depthMax)
      return { name, syntax, implied: words[0] === 'IMPLIED' }
    })
  }

  private notification(name: string, entry: Entry): MibNotification {
    const objects = (entry.OBJECTS ?? []).flatMap(part => {
      const found = this.find(part.trim())
      return found ? [this.object(part.trim(), found)] : []
    })
    return { name, oid: this.oid(name, entry), description: descriptionOf(entry), objects }
  }

  private object(name: string, entry: Entry): MibObject {
    return {
      name,
      oid: this.oid(name, entry),
      readable: !/not-accessible|accessible-for-notify|write-only/.test(
        entry['MAX-ACCESS'] ?? entry.ACCESS ?? '',
      ),
      syntax: this.syntax(entry.SYNTAX, depthMax),
      units: entry.UNITS?.replace(/"/g, '').trim() ?? null,
      description: descriptionOf(entry),
    }
  }

  private oid(name: string, { OID: oid }: Entry): string {
    if (oid !== undefined && /^[0-9]+(\.[0-9]+)*$/.test(oid)) return oid
    throw new AppError('E_MIB', `the OID of ${name} is not known: its parent is in no module`, {
      hint: `is the IMPORTS of ${this.main} complete?`,
    })
  }

  /** In the module itself, else in whatever module has it. */
  private find(name: string): Entry | undefined {
    const own = this.own.get(name)
    if (own) return own
    for (const module of this.modules.values()) {
      const found = module.get(name)
      if (found) return found
    }
    return undefined
  }

  private syntax(syntax: Entry['SYNTAX'], depth: number): MibSyntax {
    const [name = '', constraint = null] =
      typeof syntax === 'string' ? [syntax.trim()] : (Object.entries(syntax ?? {})[0] ?? [])
    const base = BASES[name]
    const inner: MibSyntax =
      base === undefined && depth > 0
        ? this.convention(name, depth)
        : { base: base ?? null, names: [], labels: null, sizes: null }
    return {
      base: inner.base,
      names: [name, ...inner.names],
      labels: labelsOf(constraint) ?? inner.labels,
      sizes: sizesOf(constraint) ?? inner.sizes,
    }
  }

  private convention(name: string, depth: number): MibSyntax {
    const found = this.find(name)
    if (found?.SYNTAX !== undefined) return this.syntax(found.SYNTAX, depth - 1)
    // SMIv1 types are written as an assignment: DisplayString ::= OCTET STRING.
    const base = found?.MACRO === undefined ? undefined : BASES[found.MACRO]
    return { base: base ?? null, names: [], labels: null, sizes: null }
  }
}

function descriptionOf({ DESCRIPTION: text = '' }: Entry): string {
  return text.replace(/"/g, '').replace(/\s+/g, ' ').trim()
}

function isTable({ SYNTAX: syntax }: Entry): boolean {
  return typeof syntax === 'string' && syntax.startsWith('SEQUENCE OF')
}

function parentOf(entry: Entry): string {
  return entry['OBJECT IDENTIFIER']?.trim().split(/\s+/)[0] ?? ''
}

type Constraints = Record<string, unknown> | null

function labelsOf(constraint: Constraints): Record<string, string> | null {
  const found = Object.entries(constraint ?? {}).filter(
    (pair): pair is [string, string] => /^-?[0-9]+$/.test(pair[0]) && typeof pair[1] === 'string',
  )
  return found.length === 0 ? null : Object.fromEntries(found)
}

function sizesOf(constraint: Constraints): { min: number; max: number }[] | null {
  return constraint !== null && 'sizes' in constraint
    ? (parseSizes(constraint).sizes ?? null)
    : null
}
