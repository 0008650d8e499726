// Goal: a poll thread that hangs, or runs out of memory faster than anybody looks, is replaced like
// one that died: its devices go on, the guilty one is found.

import t from 'tap'
import { survives } from './survival.ts'

t.jobs = 2

for (const how of ['oom', 'loop'] as const) {
  t.test(`a thread ended by ${how}: devices go on, the guilty one is quarantined, then heals`, t =>
    survives(t, how),
  )
}
