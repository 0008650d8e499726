// What pages and API calls may ask about alarms: those of layer alarms/, as one bundle.

import type { Desk } from '../alarms/desk.ts'
import type { AlarmJudge } from '../alarms/judge.ts'
import type { Rehearsals } from '../alarms/rehearsals.ts'
import type { Book } from '../alarms/rulebook.ts'
import type { Rules } from '../alarms/rules.ts'
import type { Device } from '../model/device.ts'
import type { AlarmMetric } from '../profiles/alarms.ts'

export interface WebAlarms {
  desk: Desk
  rules: Rules
  /** What judge knows, where this process is it. */
  judge: Pick<AlarmJudge, 'engine' | 'stats'>
  /** A device's rules as they are now, with those that cannot be judged. */
  bookOf(device: Device): Book
  metricsOf(device: Device): readonly AlarmMetric[]
  rehearsals: Pick<Rehearsals, 'run' | 'warm'>
}
