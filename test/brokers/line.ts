// The line between two sites: a TCP proxy that can be frozen (nothing passes, nobody is told), and cut.

import { connect, createServer, type Server, type Socket } from 'node:net'
import { type Teardown, until } from '../parts/find.ts'

export interface Line {
  port: number
  /** Connections that came to it so far. */
  readonly connections: number
  freeze(): void
  thaw(): void
  /**
   * Ends what is there; what comes is refused. It is not taken and dropped, as a proxy may do: Mosquitto
   * 2.0.11 then enters its bridge twice into its list of connections and never leaves it again.
   */
  cut(): void
  mend(): Promise<void>
}

export async function startLine(t: Teardown, to: number): Promise<Line> {
  const ends = new Set<Socket>()
  let frozen = false
  let connections = 0
  const server = createServer(near => {
    connections++
    const far = connect(to, '127.0.0.1')
    for (const [from, into] of [
      [near, far],
      [far, near],
    ] as const) {
      ends.add(from)
      from.on('error', () => undefined)
      from.on('data', chunk => into.write(chunk))
      from.on('close', () => {
        ends.delete(from)
        into.destroy()
      })
      if (frozen) from.pause()
    }
  })
  const port = await listen(server, 0)
  const cut = () => {
    server.close()
    for (const end of ends) end.destroy()
  }
  t.teardown(cut)
  return {
    port,
    get connections() {
      return connections
    },
    freeze() {
      frozen = true
      for (const end of ends) end.pause()
    },
    thaw() {
      frozen = false
      for (const end of ends) end.resume()
    },
    cut,
    async mend() {
      await until(
        () =>
          listen(server, port).then(
            () => true,
            () => false,
          ),
        'the port of the line',
      )
    },
  }
}

/** Gives the port. */
function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject)
      const address = server.address()
      if (address === null || typeof address === 'string') reject(new Error('no port'))
      else resolve(address.port)
    })
  })
}
