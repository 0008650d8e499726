// Goal: an administrator downloads a whole, sealed backup with the password once more; nobody else, no
// token and no forged form does. One at a time; one that is left frees the place; no file stays behind.

import { readdir, writeFile } from 'node:fs/promises'
import { request as send } from 'node:http'
import path from 'node:path'
import t from 'tap'
import { checkBackup } from '../../server/backup/restore.ts'
import { openStore } from '../../server/store/open.ts'
import { silentLog } from '../parts/broker.ts'
import { tempDir, until } from '../parts/find.ts'
import { as, ask, FORM, people } from './people.ts'
import { startTestProgram } from './program.ts'

const PASSPHRASE = 'correct horse battery staple'
const PATH = '/settings/backup'
t.setTimeout(240_000)
const test = await startTestProgram(t)
const { url, dataDir } = test
const { admin, engineer } = await people(test)
const store = await openStore({ url: `sqlite:${path.join(dataDir, 'pollux.db')}`, log: silentLog })
t.teardown(() => store.close())

const GOOD = { passphrase: PASSPHRASE, again: PASSPHRASE, current: admin.password }
const asked = (fields: Record<string, string>, by = admin) => ({
  ...as(url, by, { method: 'POST', headers: FORM }),
  body: new URLSearchParams(fields).toString(),
})
const post = (fields: Record<string, string>, by = admin) => ask(url, PATH, asked(fields, by))

/** The answer as it comes; whoever asks reads it, or leaves. */
function download(fields: Record<string, string>) {
  const { method, headers, body } = asked(fields)
  return new Promise<import('node:http').IncomingMessage>((resolve, reject) => {
    const length = Buffer.byteLength(body)
    const request = send(new URL(PATH, url), {
      method,
      headers: { ...headers, 'content-length': length },
    })
    request.on('response', resolve).on('error', reject)
    request.end(body)
  })
}

async function bytesOf(answer: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of answer) chunks.push(chunk)
  return Buffer.concat(chunks)
}

const made = () => store.audit.list({ action: 'backup.make', limit: 50 })

t.test('refused at the field, with nothing typed sent back', async t => {
  const cases: [Record<string, string>, string][] = [
    [{}, 'passphrase'],
    [{ ...GOOD, passphrase: 'short', again: 'short' }, 'passphrase'],
    [{ ...GOOD, again: `${PASSPHRASE}!` }, 'again'],
    [{ ...GOOD, current: 'not mine' }, 'current'],
    [{ passphrase: PASSPHRASE, again: PASSPHRASE }, 'current'],
    [{ ...GOOD, passphrase: 'x'.repeat(2000), again: 'x'.repeat(2000) }, 'passphrase'],
  ]
  for (const [fields, named] of cases) {
    const answer = await post(fields)
    t.equal(answer.status, 422, named)
    t.match(answer.body, `id="${named}-error"`)
    t.notMatch(answer.body, PASSPHRASE)
  }
  t.same(await made(), [])
})

t.test('nobody else', async t => {
  t.equal((await post({ ...GOOD, current: engineer.password }, engineer)).status, 403)
  const forged = await ask(url, PATH, {
    method: 'POST',
    headers: { ...FORM, origin: url, cookie: admin.cookie },
    body: new URLSearchParams(GOOD).toString(),
  })
  t.equal(forged.status, 403, 'without its CSRF token')
  const headers = { ...FORM, authorization: admin.bearer }
  const body = new URLSearchParams(GOOD).toString()
  t.equal((await ask(url, PATH, { method: 'POST', headers, body })).status, 403, 'no token')
  t.match((await ask(url, '/settings', as(url, admin))).body, `href="${PATH}"`)
  t.notMatch((await ask(url, '/settings', as(url, engineer))).body, `href="${PATH}"`)
  t.same(await made(), [])
})

t.test('a whole backup, that opens with its passphrase alone', async t => {
  const before = await readdir(dataDir)
  const answer = await download(GOOD)
  t.equal(answer.statusCode, 200)
  t.equal(answer.headers['content-type'], 'application/octet-stream')
  t.equal(answer.headers['cache-control'], 'no-store')
  t.match(
    answer.headers['content-disposition'],
    /^attachment; filename="pollux-main-[\d-]+\.backup"$/,
  )
  const bytes = await bytesOf(answer)
  t.notMatch(bytes.toString('latin1'), 'test-admin')
  const file = path.join(await tempDir(t), 'downloaded')
  await writeFile(file, bytes)
  const { head, rows } = await checkBackup(file, PASSPHRASE)
  t.match(head, { site: 'main', secretKey: /^[0-9a-f]{64}$/ })
  t.ok((rows.account ?? 0) >= 4, 'the people are in it')
  await t.rejects(checkBackup(file, `${PASSPHRASE}!`), { code: 'E_BACKUP_PASSPHRASE' })
  const cut = path.join(await tempDir(t), 'cut')
  await writeFile(cut, bytes.subarray(0, bytes.length - 7))
  await t.rejects(checkBackup(cut, PASSPHRASE), 'one that broke off is none')
  t.same(await readdir(dataDir), before, 'no file is left here')
  t.match(await made(), [{ actor: 'test-admin', thing: /^backup:pollux-main-/ }])
})

t.test('one at a time, and one that is left frees the place', async t => {
  // More than the buffers on the way hold, so that an unread one stays open.
  const big = Buffer.alloc(1 << 20)
  for (let i = 0; i < 14; i++) {
    for (let at = 0; at < big.length; at += 4)
      big.writeUInt32LE((Math.random() * 2 ** 32) >>> 0, at)
    await store.settings.put(`big.${i}`, big.toString('base64'))
  }
  const unread = await download(GOOD)
  t.equal(unread.statusCode, 200)
  unread.pause()
  const second = await post(GOOD)
  t.equal(second.status, 409)
  t.match(second.body, 'downloaded already')
  unread.destroy()
  const next = await until(async () => {
    const answer = await download(GOOD)
    if (answer.statusCode === 200) return answer
    answer.resume()
    return false
  }, 'another one')
  t.ok((await bytesOf(next)).length > 14 << 20)
})
