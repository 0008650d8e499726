// Goal: the profiles of a device are chosen by the documented rules, and each choice says why.

import t from 'tap'
import { buildCatalogue } from '../../server/profiles/build.ts'
import { chooseProfiles, type Evidence, fitsPattern } from '../../server/profiles/choose.ts'
import { goodCatalogue, source } from './kit.ts'

const device = (sysObjectID: string | string[], more: object = {}, top: object = {}) => ({
  title: 'D',
  type: 'device',
  match: [{ sysObjectID, ...more }],
  ...top,
})
const catalogue = goodCatalogue({
  system: { title: 'S', type: 'base' },
  'if-mib': { title: 'I', match: [{ exists: ['1.3.6.1.2.1.2.2.1.2', '1.3.6.1.2.1.31.1.1.1.1'] }] },
  'linux-only': { title: 'L', match: [{ sysDescr: '^Linux', not: { sysDescr: 'router' } }] },
  acme: device('1.3.6.1.4.1.99.*', {}, { extends: ['if-mib'] }),
  'acme-switch': device('1.3.6.1.4.1.99.1.*'),
  'acme-any-5': device('1.3.6.1.4.1.99.*.5'),
  'acme-exact': device('1.3.6.1.4.1.99.1.7'),
  'acme-descr': device('1.3.6.1.4.1.99.1.*', { sysDescr: 'Super' }),
  'acme-probe': device('1.3.6.1.4.1.99.1.*', { exists: '1.3.6.1.4.1.99.8' }),
  'acme-prio': device('1.3.6.1.4.1.77.*', {}, { priority: 5 }),
  'acme-low': device('1.3.6.1.4.1.77.*'),
  docker: {
    title: 'D',
    source: 'docker',
    scalars: { d: { title: 'D', metrics: { n: { title: 'N', path: 'n' } } } },
  },
})

const evidence = (
  sysObjectID: string,
  more: Partial<Evidence> & { has?: string[] } = {},
): Evidence => ({
  source: 'snmp',
  sysObjectID,
  sysDescr: '',
  exists: async oids => new Set(oids.filter(oid => more.has?.includes(oid))),
  ...more,
})
const chosen = async (wanted: string[], e: Evidence) =>
  (await chooseProfiles(catalogue, wanted, e)).profiles.sort()

t.test('the most specific device profile', async t => {
  t.same(await chosen(['auto'], evidence('1.3.6.1.4.1.99.3')), ['acme', 'system'])
  t.same(await chosen(['auto'], evidence('1.3.6.1.4.1.99.1.3')), ['acme-switch', 'system'])
  t.same(await chosen(['auto'], evidence('1.3.6.1.4.1.99.4.5')), ['acme-any-5', 'system'])
  t.same(await chosen(['auto'], evidence('1.3.6.1.4.1.99.1.7')), ['acme-exact', 'system'])
  t.same(await chosen(['auto'], evidence('1.3.6.1.4.1.99.1.3', { sysDescr: 'a super box' })), [
    'acme-descr',
    'system',
  ])
  t.same(await chosen(['auto'], evidence('1.3.6.1.4.1.99.1.3', { has: ['1.3.6.1.4.1.99.8'] })), [
    'acme-probe',
    'system',
  ])
  t.same(await chosen(['auto'], evidence('1.3.6.1.4.1.77.1')), ['acme-prio', 'system'])
  t.same(
    await chosen(['auto'], evidence('1.3.6.1.4.1.99')),
    ['system'],
    '* at the end is one or more',
  )
  t.same(await chosen(['auto'], evidence('')), ['system'])
})

t.test('features by what the device has; what a child extends is dropped', async t => {
  const has = ['1.3.6.1.2.1.31.1.1.1.1']
  t.same(await chosen(['auto'], evidence('', { has })), ['if-mib', 'system'])
  t.same(await chosen(['auto'], evidence('1.3.6.1.4.1.99.3', { has })), ['acme', 'system'])
  t.same(await chosen(['auto'], evidence('', { sysDescr: 'Linux box' })), ['linux-only', 'system'])
  t.same(await chosen(['auto'], evidence('', { sysDescr: 'Linux router' })), ['system'])
})

t.test('wishes', async t => {
  const e = evidence('1.3.6.1.4.1.99.3')
  t.same(await chosen(['auto', '-acme', 'linux-only'], e), ['linux-only', 'system'])
  t.same(await chosen(['acme-low'], e), ['acme-low'])
  const { profiles, because } = await chooseProfiles(
    catalogue,
    ['if-mob', '_x', 'docker', 'acme'],
    e,
  )
  t.same(profiles, ['acme'])
  t.match(because, [
    /^acme: named/,
    /if-mob is left out.*did you mean if-mib/,
    /_x is left out: it is abstract/,
    /docker is left out: it is for docker/,
  ])
  const { because: why } = await chooseProfiles(catalogue, ['auto'], e)
  t.match(why, [
    /^acme: sysObjectID 1\.3\.6\.1\.4\.1\.99\.3 fits 1\.3\.6\.1\.4\.1\.99\.\*/,
    /^system: used on every device/,
  ])
})

t.test('other sources take all of their profiles', async t => {
  t.same(await chosen(['auto'], evidence('', { source: 'docker' })), ['docker'])
})

t.test('one question for all OIDs; rules that cannot hold ask nothing', async t => {
  const asked: string[][] = []
  const exists = async (oids: string[]) => {
    asked.push(oids)
    return new Set<string>()
  }
  await chooseProfiles(catalogue, ['auto'], evidence('', { exists }))
  t.same(asked, [['1.3.6.1.2.1.2.2.1.2', '1.3.6.1.2.1.31.1.1.1.1']])
})

t.test('the user file wins over ours for the same rule', async t => {
  const both = buildCatalogue([
    source('a', device('1.3.6.*')),
    source('z', device('1.3.6.*'), 'user'),
  ])
  t.same(both.problems, [])
  t.same((await chooseProfiles(both, ['auto'], evidence('1.3.6.1'))).profiles, ['z'])
})

t.test('patterns', async t => {
  t.ok(fitsPattern('1.3.*', '1.3.5'))
  t.ok(fitsPattern('1.3.*', '1.3.5.6'))
  t.ok(fitsPattern('1.*.5', '1.3.5'))
  t.notOk(fitsPattern('1.*.5', '1.3.4.5'))
  t.notOk(fitsPattern('1.3', '1.3.5'))
  t.notOk(fitsPattern('1.3.*', '1.3'))
})
