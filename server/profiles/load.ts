// Reads profiles from disk and from wherever else some are kept, and watches both: a change is in force
// within two seconds, and a profile that breaks keeps its last good version in force while its problems
// are listed.

import { type FSWatcher, watch } from 'node:fs'
import { readdir, readFile, stat } from 'node:fs/promises'
import path from 'node:path'
import type { Logger } from '../log.ts'
import { AppError, messageOf } from '../model/errors.ts'
import { buildCatalogue, PROFILES_MAX } from './build.ts'
import type { Catalogue, ProfileSource } from './catalogue.ts'
import { PROFILE_BYTES_MAX } from './position.ts'

/** After a change, so that an editor has finished writing. */
const settleMs = 200
/** For file systems that tell nothing (network mounts, some containers). */
const lookAgainMs = 1500

export interface ProfileDirs {
  shippedDir: string
  /** Absent: there are no files of the user's own. */
  userDir?: string
}

/** Profiles that lie in no folder. A file of the user's with the same id wins over them. */
export interface OtherSources {
  /** Another text after each change; asked every 1.5 s. */
  stamp(): Promise<string>
  read(): Promise<ProfileSource[]>
}

/**
 * All profile files, ours and the user's.
 * @throws AppError E_PROFILES_DIR when a folder cannot be read
 */
export async function loadSources(
  dirs: ProfileDirs,
  others: readonly ProfileSource[] = [],
): Promise<ProfileSource[]> {
  const shipped = await readDir(dirs.shippedDir, 'shipped')
  const user = dirs.userDir === undefined ? [] : await readDir(dirs.userDir, 'user')
  return [...shipped, ...others, ...user]
}

async function readDir(dir: string, from: ProfileSource['from']): Promise<ProfileSource[]> {
  const names = await profileFiles(dir).catch((cause: unknown) => {
    throw new AppError('E_PROFILES_DIR', `the profile folder ${dir} cannot be read`, {
      cause,
      hint: from === 'user' ? 'check POLLUX_PROFILES_DIR' : 'the installation is incomplete',
    })
  })
  const sources = await Promise.all(
    names.map(async name => {
      const text = await readText(path.join(dir, name))
      return text === null
        ? null
        : {
            id: name.slice(0, -'.json'.length),
            file: path.join(path.basename(dir), name),
            text,
            from,
          }
    }),
  )
  return sources.filter(source => source !== null)
}

async function profileFiles(dir: string): Promise<string[]> {
  const names = await readdir(dir)
  return names
    .filter(
      name => name.endsWith('.json') && !name.endsWith('.schema.json') && !name.startsWith('.'),
    )
    .sort()
    .slice(0, PROFILES_MAX)
}

