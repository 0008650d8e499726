// Goal: every metric of every shipped profile has a name of its own for Prometheus, in base units, that
// promtool has nothing to say about; and nothing that a device says of itself breaks the format.

import t from 'tap'
import { labelsText, seriesLabels } from '../../server/export/labels.ts'
import { exportName } from '../../server/export/names.ts'
import { SHIPPED_PROFILES_DIR } from '../../server/paths.ts'
import { buildCatalogue } from '../../server/profiles/build.ts'
import { loadSources } from '../../server/profiles/load.ts'
import { pageOf } from '../../server/profiles/page.ts'
import { compilePlan } from '../../server/profiles/plan.ts'
import { isShown } from '../../server/web/prometheus/devices.ts'
import { createExposition } from '../../server/web/prometheus/exposition.ts'
import { checkMetrics } from '../parts/prometheus.ts'

const FAMILY = { name: 'pollux_x', help: 'A thing', type: 'gauge' } as const
const textOf = (exposition: ReturnType<typeof createExposition>) => [...exposition.texts()].join('')

t.test('names and factors', async t => {
  const named = (group: string, id: string, unit: string, kind = 'gauge') =>
    exportName(group, { id, unit, kind })
  const same = (found: unknown, name: string, factor = 1, type = 'gauge') =>
    t.same(found, { name, factor, type })
  same(named('interface', 'in', 'bit/s', 'rate'), 'pollux_interface_in_bytes_per_second', 1 / 8)
  same(named('hr_processor', 'usage', '%'), 'pollux_hr_processor_usage_ratio', 0.01)
  same(named('host_temperature', 'celsius', 'Cel'), 'pollux_host_temperature_celsius')
  same(named('host', 'users', '{user}'), 'pollux_host_users')
  same(
    named('interface', 'in_errors', '{error}/s', 'rate'),
    'pollux_interface_in_errors_per_second',
  )
  same(named('ospf', 'events', '{event}', 'total'), 'pollux_ospf_events_total', 1, 'counter')
  same(named('memory', 'total', '1'), 'pollux_memory_total_value')
  same(named('memory', 'total', 'By'), 'pollux_memory_total_bytes')
  same(named('meter', 'energy', 'Wh', 'total'), 'pollux_meter_energy_joules_total', 3600, 'counter')
  same(named('check', 'cert_days', '{day}'), 'pollux_check_cert_seconds', 86_400)
  same(named('mikrotik_gauge', 'power', 'W'), 'pollux_mikrotik_sensor_power_watts')
  same(named('a', 'b', 'furlong/Week'), 'pollux_a_b_furlong_week')
  same(named('a', 'constructor_gauge', '1'), 'pollux_a_constructor_sensor')
})

t.test('labels as senders name them, also as every object does', async t => {
  const labels = { constructor: 'a', toString: 'b', if_alias: 'c', '9': 'd', name: 'e' }
  const info = { key: 'r', index: '1', name: 'n', labels }
  const own = [
    ['device', 'd'],
    ['row', 'r'],
    ['name', 'n'],
    ['label_9', 'd'],
    ['constructor', 'a'],
    ['toString', 'b'],
  ]
  t.same(seriesLabels('d', 'interface', 'r', info), [...own, ['ifAlias', 'c'], ['label_name', 'e']])
  const plain = [...own, ['if_alias', 'c'], ['label_name', 'e']]
  for (const group of ['any', 'constructor', '__proto__'])
    t.same(seriesLabels('d', group, 'r', info), plain, group)
})

t.test('every metric of the shipped profiles', async t => {
  const catalogue = buildCatalogue(await loadSources({ shippedDir: SHIPPED_PROFILES_DIR }))
  const exposition = createExposition(100_000)
  let metrics = 0
  for (const id of catalogue.profiles.keys()) {
    const used = new Map<string, string>()
    const groups = pageOf(compilePlan(catalogue, [id])).flatMap(section => section.groups)
    for (const group of groups) {
      for (const metric of group.metrics) {
        const { name, type } = exportName(group.id, metric)
        const whole = `${group.id}.${metric.id}`
        t.notOk(used.has(name), `${id}: ${whole} and ${used.get(name)} are both ${name}`)
        used.set(name, whole)
        metrics += 1
        exposition.add({ name, type, help: metric.title }, [['device', id]], 1)
      }
    }
  }
  t.ok(metrics > 500, `${metrics} metrics`)
  t.equal(await checkMetrics(textOf(exposition)), '')
})

t.test('labels as users of snmp_exporter and cAdvisor know them', async t => {
  const row = { key: 'Gi1/0/1', index: '1', name: 'Gi1/0/1' }
  const port = { ...row, labels: { if_index: '1', if_name: 'Gi1/0/1', if_alias: 'to core' } }
  t.equal(
    labelsText(seriesLabels('sw', 'interface', 'Gi1/0/1', port)),
    '{device="sw",row="Gi1/0/1",name="Gi1/0/1",ifIndex="1",ifName="Gi1/0/1",ifAlias="to core"}',
  )
  const container = { ...row, name: 'web', labels: { image: 'nginx:1', project: 'shop' } }
  t.equal(
    labelsText(seriesLabels('host', 'docker_container', 'web', container)),
    '{device="host",row="web",name="web",image="nginx:1",container_label_com_docker_compose_project="shop"}',
  )
  t.equal(labelsText(seriesLabels('sw', 'system', null, null)), '{device="sw"}')
})

t.test('what devices say stays a text', async t => {
  const evil = 'a"} 1\npollux_forged{x="\\ \u0000\ud800<b>'
  const labels = { device: 'x', '0 "': 'y', name: 'z', long: 'x'.repeat(5000) }
  const row = { key: 'k', index: '1', name: evil, labels }
  const exposition = createExposition(10)
  exposition.add({ ...FAMILY, help: evil }, seriesLabels('d', 'g', 'k', row), Number.NaN)
  exposition.add(FAMILY, [['device', 'e']], Number.NEGATIVE_INFINITY)
  exposition.add({ ...FAMILY, type: 'counter' }, [['device', 'f']], 1)
  const text = textOf(exposition)
  t.equal(await checkMetrics(text), '')
  t.equal(text.split('\n').length, 5, 'help, type, two samples and the end')
  t.notMatch(text, /^pollux_forged/m)
  t.match(text, /label_device="x"/)
  t.match(text, / NaN\n.* -Inf\n$/)
  t.ok(text.length < 1000, 'a long label is cut')
})

t.test('too many series', async t => {
  const exposition = createExposition(2)
  exposition.add(FAMILY, [['device', 'a']], 1)
  exposition.add(FAMILY, [['device', 'b']], 1)
  t.throws(() => exposition.add(FAMILY, [['device', 'c']], 1), { code: 'E_SERIES_MANY' })
})

t.test('gaps and what is old are left out', async t => {
  t.ok(isShown({ at: 1000, gap: null }, 60_000, 61_000))
  t.notOk(isShown({ at: 1000, gap: null }, 60_000, 61_001))
  t.notOk(isShown({ at: 61_000, gap: 'timeout' }, 60_000, 61_000))
})
