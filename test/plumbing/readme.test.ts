// The README tells the truth: its table of settings is the program's, its commands exist, and the
// files that it links are there.
import { readFileSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import path from 'node:path'
import t from 'tap'
import { SETTINGS } from '../../server/config.ts'

const root = path.join(import.meta.dirname, '../..')
const readme = readFileSync(path.join(root, 'README.md'), 'utf8')

t.test('lists every setting with its default and meaning', async t => {
  const rows = readme.split('\n').filter(line => line.startsWith('| `POLLUX_'))
  const expected = SETTINGS.map(
    s => `| \`${s.name}\` | ${s.fallback ? `\`${s.fallback}\`` : '—'} | ${s.meaning} |`,
  )
  t.same(rows, expected)
})

t.test('links and pictures exist', async t => {
  for (const [, target = ''] of readme.matchAll(/\]\((?!http|#)([^)#]+)/g)) {
    t.ok(await stat(path.join(root, target)).catch(() => null), target)
  }
})

t.test('names npm scripts that exist', async t => {
  const { scripts } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'))
  for (const [, script = ''] of readme.matchAll(/npm run ([a-z]+)/g)) t.ok(scripts[script], script)
})
