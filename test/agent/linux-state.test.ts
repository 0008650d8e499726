// Goal: what Linux tells beside its counters is read as it writes it: sensors, processes, disks' health,
// failed units and updates; odd, missing and hostile texts give nothing false.

import { mkdir, symlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import t from 'tap'
import { readSensors } from '../../agent/hwmon.ts'
import { linuxSource } from '../../agent/linux.ts'
import { createPrograms } from '../../agent/run-program.ts'
import { parseSmart, readSmart } from '../../agent/smart.ts'
import { parseUnits, parseUpdates, readFailedUnits, readUpdates } from '../../agent/system-state.ts'
import { createTasks, parseTask } from '../../agent/tasks.ts'
import { tempDir } from '../parts/find.ts'

async function files(dir: string, texts: Record<string, string>): Promise<void> {
  for (const [name, text] of Object.entries(texts)) {
    await mkdir(path.dirname(path.join(dir, name)), { recursive: true })
    await writeFile(path.join(dir, name), text)
  }
}

t.test('sensors of hwmon', async t => {
  const sys = await tempDir(t)
  await files(sys, {
    'class/hwmon/hwmon0/name': 'nvme\n',
    'class/hwmon/hwmon0/temp1_input': '41850\n',
    'class/hwmon/hwmon0/temp1_label': 'Composite\n',
    'class/hwmon/hwmon0/temp1_crit': '84850\n',
    'class/hwmon/hwmon10/name': 'nvme\n',
    'class/hwmon/hwmon10/temp1_input': '-5000\n',
    'class/hwmon/hwmon10/temp1_label': 'Composite\n',
    'class/hwmon/hwmon10/temp1_crit': '65261850\n',
    'class/hwmon/hwmon2/name': 'nct6775\n',
    'class/hwmon/hwmon2/fan1_input': '1200\n',
    'class/hwmon/hwmon2/fan2_input': 'nonsense\n',
    'class/hwmon/hwmon2/in0_input': '800\n',
    'class/thermal/thermal_zone0/type': 'acpitz\n',
    'class/thermal/thermal_zone0/temp': '20000\n',
  })
  await symlink('../../nvme0', path.join(sys, 'class/hwmon/hwmon0/device'))
  await symlink('../../nvme1', path.join(sys, 'class/hwmon/hwmon10/device'))
  t.same(await readSensors(sys), {
    temperatures: [
      {
        sensor: 'nvme Composite (nvme nvme0)',
        chip: 'nvme nvme0',
        celsius: 41.85,
        critical: 84.85,
      },
      { sensor: 'nvme Composite (nvme nvme1)', chip: 'nvme nvme1', celsius: -5, critical: null },
    ],
    fans: [{ sensor: 'nct6775 fan1', chip: 'nct6775', rpm: 1200 }],
  })
  t.equal(await readSensors(path.join(sys, 'nowhere')), null)
})

t.test('zones where there are no chips, each row with a name of its own', async t => {
  const sys = await tempDir(t)
  await files(sys, {
    'class/thermal/thermal_zone0/type': 'cpu-thermal\n',
    'class/thermal/thermal_zone0/temp': '50123\n',
    'class/thermal/thermal_zone1/type': 'cpu-thermal\n',
    'class/thermal/thermal_zone1/temp': '51000\n',
  })
  const { temperatures = [] } = (await readSensors(sys)) ?? {}
  t.same(
    temperatures.map(({ sensor, celsius }) => [sensor, celsius]),
    [
      ['cpu-thermal (thermal_zone0)', 50.123],
      ['cpu-thermal (thermal_zone1)', 51],
    ],
  )
})

const stat = (
  pid: number,
  name: string,
  state: string,
  ticks: number,
  pages: number,
  virtual = 1,
) =>
  `${pid} (${name}) ${state} 1 1 1 0 -1 4194560 100 0 0 0 ${ticks} 0 0 0 20 0 3 0 777 ${virtual} ${pages} 18446744073709551615 1 1\n`

t.test('processes, whatever their names', async t => {
  t.match(parseTask(stat(7, 'a) R (b', 'S', 250, 10), 4096), {
    ...{ name: 'a) R (b', state: 'S', cpuMs: 2500, threads: 3, started: 777, memoryBytes: 40_960 },
  })
  for (const text of ['', '7 (x', '7 (x) S 1 2', 'no brackets at all']) {
    t.equal(parseTask(text, 4096), null, text)
  }
  const proc = await tempDir(t)
  const put = (ticks: number) =>
    files(proc, {
      '1/stat': stat(1, 'init', 'S', ticks, 1),
      '2/stat': stat(2, 'kworker/0:1-events', 'I', 5, 0, 0),
      '3/stat': stat(3, 'kworker/1:0', 'D', 5, 0, 0),
      '4/stat': stat(4, 'worker', 'R', ticks, 2),
      '5/stat': stat(5, 'worker', 'Z', 0, 0),
      '6/nothing': '',
    })
  const tasks = createTasks(proc)
  await put(100)
  await tasks()
  await put(350)
  const { programs, ...counts } = await tasks()
  t.same(counts, { running: 1, sleeping: 2, blocked: 1, zombie: 1, stopped: 0, threads: 15 })
  t.match(
    programs.map(({ name, processes, cpuMs }) => [name, processes, cpuMs]),
    [
      ['init', 1, 2500],
      ['(kernel)', 2, 0],
      ['worker', 2, 2500],
    ],
  )
})

t.test('the processes of this machine', async t => {
  const source = linuxSource()
  t.teardown(() => source.close?.())
  const { programs = [], threads = 0 } = (await source.tasks()) ?? {}
  t.ok(threads > programs.length / 2)
  const own = programs.find(({ name }) => /node|MainThread|tap/.test(name))
  t.ok((own?.memoryBytes ?? 0) > 10_000_000, `this program: ${JSON.stringify(own)}`)
  const { os, kernel } = await source.software()
  t.ok(os.length > 2 && kernel.length > 2)
})

const ATA = {
  model_name: 'WDC WD40',
  serial_number: 'WD-1',
  smart_status: { passed: true },
  temperature: { current: 33 },
  power_on_time: { hours: 1000 },
  ata_smart_attributes: {
    table: [
      { id: 5, raw: { value: 2 } },
      { id: 197, raw: { value: 1 } },
      { id: 198, raw: { value: 0 } },
    ],
  },
}

t.test("disks' health", async t => {
  const read = (report: object, status = 0) => parseSmart('sda', JSON.stringify(report), status)
  t.same(read(ATA, 64), {
    ...{ disk: 'sda', model: 'WDC WD40', serial: 'WD-1', isAsleep: false, passed: true },
    ...{ celsius: 33, hours: 1000, wearPercent: null, reallocated: 2, pending: 1, errors: 0 },
  })
  t.match(read({ ...ATA, smart_status: { passed: false } }, 8), { passed: false })
  t.match(
    read({
      smart_status: { passed: true },
      nvme_smart_health_information_log: { percentage_used: 4, media_errors: 0 },
    }),
    { wearPercent: 4, errors: 0, celsius: null },
  )
  const asleep = {
    smartctl: {
      messages: [{ string: 'Device is in STANDBY mode, exit(2)', severity: 'information' }],
    },
  }
  t.match(read(asleep, 2), { isAsleep: true, passed: null })
  t.equal(read({ smartctl: { messages: [{ string: 'Permission denied' }] } }, 2), null)
  t.equal(read({}, 0), null, 'no S.M.A.R.T.')
  t.equal(parseSmart('sda', 'no JSON', 0), null)
  t.equal(parseSmart('sda', JSON.stringify({ temperature: 'hot' }), 0), null)
})

t.test('programs of the system are bounded in time and output', async t => {
  const bin = await tempDir(t)
  await writeFile(
    path.join(bin, 'smartctl'),
    `#!/bin/sh\necho "$@" >> ${bin}/asked\ncat <<'END'\n${JSON.stringify(ATA)}\nEND\n`,
    { mode: 0o755 },
  )
  await writeFile(path.join(bin, 'endless'), '#!/bin/sh\nexec sleep 1000\n', { mode: 0o755 })
  await writeFile(path.join(bin, 'flood'), '#!/bin/sh\nexec yes\n', { mode: 0o755 })
  const before = process.env.PATH
  process.env.PATH = `${bin}:${before}`
  t.teardown(() => (process.env.PATH = before))
  const programs = createPrograms()
  t.match(await readSmart(programs, ['sda', 'nvme0n1']), [{ disk: 'sda' }, { disk: 'nvme0n1' }])
  await t.rejects(programs.run('endless', [], 50), { name: 'TimeoutError' })
  await t.rejects(programs.run('flood', [], 30_000), { code: 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER' })
  t.equal(await programs.run('no-such-program', [], 1000), null)
  const left = programs.run('endless', [], 600_000)
  programs.close()
  await t.rejects(left)
  const { readFile } = await import('node:fs/promises')
  t.match(await readFile(path.join(bin, 'asked'), 'utf8'), /--nocheck=standby .*\/dev\/nvme0n1/)
})

t.test('failed units and updates', async t => {
  t.same(
    parseUnits('  a.service loaded failed failed A thing\nb.mount loaded failed failed B\n\n'),
    ['a.service', 'b.mount'],
  )
  t.same(parseUnits(''), [])
  const noble =
    '\n10 updates can be applied immediately.\n4 of these updates are standard security updates.\n'
  t.same(parseUpdates(noble), { updates: 10, security: 4 })
  const one =
    '1 update can be applied immediately.\n1 of these updates is a standard security update.\n'
  t.same(parseUpdates(one), { updates: 1, security: 1 })
  const old = '5 packages can be updated.\n2 updates are security updates.\n'
  t.same(parseUpdates(old), { updates: 5, security: 2 })
  t.same(parseUpdates('\n'), { updates: 0, security: 0 })

  const root = `${await tempDir(t)}/`
  t.same(await readUpdates(root), { updates: null, security: null, needsReboot: null })
  await files(root, { 'var/lib/update-notifier/updates-available': noble })
  t.same(await readUpdates(root), { updates: 10, security: 4, needsReboot: false })
  await files(root, { 'run/reboot-required': '' })
  t.match(await readUpdates(root), { needsReboot: true })
  t.equal(await readFailedUnits(createPrograms(), root), null, "not the container's own systemd")
})
