// One open page's end of the live stream: bounded, checked against its session again and again, and
// closed exactly once. What is sent comes from live-feeds.ts.

import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Viewer, WebContext } from './context.ts'
import { viewerOf } from './security.ts'
import { followDown } from './trouble.ts'

/** Bytes that wait for a slow page; beyond, it is dropped and comes back by itself. */
const QUEUE_BYTES_MAX = 1024 * 1024
/** Within 5 s after its session ended, a stream ends too (OWASP ASVS 5.0, 7.4.1). */
const SESSION_CHECK_MS = 4000

export interface LiveClient {
  readonly viewer: Viewer
  /** The page was connected before: it missed what came in between. */
  readonly isBack: boolean
  /** An unnamed message is HTML that htmx puts in place; a named one is an event for scripts. */
  send(data: string, event?: string): void
  onClose(listener: () => void): void
  close(): void
}

export interface ClientCounts {
  droppedSlow: number
}

export function createClient(
  web: WebContext,
  request: FastifyRequest,
  reply: FastifyReply,
  viewer: Viewer,
  counts: ClientCounts,
): LiveClient {
  const listeners: (() => void)[] = []
  let isOpen = true
  let sent = 0
  const end = () => {
    if (!isOpen) return
    isOpen = false
    clearInterval(timer)
    for (const listener of listeners) listener()
  }
  const close = () => {
    end()
    reply.sse.close()
  }
  const check = async () => {
    // A session that cannot be verified is as good as none; the page comes back by itself.
    const now = await viewerOf(web, request).catch(() => null)
    if (!now || now.role !== viewer.role) close()
  }
  const timer = setInterval(() => void check(), SESSION_CHECK_MS)
  timer.unref()
  reply.sse.keepAlive()
  reply.sse.onClose(end)
  const client: LiveClient = {
    viewer,
    isBack: reply.sse.lastEventId !== null,
    send(data, event) {
      if (!isOpen) return
      if (reply.raw.writableLength > QUEUE_BYTES_MAX) {
        counts.droppedSlow++
        web.log.warn({ droppedSlow: counts.droppedSlow }, 'a page was too slow for its live stream')
        end()
        reply.raw.destroy()
        return
      }
      sent++
      const text = data.replaceAll('\r', ' ')
      const message = { id: String(sent), data: text, ...(event === undefined ? {} : { event }) }
      // A stream that ended in between says so by its close.
      reply.sse.send(message).catch(end)
    },
    onClose: listener => void listeners.push(listener),
    close,
  }
  client.onClose(followDown(web, down => client.send(String(down), 'trouble')))
  return client
}
