// Device configs as JSON files in a folder: watched, checked, and kept in step with the store. A
// broken file changes nothing: the device stays as it was last good, and the problem is listed.

import { watch } from 'node:fs'
import { readdir, readFile, stat } from 'node:fs/promises'
import path from 'node:path'
import { type ParseError, parse, printParseErrorCode } from 'jsonc-parser'
import type { Logger } from '../log.ts'
import { AppError, messageOf } from '../model/errors.ts'
import type { Devices } from './contract.ts'
import { FILES_ACTOR } from './devices.ts'

const filesMax = 50_000
const FILE_BYTES_MAX = 1024 * 1024
/** Editors write a file in several steps. */
const SETTLE_MS = 200
/** A file that is being replaced is away for a moment: only one that stays away is gone. */
const GONE_MS = 800
/** Where the file system tells nothing (network mounts), this does. */
const REREAD_MS = 10_000

export interface FileProblem {
  file: string
  message: string
  hint: string
}

export interface DeviceFiles {
  problems(): readonly FileProblem[]
  close(): Promise<void>
}

interface Found {
  file: string
  text: string
  id: string
  document: Record<string, unknown>
}

export async function watchDeviceFiles(options: {
  dir: string
  devices: Devices
  log: Logger
}): Promise<DeviceFiles> {
  const { dir, devices, log } = options
  /** File → text that was applied, so that an unchanged file costs nothing. */
  const applied = new Map<string, string>()
  /** Device whose file is away → since when, on the monotonic clock, ms. */
  const away = new Map<string, number>()
  let problems: FileProblem[] = []
  let closed = false

  const apply = async (found: Found) => {
    if (applied.get(found.file) === found.text) return
    const stored = await devices.get(found.id)
    if (stored && stored.source !== 'file') {
      throw new AppError(
        'E_DEVICE_EXISTS',
        `the id "${found.id}" is taken by a device that is not from a file`,
        {
          hint: 'delete that device first, or choose another id',
        },
      )
    }
    if (stored) await devices.update(found.id, found.document, stored.version, FILES_ACTOR)
    else await devices.create(found.document, FILES_ACTOR, 'file')
    applied.set(found.file, found.text)
    if (hasPlainSecret(found.document)) {
      log.warn(
        { file: found.file },
        'a device file holds a secret in plain text: name it by { "secret": … } instead',
      )
    }
  }

  const removeIfStaysAway = async (id: string) => {
    const now = performance.now()
    const since = away.get(id) ?? now
    away.set(id, since)
    if (now - since < GONE_MS) return
    await devices.remove(id, { history: false }, FILES_ACTOR)
    away.delete(id)
  }

  /**
   * Removes the devices whose files stay away. An empty folder says nothing about many devices: a
   * share that is not mounted looks the same, and a device that is added again has no history.
   */
  const removeVanished = async (ids: ReadonlyMap<string, string>) => {
    const stored = (await devices.list()).filter(device => device.source === 'file')
    const gone = stored.map(device => device.config.id).filter(id => !ids.has(id))
    if (ids.size === 0 && gone.length > 1) throw emptied(gone.length)
    for (const id of away.keys()) if (!gone.includes(id)) away.delete(id)
    for (const id of gone) await removeIfStaysAway(id)
    if (away.size > 0) later(GONE_MS)
    const files = new Set(ids.values())
    for (const file of applied.keys()) if (!files.has(file)) applied.delete(file)
  }

  const sync = async () => {
    const next: FileProblem[] = []
    const report = (file: string, error: unknown) => next.push(problemOf(file, error))
    const found = await readAll(dir, report)
    const ids = new Map<string, string>()
    for (const one of found) {
      const twin = ids.get(one.id)
      if (twin) {
        report(
          one.file,
          new AppError('E_DEVICE_TWICE', `the id "${one.id}" is also in ${twin}`, {
            hint: 'ids are unique: change one of them',
          }),
        )
        continue
      }
      ids.set(one.id, one.file)
      await apply(one).catch(error => report(one.file, error))
    }
    // While a file is broken, which device it held is unsure: none is removed.
    if (next.length > 0) away.clear()
    else await removeVanished(ids).catch(error => report(path.basename(dir), error))
    for (const p of next) {
      if (!problems.some(old => old.file === p.file && old.message === p.message))
        log.error(p, 'a device file is not used')
    }
    problems = next
  }

  let running = Promise.resolve()
  const run = () => {
    running = running
      .then(() => (closed ? undefined : sync()))
      .catch(error => log.error({ err: error }, 'the devices folder cannot be read'))
    return running
  }
  let timer: NodeJS.Timeout | undefined
  const later = (ms: number) => {
    clearTimeout(timer)
    if (!closed) timer = setTimeout(run, ms)
  }
  const soon = () => later(SETTLE_MS)
  await stat(dir).catch(cause => {
    throw new AppError('E_DEVICES_DIR', `the devices folder ${dir} cannot be read`, {
      cause,
      hint: 'check POLLUX_DEVICES_DIR',
    })
  })
  const watcher = watch(dir, soon)
  watcher.on('error', error =>
    log.warn({ err: error }, 'the devices folder is no longer watched; it is re-read slowly'),
  )
  const slow = setInterval(run, REREAD_MS)
  await run()
  return {
    problems: () => problems,
    async close() {
      closed = true
      watcher.close()
      clearInterval(slow)
      clearTimeout(timer)
      await running
    },
  }
}

