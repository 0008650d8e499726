// What the program tells open pages as it happens, by server-sent events.

import type { Eta } from 'eta'
import type { Handler, WebContext } from './context.ts'

export interface LiveStreams {
  handler: Handler
  close(): Promise<void> | void
}

export function createLiveStreams(_web: WebContext, _eta: Eta): LiveStreams {
  return {
    handler: async (_request, reply) => {
      reply.sse.keepAlive()
      await reply.sse.send({ data: '' })
    },
    close: () => {},
  }
}
