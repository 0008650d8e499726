// The demo's checks: its own page from outside as a device of kind check, and a check beside a switch.

import type { Program } from '../compose/program.ts'

const BY = { name: 'demo', address: '' }

/** @param beside the device of the simulated network that gets a check of its own */
export async function addDemoChecks(program: Program, beside: string): Promise<void> {
  const { hostname, port } = new URL(program.url)
  const device = {
    ...{ id: 'pollux-page', name: 'Pollux from outside', kind: 'check', address: hostname },
    ...{ every: '10s', timeout: '2s', tags: ['web'], location: 'hall 1' },
    checks: [
      { name: 'page', type: 'http', url: new URL('/login', program.url).href, text: 'Pollux' },
      { name: 'health', type: 'http', url: new URL('/healthz', program.url).href },
      { name: 'port', type: 'tcp', port: Number(port) },
      { name: 'ping', type: 'ping' },
    ],
  }
  await put(program, device)
  const known = await program.devices.get(beside)
  if (known)
    await put(program, {
      ...known.config,
      checks: [
        { name: 'ping', type: 'ping' },
        { name: 'web', type: 'http', url: new URL('/healthz', program.url).href },
      ],
    })
}

async function put(
  program: Program,
  document: Record<string, unknown> & { id: string },
): Promise<void> {
  const stored = await program.devices.get(document.id)
  if (stored) await program.devices.update(document.id, document, stored.version, BY)
  else await program.devices.create(document, BY, 'built-in')
}
