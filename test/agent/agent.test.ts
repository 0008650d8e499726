// Goal: the agent's messages keep the contract, at its own pace, and a part that fails or hangs is a
// gap and never silence, overlap or a crash.

import { pino } from 'pino'
import t, { type Test } from 'tap'
import { type AgentOptions, createAgent } from '../../agent/agent.ts'
import { ownClock } from '../../agent/clock.ts'
import { AGENT_GROUPS, type AgentGroup, GROUP_IDS } from '../../agent/fields.ts'
import { linuxSource } from '../../agent/linux.ts'
import { portableSource } from '../../agent/portable.ts'
import type { HostSource } from '../../agent/source.ts'
import { rowsTopic, sampleTopic } from '../../server/bus/topics.ts'
import { Collection, type GoodCollection, RowsMessage } from '../../server/model/collection.ts'
import { parser } from '../../server/validate.ts'
import { until } from '../parts/find.ts'

const log = pino({ level: 'silent' })
const hostSource = () => (process.platform === 'linux' ? linuxSource() : portableSource())
const collection = parser(Collection, 'E', 'collection')
const rowsMessage = parser(RowsMessage, 'E', 'rows message')

interface Sent {
  topic: string
  retain: boolean
  body: Record<string, unknown>
}

/** An agent whose messages land in a list; it is closed at the end of the test. */
function start(t: Test, options: Partial<AgentOptions> = {}) {
  const sent: Sent[] = []
  const agent = createAgent({
    deviceId: 'host-1',
    everyMs: 50,
    log,
    topics: {
      sample: (device, group) => sampleTopic('main', device, group),
      rows: (device, group) => rowsTopic('main', device, group),
    },
    sender: {
      send(topic, body, { retain = false } = {}) {
        sent.push({ topic, retain, body: JSON.parse(Buffer.from(body).toString()) })
        return sent.length
      },
    },
    ...options,
  })
  t.teardown(() => agent.close())
  agent.start()
  agent.start()
  const of = (group: string) =>
    sent.filter(({ topic }) => topic === sampleTopic('main', 'host-1', group))
  const rowsOf = (group: string) =>
    sent.filter(({ topic }) => topic === rowsTopic('main', 'host-1', group))
  return { agent, sent, of, rowsOf }
}

function good(sent: Sent | undefined): GoodCollection {
  const checked = collection({ v: 1, ...sent?.body })
  if (!checked.ok) throw new Error(`failed: ${checked.reason}`)
  return checked
}

t.test('every group of this host, by the contract', async t => {
  const { agent, sent, of, rowsOf } = start(t, { everyMs: 1000 })
  const full = GROUP_IDS.filter(group => {
    const { everyMs }: AgentGroup = AGENT_GROUPS[group]
    return group !== 'host_disk_io' && everyMs === undefined
  })
  await until(() => full.every(group => of(group).length >= 2), 'two beats')
  await agent.close()
  for (const { body } of sent) {
    for (const key of ['v', 'src', 'boot', 'seq']) t.notOk(key in body, `${key} is the sender's`)
  }
  for (const group of full) {
    const [first, second] = of(group)
    t.notOk(first?.retain)
    t.same(Object.keys(good(first).metrics), Object.keys(AGENT_GROUPS[group].metrics), group)
    for (const beat of [first, second]) {
      for (const [metric, value] of Object.entries(good(beat).metrics)) {
        const [values, gaps] = [[value].flat(), [good(beat).gaps?.[metric] ?? null].flat()]
        values.forEach((v, i) => {
          if (v === null) t.ok(gaps[i], `${group}.${metric}: a null has its reason`)
        })
      }
    }
  }
  t.equal(good(of('host_cpu')[0]).gaps?.usage, 'first')
  const usage = of('host_cpu')
    .slice(1)
    .map(beat => good(beat).metrics.usage)
  t.ok(
    usage.some(value => typeof value === 'number' && value >= 0 && value <= 100),
    `${usage}`,
  )
  const disks = rowsMessage({ v: 1, ...rowsOf('host_disk')[0]?.body })
  t.ok(disks.rows.some(row => row.key === '/' && row.name === '/' && row.labels.type))
  t.equal(disks.units.percent, '%')
  t.ok(rowsOf('host_disk')[0]?.retain)
  t.same(
    good(of('host_disk')[0]).rows,
    disks.rows.map(row => row.key),
  )
  t.equal(rowsOf('host_disk').length, 1, 'rows are told once while they stay')
})

t.test('a part that fails, hangs or changes', async t => {
  let mounts = ['/', '/a|b']
  let measuring = 0
  let widest = 0
  const source: HostSource = {
    ...hostSource(),
    load: async () => {
      throw new Error('no /proc/loadavg')
    },
    memory: () => new Promise(() => {}),
    async system() {
      widest = Math.max(widest, ++measuring)
      await new Promise(resolve => setTimeout(resolve, 30))
      measuring--
      return { uptimeSeconds: 1, processes: null, users: null }
    },
    filesystems: async () =>
      mounts.map(mount => ({ mount, device: 'd', type: 'ext4', bytes: null, inodes: null })),
  }
  const { agent, of, rowsOf } = start(t, { source, everyMs: 20 })
  await until(() => of('host_load').length >= 3 && of('host_memory').length >= 3, 'three beats')
  t.match(of('host_load')[2]?.body, { ok: false, reason: 'partial', error: 'no /proc/loadavg' })
  t.match(of('host_memory')[0]?.body, { ok: false, reason: 'timeout' })
  t.match(of('host_memory')[2]?.body, { ok: false, reason: 'timeout' })
  collection({ v: 1, ...of('host_memory')[0]?.body })
  await until(() => of('host_cpu').length >= 3, 'the other parts to go on')
  await until(() => agent.counters.failed >= 6, 'failures to be counted')
  t.equal(widest, 1, 'never two measurements of one part')
  t.same(good(of('host_disk')[0]).rows, ['/', '/a%7Cb'])

  mounts = ['/', '/new']
  await until(() => rowsOf('host_disk').length === 2, 'changed rows')
  const last = rowsMessage({ v: 1, ...rowsOf('host_disk')[1]?.body })
  t.same(
    last.rows.map(row => row.name),
    ['/', '/new'],
  )
})

