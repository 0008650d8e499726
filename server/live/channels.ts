// Redis channels that somebody here listens to: one for each watched device, or the pattern of all.
// Subscribed when the first listener comes, again at each connect, and left with the last one.

import type { Redis } from 'ioredis'
import type { Logger } from '../log.ts'
import { createLink, type Link } from './link.ts'

export interface Channels {
  /** Returns how to stop. */
  listen(channel: string, isPattern: boolean): () => void
  close(): void
}

/** @param onMessage gets the text of each message, twice where channel and pattern both match */
export function createChannels(
  url: string,
  log: Logger,
  onMessage: (text: string) => void,
): Channels {
  const wanted = new Map<string, { isPattern: boolean; listeners: number }>()
  let link: Link | null = null

  const enter = (redis: Redis, channel: string, isPattern: boolean) => {
    // Where this fails the connection is going, and the next one enters again.
    const done = isPattern ? redis.psubscribe(channel) : redis.subscribe(channel)
    done.catch(() => {})
  }
  const leave = (channel: string, isPattern: boolean) => {
    if (!link?.ready) return
    const done = isPattern ? link.redis.punsubscribe(channel) : link.redis.unsubscribe(channel)
    done.catch(() => {})
  }
  const connect = () => {
    const created = createLink(url, 'channels', log, redis => {
      for (const [channel, { isPattern }] of wanted) enter(redis, channel, isPattern)
    })
    created.redis.on('message', (_channel: string, text: string) => onMessage(text))
    created.redis.on('pmessage', (_pattern: string, _channel: string, text: string) =>
      onMessage(text),
    )
    return created
  }

  return {
    listen(channel, isPattern) {
      const entry = wanted.get(channel) ?? { isPattern, listeners: 0 }
      wanted.set(channel, entry)
      entry.listeners++
      if (!link) link = connect()
      else if (entry.listeners === 1 && link.ready) enter(link.redis, channel, isPattern)
      let stopped = false
      return () => {
        if (stopped) return
        stopped = true
        entry.listeners--
        if (entry.listeners > 0) return
        wanted.delete(channel)
        leave(channel, isPattern)
      }
    },
    close() {
      wanted.clear()
      link?.close()
    },
  }
}
