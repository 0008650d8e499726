// Goal: Docker's statistics become the right raw numbers, for cgroup v1 and v2, sparse and absurd.

import t from 'tap'
import { type DiskAnswer, StatsAnswer } from '../../server/docker/schema.ts'
import {
  CONTAINER_PATHS,
  containerName,
  countedValues,
  diskValues,
  ENGINE_PATHS,
  engineValues,
  inspectedValues,
  isEmptyStats,
  listedValues,
  statsValues,
  streamValues,
  withoutInterim,
} from '../../server/docker/stats.ts'
import { checker } from '../../server/validate.ts'

const check = checker(StatsAnswer)

function parsed(document: unknown): StatsAnswer {
  const checked = check(document)
  if (!checked.ok) throw new Error(JSON.stringify(checked.errors))
  return checked.value
}

/** As the Engine API reference shows one for cgroup v2: lower-case operations, `inactive_file`. */
const CGROUP2 = {
  read: '2026-03-01T10:00:01.5Z',
  preread: '0001-01-01T00:00:00Z',
  pids_stats: { current: 7, limit: 18_446_744_073_709_552_000 },
  blkio_stats: {
    io_service_bytes_recursive: [
      { major: 254, minor: 0, op: 'read', value: 1000 },
      { major: 254, minor: 0, op: 'write', value: 200 },
      { major: 8, minor: 0, op: 'read', value: 30 },
      { major: 8, minor: 0, op: 'write', value: 4 },
    ],
    io_serviced_recursive: null,
  },
  cpu_stats: {
    cpu_usage: { total_usage: 123_456_789, usage_in_kernelmode: 1, usage_in_usermode: 2 },
    system_cpu_usage: 9_000_000_000,
    online_cpus: 8,
    throttling_data: { periods: 3, throttled_periods: 1, throttled_time: 555 },
  },
  memory_stats: {
    usage: 100_000,
    limit: 500_000,
    stats: { anon: 60_000, file: 40_000, inactive_file: 30_000, active_file: 10_000 },
  },
  networks: {
    eth0: { rx_bytes: 10, tx_bytes: 20, rx_packets: 1, tx_packets: 1 },
    eth1: { rx_bytes: 5, tx_bytes: 6, rx_packets: 1, tx_packets: 1 },
  },
}

const CGROUP1 = {
  ...CGROUP2,
  blkio_stats: { io_service_bytes_recursive: [] },
  cpu_stats: {
    cpu_usage: { total_usage: 5, percpu_usage: [1, 2, 2] },
    system_cpu_usage: 7,
  },
  memory_stats: {
    usage: 100_000,
    limit: 500_000,
    stats: { inactive_file: 1, total_inactive_file: 25_000, total_cache: 70_000 },
  },
}

t.test('cgroup v2', async t => {
  const values = statsValues(parsed(CGROUP2))
  t.same(values.get('cpu.total'), { type: 'counter64', value: 123_456_789n })
  t.same(values.get('cpu.system'), { type: 'counter64', value: 9_000_000_000n })
  t.same(values.get('cpu.online'), { type: 'number', value: 8 })
  t.same(values.get('cpu.throttled'), { type: 'counter64', value: 555n })
  t.same(values.get('memory.used'), { type: 'number', value: 70_000 })
  t.same(values.get('memory.limit'), { type: 'number', value: 500_000 })
  t.same(values.get('net.in'), { type: 'counter64', value: 15n })
  t.same(values.get('net.out'), { type: 'counter64', value: 26n })
  t.same(values.get('block.read'), { type: 'counter64', value: 1030n })
  t.same(values.get('block.write'), { type: 'counter64', value: 204n })
  t.same(values.get('pids'), { type: 'number', value: 7 })
  t.same(values.get('clock'), {
    type: 'counter64',
    value: BigInt(Date.UTC(2026, 2, 1, 10, 0, 1, 500)) * 1_000_000n,
  })
})

t.test('cgroup v1', async t => {
  const values = statsValues(parsed(CGROUP1))
  t.same(values.get('memory.used'), { type: 'number', value: 75_000 }, 'total_inactive_file')
  t.same(values.get('cpu.online'), { type: 'number', value: 3 }, 'counted where not given')
  t.same(values.get('block.read'), { type: 'none' }, 'an empty list is no zero under v1')
})

t.test('what is absent has no value, and never zero', async t => {
  const bare = statsValues(
    parsed({
      read: '2026-03-01T10:00:01Z',
      cpu_stats: { cpu_usage: { total_usage: 1 } },
      networks: null,
      memory_stats: {},
    }),
  )
  for (const path of [
    'cpu.system',
    'cpu.online',
    'memory.used',
    'memory.limit',
    'net.in',
    'pids',
  ]) {
    t.same(bare.get(path), { type: 'none' }, path)
  }
  const v2 = statsValues(parsed({ ...CGROUP2, blkio_stats: { io_service_bytes_recursive: null } }))
  t.same(v2.get('block.read'), { type: 'counter64', value: 0n }, 'v2 leaves out what did nothing')
})

t.test('memory with an inactive part above usage is usage', async t => {
  const values = statsValues(
    parsed({ ...CGROUP2, memory_stats: { usage: 10, limit: 20, stats: { inactive_file: 11 } } }),
  )
  t.same(values.get('memory.used'), { type: 'number', value: 10 })
})

t.test('an answer about a stopped container is known as empty', async t => {
  t.ok(isEmptyStats(parsed({ ...CGROUP2, read: '0001-01-01T00:00:00Z' })))
  t.notOk(isEmptyStats(parsed(CGROUP2)))
})

