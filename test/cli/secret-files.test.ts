// Goal: secrets that files hold are taken as if the environment held them, each fault is named, and the value
// is shown nowhere.

import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import t from 'tap'
import { withSecretFiles } from '../../server/compose/secret-files.ts'
import { tempDir } from '../parts/find.ts'
import { shell } from './run.ts'

const folder = await tempDir(t)
const file = async (name: string, text: string | Buffer) => {
  const where = path.join(folder, name)
  await writeFile(where, text, { mode: 0o400 })
  return where
}

t.test('the line of a file is the value', async t => {
  const env = {
    POLLUX_ADMIN_PASSWORD_FILE: await file('line', 'correct horse\n'),
    POLLUX_DATABASE_URL_FILE: await file('bare', 'mysql://a:b@db/pollux'),
    POLLUX_REDIS_URL_FILE: '',
    POLLUX_PORT: '3001',
    OTHER_FILE: '/nowhere',
  }
  const before = { ...env }
  t.same(withSecretFiles(env), {
    POLLUX_ADMIN_PASSWORD: 'correct horse',
    POLLUX_DATABASE_URL: 'mysql://a:b@db/pollux',
    POLLUX_PORT: '3001',
    OTHER_FILE: '/nowhere',
  })
  t.same(env, before, 'what was given is as it was')
  t.same(withSecretFiles({ POLLUX_SECRET_KEY_FILE: '/a/key' }), {
    POLLUX_SECRET_KEY_FILE: '/a/key',
  })
})

t.test('every fault at once, with the file and no value', async t => {
  await mkdir(path.join(folder, 'folder'))
  const env = {
    POLLUX_ADMIN_PASSWORD_FILE: path.join(folder, 'none'),
    POLLUX_DATABASE_URL_FILE: await file('long', Buffer.alloc(9000, 'x')),
    POLLUX_REDIS_URL_FILE: await file('lines', 'secret-one\nsecret-two\n'),
    POLLUX_MQTT_URL_FILE: await file('twice', 'mqtt://x'),
    POLLUX_MQTT_URL: 'mqtt://y',
    POLLUX_OIDC_CLIENT_SECRET_FILE: await file('empty', '\n'),
  }
  try {
    withSecretFiles(env)
    t.fail('it must be refused')
  } catch (error) {
    t.match(error, {
      code: 'E_CONFIG',
      hint: /readable/,
      errors: [
        { path: 'POLLUX_DATABASE_URL_FILE', message: /9000 bytes/ },
        { path: 'POLLUX_REDIS_URL_FILE', message: /more than one line/ },
        { path: 'POLLUX_MQTT_URL_FILE', message: /POLLUX_MQTT_URL is set too/ },
        { path: 'POLLUX_ADMIN_PASSWORD_FILE', message: /ENOENT.*none/ },
        { path: 'POLLUX_OIDC_CLIENT_SECRET_FILE', message: /is empty/ },
      ],
    })
    t.notMatch(JSON.stringify(error), /secret-one|secret-two/)
  }
  t.throws(() => withSecretFiles({ POLLUX_MQTT_URL_FILE: path.join(folder, 'folder') }), {
    code: 'E_CONFIG',
  })
})

t.test('a command takes them, and so does the doctor', async t => {
  const { run } = await shell(t)
  const url = await file('url', `sqlite:${path.join(folder, 'of-file.db')}\n`)
  const migrated = await run(['migrate'], { env: { POLLUX_DATABASE_URL_FILE: url } })
  t.match(migrated, { code: 0, stdout: /up to date \(sqlite\)/ }, migrated.stderr)
  const missing = { POLLUX_DATABASE_URL_FILE: path.join(folder, 'nowhere') }
  const refused = await run(['migrate'], { env: missing })
  t.match(refused, { code: 1, stderr: /POLLUX_DATABASE_URL_FILE.*ENOENT/s })
  const examined = await run(['doctor'], { env: missing })
  t.match(examined, { code: 1, stdout: /FAULT Settings: POLLUX_DATABASE_URL_FILE .*ENOENT/ })
})
