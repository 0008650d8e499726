// Whether an agent does what the config of its device asks: it says itself how often it measures.

import { formatSeconds } from '../model/units.ts'
import type { DeviceView } from './device-data.ts'
import type { Dictionary } from './languages/en.ts'

/** The group and metric of oids/agent.json by which it says so, s; 0: it pauses. */
const GROUP = 'host'
const METRIC = 'interval'

/** A sentence where it does something else; empty where all is well, or nothing is known. */
export function agentNote(view: DeviceView, { device: words }: Dictionary): string {
  const { kind, enabled } = view.device.config
  const is = view.values.get(GROUP)?.get(null, METRIC)?.value
  if (kind !== 'agent' || typeof is !== 'number') return ''
  const asked = enabled ? view.everyMs / 1000 : 0
  if (is === asked) return ''
  if (is === 0) return words.agentPauses(formatSeconds(asked))
  if (asked === 0) return words.agentMeasures(formatSeconds(is))
  return words.agentOtherwise(formatSeconds(is), formatSeconds(asked))
}
