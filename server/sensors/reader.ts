// One group of a profile as a reader of messages: whether a message is one of its own, which rows it
// tells of, what stands at each path, and of what time it is.

import type { MessageDoc } from '../model/profile.ts'
import type { RawValue } from '../model/raw.ts'
import { rowKey } from '../model/rowkey.ts'
import { compilePath, type Getter, type Item, membersOf } from './path.ts'
import type { Payload } from './payload.ts'
import { timeOf } from './time.ts'
import { TopicTree } from './topictree.ts'
import { identityOf, rawOf } from './value.ts'

/** Rows of one message that are looked at, in one group. */
const rowsPerMessageMax = 5000
/** Characters of what tells a row from others. */
export const identityMax = 400

export interface ReadRow {
  /** Null: what names it is too long, or no Unicode text (JSON can write half a surrogate pair). */
  index: string | null
  /** By path; `none` where the message says nothing of it. */
  values: readonly RawValue[]
  /** Unix ms where the message says it; null: of its arrival; 'wrong': a time that cannot be. */
  at: number | null | 'wrong'
}

export interface MessageReader {
  /** Whether times come from the messages: then they do for all of the group's. */
  readonly isTimed: boolean
  /** Rows that have something; or why there are none: another topic, or another form of payload. */
  read(levels: readonly string[], payload: Payload, now: number): ReadRow[] | 'topic' | 'format'
}

interface Compiled {
  doc: MessageDoc
  conditions: readonly { get: Getter; allowed: ReadonlySet<string> }[]
  members: Getter | null
  identity: readonly Getter[]
  at: Getter | null
  name: Getter | null
}

/** @param paths what is read; @param isTable else there is one row, '' */
export function createReader(
  messages: readonly MessageDoc[],
  paths: readonly string[],
  isTable: boolean,
): MessageReader {
  const compiled = messages.map(compile)
  const topics = new TopicTree<Compiled>()
  for (const message of compiled) {
    for (const filter of [message.doc.topic ?? '#'].flat()) topics.add(filter, message)
  }
  const getters = paths.map(compilePath)

  function rowOf(item: Item, message: Compiled, now: number): ReadRow | null {
    const values = getters.map(get => rawOf(get(item)))
    if (!values.some(({ type }, i) => type !== 'none' && isNews(paths[i] ?? '', message)))
      return null
    const index = isTable ? indexOf(item, message) : ''
    const isNamed = index.length <= identityMax && index.isWellFormed() && values.every(isUnicode)
    const at = message.at ? timeOf(message.at(item), now) : null
    return { index: isNamed ? index : null, values, at }
  }

  return {
    isTimed: compiled.some(({ at }) => at !== null),
    read(levels, payload, now) {
      const matching = topics.match(levels)
      const mine = compiled.filter(message => matching.has(message))
      if (mine.length === 0) return 'topic'
      let isOfForm = false
      const rows: ReadRow[] = []
      for (const message of mine) {
        const items = itemsOf(message, levels, payload)
        isOfForm ||= items !== null
        for (const item of items ?? []) {
          const row = rows.length < rowsPerMessageMax ? rowOf(item, message, now) : null
          if (row) rows.push(row)
        }
      }
      return isOfForm ? rows : 'format'
    },
  }
}

/** Any text may become a name, a label or a key. */
function isUnicode(raw: RawValue): boolean {
  return raw.type !== 'text' || raw.value.isWellFormed()
}

/** What the topic, or the whole beside a member, says tells of no row alone. */
function isNews(path: string, { members }: Compiled): boolean {
  if (path === '@' || path.startsWith('topic:')) return false
  return members === null || !path.startsWith('$')
}

function compile(doc: MessageDoc): Compiled {
  return {
    doc,
    conditions: Object.entries(doc.is ?? {})
      .filter(([path]) => path !== '//')
      .map(([path, allowed]) => ({
        get: compilePath(path),
        allowed: new Set([allowed].flat().map(String)),
      })),
    members: doc.rows === undefined ? null : compilePath(doc.rows),
    identity: (doc.row ?? []).map(compilePath),
    at: doc.at === undefined ? null : compilePath(doc.at),
    name: doc.name === undefined ? null : nameGetter(doc.name),
  }
}

/** A part of the topic, or a name as it is written. */
function nameGetter(name: string): Getter {
  return name.startsWith('topic:') ? compilePath(name) : () => name
}

/** The things of a message that fulfil the conditions; null: its payload is of another form. */
function itemsOf(message: Compiled, levels: readonly string[], payload: Payload): Item[] | null {
  const { doc, members, name } = message
  const values = payload.items(doc.format ?? 'json', doc.separator ?? ',')
  if (!values) return null
  const found: Item[] = []
  for (const value of values) {
    const bare: Item = { levels, root: value, row: value, key: '' }
    const whole = name ? named(bare, identityOf(name(bare))) : bare
    if (members === null) {
      if (fulfils(message, whole)) found.push(whole)
      continue
    }
    for (const [key, row] of membersOf(members(whole))) {
      const item: Item = { levels, root: whole.root, row, key }
      if (fulfils(message, item)) found.push(item)
    }
  }
  return found
}

/** A plain value under a name, as if it were the member of an object. */
function named({ levels, root }: Item, name: string): Item {
  const object = Object.fromEntries([[name, root]])
  return { levels, root: object, row: object, key: '' }
}

function fulfils({ conditions }: Compiled, item: Item): boolean {
  return conditions.every(({ get, allowed }) => allowed.has(identityOf(get(item))))
}

/** Who sent it, as the profile tells; without that, the topic and the member's name. */
function indexOf(item: Item, { identity }: Compiled): string {
  const topic = item.levels.join('/')
  if (identity.length === 0) return item.key === '' ? topic : `${topic}/${item.key}`
  const parts = identity.map(get => identityOf(get(item)))
  if (parts.join('') === '') parts[0] = topic
  return rowKey(parts)
}
