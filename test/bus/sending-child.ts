// Run by outages.test.ts as a process of its own, to be killed: sends without pause, and prints the
// highest number of which it knows that it is on disk.

import { connectBus } from '../../server/bus/client.ts'
import { createSender } from '../../server/bus/sender.ts'
import { sampleTopic } from '../../server/bus/topics.ts'
import { silentLog } from '../parts/broker.ts'

const [url = '', username = '', password = '', dir = '', total = '0'] = process.argv.slice(2)
const bus = connectBus({ url, username, password, clientId: 'child', log: silentLog })
const sender = await createSender({ bus, site: 'test', dir, log: silentLog })
for (let n = 1; n <= Number(total); n++) {
  sender.send(sampleTopic('test', `d${n % 10}`, 'g'), Buffer.from(`{"n":${n}}`))
  if (n % 20 !== 0) continue
  await sender.flush()
  process.stdout.write(`synced ${n}\n`)
}
