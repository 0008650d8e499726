// Goal: the command itself: what it says of each thing that is wrong, how it waits for a server that is
// away, and what it keeps on disk and out of its log.

import { readFile, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import t from 'tap'
import { until } from '../parts/find.ts'
import { pollux, quickToken, spawnCommand, startServer } from '../system/server.ts'
import { enrolToken, fixedPorts } from './hosts.ts'

t.setTimeout(600_000)

t.test('the command: what it says, and what it keeps', async t => {
  const where = await fixedPorts(t)
  const server = await startServer(t, where)
  const apiToken = await quickToken(where.sqliteUrl)
  const dir = path.join(where.dir, 'agent')
  const agent = (...args: string[]) => pollux(where, ['agent', '--data', dir, ...args])
  const fails = async (args: string[], code: number, words: RegExp) => {
    const ended = await agent(...args)
    t.equal(ended.code, code, ended.stderr)
    t.match(ended.stderr, words)
  }
  await fails([], 1, /did not enrol yet.*\n.*--token/)
  await fails(['--server', 'ftp://x', '--token', 'a'], 1, /not one\n.*https:/)
  await fails(['--every', '10 parsecs'], 1, /parsecs/)
  await fails(['--what'], 2, /unknown option/)
  await fails(['--ca', '/nonexistent', '--token', 'a'], 1, /not a certificate/)
  const guess = `enrol_${'A'.repeat(43)}`
  await fails(['--server', server.url, '--token', guess], 1, /not known here\n.*administrator/)
  await fails(['--server', `${server.url}/healthz?`, '--token', guess], 1, /answered 4\d\d/)
  await t.rejects(stat(path.join(dir, 'agent.json')), { code: 'ENOENT' })

  // The server comes later than the agent: it waits.
  const token = await enrolToken(server.url, apiToken)
  await server.stop()
  const waiting = spawnCommand(t, where, [
    'agent',
    '--data',
    dir,
    '--server',
    server.url,
    '--token',
    token,
  ])
  await until(() => /no answer from/.test(waiting.stderr()), 'it to say that it waits')
  const again = await startServer(t, where)
  const file = path.join(dir, 'agent.json')
  await until(async () => (await stat(file).catch(() => null))?.size, 'it to enrol', 90_000)
  t.equal((await stat(file)).mode & 0o777, 0o600)
  t.notMatch(await readFile(file, 'utf8'), token)
  await until(() => /measuring/.test(waiting.stderr()), 'it to measure')
  t.match(await agent(), { code: 1, stderr: /another agent runs/ }, 'two on one folder')
  const ended = await waiting.stop()
  t.equal(ended.code, 0, ended.stderr)
  for (const secret of [token, JSON.parse(await readFile(file, 'utf8')).answer.mqtt.password])
    t.notOk(ended.stderr.includes(secret), 'no secret in the log')
  // The same token in a unit file does not enrol twice.
  const third = spawnCommand(t, where, [
    'agent',
    '--data',
    dir,
    '--server',
    again.url,
    '--token',
    token,
  ])
  await until(() => /"msg":"measuring"/.test(third.stderr()), 'the next start')
  t.notMatch(third.stderr(), /enrolled/)
  await third.stop()
  await writeFile(file, '{"v":1}')
  await fails([], 1, /cannot be used[\s\S]*enrol this host again/)
})
