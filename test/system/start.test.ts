// Goal: a start does what it says, once; what stands in its way is named all at once and ends it
// with code 1; a signal ends it in good order.

import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import t, { type Test } from 'tap'
import { until } from '../parts/find.ts'
import { signIn } from '../web/program.ts'
import {
  ask,
  installation,
  latestOf,
  makeToken,
  pollux,
  spawnServer,
  startServer,
} from './server.ts'

const PASSWORD_SHOWN = /shown only now:\s+(\S+)/

/** A port of 127.0.0.1 that stays taken until the end of the test. */
async function takenPort(t: Test): Promise<number> {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => new Promise(resolve => server.close(resolve)))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

t.test('the first start makes an admin and this machine; the second makes nothing', async t => {
  const where = await installation(t)
  const first = await startServer(t, where)
  const password = await until(() => PASSWORD_SHOWN.exec(first.stdout())?.[1], 'the password')
  t.ok(password.length >= 16, 'an admin password is printed')

  t.equal((await fetch(`${first.url}/healthz`)).status, 200)
  const ready = await until(async () => {
    const answer = await fetch(`${first.url}/readyz`)
    return answer.status === 200 && (await answer.text())
  }, 'ready')
  for (const part of ['Database', 'MQTT broker', 'Ingest']) t.match(ready, `ok ${part}`)
  await t.resolves(signIn(first.url, password), 'the printed password signs in')

  const token = await makeToken(where)
  const samples = await until(async () => {
    const latest = await latestOf(first.url, token, 'this-machine')
    return latest.some(s => s.metric === 'host_cpu.usage' && typeof s.value === 'number') && latest
  }, 'CPU of this machine')
  t.ok(samples.length > 10, `this machine has ${samples.length} samples`)
  t.ok(Date.now() - Math.max(...samples.map(s => s.at)) < 60_000, 'of now')
  t.equal((await ask(first.url, 'wrong', '/api/v1/devices')).status, 401)

  const stopping = performance.now()
  const end = await first.stop()
  t.comment(`stopped within ${Math.round(performance.now() - stopping)} ms of SIGTERM`)
  t.match(end, { code: 0, signal: null }, 'it ended by itself')
  t.equal(end.stdout.split(password).length, 2, 'the password was printed once')
  t.notMatch(end.stderr, password)

  const second = await startServer(t, where)
  t.notMatch(second.stdout(), PASSWORD_SHOWN, 'no second admin')
  const { cookie } = await signIn(second.url, password)
  t.ok(cookie, 'the first password is still good')
  const kept = await latestOf(second.url, token, 'this-machine')
  t.ok(kept.length >= samples.length, 'the values of before are there at once')
  t.match(await second.stop(), { code: 0, signal: null }, 'it stopped in good order')
})

t.test('a signal ends it in good order, also in the middle of the start', async t => {
  const where = await installation(t)
  const server = await startServer(t, where)
  process.kill(server.pid, 'SIGINT')
  t.match(await server.ended, { code: 0, signal: null }, 'SIGINT')

  const { child, stderr, ended } = spawnServer(t, where)
  await until(() => stderr().includes('connected to the MQTT broker'), 'the start to be under way')
  child.kill('SIGTERM')
  t.match(await ended, { code: 0, signal: null }, 'SIGTERM during the start')
})

t.test('every wrong setting is named in one start', async t => {
  const where = await installation(t)
  const end = await pollux(where, ['serve'], {
    env: {
      POLLUX_PORT: '99999',
      POLLUX_DATABASE_URL: 'postgres://user:hidden-word@db/pollux',
      POLLUX_MQTT_LISTEN: 'nowhere',
      POLLUX_LOG_LEVEL: 'loud',
      POLLUX_ALLOW_NETWORKS: '10.0.0.0/33',
      POLLUX_PROT: '3000',
    },
  })
  t.equal(end.code, 1)
  for (const name of ['PORT', 'DATABASE_URL', 'MQTT_LISTEN', 'LOG_LEVEL', 'ALLOW_NETWORKS', 'PROT'])
    t.match(end.stderr, new RegExp(`- POLLUX_${name} `), name)
  t.match(end.stderr, '6 settings are wrong')
  t.notMatch(end.stderr, 'hidden-word', 'a password stays unseen')
  t.notMatch(end.stderr, /\n\s+at /, 'and no stack')
})

t.test('two ports taken and a newer database: all three in one start', async t => {
  const where = await installation(t)
  t.equal((await pollux(where, ['migrate'])).code, 0)
  const db = new DatabaseSync(path.join(where.dataDir, 'pollux.db'))
  db.exec("insert into migration values ('9999_from_the_future', 1, 1)")
  db.close()
  const [web, mqtt] = [await takenPort(t), await takenPort(t)]
  const end = await pollux(where, ['serve'], {
    env: { POLLUX_PORT: String(web), POLLUX_MQTT_LISTEN: `127.0.0.1:${mqtt}` },
  })
  t.equal(end.code, 1)
  t.match(end.stderr, 'Pollux cannot start')
  t.match(end.stderr, new RegExp(`127\\.0\\.0\\.1:${web}\\b.*POLLUX_PORT`), 'the web port')
  t.match(end.stderr, new RegExp(`\\b${mqtt}\\b`), 'the MQTT port')
  t.match(end.stderr, /9999_from_the_future/, 'the newer schema')
  t.equal(end.stderr.split('\n').filter(line => line.startsWith('  - ')).length, 3)
  t.notMatch(end.stderr, /\n\s+at /, 'and no stack')
})

t.test('a key that others can read is refused, with what to do', async t => {
  const where = await installation(t)
  const file = path.join(where.dir, 'key')
  await writeFile(file, `${'ab'.repeat(32)}\n`)
  await chmod(file, 0o644)
  const env = { POLLUX_SECRET_KEY_FILE: file }
  const end = await pollux(where, ['serve'], { env })
  t.equal(end.code, 1)
  t.match(end.stderr, `${file} can be read by others`)
  t.match(end.stderr, `chmod 600 ${file}`)
  await chmod(file, 0o600)
  const server = await startServer(t, where, env)
  t.match(await server.stop(), { code: 0, signal: null }, 'it stopped in good order')
})

t.test('the folder cannot be written: one clear sentence', async t => {
  const where = await installation(t)
  const file = path.join(where.dir, 'not-a-folder')
  await writeFile(file, '')
  const end = await pollux(where, ['serve'], { env: { POLLUX_DATA_DIR: path.join(file, 'data') } })
  t.equal(end.code, 1)
  t.match(end.stderr, 'not-a-folder')
  t.notMatch(end.stderr, /\n\s+at /, 'no stack')
})

t.test('two servers on one data folder', async t => {
  const where = await installation(t)
  await mkdir(where.dataDir, { recursive: true })
  const first = await startServer(t, where)
  const end = await pollux(where, ['serve'])
  t.equal(end.code, 1, 'the second one does not run')
  t.match(end.stderr, where.dataDir)
  t.equal((await fetch(`${first.url}/healthz`)).status, 200, 'the first one goes on')
})

t.test('wrong usage ends with 2', async t => {
  const where = await installation(t)
  t.equal((await pollux(where, ['no-such-command'])).code, 2)
  t.equal((await pollux(where, ['serve', '--no-such-option'])).code, 2)
  t.equal((await pollux(where, ['serve', '--help'])).code, 0)
})
