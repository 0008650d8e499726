// Runs the store's maintenance beside everything else: one small step at a time, as long again for the
// others after each, and not at all while samples wait to be written.

import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from '../log.ts'
import { gauge, type Registry } from '../metrics.ts'
import { messageOf } from '../model/errors.ts'
import type { Maintenance } from '../store/contract.ts'

/** With more waiting than this the writer comes first. */
const queuedMax = 400
const pauseMs = 250
const idleMs = 1000
/** After each step the others have as long as it took, and at least this, ms. */
const restMsLeast = 2
const failureMs = 5000
const failureMsMax = 300_000

export interface MaintenanceLoop {
  close(): Promise<void>
}

/** @param queued how many collections wait for the store */
export function runMaintenance(
  maintenance: Maintenance,
  queued: () => number,
  log: Logger,
): MaintenanceLoop {
  const closing = new AbortController()
  const pause = (ms: number) =>
    delay(ms, undefined, { signal: closing.signal, ref: false }).catch(() => undefined)
  let failures = 0

  const step = async () => {
    if (queued() > queuedMax) return pauseMs
    const began = performance.now()
    try {
      const did = await maintenance.step()
      failures = 0
      return did === 'idle' ? idleMs : Math.max(restMsLeast, performance.now() - began)
    } catch (error) {
      failures++
      if (failures === 1) log.warn({ error: messageOf(error) }, 'maintenance of the store waits')
      return Math.min(failureMsMax, failureMs * 2 ** Math.min(failures - 1, 10))
    }
  }
  const run = async () => {
    while (!closing.signal.aborted) await pause(await step())
  }
  const running = run()
  return {
    async close() {
      closing.abort()
      await running
    },
  }
}

export function observeMaintenance(registry: Registry, maintenance: Maintenance): void {
  gauge(
    registry,
    'pollux_store_maintenance',
    'What the maintenance of the store did since the start, and what waits for it',
    () => Object.entries(maintenance.stats()).map(([what, value]) => ({ labels: { what }, value })),
    ['what'],
  )
}
