// Goal: what Debian's snmpbulkwalk reads of a real agent, all of it, is what we read: by a walk from
// the root, and table by table. What moves meanwhile is told by the oracle, asked before and after.
import t from 'tap'
import type { RawValue } from '../../server/model/raw.ts'
import { rawValue } from '../../server/model/rawtable.ts'
import { openSession } from '../../server/snmp/open.ts'
import { startSnmpd } from '../parts/snmpd.ts'

const rowsMax = 50_000
const ROOT = '1.3.6.1'
/** Tables of every kind of index: numbers, addresses, strings with their length and without. */
const TABLES = {
  sysORTable: '1.3.6.1.2.1.1.9.1',
  ifTable: '1.3.6.1.2.1.2.2.1',
  ifXTable: '1.3.6.1.2.1.31.1.1.1',
  ipAddrTable: '1.3.6.1.2.1.4.20.1',
  ipAddressTable: '1.3.6.1.2.1.4.34.1',
  hrStorageTable: '1.3.6.1.2.1.25.2.3.1',
  hrDeviceTable: '1.3.6.1.2.1.25.3.2.1',
  hrSWInstalledTable: '1.3.6.1.2.1.25.6.3.1',
  vacmSecurityToGroupTable: '1.3.6.1.6.3.16.1.2.1',
  vacmAccessTable: '1.3.6.1.6.3.16.1.4.1',
  nsModuleTable: '1.3.6.1.4.1.8072.1.2.1.1',
}

const agent = await startSnmpd(t)
const session = openSession({
  address: agent.address,
  port: agent.port,
  credentials: { version: '2c', community: agent.community },
  timeoutMs: 5000,
  retries: 1,
})
t.teardown(() => session.close())

const LABELS: Record<string, string> = {
  INTEGER: 'integer',
  Gauge32: 'gauge32',
  Counter32: 'counter32',
  Counter64: 'counter64',
  Timeticks: 'ticks',
  OID: 'oid',
  IpAddress: 'ip',
  'Hex-STRING': 'octets',
  STRING: 'octets',
  BITS: 'octets',
  'Network Address': 'ip',
  Opaque: 'number',
}

/** The oracle's words for a value in ours: `Hex-STRING: 65 74 68` is `octets 657468`. */
function translated(text: string): string {
  const [, label = '', rest = ''] = /^([A-Za-z0-9 -]+): ?(.*)$/s.exec(text.trim()) ?? []
  const type = LABELS[label]
  if (text.trim() === '""') return 'octets '
  if (type === 'octets') return `octets ${rest.replace(/\s/g, '').toLowerCase()}`
  if (type === 'ticks') return `ticks ${/\((\d+)\)/.exec(rest)?.[1]}`
  if (type === 'oid') return `oid ${rest.replace(/^\./, '')}`
  if (type === 'number') return `number ${Number(/[\d.-]+$/.exec(rest)?.[0])}`
  if (type === 'ip' && label === 'Network Address') {
    return `ip ${rest
      .split(':')
      .map(part => Number.parseInt(part, 16))
      .join('.')}`
  }
  return type === undefined ? `unknown ${text}` : `${type} ${rest.trim()}`
}

function shown(raw: RawValue): string {
  if (raw.type === 'none') return 'none'
  if (raw.type === 'number') return `number ${Number(raw.value.toFixed(6))}`
  return raw.value instanceof Uint8Array
    ? `${raw.type} ${Buffer.from(raw.value).toString('hex')}`
    : `${raw.type} ${raw.value}`
}

/** OID → value by snmpbulkwalk, octets always in hexadecimal. */
async function bulkwalk(root: string): Promise<Map<string, string>> {
  const lines = await agent.client('snmpbulkwalk', ['-v2c', '-c', agent.community, '-Ox', root])
  // Long octets go on in the next line.
  const whole: string[] = []
  for (const line of lines) {
    // How it says that the MIB ends: no value of the object that it names.
    if (line.includes('No more variables left')) continue
    if (/^\.\d+(\.\d+)* = /.test(line)) whole.push(line)
    else whole.push(`${whole.pop() ?? ''} ${line}`)
  }
  return new Map(
    whole.map(line => {
      const at = line.indexOf(' = ')
      return [line.slice(1, at), translated(line.slice(at + 3))] as const
    }),
  )
}

/** What the oracle says before and after, where both times it said the same. */
function steady(before: Map<string, string>, after: Map<string, string>): [string, string][] {
  return [...before].filter(([oid, text]) => after.get(oid) === text)
}

t.test('from the root', async t => {
  const before = await bulkwalk(ROOT)
  const [walked] = await session.walk([ROOT], rowsMax)
  const after = await bulkwalk(ROOT)
  const ours = new Map(
    [...(walked?.values ?? [])].map(([index, value]) => [`${ROOT}.${index}`, shown(value)]),
  )
  const held = steady(before, after)
  const wrong = held.filter(([oid, text]) => ours.get(oid) !== text)
  t.same(
    wrong.map(([oid, text]) => [oid, text, ours.get(oid)]),
    [],
    'every value that held still is the same',
  )
  t.equal(walked?.stopped, null)
  t.ok(held.length > 500, `${held.length} of ${before.size} values held still`)
  t.comment(`${held.length} of ${before.size} values held still, ${ours.size} are ours`)
})

/** The columns that an agent has below this entry. */
function columnsOf(entry: string, oids: Iterable<string>): string[] {
  const under = [...oids].filter(oid => oid.startsWith(`${entry}.`))
  return [...new Set(under.map(oid => `${entry}.${oid.slice(entry.length + 1).split('.')[0]}`))]
}

t.test('table by table, twice', async t => {
  for (const [name, entry] of Object.entries(TABLES)) {
    for (const time of ['first', 'again']) {
      const before = await bulkwalk(entry)
      const columns = columnsOf(entry, before.keys())
      if (!t.ok(columns.length > 0, `${name} is there`)) continue
      const { table, stopped } = await session.readTable(columns, rowsMax)
      const after = await bulkwalk(entry)
      const ours = new Map<string, string>()
      for (const [c, column] of columns.entries()) {
        for (const [row, index] of table.indexes.entries()) {
          ours.set(`${column}.${index}`, shown(rawValue(table, c, row)))
        }
      }
      const held = steady(before, after)
      const wrong = held.filter(([oid, text]) => ours.get(oid) !== text)
      t.same(wrong, [], `${name}, ${time}: ${held.length} of ${before.size} values`)
      const invented = [...ours].filter(
        ([oid, text]) => text !== 'none' && !before.has(oid) && !after.has(oid),
      )
      t.same(invented, [], `${name}, ${time}: nothing that the oracle does not see`)
      t.ok(stopped.every(reason => reason === null))
    }
  }
})
