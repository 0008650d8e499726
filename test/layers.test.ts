// The layers of docs/architecture.md hold: every import outside a module's own folder goes to a
// strictly lower layer. Prints the picture with the number of files in each place.

import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'

const root = path.join(import.meta.dirname, '..')

const LAYERS: readonly (readonly string[])[] = [
  ['model'],
  ['config', 'log', 'metrics', 'secrets', 'validate', 'addresses', 'paths', 'version'],
  ['snmp', 'docker', 'checks', 'profiles', 'store', 'sensors'],
  ['collectors', 'bus', 'live', 'audit'],
  [
    'poll',
    'receive',
    'ingest',
    'alarms',
    'models',
    'devices',
    'auth',
    'agents',
    'fleet',
    'backup',
    'export',
    'neighbours',
  ],
  ['web'],
  ['main', 'compose', 'cli', 'pollux'],
]
const AGENT_MAY = new Set(['model', 'bus', 'log', 'validate'])

const layerOf = (place: string): number => LAYERS.findIndex(layer => layer.includes(place))

/** `server/poll/schedule.ts` → `poll`, `server/log.ts` → `log`, `agent/x.ts` → `agent`. */
function placeOf(file: string): string {
  const parts = path.relative(root, file).split(path.sep)
  if (parts[0] !== 'server') return parts[0] ?? ''
  return (parts[1] ?? '').replace(/\.(ts|js)$/, '')
}

function sources(dir: string): string[] {
  return readdirSync(path.join(root, dir), { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile() && /\.(ts|js)$/.test(entry.name))
    .map(entry => path.join(entry.parentPath, entry.name))
}

function imports(file: string): string[] {
  const text = readFileSync(file, 'utf8')
  const found = text.matchAll(/(?:from|import)\s*\(?\s*(?:new URL\()?'(\.[^']+)'/g)
  return [...found].map(match => path.resolve(path.dirname(file), match[1] ?? ''))
}

function violations(): string[] {
  const wrong: string[] = []
  for (const file of [...sources('server'), ...sources('agent')]) {
    const from = placeOf(file)
    for (const target of imports(file)) {
      const to = placeOf(target)
      if (from === to) continue
      const allowed =
        from === 'agent'
          ? AGENT_MAY.has(to)
          : to === 'agent'
            ? layerOf(from) === LAYERS.length - 1
            : layerOf(to) >= 0 &&
              (layerOf(to) < layerOf(from) || layerOf(from) === LAYERS.length - 1)
      if (!allowed)
        wrong.push(`${path.relative(root, file)} imports ${path.relative(root, target)}`)
    }
  }
  return wrong
}

t.test('imports go downwards only', async t => {
  t.same(violations(), [])
})

t.test('every place has a layer', async t => {
  const places = new Set(sources('server').map(placeOf))
  t.same(
    [...places].filter(place => layerOf(place) < 0),
    [],
  )
  const count = (place: string) => sources('server').filter(file => placeOf(file) === place).length
  for (const [number, layer] of [...LAYERS.entries()].reverse()) {
    t.comment(
      ` ${number}  ${layer
        .filter(p => places.has(p))
        .map(p => `${p} (${count(p)})`)
        .join('  ')}`,
    )
  }
})

t.test('model imports nothing of ours and of libraries only typebox', async t => {
  for (const file of sources('server/model')) {
    const packages = [...readFileSync(file, 'utf8').matchAll(/from '([^.][^']*)'/g)].map(m => m[1])
    t.same(
      packages.filter(name => name !== 'typebox'),
      [],
      path.basename(file),
    )
  }
})
