// Goal: whether a silent host is there is asked of the system's ping, seldom, a few at a time, and of
// nothing but addresses; a machine without ping loses nothing.

import { execFile } from 'node:child_process'
import { chmod, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { createPing, type PingAnswer } from '../../server/collectors/ping.ts'
import { createReach } from '../../server/collectors/reach.ts'
import { type Teardown, tempDir, which } from '../parts/find.ts'

const MINUTE = 60_000

// A ping does not keep its process alive, so something else must.
const alive = setInterval(() => {}, 1000)
t.teardown(() => clearInterval(alive))

/** A ping of ours: a shell script, which notes how it was called. */
async function made(t: Teardown, script: string, mode = 0o755) {
  const dir = await tempDir(t)
  const command = path.join(dir, 'ping')
  const log = path.join(dir, 'log')
  await writeFile(command, `#!/bin/sh\nprintf '%s\\n' "$*" >> ${log}\n${script}\n`)
  await chmod(command, mode)
  const calls = async () =>
    (await readFile(log, 'utf8').catch(() => '')).split('\n').filter(line => line !== '')
  return { ping: createPing(command), calls, command }
}

t.test('what its exit code says', async t => {
  const cases: [string, PingAnswer][] = [
    ['exit 0', 'answers'],
    ['exit 1', 'silent'],
    ['exit 2', 'unknown'],
    ['exit 77', 'unknown'],
    ['kill -9 $$', 'unknown'],
  ]
  for (const [script, answer] of cases) {
    const { ping, calls } = await made(t, script)
    t.equal(await ping('192.0.2.1'), answer, script)
    t.same(await calls(), ['-n -q -c 1 -W 1 -- 192.0.2.1'])
    t.equal(await ping('2001:db8::1'), answer)
  }
})

t.test('one that hangs is ended', async t => {
  const { ping } = await made(t, 'exec sleep 600')
  t.equal(await ping('192.0.2.1'), 'unknown')
})

t.test('a name, an option or a command is never handed on', async t => {
  const { ping, calls } = await made(t, 'exit 0')
  for (const wrong of ['localhost', '-f', '192.0.2.1; true', '$(true)', '', '192.0.2.1 -f']) {
    t.equal(await ping(wrong), 'unknown', wrong)
  }
  t.same(await calls(), [])
})

t.test('no ping, or one that may not be run: it says nothing, also to those that wait', async t => {
  const absent = createPing(path.join(await tempDir(t), 'ping'))
  const all = await Promise.all(Array.from({ length: 20 }, () => absent('192.0.2.1')))
  t.equal(all.filter(answer => answer === 'unknown').length, 4)
  t.equal(await absent('192.0.2.1'), 'unknown')
  const { ping } = await made(t, 'exit 0', 0o644)
  t.equal(await ping('192.0.2.1'), 'unknown')
})

t.test('four at once, then one a second: the others are told that it is busy', async t => {
  let clock = 1e6
  const { command, calls } = await made(t, 'exit 0')
  const ping = createPing(command, () => clock)
  const many = async () => {
    const all = await Promise.all(Array.from({ length: 50 }, () => ping('192.0.2.1')))
    return all.filter(answer => answer === 'answers').length
  }
  t.equal(await many(), 4)
  t.equal(await many(), 0, 'whole sites that go away start no storm')
  clock += 1000
  t.equal(await many(), 1)
  clock += 3_600_000
  t.equal(await many(), 4)
  t.equal((await calls()).length, 9)
})

t.test("the system's ping, as far as this machine has it", async t => {
  const command = await which('ping')
  const works =
    command !== null &&
    (await promisify(execFile)(command, ['-n', '-q', '-c', '1', '-W', '1', '--', '127.0.0.1']).then(
      () => true,
      () => false,
    ))
  const answer = await createPing(command ?? 'ping')('127.0.0.1')
  if (works) t.equal(answer, 'answers')
  else t.ok(answer === 'unknown' || answer === 'silent', `${command ?? 'no ping'}: ${answer}`)
})

t.test('once an outage, then every ten minutes', async t => {
  let clock = 1e6
  let answer: PingAnswer = 'answers'
  const asked: string[] = []
  const reach = createReach(
    async address => {
      asked.push(address)
      return answer
    },
    () => clock,
  )
  const there = /^the host answers ping, SNMP does not: check community, access list, agent$/
  t.match(await reach.explain('192.0.2.1', 1000), there)
  clock += 9 * MINUTE
  answer = 'silent'
  t.match(await reach.explain('192.0.2.1', 1000), there)
  t.equal(asked.length, 1)
  clock += MINUTE
  t.equal(await reach.explain('192.0.2.1', 1000), 'the host does not answer ping either')
  reach.answered()
  answer = 'unknown'
  t.equal(await reach.explain('192.0.2.1', 1000), '', 'another outage')
  t.equal(asked.length, 3)
  clock += 11 * MINUTE
  answer = 'busy'
  t.equal(await reach.explain('192.0.2.1', 1000), '')
  answer = 'silent'
  t.match(await reach.explain('192.0.2.1', 1000), /either/, 'busy is asked again at once')
})

t.test('an answer that comes late is said the next time, but not of another outage', async t => {
  const answers: ((answer: PingAnswer) => void)[] = []
  const reach = createReach(() => new Promise(resolve => answers.push(resolve)))
  t.equal(await reach.explain('192.0.2.1', 0), '')
  answers[0]?.('silent')
  await new Promise(setImmediate)
  t.match(await reach.explain('192.0.2.1', 0), /either/)
  reach.answered()
  t.equal(await reach.explain('192.0.2.1', 0), '')
  reach.answered()
  answers[1]?.('answers')
  await new Promise(setImmediate)
  t.equal(await reach.explain('192.0.2.1', 0), '')
  t.equal(answers.length, 3)
})
