// Microsoft Teams by a workflow's webhook ("Post to a channel when a webhook request is received"): an
// Adaptive Card (adaptivecards.io, 1.4). Its texts know some Markdown, which is escaped.

import Type from 'typebox'
import { channelKind } from '../channel.ts'
import { linesOf, subjectOf, worstOf } from '../wording.ts'

const COLOUR = { critical: 'attention', warning: 'warning', info: 'default' } as const
const plain = (text: string) => text.replace(/([\\`*_[\]()#~|])/g, '\\$1')

export const teams = channelKind({
  kind: 'teams',
  title: 'Microsoft Teams',
  help: 'A workflow of Teams: "Post to a channel when a webhook request is received".',
  schema: Type.Object(
    {
      url: Type.String({
        title: 'Workflow URL',
        pattern: '^https?://',
        maxLength: 2000,
        description: 'As the workflow shows it; who has it can write to the channel',
      }),
    },
    { additionalProperties: false },
  ),
  secrets: ['url'],
  places: [],
  async send({ url }, notice, { outward }, _only, signal) {
    const { lines, left } = linesOf(notice)
    const isOver = notice.kind === 'recovered'
    const card = {
      type: 'AdaptiveCard',
      $schema: 'http://adaptivecards.io/schemas/adaptive-card.json',
      version: '1.4',
      body: [
        {
          ...{ type: 'TextBlock', weight: 'bolder', size: 'medium', wrap: true },
          text: plain(subjectOf(notice)),
          color: isOver ? 'good' : COLOUR[worstOf(notice.items)],
        },
        ...lines.flatMap(({ state, text, detail, runbook }) => [
          { type: 'TextBlock', wrap: true, text: plain(`${state}: ${text}`) },
          {
            ...{ type: 'TextBlock', wrap: true, isSubtle: true, spacing: 'none' },
            text: plain([detail, runbook].filter(Boolean).join(' · ')),
          },
        ]),
        ...(left > 0 ? [{ type: 'TextBlock', text: `and ${left} more` }] : []),
      ],
      actions: lines
        .slice(0, 1)
        .filter(({ url }) => url !== null)
        .map(({ url }) => ({ type: 'Action.OpenUrl', title: 'Open in Pollux', url })),
    }
    const body = JSON.stringify({
      type: 'message',
      attachments: [{ contentType: 'application/vnd.microsoft.card.adaptive', content: card }],
    })
    const headers = { 'content-type': 'application/json' }
    await outward({ url, headers, body, isUrlSecret: true }, signal)
    return { receipt: 'Teams took it' }
  },
})
