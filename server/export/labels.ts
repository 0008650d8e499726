// The labels of a polled series: the device, the row, and what its profile calls labels, under the
// names that users of snmp_exporter (if_mib) and cAdvisor know.

import type { RowInfo } from '../model/collection.ts'

/** Of a label's text; longer ones are cut. */
const charsMax = 200

/** By group and label; what is not here keeps its own name. */
const KNOWN = mapsOf({
  interface: {
    if_index: 'ifIndex',
    if_name: 'ifName',
    if_descr: 'ifDescr',
    if_alias: 'ifAlias',
    if_type: 'ifType',
    mac: 'ifPhysAddress',
  },
  docker_container: {
    project: 'container_label_com_docker_compose_project',
    service: 'container_label_com_docker_compose_service',
    number: 'container_label_com_docker_compose_container_number',
  },
})
/** Ours on every series of a row; a profile's label of that name gets a `label_` before it. */
const OWN = new Set(['device', 'row', 'name', 'value'])

export type Labels = readonly (readonly [name: string, value: string])[]

/** @param info as the row was last announced; null: it was not */
export function seriesLabels(
  device: string,
  group: string,
  row: string | null,
  info: RowInfo | null,
): Labels {
  if (row === null) return [['device', device]]
  const known = KNOWN.get(group)
  const labels = new Map([
    ['device', device],
    ['row', row],
    ['name', info?.name ?? row],
  ])
  for (const [label, value] of Object.entries(info?.labels ?? {})) {
    const name = labelName(known?.get(label) ?? label)
    if (!labels.has(name)) labels.set(name, value)
  }
  return [...labels]
}

/** A sender may name a label `constructor`, which every object has. */
function mapsOf(names: Record<string, Record<string, string>>): Map<string, Map<string, string>> {
  return new Map(
    Object.entries(names).map(([group, labels]) => [group, new Map(Object.entries(labels))]),
  )
}

function labelName(label: string): string {
  const name = label.replaceAll(/[^A-Za-z0-9_]/g, '_')
  return OWN.has(name) || !/^[A-Za-z]/.test(name) ? `label_${name}` : name
}

/** `{device="a",row="b"}`: the exposition format's escapes. */
export function labelsText(labels: Labels): string {
  return `{${labels.map(([name, value]) => `${name}="${escaped(value)}"`).join(',')}}`
}

function escaped(value: string): string {
  return labelText(value).replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"')
}

/** What a device said as the value of a label: valid Unicode of a bounded length. */
export function labelText(value: string): string {
  const text = value.length > charsMax ? `${value.slice(0, charsMax - 1)}…` : value
  return text.toWellFormed()
}
