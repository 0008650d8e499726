// S.M.A.R.T. of disks by `smartctl --json` (smartmontools 7). A disk that sleeps is not woken. Where it
// is not installed, or this user may not ask, there are no rows.

import Type, { type Static } from 'typebox'
import { checker, parseJson } from '../server/validate.ts'
import type { Programs } from './run-program.ts'
import type { SmartDisk } from './source.ts'

/** For one disk. */
const smartMsMax = 30_000
const disksMax = 64
/** Exit status bits (smartctl(8)): the command line was wrong; the device did not open, or sleeps. */
const NOT_READ = 0b11

/** Ids of ATA attributes, as every maker has them. */
const REALLOCATED = 5
const PENDING = 197
const UNCORRECTABLE = 198

const Count = Type.Optional(Type.Number())
const Report = Type.Object({
  model_name: Type.Optional(Type.String()),
  serial_number: Type.Optional(Type.String()),
  smartctl: Type.Optional(
    Type.Object({
      messages: Type.Optional(Type.Array(Type.Object({ string: Type.Optional(Type.String()) }))),
    }),
  ),
  power_mode: Type.Optional(Type.Object({ name: Type.Optional(Type.String()) })),
  smart_status: Type.Optional(Type.Object({ passed: Type.Optional(Type.Boolean()) })),
  temperature: Type.Optional(Type.Object({ current: Count })),
  power_on_time: Type.Optional(Type.Object({ hours: Count })),
  ata_smart_attributes: Type.Optional(
    Type.Object({
      table: Type.Array(
        Type.Object({ id: Type.Number(), raw: Type.Object({ value: Type.Number() }) }),
      ),
    }),
  ),
  /** Of SAS disks: blocks that were replaced, and what could not be read or written. */
  scsi_grown_defect_list: Count,
  scsi_error_counter_log: Type.Optional(
    Type.Record(Type.String(), Type.Object({ total_uncorrected_errors: Count })),
  ),
  nvme_smart_health_information_log: Type.Optional(
    Type.Object({ percentage_used: Count, media_errors: Count }),
  ),
})
type Report = Static<typeof Report>

const check = checker(Report)

/** @param disks names under /dev */
export async function readSmart(
  programs: Programs,
  disks: readonly string[],
): Promise<SmartDisk[] | null> {
  const found: SmartDisk[] = []
  // One after the other: a disk that answers slowly is not asked beside others.
  for (const disk of disks.slice(0, disksMax)) {
    const args = ['--json', '--nocheck=standby', '-i', '-H', '-A', `/dev/${disk}`]
    const output = await programs.run('smartctl', args, smartMsMax).catch(() => undefined)
    if (output === null) return null
    const read = output && parseSmart(disk, output.text, output.status)
    if (read) found.push(read)
  }
  return found
}

/** null: it could not be asked, or has no S.M.A.R.T. */
export function parseSmart(disk: string, text: string, status: number): SmartDisk | null {
  const checked = check(parseJson(text))
  if (!checked.ok) return null
  const report = checked.value
  const isAsleep = (status & NOT_READ) !== 0 && saysAsleep(report)
  if (!isAsleep && (status & NOT_READ) !== 0) return null
  if (!isAsleep && report.smart_status?.passed === undefined) return null
  const attribute = (id: number) =>
    report.ata_smart_attributes?.table.find(one => one.id === id)?.raw.value ?? null
  const nvme = report.nvme_smart_health_information_log
  return {
    disk,
    model: report.model_name ?? '',
    serial: report.serial_number ?? '',
    isAsleep,
    passed: report.smart_status?.passed ?? null,
    celsius: report.temperature?.current ?? null,
    hours: report.power_on_time?.hours ?? null,
    wearPercent: nvme?.percentage_used ?? null,
    reallocated: attribute(REALLOCATED) ?? report.scsi_grown_defect_list ?? null,
    pending: attribute(PENDING),
    errors: nvme?.media_errors ?? attribute(UNCORRECTABLE) ?? uncorrected(report),
  }
}

/** Of reading, writing and verifying together (SPC, log pages 02h, 03h and 05h). */
function uncorrected({ scsi_error_counter_log: log }: Report): number | null {
  if (!log) return null
  return Object.values(log).reduce((sum, one) => sum + (one.total_uncorrected_errors ?? 0), 0)
}

function saysAsleep({ smartctl, power_mode }: Report): boolean {
  const words = [power_mode?.name, ...(smartctl?.messages ?? []).map(({ string }) => string)]
  return words.some(word => /standby|sleep/i.test(word ?? ''))
}
