// A list of devices as text, out and in again: JSON (one config or an array) or CSV with a head; in, other
// monitors' exports too. Each document keeps the line that it came from. Pure; secrets leave by their names alone.

import { parse as parseCsv } from 'csv-parse/sync'
import {
  findNodeAtLocation,
  type Node,
  type ParseError,
  parseTree,
  printParseErrorCode,
} from 'jsonc-parser'
import type { DeviceConfig } from '../model/device.ts'
import { AppError, messageOf } from '../model/errors.ts'
import { foreignDevices } from './foreign/list.ts'

/** Devices of one text. */
export const listDevicesMax = 1000

export interface ListedDevice {
  /** Where it begins in the text, from 1. */
  line: number
  id: string
  /** Over what is stored of this id, or as it is where nothing is. */
  document: Record<string, unknown>
  /** A CSV names some of the fields; what it does not name stays. */
  isPart: boolean
  /** The line of a field, by its path in the document. */
  lineOf(path: string): number
  /** Of another monitor's device: why it cannot be one of ours; null: it can. */
  problem: string | null
}

const COLUMNS = [
  'id',
  'name',
  'kind',
  'address',
  'port',
  'version',
  'community',
  'every',
  'location',
  'tags',
  'profiles',
  'enabled',
] as const
type Column = (typeof COLUMNS)[number]
const isColumn = (text: string): text is Column => COLUMNS.some(column => column === text)

/** A community cell of this begin names a secret. */
const SECRET = 'secret:'

export function csvHead(): string[] {
  return [...COLUMNS]
}

/** Tags and profiles are separated by blanks. What CSV cannot say (SNMPv3, TLS, tuning) is left out. */
export function csvCells(config: DeviceConfig): string[] {
  const { credentials, tags = [], profiles } = config
  const simple = credentials && credentials.version !== '3' ? credentials : null
  const cells: Record<Column, string> = {
    id: config.id,
    name: config.name,
    kind: config.kind,
    address: config.address ?? '',
    port: String(config.port ?? ''),
    version: credentials?.version ?? '',
    community: typeof simple?.community === 'object' ? SECRET + simple.community.secret : '',
    every: config.every,
    location: config.location ?? '',
    tags: tags.join(' '),
    profiles: profiles.join(' '),
    enabled: config.enabled ? 'yes' : 'no',
  }
  return COLUMNS.map(column => cells[column])
}