t.test('wrong types are refused with the field', async t => {
  const checked = check({ ...CGROUP2, cpu_stats: { cpu_usage: { total_usage: 'many' } } })
  t.equal(checked.ok, false)
  t.equal(checked.ok || checked.errors[0]?.path, 'cpu_stats.cpu_usage.total_usage')
  t.equal(check({ ...CGROUP2, networks: { eth0: { rx_bytes: -1, tx_bytes: 0 } } }).ok, false)
})

t.test('names, labels and states', async t => {
  const listed = {
    Id: 'a'.repeat(64),
    Names: ['/other/alias', '/shop-web-1'],
    Image: 'shop/web:1',
    State: 'running',
    Labels: { 'com.docker.compose.project': 'shop', 'com.docker.compose.service': 'web' },
  }
  t.equal(containerName(listed), 'shop-web-1', 'not the alias of a link')
  t.equal(containerName({ Id: 'b'.repeat(64) }), 'b'.repeat(12))
  t.same(listedValues(listed, 0).get('compose.service'), { type: 'text', value: 'web' })

  const now = Date.UTC(2026, 0, 1, 0, 1, 0)
  const running = inspectedValues(
    {
      RestartCount: 3,
      State: { Status: 'running', ExitCode: 0, StartedAt: '2026-01-01T00:00:00.25Z' },
    },
    now,
  )
  t.same(running.get('uptime'), { type: 'number', value: 59.75 })
  t.same(running.get('restarts'), { type: 'number', value: 3 })
  t.same(running.get('exit_code'), { type: 'none' }, 'a running one has none')
  t.same(running.get('health'), { type: 'text', value: 'none' })
  const exited = inspectedValues(
    {
      State: {
        Status: 'exited',
        ExitCode: 3,
        OOMKilled: true,
        StartedAt: '0001-01-01T00:00:00Z',
        Health: { Status: 'unhealthy' },
      },
    },
    now,
  )
  t.same(exited.get('exit_code'), { type: 'number', value: 3 })
  t.same(exited.get('oom_killed'), { type: 'number', value: 1 })
  t.same(exited.get('uptime'), { type: 'none' })
  t.same(exited.get('started'), { type: 'none' }, "Go's zero time is no start")
  t.same(exited.get('health'), { type: 'text', value: 'unhealthy' })
})

t.test('the lists of paths are complete', async t => {
  const info = {
    Containers: 1,
    ContainersRunning: 1,
    ContainersPaused: 0,
    ContainersStopped: 0,
    Images: 1,
  }
  const engine = new Map([
    ...engineValues(info, { Version: '27.0.0', ApiVersion: '1.46' }),
    ...countedValues([]),
    ...streamValues(true),
    ...diskValues({}),
  ])
  t.same([...engine.keys()].sort(), [...ENGINE_PATHS].sort())
  const container = new Set([
    ...listedValues({ Id: 'c'.repeat(64) }, 0).keys(),
    ...inspectedValues({ State: { Status: 'exited' } }, 0).keys(),
    ...statsValues(parsed(CGROUP2)).keys(),
  ])
  t.same([...container].sort(), [...CONTAINER_PATHS].sort())
})

t.test('one container to a name while Compose replaces it', async t => {
  const Labels = { 'com.docker.compose.project': 'shop' }
  const one = (id: string, name: string, labels: Record<string, string> = Labels) => ({
    Id: id.repeat(64),
    Names: [`/${name}`],
    Labels: labels,
  })
  const old = one('a', 'shop-web-1')
  const made = one('b', `${'a'.repeat(12)}_shop-web-1`)
  t.same(withoutInterim([old, made]), [old], 'the new one is not there yet')
  t.same(withoutInterim([made]), [made], 'the old one is gone')
  t.equal(containerName(made), 'shop-web-1', 'it goes by its later name')
  const own = one('c', `${'a'.repeat(12)}_mine`, {})
  t.equal(containerName(own), `${'a'.repeat(12)}_mine`, 'of others a name is what it is')
  t.equal(withoutInterim([own, one('d', 'mine', {})]).length, 2)
})

t.test('texts of an engine are cleaned', async t => {
  const hostile = {
    Id: 'e'.repeat(64),
    Names: ['/\u001b[31mred\u202e<script>alert(1)</script>'],
    Image: 'a\nb\u0000c',
    Labels: { 'com.docker.compose.project': `\u2066${'x'.repeat(5000)}` },
  }
  for (const raw of listedValues(hostile, 0).values()) {
    if (raw.type !== 'text') continue
    t.notMatch(raw.value, /[\p{Cc}\u202a-\u202e\u2066-\u2069]/u)
    t.ok(raw.value.length <= 512)
  }
  t.match(containerName(hostile), '<script>', 'markup stays text: pages escape it')
})

t.test('disk use: shared layers once, unknown volumes not at all', async t => {
  const disk: DiskAnswer = {
    LayersSize: 1000,
    Images: [{ Size: 900 }, { Size: 900 }],
    Containers: [{ SizeRw: 5 }, {}, { SizeRw: null }],
    Volumes: [{ UsageData: { Size: 70 } }, { UsageData: { Size: -1 } }, {}],
    BuildCache: [
      { Size: 3, Shared: false },
      { Size: 100, Shared: true },
    ],
  }
  const values = diskValues(disk)
  t.same(values.get('disk.images'), { type: 'number', value: 1000 })
  t.same(values.get('disk.containers'), { type: 'number', value: 5 })
  t.same(values.get('disk.volumes'), { type: 'number', value: 70 })
  t.same(values.get('disk.build_cache'), { type: 'number', value: 3 })
  t.same(diskValues({}).get('disk.volumes'), { type: 'none' }, 'what was not told is not zero')
})
