// Our own metrics, by prom-client: one registry per program, handed to whoever counts something.

import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'

export type { Registry } from 'prom-client'

export function createRegistry(): Registry {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry, prefix: 'pollux_' })
  // Gauges with the ending of a counter; the same by type are there under the name without it.
  for (const thing of ['handles', 'requests', 'resources'])
    registry.removeSingleMetric(`pollux_nodejs_active_${thing}_total`)
  return registry
}

interface Reading {
  labels?: Record<string, string>
  value: number
}

/** A gauge that is read when it is asked for; label values that went are not kept. */
export function gauge(
  registry: Registry,
  name: string,
  help: string,
  read: () => readonly Reading[],
  labelNames: readonly string[] = [],
): void {
  new Gauge({
    name,
    help,
    labelNames: [...labelNames],
    registers: [registry],
    collect() {
      this.reset()
      for (const { labels, value } of read()) this.set(labels ?? {}, value)
    },
  })
}

/** As `gauge`, of what only grows; its name ends in `_total`. */
export function counter(
  registry: Registry,
  name: string,
  help: string,
  read: () => readonly Reading[],
  labelNames: readonly string[] = [],
): void {
  new Counter({
    name,
    help,
    labelNames: [...labelNames],
    registers: [registry],
    collect() {
      this.reset()
      for (const { labels, value } of read()) this.inc(labels ?? {}, value)
    },
  })
}
