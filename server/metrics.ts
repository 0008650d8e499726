// Our own metrics, by prom-client: one registry per program, handed to whoever counts something.

import { collectDefaultMetrics, Registry } from 'prom-client'

export type { Registry } from 'prom-client'

export function createRegistry(): Registry {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry, prefix: 'pollux_' })
  return registry
}
