// Telegraf's messages as its documentation shows them: each input's example in line protocol, and the
// same metrics as JSON, singly and in batches, with every resolution of time, on any topic.

import t from 'tap'
import { flat, START, shippedCatalogue, testDevice } from './kit.ts'

const catalogue = await shippedCatalogue()
const NS = `${START / 1000}000000000`

const CPU = `cpu,cpu=cpu0,host=loaner time_active=202224.15999999992,time_guest=30250.35,time_guest_nice=0,time_idle=1527035.04,time_iowait=1352,time_irq=0,time_nice=169.28,time_softirq=6281.4,time_steal=0,time_system=40097.14,time_user=154324.34 ${NS}
cpu,cpu=cpu0,host=loaner usage_active=31.249999981810106,usage_guest=2.083333333080696,usage_guest_nice=0,usage_idle=68.7500000181899,usage_iowait=0,usage_irq=0,usage_nice=0,usage_softirq=0,usage_steal=0,usage_system=4.166666666161392,usage_user=25.000000002273737 ${NS}
cpu,cpu=cpu-total,host=loaner usage_guest=1.036269430422946,usage_guest_nice=0,usage_idle=82.3834196941197,usage_iowait=0,usage_irq=0,usage_nice=0,usage_softirq=1.0362694300459534,usage_steal=0,usage_system=4.145077721691784,usage_user=11.398963731636465 ${NS}
`

t.test('cpu: idle is subtracted where Telegraf does not report what is active', async t => {
  const device = await testDevice(catalogue)
  t.ok(device.say('telegraf/loaner/cpu', CPU))
  t.strictSame(device.values(), {
    'telegraf_cpu.usage loaner|cpu0': 31.2499999818,
    'telegraf_cpu.user loaner|cpu0': 25.0000000023,
    'telegraf_cpu.system loaner|cpu0': 4.16666666616,
    'telegraf_cpu.iowait loaner|cpu0': 0,
    'telegraf_cpu.steal loaner|cpu0': 0,
    'telegraf_cpu.usage loaner|cpu-total': 17.6165803059,
    'telegraf_cpu.user loaner|cpu-total': 11.3989637316,
    'telegraf_cpu.system loaner|cpu-total': 4.14507772169,
    'telegraf_cpu.iowait loaner|cpu-total': 0,
    'telegraf_cpu.steal loaner|cpu-total': 0,
  })
})

t.test('mem, disk, system: without a host tag the topic tells the host', async t => {
  const device = await testDevice(catalogue)
  device.say(
    'site/a/mem',
    `mem active=9299595264i,available=16818249728i,available_percent=80.41654254645131,buffered=2383761408i,cached=13316689920i,free=1877688320i,swap_free=4286128128i,swap_total=4294963200i,total=20913917952i,used=3335778304i,used_percent=15.95004011996231,wired=0i ${NS}`,
  )
  device.say(
    'site/a/disk',
    `disk,fstype=hfs,mode=ro,path=/ free=398407520256i,inodes_free=97267461i,inodes_total=121847806i,inodes_used=24580345i,total=499088621568i,used=100418957312i,used_percent=20.131039916242397 ${NS}
disk,fstype=autofs,mode=rw,path=/net free=0i,inodes_free=0i,inodes_total=0i,inodes_used=0i,total=0i,used=0i,used_percent=0 ${NS}`,
  )
  device.say(
    'any',
    `system,host=tyrion load1=3.72,load5=2.4,load15=2.1,n_users=3i,n_cpus=4i ${NS}
system,host=tyrion uptime=1249632i ${NS}
system,host=tyrion uptime_format="14 days, 11:07" ${NS}`,
  )
  const values = device.values()
  t.match(values, {
    'telegraf_memory.total site/a/mem': 20913917952,
    'telegraf_memory.used site/a/mem': 3335778304,
    'telegraf_memory.percent site/a/mem': 15.95004012,
    'telegraf_memory.swap_total site/a/mem': 4294963200,
    'telegraf_disk.percent |/': 20.1310399162,
    'telegraf_disk.size |/': 499088621568,
    'telegraf_disk.inodes_used |/': 24580345,
    'telegraf_disk.percent |/net': 0,
    'telegraf_system.load1 tyrion': 3.72,
    'telegraf_system.users tyrion': 3,
    'telegraf_system.uptime tyrion': 1249632,
  })
  t.same(device.setAside, [])
})

