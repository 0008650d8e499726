// The devices that the engine knows, each with its rules as they are now.

import type { KnownDevice } from '../model/accepted.ts'
import type { TransitionReason } from '../model/alarm.ts'
import type { DeviceRules, EngineOptions, Latest } from './engine-contract.ts'
import { newMemory } from './frame.ts'
import type { CompiledRule } from './rulebook.ts'
import { goodAlone, type Instance, type Known, keyOf, type Watched } from './watched.ts'

export interface DevicesWatched {
  devices: ReadonlyMap<string, Known>
  /** Null: nothing is known of its rules (yet). */
  knownOf(device: KnownDevice): Known | null
  /** Gives a device its rules; what goes on keeps its state, what has no rule any more ends. */
  place(known: Known, rules: DeviceRules): void
  endWatched(watched: Watched, reason: TransitionReason): void
  end(known: Known, reason: TransitionReason): void
  clear(): void
}

/**
 * @param mono ms that only grow
 * @param close ends what a series had open
 */
export function watchDevices(
  options: Pick<EngineOptions, 'rules' | 'latest'>,
  mono: () => number,
  close: (instance: Instance, reason: TransitionReason) => void,
): DevicesWatched {
  const devices = new Map<string, Known>()

  const knownOf = (device: KnownDevice): Known | null => {
    const known = devices.get(device.id)
    if (known?.device.uid === device.uid) {
      known.device = device
      return known
    }
    if (known) end(known, 'device-gone')
    const rules = options.rules(device)
    if (!rules) return null
    const made: Known = {
      ...{ device, name: rules.name, parents: rules.parents },
      ...{ groups: new Map(), all: [], last: new Map() },
    }
    place(made, rules)
    devices.set(device.id, made)
    return made
  }
  const place = (known: Known, rules: DeviceRules) => {
    const before = new Map(known.all.map(one => [keyOf(one.one), one]))
    known.name = rules.name
    known.parents = rules.parents
    known.groups = new Map()
    known.all = rules.rules.map(one => {
      const old = before.get(keyOf(one))
      before.delete(keyOf(one))
      return old && old.one.rule.condition === one.rule.condition
        ? Object.assign(old, { one })
        : watch(known, one)
    })
    for (const gone of before.values()) endWatched(gone, 'rule-gone')
    for (const watched of known.all) {
      const { group, metric } = watched.one.metric
      const metrics = known.groups.get(group) ?? new Map<string, Watched[]>()
      known.groups.set(group, metrics)
      metrics.set(metric, [...(metrics.get(metric) ?? []), watched])
    }
  }
  const watch = (known: Known, one: CompiledRule): Watched => {
    const { condition, changed } = one.rule
    const remembers = condition === 'rate' || condition === 'text'
    const watched: Watched = {
      ...{ known, one, instances: new Map() },
      memory: remembers ? new Map() : null,
      good: changed ? new Set() : null,
      heard: condition === 'missing' ? new Map() : null,
      sweptAt: Number.NEGATIVE_INFINITY,
    }
    const { group, metric, table } = one.metric
    if (watched.heard && !table) watched.heard.set('', { mono: mono(), reason: null })
    if (watched.good || condition === 'text') {
      for (const latest of options.latest?.(known.device, group, metric) ?? []) {
        seed(watched, latest)
      }
    }
    return watched
  }
  const seed = (watched: Watched, { row, value }: Latest) => {
    if (value === null) return
    const key = row ?? ''
    if (watched.memory && typeof value === 'string') {
      watched.memory.set(key, { ...newMemory(), text: value })
    }
    if (watched.good && goodAlone(watched.one, value)) watched.good.add(key)
  }
  const endWatched = (watched: Watched, reason: TransitionReason) => {
    for (const instance of watched.instances.values()) close(instance, reason)
    watched.instances.clear()
  }
  const end = (known: Known, reason: TransitionReason) => {
    for (const watched of known.all) endWatched(watched, reason)
    devices.delete(known.device.id)
  }

  return { devices, knownOf, place, endWatched, end, clear: () => devices.clear() }
}
