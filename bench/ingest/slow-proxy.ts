// A TCP proxy that hands on each piece of data only after a while: a network or a server that is slow.

import { connect, createServer, type Socket } from 'node:net'

export interface SlowProxy {
  port: number
  /** Delay of each piece in each direction, ms. */
  delayMs: number
  close(): void
}

/** @param port of the server behind it, on 127.0.0.1 */
export async function startSlowProxy(port: number): Promise<SlowProxy> {
  const sockets = new Set<Socket>()
  const proxy: SlowProxy = { port: 0, delayMs: 0, close: () => {} }
  const hand = (from: Socket, to: Socket) => {
    sockets.add(from)
    // Timers of one length fire in the order in which they were set.
    from.on('data', chunk => setTimeout(() => to.write(chunk), proxy.delayMs))
    from.on('error', () => to.destroy())
    from.on('close', () => {
      sockets.delete(from)
      to.destroy()
    })
  }
  const server = createServer(client => {
    const there = connect(port, '127.0.0.1')
    hand(client, there)
    hand(there, client)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  proxy.port = typeof address === 'object' && address ? address.port : 0
  proxy.close = () => {
    server.close()
    for (const socket of sockets) socket.destroy()
  }
  return proxy
}
