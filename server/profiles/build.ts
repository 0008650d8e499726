// Builds the catalogue from the profiles' texts: parses, checks, joins and compiles each one. Pure:
// the same sources give the same catalogue in every thread. A broken profile is left out and its
// problems are listed; it never stops the others.

import { createHash } from 'node:crypto'
import {
  type GroupDoc,
  NAME_PATTERN,
  PROFILE_ID_PATTERN,
  type ProfileDoc,
} from '../model/profile.ts'
import type { Catalogue, CatalogueProfile, Problem, ProfileSource } from './catalogue.ts'
import { circleFindings, groupsTwice, matchesTwice } from './crosscheck.ts'
import { isObject, type Joined, type JsonObject, joinProfile, parentsOf } from './extend.ts'
import { checkKnownOids } from './known.ts'
import { type LocatedDocument, type Position, parseDocument } from './position.ts'
import { compileProfile } from './profile.ts'
import type { Finding } from './report.ts'
import { secretReads } from './secret-reads.ts'
import { shapeFaults } from './shape.ts'

/** Profile files in one catalogue. */
export const PROFILES_MAX = 2000
/** Problems listed; beyond, the first ones come first. */
const problemsMax = 1000

interface File {
  source: ProfileSource
  document: LocatedDocument
  doc: JsonObject
}

/** The whole catalogue of these sources; never throws for what a file contains. */
export function buildCatalogue(sources: readonly ProfileSource[]): Catalogue {
  const build = new Build(sources)
  return build.run()
}

class Build {
  private readonly sources: readonly ProfileSource[]
  private readonly files = new Map<string, File>()
  private readonly docs = new Map<string, JsonObject>()
  private readonly broken = new Set<string>()
  private readonly problems = new Map<string, Problem>()
  private readonly joined = new Map<string, Joined>()
  private readonly profiles = new Map<string, CatalogueProfile>()

  constructor(sources: readonly ProfileSource[]) {
    this.sources = inForce(sources)
  }

  run(): Catalogue {
    for (const source of this.sources) this.parse(source)
    for (const [id, file] of this.files) this.checkShape(id, file)
    this.crossCheck(groupsTwice(this.crossFiles()))
    this.crossCheck(matchesTwice(this.crossFiles()))
    for (const id of this.files.keys()) this.join(id)
    for (const [id, joined] of this.joined) this.compile(id, joined)
    for (const { id, finding } of circleFindings(this.profiles)) {
      this.add(id, finding)
      this.profiles.delete(id)
    }
    return {
      version: versionOf(this.sources),
      profiles: this.profiles,
      problems: [...this.problems.values()],
      sources: this.sources,
    }
  }

  private parse(source: ProfileSource): void {
    if (!new RegExp(PROFILE_ID_PATTERN).test(source.id)) {
      const message = `"${source.id}" is no profile id: it is the file's name without .json`
      const hint = 'use a-z, 0-9, and . _ - after the first character'
      this.push(source, { code: 'E_SCHEMA', pointer: '', message, hint }, { line: 1, column: 1 })
      return
    }
    const parsed = parseDocument(source.text)
    if (!parsed.ok) {
      const { message, ...position } = parsed.fault
      this.push(source, { code: 'E_JSON', pointer: '', message }, position)
      return
    }
    const { document } = parsed
    if (!isObject(document.value)) {
      const message = 'a profile is a JSON object'
      this.push(source, { code: 'E_SCHEMA', pointer: '', message }, { line: 1, column: 1 })
      return
    }
    this.files.set(source.id, { source, document, doc: document.value })
    this.docs.set(source.id, document.value)
  }

  /** Each file alone first: a fault is then named once, in its own file. */
  private checkShape(id: string, { doc }: File): void {
    const partial = parentsOf(doc).length > 0 || id.startsWith('_')
    for (const fault of shapeFaults(doc, { partial })) this.add(id, { code: 'E_SCHEMA', ...fault })
    for (const finding of secretReads(doc)) this.add(id, finding)
    if (id.startsWith('_') && doc.match !== undefined) {
      this.add(id, {
        code: 'E_ABSTRACT',
        pointer: '/match',
        what: 'key',
        message: 'an abstract profile is only extended, so it cannot match a device',
        hint: `rename the file to ${id.slice(1)}.json, or move "match" to those that extend it`,
      })
    }
  }

  private crossFiles(): { id: string; from: ProfileSource['from']; doc: JsonObject }[] {
    return [...this.files]
      .filter(([id]) => !this.broken.has(id))
      .map(([id, { doc, source }]) => ({ id, from: source.from, doc }))
  }

  private crossCheck(found: Iterable<{ id: string; finding: Finding }>): void {
    for (const { id, finding } of found) this.add(id, finding)
  }

  private join(id: string): void {
    const joined = joinProfile(id, this.docs, this.broken)
    if ('code' in joined) {
      if (!this.broken.has(id)) this.add(id, joined)
      return
    }
    this.joined.set(id, joined)
    if (this.broken.has(id) || id.startsWith('_') || joined.layers.length === 1) return
    for (const fault of shapeFaults(joined.doc, { partial: false })) {
      this.add(id, { code: 'E_SCHEMA', ...fault })
    }
  }

