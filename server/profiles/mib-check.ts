// Where a profile and a MIB disagree on what a number means: the scale that the MIB's UNITS ask for
// beside the one that the profile writes.

import type { Mib, MibObject } from '../model/mib.ts'
import type { CatalogueProfile } from './catalogue.ts'
import type { Field, Group, Slot } from './definition.ts'
import { mibUnit } from './mib-units.ts'

export interface Disagreement {
  /** `<group>.<metric>` */
  metric: string
  object: string
  oid: string
  /** The MIB's UNITS clause. */
  units: string
  message: string
}

/** Units of one quantity, by how many of the first are one of the second. */
const SAME_QUANTITY: Readonly<Record<string, number>> = {
  'By>bit': 8,
  'By/s>bit/s': 8,
  'bit>By': 1 / 8,
  'bit/s>By/s': 1 / 8,
}
/** Scales are written by people: 0.0010 and 1e-3 are one. */
const tolerance = 1e-6

/** Only of objects with UNITS that are understood, and values that are read without a formula. */
export function disagreements(profile: CatalogueProfile, mib: Mib): Disagreement[] {
  const objects = new Map<string, MibObject>()
  for (const { columns } of mib.tables)
    for (const column of columns) objects.set(column.oid, column)
  for (const scalar of mib.scalars) objects.set(`${scalar.oid}.0`, scalar)
  const found: Disagreement[] = []
  for (const group of profile.definition.groups.values()) {
    for (const slot of group.slots) {
      if (slot.metric) check({ group, slot, objects, found }, slot, slot.scale)
    }
  }
  return found
}

interface Checking {
  group: Group
  slot: Slot
  objects: ReadonlyMap<string, MibObject>
  found: Disagreement[]
}

function check(checking: Checking, field: Field, scale: number): void {
  const { source } = field
  if (source.kind === 'first') {
    for (const entry of source.entries) check(checking, entry, scale * entry.scale)
  }
  if (source.kind !== 'read') return
  for (const oid of source.sources) {
    const object = checking.objects.get(oid)
    if (object) compare(checking, object, oid, scale)
  }
}

function compare(
  { group, slot, found }: Checking,
  object: MibObject,
  oid: string,
  scale: number,
): void {
  const { units } = object
  const meant = units === null ? null : mibUnit(units)
  const unit = slot.metric?.unit
  if (units === null || meant === null || unit === undefined) return
  const wanted = slot.rate && !meant.unit.endsWith('/s') ? `${meant.unit}/s` : meant.unit
  const factor = wanted === unit ? 1 : SAME_QUANTITY[`${wanted}>${unit}`]
  const say = (message: string) =>
    found.push({ metric: `${group.id}.${slot.name}`, object: object.name, oid, units, message })
  if (factor === undefined) {
    say(`has unit ${unit}, and the MIB's UNITS "${units}" are ${wanted}`)
    return
  }
  const right = Number((meant.scale * factor).toPrecision(9))
  // Hundredths of a second may be decoded by "as": "ticks".
  if (unit === 's' && right === 0.01 && scale === 1) return
  if (Math.abs(scale - right) > tolerance * right) {
    say(`has scale ${scale}, and the MIB's UNITS "${units}" need ${right} to be ${unit}`)
  }
}
