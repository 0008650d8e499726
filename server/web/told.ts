// The end of "Why?": what each route made of an alarm, and what became of each message; also why nobody
// was told.

import { NOTICE_KINDS } from '../model/notice.ts'
import type { StoredNotice } from '../store/notice-contract.ts'
import type { WebContext } from './context.ts'
import type { Dictionary } from './languages/en.ts'
import type { TraceStep } from './why.ts'
import { plainText } from './words.ts'

const stepsMax = 100
const IS: Record<StoredNotice['state'], TraceStep['is']> = {
  ...{ waiting: 'held', sending: 'held', sent: 'yes', failed: 'no' },
  ...{ held: 'held', summed: 'yes', dropped: 'no' },
}

/** @param seesAddresses may the reader know who is told by a channel? */
export async function toldTrace(
  web: WebContext,
  alarm: string,
  say: Dictionary,
  seesAddresses: boolean,
): Promise<TraceStep[]> {
  const { book } = web.notify
  const [decisions, notices, routes, channels] = await Promise.all([
    web.store.notices.decisions(alarm),
    web.store.notices.list({ alarm, limit: stepsMax }),
    book.routes(),
    book.channels(),
  ])
  const names = new Map([...routes, ...channels].map(({ id, name }) => [id, plainText(name, 100)]))
  const asked = decisions.slice(0, stepsMax).map(
    ({ route, told, said, at }): TraceStep => ({
      name: route === '' ? say.notify.title : say.notify.byRoute(names.get(route) ?? route),
      text: plainText(said, 300),
      is: told ? 'yes' : 'held',
      at,
    }),
  )
  const sent = notices.toReversed().map(
    ({ channel, kind, state, said, tries, createdAt, endedAt }): TraceStep => ({
      name: say.notify.toChannel(names.get(channel) ?? channel),
      text: [
        say.notify.sorts[NOTICE_KINDS.indexOf(kind)] ?? kind,
        say.notify.states[state],
        tries > 1 ? say.notify.tries(tries) : '',
        plainText(seesAddresses ? said : withoutAddresses(said), 300),
      ]
        .filter(Boolean)
        .join(' · '),
      is: IS[state],
      at: endedAt ?? createdAt,
    }),
  )
  return [...asked, ...sent]
}

/** What a mail server answered, also in its own words, names people. */
export function withoutAddresses(said: string): string {
  return said.replace(/[^\s,;<>"]*@[^\s,;<>"]*/g, '…')
}