  private compile(id: string, joined: Joined): void {
    const file = this.files.get(id)
    if (!file || this.broken.has(id) || id.startsWith('_')) return
    // The shape was checked just now: this is the one place where a document gets its type.
    const doc = joined.doc as unknown as ProfileDoc
    const source = doc.source ?? 'snmp'
    let faults = 0
    const definition = compileProfile(
      {
        profile: id,
        doc,
        source,
        report: finding => {
          faults++
          this.add(id, finding)
        },
        groupDoc: name => this.groupDoc(name, joined.doc),
        groupIds: () => this.groupIds(joined.doc),
      },
      joined.ancestors,
      new Set(groupIdsOf(file.doc)),
    )
    if (faults > 0) return
    checkKnownOids(definition, finding => this.add(id, finding, 'warning'))
    this.profiles.set(id, {
      id,
      title: doc.title,
      description: doc.description ?? '',
      file: file.source.file,
      from: file.source.from,
      type: doc.type ?? 'feature',
      source,
      extends: parentsOf(file.doc),
      groups: [...definition.groups.keys()],
      definition,
    })
  }

  /** A group of this document, else of any other profile. */
  private groupDoc(
    name: string,
    own: JsonObject,
  ): { doc: GroupDoc; pointer: string | null } | null {
    if (!new RegExp(NAME_PATTERN).test(name)) return null
    for (const [doc, mine] of [[own, true] as const, ...this.otherDocs()]) {
      for (const kind of ['scalars', 'tables'] as const) {
        const groups = doc[kind]
        const group = isObject(groups) ? groups[name] : undefined
        if (!isObject(group)) continue
        // Groups of other files: their shape was checked with their own file.
        const typed = group as unknown as GroupDoc
        return { doc: typed, pointer: mine ? `/${kind}/${name}` : null }
      }
    }
    return null
  }

  private *otherDocs(): Iterable<readonly [JsonObject, false]> {
    for (const [id, joined] of this.joined) if (!this.broken.has(id)) yield [joined.doc, false]
    for (const doc of this.docs.values()) yield [doc, false]
  }

  private groupIds(own: JsonObject): string[] {
    const ids = new Set(groupIdsOf(own))
    for (const doc of this.docs.values()) for (const id of groupIdsOf(doc)) ids.add(id)
    return [...ids].sort()
  }

  private add(id: string, finding: Finding, severity: Problem['severity'] = 'error'): void {
    const file = this.files.get(id)
    if (!file) return
    if (severity === 'error') this.broken.add(id)
    const place = this.locate(id, finding)
    this.push(place.source, finding, place.position, severity)
    if (place.source.id !== id && severity === 'error') {
      const message = `"${place.source.id}", which it extends, has errors in what this file inherits`
      const hint = `see ${place.source.file}:${place.position.line}`
      const position = file.document.find('/extends', 'value') ?? { line: 1, column: 1 }
      this.push(file.source, { code: 'E_EXTENDS', pointer: '/extends', message, hint }, position)
    }
  }

  /** The file that wrote the place: its own, else the last one joined below it. */
  private locate(id: string, finding: Finding): { source: ProfileSource; position: Position } {
    const layers = [...(this.joined.get(id)?.layers ?? [])].reverse()
    for (const layer of layers.length > 0 ? layers : [id]) {
      const file = this.files.get(layer)
      const position = file && positionIn(file.document, finding)
      if (position) return { source: file.source, position }
    }
    const own = this.files.get(id)
    let { pointer } = finding
    for (;;) {
      const position = own?.document.find(pointer, 'value')
      if (own && position) return { source: own.source, position }
      if (!own || pointer === '') break
      pointer = pointer.slice(0, pointer.lastIndexOf('/'))
    }
    throw new Error(`no file for profile ${id}`)
  }

  private push(
    source: ProfileSource,
    finding: Finding,
    position: Position,
    severity: Problem['severity'] = 'error',
  ): void {
    const { code, pointer, message, hint = '' } = finding
    const { id, file } = source
    const { line, column } = position
    const key = JSON.stringify([file, line, column, code, message])
    if (this.problems.has(key) || this.problems.size >= problemsMax) return
    this.problems.set(key, {
      code,
      severity,
      profile: id,
      file,
      line,
      column,
      pointer,
      message,
      hint,
    })
  }
}

function positionIn(document: LocatedDocument, finding: Finding): Position | null {
  const { pointer, offset, what = 'value' } = finding
  return offset === undefined ? document.find(pointer, what) : document.findInText(pointer, offset)
}

function groupIdsOf(doc: JsonObject): string[] {
  return ['scalars', 'tables'].flatMap(kind => {
    const groups = doc[kind]
    return isObject(groups) ? Object.keys(groups).filter(id => isObject(groups[id])) : []
  })
}

/** By id, the user's file before ours; in alphabetical order, ours first. */
function inForce(sources: readonly ProfileSource[]): ProfileSource[] {
  const byId = new Map<string, ProfileSource>()
  for (const source of sources) {
    if (source.from === 'user' || !byId.has(source.id)) byId.set(source.id, source)
  }
  return [...byId.values()]
    .sort((a, b) => (a.from === b.from ? (a.id < b.id ? -1 : 1) : a.from === 'shipped' ? -1 : 1))
    .slice(0, PROFILES_MAX)
}

function versionOf(sources: readonly ProfileSource[]): string {
  const hash = createHash('sha256')
  for (const { id, from, text } of sources) hash.update(JSON.stringify([id, from, text]))
  return hash.digest('hex').slice(0, 16)
}
