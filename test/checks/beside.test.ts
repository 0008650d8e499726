// Goal: checks beside what a device is read by are rows of its own, do not delay its reads, and say
// nothing of its state; what is wrong in their config is named.
// Method: readers made by hand, then the whole program with a device that does not answer at all.

import { createServer } from 'node:http'
import t from 'tap'
import { addressPolicy } from '../../server/addresses.ts'
import { withChecks } from '../../server/collectors/beside.ts'
import { checkCollector } from '../../server/collectors/check.ts'
import type { Collector, Told } from '../../server/collectors/collector.ts'
import { deviceConfig } from '../../server/devices/document.ts'
import type { AppError } from '../../server/model/errors.ts'
import { buildCatalogue } from '../../server/profiles/build.ts'
import { until } from '../parts/find.ts'
import { startTestProgram } from '../web/program.ts'
import { listening, tcpServer } from './parts.ts'

t.setTimeout(300_000)

const snmp = {
  ...{ id: 'sw', kind: 'snmp', address: '127.0.0.1' },
  credentials: { version: '2c', community: 'public' },
}

t.test('a read does not wait for the checks, and the checks do not wait for the read', async t => {
  const mute = await tcpServer(t, () => {})
  const silent: Collector = {
    kind: 'snmp',
    check: () => Promise.reject(new Error('not asked')),
    open: () => ({
      collect: async () => ({ collections: [], rows: [], identity: null }),
      setCatalogue() {},
      async close() {},
    }),
  }
  const checks = [{ name: 'mute', type: 'http' as const, url: `http://127.0.0.1:${mute}/` }]
  const told: Told[] = []
  const target = {
    config: deviceConfig({ ...snmp, checks, every: '5m', timeout: '60s' }),
    ...{ version: 1, secrets: {}, identity: null },
  }
  const around = { catalogue: buildCatalogue([]), addresses: addressPolicy(['127.0.0.1/32']) }
  const reader = withChecks(silent, checkCollector).open(target, around, one => told.push(one))
  const never = new AbortController().signal
  t.same(await reader.collect(0, never), { collections: [], rows: [], identity: null })
  t.same(await reader.collect(1, never), { collections: [], rows: [], identity: null })
  t.same(told, [], 'the check still waits')
  await reader.close()
  t.same(told, [], 'and is let go with its device, without a word')
})

t.test('beside a device that does not answer', async t => {
  let status = 200
  const web = createServer((_, answer) => {
    answer.statusCode = status
    answer.end('hello')
  })
  const url = `http://127.0.0.1:${await listening(t, web)}/`
  const { program, url: base, signIn } = await startTestProgram(t)
  const { cookie, csrf } = await signIn()
  const by = { name: 'test', address: '' }
  const checks = [{ name: 'front', type: 'http', url }]
  // Nothing answers SNMP at port 9 of loopback.
  const common = { ...snmp, port: 9, every: '2s', timeout: '1s', retries: 0 }
  await program.devices.create({ ...common, checks }, by, 'api')
  await program.devices.create({ id: 'host', kind: 'agent', every: '2s', checks }, by, 'api')
  const text = async (path: string) => {
    // No faster than somebody may ask.
    await new Promise(resolve => setTimeout(resolve, 200))
    return (await fetch(base + path, { headers: { cookie } })).text()
  }
  const latest = (id: string) => text(`/api/v1/devices/${id}/latest`)
  for (const id of ['sw', 'host']) {
    await until(async () => /"front"/.test(await latest(id)), `the check of ${id} is stored`)
    await until(async () => />front</.test(await text(`/devices/${id}`)), `${id} shows it`)
  }
  const down = async () => /status-down/.test(await text('/devices/sw'))
  await until(down, 'the device is down, though its web page answers')
  status = 500
  await until(
    async () => /status 500/.test(await latest('sw')),
    'the check fails, and is still run',
  )
  t.equal(await down(), true)
  const rules = await text('/devices/sw/why')
  t.match(rules, /front|check/i, 'and it has alarms')

  await t.test('changed checks are in force, removed ones are not', async t => {
    const stored = await program.devices.get('host')
    const other = [{ name: 'other', type: 'http', url }]
    await program.devices.update(
      'host',
      { ...stored?.config, checks: other },
      stored?.version ?? 0,
      by,
    )
    await until(async () => /"other"/.test(await latest('host')), 'the other check is run')
    t.pass('it was')
  })
  await t.test('its form has them', async t => {
    const form = await text('/devices/sw/edit')
    t.match(form, 'front')
    t.ok(csrf)
  })
})

t.test('what is wrong with checks beside is named', async t => {
  const errorsOf = (document: unknown): string[] => {
    try {
      deviceConfig(document)
      return []
    } catch (error) {
      return (error as AppError).errors.map(({ path, message }) => `${path} ${message}`)
    }
  }
  const ping = { name: 'ping', type: 'ping' }
  t.same(errorsOf({ ...snmp, checks: [ping] }), [])
  t.match(errorsOf({ ...snmp, checks: [ping, ping] }), [/checks\.1\.name .*twice/])
  t.match(errorsOf({ ...snmp, checks: [] }), [/checks/])
  t.match(errorsOf({ ...snmp, checks: [{ ...ping, url: 'http://a/' }] }), [/checks\.0\.url/])
  const docker = { id: 'd', kind: 'docker', address: 'unix:///var/run/docker.sock' }
  t.match(errorsOf({ ...docker, checks: [ping] }), [/checks\.0\.host is missing/])
  t.same(errorsOf({ ...docker, checks: [{ ...ping, host: '192.0.2.1' }] }), [])
  t.same(errorsOf({ ...docker, address: 'tcp://192.0.2.1:2375', checks: [ping] }), [])
  const agent = { id: 'a', kind: 'agent' }
  t.match(errorsOf({ ...agent, checks: [ping] }), [/checks\.0\.host is missing/])
  t.same(errorsOf({ ...agent, address: 'host.example', checks: [ping] }), [])
  t.match(errorsOf({ ...agent, address: '-rf', checks: [{ name: 'x', type: 'dns' }] }), [/query/])
  t.match(errorsOf({ ...agent, address: 'a b', checks: [ping] }), [/address/])
})
