// A text in JSON or YAML with the line of each of its parts, as other monitors' exports need it. Pure.

import {
  findNodeAtLocation,
  type Node,
  type ParseError,
  parseTree,
  printParseErrorCode,
} from 'jsonc-parser'
import { isNode, LineCounter, parseDocument } from 'yaml'
import { AppError, messageOf } from '../../model/errors.ts'

type Path = readonly (string | number)[]

export interface Source {
  value: unknown
  /** From 1; of the nearest part that is there. */
  lineOf(path: Path): number
}

/** Names of one part that mean another: more of them is no list, but an attack. */
const aliasesMax = 100

/** @throws AppError E_DEVICE_LIST that says what, and on which line */
export function readSource(text: string): Source {
  try {
    return /^\s*[[{]/.test(text) ? fromJson(text) : fromYaml(text)
  } catch (error) {
    if (error instanceof AppError) throw error
    // Both parsers call themselves for each level.
    throw wrong(1, error instanceof RangeError ? 'it is nested too deep' : messageOf(error))
  }
}

function wrong(line: number, message: string): AppError {
  return new AppError('E_DEVICE_LIST', `line ${line}: ${message}`, {
    hint: 'nothing was changed; mend the line and try again',
  })
}

function fromJson(text: string): Source {
  const errors: ParseError[] = []
  const root = parseTree(text, errors)
  const lineAt = (offset: number) => text.slice(0, offset).split('\n').length
  const [first] = errors
  if (first || !root) {
    throw wrong(lineAt(first?.offset ?? 0), printParseErrorCode(first?.error ?? 1))
  }
  return {
    value: JSON.parse(text),
    lineOf: path => lineAt(nearest(path, part => nodeAt(root, part))?.offset ?? 0),
  }
}

const nodeAt = (root: Node, path: Path) => findNodeAtLocation(root, [...path])

function fromYaml(text: string): Source {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true })
  const [error] = document.errors
  if (error) throw wrong(error.linePos?.[0].line ?? 1, error.message.split('\n')[0] ?? '')
  return {
    value: document.toJS({ maxAliasCount: aliasesMax }),
    lineOf(path) {
      const node = nearest(path, part => document.getIn([...part], true))
      return lines.linePos(isNode(node) ? (node.range?.[0] ?? 0) : 0).line
    },
  }
}

/** What is at a path, or at as much of it as there is. */
function nearest<T>(path: Path, at: (path: Path) => T | undefined): T | undefined {
  for (let length = path.length; length >= 0; length--) {
    const found = at(path.slice(0, length))
    if (found !== undefined && found !== null) return found
  }
  return undefined
}
