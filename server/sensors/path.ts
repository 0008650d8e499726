// Where a value stands in a message: a part of its topic, or a path into its payload. Only own keys
// count, so that `__proto__` is a name like any other.

/** One thing that a message tells of: a whole payload, a member of it, a line. */
export interface Item {
  /** The topic's levels. */
  levels: readonly string[]
  /** The whole payload, or the line. */
  root: unknown
  /** What the row is made of: `root`, or one member of what `rows` names. */
  row: unknown
  /** That member's name or number; of a whole payload ''. */
  key: string
}

export type Getter = (item: Item) => unknown

/**
 * `topic:2` is the topic's second level, `topic:-1` its last; `@` the member's name; `$` the whole
 * payload, `$.a` in it; `a.b.0` in the row. A dot in a name is written `\.`.
 */
export function compilePath(path: string): Getter {
  const level = /^topic:(-?[1-9][0-9]?)$/.exec(path)
  if (level) {
    const place = Number(level[1])
    return ({ levels }) => levels.at(place > 0 ? place - 1 : place)
  }
  if (path === '@') return ({ key }) => key
  if (path === '$') return ({ root }) => root
  const isFromRoot = path.startsWith('$.')
  const names = (isFromRoot ? path.slice(2) : path)
    .split(/(?<!\\)\./)
    .map(name => name.replaceAll('\\.', '.'))
  return ({ root, row }) => {
    let value = isFromRoot ? root : row
    for (const name of names) {
      value = memberOf(value, name)
      if (value === undefined) return undefined
    }
    return value
  }
}

function memberOf(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined
  const members: Record<string, unknown> = Object(value)
  return members[name]
}

/** The members of an object or a list, by name or number; nothing of anything else. */
export function membersOf(value: unknown): [string, unknown][] {
  return typeof value === 'object' && value !== null ? Object.entries(value) : []
}
