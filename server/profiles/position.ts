// Where in a profile's text something stands: JSON pointers to lines and columns. It reads JSON
// strictly (no comments, no trailing commas) into objects without a prototype, so that no key of a
// document can reach the program's own objects.

import { findNodeAtLocation, type Node, parseTree, printParseErrorCode } from 'jsonc-parser'

/** Larger files are refused: the largest profile of ours is under 50 kB. */
export const PROFILE_BYTES_MAX = 1 << 20
/** Deeper nesting has no meaning in the format. */
const depthMax = 40

export interface Position {
  line: number
  column: number
}

export interface JsonFault extends Position {
  message: string
}

/** A parsed document that can tell where its parts stand. */
export interface LocatedDocument {
  value: unknown
  /** The value at a pointer; for `key`, the property's name. null: nothing stands there. */
  find(pointer: string, what: 'value' | 'key'): Position | null
  /** As `find`, of the character at this offset in a string value, escapes counted. */
  findInText(pointer: string, offset: number): Position | null
}

/** JSON pointer of a child (RFC 6901). */
export function child(pointer: string, key: string | number): string {
  return `${pointer}/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`
}

/** The keys of a JSON pointer. */
export function pointerKeys(pointer: string): string[] {
  if (pointer === '') return []
  return pointer
    .slice(1)
    .split('/')
    .map(key => key.replaceAll('~1', '/').replaceAll('~0', '~'))
}

/** A strict JSON text as a document, or the first place where it is not JSON. */
export function parseDocument(
  text: string,
): { ok: true; document: LocatedDocument } | { ok: false; fault: JsonFault } {
  const at = positions(text)
  const fault = (offset: number, message: string) => ({
    ok: false as const,
    fault: { ...at(offset), message },
  })
  if (text.length > PROFILE_BYTES_MAX) return fault(0, 'the file is larger than 1 MiB')
  const body = text.charCodeAt(0) === 0xfeff ? ` ${text.slice(1)}` : text
  const tooDeep = depthFault(body)
  if (tooDeep !== null) return fault(tooDeep, `nested deeper than ${depthMax} levels`)
  const errors: Parameters<typeof parseTree>[1] = []
  const root = parseTree(body, errors, { disallowComments: true, allowTrailingComma: false })
  const first = errors[0]
  if (first) return fault(first.offset, spoken(printParseErrorCode(first.error)))
  if (!root) return fault(0, 'the file is empty')
  const twice = keyTwice(root)
  if (twice)
    return fault(
      twice.offset,
      `the key ${body.slice(twice.offset, twice.offset + twice.length)} stands here twice`,
    )
  return { ok: true, document: located(body, root, at) }
}

function located(text: string, root: Node, at: (offset: number) => Position): LocatedDocument {
  const nodeAt = (pointer: string) => findNodeAtLocation(root, path(root, pointer))
  return {
    value: plain(root),
    find(pointer, what) {
      const node = nodeAt(pointer)
      if (!node) return null
      const key = node.parent?.type === 'property' ? node.parent.children?.[0] : undefined
      return at(what === 'key' && key ? key.offset : node.offset)
    },
    findInText(pointer, offset) {
      const node = nodeAt(pointer)
      if (node?.type !== 'string') return node ? at(node.offset) : null
      let place = node.offset + 1
      for (let i = 0; i < offset && place < node.offset + node.length - 1; i++) {
        place += text[place] !== '\\' ? 1 : text[place + 1] === 'u' ? 6 : 2
      }
      return at(place)
    },
  }
}

/** jsonc-parser wants array places as numbers. */
function path(root: Node, pointer: string): (string | number)[] {
  const result: (string | number)[] = []
  let node: Node | undefined = root
  for (const key of pointerKeys(pointer)) {
    const step: string | number = node?.type === 'array' ? Number(key) : key
    result.push(step)
    node = node && findNodeAtLocation(node, [step])
  }
  return result
}

function plain(node: Node): unknown {
  if (node.type === 'array') return (node.children ?? []).map(plain)
  if (node.type !== 'object') return node.value
  const object: Record<string, unknown> = Object.create(null)
  for (const property of node.children ?? []) {
    const [key, value] = property.children ?? []
    if (key && value) object[String(key.value)] = plain(value)
  }
  return object
}

/** A key that stands twice in one object; comments may. */
function keyTwice(node: Node): Node | null {
  const seen = new Set<string>()
  for (const part of node.children ?? []) {
    const [key, value] = part.type === 'property' ? (part.children ?? []) : [undefined, part]
    if (key && key.value !== '//' && seen.has(String(key.value))) return key
    if (key) seen.add(String(key.value))
    const inner = value && keyTwice(value)
    if (inner) return inner
  }
  return null
}

/** Offset of the bracket that nests too deep, before a recursive parser meets it. */
function depthFault(text: string): number | null {
  let depth = 0
  for (let i = 0; i < text.length; i++) {
    const c = text[i]
    if (c === '"') {
      for (i++; i < text.length && text[i] !== '"'; i++) if (text[i] === '\\') i++
    } else if (c === '{' || c === '[') {
      if (++depth > depthMax) return i
    } else if (c === '}' || c === ']') depth--
  }
  return null
}

/** `CommaExpected` as people say it. */
function spoken(code: string): string {
  const words = code.replace(/([a-z])([A-Z])/g, '$1 $2').toLowerCase()
  return code === 'InvalidCommentToken' ? 'comments are not JSON: use the key "//"' : words
}

function positions(text: string): (offset: number) => Position {
  const starts = [0]
  for (let i = text.indexOf('\n'); i >= 0; i = text.indexOf('\n', i + 1)) starts.push(i + 1)
  return offset => {
    let low = 0
    let high = starts.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if ((starts[middle] ?? 0) <= offset) low = middle
      else high = middle - 1
    }
    return { line: low + 1, column: offset - (starts[low] ?? 0) + 1 }
  }
}
