// The sender's number of a message, also of one that cannot be read as a whole: a message without a
// readable number can never be acknowledged, so its sender would send it for ever.

import Type from 'typebox'
import type { SenderNumber } from '../model/accepted.ts'
import { checker } from '../validate.ts'

/** Senders write their numbers first, so a broken message still shows them here. */
const headBytesMax = 512

const check = checker(
  Type.Object({
    src: Type.String({ pattern: '^[A-Za-z0-9._-]{1,64}$' }),
    boot: Type.String({ pattern: '^[A-Za-z0-9]{1,32}$' }),
    seq: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }),
  }),
  { firstOnly: true },
)

/** Null where the sender does not number (all three are needed). */
export function numberOf(document: unknown): SenderNumber | null {
  const checked = check(document)
  if (!checked.ok) return null
  const { src, boot, seq } = checked.value
  return { src, boot, seq }
}

/** The number in the head of a payload that is too large, or no JSON. */
export function numberInText(payload: Uint8Array): SenderNumber | null {
  const head = Buffer.from(payload.subarray(0, headBytesMax)).toString('latin1')
  const src = /"src":\s*"([^"]*)"/.exec(head)?.[1]
  const boot = /"boot":\s*"([^"]*)"/.exec(head)?.[1]
  const seq = /"seq":\s*([0-9]{1,16})\b/.exec(head)?.[1]
  return numberOf({ src, boot, seq: Number(seq) })
}
