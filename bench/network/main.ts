// The simulated network as a program: `node bench/network/main.ts [--port 16100] [--host 127.0.0.1]`.
// Its first line on stdout is JSON with every device and its port; it ends on SIGTERM or SIGINT.

import { parseArgs } from 'node:util'
import { startNetwork } from './network.ts'

const { values } = parseArgs({
  options: {
    host: { type: 'string', default: '127.0.0.1' },
    port: { type: 'string', default: '0' },
    community: { type: 'string', default: 'public' },
    'first-death': { type: 'string', default: '15' },
  },
})
const network = await startNetwork({
  host: values.host,
  basePort: Number(values.port),
  community: values.community,
  firstDeathS: Number(values['first-death']),
})
process.stdout.write(
  `${JSON.stringify({ host: network.host, community: network.community, devices: network.devices })}\n`,
)
const end = () => {
  network.close().then(
    () => process.exit(0),
    () => process.exit(1),
  )
}
process.once('SIGTERM', end)
process.once('SIGINT', end)
// Forked: the parent that started the network is gone, and so is its use.
if (process.connected) process.once('disconnect', end)
