// "Watch live": while somebody with the right to poll looks at a device, it is read every two seconds.
// It ends by itself: with the last page, with its session, in hidden tabs, and after a quarter of an hour.

import { AppError } from '../model/errors.ts'
import type { Actor } from '../model/user.ts'
import { mayDo } from './actor.ts'
import type { WebContext } from './context.ts'
import { wordsOf } from './languages/say.ts'
import type { LiveClient } from './live-client.ts'
import { partial } from './live-device.ts'

/** Devices watched through this process at once. */
export const watchedMax = 10
export const WATCH_EVERY_MS = 2000
/** An order holds so long, and is given again well before. */
const HOLD_MS = 10_000
const RENEW_MS = 4000
const WATCH_MS_MAX = 15 * 60_000

export interface Watching {
  /** Until the page's stream ends. Who may not, and what cannot be watched, is told on the page. */
  join(device: string, client: LiveClient, by: Actor): Promise<void>
  readonly size: number
}

export function createWatching(
  web: { devices: Pick<WebContext['devices'], 'watch'>; log: WebContext['log'] },
  { longestMs = WATCH_MS_MAX }: { longestMs?: number } = {},
): Watching {
  const watched = new Map<
    string,
    { clients: Map<LiveClient, NodeJS.Timeout>; timer: NodeJS.Timeout }
  >()

  const order = (device: string, by: Actor | null) =>
    web.devices.watch(device, WATCH_EVERY_MS, HOLD_MS, by)
  const renew = (device: string) => {
    order(device, null).catch((error: unknown) => {
      web.log.debug({ err: error, device }, 'a device is not watched any more')
    })
  }
  const leave = (device: string, client: LiveClient) => {
    const watch = watched.get(device)
    clearTimeout(watch?.clients.get(client))
    if (!watch?.clients.delete(client) || watch.clients.size > 0) return
    clearInterval(watch.timer)
    watched.delete(device)
  }
  const tell = (client: LiveClient, text: string) =>
    client.send(partial('#device-watch', 'textContent', text))

  return {
    get size() {
      return watched.size
    },
    async join(device, client, by) {
      const words = wordsOf(client.viewer).device
      if (!mayDo(client.viewer, 'devices.poll')) return
      if (!watched.has(device) && watched.size >= watchedMax)
        return tell(client, words.watchRefused)
      const watch = watched.get(device) ?? {
        clients: new Map(),
        timer: setInterval(renew, RENEW_MS, device),
      }
      watched.set(device, watch)
      const over = () => {
        leave(device, client)
        tell(client, words.watchOver)
      }
      watch.clients.set(client, setTimeout(over, longestMs))
      client.onClose(() => leave(device, client))
      try {
        await order(device, by)
      } catch (error) {
        leave(device, client)
        if (!(error instanceof AppError)) throw error
        tell(client, words.watchFailed)
      }
    },
  }
}
