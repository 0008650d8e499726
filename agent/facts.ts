// What a host says of itself once, for its device's page: system, kernel, processor.

import { readFileSync } from 'node:fs'
import os from 'node:os'

/** The system's own name for itself, and its kernel. */
export function hostSystem(root = '/'): { os: string; kernel: string } {
  return { os: prettyName(root) ?? `${os.type()} ${os.release()}`, kernel: os.release() }
}

export function hostFacts(): { os: string; version: string; hardware: string } {
  const { os: name, kernel } = hostSystem()
  const model = os.cpus()[0]?.model.trim() || os.machine()
  return { os: name, version: kernel, hardware: `${os.availableParallelism()} × ${model}` }
}

/** os-release(5). */
function prettyName(root: string): string | null {
  for (const file of ['etc/os-release', 'usr/lib/os-release']) {
    try {
      const name = /^PRETTY_NAME=["']?([^"'\n]+)/m.exec(readFileSync(`${root}${file}`, 'utf8'))?.[1]
      if (name) return name.slice(0, 200)
    } catch {
      // The other file, or no such system.
    }
  }
  return null
}
