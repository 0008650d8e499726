// The steps of a device's last change, from the saved config to its first good sample, as its page tells
// them.

import type { Receipt } from '../model/collection.ts'
import type { DeviceView } from './device-data.ts'
import type { Dictionary } from './languages/en.ts'
import { plainText } from './words.ts'

/** A change is news for so long. */
const NEWS_MS = 10 * 60_000

export interface Step {
  text: string
  detail: string
  state: 'done' | 'current' | 'failed' | 'next'
}

export interface Steps {
  steps: Step[]
  /** Worth a place at the top of the page. */
  isNews: boolean
}

/** The steps from a saved config to its first good sample. */
export function stepsOf(
  view: DeviceView,
  receipts: readonly Receipt[],
  now: number,
  words: Dictionary,
): Steps {
  const { device } = view
  const of = (stage: Receipt['stage']) =>
    receipts.findLast(one => one.stage === stage && one.version === device.version)
  const [loaded, identified, failed] = [of('loaded'), of('identified'), of('failed')]
  const goodAt =
    of('first-good')?.at ?? firstSampleSince(view, loaded?.at ?? Number.POSITIVE_INFINITY)
  const isGood = goodAt !== null
  const { accepted, loaded: loadedTitle, ...titles } = words.device.steps
  const steps: Step[] = [
    { text: accepted, detail: words.device.version(device.version), state: 'done' },
    {
      text: loadedTitle,
      detail: loaded ? loadedText(loaded, now, words) : '',
      state: stateIf(isGood || loaded !== undefined),
    },
    {
      text: titles.identified,
      detail: device.identity ? words.device.profilesFound(device.identity.profiles.length) : '',
      state: stateIf(isGood || identified !== undefined),
    },
    { text: titles.firstGood, detail: '', state: stateIf(isGood) },
  ]
  const next = steps.find(step => step.state === 'next')
  if (next) {
    next.state = failed && !isGood ? 'failed' : 'current'
    if (next.state === 'failed') next.detail = plainText(failed?.error, 300)
  }
  const isNew = now - device.updatedAt < NEWS_MS
  return { steps, isNews: device.config.enabled && (isNew || (!isGood && loaded !== undefined)) }
}

const stateIf = (isDone: boolean): Step['state'] => (isDone ? 'done' : 'next')

function loadedText({ thread, nextPollAt }: Receipt, now: number, { device }: Dictionary): string {
  const by = thread === undefined ? '' : device.byThread(thread)
  const left = nextPollAt === undefined ? -1 : Math.ceil((nextPollAt - now) / 1000)
  return [by, left > 0 ? device.firstPollIn(left) : ''].filter(Boolean).join(', ')
}

function firstSampleSince(view: DeviceView, since: number): number | null {
  for (const { at } of view.values.values()) if (at >= since) return at
  return null
}
