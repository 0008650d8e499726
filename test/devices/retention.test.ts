// Goal: for how long samples are kept is what the device says, else what its profiles say, else the
// default; and where nobody knows, nothing is to change.

import t from 'tap'
import { retentionPolicy } from '../../server/compose/retention.ts'
import type { Device } from '../../server/model/device.ts'
import { documentOf, valuesOf } from '../../server/web/pages/device-fields.ts'
import { catalogueOf, goodCatalogue } from '../profiles/kit.ts'
import { config } from '../store/samples.ts'

const group = (id: string, more = {}) => ({
  [id]: { title: id, metrics: { m: { title: 'M', oid: '1.3.1.0' } }, ...more },
})
const docs = {
  plain: { title: 'Plain', scalars: group('load') },
  brief: {
    title: 'Brief',
    retention: 'short',
    scalars: { ...group('leases'), ...group('invoices', { retention: 'long' }) },
  },
  heir: { title: 'Heir', extends: ['brief'], scalars: group('more') },
}

const device = (uid: number, profiles: string[] | null, more: Partial<Device['config']> = {}) =>
  ({
    uid,
    config: { ...config(`d${uid}`), ...more },
    ...{ version: 1, source: 'form', tuning: null, createdAt: 1, updatedAt: 1 },
    identity: profiles && { at: 1, profiles, chosenBecause: [], facts: {} },
  }) satisfies Device

function policyOf(devices: Device[]) {
  let catalogue = goodCatalogue(docs)
  let refreshed = () => {}
  const directory = {
    all: () => devices,
    onRefresh(listener: () => void) {
      refreshed = listener
      return () => {}
    },
  }
  const policy = retentionPolicy(directory, () => catalogue)
  return {
    policy,
    change(to: Device[]) {
      devices = to
      refreshed()
    },
    reload(to: typeof catalogue) {
      catalogue = to
    },
  }
}

t.test('device before group before profile', async t => {
  const { policy, change } = policyOf([
    device(1, ['plain', 'brief']),
    device(2, ['brief'], { retention: 'default' }),
    device(3, null),
    device(4, null, { retention: 'long' }),
    device(5, ['heir']),
  ])
  t.equal(policy(1, 'load'), 'default')
  t.equal(policy(1, 'leases'), 'short')
  t.equal(policy(1, 'invoices'), 'long')
  t.equal(policy(1, 'unheard-of'), 'default')
  t.equal(policy(2, 'invoices'), 'default')
  t.equal(policy(3, 'load'), null, 'not identified yet')
  t.equal(policy(4, 'load'), 'long')
  t.equal(policy(5, 'invoices'), 'long', 'inherited')
  t.equal(policy(5, 'more'), 'short')
  t.equal(policy(6, 'load'), null, 'no such device')
  change([device(1, ['plain'], { retention: 'short' })])
  t.equal(policy(1, 'load'), 'short')
  t.equal(policy(2, 'load'), null)
})

t.test('profiles that are reloaded, and one that is gone', async t => {
  const { policy, reload } = policyOf([device(1, ['plain', 'brief'])])
  t.equal(policy(1, 'leases'), 'short')
  reload(goodCatalogue({ ...docs, brief: { ...docs.brief, retention: 'long' } }))
  t.equal(policy(1, 'leases'), 'long')
  reload(goodCatalogue({ plain: docs.plain }))
  t.equal(policy(1, 'leases'), null, 'it may have said something')
  t.equal(policy(1, 'load'), null)
})

t.test('a profile that names no class', async t => {
  const wrong = JSON.stringify({ title: 'T', retention: 'for ever', scalars: group('g') }, null, 1)
  const { problems } = catalogueOf({ p: wrong })
  t.match(problems, [{ code: 'E_SCHEMA', file: 'oids/p.json', line: 3, column: 15 }])
  t.match(problems[0]?.message, /class of retention/)
})

t.test(
  'the form shows and changes it, and what it leaves out goes back to the profiles',
  async t => {
    const stored = device(1, null, { retention: 'long' })
    const values = valuesOf(stored)
    t.equal(values.retention, 'long')
    t.equal(documentOf({ ...values, retention: 'short' }, stored).retention, 'short')
    t.notOk('retention' in documentOf({ ...values, retention: '' }, stored))
  },
)
