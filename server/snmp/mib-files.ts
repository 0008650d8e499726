// Finds the files of the MIB modules that a module imports, in an order in which each comes after
// what it imports. It reads heads of files only; what they mean is mib.ts.

import { readdir, readFile, stat } from 'node:fs/promises'
import path from 'node:path'
import { AppError } from '../model/errors.ts'

/** Bytes of one MIB file; the largest of vendors have 3 MB. */
const fileBytesMax = 16 * 1024 * 1024
/** Files of one folder that are looked into. */
const filesMax = 5000
/** Modules that one may need. */
const modulesMax = 200

export interface ModuleText {
  name: string
  text: string
  imports: string[]
}

/**
 * The modules of a file, after all that they import.
 * @param folders where imports are looked for, the first that has one counts
 * @param known modules that need no file
 * @throws AppError E_MIB: unreadable, no module, a circle, or imports that are nowhere
 */
export async function modulesInOrder(
  file: string,
  folders: readonly string[],
  known: ReadonlySet<string>,
): Promise<{ order: ModuleText[]; main: string }> {
  const own = modulesOf(await readMib(file))
  const main = own.at(-1)
  if (!main) {
    throw new AppError('E_MIB', `${file} holds no MIB module`, {
      hint: 'a module begins with NAME DEFINITIONS ::= BEGIN',
    })
  }
  const found = new Map(own.map(module => [module.name, module]))
  const places = await placesOf(folders)
  const missing = new Map<string, string>()
  const waiting = [...own]
  for (let module = waiting.pop(); module; module = waiting.pop()) {
    for (const name of module.imports) {
      if (known.has(name) || found.has(name) || missing.has(name)) continue
      const imported = found.size < modulesMax ? await findModule(name, places) : null
      if (imported) {
        found.set(name, imported)
        waiting.push(imported)
      } else missing.set(name, module.name)
    }
  }
  if (missing.size > 0) throw missingError(missing, folders)
  return { order: sorted(found, known), main: main.name }
}

function missingError(missing: ReadonlyMap<string, string>, folders: readonly string[]): AppError {
  const names = [...missing].map(([name, by]) => `${name} (imported by ${by})`)
  return new AppError('E_MIB', `modules that are imported are missing: ${names.join(', ')}`, {
    hint: `put their files into ${folders[0]}`,
  })
}

async function readMib(file: string): Promise<string> {
  const found = await stat(file).catch(() => null)
  if (!found?.isFile()) throw new AppError('E_MIB', `${file} is no file that can be read`)
  if (found.size > fileBytesMax) {
    throw new AppError('E_MIB', `${file} has ${found.size} bytes, at most ${fileBytesMax}`)
  }
  return readFile(file, 'utf8')
}

/** The modules of one text, each with what it imports. */
export function modulesOf(text: string): ModuleText[] {
  const bare = withoutComments(text)
  const heads = [
    ...bare.matchAll(/([A-Za-z][\w.-]*)\s+(?:\{[^}]*\}\s*)?DEFINITIONS\b[^:]{0,40}::=\s*BEGIN\b/g),
  ]
  return heads.map((head, i) => {
    const start = head.index
    const end = heads[i + 1]?.index ?? bare.length
    return {
      name: head[1] ?? '',
      text: bare.slice(start, end),
      imports: importsOf(bare.slice(start, end), head[1] ?? ''),
    }
  })
}

/** @throws AppError E_MIB where the list has no end: the parser would look for it for ever */
function importsOf(text: string, name: string): string[] {
  const unquoted = text.replace(/"[^"]*"/g, '""')
  const start = /\bIMPORTS\b/.exec(unquoted)
  if (!start) return []
  const end = unquoted.indexOf(';', start.index)
  if (end < 0) throw new AppError('E_MIB', `the IMPORTS of ${name} do not end with a semicolon`)
  const list = unquoted.slice(start.index, end)
  return [
    ...new Set([...list.matchAll(/\bFROM\s+([A-Za-z][\w.-]*)/g)].map(match => match[1] ?? '')),
  ]
}

/**
 * Comments run from two hyphens to the end of the line or the next two (RFC 2578, 3.1.1 via ASN.1);
 * most writers know only the end of the line. Hyphens in quoted texts are texts.
 */
function withoutComments(text: string): string {
  return text.replace(/"[^"]*"|--[^\r\n]*/g, found => (found.startsWith('"') ? found : ''))
}

interface Place {
  folder: string
  names: string[]
}

async function placesOf(folders: readonly string[]): Promise<Place[]> {
  const places: Place[] = []
  for (const folder of new Set(folders)) {
    const names = await readdir(folder).catch(() => [])
    places.push({ folder, names: names.sort().slice(0, filesMax) })
  }
  return places
}

/** By the file's name first, as nearly all are called; else by what is in them. */
async function findModule(name: string, places: readonly Place[]): Promise<ModuleText | null> {
  const isNamed = (file: string) => path.parse(file).name.toLowerCase() === name.toLowerCase()
  const isMib = (file: string) => /\.(mib|txt|my|smi|asn1?)$|^[^.]+$/i.test(file)
  for (const wanted of [isNamed, isMib]) {
    for (const { folder, names } of places) {
      for (const file of names.filter(wanted)) {
        const text = await readMib(path.join(folder, file)).catch(() => '')
        if (!text.includes(name)) continue
        const module = modulesOf(text).find(one => one.name === name)
        if (module) return module
      }
    }
  }
  return null
}

function sorted(found: ReadonlyMap<string, ModuleText>, known: ReadonlySet<string>): ModuleText[] {
  const order: ModuleText[] = []
  const open = new Set<string>()
  const visit = (module: ModuleText) => {
    if (order.includes(module)) return
    if (open.has(module.name)) {
      throw new AppError(
        'E_MIB',
        `modules import each other: ${[...open, module.name].join(' → ')}`,
      )
    }
    open.add(module.name)
    for (const name of module.imports) {
      const imported = known.has(name) ? undefined : found.get(name)
      if (imported) visit(imported)
    }
    open.delete(module.name)
    order.push(module)
  }
  for (const module of found.values()) visit(module)
  return order
}
