// Goal: the sample path under load with a part gone for some seconds, each run a real broker, a real
// database and ingest in a process of its own: what was sent is in the database once, or said to be dropped.

import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import Type from 'typebox'
import { parser } from '../../server/validate.ts'

const PROGRAM = fileURLToPath(new URL('../../bench/ingest/failures.ts', import.meta.url))

const resultOf = parser(
  Type.Object({
    fault: Type.String(),
    database: Type.String(),
    sent: Type.Integer(),
    stored: Type.Integer(),
    acknowledged: Type.Integer(),
    dropped: Type.Integer(),
    resent: Type.Integer(),
    lost: Type.Integer(),
    doubled: Type.Integer(),
  }),
  'E_TEST',
  'a result of a failure run',
)

t.setTimeout(600_000)

/** The quick form of one fault. */
async function failure(t: Test, fault: string, database: string) {
  const args = [PROGRAM, '--quick', '--json', '--only', fault, '--database', database]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => child.kill('SIGTERM'))
  let text = ''
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString()
  })
  const code = await new Promise(resolve => child.once('close', resolve))
  t.equal(code, 0, 'the run ended well')
  return resultOf(JSON.parse(text.trim()))
}

for (const [fault, database] of [
  ['database frozen', 'mariadb'],
  ['ingest killed', 'mariadb'],
  ['database locked', 'sqlite'],
  ['spool disk full', 'sqlite'],
] as const) {
  t.test(`${fault}, ${database}`, async t => {
    const result = await failure(t, fault, database)
    const { sent, stored, acknowledged, dropped, lost, doubled } = result
    t.ok(sent >= 500, `${sent} collections, ${result.resent} sent again`)
    t.same({ lost, doubled }, { lost: 0, doubled: 0 }, 'each is stored once, or said to be dropped')
    t.equal(sent, acknowledged + dropped, `${acknowledged} acknowledged, ${dropped} dropped`)
    t.ok(stored >= acknowledged, `${stored} in the database`)
    if (fault === 'spool disk full') t.ok(dropped > 0, 'the disk was full')
    else t.equal(dropped, 0, 'nothing dropped')
  })
}
