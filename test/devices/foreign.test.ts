// Goal: what LibreNMS, Zabbix and Prometheus export, in the form that their manuals show, becomes devices: with
// their secrets kept as secrets, what cannot be taken over named with its line and why, and nothing guessed.

import t from 'tap'
import { parse } from 'yaml'
import { idOf } from '../../server/devices/foreign/found.ts'
import { parseDeviceList } from '../../server/devices/list-text.ts'
import { shell } from '../cli/run.ts'

const librenms = {
  status: 'ok',
  devices: [
    {
      device_id: 1,
      hostname: 'core-sw-01.example.lan',
      sysName: 'CORE-SW-01',
      display: null,
      ip: '10.0.0.1',
      overwrite_ip: null,
      community: 'campus-ro',
      authlevel: null,
      snmpver: 'v2c',
      port: 161,
      transport: 'udp',
      location: 'Paris, hall 2',
      type: 'network',
      disabled: 0,
      snmp_disable: 0,
    },
    {
      hostname: '10.0.0.2',
      sysName: 'fw-1',
      snmpver: 'v3',
      authlevel: 'authPriv',
      authname: 'monitor',
      authpass: 'auth-pass-1',
      authalgo: 'SHA-256',
      cryptopass: 'priv-pass-1',
      cryptoalgo: 'AES-256-C',
      port: '1161',
      transport: 'udp6',
      disabled: '1',
      snmp_disable: '0',
    },
    { hostname: 'printer', snmp_disable: '1', overwrite_ip: '10.0.0.3', transport: 'udp' },
    { hostname: 'old', snmpver: 'v2c', community: 'x', transport: 'tcp' },
    { hostname: 'blank', snmpver: 'v2c', community: '', transport: 'udp' },
  ],
  count: 5,
}

const ZABBIX = `zabbix_export:
  version: '7.0'
  host_groups:
    - uuid: f2481361f99448eea617b7b1d4765566
      name: 'Network devices'
  hosts:
    - host: 'Switch Hall 1'
      name: 'Switch in hall 1'
      templates:
        - name: 'Generic by SNMP'
      groups:
        - name: 'Network devices'
      interfaces:
        - type: SNMP
          ip: 192.168.7.1
          port: '161'
          details:
            community: '{$SNMP_COMMUNITY}'
          interface_ref: if1
      tags:
        - tag: site
          value: north
      macros:
        - macro: '{$SNMP_COMMUNITY}'
          value: zabbix-ro
      inventory:
        location: Hall 1
    - host: switch-hall-2
      status: DISABLED
      interfaces:
        - type: SNMP
          useip: 'NO'
          dns: sw2.example.lan
          port: '161'
          details:
            version: SNMPV3
            securityname: monitor
            securitylevel: AUTHPRIV
            authprotocol: SHA256
            authpassphrase: auth-pass-2
            privprotocol: AES128
            privpassphrase: '{$PRIV.KEY}'
            contextname: vlan-1
    - host: 'Zabbix server'
      interfaces:
        - ip: 192.168.7.9
          interface_ref: if1
    - host: switch HALL 1
      interfaces:
        - type: SNMP
          ip: 192.168.7.3
          details:
            version: SNMPV1
            community: public
`

const TARGETS = `- targets:
    - 192.168.1.2
    - "[2001:db8::1]:1161"
    - tcp://192.168.1.4
  labels:
    __param_module: if_mib
    __param_auth: campus_v1
    site: paris
    rack: r 12
- targets: ['udp://sw-9.example.lan:161']
  labels: { name: sw-9, __param_auth: 'private_v3' }
- targets: [10.1.1.1]
  labels: { hostname: edge-1 }
`

const documents = (text: string) =>
  parseDeviceList(text).map(({ line, document, problem }) => [line, problem ?? document])

t.test('LibreNMS: the answer of its API', async t => {
  t.match(documents(JSON.stringify(librenms, null, 1)), [
    [
      4,
      {
        id: 'core-sw-01.example.lan',
        name: 'CORE-SW-01',
        kind: 'snmp',
        address: 'core-sw-01.example.lan',
        port: 161,
        credentials: { version: '2c', community: 'campus-ro' },
        location: 'Paris, hall 2',
        tags: ['network'],
        enabled: true,
      },
    ],
    [
      21,
      {
        id: '10.0.0.2',
        name: 'fw-1',
        port: 1161,
        credentials: {
          version: '3',
          user: 'monitor',
          level: 'authPriv',
          auth: { protocol: 'sha256', key: 'auth-pass-1' },
          priv: { protocol: 'aes256r', key: 'priv-pass-1' },
        },
        enabled: false,
      },
    ],
    [36, { id: 'printer', kind: 'check', address: '10.0.0.3', checks: [{ type: 'ping' }] }],
    [42, /SNMP over tcp/],
    [48, /no community/],
  ])
  t.same(documents(JSON.stringify(librenms)).length, 5, 'as one line too')
})