t.test('diskio and net: counters become rates, by the times of the messages', async t => {
  const device = await testDevice(catalogue)
  const lines = (at: string, more: number) =>
    `diskio,name=sda,host=h merged_reads=0i,reads=${2495 + more}i,writes=10i,write_bytes=2117632i,write_time=49i,io_time=${1317 + more}i,weighted_io_time=1404i,read_bytes=${38956544 + 4096 * more}i,read_time=1357i,iops_in_progress=0i,merged_writes=0i ${at}
net,interface=eth0,host=h bytes_sent=${451838509 + 1000 * more}i,bytes_recv=${3284081640 + 2000 * more}i,packets_sent=2663590i,packets_recv=3585442i,err_in=0i,err_out=0i,drop_in=4i,drop_out=0i ${at}`
  device.say('t', lines(NS, 0))
  t.match(device.values(), {
    'telegraf_disk_io.read h|sda': '!first',
    'telegraf_interface.in h|eth0': '!first',
  })
  // Late, and together: rates are of 10 s each, whenever they came.
  device.now += 60_000
  device.say('t', lines(`${START / 1000 + 10}000000000`, 100))
  device.say('t', lines(`${START / 1000 + 20}000000000`, 300))
  const { collections } = device.flush()
  const net = collections.filter(({ group }) => group === 'telegraf_interface')
  t.same(
    net.map(({ body }) => [body.at - START, body.ok && body.metrics.in]),
    [
      [10_000, [160_000]],
      [20_000, [320_000]],
    ],
  )
  const disk = collections.filter(({ group }) => group === 'telegraf_disk_io')
  t.match(disk[0]?.body, { metrics: { read: [40_960], reads: [10], busy: [1], write: [0] } })
})

t.test('docker: the engine in parts, containers, their networks and disks', async t => {
  const device = await testDevice(catalogue)
  const engine = [
    'n_cpus=8i',
    'n_containers=7i',
    'n_containers_running=7i',
    'n_containers_stopped=3i',
    'n_containers_paused=0i',
    'n_images=152i',
    'n_goroutines=36i',
    'n_listener_events=0i',
  ]
  for (const field of engine) device.say('tg', `docker,host=d ${field} ${NS}`)
  device.say('tg', `docker,host=d,unit=bytes memory_total=18935443456i ${NS}`)
  const tags = 'host=d,container_image=spotify/kafka,container_name=kafka'
  device.say(
    'tg',
    `docker_container_mem,${tags} active_anon=52568064i,cache=12038144i,limit=1044578304i,max_usage=140656640i,usage=117440512i,usage_percent=11.24,rss=105275392i ${NS}
docker_container_cpu,${tags},cpu=cpu-total throttling_periods=0i,throttling_throttled_time=0i,usage_in_kernelmode=440000000i,usage_system=84795360000000i,usage_total=6628208865i,usage_percent=2.5 ${NS}
docker_container_cpu,${tags},cpu=cpu0 usage_total=6628208865i ${NS}
docker_container_net,${tags},network=eth0 rx_bytes=7468i,rx_dropped=0i,rx_errors=0i,rx_packets=94i,tx_bytes=946i,tx_dropped=0i,tx_errors=0i,tx_packets=13i ${NS}
docker_container_blkio,${tags},device=8:0 io_service_bytes_recursive_async=80216064i,io_service_bytes_recursive_read=79925248i,io_service_bytes_recursive_write=368640i ${NS}`,
  )
  t.match(device.values(), {
    'telegraf_docker.running d': 7,
    'telegraf_docker.stopped d': 3,
    'telegraf_docker.paused d': 0,
    'telegraf_docker.images d': 152,
    'telegraf_docker.memory d': 18935443456,
    'telegraf_container.cpu d|kafka': 2.5,
    'telegraf_container_memory.used d|kafka': 117440512,
    'telegraf_container_memory.percent d|kafka': 11.2428634168,
    'telegraf_container_net.in d|kafka|eth0': '!first',
    'telegraf_container_io.write d|kafka|8:0': '!first',
  })
})

