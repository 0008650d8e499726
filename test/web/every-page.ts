// Every page that a person can open, for tests that hold of all of them. Names of pages that are not
// in the table of routes are found by the test that walks it.

import type { Network } from '../../bench/network/network.ts'
import type { TestProgram } from './program.ts'

/** A path for each page's route; `:id` and its like are those of things that exist. */
export function everyPage({ device, row }: { device: string; row: string }): string[] {
  return [
    '/',
    '/?wall=1',
    '/devices',
    '/devices?q=nothing-like-this',
    '/devices/new',
    '/devices/import',
    `/devices/${device}`,
    `/devices/${device}/edit`,
    `/devices/${device}/delete`,
    row,
    '/containers',
    '/events',
    '/events?q=nothing-like-this',
    '/profiles',
    '/profiles/if-mib',
    '/settings',
    '/users',
    '/users/1',
    '/tokens',
    '/agents',
    '/audit',
    '/audit?actor=nobody',
    '/account',
    '/nothing-here',
  ]
}

/** A device with tables, and one of its rows, once both are on its page. */
export async function deviceAndRow(
  test: TestProgram & { network: Network | null },
  cookie: string,
): Promise<{ device: string; row: string }> {
  const device = test.network?.devices.find(one => one.id === 'acc-sw-11')?.id
  if (!device) throw new Error('the network has no switch')
  for (let tries = 0; tries < 200; tries++) {
    const answer = await fetch(`${test.url}/devices/${device}`, { headers: { cookie } })
    const row = /href="(\/devices\/[^"]+\/rows\/interface\/[^"]+)"/.exec(await answer.text())?.[1]
    if (row) return { device, row }
    await new Promise(resolve => setTimeout(resolve, 500))
  }
  throw new Error(`${device} has no row on its page`)
}
