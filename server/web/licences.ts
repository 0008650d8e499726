// The packages that Pollux is made of, with version and licence, read from what is installed: nothing is
// asked of the network.

import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import Type, { type Static } from 'typebox'
import { checker, parseJson } from '../validate.ts'

const packagesMax = 2000
const licenceCharsMax = 100_000

const Manifest = Type.Object({
  name: Type.String({ maxLength: 214 }),
  version: Type.String({ maxLength: 100 }),
  license: Type.Optional(Type.Unknown()),
  homepage: Type.Optional(Type.Unknown()),
  dependencies: Type.Optional(Type.Record(Type.String(), Type.String())),
  optionalDependencies: Type.Optional(Type.Record(Type.String(), Type.String())),
})
const checkManifest = checker(Manifest)

export interface Package {
  name: string
  version: string
  /** As the package says it (SPDX); empty: it says nothing. */
  licence: string
  /** Where it lies. */
  dir: string
}

export interface Licences {
  /** By name. What is not installed, as for another platform, is left out. */
  list(): Promise<Package[]>
  /** The text that comes with a package; null: none does. */
  text(name: string, version: string): Promise<string | null>
}

/** @param root the folder of our own package.json */
export function createLicences(root: string): Licences {
  let known: Promise<Package[]> | null = null
  const list = () => {
    known ??= installed(root)
    return known
  }
  return {
    list,
    async text(name, version) {
      const found = (await list()).find(one => one.name === name && one.version === version)
      return found ? licenceText(found.dir) : null
    },
  }
}

/** All that the program needs to run, and what those need. */
async function installed(root: string): Promise<Package[]> {
  const found = new Map<string, Package>()
  const visit = async (dir: string): Promise<void> => {
    const manifest = await manifestOf(dir)
    if (!manifest || found.has(dir) || found.size >= packagesMax) return
    const { name, version, license } = manifest
    found.set(dir, { name, version, licence: licenceOf(license), dir })
    for (const needed of Object.keys({
      ...manifest.dependencies,
      ...manifest.optionalDependencies,
    })) {
      const at = await placeOf(root, dir, needed)
      if (at) await visit(at)
    }
  }
  await visit(root)
  const ours = found.get(root)
  const byName = (a: Package, b: Package) =>
    a.name === b.name ? (a.version < b.version ? -1 : 1) : a.name < b.name ? -1 : 1
  const seen = new Set<string>()
  return [...found.values()]
    .filter(one => one !== ours)
    .sort(byName)
    .filter(({ name, version }) => {
      const key = `${name}@${version}`
      return !seen.has(key) && seen.add(key)
    })
}

/** As Node looks for a package: beside who needs it, then above. */
async function placeOf(root: string, from: string, name: string): Promise<string | null> {
  for (let dir = from; ; dir = path.dirname(dir)) {
    const at = path.join(dir, 'node_modules', name)
    if (await manifestOf(at)) return at
    if (dir === root || dir === path.dirname(dir)) return null
  }
}

async function manifestOf(dir: string): Promise<Static<typeof Manifest> | null> {
  const text = await readFile(path.join(dir, 'package.json'), 'utf8').catch(() => null)
  const checked = text === null ? null : checkManifest(parseJson(text))
  return checked?.ok ? checked.value : null
}

/** A text, or as packages of old times wrote it. */
function licenceOf(written: unknown): string {
  if (typeof written === 'string') return written.slice(0, 100)
  const isObject = typeof written === 'object' && written !== null
  return isObject && 'type' in written ? String(written.type).slice(0, 100) : ''
}

async function licenceText(dir: string): Promise<string | null> {
  const names = await readdir(dir)
  const name = names.sort().find(one => /^(licen[cs]e|copying)(\b|$)/i.test(one))
  if (name === undefined) return null
  const text = await readFile(path.join(dir, name), 'utf8').catch(() => null)
  return text === null ? null : text.slice(0, licenceCharsMax)
}
