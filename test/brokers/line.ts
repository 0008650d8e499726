// The line between two sites: a TCP proxy that can be frozen (nothing passes, nobody is told), and cut.

import { connect, createServer, type Socket } from 'node:net'
import type { Teardown } from '../parts/find.ts'

export interface Line {
  port: number
  /** Connections that came to it so far. */
  readonly connections: number
  freeze(): void
  thaw(): void
  /** Ends what is there and refuses what comes. */
  cut(): void
  mend(): void
}

export async function startLine(t: Teardown, to: number): Promise<Line> {
  const ends = new Set<Socket>()
  let frozen = false
  let isCut = false
  let connections = 0
  const server = createServer(near => {
    connections++
    if (isCut) return void near.destroy()
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
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const cut = () => {
    isCut = true
    for (const end of ends) end.destroy()
  }
  t.teardown(() => {
    cut()
    return new Promise(resolve => server.close(resolve))
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    port: address.port,
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
    mend() {
      isCut = false
    },
  }
}
