// Goal: `pollux doctor` names what is wrong and what to mend, beside a running program and without one, and
// changes nothing.

import { chmod, mkdir, readdir, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import path from 'node:path'
import t from 'tap'
import Type from 'typebox'
import { parser } from '../../server/validate.ts'
import { freePort } from '../parts/find.ts'
import { startTestProgram } from '../web/program.ts'
import { shell } from './run.ts'

const answer = parser(
  Type.Object({
    ok: Type.Boolean(),
    checks: Type.Array(
      Type.Object({
        name: Type.String(),
        ok: Type.Boolean(),
        text: Type.String(),
        mend: Type.String(),
      }),
    ),
  }),
  'E_TEST',
  'the answer',
)

t.setTimeout(600_000)
const { run, dataDir, folder } = await shell(t)

async function doctor(env: Record<string, string>) {
  const port = String(await freePort())
  const mqtt = `127.0.0.1:${await freePort()}`
  const given = { POLLUX_PORT: port, POLLUX_MQTT_LISTEN: mqtt, ...env }
  const { code, stdout } = await run(['doctor', '--json'], { env: given })
  const { ok, checks } = answer(JSON.parse(stdout))
  t.equal(code, ok ? 0 : 1, 'the exit code says the same')
  t.notOk(
    checks.some(check => !check.ok && check.mend === ''),
    'each fault says what to mend',
  )
  return { ok, of: (name: string) => checks.filter(check => check.name === name) }
}

t.test('before the first start: well, and nothing is made', async t => {
  const { ok, of } = await doctor({})
  t.ok(ok)
  t.match(of('Database'), [{ ok: true, text: /made at the first start/ }])
  t.notOk((await readdir(folder)).includes(path.basename(dataDir)))
  const { stdout, code } = await run(['doctor'], {
    env: { POLLUX_PORT: String(await freePort()), POLLUX_MQTT_LISTEN: '127.0.0.1:0' },
  })
  t.equal(code, 0)
  t.match(stdout, /^ok {4}Settings: /m)
})

t.test('everything at once that is wrong', async t => {
  const taken = createServer()
  await new Promise<void>(resolve => taken.listen(0, '127.0.0.1', resolve))
  t.teardown(() => taken.close())
  const gone = await freePort()
  await mkdir(dataDir, { recursive: true })
  await chmod(dataDir, 0o755)
  await writeFile(path.join(dataDir, 'secret.key'), 'x', { mode: 0o644 })
  const profiles = path.join(folder, 'profiles')
  await mkdir(profiles)
  await writeFile(path.join(profiles, 'mine.json'), '{')
  const { ok, of } = await doctor({
    POLLUX_DATABASE_URL: `mysql://user:hidden-word@127.0.0.1:${gone}/pollux`,
    POLLUX_REDIS_URL: `redis://127.0.0.1:${gone}`,
    POLLUX_MQTT_URL: `mqtt://user:hidden-word@127.0.0.1:${gone}`,
    POLLUX_PROFILES_DIR: profiles,
  })
  t.notOk(ok)
  for (const name of ['Database', 'Redis', 'MQTT broker', 'Data folder', 'Secret key', 'Profiles'])
    t.match(of(name), [{ ok: false }], name)
  const all = JSON.stringify(['Database', 'Redis', 'MQTT broker'].map(of))
  t.notMatch(all, 'hidden-word', 'no password is shown')
})

t.test('settings that cannot be read are named, all of them', async t => {
  const { of } = await doctor({ POLLUX_PORT: 'http', POLLUX_LOG_LEVEL: 'loud' })
  t.equal(of('Settings').length, 2)
  t.match(JSON.stringify(of('Settings')), /POLLUX_PORT.*POLLUX_LOG_LEVEL/)
})

t.test('beside a running program', async t => {
  const test = await startTestProgram(t)
  const { port } = new URL(test.url)
  const env = { POLLUX_DATA_DIR: test.dataDir, POLLUX_PORT: port }
  const broker = `127.0.0.1:${test.program.broker.port}`
  const { ok, of } = await doctor({ ...env, POLLUX_MQTT_LISTEN: broker })
  t.ok(ok)
  t.match(of('Database'), [{ text: 'sqlite answers' }])
  t.match(of('MQTT broker'), [{ text: /listens$/ }])
  await test.program.devices.create(
    { id: 'engine', kind: 'docker', address: 'unix:///nowhere.sock', every: '1h' },
    { name: 'test', address: '' },
    'api',
  )
  const later = await doctor({ ...env, POLLUX_MQTT_LISTEN: broker })
  t.match(later.of('Engine engine'), [{ ok: false }])
})
