// Hands each accepted collection to live and to the consumers, at once and before the commit.
// Whatever one of them does wrong stops neither the others nor the writing.

import type { Live } from '../live/contract.ts'
import type { Logger } from '../log.ts'
import type { AcceptedCollection } from '../model/accepted.ts'
import { messageOf } from '../model/errors.ts'
import type { Consumer } from './contract.ts'

export interface Teller {
  readonly errors: Readonly<{ live: number; consumer: number }>
  tell(collection: AcceptedCollection): void
}

export function createTeller(
  live: Pick<Live, 'put'>,
  consumers: readonly Consumer[],
  log: Logger,
): Teller {
  const errors = { live: 0, consumer: 0 }
  return {
    errors,
    tell(collection) {
      live.put(collection).catch(error => {
        errors.live++
        log.debug({ error: messageOf(error) }, 'live did not take a collection')
      })
      for (const consumer of consumers) {
        try {
          consumer.onAccepted(collection)
        } catch (error) {
          errors.consumer++
          log.error({ error: messageOf(error) }, 'a consumer of collections failed')
        }
      }
    },
  }
}
