// A Linux host read from /proc, /sys and statfs: no child processes but `who` once a minute and what is
// asked more seldom, so that measuring costs next to nothing. It computes no rates.

import { readdir, readFile, statfs } from 'node:fs/promises'
import si from 'systeminformation'
import { hostSystem } from './facts.ts'
import { readSensors } from './hwmon.ts'
import { within } from './limit.ts'
import {
  isWantedDisk,
  type Mount,
  parseDiskstats,
  parseMeminfo,
  parseMounts,
  parseNetDev,
  parseStat,
} from './procfs.ts'
import { createPrograms } from './run-program.ts'
import { readSmart } from './smart.ts'
import { type Filesystem, type HostSource, hostRowsMax } from './source.ts'
import { readFailedUnits, readUpdates } from './system-state.ts'
import { createTasks } from './tasks.ts'

/** How long what seldom changes is kept: users, speeds, addresses, the list of disks. */
const slowMs = 60_000
/** A file system that does not answer within this is left alone until it does. */
const statfsMs = 2000
/** `who` may ask a directory server for names. */
const usersMs = 2000
/**
 * File systems that may hang at once, as each holds one of libuv's four threads: beyond, only `/` is
 * still asked (where that hangs, so does everything else).
 */
const hungMax = 2

interface Link {
  mac: string | null
  bitsPerSecond: number | null
}

/** @param root where /proc and /sys are: `/`, or the host's root within a container */
export function linuxSource(root = '/'): HostSource {
  const file = (path: string) => readFile(`${root}${path}`, 'utf8')
  const hung = new Set<string>()
  const users = kept(async () => (await within(si.users(), usersMs, 'who')).length)
  const disks = kept(async () => new Set((await readdir(`${root}sys/block`)).filter(isWantedDisk)))
  const links = new Map<string, () => Promise<Link>>()
  const programs = createPrograms()
  const tasks = createTasks(`${root}proc`)

  return {
    async system() {
      const [uptime, entries, signedIn] = await Promise.all([
        file('proc/uptime'),
        readdir(`${root}proc`),
        users().catch(() => null),
      ])
      return {
        uptimeSeconds: Number.parseFloat(uptime),
        processes: entries.filter(name => /^[0-9]+$/.test(name)).length,
        users: signedIn,
      }
    },
    cpu: async () => parseStat(await file('proc/stat')),
    async load() {
      const [one = 0, five = 0, fifteen = 0] = (await file('proc/loadavg')).split(' ').map(Number)
      return [one, five, fifteen]
    },
    memory: async () => parseMeminfo(await file('proc/meminfo')),
    async filesystems() {
      const mounts = parseMounts(await file('proc/self/mounts')).slice(0, hostRowsMax)
      const found: Filesystem[] = []
      // One after the other: several that hang at once would take all threads.
      for (const mount of mounts) found.push(await readFilesystem(mount, hung))
      return found
    },
    disks: async () => parseDiskstats(await file('proc/diskstats'), await disks()),
    async interfaces() {
      const counters = parseNetDev(await file('proc/net/dev')).slice(0, hostRowsMax)
      forgetOthers(links, new Set(counters.map(({ name }) => name)))
      return Promise.all(
        counters.map(async counted => {
          const dir = `sys/class/net/${counted.name}`
          const link = links.get(counted.name) ?? kept(() => readLink(file, dir))
          links.set(counted.name, link)
          const state = await file(`${dir}/operstate`).then(
            text => text.trim(),
            () => 'unknown',
          )
          return { ...counted, state, ...(await link()) }
        }),
      )
    },
    sensors: () => readSensors(`${root}sys`),
    tasks,
    failedUnits: () => readFailedUnits(programs, root),
    software: async () => ({ ...hostSystem(root), ...(await readUpdates(root)) }),
    smart: async () => readSmart(programs, [...(await disks())]),
    close: () => programs.close(),
  }
}

/** A mount whose last statfs still hangs is not asked again: that would take one more thread. */
async function readFilesystem(mount: Mount, hung: Set<string>): Promise<Filesystem> {
  const isFull = hung.size >= hungMax && mount.mount !== '/'
  if (hung.has(mount.mount) || isFull) {
    return { ...mount, bytes: null, inodes: null, failed: 'timeout' }
  }
  const call = statfs(mount.mount, { bigint: true })
  try {
    const at = await within(call, statfsMs, mount.mount)
    const bytes = (blocks: bigint) => Number(blocks * at.bsize)
    return {
      ...mount,
      bytes: {
        size: bytes(at.blocks),
        used: bytes(at.blocks - at.bfree),
        available: bytes(at.bavail),
      },
      inodes: at.files > 0n ? { total: Number(at.files), used: Number(at.files - at.ffree) } : null,
    }
  } catch (error) {
    const timedOut = error instanceof Error && error.name === 'TimeoutError'
    if (timedOut) {
      hung.add(mount.mount)
      const settled = () => hung.delete(mount.mount)
      call.then(settled, settled)
    }
    return { ...mount, bytes: null, inodes: null, failed: timedOut ? 'timeout' : 'partial' }
  }
}

/** The kernel gives -1, or refuses, where a link has no speed. */
async function readLink(file: (path: string) => Promise<string>, dir: string): Promise<Link> {
  const [mac, speed] = await Promise.all([
    file(`${dir}/address`).then(
      text => text.trim(),
      () => null,
    ),
    file(`${dir}/speed`).then(Number, () => -1),
  ])
  return { mac: mac || null, bitsPerSecond: speed > 0 ? speed * 1e6 : null }
}

function forgetOthers(links: Map<string, unknown>, names: ReadonlySet<string>): void {
  for (const name of links.keys()) if (!names.has(name)) links.delete(name)
}

/** The last answer for `slowMs`; a failure is not kept. */
function kept<T>(read: () => Promise<T>): () => Promise<T> {
  let until = Number.NEGATIVE_INFINITY
  let answer: Promise<T> | undefined
  return () => {
    if (answer && performance.now() < until) return answer
    until = performance.now() + slowMs
    const fresh = read()
    fresh.catch(() => {
      if (answer === fresh) answer = undefined
    })
    answer = fresh
    return fresh
  }
}
