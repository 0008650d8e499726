// All ways to tell people. A new one is a file in channels/ and a line here.

import type { ChannelKind } from './channel.ts'
import { email } from './channels/email.ts'
import { mqtt } from './channels/mqtt.ts'
import { ntfy } from './channels/ntfy.ts'
import { slack } from './channels/slack.ts'
import { teams } from './channels/teams.ts'
import { telegram } from './channels/telegram.ts'
import { webhook } from './channels/webhook.ts'

export const CHANNEL_KINDS: readonly ChannelKind[] = [
  email,
  webhook,
  slack,
  teams,
  telegram,
  ntfy,
  mqtt,
]

export function channelKindOf(kind: string): ChannelKind | null {
  return CHANNEL_KINDS.find(one => one.kind === kind) ?? null
}