t.test('a host that stalls: no two beats of one part have the same time', async t => {
  // The clock of a host that runs ticks every 10 ms (proc(5): uptime), and one time holds one sample.
  const clock = {
    ...ownClock(),
    steady: () => Math.floor(performance.now() / 10) * 10,
    at: (moment: number) => 1_800_000_000_000 + moment,
  }
  const everyMs = 100
  let beats = 0
  const firstAt = performance.now()
  const nothing = async () => {
    throw new Error('not here')
  }
  const source: HostSource = {
    ...{ system: nothing, cpu: nothing, memory: nothing, filesystems: nothing, disks: nothing },
    ...{ interfaces: nothing, sensors: nothing, tasks: nothing, failedUnits: nothing },
    ...{ software: nothing, smart: nothing },
    async load() {
      // Every other beat lasts until 1 to 10 ms before the next one is due.
      const since = performance.now() - firstAt
      const due = Math.ceil(since / everyMs) * everyMs
      const end = ++beats % 2 === 0 ? since : due - (beats % 10)
      while (performance.now() - firstAt < end);
      return [beats, 0, 0]
    },
  }
  const { agent, of } = start(t, { source, clock, everyMs })
  await until(() => of('host_load').length >= 40, 'beats')
  await agent.close()
  const times = of('host_load').map(({ body }) => body.at)
  t.equal(new Set(times).size, times.length)
})

t.test('paused and resumed in the middle of its beats', async t => {
  // As above: a clock of 10 ms, and one time holds one sample.
  const clock = {
    ...ownClock(),
    steady: () => Math.floor(performance.now() / 10) * 10,
    at: (moment: number) => 1_800_000_000_000 + moment,
  }
  const told: { at: unknown; interval: unknown }[] = []
  let turns = 0
  const everyMs = 50
  const source: HostSource = { ...hostSource(), smart: async () => null }
  const { agent, sent, of } = start(t, {
    ...{ clock, everyMs, source },
    sender: {
      send(topic, body) {
        const text = JSON.parse(Buffer.from(body).toString())
        sent.push({ topic, retain: false, body: text })
        if (topic !== sampleTopic('main', 'host-1', 'host')) return sent.length
        // A busy machine may not measure in the half of so short a beat.
        if (!text.ok) return sent.length
        const { interval } = text.metrics
        told.push({ at: text.at, interval })
        if (turns++ < 20) agent.follow({ everyMs, enabled: interval === 0 })
        else agent.follow({ everyMs, enabled: false })
        return sent.length
      },
    },
  })
  await until(() => turns > 20 && told.at(-1)?.interval === 0, 'the last pause')
  const intervals = told.slice(0, 20).map(one => one.interval)
  t.same(
    intervals,
    Array(10)
      .fill([everyMs / 1000, 0])
      .flat(),
    'each turn is told',
  )
  t.equal(new Set(told.map(one => one.at)).size, told.length, 'each at a time of its own')
  const loads = of('host_load').length
  await new Promise(resolve => setTimeout(resolve, 6 * everyMs))
  t.equal(of('host_load').length, loads, 'and then it is silent')
  agent.follow({ everyMs: 20, enabled: true })
  await until(() => of('host_load').length > loads, 'it to go on')
  await agent.close()
})

t.test('a pause that cannot be measured at once is told all the same', async t => {
  let failures = 3
  const calm = hostSource()
  const source: HostSource = {
    ...calm,
    system: async () => {
      if (failures-- > 0) throw new Error('not now')
      return calm.system()
    },
  }
  const { agent, of } = start(t, { source, everyMs: 60_000, isPaused: false })
  await until(() => of('host').length === 1, 'the first beat')
  failures = 3
  agent.follow({ everyMs: 20, enabled: false })
  await until(
    () => of('host').some(({ body }) => JSON.stringify(body).includes('"interval":0')),
    'that it pauses',
  )
  t.ok(failures < 0)
  await agent.close()
})

t.test('a sender that throws does not stop the agent', async t => {
  let calls = 0
  const send = () => {
    calls++
    throw new Error('spool full')
  }
  const { agent } = start(t, { sender: { send } })
  await until(() => calls > 30, 'more beats')
  await agent.close()
  const after = calls
  await agent.close()
  t.equal(calls, after, 'nothing is sent after close')
})

t.test('close without start', async t => {
  const topics = { sample: () => 'a', rows: () => 'b' }
  const sender = { send: () => 1 }
  const agent = createAgent({ sender, topics, deviceId: 'x', everyMs: 1000, log })
  await agent.close()
  agent.start()
  t.same(agent.counters, { measured: 0, failed: 0, overrun: 0, dropped: 0 })
})
