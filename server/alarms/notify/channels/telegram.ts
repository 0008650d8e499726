// Telegram's Bot API, sendMessage (core.telegram.org/bots/api#sendmessage), as plain text.

import Type from 'typebox'
import { channelKind } from '../channel.ts'
import { plainOf, subjectOf } from '../wording.ts'

/** Of one message. */
const textCharsMax = 4096

export const telegram = channelKind({
  kind: 'telegram',
  title: 'Telegram',
  help: 'A bot that BotFather made, in a chat that it was added to.',
  schema: Type.Object(
    {
      token: Type.String({
        title: 'Bot token',
        pattern: '^[0-9]{1,20}:[A-Za-z0-9_-]{10,100}$',
        description: 'As BotFather gave it: 123456:ABC…',
      }),
      chat: Type.String({
        title: 'Chat',
        pattern: '^(-?[0-9]{1,20}|@[A-Za-z0-9_]{1,64})$',
        description: 'Its number, or @name of a public channel',
      }),
      api: Type.Optional(
        Type.String({
          title: 'Bot API server',
          pattern: '^https?://',
          maxLength: 500,
          default: 'https://api.telegram.org',
          description: "Only for a Bot API server of one's own",
        }),
      ),
    },
    { additionalProperties: false },
  ),
  secrets: ['token'],
  places: ['api'],
  async send({ token, chat, api = 'https://api.telegram.org' }, notice, tools, _only, signal) {
    const text = `${subjectOf(notice)}\n\n${plainOf(notice)}`.slice(0, textCharsMax)
    const body = JSON.stringify({
      chat_id: chat,
      text,
      link_preview_options: { is_disabled: true },
    })
    const headers = { 'content-type': 'application/json' }
    const url = `${api.replace(/\/+$/, '')}/bot${token}/sendMessage`
    await tools.outward({ url, headers, body, isUrlSecret: true }, signal)
    return { receipt: 'Telegram took it' }
  },
})