async function readAll(
  dir: string,
  report: (file: string, error: unknown) => void,
): Promise<Found[]> {
  const names = (await readdir(dir)).filter(name => name.endsWith('.json')).sort()
  if (names.length > filesMax)
    throw new AppError('E_DEVICES_DIR', `${dir} holds more than ${filesMax} files`)
  const found: Found[] = []
  for (const name of names) {
    try {
      found.push(await readOne(path.join(dir, name), name))
    } catch (error) {
      report(name, error)
    }
  }
  return found
}

async function readOne(full: string, file: string): Promise<Found> {
  if ((await stat(full)).size > FILE_BYTES_MAX)
    throw new AppError('E_DEVICE_FILE', 'is larger than 1 MB')
  const text = await readFile(full, 'utf8')
  const errors: ParseError[] = []
  const document: unknown = parse(text, errors, {
    disallowComments: true,
    allowTrailingComma: false,
  })
  const first = errors[0]
  if (first) {
    const before = text.slice(0, first.offset).split('\n')
    throw new AppError(
      'E_JSON',
      `line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}: ${printParseErrorCode(first.error)}`,
      {
        hint: 'the file is not JSON: look for a missing comma, quote or bracket there',
      },
    )
  }
  if (typeof document !== 'object' || document === null || Array.isArray(document)) {
    throw new AppError('E_DEVICE_FILE', 'must hold one JSON object', { hint: 'one device a file' })
  }
  const id =
    'id' in document && typeof document.id === 'string' ? document.id : path.basename(file, '.json')
  return { file, text, id, document: { ...document, id } }
}

function emptied(count: number): AppError {
  return new AppError(
    'E_DEVICES_DIR',
    `the folder is empty, but ${count} devices came from it: they stay as they are`,
    { hint: 'put the files back; to delete them all, leave one file and remove it last' },
  )
}

function problemOf(file: string, error: unknown): FileProblem {
  const app = error instanceof AppError ? error : null
  const fields = app?.errors.map(e => `${e.path} ${e.message}`).join('; ')
  return { file, message: fields || messageOf(error), hint: app?.hint ?? '' }
}

function hasPlainSecret(document: Record<string, unknown>): boolean {
  const credentials = document.credentials
  return (
    typeof credentials === 'object' &&
    credentials !== null &&
    'community' in credentials &&
    typeof credentials.community === 'string'
  )
}