t.test('Zabbix: its export in YAML, and the same in JSON', async t => {
  const expected = [
    [
      7,
      {
        id: 'switch-hall-1',
        name: 'Switch in hall 1',
        address: '192.168.7.1',
        credentials: { version: '2c', community: 'zabbix-ro' },
        location: 'Hall 1',
        tags: ['Network-devices', 'site=north'],
        enabled: true,
      },
    ],
    [
      28,
      {
        id: 'switch-hall-2',
        address: 'sw2.example.lan',
        enabled: false,
        credentials: {
          version: '3',
          user: 'monitor',
          level: 'authPriv',
          auth: { protocol: 'sha256', key: 'auth-pass-2' },
          priv: { protocol: 'aes', key: { secret: 'priv.key' } },
          context: 'vlan-1',
        },
      },
    ],
    [44, /no SNMP interface.*agent/],
    [48, { id: 'switch-hall-1-2', credentials: { version: '1', community: 'public' } }],
  ]
  t.match(documents(ZABBIX), expected)
  const same = (text: string) => parseDeviceList(text).map(({ document }) => document)
  t.same(same(JSON.stringify(parse(ZABBIX), null, 2)), same(ZABBIX))
})

t.test("Prometheus: targets of snmp_exporter, whose 'auth' is a stored secret", async t => {
  t.match(documents(TARGETS), [
    [
      2,
      {
        id: '192.168.1.2',
        name: '192.168.1.2',
        address: '192.168.1.2',
        port: 161,
        credentials: { version: '1', community: { secret: 'campus_v1' } },
        location: 'paris',
        tags: ['rack=r-12'],
      },
    ],
    [3, { id: '2001-db8-1', address: '2001:db8::1', port: 1161 }],
    [4, /only SNMP over UDP/],
    [10, /SNMPv3.*snmp\.yml/],
    [
      12,
      {
        id: 'edge-1',
        name: 'edge-1',
        credentials: { version: '2c', community: { secret: 'public_v2' } },
      },
    ],
  ])
  const json = '[\n {"targets": ["10.0.0.1"],\n  "labels": {}}\n]'
  t.match(documents(json), [[2, { address: '10.0.0.1' }]])
})

t.test('what is broken is told with its line, and nothing is read', async t => {
  const refused = (text: string, message: RegExp) =>
    t.throws(() => parseDeviceList(text), { code: 'E_DEVICE_LIST', message })
  refused('zabbix_export:\n  hosts:\n   - host: a\n  - host: b\n', /^line \d: /)
  refused('zabbix_export:\n  hosts:\n    - name: a\n', /^line 3: .*host is missing.*Zabbix/)
  refused('{"devices": [\n{"sysName": "x"}]}', /^line 2: .*hostname is missing.*LibreNMS/)
  refused('- targets: 10.0.0.1\n', /^line 1: .*targets must be array.*Prometheus/)
  refused('{"devices": []}', /no device in it/)
  refused(`{"devices": ${'['.repeat(20_000)}`, /line 1: |nested too deep/)
  const bomb = Array.from({ length: 12 }, (_, i) =>
    i === 0
      ? 'a0: &a0 [x, x]'
      : `a${i}: &a${i} [${Array(9)
          .fill(`*a${i - 1}`)
          .join(', ')}]`,
  )
  refused(`zabbix_export:\n  version: '7'\n${bomb.join('\n')}`, /line 1: .*alias/i)
})

t.test('names become ids', async t => {
  for (const [called, id] of [
    ['Switch Hall 1', 'switch-hall-1'],
    ['Été – Zürich', 'ete-zurich'],
    ['--x--', 'x'],
    ['交换机', 'device'],
    ['a'.repeat(80), 'a'.repeat(63)],
  ]) {
    t.equal(idOf(called ?? ''), id)
    t.match(id, /^[a-z0-9][a-z0-9._-]{0,62}$/)
  }
})

t.test('the command takes them over, with secrets as secrets', async t => {
  const { run, json } = await shell(t)
  const input = JSON.stringify(librenms, null, 1)
  const first = await run(['devices', 'import', '-'], { input })
  t.match(first, { code: 1, stdout: /3 created, 0 updated, 2 refused/ })
  t.match(first.stderr, /line 42, old: SNMP over tcp/)
  const stored = JSON.stringify(await json(['devices', 'export']))
  t.notMatch(stored, /campus-ro|auth-pass-1|priv-pass-1/)
  t.match(stored, /"secret":/)
  const targets = await run(['devices', 'import', '-'], { input: TARGETS })
  t.match(targets, { code: 1, stdout: /0 created, 0 updated, 5 refused/ })
  t.match(targets.stderr, /campus_v1/, 'a secret that is missing is named')
  await run(['secret', 'set', 'campus_v1'], { input: 'community-1\n' })
  await run(['secret', 'set', 'public_v2'], { input: 'community-2\n' })
  const again = await run(['devices', 'import', '-'], { input: TARGETS })
  t.match(again, { code: 1, stdout: /3 created, 0 updated, 2 refused/ }, again.stderr)
})
