// One search over everything that has a page: devices by name, address, tag and place, and their rows
// (interfaces, disks, containers) by name, alias and hardware address; and where an address is.

import { pageOf } from '../profiles/page.ts'
import type { FoundRow } from '../store/contract.ts'
import { rowPath } from './charts.ts'
import type { WebContext } from './context.ts'
import { deviceLines } from './pages/device-index.ts'
import { byStatus, compareTexts, type DeviceLine } from './pages/device-line.ts'
import { type Whereabouts, whereIs } from './whereabouts.ts'
import { plainText } from './words.ts'

/** Of each kind; who has more hits writes more letters. */
const DEVICES_MAX = 20
const ROWS_MAX = 50
export const queryCharsMax = 100
/** Fewer letters are in nearly every row. */
const ROW_LETTERS_MIN = 2

export interface RowHit {
  device: { id: string; name: string; href: string }
  group: string
  /** The group's title, as `Interfaces`. */
  kind: string
  key: string
  name: string
  /** Alias, or what else it is called. */
  subtitle: string
  /** The label that was looked for, as `mac`; empty: none. */
  matched: string
  href: string
}

export interface Hits {
  devices: DeviceLine[]
  rows: RowHit[]
  /** Where an address is, nearest first. */
  places: Whereabouts[]
  /** There are more than are shown. */
  more: boolean
}

export async function search(web: WebContext, asked: string): Promise<Hits> {
  const text = asked.trim().slice(0, queryCharsMax).toLowerCase()
  if (text === '') return { devices: [], rows: [], places: [], more: false }
  const lines = await deviceLines(web)
  const devices = byStatus(lines.filter(line => line.searched.includes(text)))
  const texts = [text, ...hardwareAddress(text)]
  const found =
    text.length < ROW_LETTERS_MIN ? [] : await web.store.samples.findRows(texts, ROWS_MAX + 1)
  const byUid = new Map(lines.map(line => [line.uid, line]))
  const rows = found.slice(0, ROWS_MAX).flatMap(row => {
    const device = byUid.get(row.deviceUid)
    return device ? [hitOf(web, device, row, texts)] : []
  })
  rows.sort((a, b) => compareTexts(a.device.name, b.device.name) || compareTexts(a.name, b.name))
  const more = devices.length > DEVICES_MAX || found.length > ROWS_MAX
  const places = await whereIs(web, text)
  return { devices: devices.slice(0, DEVICES_MAX), rows, places, more }
}

/** `aabb.ccdd` and `aa-bb-cc-dd` as they are stored: `aa:bb:cc:dd`. */
function hardwareAddress(text: string): string[] {
  const digits = text.replaceAll(/[:.-]/g, '')
  if (!/^([0-9a-f]{2}){2,8}$/.test(digits)) return []
  const written = digits.match(/../g)?.join(':') ?? ''
  return written === text ? [] : [written]
}

function hitOf(
  web: WebContext,
  device: DeviceLine,
  row: FoundRow,
  texts: readonly string[],
): RowHit {
  const groups = pageOf(web.plan(device.profiles)).flatMap(section => section.groups)
  const title = groups.find(({ id }) => id === row.group)?.title ?? row.group
  const isMatch = (value: string) => texts.some(text => value.toLowerCase().includes(text))
  const label = isMatch(row.name) ? undefined : Object.values(row.labels).find(isMatch)
  return {
    device: { id: device.id, name: device.name, href: device.href },
    group: row.group,
    kind: plainText(title, 80),
    key: row.key,
    name: plainText(row.name, 120),
    subtitle: plainText(row.subtitle, 120),
    matched: plainText(label, 120),
    href: rowPath(device.id, row.group, row.key),
  }
}
