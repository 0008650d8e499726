// A question to a DNS server, by Node's resolver (c-ares): it drops answers of another number and asks
// by TCP where an answer was cut (RFC 1035, RFC 7766).

import { Resolver } from 'node:dns/promises'
import { isIP } from 'node:net'
import type { DnsRecord } from '../model/check.ts'
import type { Resolve } from './http.ts'
import { CheckFailed, type Found } from './outcome.ts'

/** Answers that are looked at and shown. */
const answersMax = 20

export interface DnsWish {
  query: string
  record: DnsRecord
  answer: string | undefined
  server: string | undefined
  port: number
  timeoutMs: number
}

/** @throws CheckFailed; AppError E_ADDRESS_… where the server may not be asked */
export async function checkDns(
  wish: DnsWish,
  resolve: Resolve,
  found: Found,
  signal: AbortSignal,
): Promise<void> {
  const resolver = new Resolver({ timeout: wish.timeoutMs, tries: 1 })
  if (wish.server !== undefined) {
    const address = await resolve(wish.server)
    resolver.setServers([`${isIP(address) === 6 ? `[${address}]` : address}:${wish.port}`])
  }
  signal.throwIfAborted()
  const cancel = () => resolver.cancel()
  signal.addEventListener('abort', cancel, { once: true })
  const started = performance.now()
  try {
    const answers = (await ask(resolver, wish)).slice(0, answersMax).sort()
    found.number('time', (performance.now() - started) / 1000)
    found.text('dns.answer', answers.join(', '))
    if (answers.length === 0) throw new CheckFailed('the answer is empty')
    const { answer } = wish
    if (answer !== undefined && !answers.some(one => plain(one) === plain(answer)))
      throw new CheckFailed(`the answer is ${answers.join(', ')}, not ${answer}`)
  } finally {
    signal.removeEventListener('abort', cancel)
  }
}

async function ask(resolver: Resolver, { query, record }: DnsWish): Promise<string[]> {
  switch (record) {
    case 'A':
      return resolver.resolve4(query)
    case 'AAAA':
      return resolver.resolve6(query)
    case 'CNAME':
      return resolver.resolveCname(query)
    case 'NS':
      return resolver.resolveNs(query)
    case 'PTR':
      return resolver.resolvePtr(query)
    case 'TXT':
      return (await resolver.resolveTxt(query)).map(parts => parts.join(''))
    case 'MX':
      return (await resolver.resolveMx(query)).map(one => `${one.priority} ${one.exchange}`)
    case 'SRV':
      return (await resolver.resolveSrv(query)).map(
        one => `${one.priority} ${one.weight} ${one.port} ${one.name}`,
      )
  }
}

/** Names are the same whatever their case and the dot at their end (RFC 4343). */
function plain(answer: string): string {
  return answer.trim().toLowerCase().replace(/\.$/, '')
}
