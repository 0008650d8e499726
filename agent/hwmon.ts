// Temperatures and fans from /sys/class/hwmon (Documentation/hwmon/sysfs-interface.rst of the kernel),
// and where that has no temperature, from /sys/class/thermal.

import { readdir, readFile, readlink } from 'node:fs/promises'
import path from 'node:path'
import { hostRowsMax, type Sensors } from './source.ts'

/** Chips that are looked at. */
const chipsMax = 100
/** A limit beyond is what a chip gives where it has none, °C. */
const criticalMax = 200

const text = (file: string): Promise<string | null> =>
  readFile(file, 'utf8').then(
    found => found.trim(),
    () => null,
  )
const number = async (file: string): Promise<number | null> => {
  const found = await text(file)
  return found !== null && /^-?[0-9]+$/.test(found) ? Number(found) : null
}

/** @param sys `/sys` */
export async function readSensors(sys: string): Promise<Sensors | null> {
  const found: Sensors = { temperatures: [], fans: [] }
  for (const dir of await entries(`${sys}/class/hwmon`, /^hwmon[0-9]+$/)) {
    await readChip(`${sys}/class/hwmon/${dir}`, found)
  }
  if (found.temperatures.length === 0) await readZones(`${sys}/class/thermal`, found)
  if (found.temperatures.length + found.fans.length === 0) return null
  return { temperatures: unique(found.temperatures), fans: unique(found.fans) }
}

async function readChip(dir: string, found: Sensors): Promise<void> {
  const name = (await text(`${dir}/name`)) ?? path.basename(dir)
  const device = await readlink(`${dir}/device`).then(path.basename, () => '')
  const chip = device === '' ? name : `${name} ${device}`
  for (const file of await entries(dir, /^(temp|fan)[0-9]+_input$/)) {
    const at = file.slice(0, -'_input'.length)
    const value = await number(`${dir}/${file}`)
    // A sensor that nothing is plugged into answers with an error, or the chip says that it has a fault:
    // its reading is then not to be believed.
    if (value === null || (await number(`${dir}/${at}_fault`)) === 1) continue
    const sensor = `${name} ${(await text(`${dir}/${at}_label`)) || at}`
    if (at.startsWith('fan')) found.fans.push({ sensor, chip, rpm: value })
    else {
      const critical = await number(`${dir}/${at}_crit`)
      found.temperatures.push({ sensor, chip, celsius: value / 1000, critical: limit(critical) })
    }
  }
}

async function readZones(dir: string, found: Sensors): Promise<void> {
  for (const zone of await entries(dir, /^thermal_zone[0-9]+$/)) {
    const value = await number(`${dir}/${zone}/temp`)
    if (value === null) continue
    const sensor = (await text(`${dir}/${zone}/type`)) ?? zone
    found.temperatures.push({ sensor, chip: zone, celsius: value / 1000, critical: null })
  }
}

function limit(millidegrees: number | null): number | null {
  if (millidegrees === null || millidegrees <= 0) return null
  return millidegrees / 1000 > criticalMax ? null : millidegrees / 1000
}

async function entries(dir: string, wanted: RegExp): Promise<string[]> {
  const all = await readdir(dir).catch(() => [])
  const byNumber = new Intl.Collator('en', { numeric: true }).compare
  return all
    .filter(name => wanted.test(name))
    .sort(byNumber)
    .slice(0, chipsMax)
}

/** A row's name is its identity: of two drives' "nvme Composite" each gets its device. */
function unique<T extends { sensor: string; chip: string }>(rows: readonly T[]): T[] {
  const count = (of: (row: T) => string) => {
    const counts = new Map<string, number>()
    for (const row of rows) counts.set(of(row), (counts.get(of(row)) ?? 0) + 1)
    return counts
  }
  const names = count(row => row.sensor)
  const used = new Map<string, number>()
  return rows.slice(0, hostRowsMax).map(row => {
    const name = (names.get(row.sensor) ?? 0) > 1 ? `${row.sensor} (${row.chip})` : row.sensor
    const times = (used.get(name) ?? 0) + 1
    used.set(name, times)
    return { ...row, sensor: times === 1 ? name : `${name} #${times}` }
  })
}
