// Goal: all of an engine over ssh: a fleet is made, looked at and taken down, its containers are on the
// page, and so is the log of one. Method: a real engine behind a real sshd.

import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import t from 'tap'
import { shell } from '../cli/run.ts'
import { startDockerd } from '../parts/dockerd.ts'
import { until } from '../parts/find.ts'
import { startSshd } from '../parts/sshd.ts'
import { ask, people } from '../web/people.ts'
import { startTestProgram } from '../web/program.ts'

t.setTimeout(600_000)

const REST = 'trap "exit 0" TERM; sleep 100000 & wait'
const services = {
  talker: { image: 'box:1', command: ['sh', '-c', `echo "<b>over ssh</b>"; ${REST}`] },
  idle: { image: 'box:1', count: 9, command: ['sh', '-c', REST], network: 'inner' },
}

t.test('an engine over ssh', async t => {
  const [{ docker, socketPath }, sshd, it] = await Promise.all([
    startDockerd(t),
    startSshd(t),
    shell(t),
  ])
  const address = `ssh://root@127.0.0.1:${sshd.port}${socketPath}`
  const knownHosts = `[127.0.0.1]:${sshd.port} ${sshd.hostKey}\n`
  const file = path.join(it.folder, 'fleet.json')
  const [key, known, none] = ['key', 'known_hosts', 'none'].map(name => path.join(it.folder, name))
  if (!key || !known || !none) throw new Error('no names')
  await writeFile(file, JSON.stringify({ name: 'shop', services }))
  await writeFile(key, sshd.key, { mode: 0o600 })
  await writeFile(known, knownHosts)
  await writeFile(none, '')
  const env = { POLLUX_ALLOW_NETWORKS: '127.0.0.0/8' }
  const fleet = (what: string, ...args: string[]) =>
    it.run(['fleet', what, file, '--engine', address, ...args], { env })
  const good = ['--ssh-key', key, '--ssh-known-hosts', known]

  await t.test('what is wrong is said, and nothing is made', async t => {
    t.match(await fleet('up'), { code: 1, stderr: /needs a key[\s\S]*--ssh-key FILE/ })
    t.match(await fleet('up', '--ssh-key', key), {
      code: 1,
      stderr: /known_hosts could not be read/,
    })
    t.match(await fleet('up', '--ssh-key', key, '--ssh-known-hosts', none), {
      code: 1,
      stderr: /no key of root@127\.0\.0\.1:\d+ is in/,
    })
    t.match(await fleet('up', '--ssh-key', known, '--ssh-known-hosts', known), {
      code: 1,
      stderr: /cannot be read/,
    })
    const refused = await it.run(['fleet', 'up', file, '--engine', address, ...good])
    t.match(refused, { code: 1, stderr: /POLLUX_ALLOW_NETWORKS/ })
    t.equal(await docker('ps', '-aq'), '')
  })

  await t.test('up, again, status', async t => {
    const up = await fleet('up', ...good)
    t.match(up, { code: 0, stdout: /shop on root@127\.0\.0\.1:\d+: 10 created\n$/ }, up.stderr)
    t.match(await fleet('up', ...good), { code: 0, stdout: /: 10 unchanged\n$/ })
    t.match(await fleet('status', ...good), { code: 0, stdout: /10 of 10 containers run/ })
    await until(async () => (await sshd.sessions()).length === 0, 'no connection to stay')
  })

  await t.test('the page, and the log of one', async t => {
    const test = await startTestProgram(t)
    const { cookie } = (await people(test)).admin
    const page = (where: string) => ask(test.url, where, { headers: { cookie } })
    const by = { name: 'admin', address: '127.0.0.1' }
    const ssh = { key: sshd.key, knownHosts }
    const document = { id: 'far', kind: 'docker', address, ssh, every: '2s', timeout: '10s' }
    await test.program.devices.create(document, by, 'api')
    const row = '/devices/far/rows/docker_container/shop-talker-1'
    await until(async () => (await page(`${row}/log`)).status === 200, 'the container')
    // A busy machine may not answer within the time of one call.
    const still = await until(async () => {
      const found = await page(`${row}/log?still=1`)
      return found.status === 200 && found
    }, 'its log')
    t.match(still.body, /&lt;b&gt;over ssh&lt;\/b&gt;/)
    t.notMatch(still.body, /PRIVATE KEY/)
    await docker('rm', '-f', 'shop-talker-1')
    const gone = await page(`${row}/log?still=1`)
    t.ok(gone.status >= 400, `${gone.status}`)
  })

  await t.test('down', async t => {
    t.match(await fleet('down', ...good), { code: 0, stdout: /: 9 removed\n$/ })
    t.equal(await docker('ps', '-aq'), '')
  })
})
