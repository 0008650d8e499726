// Goal: the systemd unit of docs/deployment.md is one that systemd takes as it is.

import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { program, tempDir } from '../parts/find.ts'

const ROOT = path.join(import.meta.dirname, '../..')

const text = await readFile(path.join(ROOT, 'docs/deployment.md'), 'utf8')
const unit = /```ini\n([\s\S]*?)```/.exec(text)?.[1] ?? ''
// Where Pollux lies here, so that what it starts is there.
const here = unit.replaceAll('/opt/pollux', ROOT)
const file = path.join(await tempDir(t), 'pollux.service')
const analyze = await program('systemd-analyze', 'systemd')

async function complaints(content: string): Promise<string[]> {
  await writeFile(file, content)
  const { stderr } = await promisify(execFile)(analyze, ['verify', '--man=no', file])
  return stderr.split('\n').filter(line => line.includes('pollux'))
}

t.test('as it stands', async t => {
  t.not(here, unit)
  t.same(await complaints(here), [])
})

t.test('a word that systemd does not know would be told', async t => {
  t.match(await complaints(here.replace('DynamicUser=', 'DynamicUsr=')), [/DynamicUsr/])
})
