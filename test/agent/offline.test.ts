// Goal: what an agent measured while the server was killed and away arrives afterwards, all of it, once,
// in order and under its own times; a restart of the agent in between keeps its name and its spool.

import { rm } from 'node:fs/promises'
import path from 'node:path'
import t from 'tap'
import { openStore } from '../../server/store/open.ts'
import { silentLog } from '../parts/broker.ts'
import { tempDir, until } from '../parts/find.ts'
import { type Installation, quickToken, startServer } from '../system/server.ts'
import { countingSource, enrolled, enrolToken, fixedPorts, started } from './hosts.ts'

/** Beats of the load: ten a second, of all groups. */
const everyMs = 100
const beatsBefore = 40
const beatsAway = 100

t.setTimeout(600_000)
/** All beats that the database has, in the order of their times. */
async function storedBeats(where: Installation, device: string): Promise<number[]> {
  const store = await openStore({ url: where.sqliteUrl, log: silentLog })
  try {
    const known = await store.devices.get(device)
    const now = Date.now()
    const series = await store.samples.read({
      ...{ deviceUid: known?.uid ?? 0, group: 'host_load', metrics: ['one'] },
      ...{ from: now - 3_600_000, to: now + 3_600_000 },
    })
    return series.flatMap(({ points }) =>
      points.flatMap(({ value }) => (typeof value === 'number' ? [value] : [])),
    )
  } finally {
    await store.close()
  }
}

t.test('a server that is killed and away under load: nothing lost, nothing twice', async t => {
  const where = await fixedPorts(t)
  const first = await startServer(t, where)
  const apiToken = await quickToken(where.sqliteUrl)
  const identity = await enrolled(first.url, await enrolToken(first.url, apiToken), 'away')
  const host = countingSource()
  const dir = path.join(await tempDir(t), 'agent')
  const options = { dir, everyMs, source: host.source }

  const one = await started(t, identity, options)
  await until(() => one.sender.ledger.stored > 50 && host.beats >= beatsBefore, 'the first samples')
  await first.kill()
  const killedAt = host.beats
  await until(() => host.beats >= killedAt + beatsAway / 2, 'beats without a server')
  t.ok(one.sender.ledger.waiting > beatsAway, `${one.sender.ledger.waiting} messages wait`)
  await one.close()
  const { sent, stored } = one.sender.ledger

  const two = await started(t, identity, options)
  t.equal(two.sender.src, one.sender.src, 'its name stays')
  t.equal(two.sender.ledger.sent, one.sender.ledger.waiting, 'what waited is there again')
  const restartedAt = host.beats
  await until(() => host.beats > restartedAt + beatsAway / 4, 'beats after a restart')
  if (process.platform === 'linux') t.equal(two.agent.held, 0, 'it knows the time still')
  await two.close()

  // As after a restart of the host: what was known of the server's time is worth nothing.
  await rm(path.join(dir, 'clock.json'), { force: true })
  const three = await started(t, identity, options)
  await until(() => three.agent.held > beatsAway, 'measurements that wait for the time', 60_000)
  const held = three.agent.held
  const second = await startServer(t, where)
  await until(() => three.agent.held === 0, 'the time', 90_000)
  await three.agent.close()
  await until(() => three.sender.ledger.waiting === 0, 'all of it', 90_000)
  await three.close()
  await second.stop()

  const beats = await storedBeats(where, 'away')
  const known = new Set(beats)
  const doubled = beats.length - known.size
  const lost = Array.from({ length: host.beats }, (_, i) => i + 1).filter(beat => !known.has(beat))
  const inOrder = beats.every((beat, i) => i === 0 || beat > (beats[i - 1] ?? 0))
  t.comment(
    `messages: ${sent} sent before, ${stored} stored of them, ${held} held for the time; ` +
      `${three.sender.ledger.stored} stored after; ` +
      `beats: ${host.beats} measured, ${beats.length} stored, ${lost.length} lost, ${doubled} doubled`,
  )
  t.same(lost, [])
  t.equal(doubled, 0)
  t.ok(inOrder, 'in the order in which they were measured')
  for (const { ledger } of [one.sender, two.sender, three.sender]) {
    t.equal(ledger.refused + ledger.dropped, 0)
    t.equal(ledger.sent, ledger.stored + ledger.waiting)
  }
})
