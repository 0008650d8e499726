// Bytes per sample by kind of series: blocks of 100 series of one kind alone, four hours once a minute.

import { encodeBlock } from '../../server/store/block.ts'
import { NUMBER } from '../../server/store/codec.ts'
import { blankColumns } from '../../server/store/columns.ts'
import { RollUp } from '../../server/store/rollup.ts'
import { say } from './engines.ts'
import { T0 } from './fill.ts'
import { KINDS, randomFrom } from './mix.ts'

const SAMPLES = 240
const SERIES = 100
const QUARTER = 15 * 60_000

export function sayKinds(): void {
  say(
    'bytes per sample by kind (a block of 100 such series alone; its 15-minute points, per sample)',
  )
  for (const [kind, maker] of Object.entries(KINDS)) {
    const random = randomFrom(1)
    const times = Float64Array.from({ length: SAMPLES }, (_, index) => T0 + index * 60_000)
    const columns = blankColumns(times, SERIES)
    for (const column of columns.slots) {
      const next = maker(random)
      column?.kinds.fill(NUMBER)
      for (let index = 0; column && index < SAMPLES; index++) column.values[index] = next()
    }
    const rollUp = new RollUp(T0, QUARTER, (SAMPLES * 60_000) / QUARTER)
    rollUp.addSamples(columns)
    const each = (bytes: Uint8Array) => (bytes.length / SAMPLES / SERIES).toFixed(3)
    const points = encodeBlock(rollUp.result(), T0)
    say(`  ${kind.padEnd(15)} ${each(encodeBlock(columns, T0))}  ${each(points)}`)
  }
}
