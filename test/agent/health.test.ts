// Goal: sensors and disks as machines have them: trees of /sys/class/hwmon by the kernel's description of it
// (hwmon/sysfs-interface), and answers of smartctl 7 as disks of each kind give them. What is not a reading, or
// what this user may not see, is left out and never a zero.

import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import t, { type Test } from 'tap'
import { readSensors } from '../../agent/hwmon.ts'
import { createPrograms } from '../../agent/run-program.ts'
import { parseSmart, readSmart } from '../../agent/smart.ts'
import { tempDir } from '../parts/find.ts'

async function tree(t: Test, chips: Record<string, Record<string, string>>): Promise<string> {
  const sys = await tempDir(t)
  for (const [chip, files] of Object.entries(chips)) {
    const dir = path.join(sys, 'class/hwmon', chip)
    await mkdir(dir, { recursive: true })
    for (const [name, text] of Object.entries(files))
      await writeFile(path.join(dir, name), `${text}\n`)
  }
  return sys
}

t.test('a board with several chips', async t => {
  const sys = await tree(t, {
    hwmon0: { name: 'acpitz', temp1_input: '27800', temp1_crit: '119000' },
    hwmon1: {
      name: 'coretemp',
      ...{ temp1_label: 'Package id 0', temp1_input: '52000', temp1_crit: '100000' },
      ...{ temp2_label: 'Core 0', temp2_input: '50000', temp2_crit: '100000' },
      ...{ temp3_label: '', temp3_input: '0', temp3_crit: '0' },
    },
    hwmon2: {
      name: 'nct6798',
      // Turned off, stopped, turning, and with a fault.
      ...{ fan1_label: 'CPU fan', fan1_input: '0' },
      ...{ fan2_input: '843', fan2_fault: '0' },
      ...{ fan3_input: '5400', fan3_fault: '1' },
      ...{ temp1_input: '127500', temp1_fault: '1' },
      ...{ temp2_input: '-128000', temp2_fault: '0' },
    },
    // A driver without a name of its own, and limits that are none.
    hwmon3: { temp1_input: '33000', temp1_crit: '-273150' },
    hwmon4: { name: 'nothing here' },
  })
  const { temperatures = [], fans = [] } = (await readSensors(sys)) ?? {}
  t.same(
    temperatures.map(({ sensor, celsius, critical }) => [sensor, celsius, critical]),
    [
      ['acpitz temp1', 27.8, 119],
      ['coretemp Package id 0', 52, 100],
      ['coretemp Core 0', 50, 100],
      ['coretemp temp3', 0, null],
      ['nct6798 temp2', -128, null],
      ['hwmon3 temp1', 33, null],
    ],
  )
  t.same(
    fans.map(({ sensor, rpm }) => [sensor, rpm]),
    [
      ['nct6798 CPU fan', 0],
      ['nct6798 fan2', 843],
    ],
  )
})

t.test('two sockets whose chips say the same, and readings that are none', async t => {
  const chip = { name: 'coretemp', temp1_label: 'Core 0', temp1_input: '40000' }
  const sys = await tree(t, {
    hwmon0: chip,
    hwmon1: { ...chip, temp1_input: '41000' },
    hwmon2: {
      name: 'odd',
      ...{ temp1_input: 'NaN', temp2_input: '', temp3_input: '1e9', temp4_input: '0x10' },
      ...{ fan1_input: 'nan', fan2_input: '-', fan3_input: '12.5' },
    },
  })
  // As a file that the driver answers with an error: it cannot be read as a file.
  await mkdir(path.join(sys, 'class/hwmon/hwmon2/temp5_input'))
  const found = await readSensors(sys)
  t.same(
    found?.temperatures.map(({ sensor, celsius }) => [sensor, celsius]),
    [
      ['coretemp Core 0 (coretemp)', 40],
      ['coretemp Core 0 (coretemp) #2', 41],
    ],
  )
  t.same(found?.fans, [])
})

const smartctl = (exit_status: number, messages: object[] = []) => ({
  json_format_version: [1, 0],
  smartctl: {
    ...{ version: [7, 3], svn_revision: '5338', platform_info: 'x86_64-linux', exit_status },
    ...(messages.length > 0 && { messages }),
  },
})
const read = (status: number, report: object, messages: object[] = []) =>
  parseSmart('sda', JSON.stringify({ ...smartctl(status, messages), ...report }), status)
const attribute = (id: number, name: string, value: number, when_failed = '') => ({
  ...{ id, name, value: 100, worst: 100, thresh: 10, when_failed },
  raw: { value, string: String(value) },
})
const HDD = {
  device: { name: '/dev/sda', info_name: '/dev/sda [SAT]', type: 'sat', protocol: 'ATA' },
  ...{ model_name: 'A hard disk', serial_number: 'HDD-1', firmware_version: '1' },
  smart_status: { passed: true },
  ata_smart_attributes: {
    revision: 16,
    table: [
      attribute(5, 'Reallocated_Sector_Ct', 0),
      // Of some makers the raw value holds the lowest and the highest temperature too.
      attribute(194, 'Temperature_Celsius', 253403070496),
      attribute(197, 'Current_Pending_Sector', 0),
      attribute(198, 'Offline_Uncorrectable', 0),
    ],
  },
  ...{ power_on_time: { hours: 31_000, minutes: 12 }, temperature: { current: 32 } },
}

