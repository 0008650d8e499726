// What the kernel dropped at a UDP port because nobody read it in time: Linux says it in /proc/net/udp
// (proc_pid_net(5)); elsewhere it is not known.

import { readFile } from 'node:fs/promises'

/** Since the port was opened; null: not known. */
export async function udpDrops(ports: readonly number[]): Promise<number | null> {
  const wanted = new Set(ports.map(port => port.toString(16).toUpperCase().padStart(4, '0')))
  let drops: number | null = null
  for (const file of ['/proc/net/udp', '/proc/net/udp6']) {
    const text = await readFile(file, 'utf8').catch(() => '')
    for (const line of text.split('\n').slice(1)) {
      const columns = line.trim().split(/\s+/)
      if (!wanted.has(columns[1]?.split(':')[1] ?? '')) continue
      drops = (drops ?? 0) + Number(columns.at(-1))
    }
  }
  return drops
}
