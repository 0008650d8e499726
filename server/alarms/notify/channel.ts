// Where a way to tell people plugs in: one file with one schema each. The form of a channel is drawn
// from its schema: `title` is the label, `description` the help, and a field named in `secrets` goes in
// and never comes out.

import type { Static, TObject } from 'typebox'
import type { Payload } from '../../bus/payload.ts'
import type { Notice } from '../../model/notice.ts'
import { parser } from '../../validate.ts'
import type { Outward } from './outward.ts'

/** What channels may use of the program. */
export interface Tools {
  outward: Outward
  /** Publishes to our own broker, below the site's notices. */
  publish(topic: string, payload: Payload): Promise<void>
}

export interface Delivery {
  /** What the other side answered, as a sentence; never a secret. */
  receipt: string
  /** Who is still to be told at the next try (recipients that were put off); none: all was delivered. */
  left?: readonly string[]
}

/** @template C config with its secrets opened */
export interface ChannelKind {
  kind: string
  title: string
  help: string
  schema: TObject
  secrets: readonly string[]
  /** Fields that say where a secret goes: once one of them changes, it has to be entered again. */
  places: readonly string[]
  /**
   * @param config checked against the schema
   * @param only the recipients that a try before left over; null: all
   * @throws AppError `passing` where another try may succeed; its hint says what to mend
   */
  send(
    config: unknown,
    notice: Notice,
    tools: Tools,
    only: readonly string[] | null,
    signal: AbortSignal,
  ): Promise<Delivery>
}

export function channelKind<S extends TObject>(
  of: Omit<ChannelKind, 'send' | 'schema'> & {
    schema: S
    send(
      config: Static<S>,
      notice: Notice,
      tools: Tools,
      only: readonly string[] | null,
      signal: AbortSignal,
    ): Promise<Delivery>
  },
): ChannelKind {
  const parse = parser(of.schema, 'E_CHANNEL', `the channel (${of.title})`)
  return {
    ...of,
    send: async (config, notice, tools, only, signal) =>
      of.send(parse(config), notice, tools, only, signal),
  }
}
