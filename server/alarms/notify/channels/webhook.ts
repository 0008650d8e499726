// Any web service of one's own: JSON, signed so that the receiver knows it came from here.

import { createHmac } from 'node:crypto'
import Type from 'typebox'
import { channelKind } from '../channel.ts'
import { linesOf, plainOf, subjectOf, worstOf } from '../wording.ts'

export const webhook = channelKind({
  kind: 'webhook',
  title: 'Webhook',
  help: 'POSTs JSON to an address of yours.',
  schema: Type.Object(
    {
      url: Type.String({
        title: 'URL',
        pattern: '^https?://',
        maxLength: 2000,
        description: 'Redirects are not followed',
      }),
      key: Type.Optional(
        Type.String({
          title: 'Signing key',
          maxLength: 256,
          description:
            'X-Pollux-Signature is then t=UNIX SECONDS,v1=HMAC-SHA256 of "t.body" in hex',
        }),
      ),
    },
    { additionalProperties: false },
  ),
  secrets: ['key'],
  places: ['url'],
  async send({ url, key }, notice, { outward }, _only, signal) {
    const { items, more, id, kind, site } = notice
    const body = JSON.stringify({
      ...{ v: 1, id, kind, site, at: Date.now(), severity: worstOf(items) },
      ...{ subject: subjectOf(notice), text: plainOf(notice), items, more },
      links: linesOf(notice).lines.map(line => line.url),
    })
    const seconds = Math.floor(Date.now() / 1000)
    const headers: Record<string, string> = {
      'content-type': 'application/json',
      // The same at each try: a receiver that has it leaves the second one out.
      'idempotency-key': id,
    }
    if (key) {
      const digest = createHmac('sha256', key).update(`${seconds}.${body}`).digest('hex')
      headers['x-pollux-signature'] = `t=${seconds},v1=${digest}`
    }
    // A path may hold a token, and "Why?" is for everybody.
    const { status } = await outward({ url, headers, body, isUrlSecret: true }, signal)
    return { receipt: `answered ${status}` }
  },
})
