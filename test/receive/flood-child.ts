// Sends the same datagram to a port as fast as it can, as often as it is told; prints how many went.
// Usage: flood-child.ts PORT FROM COUNT HEX

import { createSocket } from 'node:dgram'
import { once } from 'node:events'

const [port = '', from = '', count = '', hex = ''] = process.argv.slice(2)
/** Sends under way: beyond, Node only queues. */
const underWayMax = 256

const message = Buffer.from(hex, 'hex')
const socket = createSocket('udp4')
socket.bind(0, from)
await once(socket, 'listening')
socket.connect(Number(port), '127.0.0.1')
await once(socket, 'connect')

let left = Number(count)
let sent = 0
await Promise.all(Array.from({ length: underWayMax }, sendOn))
socket.close()
process.stdout.write(`${sent}\n`)

async function sendOn(): Promise<void> {
  while (left > 0) {
    left--
    await new Promise<void>(resolve =>
      socket.send(message, error => {
        if (!error) sent++
        resolve()
      }),
    )
  }
}