/** @throws AppError E_DEVICE_LIST that says what, and on which line */
export function parseDeviceList(text: string): ListedDevice[] {
  const found = fromOthers(text) ?? (/^\s*[[{]/.test(text) ? fromJson(text) : fromCsv(text))
  if (found.length === 0) throw listError(1, 'there is no device in it')
  if (found.length > listDevicesMax) {
    throw new AppError('E_DEVICE_LIST', `more than ${listDevicesMax} devices`, {
      hint: 'split the list',
    })
  }
  const lines = new Map<string, number>()
  for (const { id, line } of found) {
    const before = lines.get(id)
    if (before !== undefined) throw listError(line, `"${id}" is on line ${before} already`)
    lines.set(id, line)
  }
  return found
}

/** An export says all of a device that it can say. */
function fromOthers(text: string): ListedDevice[] | null {
  const found = foreignDevices(text)
  return found?.map(one => ({ ...one, isPart: true, lineOf: () => one.line })) ?? null
}

function listError(line: number, message: string, cause?: unknown): AppError {
  return new AppError('E_DEVICE_LIST', `line ${line}: ${message}`, {
    hint: 'nothing was changed; mend the line and try again',
    cause,
  })
}

// ── JSON ──────────────────────────────────────────────────────────────────────────────────────────

function fromJson(text: string): ListedDevice[] {
  const errors: ParseError[] = []
  const root = treeOf(text, errors)
  const lineAt = (offset: number) => text.slice(0, offset).split('\n').length
  const [first] = errors
  if (first || !root) {
    throw listError(lineAt(first?.offset ?? 0), printParseErrorCode(first?.error ?? 1))
  }
  const nodes = root.type === 'array' ? (root.children ?? []) : [root]
  return nodes.map(node => {
    const line = lineAt(node.offset)
    const id = findNodeAtLocation(node, ['id'])?.value
    if (node.type !== 'object') throw listError(line, 'a device must be an object')
    if (typeof id !== 'string' || id === '') throw listError(line, 'the device has no "id"')
    return {
      line,
      id,
      document: JSON.parse(text.slice(node.offset, node.offset + node.length)),
      isPart: false,
      problem: null,
      lineOf: path => lineAt(nearest(node, path.split('.')).offset),
    }
  })
}

function treeOf(text: string, errors: ParseError[]): Node | undefined {
  try {
    return parseTree(text, errors, { allowTrailingComma: true })
  } catch (error) {
    // The parser calls itself for each level.
    if (error instanceof RangeError) throw listError(1, 'it is nested too deep', error)
    throw error
  }
}

/** The node of a path, or of as much of it as there is. */
function nearest(node: Node, path: readonly string[]): Node {
  for (let length = path.length; length > 0; length--) {
    const found = findNodeAtLocation(node, path.slice(0, length))
    if (found) return found
  }
  return node
}

// ── CSV ───────────────────────────────────────────────────────────────────────────────────────────

function fromCsv(text: string): ListedDevice[] {
  const [head, ...rows] = rowsOf(text)
  if (!head) throw listError(1, 'there is no device in it')
  const names = head.cells.map(cell => cell.toLowerCase())
  const unknown = names.find(name => !isColumn(name))
  if (unknown !== undefined) {
    throw listError(1, `there is no column "${unknown}": the columns are ${COLUMNS.join(', ')}`)
  }
  if (!names.includes('id')) throw listError(1, 'the column "id" is missing')
  return rows.map(({ line, cells }) => {
    if (cells.length !== names.length)
      throw listError(line, `has ${cells.length} cells where the head has ${names.length}`)
    const texts = new Map(names.map((name, i) => [name, cells[i] ?? '']))
    const id = texts.get('id') ?? ''
    if (id === '') throw listError(line, 'the device has no "id"')
    const document = documentOf(texts)
    return { line, id, document, isPart: true, problem: null, lineOf: () => line }
  })
}

function rowsOf(text: string): { line: number; cells: string[] }[] {
  try {
    const rows: { line: number; cells: string[] }[] = []
    parseCsv(text, {
      bom: true,
      trim: true,
      skip_empty_lines: true,
      relax_column_count: true,
      delimiter: [',', ';', '\t'],
      on_record: (cells: string[], { lines }) => void rows.push({ line: lines, cells }),
    })
    return rows
  } catch (error) {
    const line = error instanceof Error && 'lines' in error ? Number(error.lines) : 1
    throw listError(line, messageOf(error), error)
  }
}

/** An empty cell says nothing. */
function documentOf(texts: ReadonlyMap<string, string>): Record<string, unknown> {
  const document: Record<string, unknown> = {}
  for (const [name, text] of texts) {
    if (text !== '' && name !== 'version' && name !== 'community')
      document[name] = cellValue(name, text)
  }
  const community = texts.get('community') ?? ''
  if (community === '') return document
  const isNamed = community.startsWith(SECRET)
  const secret = isNamed ? { secret: community.slice(SECRET.length) } : community
  return { ...document, credentials: { version: texts.get('version') || '2c', community: secret } }
}

/** What cannot be understood stays a text, and is refused with its field by the document's check. */
function cellValue(name: string, text: string): unknown {
  if (name === 'port' && /^[0-9]+$/.test(text)) return Number(text)
  if (name === 'tags' || name === 'profiles') return text.split(/\s+/)
  if (name === 'enabled' && /^(yes|true|1)$/i.test(text)) return true
  if (name === 'enabled' && /^(no|false|0)$/i.test(text)) return false
  return text
}
