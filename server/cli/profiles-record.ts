// `pollux profiles record`: a device's answers as a recording, to write profiles by and to share.

import { open, rm } from 'node:fs/promises'
import type { Command } from 'commander'
import { parseDuration } from '../model/duration.ts'
import { AppError, messageOf } from '../model/errors.ts'
import { isOid } from '../snmp/oid.ts'
import { type Blanker, createBlanker } from '../snmp/recording-blank.ts'
import { type RecordingEnd, recordingLine, walkAll } from '../snmp/recording-write.ts'
import { print, printJson } from './output.ts'
import {
  addDeviceOptions,
  type DeviceOptions,
  liveDevice,
  requireDevice,
} from './profiles-device.ts'

/** Objects of one recording, and the most that may be asked for. */
const objectsDefault = 200_000
const objectsMax = 2_000_000
/** LLDP's first standard lies apart, in IEEE's own tree. */
const EVERYTHING = ['1.0.8802', '1.3.6.1']

interface RecordOptions extends DeviceOptions {
  output: string
  from?: string
  max: string
  for: string
  blankNames?: boolean
  json?: boolean
}

export function addRecordCommand(parent: Command): void {
  const command = parent
    .command('record')
    .description('record what a device answers, for "profiles try --walk"')
    .requiredOption('--output <file>', 'a new file, FILE.snmprec')
    .option('--from <oid>', 'only what is at or below it; else everything')
    .option('--blank-names', 'without names and addresses; look through the file all the same')
    .option('--max <count>', 'objects at most', String(objectsDefault))
    .option('--for <duration>', 'time at most', '10m')
    .option('--json', 'answer as JSON')
    .addHelpText(
      'after',
      '\nCommunities, users and trap targets (1.3.6.1.6.3.12 to .18) are never recorded.',
    )
  addDeviceOptions(command).action(async (options: RecordOptions) => {
    requireDevice(command, options)
    const { from, output } = options
    const count = Number(options.max)
    if (from !== undefined && !isOid(from)) command.error(`error: --from ${from} is not an OID`)
    if (!(Number.isInteger(count) && count > 0 && count <= objectsMax)) {
      command.error(`error: --max is 1 to ${objectsMax}`)
    }
    const device = await liveDevice(options)
    const blanker = createBlanker({ secrets: device.secrets, names: options.blankNames === true })
    const session = device.open()
    const roots = from === undefined ? EVERYTHING : [from]
    const signal = AbortSignal.timeout(parseDuration(options.for))
    const recorded = { output, objects: 0, ...blanker.counters, end: 'complete' }
    try {
      const walk = walkAll(session, { roots, objectsMax: count, signal })
      const done = await write(output, walk, blanker)
      Object.assign(recorded, done, blanker.counters)
    } finally {
      session.close()
    }
    if (options.json) printJson(recorded)
    else {
      print(
        `${recorded.objects} objects in ${output}; ${recorded.leftOut} left out, ${recorded.blanked} blanked`,
      )
      if (recorded.end !== 'complete') print(`the recording is not whole: ${recorded.end}`)
    }
    if (recorded.end !== 'complete') process.exitCode = 1
  })
}

/** What was read before a failure stays in the file: half a device is better than none. */
async function write(
  output: string,
  walk: ReturnType<typeof walkAll>,
  blanker: Blanker,
): Promise<{ objects: number; end: string }> {
  const file = await open(output, 'wx', 0o600).catch((cause: unknown) => {
    throw new AppError('E_RECORDING', `${output} cannot be written: ${messageOf(cause)}`, {
      hint: 'name a file that is not there yet',
    })
  })
  let objects = 0
  try {
    let end: RecordingEnd | null = null
    while (end === null) {
      const step = await walk.next()
      if (step.done) {
        end = step.value
        break
      }
      const cleaned = step.value.map(varbind => blanker.clean(varbind))
      const lines = cleaned.map(varbind => varbind && recordingLine(varbind)).filter(Boolean)
      objects += lines.length
      await file.write(lines.join(''))
    }
    return { objects, end }
  } catch (error) {
    if (objects === 0) {
      await rm(output)
      throw error
    }
    return { objects, end: messageOf(error) }
  } finally {
    await file.close()
  }
}
