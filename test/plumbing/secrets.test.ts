// Secrets: what is sealed opens only under its own key and name, and a changed one never.
import { randomBytes } from 'node:crypto'
import { chmod, readFile, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import t from 'tap'
import { createSecrets, loadMasterKey } from '../../server/secrets.ts'
import { tempDir } from '../parts/find.ts'

t.test('opens what it sealed, and two seals of one text differ', async t => {
  const secrets = createSecrets(randomBytes(32))
  const one = secrets.seal('a.community', 'publíc')
  t.equal(secrets.open('a.community', one), 'publíc')
  t.not(one, secrets.seal('a.community', 'publíc'))
  t.notMatch(one, /publ/)
})

t.test('refuses another name, another key, a flipped bit and garbage', async t => {
  const secrets = createSecrets(randomBytes(32))
  const sealed = secrets.seal('a', 'text')
  const refused = { code: 'E_SECRET_SEALED', hint: /key/ }
  t.throws(() => secrets.open('b', sealed), refused)
  t.throws(() => createSecrets(randomBytes(32)).open('a', sealed), refused)
  const [version, wrapped, body = ''] = sealed.split('.')
  const flipped = Buffer.from(body, 'base64url')
  flipped[13] = (flipped[13] ?? 0) ^ 1
  t.throws(
    () => secrets.open('a', `${version}.${wrapped}.${flipped.toString('base64url')}`),
    refused,
  )
  for (const garbage of ['', 'v1..', 'v2.a.b', 'v1.AAAA.AAAA'])
    t.throws(() => secrets.open('a', garbage), refused)
})

t.test('the key file is made once, for its owner alone', async t => {
  const dataDir = path.join(await tempDir(t), 'data')
  const first = await loadMasterKey({ key: null, file: null, dataDir })
  const file = path.join(dataDir, 'secret.key')
  t.equal((await stat(file)).mode & 0o777, 0o600)
  t.same(await loadMasterKey({ key: null, file: null, dataDir }), first)
  t.equal((await readFile(file, 'utf8')).trim(), first.toString('hex'))
  await chmod(file, 0o644)
  await t.rejects(loadMasterKey({ key: null, file: null, dataDir }), {
    code: 'E_SECRET_KEY',
    hint: /chmod 600/,
  })
})

t.test('a key that is none is refused with a hint', async t => {
  const dataDir = await tempDir(t)
  await t.rejects(loadMasterKey({ key: 'short', file: null, dataDir }), {
    code: 'E_SECRET_KEY',
    hint: /openssl/,
  })
  await t.rejects(loadMasterKey({ key: null, file: path.join(dataDir, 'none'), dataDir }), {
    code: 'E_SECRET_KEY',
  })
  const file = path.join(dataDir, 'k')
  await writeFile(file, randomBytes(32).toString('base64'), { mode: 0o600 })
  t.equal((await loadMasterKey({ key: null, file, dataDir })).length, 32)
})
