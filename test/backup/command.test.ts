// Goal: `pollux backup` beside a running Pollux, `pollux restore` on an empty machine, and what was there
// before is there again: people, devices with their secrets, history.

import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import t from 'tap'
import { until } from '../parts/find.ts'
import { ask, installation, latestOf, makeToken, pollux, startServer } from '../system/server.ts'

const PASSPHRASE = 'a passphrase of the test\n'

t.test('a running site goes to another machine', async t => {
  const old = await installation(t)
  const server = await startServer(t, old)
  const token = await makeToken(old)
  const { code } = await pollux(old, ['secret', 'set', 'campus-ro'], { input: 'very-secret-ro' })
  t.equal(code, 0)
  await until(async () => {
    const latest = await latestOf(server.url, token, 'this-machine')
    return latest.some(({ metric, value }) => metric === 'host_cpu.usage' && value !== null)
  }, 'a sample')
  const file = path.join(old.dir, 'site.pollux')
  const made = await pollux(old, ['backup', file, '--json'], { input: PASSPHRASE })
  t.equal(made.code, 0, made.stderr)
  const { rows, bytes } = JSON.parse(made.stdout)
  t.ok(bytes > 1000 && rows.device >= 1 && rows.secret >= 1 && rows.series > 10)
  t.notMatch(made.stdout + made.stderr, /passphrase of|very-secret/)
  t.notOk((await readFile(file)).includes('very-secret-ro'))
  const again = await pollux(old, ['backup', file], { input: PASSPHRASE })
  t.match(again, { code: 1, stderr: /exists already/ })
  const audit = await ask(server.url, token, '/readyz')
  t.equal(audit.status, 200, 'the site goes on')
  t.match(await server.stop(), { code: 0 })

  const fresh = await installation(t)
  const phrase = path.join(fresh.dir, 'phrase')
  await writeFile(phrase, PASSPHRASE)
  const looked = await pollux(fresh, ['restore', file, '--check', '--passphrase-file', phrase])
  t.match(looked, { code: 0, stdout: /backup of the site "main" by Pollux/ })
  const wrong = await pollux(fresh, ['restore', file], { input: 'not the right one' })
  t.match(wrong, { code: 1, stderr: /does not open with this passphrase/ })
  const restored = await pollux(fresh, ['restore', file, '--json'], { input: PASSPHRASE })
  t.equal(restored.code, 0, restored.stderr)
  t.same(JSON.parse(restored.stdout).rows, rows)
  const twice = await pollux(fresh, ['restore', file], { input: PASSPHRASE })
  t.match(twice, { code: 1, stderr: /empty place/ })

  const second = await startServer(t, fresh)
  t.notMatch(second.stdout(), /shown only now/, 'the people of before, no new admin')
  const latest = await latestOf(second.url, token, 'this-machine')
  t.ok(latest.length > 10, 'the token of before reads the values of before')
  const secrets = await pollux(fresh, ['secret', 'list', '--json'])
  t.match(JSON.parse(secrets.stdout), [{ name: 'campus-ro' }])
  t.match(await second.stop(), { code: 0 })
})

t.test('wrong use is said', async t => {
  const where = await installation(t)
  t.match(await pollux(where, ['backup']), { code: 2 })
  const nothing = await pollux(where, ['backup', 'x'], { input: PASSPHRASE })
  t.match(nothing, { code: 1, stderr: /there is no database of Pollux/ })
  const absent = await pollux(where, ['restore', 'absent'], { input: PASSPHRASE })
  t.match(absent, { code: 1, stderr: /absent cannot be read/ })
  const unread = await pollux(where, ['backup', 'x', '--passphrase-file', 'no-such-file'])
  t.match(unread, { code: 1, stderr: /passphrase cannot be read/ })
  t.match(await pollux(where, ['backup', 'x'], { input: 'short' }), { code: 1, stderr: /shorter/ })
})
