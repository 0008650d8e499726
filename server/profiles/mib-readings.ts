// How an object of a MIB is read: as a label or a metric, of which kind, in which unit. A MIB says it by
// the object's syntax and by the textual conventions that the syntax is named after.

import type { MibObject } from '../model/mib.ts'
import type { FieldDoc, MetricDoc } from '../model/profile.ts'
import { mibUnit } from './mib-units.ts'

/** A longer enumeration names a kind of thing (IANAifType has 300), not a state. */
const statesMax = 60

/** How an object is read; null: nothing to be monitored in it (row status, a test button). */
export type Reading =
  | { kind: 'label'; field: FieldDoc }
  | { kind: 'metric'; field: Partial<MetricDoc> }
  | null

/** Conventions whose columns are for management, not for monitoring. */
const NOT_MONITORED = /^(RowStatus|StorageType|TestAndIncr|EntryStatus|RowPointer|VariablePointer)$/
/** Conventions of a link layer's address (RFC 2579). */
export const LINK_ADDRESS = /^(PhysAddress|MacAddress)$/
const TEXTS = /^(DisplayString|SnmpAdminString|OwnerString|Utf8String|LongUtf8String|SnmpEngineID)$/

export function readingOf(object: MibObject): Reading {
  const { base, names, labels } = object.syntax
  const is = (pattern: RegExp) => names.some(name => pattern.test(name))
  if (base === null || is(NOT_MONITORED)) return null
  switch (base) {
    case 'counter32':
    case 'counter64':
      return { kind: 'metric', field: counter(object) }
    case 'ticks':
      return { kind: 'metric', field: { unit: 's', as: 'ticks' } }
    case 'integer':
    case 'unsigned':
    case 'gauge':
      if (labels && Object.keys(labels).length > statesMax) return { kind: 'label', field: {} }
      return { kind: 'metric', field: labels ? state(labels) : gauge(object) }
    case 'bits':
      return { kind: 'metric', field: flags(labels) }
    case 'octets':
      if (is(LINK_ADDRESS)) return { kind: 'label', field: { as: 'mac' } }
      if (is(/^DateAndTime$/)) return { kind: 'metric', field: { unit: 's', as: 'datetime' } }
      if (is(/^InetAddress/)) return { kind: 'label', field: { as: 'ip' } }
      return isNaming(object) || !is(TEXTS)
        ? { kind: 'label', field: { as: 'text' } }
        : { kind: 'metric', field: { kind: 'text', as: 'text' } }
    case 'ip':
      return { kind: 'label', field: { as: 'ip' } }
    case 'oid':
      return { kind: 'label', field: { as: 'oid' } }
    case 'opaque':
      return is(/^Float/) ? { kind: 'metric', field: { ...unitOf(object), as: 'float' } } : null
  }
}

function isNaming({ name }: MibObject): boolean {
  return /name|descr|label|title|alias|model|serial|vendor|location/i.test(name)
}

function gauge(object: MibObject): Partial<MetricDoc> {
  return { ...unitOf(object), kind: 'gauge' }
}

function unitOf({ units }: MibObject): Pick<MetricDoc, 'unit' | 'scale'> & { '//'?: string } {
  if (units === null) return {}
  const known = mibUnit(units)
  if (known === null) return { '//': `the MIB's UNITS: ${units}` }
  return { unit: known.unit, ...(known.scale !== 1 && { scale: known.scale }) }
}

/** Counters without UNITS are told by their names. */
function counter(object: MibObject): Partial<MetricDoc> {
  const { unit, scale, ...rest } = unitOf(object)
  const guessed = /octets?|bytes?/i.test(object.name)
    ? 'By'
    : `{${/pkt|packet|frame/i.test(object.name) ? 'packet' : /error|errs?$/i.test(object.name) ? 'error' : 'event'}}`
  const base = unit ?? guessed
  const isRate = /^(By|bit|\{[a-z]+\})$/.test(base)
  return {
    ...rest,
    unit: isRate ? `${base}/s` : '1',
    kind: 'rate',
    ...(isRate && scale && { scale }),
  }
}

function state(labels: Readonly<Record<string, string>>): Partial<MetricDoc> {
  const states = Object.entries(labels).map(([value, name]) => [value, name.slice(0, 60)])
  return { kind: 'state', states: Object.fromEntries(states.slice(0, statesMax)) }
}

function flags(labels: Readonly<Record<string, string>> | null): Partial<MetricDoc> {
  return labels ? { ...state(labels), kind: 'flags', as: 'bits' } : { kind: 'text', as: 'hex' }
}