t.test('a hard disk that is well, one that fails, and one that failed before', t => {
  t.match(read(0, HDD), { passed: true, celsius: 32, hours: 31_000, reallocated: 0, errors: 0 })
  const table = [
    attribute(5, 'Reallocated_Sector_Ct', 2016, 'now'),
    attribute(197, 'Current_Pending_Sector', 24),
    attribute(198, 'Offline_Uncorrectable', 3),
  ]
  const failing = {
    ...HDD,
    smart_status: { passed: false },
    ata_smart_attributes: { table },
  }
  // Bits 3, 4 and 6: it fails, an attribute is below its threshold, the log has errors (smartctl(8)).
  t.match(read(8 + 16 + 64, failing), { passed: false, reallocated: 2016, pending: 24, errors: 3 })
  t.match(read(32 + 128, HDD), { passed: true }, 'it was below a threshold, a self-test failed')
  t.match(read(4, HDD), { passed: true }, 'one of its logs could not be read')
  t.end()
})

t.test('NVMe and SAS', t => {
  const nvme = {
    device: { name: '/dev/nvme0', info_name: '/dev/nvme0', type: 'nvme', protocol: 'NVMe' },
    ...{ model_name: 'An NVMe disk', serial_number: 'NVME-1' },
    smart_status: { passed: false, nvme: { value: 4 } },
    nvme_smart_health_information_log: {
      ...{
        critical_warning: 4,
        temperature: 71,
        available_spare: 3,
        available_spare_threshold: 10,
      },
      ...{ percentage_used: 120, media_errors: 17, num_err_log_entries: 40 },
    },
    ...{ temperature: { current: 71 }, power_on_time: { hours: 9000 } },
  }
  t.match(read(8, nvme), { passed: false, wearPercent: 120, errors: 17, celsius: 71 })
  const counters = { errors_corrected_by_eccfast: 9, gigabytes_processed: '12.5' }
  const sas = {
    device: { name: '/dev/sdb', info_name: '/dev/sdb', type: 'scsi', protocol: 'SCSI' },
    ...{ model_name: 'A SAS disk', serial_number: 'SAS-1', smart_status: { passed: true } },
    ...{ temperature: { current: 41, drive_trip: 65 }, power_on_time: { hours: 64_579 } },
    scsi_grown_defect_list: 7,
    scsi_error_counter_log: {
      read: { ...counters, total_uncorrected_errors: 3 },
      write: { ...counters, total_uncorrected_errors: 1 },
      verify: counters,
    },
  }
  t.match(read(0, sas), { reallocated: 7, errors: 4, pending: null, celsius: 41, hours: 64_579 })
  t.end()
})

t.test('what cannot be asked gives no row', t => {
  const said = (string: string) => [{ string, severity: 'error' }]
  const root = 'Smartctl open device: /dev/sda failed: Permission denied'
  t.equal(read(2, {}, said(root)), null, 'it needs root')
  const bridge = '/dev/sdb: Unknown USB bridge [0x1234:0x5678 (0x100)]'
  t.equal(read(1, {}, said(bridge)), null)
  const { smart_status: _, ...bare } = HDD
  t.equal(read(4, { ...bare, smart_support: { available: false } }), null, 'a virtual disk')
  t.equal(read(0, { ...bare, smart_support: { available: true, enabled: false } }), null)
  const sleeping = [{ string: 'Device is in SLEEP mode, exit(2)', severity: 'information' }]
  t.match(read(2, {}, sleeping), { isAsleep: true, passed: null, celsius: null })
  t.end()
})

t.test('of several disks those that answer', async t => {
  const bin = await tempDir(t)
  const denied = JSON.stringify(
    smartctl(2, [{ string: 'Smartctl open device: /dev/sdb failed: Permission denied' }]),
  )
  const failing = JSON.stringify({ ...HDD, smart_status: { passed: false } })
  const script = [
    '#!/bin/sh',
    'case "$*" in',
    `*/dev/sda) printf '%s' '${failing}'; exit 8 ;;`,
    `*/dev/sdb) printf '%s' '${denied}'; exit 2 ;;`,
    '*/dev/sdc) exit 127 ;;',
    `*) printf '%s' '${JSON.stringify(HDD)}' ;;`,
    'esac',
  ]
  await writeFile(path.join(bin, 'smartctl'), `${script.join('\n')}\n`, { mode: 0o755 })
  const before = process.env.PATH
  process.env.PATH = `${bin}:${before}`
  t.teardown(() => (process.env.PATH = before))
  const programs = createPrograms()
  t.teardown(() => programs.close())
  t.match(await readSmart(programs, ['sda', 'sdb', 'sdc', 'sdd']), [
    { disk: 'sda', passed: false },
    { disk: 'sdd', passed: true },
  ])
})
