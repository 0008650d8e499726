// Slack's incoming webhooks (docs.slack.dev/messaging/sending-messages-using-incoming-webhooks), which
// Mattermost and Rocket.Chat take too. `&`, `<` and `>` are all that their markup wants escaped.

import Type from 'typebox'
import { channelKind } from '../channel.ts'
import { type Line, linesOf, subjectOf } from '../wording.ts'

/** Of one section's text (Block Kit). */
const sectionCharsMax = 2900

const escaped = (text: string) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')

export const slack = channelKind({
  kind: 'slack',
  title: 'Slack',
  help: 'An incoming webhook of Slack; Mattermost and Rocket.Chat understand it as well.',
  schema: Type.Object(
    {
      url: Type.String({
        title: 'Webhook URL',
        pattern: '^https?://',
        maxLength: 2000,
        description: 'As Slack shows it once; who has it can write to the channel',
      }),
    },
    { additionalProperties: false },
  ),
  secrets: ['url'],
  places: [],
  async send({ url }, notice, { outward }, _only, signal) {
    const subject = escaped(subjectOf(notice))
    const { lines, left } = linesOf(notice)
    const texts = lines.map(lineText)
    if (left > 0) texts.push(`and ${left} more`)
    const body = JSON.stringify({
      text: subject,
      blocks: [
        { type: 'section', text: { type: 'mrkdwn', text: `*${subject.replaceAll('*', '∗')}*` } },
        ...sections(texts).map(text => ({ type: 'section', text: { type: 'mrkdwn', text } })),
      ],
    })
    const headers = { 'content-type': 'application/json' }
    await outward({ url, headers, body, isUrlSecret: true }, signal)
    return { receipt: 'Slack took it' }
  },
})

function lineText({ state, text, detail, url, runbook }: Line): string {
  const what = url === null ? escaped(text) : `<${url}|${escaped(text).replaceAll('|', '¦')}>`
  return [`${state}: ${what}`, escaped(detail), runbook && escaped(runbook)]
    .filter(Boolean)
    .join('\n')
}

/** Lines as few texts, none longer than a section takes. */
function sections(lines: readonly string[]): string[] {
  const texts: string[] = []
  for (const line of lines) {
    const last = texts.at(-1)
    if (last !== undefined && last.length + line.length + 2 <= sectionCharsMax) {
      texts[texts.length - 1] = `${last}\n\n${line}`
    } else texts.push(line.slice(0, sectionCharsMax))
  }
  return texts
}
