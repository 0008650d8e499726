// ntfy (docs.ntfy.sh/publish), published as JSON so that no text has to fit into a header.

import Type from 'typebox'
import { channelKind } from '../channel.ts'
import { linesOf, plainOf, subjectOf, worstOf } from '../wording.ts'

/** ntfy turns what is longer into an attachment. */
const messageBytesMax = 4000
const PRIORITY = { critical: 5, warning: 4, info: 3 } as const
const TAG = { critical: 'rotating_light', warning: 'warning', info: 'information_source' } as const

export const ntfy = channelKind({
  kind: 'ntfy',
  title: 'ntfy',
  help: 'A topic on ntfy.sh or a server of your own.',
  schema: Type.Object(
    {
      server: Type.String({
        title: 'Server',
        pattern: '^https?://',
        maxLength: 500,
        default: 'https://ntfy.sh',
      }),
      topic: Type.String({
        title: 'Topic',
        pattern: '^[A-Za-z0-9_-]{1,64}$',
        description:
          'On a public server whoever knows it reads along: choose one that is not guessed',
      }),
      token: Type.Optional(Type.String({ title: 'Access token', maxLength: 256 })),
    },
    { additionalProperties: false },
  ),
  secrets: ['token'],
  places: ['server'],
  async send({ server, topic, token }, notice, { outward }, _only, signal) {
    const isOver = notice.kind === 'recovered'
    const severity = worstOf(notice.items)
    const click = linesOf(notice).lines[0]?.url
    const body = JSON.stringify({
      topic,
      title: subjectOf(notice),
      message: cut(plainOf(notice)),
      priority: isOver ? 3 : PRIORITY[severity],
      tags: [isOver ? 'white_check_mark' : TAG[severity]],
      ...(click ? { click } : {}),
    })
    const headers: Record<string, string> = { 'content-type': 'application/json' }
    if (token) headers.authorization = `Bearer ${token}`
    await outward({ url: server, headers, body }, signal)
    return { receipt: 'ntfy took it' }
  },
})

function cut(text: string): string {
  const bytes = Buffer.from(text)
  return bytes.length <= messageBytesMax
    ? text
    : `${bytes.subarray(0, messageBytesMax).toString('utf8').replace(/�+$/, '')}…`
}