t.test('JSON: one metric, a batch, a list; times in s, ms, µs and ns', async t => {
  const metric = (host: string, timestamp: number) => ({
    fields: { uptime: 30, load1: 0.5 },
    name: 'system',
    tags: { host },
    timestamp,
  })
  const device = await testDevice(catalogue)
  device.say('one', JSON.stringify(metric('a', START / 1000)))
  device.say('batch', JSON.stringify({ metrics: [metric('b', START), metric('c', START * 1000)] }))
  device.say('list', JSON.stringify([metric('d', START * 1e6)]))
  const { collections } = device.flush()
  t.same(
    collections.map(({ body }) => [body.at, body.ok && body.rows]),
    [[START, ['a', 'b', 'c', 'd']]],
    'all of one moment is one collection',
  )
  t.equal(flat(collections)['telegraf_system.load1 d'], 0.5)
})

t.test(
  'metrics that no mapping knows are set aside, the others of the message are kept',
  async t => {
    const device = await testDevice(catalogue)
    device.say('mixed', `chrony,host=h frequency=1.5 ${NS}\nsystem,host=h load1=1 ${NS}`)
    device.say('other', `chrony,host=h frequency=1.5 ${NS}`)
    t.strictSame(device.values(), { 'telegraf_system.load1 h': 1 })
    t.same(device.setAside, [{ reason: 'empty', topic: 'other' }])
  },
)

const HOUR = Array.from({ length: 360 }, (_, i) => START - 3_600_000 + i * 10_000)

t.test('an hour after an outage, in one batch: each point with its own time', async t => {
  const device = await testDevice(catalogue)
  const metrics = HOUR.map((at, i) => ({
    name: 'system',
    tags: { host: 'h' },
    fields: { load1: i },
    timestamp: at / 1000,
  }))
  device.say('tg', JSON.stringify({ metrics }))
  t.same(
    device.flush().collections.map(({ body }) => [body.at, body.ok && body.metrics.load1]),
    HOUR.map((at, i) => [at, [i]]),
  )
  t.same(device.setAside, [])
})

t.test('an hour in single messages of several measurements, with rates', async t => {
  const device = await testDevice(catalogue)
  for (const [i, at] of HOUR.entries()) {
    const time = `${at}000000`
    device.say('tg/h/system', `system,host=h load1=${i} ${time}`)
    device.say('tg/h/mem', `mem,host=h used=${i}i,total=1000i ${time}`)
    device.say('tg/h/net', `net,host=h,interface=eth0 bytes_recv=${i * 5000}i ${time}`)
  }
  const { collections } = device.flush()
  const told = (group: string, metric: string) =>
    collections
      .filter(one => one.group === group)
      .map(({ body }) => [body.at, ...(body.ok ? [body.metrics[metric]].flat() : [])])
  t.same(
    told('telegraf_system', 'load1'),
    HOUR.map((at, i) => [at, i]),
  )
  t.same(
    told('telegraf_memory', 'used'),
    HOUR.map((at, i) => [at, i]),
  )
  t.same(
    told('telegraf_interface', 'in'),
    HOUR.map((at, i) => [at, i === 0 ? null : 4000]),
  )
  t.same(device.setAside, [])
})

t.test('more than is gathered at once is evaluated early, not lost', async t => {
  const device = await testDevice(catalogue)
  const hosts = Array.from({ length: 60 }, (_, i) => `h${i}`)
  for (const at of HOUR) {
    device.say('tg', hosts.map(host => `mem,host=${host} used=7i ${at}000000`).join('\n'))
  }
  let points = 0
  const times: number[] = []
  for (const { body } of device.flush().collections) {
    times.push(body.at)
    points += body.ok ? (body.rows?.length ?? 0) : 0
  }
  t.equal(points, HOUR.length * hosts.length)
  t.equal(new Set(times).size, times.length, 'no time twice')
  t.ok(times.length < 2 * HOUR.length, 'what is of one moment is together')
  t.same(device.setAside, [])
})

t.test('as many moments a second as a device may have; the rest is counted', async t => {
  const device = await testDevice(catalogue)
  const flood = (from: number) => {
    const times = Array.from({ length: 3000 }, (_, i) => START - (from + i) * 1000)
    device.say('tg', times.map(at => `system,host=h load1=1 ${at}000000`).join('\n'))
    return device.flush().collections.length
  }
  t.equal(flood(0), 3000)
  t.equal(flood(3000), 2000)
  t.same(device.setAside, Array(1000).fill({ reason: 'rate', topic: 'tg' }))
  device.now += 1000
  t.equal(flood(6000), 3000)
})
