// MQTT itself: a message on our own broker, for lamps, sirens and programs.

import Type from 'typebox'
import { channelKind } from '../channel.ts'
import { plainOf, subjectOf, worstOf } from '../wording.ts'

export const mqtt = channelKind({
  kind: 'mqtt',
  title: 'MQTT',
  help: 'A message on the broker that Pollux uses: pollux/SITE/notices/TOPIC.',
  schema: Type.Object(
    {
      topic: Type.String({
        title: 'Topic',
        pattern: '^[A-Za-z0-9_-]{1,64}$',
        description: 'The last level of the topic',
      }),
    },
    { additionalProperties: false },
  ),
  secrets: [],
  places: [],
  async send({ topic }, notice, { publish }) {
    const { id, kind, items, more } = notice
    const words = { severity: worstOf(items), subject: subjectOf(notice), text: plainOf(notice) }
    await publish(topic, Buffer.from(JSON.stringify({ v: 1, id, kind, ...words, items, more })))
    return { receipt: 'the broker took it' }
  },
})
