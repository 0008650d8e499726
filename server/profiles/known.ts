// What standard MIBs say of columns that are often misread: counters, gauges, and units that are not
// base units. A profile that reads one otherwise is warned, not refused.

import type { CompiledProfile, Field, Group, Slot } from './definition.ts'
import { child } from './position.ts'
import type { Report } from './report.ts'

type KnownOid = { sort: 'counter' | 'gauge'; scale?: number; unit?: string }

const KNOWN = new Map<string, KnownOid>()

function know(entry: string, columns: readonly number[], known: KnownOid): void {
  for (const column of columns) KNOWN.set(`${entry}.${column}`, known)
}

const counter: KnownOid = { sort: 'counter' }
const gauge: KnownOid = { sort: 'gauge' }
// IF-MIB (RFC 2863): ifEntry, ifXEntry.
know('1.3.6.1.2.1.2.2.1', [10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20], counter)
know('1.3.6.1.2.1.2.2.1', [5, 7, 8, 21], gauge)
know('1.3.6.1.2.1.31.1.1.1', [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13], counter)
know('1.3.6.1.2.1.31.1.1.1', [15], { sort: 'gauge', scale: 1e6, unit: 'bit/s' })
// HOST-RESOURCES-MIB (RFC 2790).
know('1.3.6.1.2.1.25.3.3.1', [2], gauge)
know('1.3.6.1.2.1.25.1', [5, 6], gauge)
know('1.3.6.1.2.1.25.2.3.1', [4, 5, 6], gauge)
// UPS-MIB (RFC 1628): minutes, 0.1 V DC, 0.1 A DC; 0.1 Hz and 0.1 A at input, output and bypass.
know('1.3.6.1.2.1.33.1.2', [3], { sort: 'gauge', scale: 60, unit: 's' })
know('1.3.6.1.2.1.33.1.2', [5], { sort: 'gauge', scale: 0.1, unit: 'V' })
know('1.3.6.1.2.1.33.1.2', [6], { sort: 'gauge', scale: 0.1, unit: 'A' })
know('1.3.6.1.2.1.33.1.3.3.1', [2], { sort: 'gauge', scale: 0.1, unit: 'Hz' })
know('1.3.6.1.2.1.33.1.3.3.1', [4], { sort: 'gauge', scale: 0.1, unit: 'A' })
know('1.3.6.1.2.1.33.1.4', [2], { sort: 'gauge', scale: 0.1, unit: 'Hz' })
know('1.3.6.1.2.1.33.1.4.4.1', [3], { sort: 'gauge', scale: 0.1, unit: 'A' })
know('1.3.6.1.2.1.33.1.5', [1], { sort: 'gauge', scale: 0.1, unit: 'Hz' })
know('1.3.6.1.2.1.33.1.5.3.1', [3], { sort: 'gauge', scale: 0.1, unit: 'A' })
know('1.3.6.1.2.1.33.1.3', [1], counter)
// UCD-SNMP-MIB: memory in kB, raw CPU ticks.
know('1.3.6.1.4.1.2021.4', [3, 4, 5, 6, 11, 13, 14, 15], { sort: 'gauge', scale: 1024, unit: 'By' })
know('1.3.6.1.4.1.2021.11', [50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 64], counter)
know('1.3.6.1.4.1.2021.9.1', [6, 7, 8], { sort: 'gauge', scale: 1024, unit: 'By' })
// Printer-MIB (RFC 3805): pages since the printer was made.
know('1.3.6.1.2.1.43.10.2.1', [4], counter)

/** Reports W_RATE and W_SCALE for the metrics and rated columns of a profile. */
export function checkKnownOids(profile: CompiledProfile, report: Report): void {
  for (const group of profile.groups.values()) {
    for (const slot of group.slots) {
      if (slot.metric || slot.rate) checkSlot(group, slot, slot, placeOf(group, slot), report)
    }
  }
}

function placeOf(group: Group, slot: Slot): string {
  const kind = group.table ? 'tables' : 'scalars'
  return [kind, group.id, slot.metric ? 'metrics' : 'columns', slot.name].reduce(child, '')
}

function checkSlot(group: Group, slot: Slot, field: Field, pointer: string, report: Report): void {
  const { source } = field
  if (source.kind === 'first') {
    source.entries.forEach((entry, i) => {
      checkSlot(group, slot, entry, child(child(pointer, 'first'), i), report)
    })
  }
  if (source.kind !== 'read') return
  for (const oid of source.sources) {
    const known = KNOWN.get(group.table ? oid : oid.replace(/\.0$/, ''))
    if (known) checkOid(oid, known, slot, field, pointer, report)
  }
}

function checkOid(
  oid: string,
  known: KnownOid,
  slot: Slot,
  field: Field,
  pointer: string,
  report: Report,
): void {
  const at = child(pointer, 'oid')
  const isCounted = slot.rate !== null || slot.metric?.kind === 'total'
  if (known.sort === 'counter' && !isCounted) {
    const message = `${oid} is a counter, and is read as a gauge`
    report({ code: 'W_RATE', pointer: at, message, hint: 'write "kind": "rate" or "total"' })
  } else if (known.sort === 'gauge' && slot.rate) {
    const message = `${oid} is a gauge, and is read as a counter`
    report({ code: 'W_RATE', pointer: at, message, hint: 'leave "kind": "rate" out' })
  }
  const { scale, unit } = known
  // A range tells the entry of a vendor who fills the object in another unit.
  const isWrong = scale !== undefined && field.scale !== scale && field.range === null
  if (isWrong && slot.metric?.unit === unit) {
    const message = `the MIB's unit of ${oid} needs "scale": ${scale} to be ${unit}`
    const hint = `write "scale": ${scale}`
    report({ code: 'W_SCALE', pointer: at, message, hint })
  }
}