/** Null where the file went away meanwhile; one that is too large is read so far that it is refused. */
async function readText(file: string): Promise<string | null> {
  try {
    const { size } = await stat(file)
    return size > PROFILE_BYTES_MAX
      ? ' '.repeat(PROFILE_BYTES_MAX + 1)
      : await readFile(file, 'utf8')
  } catch (error) {
    if (isMissing(error)) return null
    // A file that cannot be read is a broken profile, not the end of the others.
    return ''
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}

/**
 * Remembers, for each profile, the last version without errors, and puts it in the place of a broken
 * one. The problems listed are those of the files as they are.
 */
export class LastGood {
  private readonly good = new Map<string, ProfileSource>()

  build(sources: readonly ProfileSource[]): Catalogue {
    const here = new Set(sources.map(source => source.id))
    for (const id of this.good.keys()) if (!here.has(id)) this.good.delete(id)
    const asWritten = buildCatalogue(sources)
    const broken = new Set(
      asWritten.problems
        .filter(problem => problem.severity === 'error')
        .map(problem => problem.profile),
    )
    const replaced = asWritten.sources.map(source =>
      broken.has(source.id) ? (this.good.get(source.id) ?? source) : source,
    )
    const isAsWritten = replaced.every((source, i) => source === asWritten.sources[i])
    const inForce = isAsWritten ? asWritten : buildCatalogue(replaced)
    for (const source of asWritten.sources) {
      if (!broken.has(source.id)) this.good.set(source.id, source)
    }
    return { ...inForce, problems: asWritten.problems }
  }
}

export interface WatchOptions extends ProfileDirs {
  others?: OtherSources
  /** Called with each catalogue that differs from the one before; the first is returned. */
  onChange: (catalogue: Catalogue) => void
  log: Logger
}

export interface CatalogueWatch {
  /** What is in force now. */
  readonly catalogue: Catalogue
  /** Looks at once, without waiting for a sign. */
  refresh(): Promise<void>
  close(): Promise<void>
}

/**
 * Loads the catalogue and keeps it up to date until closed.
 * @throws AppError E_PROFILES_DIR when a folder cannot be read at the start
 */
export async function watchCatalogue(options: WatchOptions): Promise<CatalogueWatch> {
  const watching = new Watching(options)
  await watching.start()
  return watching
}

class Watching implements CatalogueWatch {
  catalogue: Catalogue = buildCatalogue([])
  private readonly options: WatchOptions
  private readonly lastGood = new LastGood()
  private readonly watchers: FSWatcher[] = []
  private settle: NodeJS.Timeout | null = null
  private look: NodeJS.Timeout | null = null
  private stamp = ''
  private othersStamp = ''
  private othersRead: readonly ProfileSource[] = []
  private problems = ''
  private running: Promise<void> = Promise.resolve()
  private closed = false

  constructor(options: WatchOptions) {
    this.options = options
  }

  async start(): Promise<void> {
    this.stamp = await this.currentStamp()
    this.take(await this.load())
    for (const dir of this.dirs()) this.watch(dir)
    this.look = setInterval(() => void this.lookAgain(), lookAgainMs)
    this.look.unref()
  }

  private dirs(): string[] {
    const { shippedDir, userDir } = this.options
    return userDir === undefined ? [shippedDir] : [shippedDir, userDir]
  }

  private watch(dir: string): void {
    try {
      const watcher = watch(dir, { persistent: false }, () => this.changed())
      // A lost watch is no harm: the folder is looked at every 1.5 s as well.
      watcher.on('error', () => watcher.close())
      this.watchers.push(watcher)
    } catch (error) {
      this.options.log.debug({ dir, reason: messageOf(error) }, 'profile folder is not watched')
    }
  }

  private changed(): void {
    if (this.closed) return
    if (this.settle) clearTimeout(this.settle)
    this.settle = setTimeout(() => void this.refresh(), settleMs)
  }

  private async lookAgain(): Promise<void> {
    const stamp = await this.currentStamp()
    if (stamp !== this.stamp) await this.refresh()
  }

  /** Names, sizes and times of all files: cheap to compare. */
  private async currentStamp(): Promise<string> {
    const parts: string[] = []
    for (const dir of this.dirs()) {
      for (const name of await profileFiles(dir).catch(() => [])) {
        const file = path.join(dir, name)
        const found = await stat(file).catch(() => null)
        parts.push(`${file} ${found?.size} ${found?.mtimeMs}`)
      }
    }
    return [...parts, await this.currentOthers()].join('\n')
  }

  /** Where they cannot be asked, those that were read last stay. */
  private async currentOthers(): Promise<string> {
    const { others, log } = this.options
    if (!others) return ''
    try {
      const stamp = await others.stamp()
      if (stamp !== this.othersStamp) this.othersRead = await others.read()
      this.othersStamp = stamp
    } catch (error) {
      log.debug({ reason: messageOf(error) }, 'profiles of the database were not asked for')
    }
    return this.othersStamp
  }

  private load(): Promise<ProfileSource[]> {
    return loadSources(this.options, this.othersRead)
  }

  refresh(): Promise<void> {
    this.running = this.running.then(async () => {
      if (this.closed) return
      try {
        this.stamp = await this.currentStamp()
        const sources = await this.load()
        if (!this.closed && this.take(sources)) this.options.onChange(this.catalogue)
      } catch (error) {
        this.options.log.error(
          { err: error },
          'profiles could not be read again; the last ones stay',
        )
      }
    })
    return this.running
  }

  /** True where something is different. */
  private take(sources: readonly ProfileSource[]): boolean {
    const catalogue = this.lastGood.build(sources)
    const problems = JSON.stringify(catalogue.problems)
    if (catalogue.version === this.catalogue.version && problems === this.problems) return false
    if (problems !== this.problems) this.tell(catalogue)
    this.catalogue = catalogue
    this.problems = problems
    return true
  }

  private tell(catalogue: Catalogue): void {
    for (const { severity, code, file, line, column, message, hint } of catalogue.problems) {
      const level = severity === 'error' ? 'warn' : 'info'
      this.options.log[level]({ code, hint }, `profile ${file}:${line}:${column}: ${message}`)
    }
  }

  async close(): Promise<void> {
    this.closed = true
    if (this.settle) clearTimeout(this.settle)
    if (this.look) clearInterval(this.look)
    for (const watcher of this.watchers.splice(0)) watcher.close()
    await this.running
  }
}
