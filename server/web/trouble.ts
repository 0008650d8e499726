// How many devices are down, for the title and the icon of every page: counted once a second at most.

import type { WebContext } from './context.ts'

const FRESH_MS = 1000
const counted = new WeakMap<WebContext['devices'], { at: number; down: number }>()

export async function countDown({ devices }: Pick<WebContext, 'devices'>): Promise<number> {
  const known = counted.get(devices)
  if (known && Date.now() - known.at < FRESH_MS) return known.down
  const all = await devices.list()
  const down = all.filter(
    ({ config }) => config.enabled && devices.status(config.id)?.state === 'down',
  ).length
  counted.set(devices, { at: Date.now(), down })
  return down
}

/** Tells the number whenever it has become another one, until it is stopped. */
export function followDown(
  web: Pick<WebContext, 'devices'>,
  tell: (down: number) => void,
): () => void {
  let told: number | null = null
  let timer: NodeJS.Timeout | null = null
  const look = async () => {
    timer = null
    const down = await countDown(web).catch(() => told)
    if (down === null || down === told) return
    told = down
    tell(down)
  }
  const stop = web.devices.onChange(() => {
    timer ??= setTimeout(() => void look(), FRESH_MS + 50)
  })
  void look()
  return () => {
    if (timer) clearTimeout(timer)
    stop()
  }
}
