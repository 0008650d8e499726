// Goal: what pollers learn about devices reaches the store, also when the store is away for a while.

import { pino } from 'pino'
import t from 'tap'
import { createTuningKeeper } from '../../server/compose/tuning.ts'
import { createDirectory } from '../../server/devices/directory.ts'
import { openStore } from '../../server/store/open.ts'
import { until } from '../parts/find.ts'

const log = pino({ level: 'silent' })
const config = (id: string) => ({
  id,
  name: id,
  kind: 'snmp' as const,
  address: '10.0.0.1',
  profiles: ['auto'],
  every: '60s',
  timeout: '2s',
  retries: 1,
  enabled: true,
})
const tuning = (at: number) => ({
  at,
  snmp: null,
  kindness: { factor: 2, reason: 'its CPU climbs', since: at },
})

t.test('the newest of each device is stored; a device that is gone is let go', async t => {
  const store = await openStore({ url: 'sqlite::memory:', log })
  t.teardown(() => store.close())
  for (const id of ['a', 'b']) await store.devices.create(config(id), 'form', 1)
  const directory = await createDirectory(store.devices, () => {})
  t.teardown(() => directory.close())
  const written: number[] = []
  let away = true
  const devices = {
    async setTuning(...[uid, learned]: Parameters<typeof store.devices.setTuning>) {
      if (away) throw new Error('the store is away')
      written.push(learned.at)
      await store.devices.setTuning(uid, learned)
    },
  }
  const keeper = createTuningKeeper({ store: devices, directory, log })
  keeper.keep('a', tuning(1))
  keeper.keep('gone', tuning(1))
  await keeper.close()
  t.equal((await store.devices.get('a'))?.tuning, null)

  away = false
  const again = createTuningKeeper({ store: devices, directory, log })
  t.teardown(() => again.close())
  again.keep('a', tuning(1))
  again.keep('a', tuning(2))
  again.keep('b', tuning(3))
  again.keep('gone', tuning(4))
  await until(async () => (await store.devices.get('b'))?.tuning, 'a turn')
  t.match((await store.devices.get('a'))?.tuning, tuning(2))
  t.same(written.sort(), [2, 3], 'only the newest')
  again.keep('a', tuning(5))
  await again.close()
  t.match((await store.devices.get('a'))?.tuning, tuning(5), 'what waits is written at the end')
})
